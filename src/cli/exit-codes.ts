/** Exit codes of every command. */
export const EXIT = {
  ok: 0,
  error: 1,
  usage: 2,
  notFound: 3,
  unreachable: 4,
  /** `show peers --check`: a configured peer is not Established. */
  notEstablished: 5,
  /** `policy test --expect`: a route's verdict is the other one. */
  unexpected: 5,
  /** `shadow`: something would differ. */
  differs: 5,
  /** EX_SOFTWARE: an unexpected exception of the daemon. */
  software: 70,
} as const;

/** What a command ends with, said on standard error without a stack. */
export class CliError extends Error {
  override readonly name: string = "CliError";
  readonly exit: number;
  constructor(exit: number, message: string) {
    super(message);
    this.exit = exit;
  }
}

const BY_CODE: Readonly<Record<string, number>> = {
  usage: EXIT.usage,
  notFound: EXIT.notFound,
  unreachable: EXIT.unreachable,
};

/** The exit code for an answer of the control socket. */
export function exitOf(controlCode: string): number {
  return BY_CODE[controlCode] ?? EXIT.error;
}

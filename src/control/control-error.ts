/** A refusal with a code that the command line turns into an exit code. */
export class ControlError extends Error {
  override readonly name: string = "ControlError";
  /** `notFound`, `usage`, `busy`, `internal`; `unreachable` when there is no daemon. */
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

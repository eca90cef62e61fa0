/** Why a request failed, in words for an operator. Any other exception is a fault of ours. */
export class ApiFailure extends Error {
  override readonly name = "ApiFailure";
  /** The HTTP status, or the code of a Status object inside a watch. Absent: there was no answer. */
  readonly status: number | undefined;
  /** The server wants to be left alone for so long. */
  readonly retryAfterMs: number | undefined;
  constructor(message: string, status?: number, retryAfterMs?: number) {
    super(message);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The version that we asked for is no longer in the server's history. */
export function isGone(error: unknown): boolean {
  return error instanceof ApiFailure && error.status === 410;
}

import { connect } from "node:net";
import { ControlError, type ControlLine, createLineSplitter } from "./control-protocol.ts";

/** Longest line of an answer. */
const LINE_OCTETS = 512 * 1024 * 1024;

/** Asks and gives the last `data` of the answer, or undefined where there is none. Throws ControlError. */
export async function callControl(path: string, request: unknown, signal?: AbortSignal): Promise<unknown> {
  let last: unknown;
  for await (const value of streamControl(path, request, signal)) last = value;
  if (signal?.aborted) throw new ControlError("unreachable", `The daemon at ${path} did not answer in time`);
  return last;
}

/**
 * Asks and gives each `data` as it comes. Leaving the loop, or aborting, ends the request. Throws ControlError: the
 * daemon's own refusal, or `unreachable` with the socket's path and what to do.
 */
export async function* streamControl(
  path: string,
  request: unknown,
  signal?: AbortSignal,
): AsyncGenerator<unknown, void, void> {
  const socket = connect({ path });
  const abort = () => socket.destroy();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    if (signal?.aborted) return;
    socket.write(`${JSON.stringify(request)}\n`);
    const splitter = createLineSplitter(LINE_OCTETS);
    for await (const chunk of socket) {
      const lines = splitter.push(chunk as Buffer);
      if (!lines) throw new ControlError("internal", `An answer of ${path} is longer than ${LINE_OCTETS} octets`);
      for (const text of lines) {
        const line = JSON.parse(text) as ControlLine;
        if ("end" in line) return;
        if ("error" in line) throw new ControlError(line.error.code, line.error.message);
        yield line.data;
      }
    }
    if (!signal?.aborted)
      throw new ControlError(
        "unreachable",
        `The daemon at ${path} closed the connection before its answer was complete`,
      );
  } catch (error) {
    if (signal?.aborted) return;
    throw error instanceof ControlError ? error : new ControlError("unreachable", explain(path, error));
  } finally {
    signal?.removeEventListener("abort", abort);
    socket.destroy();
  }
}

function explain(path: string, error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  const start =
    "Start it with: calidris run --config PATH; a daemon elsewhere is named with --socket or CALIDRIS_SOCKET";
  switch (code) {
    case "ENOENT":
      return `No daemon at ${path}: there is no such socket. ${start}`;
    case "ECONNREFUSED":
      return `No daemon at ${path}: connection refused, the socket is left over from one that ended. ${start}`;
    case "EACCES":
    case "EPERM":
      return `Cannot reach the daemon at ${path}: permission denied. Run as its user or as a member of its group`;
    default:
      return `Cannot talk to the daemon at ${path}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

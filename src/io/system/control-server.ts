import type { Socket } from "node:net";
import type { Log } from "../../daemon/ports.ts";
import { ControlError, type ControlLine, createLineSplitter } from "./control-protocol.ts";
import { drained, type SocketServer, serveUnixSocket } from "./unix-socket.ts";

/** The answer while it is being given. */
export interface ControlStream {
  /** Sends one `data` line. False: the client is behind, wait for `drained` before more. */
  send(value: unknown): boolean;
  /** Resolves when the client has taken what was sent, or is gone. */
  drained(): Promise<void>;
  /** Aborted when the client has gone, or sends no more: a watch ends then. A quiet watch could not tell them apart. */
  readonly signal: AbortSignal;
}

/** Answers a request; a value that is not undefined is sent as the last `data`. May throw ControlError. */
export type ControlHandler = (request: unknown, stream: ControlStream) => unknown;

export interface ControlServerOptions {
  readonly log: Log;
  /** Longest request. */
  readonly requestOctets?: number;
  /** Answers a client may leave unread before it is cut off. */
  readonly unreadOctets?: number;
  readonly clients?: number;
  /** A client that asks nothing for so long is closed. */
  readonly idleMs?: number;
}

const HIGH_MARK_OCTETS = 1024 * 1024;

/** Serves the control socket. Throws when the path cannot be used, or a living daemon answers there. */
export async function serveControl(
  path: string,
  handler: ControlHandler,
  options: ControlServerOptions,
): Promise<SocketServer> {
  const bounds = {
    requestOctets: options.requestOctets ?? 1024 * 1024,
    unreadOctets: options.unreadOctets ?? 64 * 1024 * 1024,
    clients: options.clients ?? 64,
    idleMs: options.idleMs ?? 60_000,
  };
  return serveUnixSocket(path, {
    hint: "Another path is given with --socket",
    failed: (error) => options.log("error", "controlFailed", { reason: error.message }),
    accept(socket, clients) {
      if (clients <= bounds.clients) return serveClient(socket, handler, bounds, options.log);
      refuse(socket, `${bounds.clients} clients are connected already`);
      return () => socket.destroySoon();
    },
  });
}

function refuse(socket: Socket, message: string): void {
  writeLine(socket, { error: { code: "busy", message } });
  socket.end();
  socket.resume();
  setTimeout(() => socket.destroy(), 1000).unref();
}

function writeLine(socket: Socket, line: ControlLine): void {
  if (socket.writable) socket.write(`${JSON.stringify(line)}\n`);
}

type Bounds = Required<Omit<ControlServerOptions, "log">>;

/** Returns what ends the connection when the request that runs is answered. */
function serveClient(socket: Socket, handler: ControlHandler, bounds: Bounds, log: Log): () => void {
  const splitter = createLineSplitter(bounds.requestOctets);
  const gone = new AbortController();
  const queue: string[] = [];
  let busy = false;
  let half = false;
  let ending = false;

  socket.setTimeout(bounds.idleMs, () => {
    if (!busy) socket.destroy();
  });
  socket.on("data", (chunk: Buffer) => {
    const lines = splitter.push(chunk);
    if (!lines) {
      socket.removeAllListeners("data");
      refuse(socket, `a request is longer than ${bounds.requestOctets} octets`);
      return;
    }
    queue.push(...lines);
    // One request at a time; the next waits in the kernel.
    if (busy || queue.length > 1) socket.pause();
    void next();
  });
  socket.on("end", () => {
    half = true;
    gone.abort();
    if (!busy) socket.end();
  });
  socket.on("close", () => gone.abort());

  const stream: ControlStream = {
    signal: gone.signal,
    send(value) {
      writeLine(socket, { data: value });
      if (socket.writableLength > bounds.unreadOctets) {
        log("warn", "controlClientSlow", { octets: socket.writableLength });
        socket.destroy();
      }
      return socket.writableLength <= HIGH_MARK_OCTETS;
    },
    drained: () => drained(socket),
  };

  async function next(): Promise<void> {
    if (busy) return;
    busy = true;
    for (let line = queue.shift(); line !== undefined && !socket.destroyed; line = queue.shift()) {
      if (line.trim() !== "") writeLine(socket, await answer(line, handler, stream, log));
    }
    busy = false;
    if (ending) socket.destroySoon();
    else if (half) socket.end();
    else socket.resume();
  }

  return () => {
    ending = true;
    queue.length = 0;
    gone.abort();
    if (!busy) socket.destroySoon();
  };
}

/** Runs one request; its last line. Whatever goes wrong stays in this request. */
async function answer(line: string, handler: ControlHandler, stream: ControlStream, log: Log): Promise<ControlLine> {
  let request: unknown;
  try {
    request = JSON.parse(line);
  } catch {
    return { error: { code: "usage", message: "the request is not JSON" } };
  }
  try {
    const value = await handler(request, stream);
    if (value !== undefined) stream.send(value);
    return { end: true };
  } catch (error) {
    if (error instanceof ControlError) return { error: { code: error.code, message: error.message } };
    const message = error instanceof Error ? error.message : String(error);
    log("error", "controlRequestFailed", { reason: error instanceof Error ? (error.stack ?? message) : message });
    return { error: { code: "internal", message } };
  }
}

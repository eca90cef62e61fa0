/** A Unix socket that a daemon serves: its path taken over from one that is gone, its permissions, its orderly end. */
import { chmodSync, existsSync, lstatSync, mkdirSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { dirname } from "node:path";

export interface SocketServer {
  close(): Promise<void>;
}

export interface UnixSocketOptions {
  /** How to choose another path, for the message of a failure. */
  readonly hint: string;
  /** Serves a client, `clients` being how many there are with it. Returns what ends it when the answer at hand is out. */
  readonly accept: (socket: Socket, clients: number) => () => void;
  /** The server failed later on. */
  readonly failed: (error: Error) => void;
}

/** Longest that the end waits for a client to read its answer. */
const FLUSH_MS = 500;

/** Throws when the path cannot be used, or a living daemon answers there. */
export async function serveUnixSocket(path: string, options: UnixSocketOptions): Promise<SocketServer> {
  /** Each with what ends it when the request that runs is answered. */
  const sockets = new Map<Socket, () => void>();
  try {
    await makeWay(path);
  } catch (error) {
    throw new Error(refusal(path, error, options.hint));
  }
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.set(socket, () => socket.destroySoon());
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined); // the client's fault; `close` follows
    sockets.set(socket, options.accept(socket, sockets.size));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(new Error(refusal(path, error, options.hint))));
    // Bound with the final permissions: between bind and chmod anybody could connect.
    const previous = process.umask(0o117);
    try {
      server.listen({ path }, resolve);
    } finally {
      process.umask(previous);
    }
  });
  chmodSync(path, 0o660); // where the file system ignores the umask
  server.on("error", options.failed);
  return {
    close() {
      // What was asked is still answered, `shutdown` itself above all; who does not read it is not waited for.
      for (const finish of sockets.values()) finish();
      const patience = setTimeout(() => {
        for (const socket of sockets.keys()) socket.destroy();
      }, FLUSH_MS);
      return new Promise((resolve) => {
        server.close(() => {
          clearTimeout(patience);
          resolve();
        });
      });
    },
  };
}

/** Resolves when the client has taken enough of what was written, or is gone. */
export function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed || !socket.writableNeedDrain) {
      resolve();
      return;
    }
    const done = () => {
      socket.off("drain", done);
      socket.off("close", done);
      resolve();
    };
    socket.on("drain", done);
    socket.on("close", done);
  });
}

/** Makes way for our socket: a file that nobody answers is left over from a crash. */
async function makeWay(path: string): Promise<void> {
  const folder = dirname(path);
  // One level, as below /run. More may not be meant, and Node's recursive mkdir never ends below /proc.
  if (!existsSync(folder)) mkdirSync(folder);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) throw new Error("it exists and is not a socket");
  const answered = await new Promise<boolean>((resolve, reject) => {
    const probe = connect({ path });
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED" || error.code === "ENOENT") resolve(false);
      else reject(error);
    });
  });
  if (answered) throw new Error("another daemon answers there");
  rmSync(path, { force: true });
}

function refusal(path: string, error: unknown, hint: string): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  const words: Readonly<Record<string, string>> = {
    ENOENT: "its folder's parent does not exist",
    ENOTDIR: "its folder is a file",
    EEXIST: "its folder is a file",
    EACCES: "permission denied",
    EPERM: "permission denied",
    EROFS: "the file system is read-only",
    EADDRINUSE: "another daemon has just taken it",
  };
  const message = error instanceof Error ? error.message : String(error);
  return `Cannot serve on ${path}: ${words[code ?? ""] ?? message}. ${hint}`;
}

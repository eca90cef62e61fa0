/** A socket on which the daemon speaks as BIRD does: `birdc -s PATH`, and what else asks there. */
import type { Socket } from "node:net";
import type { BirdContext } from "../../control/bird/commands.ts";
import type { CommandLine } from "../../control/bird/lines.ts";
import type { ReplyOutput } from "../../control/bird/reply.ts";
import { createBirdSession } from "../../control/bird/session.ts";
import type { Log } from "../../daemon/ports.ts";
import { drained, type SocketServer, serveUnixSocket } from "./unix-socket.ts";

export interface BirdSocketOptions {
  readonly log: Log;
  /** Replies a client may leave unread before it is cut off. */
  readonly unreadOctets?: number;
  /** Commands that wait for the reply to an earlier one; more wait in the kernel. */
  readonly waitingCommands?: number;
  readonly clients?: number;
  /** A client that asks nothing for so long is closed. An operator's `birdc` stays open between two thoughts. */
  readonly idleMs?: number;
}

type Bounds = Required<Omit<BirdSocketOptions, "log">>;

const HIGH_MARK_OCTETS = 256 * 1024;
/** How long a client that is not served may take to read why. */
const REFUSAL_MS = 1000;

/**
 * Serves the dialect. Throws when the path cannot be used, or somebody else answers there. A client's faults end that
 * client alone.
 */
export function serveBird(path: string, context: BirdContext, options: BirdSocketOptions): Promise<SocketServer> {
  const bounds: Bounds = {
    unreadOctets: options.unreadOctets ?? 16 * 1024 * 1024,
    waitingCommands: options.waitingCommands ?? 64,
    clients: options.clients ?? 64,
    idleMs: options.idleMs ?? 600_000,
  };
  const { log } = options;
  return serveUnixSocket(path, {
    hint: "Another folder is given with --bird-socket",
    failed: (error) => log("error", "birdSocketFailed", { path, reason: error.message }),
    accept(socket, clients) {
      if (clients <= bounds.clients) return serveClient(socket, context, bounds, log);
      refuse(socket, `${bounds.clients} clients are connected already`);
      return () => socket.destroySoon();
    },
  });
}

/** In the place of the welcome: readers take any code that they do not know for a failure. */
function refuse(socket: Socket, message: string): void {
  socket.end(`8007 Access denied: ${message}\n`);
  socket.resume();
  setTimeout(() => socket.destroy(), REFUSAL_MS).unref();
}

/** Returns what ends the connection when the reply at hand is out. */
function serveClient(socket: Socket, context: BirdContext, bounds: Bounds, log: Log): () => void {
  const session = createBirdSession(context);
  const queue: CommandLine[] = [];
  let busy = false;
  let half = false;
  let ending = false;

  // Nothing has come and nothing has gone: that it still owes its reading of a reply does not keep it.
  socket.setTimeout(bounds.idleMs, () => socket.destroy());
  const output: ReplyOutput = {
    get aborted() {
      return socket.destroyed;
    },
    write(text) {
      if (!socket.writable) return true;
      socket.write(text);
      if (socket.writableLength > bounds.unreadOctets) {
        log("warn", "birdClientSlow", { octets: socket.writableLength });
        socket.destroy();
      }
      return socket.writableLength <= HIGH_MARK_OCTETS;
    },
    turn: () => new Promise((resolve) => setImmediate(resolve)),
    drained: () => drained(socket),
  };

  /** One command after the other. */
  async function serve(): Promise<void> {
    if (busy) return;
    busy = true;
    while (queue.length > 0 && !socket.destroyed) {
      try {
        await session.answer(queue.shift(), output);
      } catch (error) {
        const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
        log("error", "birdCommandFailed", { reason });
        socket.destroy();
      }
      // A client that asks and does not read gets no further reply before it does, and none holds up the daemon.
      if (socket.writableLength > HIGH_MARK_OCTETS) await output.drained();
      else if (queue.length > 0) await output.turn();
      if (ending) break;
    }
    busy = false;
    if (ending) socket.destroySoon();
    else if (half) socket.end();
    else socket.resume();
  }

  socket.on("data", (chunk: Buffer) => {
    for (const command of session.push(chunk)) queue.push(command);
    if (queue.length > bounds.waitingCommands || busy) socket.pause();
    void serve();
  });
  socket.on("end", () => {
    half = true;
    if (!busy) socket.end();
  });
  socket.write(session.welcome);

  return () => {
    ending = true;
    queue.length = 0;
    if (!busy) socket.destroySoon();
  };
}

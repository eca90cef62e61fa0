/** A TCP proxy on loopback between a client under test and a server, which fails the way that networks and servers do. */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

export interface FaultyProxy {
  readonly port: number;
  /** Nothing listens any more, and what was connected is reset. */
  refuse(): Promise<void>;
  /** Connections stay, new ones are taken, and nothing is forwarded: a cable that is pulled. */
  fallSilent(): void;
  /** Forwards (again); connections that fell silent stay so. */
  forward(): Promise<void>;
  /** Resets what is connected; new connections work. */
  cut(): void;
  /** Connections that were taken so far. */
  readonly taken: () => number;
  /** Octets of the server are handed on this many at a time, one turn of the loop each; undefined: as they come. */
  slowDown(octets: number | undefined): void;
  close(): Promise<void>;
}

/** `to` may be a function, for a server that moves. */
export async function startFaultyProxy(to: number | (() => number)): Promise<FaultyProxy> {
  const sockets = new Set<Socket>();
  let isSilent = false;
  let pieces: number | undefined;
  let taken = 0;
  let server: Server = listen();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };

  function listen(): Server {
    return createServer((client) => {
      taken++;
      keep(client);
      if (isSilent) return;
      const upstream = connect({ host: "127.0.0.1", port: typeof to === "number" ? to : to() });
      keep(upstream);
      pass(client, upstream, () => undefined);
      pass(upstream, client, () => pieces);
    });
  }
  function keep(socket: Socket): void {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  }
  function pass(from: Socket, into: Socket, octetsAtOnce: () => number | undefined): void {
    let silent = false;
    from.on("data", (chunk: Buffer) => {
      // A connection that fell silent once lost octets, so it never speaks again.
      silent ||= isSilent;
      if (silent) return;
      const size = octetsAtOnce();
      if (size === undefined) {
        if (!into.write(chunk)) {
          from.pause();
          into.once("drain", () => from.resume());
        }
        return;
      }
      from.pause();
      let at = 0;
      const next = () => {
        into.write(chunk.subarray(at, at + size));
        at += size;
        if (at < chunk.length && !into.destroyed) setImmediate(next);
        else from.resume();
      };
      next();
    });
    from.on("close", () => {
      if (!silent && !isSilent) into.destroy();
    });
  }
  function cut(): void {
    for (const socket of sockets) socket.resetAndDestroy();
  }
  async function unlisten(): Promise<void> {
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    cut();
    await closed;
  }

  return {
    port,
    refuse: unlisten,
    fallSilent() {
      isSilent = true;
    },
    async forward() {
      isSilent = false;
      if (server.listening) return;
      server = listen();
      server.listen(port, "127.0.0.1");
      await once(server, "listening");
    },
    cut,
    taken: () => taken,
    slowDown(octets) {
      pieces = octets;
    },
    close: unlisten,
  };
}

/**
 * TCP for the router on Node's `net`, with the C library's calls for what `net` lacks: MD5 keys, TTL, binding to a
 * source address before connecting, unread octets. One read buffer serves all sockets, because a chunk is dealt with
 * before the next is read.
 */
import { Socket } from "node:net";
import type { ConnectionId, ConnectSpec, Endpoint, Log, Transport, TransportEvent } from "../../daemon/ports.ts";
import { formatAddress, parseAddress } from "../../ip/address.ts";
import { Connection, handleOf, type WriteLimits } from "./connection.ts";
import { createListeners, type ListenLimits } from "./listeners.ts";
import { setMd5Key } from "./md5-key.ts";
import { closeSocket, unreadOctets } from "./native.ts";
import { openOutgoing } from "./outgoing.ts";
import { type ReadLimits, ReadTurns } from "./read-turns.ts";
import { closeReason, connectFailure, errnoText, errorCode, keyFailure } from "./reasons.ts";
import { arrivalOf, healthOf, readRefused } from "./socket-facts.ts";
import { SYSTEM_TTL, setHops, setInterface } from "./socket-options.ts";

export interface TransportLimits extends ReadLimits, WriteLimits, ListenLimits {
  /** Size of the shared read buffer: the longest chunk. */
  readonly readChunkOctets: number;
  /** Connections to which queued bytes are written in one turn. */
  readonly flushesPerTurn: number;
  /** How long a closed connection may take to send its rest and see the peer's FIN. */
  readonly closeWaitMs: number;
  /** Connections open at once; more that come in are closed unseen. */
  readonly connections: number;
}

const DEFAULT_LIMITS: TransportLimits = {
  readTurnOctets: 1024 * 1024,
  readSocketOctets: 256 * 1024,
  readTurnMs: 5,
  readChunkOctets: 64 * 1024,
  highMarkOctets: 256 * 1024,
  lowMarkOctets: 64 * 1024,
  sendBufferOctets: 64 * 1024,
  backlog: 4096,
  flushesPerTurn: 50,
  closeWaitMs: 2000,
  connections: 16_384,
};

export interface TransportOptions {
  /** Called from the event loop only, never from inside a call to the transport. */
  readonly onEvent: (event: TransportEvent) => void;
  readonly log: Log;
  readonly limits?: Partial<TransportLimits>;
}

export interface TcpTransport extends Transport {
  /** Closes listeners at once and connections after a flush; resolves when nothing is open. */
  shutdown(): Promise<void>;
}

export function openTransport(options: TransportOptions): TcpTransport {
  const limits: TransportLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const { onEvent, log } = options;
  const connections = new Map<ConnectionId, Connection>();
  /** Closed by the router, still sending their rest. */
  const lingering = new Set<Connection>();
  const turns = new ReadTurns(limits, setImmediate, () => performance.now());
  const chunk = new Uint8Array(limits.readChunkOctets);
  let lastIncoming = 0;
  let whenEmpty: (() => void) | undefined;

  // --- reading

  function onRead(connection: Connection, octets: number): boolean {
    if (!connection.closing) onEvent({ kind: "data", id: connection.id, bytes: chunk.subarray(0, octets) });
    return turns.served(connection.reader, octets);
  }

  /** Options of a socket that reads into the shared buffer. The connection is known only after the socket is. */
  function readInto(of: { connection?: Connection }) {
    return { buffer: chunk, callback: (octets: number) => (of.connection ? onRead(of.connection, octets) : true) };
  }

  // --- writing: connections with queued bytes are flushed once per turn, a bounded number at a time

  let dirty: Connection[] = [];
  let flushScheduled = false;

  function flushLater(connection: Connection): void {
    if (connection.dirty) return;
    connection.dirty = true;
    dirty.push(connection);
    if (flushScheduled) return;
    flushScheduled = true;
    setImmediate(flushSome);
  }

  function flushSome(): void {
    const now = dirty;
    dirty = now.length > limits.flushesPerTurn ? now.slice(limits.flushesPerTurn) : [];
    flushScheduled = dirty.length > 0;
    if (flushScheduled) setImmediate(flushSome);
    const count = now.length - dirty.length;
    for (let i = 0; i < count; i++) {
      const connection = now[i]!;
      connection.dirty = false;
      connection.flush();
    }
  }

  const onWritable = (connection: Connection): void => onEvent({ kind: "writable", id: connection.id });

  // --- the life of a connection

  function watch(connection: Connection, explain: (code: string) => string): void {
    const { socket } = connection;
    let reason = "connection closed by peer";
    socket.on("error", (error) => {
      reason = explain(errorCode(error));
    });
    // The peer's FIN ends a BGP session as a reset does. Where we are closing too, Node destroys the socket once our
    // rest has been sent.
    socket.on("end", () => {
      turns.remove(connection.reader);
      if (!connection.closing) socket.destroy();
    });
    socket.on("close", () => {
      turns.remove(connection.reader);
      lingering.delete(connection);
      if (whenEmpty && lingering.size === 0) whenEmpty();
      if (connection.closing || connections.get(connection.id) !== connection) return;
      connections.delete(connection.id);
      onEvent({ kind: "closed", id: connection.id, reason });
    });
  }

  /** Attempts that failed at once; the router hears of them in the next turn, unless it has closed them by then. */
  const failed = new Set<ConnectionId>();

  function failLater(id: ConnectionId, reason: string): void {
    failed.add(id);
    setImmediate(() => {
      if (failed.delete(id)) onEvent({ kind: "closed", id, reason });
    });
  }

  function connect(id: ConnectionId, spec: ConnectSpec): void {
    if (connections.has(id)) {
      log("error", "connectTwice", { id });
      return;
    }
    const fd = openOutgoing(spec, limits.sendBufferOctets);
    if (typeof fd === "string") {
      failLater(id, fd);
      return;
    }
    const of: { connection?: Connection } = {};
    let socket: Socket;
    try {
      socket = new Socket({ fd, manualStart: true, allowHalfOpen: true, onread: readInto(of) } as object);
    } catch (error) {
      closeSocket(fd);
      failLater(id, connectFailure(errorCode(error), spec));
      return;
    }
    const connection = new Connection(id, socket, spec.remote.address, limits, onWritable, false);
    of.connection = connection;
    connections.set(id, connection);
    watch(connection, (code) => (connection.up ? closeReason(code) : connectFailure(code, spec)));
    socket.on("connect", () => {
      if (connection.closing) return;
      const local = endpointOf(socket.localAddress, socket.localPort);
      const remote = endpointOf(socket.remoteAddress, socket.remotePort);
      if (!local || !remote) return; // reset in the meantime: its close event follows
      connection.up = true;
      turns.add(connection.reader);
      onEvent({ kind: "connected", id, local, remote });
      flushLater(connection);
    });
    socket.connect({ host: formatAddress(spec.remote.address), port: spec.remote.port });
  }

  function accept(accepted: Socket): void {
    const local = endpointOf(accepted.localAddress, accepted.localPort);
    const remote = endpointOf(accepted.remoteAddress, accepted.remotePort);
    const handle = handleOf(accepted);
    if (!local || !remote || !handle) {
      accepted.destroy(); // reset before we looked
      return;
    }
    if (connections.size + lingering.size >= limits.connections) {
      log("warn", "refused", { remote: formatAddress(remote.address), reason: `${limits.connections} connections` });
      accepted.destroy();
      return;
    }
    // A server's sockets cannot be given a read buffer, so a socket of our own takes over the handle.
    (accepted as unknown as { _handle: null })._handle = null;
    const of: { connection?: Connection } = {};
    const socket = new Socket({ handle, manualStart: true, allowHalfOpen: true, onread: readInto(of) } as object);
    const connection = new Connection(--lastIncoming, socket, remote.address, limits, onWritable, true);
    of.connection = connection;
    connections.set(connection.id, connection);
    turns.add(connection.reader);
    watch(connection, closeReason);
    const arrival = arrivalOf(connection.fd, remote.address.family);
    connection.vrf = arrival.interface;
    onEvent({ kind: "incoming", id: connection.id, local, remote, ...arrival });
    if (!socket.destroyed && !connection.reader.paused) socket.resume();
  }

  const listeners = createListeners(limits, log, {
    accepted: accept,
    failed: ({ local, interface: device }, reason) =>
      onEvent({ kind: "listenFailed", local, ...(device === undefined ? {} : { interface: device }), reason }),
  });

  function close(id: ConnectionId, flush: boolean): void {
    failed.delete(id);
    const connection = connections.get(id);
    if (!connection) return;
    connections.delete(id);
    connection.closing = true;
    if (!flush || !connection.up) {
      turns.remove(connection.reader);
      connection.socket.destroy();
      return;
    }
    lingering.add(connection);
    const timer = setTimeout(() => connection.socket.destroy(), limits.closeWaitMs);
    connection.socket.on("close", () => clearTimeout(timer));
    // What still arrives is read and dropped: unread octets would turn our FIN into a reset, which could take the
    // NOTIFICATION with it.
    turns.resume(connection.reader);
    connection.end();
  }

  return {
    listen: (specs) => listeners.set(specs),
    connect,
    write(id, bytes) {
      const connection = connections.get(id);
      if (!connection) return true;
      const more = connection.enqueue(bytes);
      flushLater(connection);
      return more;
    },
    pending: (id) => connections.get(id)?.pending() ?? 0,
    accepted: (id) => connections.get(id)?.accepted() ?? 0,
    hasUnread: (id) => unreadOctets(connections.get(id)?.fd ?? -1) > 0,
    setTtl(id, ttl, minTtl) {
      const connection = connections.get(id);
      if (!connection) return;
      const status = setHops(connection.fd, connection.remote.family, ttl ?? SYSTEM_TTL, minTtl ?? 0);
      if (status !== 0) log("error", "ttlFailed", { id, reason: errnoText(status) });
    },
    setInterface(id, device) {
      const connection = connections.get(id);
      const status = connection ? setInterface(connection.fd, device) : 0;
      if (status !== 0) log("error", "interfaceFailed", { id, device, reason: errnoText(status) });
    },
    setKey(id, md5Key) {
      const connection = connections.get(id);
      return connection === undefined || changeKey(connection, md5Key ?? "", log);
    },
    health: (id) => healthOf(connections.get(id)?.fd ?? -1),
    refused: () => readRefused(),
    pauseReading(id) {
      const connection = connections.get(id);
      if (connection) turns.pause(connection.reader);
    },
    resumeReading(id) {
      const connection = connections.get(id);
      if (connection) turns.resume(connection.reader);
    },
    close,
    async shutdown() {
      listeners.close();
      for (const id of [...connections.keys()]) close(id, true);
      if (lingering.size === 0) return;
      await new Promise<void>((resolve) => {
        whenEmpty = resolve;
      });
    },
  };
}

const ENOENT = 2;

/** Changes the key of a connection, or removes it if it is empty. */
function changeKey({ id, fd, remote, vrf }: Connection, md5Key: string, log: Log): boolean {
  const status = setMd5Key(fd, { remote }, md5Key);
  // A key that came with a VRF's listener is one of the VRF, and would be preferred.
  if (vrf !== undefined) setMd5Key(fd, { remote, vrf }, md5Key);
  if (status === 0 || (status === -ENOENT && md5Key === "")) return true;
  log("error", "md5KeyFailed", { id, remote: formatAddress(remote), reason: keyFailure(status) });
  return false;
}

function endpointOf(address: string | undefined, port: number | undefined): Endpoint | undefined {
  const parsed = address === undefined ? undefined : parseAddress(address);
  return parsed && port !== undefined ? { address: parsed, port } : undefined;
}

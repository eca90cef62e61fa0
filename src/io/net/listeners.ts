/** The set of listening sockets and their MD5 keys, changed in place as configurations come and go. */
import { createServer, type Server, type Socket } from "node:net";
import type { Endpoint, ListenerKey, ListenSpec, Log } from "../../daemon/ports.ts";
import { formatAddress, parseAddress } from "../../ip/address.ts";
import { contains, type Prefix, prefixOf } from "../../ip/prefix.ts";
import { bindSocket, closeSocket, listenSocket, openSocket } from "./native.ts";
import { errorCode, keyFailure, listenFailure } from "./reasons.ts";
import {
  domainOf,
  setCommonOptions,
  setInterface,
  setListenerOptions,
  setMd5Key,
  socketAddress,
} from "./socket-options.ts";

export interface ListenLimits {
  readonly sendBufferOctets: number;
  /** Connections that may wait to be accepted; also bounded by sysctl net.core.somaxconn. */
  readonly backlog: number;
}

export interface Listeners {
  set(specs: readonly ListenSpec[]): void;
  close(): void;
}

interface Listener {
  readonly spec: ListenSpec;
  readonly server: Server;
  readonly fd: number;
  /** By remote and length. */
  keys: Map<string, ListenerKey>;
  /** Remotes whose key could not be set: an unsigned connection from there is refused. */
  refused: Prefix[];
}

const ENODEV = 19;
const EAFNOSUPPORT = 97;

export interface ListenerEvents {
  /** Nothing has been read from the socket. */
  readonly accepted: (socket: Socket) => void;
  readonly failed: (local: Endpoint, reason: string) => void;
}

export function createListeners(limits: ListenLimits, log: Log, events: ListenerEvents): Listeners {
  const open = new Map<string, Listener>();

  /** Fails in the next turn: no event comes before the call that caused it has returned. */
  function fail(local: Endpoint, reason: string): void {
    setImmediate(events.failed, local, reason);
  }

  function start(name: string, spec: ListenSpec): void {
    const prepared = prepare(spec, limits);
    if (typeof prepared === "string") {
      fail(spec.local, prepared);
      return;
    }
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true });
    const listener: Listener = { spec, server, fd: prepared, keys: new Map(), refused: [] };
    applyKeys(listener, spec.keys, log);
    server.on("connection", (socket) => accept(listener, socket));
    server.on("error", (error) => {
      if (open.get(name) !== listener) return;
      open.delete(name);
      server.close();
      fail(spec.local, `cannot listen: ${errorCode(error)}`);
    });
    // Node offers no backlog together with a descriptor; a second listen(2) only changes it.
    server.on("listening", () => listenSocket(listener.fd, limits.backlog));
    open.set(name, listener);
    server.listen({ fd: prepared });
  }

  function accept(listener: Listener, socket: Socket): void {
    if (isRefused(listener.refused, socket.remoteAddress)) {
      log("warn", "refused", { remote: socket.remoteAddress, reason: "its MD5 key could not be set" });
      socket.destroy();
    } else events.accepted(socket);
  }

  return {
    set(specs) {
      const wanted = new Map(specs.map((spec) => [nameOf(spec), spec]));
      for (const [name, listener] of open) {
        if (wanted.has(name)) continue;
        open.delete(name);
        listener.server.close();
      }
      for (const [name, spec] of wanted) {
        const listener = open.get(name);
        if (listener) applyKeys(listener, spec.keys, log);
        else start(name, spec);
      }
    },
    close() {
      for (const listener of open.values()) listener.server.close();
      open.clear();
    },
  };
}

function nameOf(spec: ListenSpec): string {
  return `${formatAddress(spec.local.address)} ${spec.local.port} ${spec.interface ?? ""}`;
}

/** A bound descriptor, or why there is none. */
function prepare(spec: ListenSpec, limits: ListenLimits): number | string {
  const { local } = spec;
  const fd = openSocket(domainOf(local.address));
  if (fd === -EAFNOSUPPORT) return `cannot listen on ${local.address.family}: this kernel has it switched off`;
  if (fd < 0) return listenFailure(fd, "socket", local);
  const bytes = socketAddress(local.address, local.port);
  const device = spec.interface;
  const steps: readonly (readonly [string, () => number])[] = [
    ["options", () => setListenerOptions(fd, local.address)],
    ["options", () => setCommonOptions(fd, local.address, limits.sendBufferOctets)],
    [`interface ${device}`, () => (device === undefined ? 0 : setInterface(fd, device))],
    ["bind", () => (bytes ? bindSocket(fd, bytes) : -ENODEV)],
  ];
  for (const [action, run] of steps) {
    const status = run();
    if (status === 0) continue;
    closeSocket(fd);
    return listenFailure(status, action, local);
  }
  return fd;
}

/** Adds, replaces and removes keys on a live socket, so that exactly `wanted` of its family are set. */
function applyKeys(listener: Listener, wanted: readonly ListenerKey[], log: Log): void {
  const family = listener.spec.local.address.family;
  const next = new Map(wanted.filter((key) => key.remote.family === family).map((key) => [keyName(key), key]));
  for (const [name, key] of listener.keys) {
    // A key that is already gone is as good as removed.
    if (!next.has(name)) setMd5Key(listener.fd, key.remote, key.prefixLength, "");
  }
  listener.refused = [];
  for (const [name, key] of next) {
    if (listener.keys.get(name)?.md5Key === key.md5Key) continue;
    const status = setMd5Key(listener.fd, key.remote, key.prefixLength, key.md5Key);
    if (status === 0) continue;
    next.delete(name); // tried again at the next change
    listener.refused.push(prefixOf(key.remote, key.prefixLength ?? key.remote.bytes.length * 8));
    log("error", "md5KeyFailed", { remote: name, reason: keyFailure(status) });
  }
  listener.keys = next;
}

/** Host bits masked, so that two spellings of one prefix are one key. */
function keyName(key: ListenerKey): string {
  if (key.prefixLength === undefined) return formatAddress({ family: key.remote.family, bytes: key.remote.bytes });
  return `${formatAddress(prefixOf(key.remote, key.prefixLength))}/${key.prefixLength}`;
}

function isRefused(refused: readonly Prefix[], remote: string | undefined): boolean {
  const address = refused.length > 0 && remote !== undefined ? parseAddress(remote) : undefined;
  return address !== undefined && refused.some((prefix) => contains(prefix, address));
}

/** The set of listening sockets and their MD5 keys, changed in place as configurations come and go. */
import { createServer, type Server, type Socket } from "node:net";
import type { ListenSpec, Log } from "../../daemon/ports.ts";
import { formatAddress } from "../../ip/address.ts";
import { createListenerKeys, type ListenerKeys } from "./listener-keys.ts";
import { bindSocket, closeSocket, interfaceIndex, listenSocket, openSocket } from "./native.ts";
import { codeOf, errnoText, errorCode, listenFailure } from "./reasons.ts";
import {
  domainOf,
  setCommonOptions,
  setHops,
  setInterface,
  setListenerOptions,
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
  /** Of the device it is bound to, by which the kernel knows it; 0 without one. */
  readonly ifindex: number;
  readonly keys: ListenerKeys;
  minTtl: number;
}

const ENODEV = 19;
const EAFNOSUPPORT = 97;

export interface ListenerEvents {
  /** Nothing has been read from the socket. */
  readonly accepted: (socket: Socket) => void;
  readonly failed: (spec: ListenSpec, reason: string) => void;
}

export function createListeners(limits: ListenLimits, log: Log, events: ListenerEvents): Listeners {
  const open = new Map<string, Listener>();

  /** Fails in the next turn: no event comes before the call that caused it has returned. */
  function fail(spec: ListenSpec, reason: string): void {
    setImmediate(events.failed, spec, reason);
  }

  function start(name: string, spec: ListenSpec): void {
    const ifindex = deviceIndex(spec);
    const fd = prepare(spec, limits);
    if (typeof fd === "string") {
      fail(spec, fd);
      return;
    }
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true });
    const keys = createListenerKeys(fd, spec, log);
    const listener: Listener = { spec, server, fd, ifindex, keys, minTtl: 0 };
    follow(listener, spec);
    server.on("connection", (socket) => accept(listener, socket));
    server.on("error", (error) => {
      if (open.get(name) !== listener) return;
      open.delete(name);
      server.close();
      fail(spec, listenFailure(errorCode(error), "listen", spec));
    });
    // Node offers no backlog together with a descriptor; a second listen(2) only changes it.
    server.on("listening", () => listenSocket(fd, limits.backlog));
    open.set(name, listener);
    server.listen({ fd });
  }

  /** What changes on a live socket. */
  function follow(listener: Listener, spec: ListenSpec): void {
    listener.keys.set(spec.keys);
    const minTtl = spec.minTtl ?? 0;
    if (minTtl === listener.minTtl) return;
    listener.minTtl = minTtl;
    const status = setHops(listener.fd, spec.local.address.family, undefined, minTtl);
    if (status !== 0) log("error", "ttlFailed", { listener: nameOf(spec), reason: errnoText(status) });
  }

  function accept(listener: Listener, socket: Socket): void {
    if (listener.keys.refuses(socket.remoteAddress)) {
      log("warn", "refused", { remote: socket.remoteAddress, reason: "its MD5 key could not be set" });
      socket.destroy();
    } else events.accepted(socket);
  }

  return {
    set(specs) {
      const wanted = new Map(specs.map((spec) => [nameOf(spec), spec]));
      for (const [name, listener] of open) {
        // A device that was made anew has another index: the socket would wait on the one that is gone.
        if (wanted.has(name) && deviceIndex(listener.spec) === listener.ifindex) continue;
        open.delete(name);
        listener.server.close();
      }
      for (const [name, spec] of wanted) {
        const listener = open.get(name);
        if (listener) follow(listener, spec);
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

function deviceIndex({ local, interface: device }: ListenSpec): number {
  const name = device ?? local.address.zone;
  return name === undefined ? 0 : interfaceIndex(name);
}

/** A bound descriptor, or why there is none. */
function prepare(spec: ListenSpec, limits: ListenLimits): number | string {
  const { local, interface: device } = spec;
  const fd = openSocket(domainOf(local.address));
  if (fd === -EAFNOSUPPORT) return `cannot listen on ${local.address.family}: this kernel has it switched off`;
  if (fd < 0) return listenFailure(codeOf(fd), "socket", spec);
  const bytes = socketAddress(local.address, local.port);
  const steps: readonly (readonly [string, () => number])[] = [
    ["options", () => setListenerOptions(fd, local.address)],
    ["options", () => setCommonOptions(fd, local.address, limits.sendBufferOctets)],
    ["interface", () => (device === undefined ? 0 : setInterface(fd, device))],
    ["bind", () => (bytes ? bindSocket(fd, bytes) : -ENODEV)],
  ];
  for (const [action, run] of steps) {
    const status = run();
    if (status === 0) continue;
    closeSocket(fd);
    return listenFailure(codeOf(status), action, spec);
  }
  return fd;
}

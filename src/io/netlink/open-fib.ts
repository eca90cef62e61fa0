import type { Fib, FibClock, FibLog, KernelEvent } from "../../fib/fib.ts";
import { createKernelFib, type KernelFib, type NetlinkSocket as Name, type NetlinkPort } from "../../fib/kernel-fib.ts";
import { assertLittleEndian, GROUP } from "../../fib/rtnetlink.ts";
import { type NetlinkSocket, openNetlinkSocket } from "./netlink-socket.ts";

const RECEIVE_OCTETS = 16 * 1024 * 1024;
const SEND_OCTETS = 2 * 1024 * 1024;
const GROUPS = [GROUP.link, GROUP.ipv4Address, GROUP.ipv6Address, GROUP.ipv4Route, GROUP.ipv6Route];

export interface NetlinkFibOptions {
  readonly clock: FibClock;
  readonly log: FibLog;
  readonly onEvent: (event: KernelEvent) => void;
  /** False: nothing is written; links, addresses and routes are told all the same, next-hop tracking needs them. */
  readonly program: boolean;
  /** Octets of the notification socket's receive buffer; 16 MiB unless given. */
  readonly eventBufferOctets?: number;
  /** Prefixes per family, wanted and foreign together. */
  readonly maxPrefixes?: number;
  readonly recheckMs?: number;
}

/**
 * The Fib of the current network namespace, on three rtnetlink sockets. Resolves when the sockets are open; `synced`
 * follows as an event. Rejects when the system lacks netlink or the C library cannot be loaded.
 */
export async function openNetlinkFib(options: NetlinkFibOptions): Promise<Fib> {
  assertLittleEndian();
  const sockets = new Map<Name, NetlinkSocket>();
  let fib: KernelFib | undefined;
  let closed = false;
  let eventsPaused = false;

  const open = (name: Name): NetlinkSocket => {
    const socket = openNetlinkSocket(
      {
        receiveOctets: name === "events" ? (options.eventBufferOctets ?? RECEIVE_OCTETS) : RECEIVE_OCTETS,
        ...(name === "requests" && { sendOctets: SEND_OCTETS }),
        ...(name === "dumps" && { strict: true }),
        ...(name === "events" && { groups: GROUPS, dropPid: sockets.get("requests")!.pid }),
      },
      {
        data: (bytes) => fib?.received(name, bytes),
        failed: (code) => reopen(name, code),
      },
    );
    sockets.get(name)?.close();
    sockets.set(name, socket);
    if (name === "events" && eventsPaused) socket.pause(true);
    return socket;
  };

  /** An overrun closes the socket; a fresh one follows, and what was lost is found by a dump. */
  const reopen = (name: Name, code: string) => {
    if (closed) return;
    options.log("warn", "netlink.reopened", { socket: name, reason: code });
    open(name);
    // A new request socket has a new port id, which the filter of the notification socket must know.
    if (name === "requests") {
      open("events");
      fib?.lost("events");
    }
    fib?.lost(name);
  };

  const port: NetlinkPort = {
    send: (bytes) => sockets.get("requests")!.send(bytes, (errno) => fib?.sent(errno)),
    dump: (bytes) => sockets.get("dumps")!.send(bytes.slice(), () => {}),
    pauseEvents(paused) {
      eventsPaused = paused;
      sockets.get("events")!.pause(paused);
    },
    pid: () => sockets.get("requests")!.pid,
    close() {
      closed = true;
      for (const socket of sockets.values()) socket.close();
    },
  };

  try {
    open("requests");
    open("dumps");
    open("events");
  } catch (error) {
    port.close();
    throw error;
  }
  fib = createKernelFib(options, port);
  fib.start();
  return fib;
}

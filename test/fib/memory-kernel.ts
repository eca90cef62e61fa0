import { ERRNO } from "../../src/fib/errno.ts";
import type { FibClock, ForwardingHop, KernelAddress, KernelLink } from "../../src/fib/fib.ts";
import type { KernelFib, NetlinkPort, NetlinkSocket } from "../../src/fib/kernel-fib.ts";
import { i32, put16, put32, u16 } from "../../src/fib/little-endian.ts";
import {
  createRouteMessage,
  parseRoute,
  type RouteMessage,
  routeOctets,
  scopeFor,
  writeRoute,
} from "../../src/fib/route-codec.ts";
import { AF, align4, NLM_F, NLMSG, NLMSG_HEADER, OWN_PROTOCOL, RTM, RTN } from "../../src/fib/rtnetlink.ts";
import { Ways } from "../../src/fib/ways.ts";
import type { Address, Family } from "../../src/ip/address.ts";
import { formatAddress, octetsOf } from "../../src/ip/address.ts";
import { formatPrefix, type Prefix } from "../../src/ip/prefix.ts";
import { writeAddressMessage, writeLinkMessage } from "./memory-messages.ts";

/** A hop and the protocol of the route that brought it: IPv6 siblings may differ in it. */
interface MemoryHop {
  readonly hop: ForwardingHop;
  readonly protocol: number;
}

/** A route as the memory kernel holds it. */
export interface MemoryRoute {
  readonly prefix: Prefix;
  readonly table: number;
  readonly metric: number;
  readonly protocol: number;
  readonly kind: "unicast" | "blackhole";
  readonly hops: readonly ForwardingHop[];
  readonly prefSrc?: Address;
}

interface Route {
  readonly family: Family;
  readonly prefix: Prefix;
  readonly table: number;
  readonly metric: number;
  readonly type: number;
  readonly prefSrc?: Address;
  hops: readonly MemoryHop[];
}

const FOREIGN_PID = 4242;
const MEMORY_PID = 777;

/**
 * A kernel's main and other tables, links and addresses in memory, spoken to by rtnetlink messages like the real one.
 * It follows Linux in what matters to who writes routes: identities, EXCL, REPLACE, APPEND, IPv6 siblings that may
 * belong to several protocols, and IPv4 routes that vanish silently with their link. test/contract runs the same suite
 * on it and on Linux.
 */
export interface MemoryKernel extends NetlinkPort {
  attach(fib: KernelFib): void;
  /** The acts of other programs; return 0 or an errno. */
  add(route: MemoryRoute, how: "create" | "replace" | "append"): number;
  remove(route: MemoryRoute): number;
  setLink(link: KernelLink, gone?: boolean): void;
  setAddress(address: KernelAddress, gone?: boolean): void;
  /** Notifications are dropped until the next call with false, which reports the overrun. */
  dropEvents(dropping: boolean): void;
  /** Foreign routes that the Fib changed or joined: always empty, or the Fib is wrong. */
  violations(): readonly string[];
  routes(): readonly (MemoryRoute & { readonly hopProtocols: readonly number[] })[];
}

export function createMemoryKernel(clock: FibClock): MemoryKernel {
  const ways = new Ways();
  const message = createRouteMessage();
  const table = new Map<string, Route[]>();
  const links = new Map<number, KernelLink>();
  const addresses = new Map<string, KernelAddress>();
  const queue: Uint8Array[] = [];
  const violations: string[] = [];
  let fib: KernelFib | undefined;
  let paused = false;
  let dropping = false;
  let closed = false;

  const deliver = (socket: NetlinkSocket, bytes: Uint8Array) => {
    if (!closed) fib?.received(socket, bytes);
  };
  const flush = () => {
    while (!paused && !closed && queue.length > 0) deliver("events", queue.shift()!);
  };
  const notify = (bytes: Uint8Array) => {
    if (dropping) return;
    queue.push(bytes);
    clock.after(0, flush);
  };
  const notifyRoute = (type: number, route: Route, hops: readonly MemoryHop[], pid: number, flags: number) =>
    notify(encode(type, route, hops, pid, flags));

  function encode(
    type: number,
    route: Route,
    hops: readonly MemoryHop[],
    pid: number,
    flags: number,
    seq = 0,
  ): Uint8Array {
    const anyGateway = hops.some(({ hop }) => hop.gateway);
    const af = route.family === "ipv4" ? AF.inet : AF.inet6;
    ways.begin(route.type, scopeFor(af, route.type, anyGateway));
    if (route.prefSrc) ways.source(route.prefSrc.bytes, 0, route.prefSrc.bytes.length);
    for (const { hop } of hops) {
      const gateway = hop.gateway?.bytes ?? new Uint8Array(0);
      ways.hop(gateway.length, gateway, 0, hop.ifindex, hop.onlink ? 4 : 0, hop.weight ?? 1);
    }
    const out: RouteMessage = {
      ...createRouteMessage(),
      // Written as a NEW, so that an IPv4 deletion names its hops as the kernel's notifications do.
      type: RTM.newRoute,
      flags,
      seq,
      af,
      length: route.prefix.length,
      table: route.table,
      metric: route.metric,
      protocol: hops[0]?.protocol ?? 0,
      way: ways.intern(),
    };
    out.address.set(route.prefix.bytes);
    const bytes = new Uint8Array(routeOctets(ways, out.way));
    const octets = writeRoute(bytes, 0, out, ways);
    ways.release(out.way);
    put16(bytes, 4, type);
    put32(bytes, 12, pid);
    return bytes.subarray(0, octets);
  }

  const listOf = (prefix: Prefix, number: number) => {
    const key = `${number} ${formatPrefix(prefix)}`;
    let list = table.get(key);
    if (!list) {
      list = [];
      table.set(key, list);
    }
    return list;
  };

  function put(route: MemoryRoute, flags: number, pid: number): number {
    const { prefix } = route;
    const v6 = prefix.family === "ipv6";
    for (const { ifindex } of route.kind === "unicast" ? route.hops : []) {
      if (!links.has(ifindex)) return ERRNO.ENODEV;
      if (!links.get(ifindex)!.up) return ERRNO.ENETDOWN;
    }
    const list = listOf(prefix, route.table);
    const same = list.filter((other) => other.metric === route.metric);
    const type = route.kind === "unicast" ? RTN.unicast : RTN.blackhole;
    const hops =
      route.hops.length === 0 || type !== RTN.unicast
        ? [{ hop: { ifindex: 0 }, protocol: route.protocol }]
        : route.hops.map((hop) => ({ hop, protocol: route.protocol }));
    const added: Route = { ...route, family: prefix.family, type, hops };
    if (same.length > 0 && (flags & NLM_F.exclusive) !== 0) return ERRNO.EEXIST;
    if ((flags & NLM_F.replace) !== 0) {
      if (same.length === 0 && (flags & NLM_F.create) === 0) return ERRNO.ENOENT;
      if (same.length > 0) {
        if (pid === MEMORY_PID && same[0]!.hops.some(({ protocol }) => protocol !== OWN_PROTOCOL))
          violations.push(`replaced ${formatPrefix(prefix)}`);
        list.splice(list.indexOf(same[0]!), 1, added);
        notifyRoute(RTM.newRoute, added, hops, pid, NLM_F.replace);
        return 0;
      }
    }
    const joined = v6 && hops[0]!.hop.gateway ? same.find((other) => other.hops[0]!.hop.gateway) : undefined;
    if (joined) {
      if (pid === MEMORY_PID) violations.push(`joined ${formatPrefix(prefix)}`);
      if (hops.some(({ hop }) => joined.hops.some((other) => sameHop(other.hop, hop)))) return ERRNO.EEXIST;
      joined.hops = [...joined.hops, ...hops];
      notifyRoute(RTM.newRoute, joined, joined.hops, pid, NLM_F.append);
      return 0;
    }
    const equal = same.find((other) => other.hops[0]!.protocol === route.protocol && sameHops(other.hops, hops));
    if (equal) return ERRNO.EEXIST;
    list.push(added);
    list.sort((a, b) => a.metric - b.metric);
    notifyRoute(RTM.newRoute, added, hops, pid, NLM_F.create);
    return 0;
  }

  function drop(route: MemoryRoute, pid: number): number {
    const list = listOf(route.prefix, route.table);
    const metricFits = (other: Route) => route.metric === 0 || other.metric === route.metric;
    if (route.prefix.family === "ipv4" || route.hops.length === 0) {
      const found = list.find((other) => metricFits(other) && other.hops[0]!.protocol === route.protocol);
      if (!found) return ERRNO.ESRCH;
      if (pid === MEMORY_PID && found.hops.some(({ protocol }) => protocol !== OWN_PROTOCOL))
        violations.push(`deleted ${formatPrefix(route.prefix)}`);
      list.splice(list.indexOf(found), 1);
      notifyRoute(RTM.delRoute, found, found.hops, pid, 0);
      return 0;
    }
    let errno = 0;
    for (const hop of route.hops) if (!dropHop(list, route, hop, pid, metricFits)) errno = ERRNO.ESRCH;
    return errno;
  }

  function dropHop(
    list: Route[],
    route: MemoryRoute,
    hop: ForwardingHop,
    pid: number,
    metricFits: (other: Route) => boolean,
  ): boolean {
    for (const other of list) {
      const found = metricFits(other)
        ? other.hops.find((one) => one.protocol === route.protocol && sameHop(one.hop, hop))
        : undefined;
      if (!found) continue;
      other.hops = other.hops.filter((one) => one !== found);
      if (other.hops.length === 0) list.splice(list.indexOf(other), 1);
      notifyRoute(RTM.delRoute, other, [found], pid, 0);
      return true;
    }
    return false;
  }

  /** What a link that goes down takes along: IPv6 routes are told, IPv4 routes are not. */
  function flushDead(): void {
    const isDead = ({ hop }: MemoryHop) => hop.ifindex !== 0 && !links.get(hop.ifindex)?.up;
    for (const list of table.values())
      for (const route of [...list]) {
        if (route.family === "ipv6") {
          for (const dead of route.hops.filter(isDead)) notifyRoute(RTM.delRoute, route, [dead], 0, 0);
          route.hops = route.hops.filter((hop) => !isDead(hop));
          if (route.hops.length === 0) list.splice(list.indexOf(route), 1);
        } else if (route.hops.every(isDead)) list.splice(list.indexOf(route), 1);
      }
  }

  function request(bytes: Uint8Array, at: number, octets: number): number {
    if (!parseRoute(bytes, at, octets, message, ways)) return ERRNO.EINVAL;
    const family: Family = message.af === AF.inet ? "ipv4" : "ipv6";
    const prefSrc = ways.prefSrc(message.way);
    const deletes = message.type === RTM.delRoute;
    const route: MemoryRoute = {
      prefix: { family, bytes: message.address.slice(0, octetsOf(family)), length: message.length },
      table: message.table,
      metric: message.metric,
      protocol: message.protocol,
      kind: ways.type(message.way) === RTN.unicast ? "unicast" : "blackhole",
      hops: ways.hops(message.way),
      ...(prefSrc && { prefSrc }),
    };
    ways.release(message.way);
    return deletes ? drop(route, MEMORY_PID) : put(route, message.flags, MEMORY_PID);
  }

  function answerBatch(bytes: Uint8Array): void {
    for (let at = 0; at + NLMSG_HEADER <= bytes.length; ) {
      const octets = i32(bytes, at);
      const errno = request(bytes, at, octets);
      if (errno !== 0 || (u16(bytes, at + 6) & NLM_F.ack) !== 0) deliver("requests", ack(bytes, at, errno));
      at += align4(octets);
    }
    fib?.sent(0);
  }

  function answerDump(bytes: Uint8Array): void {
    const seq = i32(bytes, 8);
    const kind = u16(bytes, 4);
    if (kind === RTM.getLink) for (const link of links.values()) deliver("dumps", writeLinkMessage(link, false, seq));
    else if (kind === RTM.getAddress)
      for (const address of addresses.values()) deliver("dumps", writeAddressMessage(address, false, seq));
    else {
      const family = bytes[16] === AF.inet ? "ipv4" : "ipv6";
      const number = i32(bytes, 32) >>> 0;
      for (const list of table.values())
        for (const route of list)
          if (route.family === family && route.table === number)
            deliver("dumps", encode(RTM.newRoute, route, route.hops, 0, NLM_F.multi, seq));
    }
    const done = new Uint8Array(20);
    put32(done, 0, 20);
    put16(done, 4, NLMSG.done);
    put32(done, 8, seq);
    deliver("dumps", done);
  }

  return {
    attach(to) {
      fib = to;
    },
    pid: () => MEMORY_PID,
    send: (bytes) => void clock.after(0, () => !closed && answerBatch(bytes)),
    dump(bytes) {
      const copy = bytes.slice();
      clock.after(0, () => !closed && answerDump(copy));
    },
    pauseEvents(now) {
      paused = now;
      if (!now) clock.after(0, flush);
    },
    close() {
      closed = true;
    },
    add: (route, how) =>
      put(
        route,
        NLM_F.create | (how === "create" ? NLM_F.exclusive : how === "replace" ? NLM_F.replace : NLM_F.append),
        FOREIGN_PID,
      ),
    remove: (route) => drop(route, FOREIGN_PID),
    setLink(link, gone = false) {
      const wasUp = links.get(link.ifindex)?.up ?? false;
      if (gone) links.delete(link.ifindex);
      else links.set(link.ifindex, link);
      notify(writeLinkMessage(link, gone, 0));
      if (wasUp && (gone || !link.up)) flushDead();
    },
    setAddress(address, gone = false) {
      const key = `${address.ifindex} ${formatAddress(address.address)}/${address.prefixLength}`;
      if (gone) addresses.delete(key);
      else addresses.set(key, address);
      notify(writeAddressMessage(address, gone, 0));
    },
    dropEvents(now) {
      if (now) queue.length = 0;
      if (dropping && !now) clock.after(0, () => !closed && fib?.lost("events"));
      dropping = now;
    },
    violations: () => violations,
    routes: () =>
      [...table.values()].flat().map((route) => ({
        prefix: route.prefix,
        table: route.table,
        metric: route.metric,
        protocol: route.hops[0]!.protocol,
        kind: route.type === RTN.unicast ? "unicast" : "blackhole",
        hops: route.type === RTN.unicast ? route.hops.map(({ hop }) => hop) : [],
        hopProtocols: route.hops.map(({ protocol }) => protocol),
        ...(route.prefSrc && { prefSrc: route.prefSrc }),
      })),
  };
}

function sameHop(a: ForwardingHop, b: ForwardingHop): boolean {
  const gateway = (hop: ForwardingHop) => (hop.gateway ? formatAddress(hop.gateway) : "");
  return gateway(a) === gateway(b) && (a.ifindex === b.ifindex || b.ifindex === 0);
}

function sameHops(a: readonly MemoryHop[], b: readonly MemoryHop[]): boolean {
  return a.length === b.length && a.every(({ hop }, i) => sameHop(hop, b[i]!.hop));
}

/** NLMSG_ERROR with the request's header. */
function ack(request: Uint8Array, at: number, errno: number): Uint8Array {
  const bytes = new Uint8Array(36);
  put32(bytes, 0, 36);
  put16(bytes, 4, NLMSG.error);
  put16(bytes, 6, NLM_F.capped);
  put32(bytes, 8, i32(request, at + 8));
  put32(bytes, 12, MEMORY_PID);
  put32(bytes, 16, -errno);
  bytes.set(request.subarray(at, at + 16), 20);
  return bytes;
}

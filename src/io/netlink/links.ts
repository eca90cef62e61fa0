import { closeSync, openSync } from "node:fs";
import { describeErrno } from "../../fib/errno.ts";
import type { Forwarding, KernelLink, KernelRoute } from "../../fib/fib.ts";
import { parseLink, writeLinkDump } from "../../fib/link-codec.ts";
import { i32, put16, put32, u16 } from "../../fib/little-endian.ts";
import { ackErrno, ackText } from "../../fib/netlink-ack.ts";
import { createRouteMessage, parseRoute, routeOctets, writeRoute, writeRouteDump } from "../../fib/route-codec.ts";
import { AF, align4, IFA, IFLA, NLM_F, NLMSG, NLMSG_HEADER, RT_TABLE_MAIN, RTM, RTN } from "../../fib/rtnetlink.ts";
import { Ways } from "../../fib/ways.ts";
import { Wishes } from "../../fib/wishes.ts";
import { type Address, type Family, octetsOf } from "../../ip/address.ts";
import type { Prefix } from "../../ip/prefix.ts";
import { type NetlinkSocket, openNetlinkSocket } from "./netlink-socket.ts";

const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const VETH_INFO_PEER = 1;
const IFLA_NET_NS_PID = 19;
const IFLA_NET_NS_FD = 28;

/** Where the other end of a veth pair goes: here, to the namespace of a process, or to one opened from a path. */
export type Namespace = { readonly pid: number } | { readonly path: string };

/** A route of the main table, for tests and demonstrations. */
export interface RouteSpec extends Omit<Forwarding, "table"> {
  readonly prefix: Prefix;
  readonly protocol: number;
  readonly table?: number;
}

/** Sets up links, addresses and routes of the current network namespace, one acknowledged request each. */
export interface Links {
  createVethPair(nameA: string, nameB: string, namespaceOfB?: Namespace): Promise<void>;
  setUp(name: string, up?: boolean): Promise<void>;
  deleteLink(name: string): Promise<void>;
  addAddress(name: string, address: Address, length: number): Promise<void>;
  deleteAddress(name: string, address: Address, length: number): Promise<void>;
  /** `how`: create refuses an existing route, replace takes it over, append joins it. */
  addRoute(route: RouteSpec, how?: "create" | "replace" | "append"): Promise<void>;
  deleteRoute(route: RouteSpec): Promise<void>;
  /** Many routes at once; resolves to the number of refused ones. */
  addRoutes(routes: readonly RouteSpec[]): Promise<number>;
  listLinks(): Promise<readonly KernelLink[]>;
  listRoutes(family: Family, table?: number): Promise<readonly KernelRoute[]>;
  ifindex(name: string): Promise<number>;
  close(): void;
}

interface Waiting {
  readonly message: (bytes: Uint8Array, at: number, octets: number) => void;
  readonly done: (problem: Error | undefined) => void;
}

/** Opens the set-up socket. Requests reject with the errno in words. */
export function openLinks(): Links {
  const waiting = new Map<number, Waiting>();
  const ways = new Ways();
  let seq = 1;
  const socket: NetlinkSocket = openNetlinkSocket(
    { receiveOctets: 4 * 1024 * 1024, sendOctets: 4 * 1024 * 1024, strict: true },
    {
      data: (bytes) => dispatch(bytes, waiting),
      failed(code) {
        for (const { done } of waiting.values()) done(new Error(`netlink socket failed: ${code}`));
        waiting.clear();
      },
    },
  );

  const request = (bytes: Uint8Array, what: string, message: Waiting["message"] = () => {}): Promise<void> => {
    const mine = seq++;
    put32(bytes, 0, bytes.length);
    put32(bytes, 8, mine);
    return new Promise((resolve, reject) => {
      const done = (problem: Error | undefined) =>
        problem ? reject(new Error(`Cannot ${what}: ${problem.message}`)) : resolve();
      waiting.set(mine, { message, done });
      socket.send(bytes, (errno) => {
        if (errno !== 0 && waiting.delete(mine)) done(new Error(describeErrno(errno, "")));
      });
    });
  };

  const listLinks = async (): Promise<readonly KernelLink[]> => {
    const links: KernelLink[] = [];
    const bytes = new Uint8Array(40);
    writeLinkDump(bytes, 0);
    await request(bytes, "list links", (message, at, octets) => {
      const link = u16(message, at + 4) === RTM.newLink ? parseLink(message, at, octets) : undefined;
      if (link) links.push(link);
    });
    return links;
  };
  const ifindex = async (name: string): Promise<number> => {
    const link = (await listLinks()).find((one) => one.name === name);
    if (!link) throw new Error(`Cannot find the interface ${name}`);
    return link.ifindex;
  };
  const addressRequest = async (type: number, flags: number, name: string, address: Address, length: number) => {
    const body = concat(
      [address.family === "ipv4" ? AF.inet : AF.inet6, length, 0, 0],
      word(await ifindex(name)),
      attribute(IFA.local, address.bytes),
      attribute(IFA.address, address.bytes),
      // No duplicate address detection: an address is usable at once.
      address.family === "ipv6" ? attribute(IFA.flags, word(2)) : [],
    );
    const verb = type === RTM.newAddress ? "add" : "delete";
    await request(message(type, NLM_F.request | NLM_F.ack | flags, body), `${verb} an address of ${name}`);
  };
  const routeBytes = (spec: RouteSpec, type: number, flags: number): Uint8Array => {
    const af = spec.prefix.family === "ipv4" ? AF.inet : AF.inet6;
    const wishes = new Wishes(af, ways);
    const wish = wishes.intern({ ...spec, table: spec.table ?? RT_TABLE_MAIN });
    const route = createRouteMessage();
    route.type = type;
    route.flags = flags;
    route.af = af;
    route.length = spec.prefix.length;
    route.address.set(spec.prefix.bytes);
    route.protocol = spec.protocol;
    route.table = wishes.table(wish);
    route.metric = wishes.metric(wish);
    route.way = wishes.way(wish);
    const bytes = new Uint8Array(routeOctets(ways, route.way));
    const end = writeRoute(bytes, 0, route, ways);
    wishes.release(wish);
    return bytes.slice(0, end);
  };

  return {
    listLinks,
    ifindex,
    async createVethPair(nameA, nameB, namespaceOfB) {
      const fd = namespaceOfB && "path" in namespaceOfB ? openSync(namespaceOfB.path, "r") : -1;
      const to =
        fd >= 0
          ? attribute(IFLA_NET_NS_FD, word(fd))
          : namespaceOfB && "pid" in namespaceOfB
            ? attribute(IFLA_NET_NS_PID, word(namespaceOfB.pid))
            : [];
      const peer = concat(new Array<number>(16).fill(0), attribute(IFLA.name, cString(nameB)), to);
      const info = concat(
        attribute(IFLA_INFO_KIND, cString("veth")),
        attribute(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, peer)),
      );
      const body = concat(
        new Array<number>(16).fill(0),
        attribute(IFLA.name, cString(nameA)),
        attribute(IFLA.linkInfo, info),
      );
      const flags = NLM_F.request | NLM_F.ack | NLM_F.create | NLM_F.exclusive;
      try {
        await request(message(RTM.newLink, flags, body), `create the veth pair ${nameA}, ${nameB}`);
      } finally {
        if (fd >= 0) closeSync(fd);
      }
    },
    async setUp(name, up = true) {
      const body = concat([0, 0, 0, 0], word(await ifindex(name)), word(up ? 1 : 0), word(1));
      await request(message(RTM.newLink, NLM_F.request | NLM_F.ack, body), `set ${name} ${up ? "up" : "down"}`);
    },
    async deleteLink(name) {
      const body = concat([0, 0, 0, 0], word(await ifindex(name)), word(0), word(0));
      await request(message(RTM.delLink, NLM_F.request | NLM_F.ack, body), `delete ${name}`);
    },
    addAddress: (name, address, length) =>
      addressRequest(RTM.newAddress, NLM_F.create | NLM_F.exclusive, name, address, length),
    deleteAddress: (name, address, length) => addressRequest(RTM.delAddress, 0, name, address, length),
    async addRoute(route, how = "create") {
      const flags =
        NLM_F.create | (how === "create" ? NLM_F.exclusive : how === "replace" ? NLM_F.replace : NLM_F.append);
      await request(routeBytes(route, RTM.newRoute, NLM_F.request | NLM_F.ack | flags), "add a route");
    },
    async deleteRoute(route) {
      await request(routeBytes(route, RTM.delRoute, NLM_F.request | NLM_F.ack), "delete a route");
    },
    async addRoutes(routes) {
      let refused = 0;
      const flags = NLM_F.request | NLM_F.create | NLM_F.exclusive;
      for (let from = 0; from < routes.length; from += 1000) {
        const parts = routes.slice(from, from + 1000).map((route) => routeBytes(route, RTM.newRoute, flags));
        await new Promise<void>((resolve) => {
          for (const [i, part] of parts.entries()) {
            const mine = seq++;
            put32(part, 8, mine);
            if (i === parts.length - 1) put16(part, 6, flags | NLM_F.ack);
            const done = (problem: Error | undefined) => {
              if (problem) refused++;
              if (i === parts.length - 1) resolve();
            };
            waiting.set(mine, { message: () => {}, done });
          }
          socket.send(concat(...parts), () => {});
        });
        waiting.clear();
      }
      return refused;
    },
    async listRoutes(family, table = RT_TABLE_MAIN) {
      const routes: KernelRoute[] = [];
      const route = createRouteMessage();
      const bytes = new Uint8Array(36);
      writeRouteDump(bytes, 0, family === "ipv4" ? AF.inet : AF.inet6, table);
      await request(bytes, "list routes", (message, at, octets) => {
        if (u16(message, at + 4) !== RTM.newRoute || !parseRoute(message, at, octets, route, ways)) return;
        const prefSrc = ways.prefSrc(route.way);
        const type = ways.type(route.way);
        routes.push({
          prefix: { family, bytes: route.address.slice(0, octetsOf(family)), length: route.length },
          metric: route.metric,
          protocol: route.protocol,
          kind: type === RTN.unicast ? "unicast" : type === RTN.blackhole ? "blackhole" : "other",
          hops: ways.hops(route.way),
          scope: ways.scope(route.way),
          ...(prefSrc && { prefSrc }),
        });
        ways.release(route.way);
      });
      return routes;
    },
    close: () => socket.close(),
  };
}

function dispatch(bytes: Uint8Array, waiting: Map<number, Waiting>): void {
  for (let at = 0; at + NLMSG_HEADER <= bytes.length; ) {
    const octets = i32(bytes, at);
    if (octets < NLMSG_HEADER || at + octets > bytes.length) return;
    const seq = i32(bytes, at + 8);
    const one = waiting.get(seq);
    const type = u16(bytes, at + 4);
    if (one && (type === NLMSG.error || type === NLMSG.done)) {
      waiting.delete(seq);
      const errno = ackErrno(bytes, at, octets);
      one.done(errno === 0 ? undefined : new Error(describeErrno(errno, ackText(bytes, at, octets))));
    } else one?.message(bytes, at, octets);
    at += align4(octets);
  }
}

function message(type: number, flags: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(NLMSG_HEADER + body.length);
  put16(bytes, 4, type);
  put16(bytes, 6, flags);
  bytes.set(body, NLMSG_HEADER);
  return bytes;
}

/** An attribute with its padding. */
function attribute(type: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(align4(4 + body.length));
  put16(bytes, 0, 4 + body.length);
  put16(bytes, 2, type);
  bytes.set(body, 4);
  return bytes;
}

function word(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  put32(bytes, 0, value);
  return bytes;
}

function cString(text: string): Uint8Array {
  return new Uint8Array([...new TextEncoder().encode(text), 0]);
}

function concat(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

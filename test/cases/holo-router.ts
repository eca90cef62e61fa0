/** A router of ours that is given what a router of holo was given. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ConnectionId, TransportEvent } from "../../src/daemon/ports.ts";
import { createRouter, type Router } from "../../src/daemon/router.ts";
import type { Forwarding, KernelEvent } from "../../src/fib/fib.ts";
import { parseAddress, parseQuad } from "../../src/ip/address.ts";
import { contains, parsePrefix, prefixOf } from "../../src/ip/prefix.ts";
import { bytes, message, u16, u32 } from "../bgp/wire.ts";
import { attributesOf, KEEPALIVE, nlri, update } from "../daemon/speaker.ts";
import { configOf } from "../daemon/world.ts";
import { seeded, VirtualTime } from "../sim/clock.ts";
import { memoryFib } from "../sim/wanted-fib.ts";
import { HeardTable, MessageCutter, readUpdate } from "../sim/wire-reader.ts";
import { type HoloEvent, readHoloEvents } from "./holo.ts";

/** OSPF as the kernel numbers it (RTPROT_OSPF). */
const OSPF = 188;

interface ConnInfo {
  readonly local_addr: string;
  readonly remote_addr: string;
  readonly remote_port: number;
}
interface HoloAttrs {
  readonly origin: string;
  readonly as_path: { readonly segments: readonly { readonly members: readonly number[] }[] };
  readonly local_pref?: number;
}
interface HoloUpdate {
  readonly reach?: { readonly prefixes: readonly string[]; readonly nexthop: string };
  readonly unreach?: { readonly prefixes: readonly string[] };
  readonly attrs?: { readonly base: HoloAttrs };
}
export interface HoloMessage {
  readonly Open?: { readonly my_as: number; readonly holdtime: number; readonly identifier: string };
  readonly Keepalive?: object;
  readonly Update?: HoloUpdate;
}

const ORIGINS: Readonly<Record<string, number>> = { Igp: 0, Egp: 1, Incomplete: 2 };
export const json = (path: string) => JSON.parse(readFileSync(path, "utf8"));
export const lines = (path: string) =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));

/** The parts of holo's configuration that matter here, as one of ours. */
function configText(folder: string): string {
  const protocols = json(join(folder, "config.json"))["ietf-routing:routing"]["control-plane-protocols"];
  const bgp = protocols["control-plane-protocol"].find((p: { type: string }) => p.type === "ietf-bgp:bgp")[
    "ietf-bgp:bgp"
  ];
  const { as, identifier } = bgp.global;
  const peers = bgp.neighbors.neighbor.map(
    (n: { "remote-address": string; "peer-as": number; transport?: { "local-address": string } }) =>
      `  - { name: "${n["remote-address"]}", address: ${n["remote-address"]}, asn: ${n["peer-as"]}, passive: true, import: accept, export: redist${n.transport ? `, localAddress: ${n.transport["local-address"]}` : ""} }`,
  );
  return `router: { id: ${identifier}, asn: ${as}, listen: [{ address: 0.0.0.0 }] }
kernel: { learn: false }
limits: { routes: 1000, paths: 1000, attributeSets: 1000, attributeOctets: 100000 }
policies:
  redist:
    - { match: { source: [direct], prefixes: [${identifier}/32] }, action: accept }
    - { match: { source: [bgp] }, action: accept }
    - { action: reject }
peers:
${peers.join("\n")}
`;
}

/** One message as octets of a four-octet session. */
function octetsOf(one: HoloMessage): Uint8Array {
  if (one.Open) {
    const { my_as, holdtime, identifier } = one.Open;
    const capabilities = [1, 4, 0, 1, 0, 1, 65, 4, ...u32(my_as), 2, 0];
    const parameters = [2, capabilities.length, ...capabilities];
    return message(
      1,
      bytes([4], u16(my_as), u16(holdtime), u32(parseQuad(identifier)!), [parameters.length], parameters),
    );
  }
  if (!one.Update) return KEEPALIVE;
  const { reach, unreach, attrs } = one.Update;
  const withdrawn = (unreach?.prefixes ?? []).flatMap(nlri);
  if (!reach || !attrs) return update(withdrawn, [], []);
  const { origin, as_path, local_pref } = attrs.base;
  const asPath = as_path.segments.flatMap((segment) => segment.members);
  const route = {
    nextHop: reach.nexthop,
    asPath,
    origin: ORIGINS[origin]!,
    ...(local_pref === undefined ? {} : { localPref: local_pref }),
  };
  return update(withdrawn, attributesOf(route, "ipv4", true), reach.prefixes.flatMap(nlri));
}

export interface Replayed {
  readonly router: Router;
  readonly fib: ReadonlyMap<string, Forwarding>;
  /** What was sent over the session that is up, by peer. */
  readonly sent: ReadonlyMap<string, HeardTable>;
}

export function replay(folder: string): Replayed {
  const events = readHoloEvents(join(folder, "events.jsonl"));
  const time = new VirtualTime();
  const fib = new Map<string, Forwarding>();
  const heard = new Map<ConnectionId, { cutter: MessageCutter; table: HeardTable }>();
  const open = new Map<ConnectionId, string>();
  const router = createRouter(
    {
      clock: time.clock(() => true),
      random: seeded(1),
      log: () => {},
      transport: {
        listen: () => {},
        connect: () => {},
        write(id, octets) {
          const { cutter, table } = heard.get(id)!;
          for (const one of cutter.push(octets))
            if (one[18] === 2) for (const event of readUpdate(one, true)) table.hear(event);
          return true;
        },
        pending: () => 0,
        accepted: () => 0,
        hasUnread: () => false,
        setTtl: () => {},
        setInterface: () => {},
        setKey: () => true,
        health: () => undefined,
        refused: () => undefined,
        pauseReading: () => {},
        resumeReading: () => {},
        close: (id) => void open.delete(id),
      },
      fib: memoryFib(fib),
      sha256: (octets) => octets,
      version: "test",
    },
    configOf(configText(folder)),
    "router",
  );
  const transport = (event: TransportEvent) => router.handle({ from: "transport", event });
  const kernel = (event: KernelEvent) => router.handle({ from: "kernel", event });
  for (const event of interfaceEvents(events)) kernel(event);
  kernel({ kind: "synced" });

  const connectionOf = (address: string) => {
    const active = router.core.peers.get(address)?.active?.id;
    return active ?? [...open].findLast(([, remote]) => remote === address)?.[0];
  };
  /** Who opened a connection does not matter to what follows: all come in. An attempt that was replaced had ended. */
  const connect = ({ local_addr, remote_addr, remote_port }: ConnInfo) => {
    const former = router.core.peers.get(remote_addr)?.active ? undefined : connectionOf(remote_addr);
    if (former !== undefined) lose(former);
    const id = -1 - heard.size;
    heard.set(id, { cutter: new MessageCutter(), table: new HeardTable() });
    open.set(id, remote_addr);
    const local = { address: parseAddress(local_addr)!, port: 179 };
    transport({ kind: "incoming", id, local, remote: { address: parseAddress(remote_addr)!, port: remote_port } });
  };
  const lose = (id: ConnectionId) => {
    open.delete(id);
    transport({ kind: "closed", id, reason: "connection closed" });
    time.runUntil(time.nowMs + 60_000);
  };

  for (const { kind, content } of events) {
    if (kind === "TcpAccept" || kind === "TcpConnect") connect((content as { conn_info: ConnInfo }).conn_info);
    if (kind === "NbrRx") {
      const { nbr_addr, msg } = content as { nbr_addr: string; msg: { Ok?: HoloMessage; Err?: object } };
      const id = connectionOf(nbr_addr);
      if (id !== undefined && msg.Ok) transport({ kind: "data", id, bytes: octetsOf(msg.Ok) });
      else if (id !== undefined) lose(id);
    }
    if (kind === "RouteIpAdd") {
      const { protocol, prefix, metric, nexthops } = content as {
        protocol: string;
        prefix: string;
        metric: number;
        nexthops: readonly { Address: { ifindex: number; addr: string } }[];
      };
      if (protocol === "bgp") continue;
      const hops = nexthops.map(({ Address: { ifindex, addr } }) => ({ ifindex, gateway: parseAddress(addr)! }));
      const route = { prefix: parsePrefix(prefix)!, metric, protocol: OSPF, kind: "unicast" as const, hops, scope: 0 };
      kernel({ kind: "route", gone: false, route });
      kernel({ kind: "batch" });
    }
    time.runUntil(time.nowMs + 100);
  }
  time.runUntil(time.nowMs + 5000);
  const sent = new Map(
    [...router.core.peers].map(([name, peer]) => [name, heard.get(peer.active?.id ?? 0)?.table ?? new HeardTable()]),
  );
  return { router, fib, sent };
}

/** Direct routes are told without the address of ours in them: that stands in other events. */
function interfaceEvents(events: readonly HoloEvent[]): KernelEvent[] {
  const own = events.flatMap(({ kind, content }) => {
    if (kind === "InterfaceAddressAdd") return [(content as { addr: string }).addr.split("/")[0]!];
    const info = (content as { conn_info?: ConnInfo } | null)?.conn_info;
    return info ? [info.local_addr] : [];
  });
  const seen = new Set<string>();
  return events.flatMap(({ kind, content }): KernelEvent[] => {
    const route = content as {
      protocol: string;
      prefix: string;
      nexthops: readonly { Interface?: { ifindex: number } }[];
    };
    if (kind !== "RouteRedistributeAdd" || route.protocol !== "direct" || seen.has(route.prefix)) return [];
    seen.add(route.prefix);
    const { ifindex } = route.nexthops[0]!.Interface!;
    const prefix = parsePrefix(route.prefix)!;
    const address =
      own.map((text) => parseAddress(text)!).find((a) => contains(prefix, a)) ??
      parseAddress(route.prefix.split("/")[0]!)!;
    const link = { ifindex, name: `if${ifindex}`, up: true, carrier: true, loopback: prefix.length === 32 };
    return [
      { kind: "link", gone: false, link },
      { kind: "address", gone: false, address: { ifindex, address, prefixLength: prefix.length, usable: true } },
      {
        kind: "route",
        gone: false,
        route: {
          prefix: prefixOf(address, prefix.length),
          metric: 0,
          protocol: 2,
          kind: "unicast",
          hops: [{ ifindex }],
          scope: 253,
        },
      },
    ];
  });
}

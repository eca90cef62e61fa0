import type { Random } from "../../src/daemon/ports.ts";
import { FAMILIES, type Family } from "../../src/ip/address.ts";

export const ROUTERS = 4;

/** A session between two routers. Both families over IPv4 unless it says otherwise. */
export interface SimSession {
  readonly a: number;
  readonly b: number;
  /** The end that is a client of the other, its reflector. */
  readonly client?: number;
  readonly families?: readonly Family[];
  /** Family of the addresses that the session runs between. */
  readonly over?: Family;
  /** The end that announces itself as next hop to the other. */
  readonly nextHopSelf?: number;
  /** The end that announces default routes only to the other. */
  readonly defaultOnly?: number;
  /** It does so only while it has one itself. */
  readonly ifReachable?: boolean;
  /** AS of the session's own, by router. */
  readonly localAs?: Readonly<Record<number, SimLocalAs>>;
  /** Prefixes of each family beyond which a router leaves out what the other sends, and what it would send, by router. */
  readonly maxIn?: Readonly<Record<number, number>>;
  readonly maxOut?: Readonly<Record<number, number>>;
}

export interface SimLocalAs {
  readonly asn: number;
  readonly noPrepend?: boolean;
  readonly replaceAs?: boolean;
}

/** One way in which four routers may be joined; everybody is on 10.0.0.0/24 and 2001:db8::/64, router `i` being host i + 1. */
export interface Topology {
  readonly name: string;
  readonly asns: readonly number[];
  readonly sessions: readonly SimSession[];
}

export function sessionOf(topology: Topology, a: number, b: number): SimSession {
  return topology.sessions.find((s) => (s.a === a && s.b === b) || (s.a === b && s.b === a))!;
}

/** The AS that a router is to the other end. */
function asnOn(topology: Topology, session: SimSession, router: number): number {
  return session.localAs?.[router]?.asn ?? topology.asns[router]!;
}

export function isExternal(topology: Topology, a: number, b: number): boolean {
  const session: SimSession | undefined = sessionOf(topology, a, b);
  return session !== undefined && asnOn(topology, session, a) !== asnOn(topology, session, b);
}

/** What a router puts in front of AS_PATH towards an external neighbour (RFC 7705). */
export function announcedAses(topology: Topology, router: number, to: number): number[] {
  const own = topology.asns[router]!;
  const local = sessionOf(topology, router, to).localAs?.[router];
  if (!local || local.asn === own) return [own];
  return local.replaceAs ? [local.asn] : [local.asn, own];
}

const mesh: readonly SimSession[] = [
  { a: 0, b: 1 },
  { a: 0, b: 2, families: ["ipv4"] },
  { a: 0, b: 3 },
  { a: 1, b: 2, over: "ipv6" },
  { a: 1, b: 3 },
  { a: 2, b: 3, families: ["ipv6"], over: "ipv6" },
];

const TOPOLOGIES: readonly Topology[] = [
  { name: "internal mesh", asns: [64512, 64512, 64512, 64512], sessions: mesh },
  { name: "external mesh", asns: [64512, 64513, 4_200_000_001, 65_000], sessions: mesh },
  {
    name: "one reflector, itself the next hop for one client",
    asns: [64512, 64512, 64512, 64512],
    sessions: [
      { a: 0, b: 1, client: 1, nextHopSelf: 0 },
      { a: 0, b: 2, client: 2, families: ["ipv6"], over: "ipv6" },
      { a: 0, b: 3, client: 3 },
    ],
  },
  {
    name: "two reflectors",
    asns: [64512, 64512, 64512, 64512],
    sessions: [
      { a: 0, b: 1, over: "ipv6" },
      { a: 0, b: 2, client: 2 },
      { a: 0, b: 3, client: 3 },
      { a: 1, b: 2, client: 2, families: ["ipv4"] },
      { a: 1, b: 3, client: 3 },
    ],
  },
  {
    name: "reflector with a client, a plain peer and an external one that gets default routes only",
    asns: [64512, 64512, 64512, 65_010],
    sessions: [
      { a: 0, b: 1, client: 1 },
      { a: 0, b: 2 },
      { a: 0, b: 3, defaultOnly: 0 },
      { a: 2, b: 3 },
    ],
  },
  {
    name: "external ring",
    asns: [65_001, 65_002, 65_003, 65_004],
    sessions: [
      { a: 0, b: 1 },
      { a: 1, b: 2, families: ["ipv6"], over: "ipv6" },
      { a: 2, b: 3, over: "ipv6" },
      { a: 3, b: 0, defaultOnly: 3 },
    ],
  },
  {
    name: "ring with ASes of the sessions' own, one of which makes a session internal",
    asns: [65_001, 65_002, 65_003, 65_004],
    sessions: [
      { a: 0, b: 1, localAs: { 0: { asn: 65_010 } } },
      {
        a: 1,
        b: 2,
        localAs: { 2: { asn: 4_200_000_011, noPrepend: true, replaceAs: true }, 1: { asn: 65_012, replaceAs: true } },
      },
      { a: 2, b: 3, localAs: { 3: { asn: 65_003 } } },
      { a: 3, b: 0, defaultOnly: 3, ifReachable: true },
    ],
  },
  {
    name: "ring with room for a few prefixes only",
    asns: [65_001, 65_002, 65_003, 65_004],
    sessions: [
      { a: 0, b: 1, maxIn: { 1: 8 } },
      { a: 1, b: 2, maxOut: { 1: 6 } },
      { a: 2, b: 3, maxIn: { 2: 5, 3: 12 } },
      { a: 3, b: 0, maxIn: { 3: 9 }, maxOut: { 0: 10 } },
    ],
  },
];

export function topologyOf(seed: number): Topology {
  return TOPOLOGIES[seed % TOPOLOGIES.length]!;
}

const POLICIES = `policies:
  tag:
    - { match: { prefixes: [{ prefix: 10.1.0.0/16, ge: 24, le: 32 }, { prefix: "2001:db8:1000::/36", ge: 48, le: 64 }] }, set: { addCommunities: [65535:1] }, action: accept }
    - { action: accept }
  prepend:
    - { match: { source: [bgp] }, set: { prepend: 2 }, action: accept }
    - { action: accept }
  med:
    - { match: { communities: [65535:1] }, set: { med: 50 }, action: accept }
    - { set: { med: 10 }, action: accept }
  prefer:
    - { match: { communities: [65535:1] }, set: { localPref: 200 }, action: accept }
    - { action: accept }
  layers:
    - { call: inner }
    - { match: { fromPeerType: ebgp, communities: "65535:*" }, set: { removeCommunities: "65535:*", addLargeCommunities: [1:2:3] }, action: continue }
    - { match: { any: [{ asPath: { length: "> 2" } }, { not: { source: bgp } }] }, set: { addLargeCommunities: [1:2:4] }, action: continue }
    - { match: { peerType: ebgp, med: "< 60" }, set: { med: preference - 50 }, action: accept }
    - { match: { peerType: ibgp, med: "< 60" }, set: { removeLargeCommunities: "1:2:*" }, action: accept }
    - { action: accept }
  inner:
    - { match: { prefixes: [10.1.200.0/24 le 32, "2001:db8:1080::/48 le 64"], interface: "*" }, set: { addExtendedCommunities: rt:1:2 }, action: continue }
    - { match: { extendedCommunities: "rt:1:*", peerType: ebgp }, set: { setExtendedCommunities: [], prepend: 1 }, action: accept }
  few:
    - { match: { prefixes: [{ prefix: 10.1.0.0/16, ge: 16, le: 25 }, { prefix: "2001:db8:1000::/36", ge: 36, le: 56 }] }, action: accept }
    - { action: reject }
`;

/** What of a router's configuration changes during a run. */
export interface Wishes {
  statics: readonly string[];
  /** No peers any more. */
  alone: boolean;
  /** The gracefulRestart key of its peers. */
  restart: string;
  /** Only these families are opened, whatever the session's are. */
  families: readonly Family[];
  /** By peer index. */
  readonly imports: Map<number, string>;
  readonly exports: Map<number, string>;
  /** What is offered of ADD-PATH. */
  readonly addPath: Map<number, string>;
  /** TCP-MD5. */
  readonly keys: Map<number, string>;
  /** Of each session one end has no entry for the other, only a range. */
  ranges: boolean;
}

export function newWishes(router: number, random: Random): Wishes {
  return {
    statics: pickStatics(router, random),
    alone: false,
    restart: "aware",
    families: FAMILIES,
    imports: new Map(),
    exports: new Map(),
    addPath: new Map(),
    keys: new Map(),
    ranges: false,
  };
}

/** Prefixes of this router's own, some that others announce too, and perhaps a default route. */
export function pickStatics(router: number, random: Random): string[] {
  const out: string[] = [];
  for (let i = 0; i < 10; i++) if (random() < 0.7) out.push(`10.1.${router * 16 + i}.0/24`);
  for (let i = 0; i < 5; i++) if (random() < 0.5) out.push(`10.1.200.${i * 32}/27`);
  for (let i = 0; i < 5; i++) if (random() < 0.7) out.push(`2001:db8:10${router}${i}::/48`);
  for (let i = 0; i < 3; i++) if (random() < 0.5) out.push(`2001:db8:1080:${i}::/64`);
  for (const prefix of ["0.0.0.0/0", "::/0"]) if (random() < 0.3) out.push(prefix);
  return out;
}

const IMPORTS = ["accept", "accept", "prefer", "few"];
const EXPORTS = ["accept", "accept", "tag", "prepend", "med", "few", "layers"];

/** Between ASes no policy may prefer a longer path: such a network need not converge at all (RFC 4264). */
export function pickPolicies(topology: Topology, router: number, wishes: Wishes, peer: number, random: Random): void {
  const chosen = IMPORTS[Math.floor(random() * IMPORTS.length)]!;
  const external = topology.asns[router] !== topology.asns[peer] || isExternal(topology, router, peer);
  wishes.imports.set(peer, chosen === "prefer" && external ? "accept" : chosen);
  wishes.exports.set(peer, EXPORTS[Math.floor(random() * EXPORTS.length)]!);
}

const ADD_PATH = ["off", "both", "{ receive: true, send: 2 }", "{ send: all }", "{ receive: true }"];

/** A change of it resets the session, and with it goes what identifiers meant. */
export function pickAddPath(wishes: Wishes, peer: number, random: Random): void {
  wishes.addPath.set(peer, ADD_PATH[Math.floor(random() * ADD_PATH.length)]!);
}

const ADDRESS = {
  ipv4: (router: number) => `10.0.0.${router + 1}`,
  ipv6: (router: number) => `2001:db8::${router + 1}`,
};

/** The address at which a session has the router. */
export function sessionAddress(session: SimSession, router: number): string {
  return ADDRESS[session.over ?? "ipv4"](router);
}

/** The configuration of one router in several files: those that did not change need not be parsed again. */
export function configFiles(topology: Topology, router: number, wishes: Wishes): { path: string; text: string }[] {
  const id = `10.0.0.${router + 1}`;
  const listen = FAMILIES.map((family) => `{ address: "${ADDRESS[family](router)}", port: 179 }`).join(", ");
  const main = `router: { id: ${id}, asn: ${topology.asns[router]}, listen: [${listen}] }
limits: { routes: 10000, paths: 40000, attributeSets: 10000, attributeOctets: 1000000 }
`;
  const statics = wishes.statics.map((prefix) => `  - { prefix: "${prefix}", blackhole: true }`);
  const peers = wishes.alone
    ? []
    : topology.sessions
        .filter(({ a, b }) => a === router || b === router)
        .map((s) => peerFile(topology, s, router, wishes));
  return [
    { path: `r${router}.yaml`, text: main },
    { path: "policies.yaml", text: POLICIES },
    { path: "static.yaml", text: statics.length > 0 ? `static:\n${statics.join("\n")}\n` : "static: []\n" },
    ...peers,
  ];
}

/** A session without any family left keeps what it has. */
function familiesOf({ families = FAMILIES }: SimSession, wishes: Wishes): readonly Family[] {
  const wished = families.filter((family) => wishes.families.includes(family));
  return wished.length > 0 ? wished : families;
}

function hasRange(session: SimSession, router: number, { ranges }: Wishes): boolean {
  return ranges && session.a === router;
}

function hostPrefix(address: string): string {
  return `${address}/${address.includes(":") ? 128 : 32}`;
}

/** Keys that few sessions have. */
function sessionOptions({ ifReachable, localAs, maxIn, maxOut }: SimSession, router: number): string {
  const lines: string[] = [];
  if (ifReachable) lines.push("defaultOnly: ifReachable");
  if (localAs?.[router]) lines.push(`localAs: ${JSON.stringify(localAs[router])}`);
  for (const [key, limit] of [
    ["maxPrefixesIn", maxIn?.[router]],
    ["maxPrefixesOut", maxOut?.[router]],
  ] as const)
    if (limit !== undefined) lines.push(`${key}: { limit: ${limit}, action: block }`);
  return `${lines.join("\n")}\n`;
}

function peerFile(topology: Topology, session: SimSession, router: number, wishes: Wishes) {
  const other = session.a === router ? session.b : session.a;
  const exported = session.defaultOnly === router ? "default-only" : (wishes.exports.get(other) ?? "accept");
  const address = sessionAddress(session, other);
  // Tried by nobody but the other end, then.
  const where = hasRange(session, router, wishes) ? `prefix: "${hostPrefix(address)}"` : `address: "${address}"`;
  const key = wishes.keys.get(other);
  const text = `name: r${other}
${where}${key === undefined ? "" : `\npassword: ${key}`}
asn: ${asnOn(topology, session, other)}
families: [${familiesOf(session, wishes).join(", ")}]
gracefulRestart: ${wishes.restart}
import: ${wishes.imports.get(other) ?? "accept"}
export: ${exported}
nextHop: ${session.nextHopSelf === router ? "self" : "auto"}
routeReflectorClient: ${session.client === other}
addPath: ${wishes.addPath.get(other) ?? "off"}
timers: { hold: 90s, connectRetry: 20s, connectDelay: 1s, idleHoldMin: 2s, idleHoldMax: 20s }
${sessionOptions(session, router)}`;
  return { path: `peers/r${other}.yaml`, text };
}

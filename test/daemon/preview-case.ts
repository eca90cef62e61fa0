/** Random routers, random tables and random changes of configuration, for previews to be compared with effects. */
import type { Random } from "../../src/daemon/ports.ts";
import { parseAddress } from "../../src/ip/address.ts";
import type { Route, Speaker } from "./speaker.ts";
import type { World } from "./world.ts";
import { header, peer } from "./world.ts";

export interface CasePeer {
  readonly name: string;
  readonly address: string;
  readonly asn: number;
  readonly addPath: boolean;
  readonly fourOctetAs: boolean;
  /** Its routes may be kept while it restarts. */
  readonly restarts?: boolean;
  /** Of a range: the name that follows from it, and the range's prefix. */
  readonly range?: string;
}

export const CASE_PEERS: readonly CasePeer[] = [
  { name: "client-a", address: "10.0.0.11", asn: 64512, addPath: true, fourOctetAs: true },
  { name: "client-b", address: "10.0.0.12", asn: 64512, addPath: false, fourOctetAs: true },
  { name: "plain", address: "10.0.0.21", asn: 64512, addPath: true, fourOctetAs: true },
  { name: "ext-a", address: "10.0.0.31", asn: 65001, addPath: false, fourOctetAs: true, restarts: true },
  { name: "ext-b", address: "10.0.1.32", asn: 65002, addPath: true, fourOctetAs: true },
  { name: "old", address: "10.0.0.33", asn: 65003, addPath: false, fourOctetAs: false },
  {
    name: "range-10.0.0.201",
    address: "10.0.0.201",
    asn: 65001,
    addPath: true,
    fourOctetAs: true,
    restarts: true,
    range: "10.0.0.192/26",
  },
];

const POLICIES = `
policies:
  few:
    - { match: { prefixes: [{ prefix: 10.9.0.0/16, ge: 16, le: 25 }, { prefix: "2001:db8:9000::/36", ge: 36, le: 56 }] }, action: accept }
    - { action: reject }
  tag:
    - { match: { communities: ["65535:1"] }, set: { addCommunities: ["64512:9"], med: 70 }, action: continue }
    - { action: accept }
  prefer:
    - { match: { communities: ["65535:1"] }, set: { localPref: 300 }, action: accept }
    - { action: accept }
  prepend:
    - { match: { source: [bgp] }, set: { prepend: 2 }, action: accept }
    - { action: accept }
  metric:
    - { match: { communities: ["65535:1"] }, set: { metric: 77 }, action: accept }
    - { match: { prefixes: [{ prefix: 10.9.64.0/18, ge: 18, le: 32 }] }, action: reject }
    - { action: accept }
`;

const pick = <T>(random: Random, values: readonly T[]): T => values[Math.floor(random() * values.length)]!;

/** Where something stands in a file, so that two texts differ in a few places only. */
export interface CaseConfig {
  readonly kernel: string;
  readonly statics: readonly string[];
  /** Keys of the router section. */
  readonly router: string;
  readonly peers: ReadonlyMap<string, readonly string[]>;
}

const KEYS: readonly ((random: Random, external: boolean) => string)[] = [
  (random) => `import: ${pick(random, ["accept", "accept", "few", "tag", "prefer", "reject"])}`,
  (random) => `export: ${pick(random, ["accept", "accept", "few", "tag", "prepend", "default-only"])}`,
  (random) => `nextHop: ${pick(random, ["auto", "gateway", "self", "keep"])}`,
  (random, external) => `routeReflectorClient: ${!external && random() < 0.5}`,
  (random) => `addPath: ${pick(random, ["off", "both", "{ send: 2 }"])}`,
  (random) => `timers: { hold: ${pick(random, ["90s", "90s", "60s"])} }`,
  (random) => `families: ${pick(random, ["[ipv4, ipv6]", "[ipv4, ipv6]", "[ipv4]"])}`,
  (random) => `disabled: ${random() < 0.05}`,
  (random) => `description: ${pick(random, ["one", "two"])}`,
  (random) => `allowOwnAs: ${pick(random, [0, 1])}`,
  (random, external) => (external ? `enforceFirstAs: ${random() < 0.5}` : "allowAsSets: false"),
  (random, external) =>
    external
      ? `localAs: ${pick(random, ["64512", "{ asn: 64999, replaceAs: true }", "{ asn: 64999, noPrepend: true }"])}`
      : "multihop: true",
  (random) => `defaultOnly: ${pick(random, ["always", "ifReachable"])}`,
  (random) =>
    `maxPrefixesIn: { limit: ${pick(random, [1000, 1000, 1000, 6])}, action: ${pick(random, ["warn", "block", "restart", "disable"])} }`,
  (random) =>
    `maxPrefixesOut: { limit: ${pick(random, [1000, 1000, 1000, 10])}, action: ${pick(random, ["warn", "restart", "disable"])} }`,
  (random) => `gracefulRestart: ${pick(random, ["aware", "off", "{ mode: aware, longLived: on }"])}`,
];

export function randomConfig(random: Random): CaseConfig {
  return {
    kernel: randomKernel(random),
    statics: randomStatics(random),
    router: randomRouter(random),
    peers: new Map(CASE_PEERS.map(({ name, asn }) => [name, KEYS.map((key) => key(random, asn !== 64512))])),
  };
}

function randomRouter(random: Random): string {
  return `clusterId: ${pick(random, ["1.1.1.1", "2.2.2.2"])}, gracefulShutdown: ${random() < 0.7}`;
}

function randomKernel(random: Random): string {
  return `{ program: ${random() < 0.9}, export: ${pick(random, ["accept", "accept", "metric"])}, multipath: ${pick(random, [1, 16])} }`;
}

function randomStatics(random: Random): string[] {
  const out: string[] = [];
  for (let i = 0; i < 6; i++) if (random() < 0.4) out.push(`{ prefix: 10.9.${i * 32}.0/24, blackhole: true }`);
  if (random() < 0.5)
    out.push(`{ prefix: 10.70.0.0/16, via: ${pick(random, ["10.0.0.50", "10.0.1.50", "10.0.9.50"])} }`);
  if (random() < 0.3) out.push(`{ prefix: 0.0.0.0/0, via: ${pick(random, ["10.0.0.60", "10.0.1.60"])} }`);
  if (random() < 0.3) out.push(`{ prefix: "2001:db8:9001::/48", blackhole: true }`);
  return out;
}

/** A few of the things that stand in the configuration become others; a peer may go. */
export function changed(before: CaseConfig, random: Random): CaseConfig {
  const peers = new Map(before.peers);
  for (const { name, asn } of CASE_PEERS) {
    if (random() < 0.06) peers.delete(name);
    if (random() < 0.6 || !peers.has(name)) continue;
    const keys = [...peers.get(name)!];
    const at = Math.floor(random() * keys.length);
    keys[at] = KEYS[at]!(random, asn !== 64512);
    peers.set(name, keys);
  }
  return {
    kernel: random() < 0.3 ? randomKernel(random) : before.kernel,
    statics: random() < 0.4 ? randomStatics(random) : before.statics,
    router: random() < 0.2 ? randomRouter(random) : before.router,
    peers,
  };
}

export function configText({ kernel, statics, router, peers }: CaseConfig): string {
  const lines = CASE_PEERS.filter(({ name }) => peers.has(name)).map(({ name, address, asn, range }) => {
    const keys = peers.get(name)!.join(", ");
    return range ? `  - { name: range, prefix: ${range}, asn: ${asn}, ${keys} }\n` : peer(name, address, asn, keys);
  });
  return `${header(64512, router)}${POLICIES}
kernel: ${kernel}
static: [${statics.join(", ")}]
peers:${lines.length === 0 ? " []" : `\n${lines.join("")}`}
`;
}

/** What a speaker announces, so that it can say it again. */
export type Table = readonly (readonly [prefix: string, route: Route])[];

export function randomTable({ address, asn, addPath }: CasePeer, random: Random, ids: boolean): Table {
  const external = asn !== 64512;
  const out: [string, Route][] = [];
  for (let i = 0; i < 24; i++) {
    if (random() < 0.5) continue;
    const v6 = random() < 0.25;
    const prefix = v6
      ? `2001:db8:900${i % 4}::/${pick(random, [48, 64])}`
      : `10.9.${i * 8}.0/${pick(random, [24, 29])}`;
    const hops = v6 ? ["2001:db8::77", "2001:db8:1::78"] : [address, "10.0.0.77", "10.70.1.1", "10.99.0.1"];
    const route: Route = {
      nextHop: pick(random, hops),
      asPath: external
        ? [asn, ...(random() < 0.4 ? [pick(random, [65001, 65002, 70000, 64512])] : [])]
        : random() < 0.3
          ? [65010]
          : [],
      origin: pick(random, [0, 0, 2]),
      ...(random() < 0.3 && { med: Math.floor(random() * 3) * 10 }),
      ...(!external && { localPref: pick(random, [100, 100, 200]) }),
      ...(random() < 0.4 && { communities: pick(random, [["65535:1"], ["64512:5"], ["65535:65281"], ["65535:0"]]) }),
      ...(!external && random() < 0.2 && { originatorId: "9.8.7.6", clusterList: ["7.7.7.7"] }),
    };
    const count = addPath && ids && random() < 0.5 ? 2 : 1;
    for (let id = 1; id <= count; id++)
      out.push([addPath && ids ? `${prefix}#${id}` : prefix, { ...route, med: id * 10 }]);
  }
  return out;
}

export function announceAll(speaker: Speaker, table: Table): void {
  for (const [prefix, route] of table) speaker.announce(prefix, route);
  speaker.endOfRib("ipv4");
  speaker.endOfRib("ipv6");
}

export function speakerOf(world: World, { address, asn, addPath, fourOctetAs, restarts }: CasePeer): Speaker {
  if (!parseAddress(address)) throw new Error(address);
  return world.speaker(address, {
    asn,
    fourOctetAs,
    families: ["ipv4", "ipv6"],
    ...(addPath && { addPath: "both" as const }),
    ...(restarts && { gracefulRestart: {}, longLived: {} }),
  });
}

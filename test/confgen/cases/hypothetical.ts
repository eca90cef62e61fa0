/** Routes that tell the filters of a configuration apart: each value that occurs in them, values beside it, and mixtures. */
import { type Address, parseAddress } from "../../../src/ip/address.ts";
import { formatPrefix, type Prefix, parsePrefix, prefixOf } from "../../../src/ip/prefix.ts";
import type { BirdConfig } from "./bird-config.ts";
import type { Code, Expression } from "./bird-filter.ts";
import type { BirdRoute, RouteSourceName } from "./bird-interpreter.ts";
import { DEFAULT_LOCAL_PREF } from "./our-policy.ts";

const GREATEST = 2147483647;
const NORMAL = 1024;

/** What filters look at. */
export interface Values {
  readonly nets: readonly string[];
  readonly interfaces: readonly (string | undefined)[];
  readonly communities: readonly (readonly string[])[];
  readonly largeCommunities: readonly (readonly string[])[];
  readonly paths: readonly (readonly number[])[];
  readonly localPrefs: readonly (number | undefined)[];
  readonly metrics: readonly (number | undefined)[];
  readonly nextHops: readonly string[];
}

/** `random` gives whole numbers below its argument. */
export function routesFor(config: BirdConfig, random: (below: number) => number, mixtures: number): BirdRoute[] {
  const values = valuesOf(config);
  const base = { bgp_path: [], bgp_community: [], bgp_large_community: [], bgp_next_hop: values.nextHops[0]! };
  const routes: BirdRoute[] = [];
  for (const net of values.nets) for (const source of SOURCES) routes.push(routeOf({ net, source, ...base }));
  for (const net of values.nets.slice(0, 12)) routes.push(...singly({ net, source: "RTS_BGP", ...base }, values));
  for (let i = 0; i < mixtures; i++) routes.push(mixture(values, random));
  return routes;
}

const SOURCES: readonly RouteSourceName[] = ["RTS_DEVICE", "RTS_STATIC", "RTS_INHERIT", "RTS_BGP"];
const PREFERENCE = { RTS_DEVICE: 240, RTS_STATIC: 200, RTS_INHERIT: 10, RTS_BGP: 100 } as const;

/** Fills in what BIRD has of a route of that source, and drops what it has not. */
function routeOf(route: Omit<BirdRoute, "preference">): BirdRoute {
  const { bgp_local_pref, krt_metric, bgp_next_hop, ...others } = route;
  const preference = PREFERENCE[route.source];
  if (route.source === "RTS_BGP")
    return { ...others, preference, bgp_next_hop: bgp_next_hop!, bgp_local_pref: bgp_local_pref ?? DEFAULT_LOCAL_PREF };
  const plain = { ...others, bgp_path: [], bgp_community: [], bgp_large_community: [], preference };
  // A kernel route has a metric, 0 where nobody gave it one.
  if (route.source === "RTS_INHERIT") return { ...plain, krt_metric: krt_metric ?? 0 };
  return plain;
}

/** One value after the other in place of the first. */
function singly(route: Omit<BirdRoute, "preference">, values: Values): BirdRoute[] {
  const kernel = { ...route, source: "RTS_INHERIT" } as const;
  return [
    ...values.interfaces.flatMap((ifname) =>
      ifname === undefined
        ? []
        : [
            { ...route, ifname },
            { ...kernel, ifname },
          ],
    ),
    ...values.communities.map((bgp_community) => ({ ...route, bgp_community })),
    ...values.largeCommunities.map((bgp_large_community) => ({ ...route, bgp_large_community })),
    ...values.paths.map((bgp_path) => ({ ...route, bgp_path })),
    ...values.localPrefs.map((value) => (value === undefined ? route : { ...route, bgp_local_pref: value })),
    ...values.metrics.map((value) => (value === undefined ? kernel : { ...kernel, krt_metric: value })),
    ...values.nextHops.map((bgp_next_hop) => ({ ...route, bgp_next_hop })),
  ].map(routeOf);
}

function mixture(values: Values, random: (below: number) => number): BirdRoute {
  const one = <T>(list: readonly T[]): T => list[random(list.length)]!;
  const ifname = one(values.interfaces);
  const bgp_local_pref = one(values.localPrefs);
  const krt_metric = one(values.metrics);
  return routeOf({
    net: one(values.nets),
    source: one(SOURCES),
    ...(ifname !== undefined && { ifname }),
    ...(bgp_local_pref !== undefined && { bgp_local_pref }),
    ...(krt_metric !== undefined && { krt_metric }),
    bgp_next_hop: one(values.nextHops),
    bgp_path: one(values.paths),
    bgp_community: one(values.communities),
    bgp_large_community: one(values.largeCommunities),
  });
}

export function valuesOf(config: BirdConfig): Values {
  const found = expressionsOf(config);
  const of = <T extends Expression["type"]>(type: T) =>
    found.filter((each): each is Extract<Expression, { type: T }> => each.type === type);
  const prefixes = [
    ...of("prefix").map(({ value }) => value),
    ...of("prefixSet").flatMap(({ members }) => members.map(({ prefix }) => prefix)),
    ...config.static.map(({ prefix }) => parsePrefix(prefix)!),
  ];
  const isIPv6 =
    config.peers.some(({ address }) => address.includes(":")) || prefixes.some((each) => each.family === "ipv6");
  const tuples = of("tuple").map(({ items }) => items);
  const numbers = of("number").map(({ value }) => value);
  const masks = of("pathMask").map(({ items }) => items.filter((each) => each !== undefined));
  const asns = [...new Set(config.peers.map(({ asn }) => asn))];
  return {
    nets: distinct(
      [...prefixes, ...(isIPv6 ? OTHERS.ipv6 : OTHERS.ipv4).map((text) => parsePrefix(text)!)].flatMap(around),
    ),
    interfaces: distinct([undefined, ...INTERFACES, ...of("text").flatMap(({ value }) => examplesOf(value))]),
    communities: lists(
      tuples.filter(({ length }) => length === 2),
      "65000:9",
    ),
    largeCommunities: lists(
      tuples.filter(({ length }) => length === 3),
      "65000:9:9",
    ),
    paths: [
      [],
      ...asns.map((asn) => [asn, 64999]),
      ...masks,
      ...masks.map((mask) => [...mask, 1]),
      ...masks.map((mask) => [1, ...mask]),
    ],
    localPrefs: distinct([undefined, ...LOCAL_PREFS, ...numbers.filter((each) => each > 100_000 && each <= GREATEST)]),
    metrics: [undefined, 0, 512, NORMAL - 1, NORMAL, NORMAL + 1, GREATEST],
    nextHops: isIPv6 ? ["fd00::2", "2001::1"] : nextHopsOf(prefixes),
  };
}

const OTHERS = { ipv4: ["203.0.113.0/24", "0.0.0.0/0"], ipv6: ["3fff:9::/64", "::/0"] } as const;
const INTERFACES = ["eth0", "tunl0", "vxlan.calico", "wireguard.cali", "bpfin.cali", "bpfout.cali", "cali12345"];
const LOCAL_PREFS = [0, 100, GREATEST - NORMAL - 1, GREATEST - NORMAL, GREATEST - NORMAL + 1, GREATEST - 512, GREATEST];

function distinct<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

/** Every expression in functions and filters. */
function expressionsOf(config: BirdConfig): Expression[] {
  const codes = [...config.functions.values()].map(({ code }) => code);
  codes.push(...config.filters.values(), ...config.peers.flatMap((peer) => [peer.import, peer.export]));
  return codes.flatMap(inCode);
}

function inCode(code: Code): Expression[] {
  return code.flatMap((statement): Expression[] => {
    if (statement.type === "if")
      return [...within(statement.condition), ...inCode(statement.then), ...inCode(statement.otherwise)];
    if (statement.type === "call") return statement.values.flatMap(within);
    return "value" in statement ? within(statement.value) : [];
  });
}

function within(expression: Expression): Expression[] {
  if (expression.type === "not") return [expression, ...within(expression.of)];
  if (expression.type !== "operation") return [expression];
  return [expression, ...within(expression.left), ...within(expression.right)];
}

/** The prefix, the one around it, and at its edges: halves, hosts, one of the usual length of a block. */
function around(prefix: Prefix): string[] {
  const most = prefix.bytes.length * 8;
  const last = prefix.bytes.map((octet, at) => octet | (0xff >> Math.min(8, Math.max(0, prefix.length - 8 * at))));
  const lengths = [prefix.length - 1, prefix.length, prefix.length + 1, most - 6, most - 1, most];
  const ends: Address[] = [prefix, { family: prefix.family, bytes: last }, beyond(last, prefix.family)];
  return distinct(
    ends.flatMap((end) =>
      lengths.filter((length) => length >= 0 && length <= most).map((length) => formatPrefix(prefixOf(end, length))),
    ),
  );
}

/** The address after the last. */
function beyond(last: Uint8Array, family: Address["family"]): Address {
  const bytes = Uint8Array.from(last);
  for (let at = bytes.length - 1; at >= 0; at--) {
    bytes[at] = (bytes[at]! + 1) & 0xff;
    if (bytes[at] !== 0) break;
  }
  return { family, bytes };
}

function examplesOf(glob: string): string[] {
  return glob === ""
    ? []
    : ["", "x", "xy."].map((filling) => glob.replaceAll("*", filling).replaceAll("?", "q")).filter(Boolean);
}

function lists(tuples: readonly (readonly number[])[], other: string): string[][] {
  const texts = distinct(tuples.map((tuple) => tuple.join(":")));
  return [[], [other], texts, ...texts.map((text) => [text]), ...texts.map((text) => [other, text].toSorted())];
}

/** One in each prefix that addresses may be compared with, and others. */
function nextHopsOf(prefixes: readonly Prefix[]): string[] {
  const inside = prefixes.flatMap((prefix) => (prefix.length < 31 ? [formatPrefix(prefix).split("/")[0]!] : []));
  return distinct(["10.192.0.3", "10.193.0.3", "10.225.0.4", ...inside]).filter(
    (text) => parseAddress(text) !== undefined,
  );
}

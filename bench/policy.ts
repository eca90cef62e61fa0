/**
 * What policies cost a route, in this process: routes of one attribute set go through import evaluation, first with a policy
 * that accepts everything, then with lists. Figures are nanoseconds a route; bounds are on the difference.
 */
import { scanAttributes } from "../src/bgp/canonical.ts";
import { createUpdateScan } from "../src/bgp/update-scan.ts";
import { parseAddress } from "../src/ip/address.ts";
import { parsePrefix } from "../src/ip/prefix.ts";
import { parseCommunityPattern } from "../src/policy/community-text.ts";
import { compilePolicy } from "../src/policy/compile.ts";
import type { CompiledPolicy, Policy, PolicyMatch, PrefixMatch } from "../src/policy/types.ts";
import { createAttributeSets } from "../src/rib/attribute-sets.ts";
import { createImporter } from "../src/rib/import.ts";
import { createNextHops } from "../src/rib/next-hops.ts";

const ROUTES = 250_000;
/** Routes of one UPDATE, which share their attributes. */
const GROUP = 5;
const ENTRIES = 1000;
const ROUNDS = 12;

export const POLICY_WORK = "policy-list";

export interface PolicyFigure {
  readonly name: string;
  readonly title: string;
  /** Of the best round, which noise can lengthen but never shorten; and over a policy that accepts everything. */
  readonly nsPerRoute: number;
  readonly nsOverNone: number;
  /** For `nsOverNone`; undefined: none. */
  readonly boundNs: number | undefined;
}

/** Repeatable: the figures of two runs are of the same routes. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state;
  };
}

/** /8 to /24 in 10.0.0.0/8 and beyond, as a list of customers' prefixes; about a third of the routes fall into them. */
function prefixList(random: () => number): PrefixMatch[] {
  return Array.from({ length: ENTRIES }, (): PrefixMatch => {
    const length = 16 + ((random() >>> 16) % 9);
    const base = (random() & (-1 << (32 - length))) >>> 0;
    const text = [24, 16, 8, 0].map((shift) => (base >>> shift) & 255).join(".");
    return { prefix: parsePrefix(`${text}/${length}`)!, ge: length, le: random() & 1 ? 32 : length };
  });
}

function accepts(match: PolicyMatch): Policy {
  return {
    name: "list",
    rules: [
      { match, set: {}, action: "accept" },
      { match: {}, set: {}, action: "reject" },
    ],
  };
}

const BOUND_NS = 100;

function works(list: readonly PrefixMatch[]) {
  const communities = Array.from({ length: ENTRIES }, (_, i) => parseCommunityPattern(`64512:${i + 1}`)!);
  return [
    {
      name: "prefix-list",
      title: `prefix list of ${ENTRIES} entries`,
      policy: accepts({ prefixes: list }),
      boundNs: BOUND_NS,
    },
    {
      name: "prefix-list-set",
      title: `the same, and LOCAL_PREF is set where it matches`,
      policy: {
        name: "list",
        rules: [
          { match: { prefixes: list }, set: { localPref: 200 }, action: "continue" as const },
          { match: {}, set: {}, action: "accept" as const },
        ],
      },
      boundNs: undefined,
    },
    {
      name: "community-set",
      title: `set of ${ENTRIES} communities, with the prefix list`,
      policy: accepts({ prefixes: list, communities }),
      boundNs: undefined,
    },
    {
      name: "wildcards",
      title: "10 wildcard communities, with the prefix list",
      policy: accepts({
        prefixes: list,
        communities: communities.slice(0, 10).map((_, i) => parseCommunityPattern(`${65000 + i}:*`)!),
      }),
      boundNs: undefined,
    },
  ] satisfies readonly { name: string; title: string; policy: Policy; boundNs: number | undefined }[];
}

/** A prefix for each route, as octets one after another: length and four octets. */
function routes(random: () => number, list: readonly PrefixMatch[]): Uint8Array {
  const out = new Uint8Array(ROUTES * 5);
  for (let i = 0; i < ROUTES; i++) {
    const inside = random() % 3 === 0 ? list[random() % list.length]! : undefined;
    const length = inside
      ? inside.prefix.length + ((random() >>> 8) % (33 - inside.prefix.length))
      : 8 + ((random() >>> 8) % 17);
    let address = random();
    if (inside) {
      const { bytes, length: fixed } = inside.prefix;
      const base = ((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0;
      address = (base | (fixed === 0 ? address : address >>> fixed)) >>> 0;
    }
    out.set([length, address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255], i * 5);
  }
  return out;
}

/** ORIGIN, AS_PATH of four ASes, NEXT_HOP and eight communities. */
function attributes(variant: number): Uint8Array {
  const word = (value: number) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
  const communities = Array.from({ length: 8 }, (_, i) => word(((64512 + i) << 16) | (2000 + variant)));
  const path = [65001, 65002 + variant, 3356, 1299].flatMap(word);
  return Uint8Array.from([
    ...[0x40, 1, 1, 0],
    ...[0x40, 2, path.length + 2, 2, 4, ...path],
    ...[0x40, 3, 4, 10, 0, 0, 1],
    ...[0xc0, 8, 32, ...communities.flat()],
  ]);
}

const SETS = 1000;

/** Nanoseconds of the processor a route. */
function run(policy: CompiledPolicy, nlri: Uint8Array): number {
  const nextHops = createNextHops({ maxNextHops: 100, maxRoutes: 100 });
  const sets = createAttributeSets({ maxSets: 4 * SETS, maxOctets: 1 << 20, nextHops });
  const importer = createImporter(sets, nextHops);
  const hop = nextHops.intern("ipv4", parseAddress("10.0.0.1")!.bytes, 0, 0);
  const scan = createUpdateScan();
  const handles = Array.from({ length: SETS }, (_, i) => {
    const octets = attributes(i);
    scanAttributes(octets, 0, octets.length, scan);
    return sets.intern(octets, scan, { id: 1, internal: false, fourOctetAs: true, ifindex: 0 }, hop);
  });
  const session = importer.open({
    ...{ peerName: "a", family: "ipv4", external: true, client: false, policy, localAs: 64512, allowedOwnAs: 0 },
    ...{ routerId: 1, clusterId: 0, firstAs: 0, routerAs: 64512, prependAs: 0, gracefulShutdown: true },
  });
  // A path holds what import made of its set.
  const held = new Int32Array(ROUTES);
  const start = process.cpuUsage();
  for (let i = 0; i < ROUTES; i++) {
    const set = handles[Math.floor(i / GROUP) % SETS]!;
    const result = importer.evaluate(session, set, nlri, i * 5 + 1, nlri[i * 5]!);
    held[i] = result;
  }
  const { user, system } = process.cpuUsage(start);
  return ((user + system) * 1000) / ROUTES;
}

/** Rounds of all policies in turn, so that what the machine does meanwhile meets all of them. */
export function measurePolicies(): readonly PolicyFigure[] {
  const random = createRandom(7);
  const list = prefixList(random);
  const nlri = routes(random, list);
  const all = works(list).map((work) => ({ ...work, compiled: compilePolicy(work.policy), times: [] as number[] }));
  const none = { compiled: compilePolicy("accept"), times: [] as number[] };
  for (let round = 0; round < ROUNDS; round++)
    for (const { compiled, times } of [none, ...all]) times.push(run(compiled, nlri));
  const base = Math.min(...none.times);
  const figure = (name: string, title: string, times: readonly number[], boundNs: number | undefined): PolicyFigure => {
    const nsPerRoute = Math.min(...times);
    return { name, title, nsPerRoute, nsOverNone: nsPerRoute - base, boundNs };
  };
  return [
    figure("none", "a policy that accepts everything", none.times, undefined),
    ...all.map(({ name, title, times, boundNs }) => figure(name, title, times, boundNs)),
  ];
}

/** Machines are noisy: only this many times its bound is a failure. */
const FAIL_BEYOND = 2;

export function policyFailed(figures: readonly PolicyFigure[]): boolean {
  return figures.some(({ nsOverNone, boundNs }) => boundNs !== undefined && nsOverNone > FAIL_BEYOND * boundNs);
}

export function policyLines(figures: readonly PolicyFigure[]): string[] {
  return [
    `${POLICY_WORK}: import evaluation of ${ROUTES.toLocaleString("en")} routes, nanoseconds a route`,
    ...figures.map(({ title, nsPerRoute, nsOverNone, boundNs }) => {
      const bound = boundNs === undefined ? "" : `, bound ${boundNs}: ${nsOverNone <= boundNs ? "met" : "missed"}`;
      return `  ${nsPerRoute.toFixed(0).padStart(5)}  ${`+${nsOverNone.toFixed(0)}`.padStart(5)}  ${title}${bound}`;
    }),
  ];
}

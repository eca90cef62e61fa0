/** Routes that nobody announced, as an operator or the daemon's own JSON describes them, for trying policies. */
import { z } from "zod";
import type { AsSegment, PathAttributes } from "../bgp/path-attributes.ts";
import type { Address } from "../ip/address.ts";
import type { Prefix } from "../ip/prefix.ts";
import { GREATEST } from "../policy/number-text.ts";
import { NO_METRIC, PEER_TYPES, type PeerType, type RouteSource, SOURCES } from "../policy/types.ts";
import { checkValue } from "./issues.ts";
import {
  address,
  choice,
  community,
  extendedCommunity,
  integerWithin,
  interfaceName,
  largeCommunity,
  listOf,
  name,
  parseAsn,
  prefix,
  scalar,
  unsigned32,
} from "./scalars.ts";
import { formatPath } from "./yaml-source.ts";

export interface HypotheticalRoute {
  readonly prefix: Prefix;
  readonly source: RouteSource;
  /** Name of the peer it came from; undefined: not said. */
  readonly peer: string | undefined;
  readonly fromPeerType: PeerType | undefined;
  readonly interfaces: readonly string[];
  readonly attributes: PathAttributes;
  readonly preference: number;
  /** NO_METRIC: none. */
  readonly metric: number;
}

const SEGMENT = /\{([^{}]*)\}|\(([^()]*)\)|([^{}()]+)/g;

/** `65001 65002 {65003 65004}`, a confederation's in parentheses, or a list of ASes. */
function parseAsPath(text: string): AsSegment[] | undefined {
  const segments: AsSegment[] = [];
  for (const [, set, confederation, sequence] of text.matchAll(SEGMENT)) {
    const words = (set ?? confederation ?? sequence ?? "").split(/[\s,]+/).filter((word) => word !== "");
    const asns = words.map(parseAsn);
    if (asns.includes(undefined)) return undefined;
    const kind = set !== undefined ? "set" : confederation !== undefined ? "confedSequence" : "sequence";
    if (asns.length > 0) segments.push({ kind, asns: asns as number[] });
  }
  return /[{}()]/.test(text.replaceAll(/\{[^{}]*\}|\([^()]*\)/g, "")) ? undefined : segments;
}

const asPath = z.preprocess(
  (value) => (Array.isArray(value) ? value.join(" ") : value),
  scalar("an AS path such as `65001 65002 {65003 65004}`, or a list of ASes", parseAsPath),
);

const metric = scalar("a whole number from 0 to 4294967294, or none", (text) =>
  text === "none" ? NO_METRIC : integerWithin(text, 0, GREATEST.metric),
);

const ORIGINS = ["igp", "egp", "incomplete"] as const;

const route = z.strictObject(
  {
    prefix,
    source: choice(SOURCES).optional(),
    peer: name("a peer's name").optional(),
    fromPeerType: choice(PEER_TYPES).optional(),
    interface: listOf(interfaceName("an interface's name"), "interfaces").optional(),
    localPref: unsigned32.optional(),
    med: unsigned32.optional(),
    metric: metric.optional(),
    preference: unsigned32.optional(),
    origin: choice(ORIGINS).optional(),
    asPath: asPath.optional(),
    nextHop: address.optional(),
    communities: listOf(community, "communities").optional(),
    largeCommunities: listOf(largeCommunity, "large communities").optional(),
    extendedCommunities: listOf(extendedCommunity, "extended communities").optional(),
  },
  { error: () => "expected a route: a mapping with prefix, source, interface, localPref and so on" },
);

export type ReadRoute =
  | { readonly ok: true; readonly route: HypotheticalRoute }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Problems name the key; `at` says which of several routes. */
export function readRoute(value: unknown, at: readonly (string | number)[] = []): ReadRoute {
  const checked = checkValue(route, ofAnswer(value), [...at]);
  if (checked.ok) return { ok: true, route: asRoute(checked.value) };
  const problems = checked.issues.map(({ path, message }) =>
    path.length > 0 ? `${formatPath(path)}: ${message}` : message,
  );
  return { ok: false, problems };
}

/** Preferences of the sources (DESIGN §1). */
const PREFERENCE: Readonly<Record<RouteSource, number>> = { direct: 240, static: 200, bgp: 100, kernel: 10 };

function asRoute(input: z.output<typeof route>): HypotheticalRoute {
  const source = input.source ?? "bgp";
  const octets = (words: readonly number[]) =>
    Uint8Array.from(words.flatMap((word) => [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255]));
  return {
    prefix: input.prefix,
    source,
    peer: input.peer,
    fromPeerType: input.fromPeerType,
    interfaces: [...new Set(input.interface ?? [])].sort(),
    attributes: {
      origin: ORIGINS.indexOf(input.origin ?? (source === "kernel" ? "incomplete" : "igp")),
      asPath: input.asPath ?? [],
      ...(input.nextHop && { nextHop: withoutZone(input.nextHop) }),
      ...(input.med !== undefined && { med: input.med }),
      ...(input.localPref !== undefined && { localPref: input.localPref }),
      atomicAggregate: false,
      communities: input.communities ?? [],
      largeCommunities: (input.largeCommunities ?? []).flat(),
      extendedCommunities: (input.extendedCommunities ?? []).map(octets),
      clusterList: [],
      opaque: [],
    },
    preference: input.preference ?? PREFERENCE[source],
    // A kernel route has a metric even where nobody gave it one.
    metric: input.metric ?? (source === "kernel" ? 0 : NO_METRIC),
  };
}

function withoutZone({ family, bytes }: Address): Address {
  return { family, bytes };
}

/** Keys of `show routes -o json` that say nothing to a policy. */
const NOT_READ = new Set([
  ...["family", "kernel", "best", "multipath", "peerAddress", "pathId", "reachable", "rejected", "via"],
  ...["originatorId", "clusterList", "atomicAggregate", "aggregator"],
]);

/** A route as `show routes -o json` prints it, in the form of one written by hand; anything else stays as it is. */
function ofAnswer(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const { path, paths, ...rest } = value as Record<string, unknown>;
  const chosen = Array.isArray(paths) ? (paths.find((each) => each?.best === true) ?? paths[0]) : path;
  if (typeof chosen !== "object" || chosen === null) return value;
  const whole = { ...rest, ...chosen } as Record<string, unknown>;
  const links = Array.isArray(whole.via) ? whole.via.flatMap((hop) => hop?.interface ?? []) : [];
  const kept = Object.entries(whole).filter(([key, each]) => each !== null && !NOT_READ.has(key));
  return { ...Object.fromEntries(kept), ...(links.length > 0 && { interface: links }) };
}

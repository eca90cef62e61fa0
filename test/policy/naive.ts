/** Policies interpreted word by word on changed copies of the route, with texts: the oracle of the compiled form. */
import { type Address, formatOctets } from "../../src/ip/address.ts";
import { contains } from "../../src/ip/prefix.ts";
import { formatCommunity, formatExtendedWords, formatLargeCommunity } from "../../src/policy/community-text.ts";
import type { Edits } from "../../src/policy/edits.ts";
import type {
  AsPathMatch,
  Expression,
  NumberMatch,
  Operand,
  PeerType,
  Policy,
  PolicyMatch,
  PolicySet,
  PrefixMatch,
  RouteFacts,
} from "../../src/policy/types.ts";

const KINDS = ["", "Large", "Extended"] as const;
type Kind = (typeof KINDS)[number];
type Scalar = "metric" | "localPref" | "med" | "preference";

/** What of a route policies can change, as text. */
export interface Changed {
  communities: Readonly<Record<Kind, readonly string[]>>;
  nextHop: Address | "self" | undefined;
  /** Places of the AS path; more than one AS in a place is a set. */
  path: readonly (readonly number[])[];
  values: Readonly<Record<Scalar, number | undefined>>;
  others: Readonly<Record<string, unknown>>;
}

export function start(route: RouteFacts): Changed {
  const { attributes } = route;
  const large = attributes.largeCommunities;
  return {
    communities: {
      "": attributes.communities.map(formatCommunity),
      Large: large.flatMap((_, i) => (i % 3 === 0 ? large.slice(i, i + 3).join(":") : [])),
      Extended: attributes.extendedCommunities.map((octets) => {
        const view = new DataView(octets.buffer, octets.byteOffset);
        return formatExtendedWords([view.getUint32(0), view.getUint32(4)]);
      }),
    },
    nextHop: attributes.nextHop,
    path: attributes.asPath.flatMap(({ kind, asns }) =>
      kind === "sequence" ? asns.map((asn) => [asn]) : kind === "set" ? [asns] : [],
    ),
    values: {
      metric: route.metric < 0 ? undefined : route.metric,
      localPref: route.localPref,
      med: attributes.med,
      preference: route.preference,
    },
    others: {},
  };
}

export function apply(route: Changed, set: PolicySet | Edits): Changed {
  const { prepend, nextHop, device, onlink, preferredSource, table } = set;
  const others = Object.entries({ device, onlink, preferredSource, table }).filter(([, value]) => value !== undefined);
  const values = { ...route.values };
  for (const key of ["metric", "localPref", "med", "preference"] as const) {
    const value = set[key];
    if (value === null) values[key] = undefined;
    else if (typeof value === "number") values[key] = value;
    else if (value !== undefined) values[key] = computed(value, key, route) ?? values[key];
  }
  return {
    communities: Object.fromEntries(KINDS.map((kind) => [kind, listAfter(route, set, kind)])) as Changed["communities"],
    nextHop: nextHop ?? route.nextHop,
    path: [...(prepend ?? []).map((asn) => [asn]), ...route.path],
    values,
    others: { ...route.others, ...Object.fromEntries(others) },
  };
}

function computed({ of, negative, offset }: Expression, key: Operand, route: Changed): number | undefined {
  const operand = route.values[of];
  if (operand === undefined) return undefined;
  const most = key === "metric" ? 4294967294 : 4294967295;
  return Math.min(most, Math.max(0, negative ? offset - operand : offset + operand));
}

const text = (item: number | readonly number[]) => {
  if (typeof item === "number") return formatCommunity(item);
  return item.length === 3 ? formatLargeCommunity(item as never) : formatExtendedWords(item as never);
};

function listAfter(route: Changed, set: PolicySet | Edits, kind: Kind): readonly string[] {
  const base = set[`set${kind}Communities`]?.map(text) ?? route.communities[kind];
  const removed = set[`remove${kind}Communities`] ?? [];
  const kept = base.filter((each) => !removed.some((pattern) => fits(pattern.text, each)));
  return [...new Set([...kept, ...(set[`add${kind}Communities`] ?? []).map(text)])];
}

/** Part by part, with well-known names as numbers. */
function fits(pattern: string, community: string): boolean {
  const number = (each: string) => (each === "no-export" ? "65535:65281" : each);
  const [wanted, has] = [number(pattern).split(":"), number(community).split(":")];
  return wanted.length === has.length && wanted.every((part, i) => part === "*" || part === has[i]);
}

/** Undefined: rejected. */
export function interpret(policy: Policy, route: RouteFacts, lookup: (name: string) => Policy): Changed | undefined {
  const outcome = run(policy, route, start(route), lookup);
  return outcome.verdict === "accept" ? outcome.now : undefined;
}

function run(
  policy: Policy,
  route: RouteFacts,
  from: Changed,
  lookup: (name: string) => Policy,
): { readonly verdict: "accept" | "reject" | "end"; readonly now: Changed } {
  let now = from;
  for (const { match, set, action, call } of policy.rules) {
    if (!holds(match, route, now)) continue;
    if (action === "reject") return { verdict: "reject", now };
    now = apply(now, set);
    if (action === "accept") return { verdict: "accept", now };
    if (action === "continue") continue;
    const called = run(lookup(call!), route, now, lookup);
    if (called.verdict !== "end") return called;
    now = called.now;
  }
  return { verdict: "end", now };
}

function holds(match: PolicyMatch, route: RouteFacts, now: Changed): boolean {
  const { nextHop, values } = now;
  const has = (kind: Kind, wanted: PolicyMatch["communities"]) =>
    wanted === undefined ||
    wanted.some((each) => now.communities[kind].some((community) => fits(each.text, community)));
  const every = <T>(wanted: T | undefined, test: (wanted: T) => boolean) => wanted === undefined || test(wanted);
  return (
    every(match.family, (family) => family === route.family) &&
    every(match.source, (sources) => sources.includes(route.source)) &&
    every(match.peers, (peers) => peers.includes(route.fromPeer)) &&
    every(match.prefixes, (prefixes) => prefixes.some((each) => inRange(each, route))) &&
    has("", match.communities) &&
    has("Large", match.largeCommunities) &&
    has("Extended", match.extendedCommunities) &&
    every(
      match.nextHops,
      (hops) => nextHop !== undefined && nextHop !== "self" && hops.some((each) => contains(each, nextHop)),
    ) &&
    every(match.peerType, (types) => isOf(types, route.peerType)) &&
    every(match.fromPeerType, (types) => isOf(types, route.fromPeerType)) &&
    every(match.interface, (globs) =>
      route.interfaces.some((name) => globs.some((glob) => asRegExp(glob).test(name))),
    ) &&
    every(match.asPath, (path) => pathHolds(path, now.path)) &&
    (["med", "localPref", "preference", "metric"] as const).every((key) =>
      every(match[key], (range) => compares(range, values[key])),
    ) &&
    every(match.all, (all) => all.every((each) => holds(each, route, now))) &&
    every(match.any, (any) => any.some((each) => holds(each, route, now))) &&
    every(match.not, (not) => !not.some((each) => holds(each, route, now)))
  );
}

function isOf(types: readonly PeerType[], type: PeerType | undefined): boolean {
  const kinds: readonly (PeerType | undefined)[] = type === "client" ? ["client", "ibgp"] : [type];
  return types.some((each) => kinds.includes(each));
}

function asRegExp(glob: string): RegExp {
  const parts = glob.split("").map((c) => (c === "*" ? ".*" : c === "?" ? "." : c.replace(/[^\w]/, "\\$&")));
  return new RegExp(`^${parts.join("")}$`);
}

function compares(range: NumberMatch, value: number | undefined): boolean {
  if (range === "none") return value === undefined;
  return value !== undefined && range.min <= value && value <= range.max;
}

function pathHolds(match: AsPathMatch, path: Changed["path"]): boolean {
  const { startsWith, contains: wanted, originatedBy, length, empty } = match;
  return (
    (startsWith === undefined || startsWith.every((asn, i) => path[i]?.includes(asn))) &&
    (wanted === undefined || wanted.some((asn) => path.flat().includes(asn))) &&
    (originatedBy === undefined || originatedBy.some((asn) => path.at(-1)?.includes(asn))) &&
    (length === undefined || compares(length, path.length)) &&
    (empty === undefined || empty === (path.length === 0))
  );
}

/** By text of bits. */
export function inRange({ prefix, ge, le }: PrefixMatch, route: RouteFacts): boolean {
  if (prefix.family !== route.family || route.prefixLength < ge || route.prefixLength > le) return false;
  if (route.prefixLength < prefix.length) return false;
  return bits(route.prefixBytes.subarray(route.prefixAt), prefix.length) === bits(prefix.bytes, prefix.length);
}

function bits(bytes: Uint8Array, length: number): string {
  return Array.from(bytes.subarray(0, 16), (octet) => octet.toString(2).padStart(8, "0"))
    .join("")
    .slice(0, length);
}

/** Comparable by deepEqual. */
export function canonical(changed: Changed | undefined): unknown {
  if (!changed) return undefined;
  const { nextHop, communities } = changed;
  return {
    ...changed,
    communities: KINDS.map((kind) => [...communities[kind]].sort()),
    nextHop: nextHop === undefined || nextHop === "self" ? nextHop : formatOctets(nextHop.bytes),
    others: Object.fromEntries(Object.entries(changed.others).sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

/** Policies interpreted word by word on changed copies of the route: the oracle of the compiled form. */
import type { PathAttributes } from "../../src/bgp/path-attributes.ts";
import { type Address, formatOctets } from "../../src/ip/address.ts";
import { contains } from "../../src/ip/prefix.ts";
import type { Edits } from "../../src/policy/edits.ts";
import type { Policy, PolicyMatch, PrefixMatch, RouteFacts } from "../../src/policy/types.ts";

/** What of a route policies can change, as text. */
export interface Changed {
  communities: readonly number[];
  large: readonly string[];
  nextHop: Address | "self" | undefined;
  prepended: readonly number[];
  scalars: Readonly<Record<string, unknown>>;
}

export function start(attributes: PathAttributes): Changed {
  return { communities: attributes.communities, large: [], nextHop: attributes.nextHop, prepended: [], scalars: {} };
}

export function apply(route: Changed, edits: Edits): Changed {
  const { setCommunities, removeCommunities, addCommunities, addLargeCommunities, prepend, nextHop, ...scalars } =
    edits;
  let communities = setCommunities ?? route.communities;
  communities = communities.filter((each) => !removeCommunities?.includes(each));
  communities = [...new Set([...communities, ...(addCommunities ?? [])])];
  return {
    communities,
    large: [...new Set([...route.large, ...(addLargeCommunities ?? []).map(String)])],
    nextHop: nextHop ?? route.nextHop,
    prepended: [...(prepend ?? []), ...route.prepended],
    scalars: { ...route.scalars, ...scalars },
  };
}

/** Undefined: rejected. */
export function interpret(policy: Policy, route: RouteFacts): Changed | undefined {
  let now = start(route.attributes);
  for (const { match, set, action } of policy.rules) {
    if (!holds(match, route, now)) continue;
    if (action === "reject") return undefined;
    now = apply(now, set);
    if (action === "accept") return now;
  }
  return undefined;
}

function holds(match: PolicyMatch, route: RouteFacts, now: Changed): boolean {
  const nextHop = now.nextHop;
  return (
    (match.family === undefined || match.family === route.family) &&
    (match.source === undefined || match.source.includes(route.source)) &&
    (match.peers === undefined || match.peers.includes(route.fromPeer)) &&
    (match.prefixes === undefined || match.prefixes.some((each) => inRange(each, route))) &&
    (match.communities === undefined || match.communities.some((each) => now.communities.includes(each))) &&
    (match.nextHops === undefined ||
      (nextHop !== undefined && nextHop !== "self" && match.nextHops.some((each) => contains(each, nextHop))))
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
  const { nextHop } = changed;
  return {
    communities: [...changed.communities].sort((a, b) => a - b),
    large: [...changed.large].sort(),
    nextHop: nextHop === undefined || nextHop === "self" ? nextHop : formatOctets(nextHop.bytes),
    prepended: changed.prepended,
    scalars: Object.fromEntries(Object.entries(changed.scalars).sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

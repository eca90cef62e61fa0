import { formatAddress, octetsOf } from "../ip/address.ts";
import { formatPrefix, prefixOf } from "../ip/prefix.ts";
import { formatCommunity } from "./community-text.ts";
import { anyCommunity, nextHopOf, nextHopWithin } from "./compiled-rule.ts";
import { formatPrefixMatch } from "./content-key.ts";
import { type Edits, hasAfter } from "./edits.ts";
import { createPrefixSet } from "./prefix-set.ts";
import type { PolicyMatch, RouteFacts } from "./types.ts";

/** The first condition that does not hold, with the route's value and the wanted ones; "" when all hold. */
export function failedCondition(match: PolicyMatch, route: RouteFacts, pending: Edits | undefined): string {
  const { family, source, peers, prefixes, communities, nextHops } = match;
  if (family !== undefined && family !== route.family) return differs("family", route.family, [family]);
  if (source !== undefined && !source.includes(route.source)) return differs("source", route.source, source);
  if (peers !== undefined && !peers.includes(route.fromPeer))
    return differs("peer", route.fromPeer === "" ? "none (a local route)" : route.fromPeer, peers);
  if (
    prefixes !== undefined &&
    !createPrefixSet(prefixes).has(route.family, route.prefixBytes, route.prefixAt, route.prefixLength)
  )
    return differs("prefix", prefixText(route), prefixes.map(formatPrefixMatch));
  if (communities !== undefined && !anyCommunity(communities, route, pending))
    return differs("communities", communitiesText(route, pending), communities.map(formatCommunity));
  const nextHop = nextHopOf(route, pending);
  if (nextHops !== undefined && !nextHopWithin(nextHops, nextHop))
    return differs(
      "next hop",
      nextHop ? formatAddress(nextHop) : (pending?.nextHop ?? "none").toString(),
      nextHops.map(formatPrefix),
    );
  return "";
}

/** Values named before the rest is counted. */
const NAMED = 4;

function differs(what: string, value: string, wanted: readonly string[]): string {
  if (wanted.length === 0) return `${what} is ${value}; the rule's list is empty`;
  const named = wanted.slice(0, NAMED).join(", ");
  const more = wanted.length > NAMED ? ` or ${wanted.length - NAMED} more` : "";
  return `${what} is ${value}; the rule wants ${named}${more}`;
}

function prefixText(route: RouteFacts): string {
  const bytes = new Uint8Array(octetsOf(route.family));
  const octets = (route.prefixLength + 7) >> 3;
  bytes.set(route.prefixBytes.subarray(route.prefixAt, route.prefixAt + octets));
  return formatPrefix(prefixOf({ family: route.family, bytes }, route.prefixLength));
}

function communitiesText(route: RouteFacts, pending: Edits | undefined): string {
  const had = route.attributes.communities;
  const candidates = new Set([...had, ...(pending?.setCommunities ?? []), ...(pending?.addCommunities ?? [])]);
  const now = [...candidates].filter((each) => (pending ? hasAfter(pending, each, had.includes(each)) : true));
  return now.length === 0 ? "none" : now.map(formatCommunity).join(" ");
}

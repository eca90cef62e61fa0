import { formatAsPath } from "../bgp/format.ts";
import { formatAddress, octetsOf } from "../ip/address.ts";
import { formatPrefix, prefixOf } from "../ip/prefix.ts";
import { matchesAsPath } from "./as-path.ts";
import { type CommunityKind, CommunityMatcher, communitiesAfter } from "./community-match.ts";
import { formatCommunity, formatExtendedWords, formatLargeCommunity } from "./community-text.ts";
import { CompiledMatch, hasType, nextHopOf, nextHopWithin } from "./compiled-match.ts";
import type { CompiledRule } from "./compiled-rule.ts";
import { formatPrefixMatch } from "./content-key.ts";
import { operandValue } from "./current-values.ts";
import type { Edits } from "./edits.ts";
import { anyGlob } from "./glob.ts";
import { compute, formatExpression, formatNumberMatch, inRange } from "./number-text.ts";
import { createPrefixSet } from "./prefix-set.ts";
import { OPERANDS, type PolicyMatch, type RouteFacts } from "./types.ts";
import { asPathInWords, matchInWords, setInWords } from "./words.ts";

/** The first condition that does not hold, with the route's value and the wanted ones; "" when all hold. */
export function failedCondition(match: PolicyMatch, route: RouteFacts, pending: Edits | undefined): string {
  return failedSimple(match, route, pending) || failedRare(match, route, pending);
}

/** In the order in which the compiled form looks. */
function failedSimple(match: PolicyMatch, route: RouteFacts, pending: Edits | undefined): string {
  const { family, source, peers, prefixes, communities, nextHops } = match;
  if (family !== undefined && family !== route.family) return differs("family", route.family, [family]);
  if (source !== undefined && !source.includes(route.source)) return differs("source", route.source, source);
  if (peers !== undefined && !peers.includes(route.fromPeer))
    return differs("peer", route.fromPeer === "" ? LOCAL : route.fromPeer, peers);
  if (
    prefixes !== undefined &&
    !createPrefixSet(prefixes).has(route.family, route.prefixBytes, route.prefixAt, route.prefixLength)
  )
    return differs("prefix", prefixText(route), prefixes.map(formatPrefixMatch));
  const lacking = failedCommunities("standard", "communities", communities, route, pending);
  if (lacking !== "") return lacking;
  const nextHop = nextHopOf(route, pending);
  if (nextHops !== undefined && !nextHopWithin(nextHops, nextHop))
    return differs(
      "next hop",
      nextHop ? formatAddress(nextHop) : (pending?.nextHop ?? "none").toString(),
      nextHops.map(formatPrefix),
    );
  return "";
}

const LOCAL = "none (a local route)";

function failedRare(match: PolicyMatch, route: RouteFacts, pending: Edits | undefined): string {
  const { peerType, fromPeerType, asPath } = match;
  if (peerType !== undefined && !hasType(peerType, route.peerType))
    return differs("peer type", route.peerType ?? "none (no session)", peerType);
  if (fromPeerType !== undefined && !hasType(fromPeerType, route.fromPeerType))
    return differs("type of the peer it came from", route.fromPeerType ?? LOCAL, fromPeerType);
  for (const operand of OPERANDS) {
    const range = match[operand];
    const value = operandValue(operand, route, pending);
    if (range !== undefined && !inRange(range, value))
      return differs(operand, String(value ?? "none"), [formatNumberMatch(range)]);
  }
  if (match.interface !== undefined && !anyGlob(match.interface, route.interfaces))
    return differs("interface", route.interfaces.join(", ") || "none", match.interface);
  if (asPath !== undefined && !matchesAsPath(asPath, route.attributes.asPath, pending?.prepend))
    return differs("AS path", pathText(route, pending), [asPathInWords(asPath)]);
  return (
    failedCommunities("large", "large communities", match.largeCommunities, route, pending) ||
    failedCommunities("extended", "extended communities", match.extendedCommunities, route, pending) ||
    failedNested(match, route, pending)
  );
}

function failedNested({ all, not, any }: PolicyMatch, route: RouteFacts, pending: Edits | undefined): string {
  for (const each of all ?? []) {
    const because = failedCondition(each, route, pending);
    if (because !== "") return because;
  }
  for (const each of not ?? [])
    if (new CompiledMatch(each).matches(route, pending)) return `the rule leaves out ${matchInWords(each)}`;
  const reasons = any?.map((each) => failedCondition(each, route, pending));
  if (!reasons || reasons.includes("")) return "";
  if (reasons.length === 0) return "the rule's list `any` is empty";
  const more = reasons.length > NAMED ? `; and ${reasons.length - NAMED} more` : "";
  return `no alternative holds: ${reasons.slice(0, NAMED).join("; ")}${more}`;
}

function failedCommunities(
  kind: CommunityKind,
  what: string,
  wanted: PolicyMatch["communities"],
  route: RouteFacts,
  pending: Edits | undefined,
): string {
  if (wanted === undefined || new CommunityMatcher(kind, wanted).matches(route.attributes, pending)) return "";
  const now = communitiesAfter(kind, route.attributes, pending).map((words) => communityText(kind, words));
  return differs(
    what,
    now.join(" ") || "none",
    wanted.map(({ text }) => text),
  );
}

function communityText(kind: CommunityKind, words: readonly number[]): string {
  if (kind === "standard") return formatCommunity(words[0]!);
  return kind === "large" ? formatLargeCommunity(words as never) : formatExtendedWords(words as never);
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

function pathText(route: RouteFacts, pending: Edits | undefined): string {
  const front = pending?.prepend?.join(" ") ?? "";
  return [front, formatAsPath(route.attributes.asPath)].filter((part) => part !== "").join(" ") || "empty";
}

/** What a rule that matched changes about the route, computed values worked out. */
export function changesInWords(rule: CompiledRule, route: RouteFacts, pending: Edits | undefined): readonly string[] {
  const computed = rule.computed.map(({ set, expression }) => {
    const operand = operandValue(expression.of, route, pending);
    if (operand === undefined) return `${set} stays: the route has no ${expression.of}`;
    return `${set} ${compute(expression, operand, set)} (${formatExpression(expression)})`;
  });
  return [...setInWords(rule.edits ?? {}), ...computed];
}

/** `policy test`: what a configuration's policy makes of routes that nobody announced. No daemon is asked. */
import { applyEdits } from "../bgp/attribute-edits.ts";
import { MAX_CANONICAL_OCTETS } from "../bgp/canonical.ts";
import { formatAsPath, formatExtendedCommunity, formatLargeCommunities } from "../bgp/format.ts";
import { COMMUNITY } from "../bgp/iana.ts";
import { decodeAttributes, encodeAttributes, type PathAttributes } from "../bgp/path-attributes.ts";
import type { HypotheticalRoute } from "../config/hypothetical-route.ts";
import type { Config, PeerConfig } from "../config/model.ts";
import { isInternal, ownAs } from "../config/own-as.ts";
import { formatAddress } from "../ip/address.ts";
import { formatPrefix } from "../ip/prefix.ts";
import { formatCommunity } from "../policy/community-text.ts";
import { createCompiler } from "../policy/compile.ts";
import type { Edits } from "../policy/edits.ts";
import { noRoute } from "../policy/no-route.ts";
import { peerTypeOf } from "../policy/peer-type.ts";
import { type CompiledPolicy, NO_METRIC, type PeerType, type RouteFacts } from "../policy/types.ts";
import { type TraceAnswer, traceAnswer } from "./answers.ts";

export const DIRECTIONS = ["import", "export", "kernel"] as const;
export type Direction = (typeof DIRECTIONS)[number];

export interface PolicyTestAnswer {
  readonly prefix: string;
  readonly direction: Direction;
  readonly peer: string | null;
  /** Name of the policy that decided. */
  readonly policy: string;
  readonly verdict: "accept" | "reject";
  /** Where it was decided, in words. */
  readonly reason: string;
  /** What the policy changed; `before` and `after` are null where there is no value. */
  readonly changes: readonly Change[];
  /** Rules beside the policy that stop such a route whatever the policy says. */
  readonly fixedRules: readonly string[];
  readonly trace: readonly TraceAnswer[];
}

interface Change {
  readonly attribute: string;
  readonly before: Value;
  readonly after: Value;
}

type Value = string | number | boolean | readonly string[] | null;

/** The peer is undefined for the kernel. */
export function createPolicyTest(
  config: Config,
  direction: Direction,
  peer: Omit<PeerConfig, "address"> | undefined,
): (route: HypotheticalRoute) => PolicyTestAnswer {
  const byName = new Map(config.policies.map((policy) => [policy.name, policy]));
  const internal = peer !== undefined && isInternal(config.router, peer);
  const named = direction === "kernel" || peer === undefined ? config.kernel.export : peer[direction];
  // RFC 8212: without a policy an external peer's routes are rejected.
  const name = named ?? (internal ? "accept" : "reject");
  const policy = createCompiler((each) => byName.get(each))(name);
  const peerType = peer && peerTypeOf(!internal, peer.routeReflectorClient);
  const session = { config, direction, peer, peerType };

  return (given) => {
    const route = asSeen(given, session);
    const facts = factsOf(route, session);
    const { verdict, steps } = policy.trace(facts);
    const trace = steps.map(traceAnswer);
    return {
      prefix: formatPrefix(route.prefix),
      direction,
      peer: peer?.name ?? null,
      policy: policy.name,
      verdict: verdict.accepted ? "accept" : "reject",
      reason: named === undefined ? defaultReason(direction, internal) : decidedBy(trace, policy),
      changes: verdict.accepted ? changesOf(route, verdict.edits ?? {}) : [],
      fixedRules: fixedRules(given, facts, session),
      trace,
    };
  };
}

interface Session {
  readonly config: Config;
  readonly direction: Direction;
  readonly peer: Omit<PeerConfig, "address"> | undefined;
  readonly peerType: PeerType | undefined;
}

/** The policy sees a received route behind the AS that we are on the session, where that is put in front (RFC 7705 §3.2). */
function asSeen(route: HypotheticalRoute, { config: { router }, direction, peer }: Session): HypotheticalRoute {
  if (direction !== "import" || peer === undefined || route.source !== "bgp") return route;
  const own = ownAs(router, peer);
  if (own === router.asn || isInternal(router, peer) || peer.localAs?.noPrepend !== false) return route;
  const [first, ...others] = route.attributes.asPath;
  const asPath =
    first?.kind === "sequence"
      ? [{ ...first, asns: [own, ...first.asns] }, ...others]
      : [{ kind: "sequence" as const, asns: [own] }, ...route.attributes.asPath];
  return { ...route, attributes: { ...route.attributes, asPath } };
}

function factsOf(route: HypotheticalRoute, { config, direction, peer, peerType }: Session): RouteFacts {
  const { family, bytes, length } = route.prefix;
  const isBgp = route.source === "bgp";
  const from = isBgp ? (route.peer ?? (direction === "import" ? peer?.name : undefined)) : undefined;
  const sender = config.peers.find((each) => each.name === from);
  const senderType = sender && peerTypeOf(!isInternal(config.router, sender), sender.routeReflectorClient);
  return {
    ...noRoute(),
    family,
    prefixBytes: bytes,
    prefixLength: length,
    source: route.source,
    fromPeer: from ?? "",
    fromPeerType: isBgp
      ? (route.fromPeerType ?? senderType ?? (direction === "import" ? peerType : undefined))
      : undefined,
    peerType,
    interfaces: route.interfaces,
    attributes: route.attributes,
    preference: route.preference,
    localPref: route.attributes.localPref ?? DEFAULT_LOCAL_PREF,
    metric: route.metric,
  };
}

const DEFAULT_LOCAL_PREF = 100;

function decidedBy(trace: readonly TraceAnswer[], policy: CompiledPolicy): string {
  const last = trace.at(-1);
  if (last?.action === "accept" || last?.action === "reject") return `rule ${last.rule} of "${last.policy}"`;
  return `the end of "${policy.name}": no rule accepts it`;
}

function defaultReason(direction: Direction, internal: boolean): string {
  if (internal) return `no ${direction} policy: an internal peer needs none`;
  return `no ${direction} policy is configured, and external peers need one (RFC 8212)`;
}

/** Edits as they work on the octets, so that what is told is what would happen. */
function changesOf(route: HypotheticalRoute, edits: Edits): PolicyTestAnswer["changes"] {
  const octets = encodeAttributes(route.attributes);
  const out = new Uint8Array(MAX_CANONICAL_OCTETS + 65_536);
  const edited = decodeAttributes(out, 0, applyEdits(octets, 0, octets.length, edits, out));
  const before = plainAttributes(route.attributes);
  const after = plainAttributes(edited);
  const changes = Object.keys(before).flatMap((attribute): Change[] => {
    const old = before[attribute] ?? null;
    const now = attribute === "nextHop" && edits.nextHop === "self" ? "self" : (after[attribute] ?? null);
    return JSON.stringify(old) === JSON.stringify(now) ? [] : [{ attribute, before: old, after: now }];
  });
  const others = {
    preference: [route.preference, edits.preference],
    metric: [route.metric === NO_METRIC ? null : route.metric, edits.metric],
    device: [null, edits.device],
    onlink: [null, edits.onlink],
    preferredSource: [null, edits.preferredSource && formatAddress(edits.preferredSource)],
    table: [null, edits.table],
  } as const;
  for (const [attribute, [old, now]] of Object.entries(others))
    if (now !== undefined && now !== old) changes.push({ attribute, before: old, after: now });
  return changes;
}

function plainAttributes(attributes: PathAttributes): Record<string, Value> {
  return {
    localPref: attributes.localPref ?? null,
    med: attributes.med ?? null,
    asPath: formatAsPath(attributes.asPath),
    nextHop: attributes.nextHop ? formatAddress(attributes.nextHop) : null,
    communities: attributes.communities.map(formatCommunity),
    largeCommunities: formatLargeCommunities(attributes.largeCommunities),
    extendedCommunities: attributes.extendedCommunities.map(formatExtendedCommunity),
  };
}

/** Those that can be told from the route and the configuration alone (RFC 1997, RFC 4456 §6, RFC 4271 §9). */
function fixedRules(
  route: HypotheticalRoute,
  facts: RouteFacts,
  { config, direction, peer, peerType }: Session,
): string[] {
  const { attributes } = route;
  const rules: string[] = [];
  if (direction === "kernel") {
    if (route.source === "kernel" || route.source === "direct")
      rules.push(`a best route of source ${route.source} is the kernel's own and never written back`);
    return rules;
  }
  if (direction === "import") {
    if (route.source !== "bgp") rules.push(`a route of source ${route.source} is not received from a peer`);
    const ases = attributes.asPath.flatMap(({ asns }) => asns);
    for (const own of new Set([config.router.asn, ownAs(config.router, peer!)]))
      if (ases.filter((asn) => asn === own).length > peer!.allowOwnAs)
        rules.push(`our own AS ${own} is in its AS_PATH`);
    return rules;
  }
  if (route.source !== "bgp") return rules;
  const has = (...communities: readonly number[]) => communities.some((each) => attributes.communities.includes(each));
  if (has(COMMUNITY.noAdvertise)) rules.push("it carries NO_ADVERTISE");
  if (peerType === "ebgp" && has(COMMUNITY.noExport, COMMUNITY.noExportSubconfed))
    rules.push("it carries NO_EXPORT and the peer is external");
  if (peerType === "ibgp" && facts.fromPeerType === "ibgp")
    rules.push("it came from an internal peer that is no client of ours, and so does not go to another one");
  if (facts.fromPeer !== "" && facts.fromPeer === peer!.name) rules.push("it came from this peer");
  return rules;
}

import { type Address, compareAddresses, formatAddress, formatQuad } from "../ip/address.ts";
import type { PrefixRow } from "../ip/prefix-table.ts";
import type { FamilyRib } from "./family-rib.ts";
import { type PathRow, type PeerId, REJECT, type Step } from "./types.ts";

/** What the decision process reads of one path. */
export interface Candidate {
  readonly path: PathRow;
  readonly preference: number;
  /** RFC 9494: used where nothing else is there. */
  readonly longLivedStale: boolean;
  readonly localPref: number;
  readonly asPathLength: number;
  readonly origin: number;
  readonly med: number;
  readonly neighborAs: number;
  readonly external: boolean;
  readonly cost: number;
  /** ORIGINATOR_ID where there is one (RFC 4456 §9). */
  readonly bgpId: number;
  readonly clusterListLength: number;
  readonly peerAddress: Address | undefined;
  readonly peer: PeerId;
  readonly pathId: number;
}

export interface Loser {
  readonly path: PathRow;
  /** The step that removed it. */
  readonly step: Step;
  /** What the paths that stayed had there, and what it had: as operators read it. */
  readonly bestValue: string;
  readonly value: string;
}

export interface Explanation {
  /** 0 when no path is usable. */
  readonly best: PathRow;
  /** In the order in which they were removed. */
  readonly losers: readonly Loser[];
  /** Paths that never took part, and why. */
  readonly ineligible: readonly { readonly path: PathRow; readonly because: string }[];
}

interface Rule {
  readonly step: Step;
  /** Negative when `a` is to be kept rather than `b`. */
  readonly order: (a: Candidate, b: Candidate) => number;
  readonly show: (candidate: Candidate) => string;
  /** Only these are compared with each other. */
  readonly group?: (candidate: Candidate) => number;
}

const ORIGINS = ["IGP", "EGP", "INCOMPLETE"];

/** RFC 4271 §9.1.2.2 and RFC 4456 §9: one row per "remove from consideration", in order. */
const RULES: readonly Rule[] = [
  most("preference", (c) => c.preference),
  { ...least("longLivedStale", (c) => Number(c.longLivedStale)), show: (c) => (c.longLivedStale ? "stale" : "fresh") },
  most("localPref", (c) => c.localPref),
  least("asPathLength", (c) => c.asPathLength),
  { ...least("origin", (c) => c.origin), show: (c) => ORIGINS[c.origin] ?? String(c.origin) },
  // Among paths of one neighbour AS only, so it is elimination and not an order among all.
  { ...least("med", (c) => c.med), group: (c) => c.neighborAs },
  { ...most("external", (c) => Number(c.external)), show: (c) => (c.external ? "external" : "internal") },
  least("cost", (c) => c.cost),
  { ...least("bgpId", (c) => c.bgpId), show: (c) => formatQuad(c.bgpId) },
  least("clusterListLength", (c) => c.clusterListLength),
  { step: "peerAddress", order: byPeer, show: (c) => (c.peerAddress ? formatAddress(c.peerAddress) : "local") },
  least("pathId", (c) => c.pathId),
];

/** Removes candidates step by step until one is left. */
export function decide(candidates: readonly Candidate[]): { best: Candidate | undefined; losers: readonly Loser[] } {
  let left = candidates;
  const losers: Loser[] = [];
  for (const rule of RULES) {
    const kept: Candidate[] = [];
    for (const candidate of left) {
      const better = bestRival(rule, candidate, left);
      if (better === undefined) kept.push(candidate);
      else
        losers.push({
          path: candidate.path,
          step: rule.step,
          bestValue: rule.show(better),
          value: rule.show(candidate),
        });
    }
    left = kept;
  }
  return { best: left[0], losers };
}

/** The candidate that removes this one by the rule: the best of its group, if that is better. */
function bestRival(rule: Rule, candidate: Candidate, all: readonly Candidate[]): Candidate | undefined {
  let rival = candidate;
  for (const other of all) {
    if (rule.group !== undefined && rule.group(other) !== rule.group(candidate)) continue;
    if (rule.order(other, rival) < 0) rival = other;
  }
  return rival === candidate ? undefined : rival;
}

/** The selection of one prefix, told step by step. */
export function explainSelection(rib: FamilyRib, row: PrefixRow): Explanation {
  const candidates: Candidate[] = [];
  const ineligible: { path: PathRow; because: string }[] = [];
  for (let path = rib.firstPath(row); path !== 0; path = rib.nextPath(path)) {
    const because = whyIneligible(rib, path);
    if (because === undefined) candidates.push(candidateOf(rib, path));
    else ineligible.push({ path, because });
  }
  const { best, losers } = decide(candidates);
  return { best: best?.path ?? 0, losers, ineligible };
}

/** The usable paths of a prefix in the order of decision: each is the best one where those before it are not there. */
export function explainOrder(rib: FamilyRib, row: PrefixRow): readonly PathRow[] {
  let left: Candidate[] = [];
  for (let path = rib.firstPath(row); path !== 0; path = rib.nextPath(path))
    if (whyIneligible(rib, path) === undefined) left.push(candidateOf(rib, path));
  const order: PathRow[] = [];
  while (left.length > 0) {
    const { best } = decide(left);
    order.push(best!.path);
    left = left.filter((candidate) => candidate !== best);
  }
  return order;
}

function candidateOf(rib: FamilyRib, path: PathRow): Candidate {
  const { sets, nextHops, peers } = rib;
  const set = rib.pathSetOut(path);
  const peer = rib.pathPeer(path);
  return {
    path,
    preference: sets.preference(set),
    longLivedStale: sets.staleness(set) === 1,
    localPref: sets.localPref(set),
    asPathLength: sets.asPathLength(set),
    origin: sets.origin(set),
    med: sets.med(set),
    neighborAs: sets.neighborAs(set),
    external: peers.external(peer),
    cost: nextHops.cost(sets.nextHop(set)),
    bgpId: (sets.originatorId(set) || peers.bgpId(peer)) >>> 0,
    clusterListLength: sets.clusterListLength(set),
    peerAddress: peers.facts(peer)?.address,
    peer,
    pathId: rib.pathId(path),
  };
}

const REASONS: Readonly<Record<number, string>> = {
  [REJECT.policy]: "rejected by the import policy",
  [REJECT.noPolicy]: "the peer has no import policy (RFC 8212)",
  [REJECT.asLoop]: "our AS is in its AS_PATH",
  [REJECT.originatorLoop]: "its ORIGINATOR_ID is ours",
  [REJECT.clusterLoop]: "our cluster id is in its CLUSTER_LIST",
  [REJECT.martianNextHop]: "its next hop can be nobody's address",
  [REJECT.ownNextHop]: "its next hop is an address of this machine",
  [REJECT.martianPrefix]: "its prefix is multicast, reserved, loopback or link-local",
  [REJECT.firstAs]: "the first AS of its AS_PATH is not the peer's",
};

/** Why a path takes no part in selection; undefined when it does. */
function whyIneligible(rib: FamilyRib, path: PathRow): string | undefined {
  const set = rib.pathSetOut(path);
  if (set <= 0) return REASONS[set] ?? `rejected (${set})`;
  const nextHop = rib.sets.nextHop(set);
  return rib.nextHops.reachable(nextHop)
    ? undefined
    : `its next hop is unreachable: ${rib.nextHops.resolution(nextHop).via}`;
}

function least(step: Step, value: (candidate: Candidate) => number): Rule {
  return { step, order: (a, b) => value(a) - value(b), show: (c) => String(value(c)) };
}

function most(step: Step, value: (candidate: Candidate) => number): Rule {
  return { step, order: (a, b) => value(b) - value(a), show: (c) => String(value(c)) };
}

/** Local sources first, IPv4 before IPv6; peers that share an address in the order of their ids. */
function byPeer(a: Candidate, b: Candidate): number {
  if (a.peerAddress === undefined || b.peerAddress === undefined)
    return Number(a.peerAddress !== undefined) - Number(b.peerAddress !== undefined) || a.peer - b.peer;
  return compareAddresses(a.peerAddress, b.peerAddress) || a.peer - b.peer;
}

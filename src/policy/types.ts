/**
 * Policies as data, and what a compiled one reads and decides. A policy is an ordered list of rules; the first rule
 * that matches and says accept or reject decides, `continue` applies its changes and goes on, `call` applies them and
 * runs another policy, whose end comes back here. The end of the list rejects.
 */
import type { CommunityPattern } from "../bgp/community-pattern.ts";
import type { AttributeEdits, PathAttributes } from "../bgp/path-attributes.ts";
import type { Address, Family } from "../ip/address.ts";
import type { Prefix } from "../ip/prefix.ts";

export const SOURCES = ["direct", "static", "bgp", "kernel"] as const;
export type RouteSource = (typeof SOURCES)[number];

/** Kinds of peer. A condition that wants `ibgp` is met by a `client` too. */
export const PEER_TYPES = ["ebgp", "ibgp", "client"] as const;
export type PeerType = (typeof PEER_TYPES)[number];

/** One entry of a prefix list: `10.0.0.0/8`, or with lengths `ge`..`le` of more specific ones. */
export interface PrefixMatch {
  readonly prefix: Prefix;
  readonly ge: number;
  readonly le: number;
}

/** From `min` to `max`, both included; "none": there is no value. A value that is not there is in no range. */
export type NumberMatch = { readonly min: number; readonly max: number } | "none";

/**
 * Conditions on AS_PATH as a list of places: each AS of a sequence is one, a set is one that any of its ASes fills, and
 * confederation segments are left out.
 */
export interface AsPathMatch {
  readonly startsWith?: readonly number[];
  /** Any of these stands anywhere. */
  readonly contains?: readonly number[];
  /** Any of these fills the last place. */
  readonly originatedBy?: readonly number[];
  /** Number of places, as selection counts it. */
  readonly length?: NumberMatch;
  readonly empty?: boolean;
}

/** All that are present must hold. Of a list, one is enough, except for `all`. */
export interface PolicyMatch {
  readonly prefixes?: readonly PrefixMatch[];
  readonly source?: readonly RouteSource[];
  readonly communities?: readonly CommunityPattern[];
  readonly largeCommunities?: readonly CommunityPattern[];
  readonly extendedCommunities?: readonly CommunityPattern[];
  readonly asPath?: AsPathMatch;
  /** The next hop is one of these, or within a prefix. */
  readonly nextHops?: readonly Prefix[];
  /** Globs of interfaces that packets leave by. A route without interface, as a blackhole, matches none. */
  readonly interface?: readonly string[];
  /** Names of peers the route came from (import: the session itself). */
  readonly peers?: readonly string[];
  /** Kind of the session the policy runs for. In the kernel's policy there is none. */
  readonly peerType?: readonly PeerType[];
  /** Kind of the peer the route came from; routes of local sources came from none. */
  readonly fromPeerType?: readonly PeerType[];
  readonly med?: NumberMatch;
  readonly localPref?: NumberMatch;
  readonly preference?: NumberMatch;
  readonly metric?: NumberMatch;
  readonly family?: Family;
  /** None of these holds. */
  readonly not?: readonly PolicyMatch[];
  readonly any?: readonly PolicyMatch[];
  readonly all?: readonly PolicyMatch[];
}

/** Values of a route that can be computed with. */
export const OPERANDS = ["metric", "localPref", "med", "preference"] as const;
export type Operand = (typeof OPERANDS)[number];

/**
 * `offset + of`, or `offset - of` where `negative`, brought into the range of the value that is set. Without a value of
 * the operand nothing is set.
 */
export interface Expression {
  readonly of: Operand;
  readonly negative: boolean;
  readonly offset: number;
}

/** What a rule changes. All its expressions read the route as it was before the rule. */
export interface PolicySet extends Omit<AttributeEdits, Operand>, KernelEdits {
  metric?: number | Expression;
  localPref?: number | Expression;
  med?: number | Expression | null;
  preference?: number | Expression;
}

export interface PolicyRule {
  readonly match: PolicyMatch;
  readonly set: PolicySet;
  readonly action: "accept" | "reject" | "continue" | "call";
  /** Name of the policy that `call` runs. */
  readonly call?: string;
}

/** Only in the kernel's export policy. */
export interface KernelEdits {
  device?: string;
  onlink?: boolean;
  preferredSource?: Address;
  table?: number;
}

export interface Policy {
  readonly name: string;
  readonly rules: readonly PolicyRule[];
}

/** Inputs a compiled policy may read; the memo's key is made of those it does read. */
export const READS = {
  prefix: 1,
  source: 2,
  /** Name of the peer the route came from. */
  peer: 4,
  attributes: 8,
  interface: 16,
  metric: 32,
  preference: 64,
  family: 128,
  localPref: 256,
  peerType: 512,
  fromPeerType: 1024,
} as const;

/** In place of a metric: the route has none. A learned kernel route always has one, though it may be 0. */
export const NO_METRIC = -1;

/** One route as policies see it. The object is reused from route to route; what the policy does not read may be anything. */
export interface RouteFacts {
  family: Family;
  /** Octets of the prefix; filled only for policies that read it. */
  prefixBytes: Uint8Array;
  prefixAt: number;
  prefixLength: number;
  source: RouteSource;
  /** Name of the peer it came from; "" for local sources. */
  fromPeer: string;
  /** Undefined for local sources. */
  fromPeerType: PeerType | undefined;
  /** Of the session the policy runs for; undefined for the kernel. */
  peerType: PeerType | undefined;
  /** Names of the interfaces that packets leave by at present. */
  interfaces: readonly string[];
  attributes: PathAttributes;
  preference: number;
  /** As selection sees it: 100 where the route has none. */
  localPref: number;
  /** Kernel metric (learned routes), what an earlier policy set, or NO_METRIC. */
  metric: number;
}

/** One step of a trace, for `explain`. */
export interface TraceStep {
  readonly policy: string;
  /** From 1. */
  readonly rule: number;
  /** How many calls led here. */
  readonly depth: number;
  readonly matched: boolean;
  /** For a rule that did not match: the condition that failed, in words. */
  readonly because: string;
  /** For a rule that matched: what it changed, in words. */
  readonly changes: readonly string[];
  readonly action?: PolicyRule["action"];
  /** With the action `call`: the policy. */
  readonly calls?: string;
}

export interface Verdict {
  accepted: boolean;
  /** Undefined: nothing changed. The object belongs to the policy and is the same for equal changes: never write to it. */
  edits: (AttributeEdits & KernelEdits) | undefined;
}

export interface CompiledPolicy {
  readonly name: string;
  /** Sum of READS, called policies included. */
  readonly reads: number;
  /** It, or a policy that it calls, sets MED. */
  readonly setsMed: boolean;
  /** Equal for policies of equal content whatever their name: groups are keyed by it. */
  readonly contentKey: string;
  /** Without allocation where nothing is changed. The verdict returned is reused by the next call. */
  evaluate(route: RouteFacts): Verdict;
  trace(route: RouteFacts): { readonly verdict: Verdict; readonly steps: readonly TraceStep[] };
}

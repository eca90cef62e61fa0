/**
 * Policies as data, and what a compiled one reads and decides. A policy is an ordered list of rules; the first rule
 * that matches and says accept or reject decides, `continue` applies its changes and goes on. The end of the list rejects.
 */
import type { AttributeEdits, PathAttributes } from "../bgp/path-attributes.ts";
import type { Address, Family } from "../ip/address.ts";
import type { Prefix } from "../ip/prefix.ts";

export const SOURCES = ["direct", "static", "bgp", "kernel"] as const;
export type RouteSource = (typeof SOURCES)[number];

/** One entry of a prefix list: `10.0.0.0/8`, or with lengths `ge`..`le` of more specific ones. */
export interface PrefixMatch {
  readonly prefix: Prefix;
  readonly ge: number;
  readonly le: number;
}

export interface PolicyMatch {
  readonly prefixes?: readonly PrefixMatch[];
  readonly source?: readonly RouteSource[];
  /** Standard communities; the route has any of them. */
  readonly communities?: readonly number[];
  /** The next hop is one of these, or within a prefix. */
  readonly nextHops?: readonly Prefix[];
  /** Names of peers the route came from (import: the session itself). */
  readonly peers?: readonly string[];
  readonly family?: Family;
}

export interface PolicyRule {
  readonly match: PolicyMatch;
  readonly set: AttributeEdits & KernelEdits;
  readonly action: "accept" | "reject" | "continue";
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
  peer: 4,
  attributes: 8,
  interface: 16,
  metric: 32,
  preference: 64,
  family: 128,
} as const;

/** One route as policies see it. The object is reused from route to route. */
export interface RouteFacts {
  family: Family;
  /** Octets of the prefix; filled only for policies that read it. */
  prefixBytes: Uint8Array;
  prefixAt: number;
  prefixLength: number;
  source: RouteSource;
  /** Name of the peer it came from; "" for local sources. */
  fromPeer: string;
  attributes: PathAttributes;
  preference: number;
  /** Kernel metric (learned routes), or what an earlier policy set. */
  metric: number;
}

/** One step of a trace, for `explain`. */
export interface TraceStep {
  readonly policy: string;
  /** From 1. */
  readonly rule: number;
  readonly matched: boolean;
  /** For a rule that did not match: the condition that failed, in words. */
  readonly because: string;
  readonly action?: "accept" | "reject" | "continue";
}

export interface Verdict {
  accepted: boolean;
  /** Undefined: nothing changed. The object belongs to the policy and is the same for equal changes: never write to it. */
  edits: (AttributeEdits & KernelEdits) | undefined;
}

export interface CompiledPolicy {
  readonly name: string;
  /** Sum of READS. */
  readonly reads: number;
  /** Equal for policies of equal content whatever their name: groups are keyed by it. */
  readonly contentKey: string;
  /** Without allocation where nothing is changed. The verdict returned is reused by the next call. */
  evaluate(route: RouteFacts): Verdict;
  trace(route: RouteFacts): { readonly verdict: Verdict; readonly steps: readonly TraceStep[] };
}

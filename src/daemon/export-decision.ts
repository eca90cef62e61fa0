/**
 * What becomes of a best path on its way to an update group: split horizon, well-known communities, export policy and
 * next hop, in this order (RFC 4271 §9.2, RFC 4456 §6, RFC 1997). Results are remembered with the attribute set.
 */
import { COMMUNITY } from "../bgp/iana.ts";
import type { AttributeEdits } from "../bgp/path-attributes.ts";
import type { Family } from "../ip/address.ts";
import type { PrefixRow } from "../ip/prefix-table.ts";
import { READS, type RouteFacts, type TraceStep } from "../policy/types.ts";
import type { SetTable } from "../rib/attribute-sets.ts";
import type { FamilyRib } from "../rib/family-rib.ts";
import { editsFor } from "../rib/import.ts";
import { FIRST_PEER, type PathRow, type PeerId, type SetHandle } from "../rib/types.ts";
import type { DefaultOrigin } from "./default-origin.ts";
import {
  communityStop,
  EXPORT_PEER_TYPE,
  type ExportContext,
  type ExportTables,
  mayPass,
  type NextHopRule,
  STOP,
} from "./export-context.ts";
import { createFactsReader } from "./route-facts.ts";

/** Different edits of one group's policy whose results are remembered. */
const MOST_EDITS = 64;

const NO_MED: AttributeEdits = { med: null };
/** Made once for each of a policy's edits. */
const NO_MED_WITH = new WeakMap<AttributeEdits, AttributeEdits>();

function withoutMed(edits: AttributeEdits | undefined): AttributeEdits {
  if (!edits) return NO_MED;
  let made = NO_MED_WITH.get(edits);
  if (!made) {
    made = { ...edits, med: null };
    NO_MED_WITH.set(edits, made);
  }
  return made;
}
/** RFC 8326 §4.1: what is about to go says so; within an AS it becomes the last choice by itself. */
const LEAVING: AttributeEdits = { addCommunities: [0xffff0000] };
const LEAVING_INTERNAL: AttributeEdits = { ...LEAVING, localPref: 0 };

/** A group as the decisions see it. */
export interface DecidedGroup {
  readonly context: ExportContext;
  readonly hops: NextHopRule;
  /** Keys of remembered results by kind of source. */
  readonly memoKeys: Map<number, number>;
  /** Where the policy reads the prefix: keys of what its edits make of a set. */
  readonly editKeys: Map<AttributeEdits, number>;
  /** Of the next hops, for policies that read interfaces: results of another version count no longer. */
  hopsVersion: number;
  /** The default route that it originates in place of all else; made when there is one. */
  readonly origin: DefaultOrigin | undefined;
}

export interface ExportDecision {
  /** What the group's rules make of a path, 0 being none: a set (not retained) or a negative STOP code. */
  decide(group: DecidedGroup, row: PrefixRow, path: PathRow): SetHandle | number;
  /** The same for the set of a path. The result is not retained: whoever keeps it does so before the next decision. */
  decideSet(group: DecidedGroup, row: PrefixRow, source: PeerId, set: SetHandle): SetHandle | number;
  /** What every announcement of the context goes through in the end. Takes a retained set over and returns one, or 0. */
  finish(context: ExportContext, set: SetHandle): SetHandle;
  /** Lets go of the last result. */
  releasePending(): void;
  /** The id stands for another peer from now on: what was remembered of its routes counts no longer. */
  forgetSource(group: DecidedGroup, id: PeerId): void;
  /** The export policy's steps for a path, for explain. */
  trace(group: DecidedGroup, row: PrefixRow, path: PathRow): readonly TraceStep[];
}

export function createExportDecision(
  tables: ExportTables & { readonly sets: SetTable },
  ribs: Record<Family, FamilyRib>,
): ExportDecision {
  const { sets, peers, nextHops } = tables;
  const reader = createFactsReader(ribs, sets, peers, nextHops);
  /** The last result, kept alive until whoever asked had the time to retain it. */
  let pendingRelease = 0;

  /**
   * Runs the export policy; the result is retained once for the caller, or a STOP code. A policy sees the MED that was
   * received, but only what it sets itself goes to another AS (RFC 4271 §5.1.4).
   */
  function runPolicy(group: DecidedGroup, row: PrefixRow, source: PeerId, set: SetHandle): number {
    const { context } = group;
    const { policy } = context;
    const verdict = policy.evaluate(policy.reads === 0 ? reader.facts : factsOf(context, row, source, set));
    if (!verdict.accepted) return STOP.policy;
    const { edits } = verdict;
    if (policy.setsMed && context.kind === "external" && source >= FIRST_PEER && edits?.med === undefined)
      return rememberedEdit(group, set, withoutMed(edits));
    if (edits) return rememberedEdit(group, set, edits);
    sets.retain(set);
    return set;
  }

  function factsOf(
    { policy, kind, family }: ExportContext,
    row: PrefixRow,
    source: PeerId,
    set: SetHandle,
  ): RouteFacts {
    return reader.read(policy, EXPORT_PEER_TYPE[kind], family, row, source, set);
  }

  /** A policy makes equal edits once, so the object names what they make of each set, whatever the prefix. */
  function rememberedEdit(group: DecidedGroup, set: SetHandle, edits: AttributeEdits): number {
    const { context, editKeys } = group;
    let key = editKeys.get(edits);
    if ((context.policy.reads & READS.prefix) === 0 || (key === undefined && editKeys.size >= MOST_EDITS))
      return edit(context, set, edits);
    if (key === undefined) {
      key = sets.newMemoKey();
      editKeys.set(edits, key);
    }
    const known = sets.recall(set, key);
    if (known > 0) {
      sets.retain(known);
      return known;
    }
    const result = edit(context, set, edits);
    if (result > 0) sets.remember(set, key, result);
    return result;
  }

  /** The set that the policy's edits make of another, retained, or a STOP code. */
  function edit(context: ExportContext, set: SetHandle, given: AttributeEdits): number {
    const edits = editsFor(context.family, given);
    let hop = sets.nextHop(set);
    const address = edits.nextHop === "self" ? context.self : edits.nextHop;
    if (edits.nextHop === "self" && !address) return STOP.nextHop;
    if (address) hop = nextHops.chosen(address);
    return (hop && sets.derive(set, edits, hop)) || STOP.noRoom;
  }

  function finish(context: ExportContext, set: SetHandle): SetHandle {
    if (!context.leaving) return set;
    const last = sets.derive(set, context.kind === "external" ? LEAVING : LEAVING_INTERNAL, sets.nextHop(set));
    sets.release(set);
    return last;
  }

  /** For internal peers that do not know LLGR_STALE (RFC 9494 §4.6). Takes over the set that it is given. */
  function lowered(set: SetHandle): number {
    const result = sets.derive(set, { localPref: 0, addCommunities: [COMMUNITY.noExport] }, sets.nextHop(set));
    sets.release(set);
    return result || STOP.noRoom;
  }

  /** Remembered with the set unless it depends on the prefix. */
  function decideSet(group: DecidedGroup, row: PrefixRow, source: PeerId, set: SetHandle): number {
    const { policy, leaving } = group.context;
    if (policy.reads & READS.prefix || (policy.reads === 0 && !policy.setsMed && !leaving))
      return evaluate(group, row, source, set);
    if (policy.reads & READS.interface && group.hopsVersion !== nextHops.version) {
      for (const key of group.memoKeys.values()) sets.retireMemoKey(key);
      group.memoKeys.clear();
      group.hopsVersion = nextHops.version;
    }
    const key = memoKey(group, source);
    const known = sets.recall(set, key);
    if (known !== 0) return known;
    const result = evaluate(group, row, source, set);
    if (result !== STOP.noRoom) sets.remember(set, key, result);
    return result;
  }

  /** Results are alike for sources of one kind, unless the policy asks which peer a path came from. */
  function memoKey(group: DecidedGroup, source: PeerId): number {
    const kind = group.context.policy.reads & READS.peer ? source : sourceKind(source);
    let key = group.memoKeys.get(kind);
    if (key === undefined) {
      key = sets.newMemoKey();
      group.memoKeys.set(kind, key);
    }
    return key;
  }

  /** Local sources by themselves; peers as external, client, or neither. */
  function sourceKind(source: PeerId): number {
    if (source < FIRST_PEER) return source;
    return peers.external(source) ? -1 : peers.client(source) ? -2 : -3;
  }

  function releasePending(): void {
    if (pendingRelease !== 0) sets.release(pendingRelease);
    pendingRelease = 0;
  }

  function evaluate(group: DecidedGroup, row: PrefixRow, source: PeerId, set: SetHandle): number {
    const { context } = group;
    if (!mayPass(context.kind, tables, source)) return STOP.splitHorizon;
    if (source >= FIRST_PEER) {
      const stop = communityStop(sets, set, context.kind === "external");
      if (stop !== 0) return stop;
    }
    const isStale = sets.staleness(set) === 1;
    if (isStale && context.longLivedStale === "withdraw") return STOP.longLivedStale;
    let result = runPolicy(group, row, source, set);
    if (result > 0 && isStale && context.longLivedStale === "lower") result = lowered(result);
    if (result > 0 && context.leaving) result = finish(context, result) || STOP.noRoom;
    if (pendingRelease !== 0) sets.release(pendingRelease);
    pendingRelease = Math.max(result, 0);
    if (result > 0 && group.hops.announced(result, source) === undefined) return STOP.nextHop;
    return result;
  }

  function decide(group: DecidedGroup, row: PrefixRow, path: PathRow): number {
    if (group.origin) return group.origin.decide(row);
    if (path === 0) return STOP.noBest;
    const rib = ribs[group.context.family];
    return decideSet(group, row, rib.pathPeer(path), rib.pathSetOut(path));
  }

  function forgetSource(group: DecidedGroup, id: PeerId): void {
    const key = group.memoKeys.get(id);
    if (key === undefined) return;
    sets.retireMemoKey(key);
    group.memoKeys.delete(id);
  }

  function trace({ context }: DecidedGroup, row: PrefixRow, path: PathRow): readonly TraceStep[] {
    const rib = ribs[context.family];
    return context.policy.trace(factsOf(context, row, rib.pathPeer(path), rib.pathSetOut(path))).steps;
  }

  return { decide, decideSet, finish, releasePending, forgetSource, trace };
}

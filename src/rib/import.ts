import type { AttributeEdits } from "../bgp/path-attributes.ts";
import type { Family } from "../ip/address.ts";
import { NO_ATTRIBUTES, NO_INTERFACES, noRoute } from "../policy/no-route.ts";
import { peerTypeOf } from "../policy/peer-type.ts";
import { type CompiledPolicy, READS, type TraceStep } from "../policy/types.ts";
import type { SetTable } from "./attribute-sets.ts";
import { checkImport, importKey } from "./import-checks.ts";
import type { NextHopTable } from "./next-hops.ts";
import { holdsCommunity } from "./session-checks.ts";
import { type NextHopId, REJECT, type RejectCode, type SetHandle } from "./types.ts";

const GRACEFUL_SHUTDOWN = 0xffff0000;
const LAST_CHOICE: AttributeEdits = { localPref: 0 };

/** What decides, beside the attributes, how a session's routes are imported. */
export interface ImportSession {
  readonly peerName: string;
  readonly family: Family;
  readonly external: boolean;
  /** iBGP client of our reflector. */
  readonly client: boolean;
  /** Undefined: an external peer's routes are rejected (RFC 8212), an internal peer's accepted. */
  readonly policy: CompiledPolicy | undefined;
  readonly routerAs: number;
  /** The AS that we are on the session; `routerAs` unless it has one of its own (RFC 7705). */
  readonly localAs: number;
  /** Put in front of AS_PATH before the policy sees it; 0: nothing. */
  readonly prependAs: number;
  /** Occurrences of `routerAs`, and of `localAs`, in AS_PATH that are no loop. */
  readonly allowedOwnAs: number;
  readonly routerId: number;
  /** 0: this speaker is no reflector. */
  readonly clusterId: number;
  /** The AS that AS_PATH has to begin with; 0: any. */
  readonly firstAs: number;
  /** Routes that carry GRACEFUL_SHUTDOWN get LOCAL_PREF 0, whatever the policy says (RFC 8326 §4). */
  readonly gracefulShutdown: boolean;
}

/** A session's way of importing, made by `open`. Sessions that import alike share what is remembered. */
export interface ImportHandle {
  readonly session: ImportSession;
  /** Results do not depend on the prefix. */
  readonly remembered: boolean;
  /** The policy reads the prefix: `evaluate` is to be called for each, with its octets. */
  readonly readsPrefix: boolean;
  /** Results depend on how next hops resolve: they are to be worked out again when that changes. */
  readonly readsInterface: boolean;
  /** Changes when what was remembered counts no longer. */
  key: number;
  /** Where the policy is asked for each prefix: keys of what edits make of a set. */
  readonly editKeys: Map<AttributeEdits, number>;
}

export interface ImportTrace {
  /** REJECT code, or 0 when accepted. */
  readonly rejected: RejectCode | 0;
  readonly steps: readonly TraceStep[];
  readonly edits: AttributeEdits | undefined;
}

interface SharedKey {
  readonly text: string;
  /** Who made the edits among `editKeys`. */
  policy: CompiledPolicy | undefined;
  key: number;
  readonly editKeys: Map<AttributeEdits, number>;
  readonly handles: Set<ImportHandle>;
}

/** Different edits of one policy whose results are remembered. */
const MOST_EDITS = 64;

export interface Importer {
  open(session: ImportSession): ImportHandle;
  close(handle: ImportHandle): void;
  /** Our addresses changed: nothing that was remembered counts. The caller imports all paths again. */
  forget(): void;
  /**
   * The set after import, retained for the caller, or a REJECT code; 0 when the bound of sets is reached. The prefix
   * (octets and length as in an NLRI) counts only where the handle `readsPrefix`.
   */
  evaluate(handle: ImportHandle, set: SetHandle, bytes: Uint8Array, at: number, length: number): SetHandle | RejectCode;
  /** The same, told step by step; nothing is remembered or retained. */
  trace(handle: ImportHandle, set: SetHandle, bytes: Uint8Array, at: number, length: number): ImportTrace;
}

/** What a policy reads of the attribute set. */
const READ_OF_SET = READS.attributes | READS.interface | READS.preference | READS.localPref | READS.metric;

/** Import evaluation with its memory: one result per (attribute set, way of importing), which dies with the set. */
export function createImporter(sets: SetTable, nextHops: NextHopTable): Importer {
  /** By content of the policy ("": none), then by all else. */
  const shared = new Map<string, Map<string, SharedKey>>();
  const facts = noRoute();
  /** Whose facts `facts` holds. */
  let filledFor: ImportSession | undefined;

  function open(session: ImportSession): ImportHandle {
    const reads = session.policy?.reads ?? 0;
    const alike = shared.get(contentOf(session)) ?? new Map<string, SharedKey>();
    shared.set(contentOf(session), alike);
    const text = importKey(session);
    let entry = alike.get(text);
    if (!entry) {
      entry = { text, policy: session.policy, key: sets.newMemoKey(), editKeys: new Map(), handles: new Set() };
      alike.set(text, entry);
    }
    if (entry.policy !== session.policy) {
      retireEdits(entry);
      entry.policy = session.policy;
    }
    const remembered = (reads & (READS.prefix | READS.interface)) === 0;
    const handle = {
      session,
      remembered,
      readsPrefix: (reads & READS.prefix) !== 0,
      readsInterface: (reads & READS.interface) !== 0,
      key: entry.key,
      editKeys: entry.editKeys,
    };
    entry.handles.add(handle);
    return handle;
  }

  function close(handle: ImportHandle): void {
    const alike = shared.get(contentOf(handle.session));
    const entry = alike?.get(importKey(handle.session));
    if (!alike || !entry?.handles.delete(handle) || entry.handles.size > 0) return;
    retire(entry);
    alike.delete(entry.text);
    if (alike.size === 0) shared.delete(contentOf(handle.session));
  }

  function retire(entry: SharedKey): void {
    sets.retireMemoKey(entry.key);
    retireEdits(entry);
  }

  function retireEdits({ editKeys }: SharedKey): void {
    for (const key of editKeys.values()) sets.retireMemoKey(key);
    editKeys.clear();
  }

  function forget(): void {
    for (const alike of shared.values())
      for (const entry of alike.values()) {
        retire(entry);
        entry.key = sets.newMemoKey();
        for (const handle of entry.handles) handle.key = entry.key;
      }
  }

  function evaluate(handle: ImportHandle, set: SetHandle, bytes: Uint8Array, at: number, length: number): number {
    if (!handle.remembered) return computeEach(handle, set, bytes, at, length);
    const known = sets.recall(set, handle.key);
    if (known !== 0) {
      if (known > 0) sets.retain(known);
      return known;
    }
    const result = compute(handle, set, bytes, at, length);
    if (result !== 0) sets.remember(set, handle.key, result);
    return result;
  }

  function compute(handle: ImportHandle, received: SetHandle, bytes: Uint8Array, at: number, length: number): number {
    const rejected = checkImport(sets, nextHops, handle.session, received);
    if (rejected !== 0) return rejected;
    const set = before(handle.session, received);
    return set === 0 ? 0 : decide(handle, set, false, bytes, at, length);
  }

  /**
   * The policy is asked for each prefix, but what comes before it depends on the set alone: that is remembered, except
   * for the few sets that are about to go.
   */
  function computeEach(
    handle: ImportHandle,
    received: SetHandle,
    bytes: Uint8Array,
    at: number,
    length: number,
  ): number {
    const known = sets.recall(received, handle.key);
    if (known < 0) return known;
    if (known > 0) {
      sets.retain(known);
      return decide(handle, known, true, bytes, at, length);
    }
    const rejected = checkImport(sets, nextHops, handle.session, received);
    const set = rejected || before(handle.session, received);
    if (set === 0) return 0;
    const isRemembered = set < 0 || !handle.session.gracefulShutdown || !isLeaving(set);
    if (isRemembered) sets.remember(received, handle.key, set);
    return set < 0 ? set : decide(handle, set, isRemembered, bytes, at, length);
  }

  /** The policy and what follows it. Takes the retained set over and returns one, or a REJECT code. `stays`: not leaving. */
  function decide(
    handle: ImportHandle,
    set: SetHandle,
    stays: boolean,
    bytes: Uint8Array,
    at: number,
    length: number,
  ): number {
    const { session } = handle;
    const { policy } = session;
    let edits: AttributeEdits | undefined;
    if (policy !== undefined) {
      fill(session, policy, set, bytes, at, length);
      const verdict = policy.evaluate(facts);
      if (!verdict.accepted) {
        sets.release(set);
        return REJECT.policy;
      }
      edits = verdict.edits;
    }
    if (edits === undefined) return stays ? set : settled(session, set);
    const result = handle.remembered ? edited(session, set, edits) : rememberedEdit(handle, set, edits);
    sets.release(set);
    return result;
  }

  function isLeaving(set: SetHandle): boolean {
    const from = sets.offset(set);
    return holdsCommunity(sets.arena(), from, from + sets.octets(set), GRACEFUL_SHUTDOWN);
  }

  /** RFC 8326: what is about to go is used only where there is nothing else. Takes a retained set over and returns one. */
  function settled(session: ImportSession, set: SetHandle): SetHandle {
    if (!session.gracefulShutdown || !isLeaving(set)) return set;
    const last = sets.derive(set, LAST_CHOICE, sets.nextHop(set));
    sets.release(set);
    return last;
  }

  /** The set that the policy is given, retained; 0 at a bound. */
  function before({ prependAs }: ImportSession, received: SetHandle): SetHandle {
    if (prependAs !== 0) return sets.derive(received, { prepend: [prependAs] }, sets.nextHop(received));
    sets.retain(received);
    return received;
  }

  function edited(session: ImportSession, set: SetHandle, given: AttributeEdits): SetHandle {
    const edits = editsFor(session.family, given);
    const nextHop = editedNextHop(set, edits);
    const result = nextHop === 0 ? 0 : sets.derive(set, edits, nextHop);
    return result === 0 ? 0 : settled(session, result);
  }

  /** A policy makes equal edits once, so the object names what they make of each set. */
  function rememberedEdit({ session, editKeys }: ImportHandle, set: SetHandle, edits: AttributeEdits): SetHandle {
    let key = editKeys.get(edits);
    if (key === undefined) {
      if (editKeys.size >= MOST_EDITS) return edited(session, set, edits);
      key = sets.newMemoKey();
      editKeys.set(edits, key);
    }
    const known = sets.recall(set, key);
    if (known > 0) {
      sets.retain(known);
      return known;
    }
    const result = edited(session, set, edits);
    if (result !== 0) sets.remember(set, key, result);
    return result;
  }

  function fill(
    session: ImportSession,
    policy: CompiledPolicy,
    set: SetHandle,
    bytes: Uint8Array,
    at: number,
    length: number,
  ): void {
    if (session !== filledFor) fillSession(session);
    facts.prefixBytes = bytes;
    facts.prefixAt = at;
    facts.prefixLength = length;
    const { reads } = policy;
    if ((reads & READ_OF_SET) === 0) return;
    facts.attributes = (reads & READS.attributes) !== 0 ? sets.attributes(set) : NO_ATTRIBUTES;
    facts.interfaces = (reads & READS.interface) !== 0 ? nextHops.interfaces(sets.nextHop(set)) : NO_INTERFACES;
    facts.preference = sets.preference(set);
    facts.localPref = sets.localPref(set);
    facts.metric = sets.metric(set);
  }

  function fillSession(session: ImportSession): void {
    filledFor = session;
    facts.family = session.family;
    facts.fromPeer = session.peerName;
    facts.peerType = peerTypeOf(session.external, session.client);
    facts.fromPeerType = facts.peerType;
  }

  /** "self" has no meaning on import. */
  function editedNextHop(set: SetHandle, edits: AttributeEdits): NextHopId {
    const { nextHop } = edits;
    if (nextHop === undefined || nextHop === "self") return sets.nextHop(set);
    return nextHops.intern(nextHop.family, nextHop.bytes, 0, 0);
  }

  function trace(handle: ImportHandle, set: SetHandle, bytes: Uint8Array, at: number, length: number): ImportTrace {
    const { session } = handle;
    const rejected = checkImport(sets, nextHops, session, set);
    const { policy } = session;
    if (rejected !== 0 || policy === undefined) return { rejected, steps: [], edits: undefined };
    const given = before(session, set);
    if (given === 0) return { rejected: 0, steps: [], edits: undefined };
    fill(session, policy, given, bytes, at, length);
    facts.attributes = sets.attributes(given);
    const { verdict, steps } = policy.trace(facts);
    sets.release(given);
    return { rejected: verdict.accepted ? 0 : REJECT.policy, steps, edits: verdict.edits };
  }

  return { open, close, forget, evaluate, trace };
}

function contentOf({ policy }: ImportSession): string {
  return policy?.contentKey ?? "";
}

/** A next hop of the other family says nothing about a route: one policy may serve both families. */
export function editsFor(family: Family, edits: AttributeEdits): AttributeEdits {
  const { nextHop, ...others } = edits;
  return nextHop === undefined || nextHop === "self" || nextHop.family === family ? edits : others;
}

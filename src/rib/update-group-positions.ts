/**
 * Where the members of a group stand in the list of its Adj-RIB-Out. A position is a slot up to which everything has been
 * written (0: nothing), with the members at that place; positions are kept in list order.
 *
 * Two positions never share a slot, except that one which leaves rows out (a member taken over from another group) stands
 * for itself. Only the rearmost position may be without members: it then sweeps the rows that nobody waits for.
 */
import { type AdjRibOut, ANCHOR, MIXED, SETTLED, TOMBSTONE, UNSENT } from "./adj-rib-out.ts";
import type { NextHopId, PeerId } from "./types.ts";
import type { Member, RowWriter } from "./update-group-types.ts";

export interface Position {
  slot: number;
  /** Members that take more. */
  readonly ready: Set<MemberState>;
  /** Members above their high mark, or held until the difference to their old group is known. */
  readonly blocked: Set<MemberState>;
  /** Bit per slot: the only member here already holds what is announced. */
  skip: Uint8Array | undefined;
}

/** What a group keeps per member. */
export interface MemberState {
  readonly member: Member;
  readonly peer: PeerId;
  readonly ownNextHop: NextHopId;
  position: Position;
  /** Above its high mark. */
  blocked: boolean;
  /** Not to be written to: its difference to the old group is being worked out, or it is leaving for another group. */
  held: boolean;
  /** Slot at which the present walk ends, -1 when there is none. */
  mark: number;
  /** In its first walk: what is withdrawn before its mark it never had. */
  initial: boolean;
  endOfRibDue: boolean;
  /** After the first mark a second one stands behind what changed meanwhile: End-of-RIB must not come before that. */
  secondRound: boolean;
  refreshDone: (() => void)[];
  /** A recipient of the batch that is being written. */
  awaiting: boolean;
  blockedSinceMs: number;
  /** Has left; a session may end while it is written to. */
  gone: boolean;
}

export class Positions {
  /** In list order; never empty. */
  readonly order: Position[] = [newPosition(0)];
  /** Members with a mark. */
  readonly marked = new Set<MemberState>();
  private readonly table: AdjRibOut;
  private readonly rows: RowWriter;

  constructor(table: AdjRibOut, rows: RowWriter) {
    this.table = table;
    this.rows = rows;
  }

  isAnchored(slot: number): boolean {
    for (const position of this.order) if (position.slot === slot) return true;
    for (const state of this.marked) if (state.mark === slot) return true;
    this.table.lower(slot, ANCHOR);
    return false;
  }

  /** Moves positions and marks off a slot that is about to move or to leave the list, to its predecessor. */
  vacate(slot: number): void {
    const prev = this.table.prev(slot);
    for (const position of this.order) if (position.slot === slot) position.slot = prev;
    for (const state of this.marked) if (state.mark === slot) state.mark = prev;
    this.table.lower(slot, ANCHOR);
    this.table.raise(prev, ANCHOR);
    this.mergeAt(prev);
  }

  /** Puts a slot, which all members have passed, in front of all positions. */
  prepend(slot: number): void {
    this.table.prepend(slot);
    for (const position of this.order) {
      if (position.slot !== 0) continue;
      position.slot = slot;
      this.table.raise(slot, ANCHOR);
    }
  }

  /** Puts a member at the head of the list, where nothing has been written. */
  enterHead(state: MemberState, skip?: Uint8Array): void {
    const first = this.order[0]!;
    const there = this.order.find((position) => position.slot === 0 && position.skip === undefined);
    if (there && skip === undefined) {
      this.place(state, there);
      return;
    }
    const position = newPosition(0);
    position.skip = skip;
    // Whoever walks from the head takes over from a rearmost position without members.
    if (isEmpty(first)) this.order[0] = position;
    else this.order.unshift(position);
    this.place(state, position);
  }

  /** Puts the member's mark at the end of the list. */
  markTail(state: MemberState): void {
    state.mark = this.table.tail;
    this.table.raise(state.mark, ANCHOR);
    this.marked.add(state);
  }

  unmark(state: MemberState): void {
    state.mark = -1;
    this.marked.delete(state);
  }

  /** Sorts the member among those that take more and those that do not. */
  sort(state: MemberState): void {
    const stopped = state.blocked || state.held;
    (stopped ? state.position.ready : state.position.blocked).delete(state);
    (stopped ? state.position.blocked : state.position.ready).add(state);
  }

  /** Takes the member from its position, which goes when nobody is left there. */
  remove(state: MemberState): void {
    const position = state.position;
    position.ready.delete(state);
    position.blocked.delete(state);
    if (!isEmpty(position)) return;
    position.skip = undefined;
    const index = this.order.indexOf(position);
    if (index > 0) this.order.splice(index, 1);
    else this.mergeAt(position.slot);
  }

  /**
   * Moves the members at `order[index]` that take more to `slot`, over the slots given, and leaves the others behind.
   * What the rearmost position has passed is settled.
   */
  advance(index: number, slot: number, passed: Int32Array, count: number): void {
    const position = this.order[index]!;
    if (position.blocked.size > 0) {
      const behind = newPosition(position.slot);
      for (const state of position.blocked) this.place(state, behind);
      position.blocked.clear();
      this.order.splice(index, 0, behind);
      index++;
    }
    index = this.lastAt(index);
    position.slot = slot;
    this.table.raise(slot, ANCHOR);
    if (index === 0) this.settle(passed, count);
    this.mergeAt(position.slot);
  }

  /** Lets a rearmost position without members go over at most `limit` rows; returns how many. */
  sweep(limit: number, scratch: Int32Array): number {
    const ghost = this.order[0]!;
    if (!isEmpty(ghost)) return 0;
    const until = this.order.length > 1 ? this.order[1]!.slot : this.table.tail;
    let count = 0;
    let slot = ghost.slot;
    while (slot !== until && count < limit && count < scratch.length) {
      slot = this.table.next(slot);
      scratch[count++] = slot;
    }
    if (count > 0) this.advance(0, slot, scratch, count);
    return count;
  }

  /** True when a rearmost position without members still has rows to go over. */
  get sweeping(): boolean {
    const ghost = this.order[0]!;
    return isEmpty(ghost) && ghost.slot !== (this.order.length > 1 ? this.order[1]!.slot : this.table.tail);
  }

  /** All members know these rows: tombstones leave the list, and nobody holds anything from elsewhere. */
  private settle(passed: Int32Array, count: number): void {
    const { table } = this;
    for (let i = 0; i < count; i++) {
      const slot = passed[i]!;
      const flags = table.flags(slot);
      if ((flags & TOMBSTONE) === 0) {
        table.lower(slot, MIXED | UNSENT);
        table.raise(slot, SETTLED);
        continue;
      }
      if ((flags & ANCHOR) !== 0) this.vacate(slot);
      table.unlink(slot);
      table.clear(slot);
      table.tombstones--;
      this.rows.unhold(slot - 1);
    }
  }

  /** Swaps the position behind all others at its slot, as it is about to pass them; returns its new index. */
  private lastAt(index: number): number {
    const { order } = this;
    const position = order[index]!;
    while (index + 1 < order.length && order[index + 1]!.slot === position.slot) {
      order[index] = order[index + 1]!;
      order[++index] = position;
    }
    return index;
  }

  /** Makes one of the positions at the slot, as far as none of them leaves rows out. */
  private mergeAt(slot: number): void {
    const { order } = this;
    let into: Position | undefined;
    for (let i = 0; i < order.length; i++) {
      const position = order[i]!;
      if (position.slot !== slot || position.skip !== undefined) continue;
      if (into === undefined) {
        into = position;
        continue;
      }
      // The smaller one moves.
      const [keep, gone] = sizeOf(into) >= sizeOf(position) ? [into, position] : [position, into];
      for (const state of gone.ready) this.place(state, keep);
      for (const state of gone.blocked) this.place(state, keep);
      order[order.indexOf(into)] = keep;
      order.splice(i--, 1);
      into = keep;
    }
    // A position without members stays only while it is the rearmost and alone at its slot.
    if (order.length > 1 && isEmpty(order[0]!) && order[1]!.slot === order[0]!.slot) order.shift();
  }

  private place(state: MemberState, position: Position): void {
    state.position = position;
    (state.blocked || state.held ? position.blocked : position.ready).add(state);
  }

  /** Lets the member's position, which left rows out, be like any other. */
  dropSkip(position: Position): void {
    position.skip = undefined;
    this.mergeAt(position.slot);
  }
}

function newPosition(slot: number): Position {
  return { slot, ready: new Set(), blocked: new Set(), skip: undefined };
}

export function isEmpty(position: Position): boolean {
  return position.ready.size === 0 && position.blocked.size === 0;
}

function sizeOf(position: Position): number {
  return position.ready.size + position.blocked.size;
}

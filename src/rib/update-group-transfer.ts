/**
 * Taking a member over from another group without a reset. What it holds is what the old group had written: rows up to
 * its place there as they stand, rows behind that (changed since, or not yet sent) as nobody knows.
 *
 * The member's state in the old group stays where it was, held; a cursor (its mark) walks the old list to the end. The
 * member gets withdrawals at once for rows that the new group does not announce to it, and a bit for each row that needs
 * nothing. Then it walks the new list like one that asked for a refresh, leaving out the rows with a bit; a row that
 * changes in the new group loses its bit.
 */
import { ANCHOR, LIVE, TOMBSTONE } from "./adj-rib-out.ts";
import { closeWithdrawal, openWithdrawal } from "./pack-message.ts";
import type { Group } from "./update-group.ts";
import { send } from "./update-group-delivery.ts";
import type { MemberState } from "./update-group-positions.ts";

const NO_OCTETS = new Uint8Array(0);

export class Transfer {
  private readonly to: Group;
  private readonly from: Group;
  private readonly state: MemberState;
  private readonly leaving: MemberState;
  private readonly skip: Uint8Array;
  private readonly seen: Uint8Array;
  private readonly slots: number;
  private readonly over: () => void;
  /** Where withdrawals are written; made when there is one. */
  private out = NO_OCTETS;
  private end = 0;
  private everything = false;
  /** The cursor has passed the member's place in the old list. */
  private beyond = false;

  constructor(to: Group, from: Group, state: MemberState, leaving: MemberState, skip: Uint8Array, over: () => void) {
    this.to = to;
    this.from = from;
    this.state = state;
    this.leaving = leaving;
    this.skip = skip;
    this.slots = from.table.highWater;
    this.seen = new Uint8Array((this.slots >>> 3) + 1);
    this.over = over;
    leaving.mark = 0;
    from.positions.marked.add(leaving);
  }

  /** Goes over at most `maxRows` rows of the old list; returns how many. Pauses when the member takes no more. */
  advance(maxRows: number, evenIfBlocked = false): number {
    const { table, positions } = this.from;
    const { leaving } = this;
    let rows = 0;
    let slot = leaving.mark;
    while (rows < maxRows && !this.state.gone && (evenIfBlocked || !this.state.blocked)) {
      if (slot === leaving.position.slot) this.beyond = true;
      slot = table.next(slot);
      if (slot === 0) break;
      leaving.mark = slot;
      if (this.beyond) this.visitUnknown(slot);
      else this.visitKnown(slot);
      rows++;
    }
    this.writeWithdrawals();
    if (this.state.gone) return Math.max(1, rows);
    if (slot === 0) {
      this.finish();
      return Math.max(1, rows);
    }
    table.raise(leaving.mark, ANCHOR);
    positions.marked.add(leaving);
    return rows;
  }

  /** To the end at once, whether or not the member takes it: the old group is closed, or the member moves on. */
  complete(): void {
    this.advance(Number.MAX_SAFE_INTEGER, true);
  }

  /** A refresh was asked for meanwhile: nothing is left out. */
  sendEverything(): void {
    this.everything = true;
  }

  /** The member is gone. */
  abandon(): void {
    this.from.dismiss(this.leaving);
    this.over();
    this.from.onWork();
  }

  private finish(): void {
    const { to, state, skip } = this;
    this.from.dismiss(this.leaving);
    this.over();
    this.from.onWork();
    if (this.everything) skip.fill(0);
    state.held = false;
    to.positions.sort(state);
    to.positions.markTail(state);
  }

  /** A row that the member holds as the old group has it. */
  private visitKnown(slot: number): void {
    const { from, to, leaving, state } = this;
    if (!this.firstSight(slot)) return;
    const holds =
      (from.table.flags(slot) & LIVE) !== 0 &&
      from.view.mayReceive(leaving, slot) &&
      from.view.fits(slot, to.nlriOctets);
    const flags = to.table.flags(slot);
    const gets = (flags & LIVE) !== 0 && to.view.mayReceive(state, slot) && to.view.fits(slot, to.nlriOctets);
    if (!gets) {
      if (holds && (flags & TOMBSTONE) === 0) this.withdraw(slot);
      if ((flags & LIVE) !== 0) this.leaveOut(slot);
    } else if (holds && to.view.sameAs(slot, from.view)) this.leaveOut(slot);
  }

  /** A row of which the member may hold an earlier state. */
  private visitUnknown(slot: number): void {
    const { to, state } = this;
    if (!this.firstSight(slot)) return;
    const flags = to.table.flags(slot);
    if ((flags & TOMBSTONE) !== 0) return;
    if ((flags & LIVE) !== 0 && to.view.mayReceive(state, slot)) return;
    this.withdraw(slot);
    if ((flags & LIVE) !== 0) this.leaveOut(slot);
  }

  /** False for rows looked at before, and for those that the old group first announced after the member had left. */
  private firstSight(slot: number): boolean {
    const bit = 1 << (slot & 7);
    if (slot >= this.slots || (this.seen[slot >>> 3]! & bit) !== 0) return false;
    this.seen[slot >>> 3]! |= bit;
    return true;
  }

  private leaveOut(slot: number): void {
    this.skip[slot >>> 3]! |= 1 << (slot & 7);
  }

  private withdraw(slot: number): void {
    const { family, maxMessageOctets } = this.to.delivery;
    if (this.out.length === 0) this.out = new Uint8Array(maxMessageOctets);
    if (this.end === 0) this.end = openWithdrawal(family, this.out, 0);
    this.end = this.from.rows.writeNlri(slot - 1, this.out, this.end);
    if (this.end + this.to.nlriOctets + 2 > maxMessageOctets) this.writeWithdrawals();
  }

  private writeWithdrawals(): void {
    if (this.end === 0) return;
    const { delivery } = this.to;
    const bytes = this.out.slice(0, closeWithdrawal(delivery.family, this.out, 0, this.end));
    this.end = 0;
    delivery.counters.messagesEncoded++;
    delivery.counters.octetsEncoded += bytes.length;
    send(delivery, this.state, bytes, 1);
  }
}

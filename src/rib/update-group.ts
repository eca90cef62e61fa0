/**
 * An update group: sessions that are sent the same octets share one Adj-RIB-Out and its encoding (DESIGN 3.7, 3.8).
 * Changes collect in the list of the Adj-RIB-Out; `flush` walks it in slices, packs what it passes and writes the same
 * buffers to all members at one place.
 */
import { AdjRibOut, LIVE } from "./adj-rib-out.ts";
import { createPacker, type Packer, type PackRequest } from "./pack-batch.ts";
import type { PeerId, SetHandle } from "./types.ts";
import { checkGroup } from "./update-group-check.ts";
import { AnnouncementComparer } from "./update-group-compare.ts";
import { Decisions } from "./update-group-decisions.ts";
import { type Delivery, deliver, deliverTo, type Outstanding } from "./update-group-delivery.ts";
import { type MemberState, Positions } from "./update-group-positions.ts";
import { Transfer } from "./update-group-transfer.ts";
import {
  type Announcement,
  type FlushBudget,
  GROUP_LIMITS,
  type GroupCounters,
  type GroupEncoder,
  type GroupLimits,
  type Member,
  type RowWriter,
  type UpdateGroup,
  type UpdateGroupOptions,
} from "./update-group-types.ts";
import { AnnouncedView } from "./update-group-view.ts";

export function createUpdateGroup(options: UpdateGroupOptions): UpdateGroup {
  return new Group(options);
}

export class Group implements UpdateGroup {
  readonly family: UpdateGroupOptions["family"];
  readonly table: AdjRibOut;
  readonly positions: Positions;
  readonly encoder: GroupEncoder;
  readonly rows: RowWriter;
  readonly counters: GroupCounters = {
    messagesEncoded: 0,
    messagesSent: 0,
    octetsEncoded: 0,
    octetsSent: 0,
    rowsEncoded: 0,
    batches: 0,
    silentChanges: 0,
    tooLong: 0,
    longestStepRows: 0,
    longestStepMs: 0,
  };
  readonly members = new Map<Member, MemberState>();
  /** Members on their way to another group, by their state here. */
  readonly leavers = new Map<MemberState, Transfer>();
  readonly delivery: Delivery;
  readonly view: AnnouncedView;
  readonly nlriOctets: number;
  private readonly transfers = new Map<MemberState, Transfer>();
  private readonly limits: GroupLimits;
  private readonly packer: Packer;
  private readonly request: PackRequest;
  private readonly decisions: Decisions;
  readonly onWork: () => void;
  private readonly onLagging: (member: Member) => void;
  private outstanding: Outstanding | undefined;
  private turn = 0;

  constructor(options: UpdateGroupOptions) {
    const { family, encoder, rows, maxMessageOctets } = options;
    this.family = family;
    this.encoder = encoder;
    this.rows = rows;
    this.limits = { ...GROUP_LIMITS, ...options.limits };
    this.table = new AdjRibOut(options.expectedRows ?? 0, options.maxRows ?? 0);
    this.positions = new Positions(this.table, rows);
    this.packer = options.packer ?? createPacker(this.limits, maxMessageOctets);
    this.nlriOctets = options.nlriOctets ?? (family === "ipv4" ? 5 : 17);
    const comparer = new AnnouncementComparer(family, maxMessageOctets);
    this.view = new AnnouncedView(this.table, encoder, comparer);
    this.decisions = new Decisions(this.table, this.positions, encoder, rows, this.counters, comparer);
    this.onLagging = options.onLagging ?? (() => {});
    this.onWork = options.onWork ?? (() => {});
    const nowMs = options.nowMs ?? (() => 0);
    this.delivery = { family, maxMessageOctets, counters: this.counters, positions: this.positions, nowMs };
    this.request = {
      family,
      table: this.table,
      encoder,
      rows,
      maxMessageOctets,
      nlriOctets: this.nlriOctets,
      withdrawsLast: options.withdrawsLast ?? false,
      isAnchored: (slot) => this.positions.isAnchored(slot),
    };
  }

  get size(): number {
    return this.members.size + this.leavers.size;
  }

  get announcedRows(): number {
    return this.table.live;
  }

  announcedFrom(source: PeerId): number {
    return this.table.announcedFrom(source);
  }

  get tombstones(): number {
    return this.table.tombstones;
  }

  get pending(): boolean {
    return this.hasWork();
  }

  consider(row: number, set: SetHandle, source: PeerId): void {
    this.decisions.consider(row, set, source);
  }

  flush(budget: FlushBudget): boolean {
    const started = this.delivery.nowMs();
    let rows = 0;
    let octets = 0;
    let written = 0;
    for (;;) {
      if (this.outstanding) {
        written += deliver(this.delivery, this.outstanding, Math.max(1, this.limits.membersPerStep - written));
        if (this.outstanding.next < this.outstanding.recipients.length) break;
        this.outstanding = undefined;
      }
      this.arrive();
      if (rows >= budget.rows || octets >= budget.octets || written >= this.limits.membersPerStep) break;
      const worked =
        this.advanceTransfers(budget.rows - rows) + this.positions.sweep(budget.rows - rows, this.packer.slots);
      rows += worked;
      const index = this.pick();
      if (index < 0) {
        if (worked === 0) break;
        continue;
      }
      if (rows >= budget.rows) break;
      octets += this.encode(index, budget.rows - rows, budget.octets - octets);
      rows += this.packer.count;
    }
    this.findLagging();
    this.counters.longestStepRows = Math.max(this.counters.longestStepRows, rows);
    this.counters.longestStepMs = Math.max(this.counters.longestStepMs, this.delivery.nowMs() - started);
    const more = this.hasWork();
    if (!more) this.decisions.forget();
    return more;
  }

  /** The next position in turn whose members can take rows; -1 when there is none. */
  private pick(): number {
    const { order } = this.positions;
    const tail = this.table.tail;
    for (let i = 0; i < order.length; i++) {
      const index = (this.turn + i) % order.length;
      const position = order[index]!;
      if (position.ready.size > 0 && position.slot !== tail) return index;
    }
    return -1;
  }

  private encode(index: number, maxRows: number, maxOctets: number): number {
    const { packer, counters, positions } = this;
    const position = positions.order[index]!;
    this.turn = index + 1;
    const recipients = [...position.ready];
    const only = recipients.length === 1 ? recipients[0] : undefined;
    let skipWithdrawals = true;
    for (const state of recipients) if (!state.initial) skipWithdrawals = false;
    const tooLong = packer.tooLong;
    const batch = packer.pack(this.request, position.slot, maxRows, maxOctets, skipWithdrawals, only, position.skip);
    positions.advance(index, packer.slots[packer.count - 1]!, packer.slots, packer.count);
    if (batch.bytes.length > 0) {
      for (const state of recipients) state.awaiting = true;
      this.outstanding = { batch, recipients, next: 0 };
    }
    counters.batches++;
    counters.tooLong += packer.tooLong - tooLong;
    counters.rowsEncoded += packer.count;
    counters.octetsEncoded += batch.bytes.length;
    counters.messagesEncoded += batch.withdrawnMessages + batch.announcedMessages;
    return batch.bytes.length;
  }

  /** Ends the walks that have reached their mark. Only called when no batch is outstanding. */
  private arrive(): void {
    const { marked } = this.positions;
    if (marked.size === 0) return;
    const arrived: MemberState[] = [];
    for (const state of marked) if (!state.held && state.mark === state.position.slot) arrived.push(state);
    for (const state of arrived) {
      if (state.gone) continue;
      state.initial = false;
      const { skip } = state.position;
      if (skip) {
        this.decisions.skips.delete(skip);
        this.positions.dropSkip(state.position);
      }
      if (!state.secondRound && state.mark !== this.table.tail) {
        state.secondRound = true;
        this.positions.markTail(state);
        continue;
      }
      this.finishWalk(state);
    }
  }

  private finishWalk(state: MemberState): void {
    this.positions.unmark(state);
    state.secondRound = false;
    const done = state.refreshDone;
    state.refreshDone = [];
    if (state.endOfRibDue) {
      state.endOfRibDue = false;
      state.member.endOfRib();
    }
    if (!state.gone) for (const run of done) run();
  }

  private advanceTransfers(maxRows: number): number {
    let rows = 0;
    for (const [state, transfer] of this.transfers) {
      if (rows >= maxRows) break;
      if (state.blocked) continue;
      rows += transfer.advance(maxRows - rows);
    }
    return rows;
  }

  private hasWork(): boolean {
    if (this.outstanding || this.positions.sweeping || this.pick() >= 0) return true;
    for (const state of this.positions.marked) if (!state.held && state.mark === state.position.slot) return true;
    for (const state of this.transfers.keys()) if (!state.blocked) return true;
    return false;
  }

  /** Names the most lagging member when withdrawn rows have piled up behind members that take nothing. */
  private findLagging(): void {
    const { tombstonesMin, tombstonesShare, laggingMs } = this.limits;
    if (this.tombstones <= Math.max(tombstonesMin, tombstonesShare * this.table.live)) return;
    const rearmost = this.positions.order[0]!;
    if (rearmost.ready.size > 0) return;
    const now = this.delivery.nowMs();
    for (const state of rearmost.blocked) {
      if (!state.blocked || now - state.blockedSinceMs < laggingMs) continue;
      this.onLagging(state.member);
      return;
    }
  }

  join(member: Member): void {
    const state = this.admit(member);
    state.initial = true;
    state.endOfRibDue = true;
    this.positions.enterHead(state);
    this.positions.markTail(state);
  }

  private admit(member: Member): MemberState {
    if (this.members.has(member)) throw new RangeError(`Cannot join: peer ${member.peer} is a member already`);
    const state: MemberState = {
      member,
      peer: member.peer,
      ownNextHop: member.ownNextHop,
      position: this.positions.order[0]!,
      blocked: false,
      held: false,
      mark: -1,
      initial: false,
      endOfRibDue: false,
      secondRound: false,
      refreshDone: [],
      awaiting: false,
      blockedSinceMs: 0,
      gone: false,
    };
    this.members.set(member, state);
    this.decisions.forgetFlaps();
    this.decisions.countMember(state.peer, state.ownNextHop, 1);
    return state;
  }

  leave(member: Member): void {
    const state = this.members.get(member);
    if (!state) return;
    this.members.delete(member);
    this.transfers.get(state)?.abandon();
    this.dismiss(state);
  }

  /** Forgets all about a member. */
  dismiss(state: MemberState): void {
    state.awaiting = false;
    state.gone = true;
    if (state.position.skip) this.decisions.skips.delete(state.position.skip);
    this.positions.unmark(state);
    this.positions.remove(state);
    this.decisions.countMember(state.peer, state.ownNextHop, -1);
  }

  resume(member: Member): void {
    const state = this.members.get(member);
    if (!state?.blocked) return;
    state.blocked = false;
    this.positions.sort(state);
  }

  resend(member: Member, done?: () => void): void {
    const state = this.members.get(member);
    if (!state) return;
    this.decisions.forgetFlaps();
    if (done) state.refreshDone.push(done);
    const transfer = this.transfers.get(state);
    if (transfer) {
      transfer.sendEverything();
      return;
    }
    if (state.position.skip) this.decisions.skips.delete(state.position.skip);
    this.positions.remove(state);
    this.positions.enterHead(state);
    state.secondRound = false;
    // A first walk keeps its mark: behind it, rows were changed after the member had joined.
    if (!state.initial) this.positions.markTail(state);
  }

  /** Writes the member's part of the batch at hand now, so that its place says what it holds. */
  private settleBatch(state: MemberState): void {
    if (state.awaiting && this.outstanding) deliverTo(this.delivery, this.outstanding.batch, state);
  }

  transfer(member: Member, from: UpdateGroup): void {
    if (!(from instanceof Group) || from === this || from.family !== this.family)
      throw new RangeError("Cannot transfer: not another group of the family");
    const leaving = from.members.get(member);
    if (!leaving) throw new RangeError(`Cannot transfer: peer ${member.peer} is not a member`);
    from.transfers.get(leaving)?.complete();
    from.settleBatch(leaving);
    from.members.delete(member);
    from.decisions.forgetFlaps();
    if (leaving.position.skip) from.decisions.skips.delete(leaving.position.skip);
    const state = this.admit(member);
    const skip = new Uint8Array((Math.max(this.table.highWater, from.table.highWater) >>> 3) + 1);
    state.held = true;
    state.blocked = leaving.blocked;
    state.blockedSinceMs = leaving.blockedSinceMs;
    state.endOfRibDue = leaving.endOfRibDue;
    state.refreshDone = leaving.refreshDone;
    this.positions.enterHead(state, skip);
    this.decisions.skips.add(skip);
    leaving.held = true;
    from.positions.sort(leaving);
    from.positions.unmark(leaving);
    const transfer = new Transfer(this, from, state, leaving, skip, () => {
      this.transfers.delete(state);
      from.leavers.delete(leaving);
    });
    this.transfers.set(state, transfer);
    from.leavers.set(leaving, transfer);
  }

  announced(row: number): Announcement | undefined {
    return this.view.announced(row);
  }

  announcedTo(member: Member, row: number): Announcement | undefined {
    const announced = this.view.announced(row);
    return announced && this.view.mayReceive(member, row + 1) ? announced : undefined;
  }

  walk(row: number, limit: number, visit: (row: number, set: SetHandle, source: PeerId) => void): number {
    return this.view.walk(row, limit, visit);
  }

  close(maxRows = Number.POSITIVE_INFINITY): boolean {
    for (const transfer of [...this.leavers.values()]) transfer.complete();
    for (const member of [...this.members.keys()]) this.leave(member);
    this.decisions.forget();
    const { table } = this;
    let slot = table.next(0);
    for (let rows = 0; slot !== 0 && rows < maxRows; rows++) {
      if ((table.flags(slot) & LIVE) !== 0) this.encoder.release(table.set(slot));
      table.unlink(slot);
      table.clear(slot);
      this.rows.unhold(slot - 1);
      slot = table.next(0);
    }
    if (slot !== 0) return true;
    table.live = 0;
    table.tombstones = 0;
    return false;
  }

  check(): void {
    checkGroup(this);
  }
}

/**
 * Export decisions entering a group's Adj-RIB-Out: what changes on the wire moves to the end of the list, what is the same
 * octets for the same members does not.
 */
import { type AdjRibOut, ANCHOR, LIVE, MIXED, SETTLED, TOMBSTONE, TOO_LONG, UNSENT } from "./adj-rib-out.ts";
import type { NextHopId, PeerId, SetHandle } from "./types.ts";
import { type AnnouncementComparer, ChangeMemo } from "./update-group-compare.ts";
import { Flaps } from "./update-group-flaps.ts";
import type { Positions } from "./update-group-positions.ts";
import type { GroupCounters, GroupEncoder, RowWriter } from "./update-group-types.ts";

export class Decisions {
  /** Bits of members taken over: a row that changes is no longer left out for them. */
  readonly skips = new Set<Uint8Array>();
  private readonly table: AdjRibOut;
  private readonly positions: Positions;
  private readonly encoder: GroupEncoder;
  private readonly rows: RowWriter;
  private readonly counters: GroupCounters;
  private readonly memo: ChangeMemo;
  private readonly flaps: Flaps;
  /** How many members there are of each peer, and with each own next hop. */
  private readonly peers = new Map<PeerId, number>();
  private readonly hops = new Map<NextHopId, number>();

  constructor(
    table: AdjRibOut,
    positions: Positions,
    encoder: GroupEncoder,
    rows: RowWriter,
    counters: GroupCounters,
    comparer: AnnouncementComparer,
  ) {
    this.table = table;
    this.positions = positions;
    this.encoder = encoder;
    this.rows = rows;
    this.counters = counters;
    this.memo = new ChangeMemo(encoder, comparer);
    this.flaps = new Flaps(encoder);
  }

  /** One member more (1) or less (-1): whether a change alters who may receive a path depends on who there is. */
  countMember(peer: PeerId, ownNextHop: NextHopId, by: 1 | -1): void {
    count(this.peers, peer, by);
    if (ownNextHop !== 0) count(this.hops, ownNextHop, by);
  }

  /** Lets go of the sets that comparing holds. */
  forget(): void {
    this.memo.forget();
    this.flaps.forget();
  }

  consider(row: number, set: SetHandle, source: PeerId): void {
    const { table } = this;
    const slot = row + 1;
    const flags = table.flags(slot);
    if ((flags & LIVE) !== 0) {
      const held = table.set(slot);
      const heldSource = table.source(slot);
      if (set === 0) this.withdraw(slot, held, heldSource, flags);
      else if (held !== set || heldSource !== source) this.replace(slot, held, heldSource, flags, set, source);
    } else if (set !== 0) this.announce(slot, flags, set, source);
  }

  private announce(slot: number, flags: number, set: SetHandle, source: PeerId): void {
    const { table, encoder } = this;
    encoder.retain(set);
    table.live++;
    if ((flags & UNSENT) !== 0 && this.restore(slot, flags, set, source)) {
      table.tombstones--;
      return;
    }
    if ((flags & TOMBSTONE) === 0) {
      table.reserve(slot);
      this.rows.hold(slot - 1);
      table.write(slot, set, source, LIVE);
      table.append(slot);
    } else {
      table.tombstones--;
      const differs =
        table.source(slot) !== source || table.lastNextHop(slot) !== encoder.announcedNextHop(set, source);
      if ((flags & ANCHOR) !== 0) this.positions.vacate(slot);
      table.write(slot, set, source, LIVE | (flags & (MIXED | UNSENT)) | (differs ? MIXED : 0));
      table.moveToTail(slot);
    }
    if (this.skips.size > 0) this.unskip(slot);
  }

  private withdraw(slot: number, held: SetHandle, heldSource: PeerId, flags: number): void {
    const { table, encoder } = this;
    const nextHop = encoder.announcedNextHop(held, heldSource);
    const unsent = this.remember(slot, held, heldSource, flags);
    if ((flags & ANCHOR) !== 0) this.positions.vacate(slot);
    table.write(slot, nextHop, heldSource, TOMBSTONE | (flags & MIXED) | unsent);
    table.moveToTail(slot);
    table.live--;
    table.tombstones++;
    encoder.release(held);
    if (this.skips.size > 0) this.unskip(slot);
  }

  private replace(
    slot: number,
    held: SetHandle,
    heldSource: PeerId,
    flags: number,
    set: SetHandle,
    source: PeerId,
  ): void {
    const { table, encoder, memo } = this;
    memo.compare(held, heldSource, set, source);
    encoder.retain(set);
    const mixed = heldSource === source && memo.oldNextHop === memo.newNextHop ? flags & MIXED : MIXED;
    if (memo.same && this.sameMembers(heldSource, source)) {
      table.write(slot, set, source, flags);
      this.counters.silentChanges++;
    } else if ((flags & UNSENT) === 0 || !this.restore(slot, flags, set, source)) {
      const unsent = this.remember(slot, held, heldSource, flags);
      if ((flags & ANCHOR) !== 0) this.positions.vacate(slot);
      table.write(slot, set, source, LIVE | mixed | unsent);
      table.moveToTail(slot);
      if (this.skips.size > 0) this.unskip(slot);
    }
    encoder.release(held);
  }

  /**
   * The row is about to change: keeps what all members hold, for `restore`. Returns UNSENT when that is known. Not while
   * a member walks the table, as it then holds nobody knows what.
   */
  private remember(slot: number, held: SetHandle, heldSource: PeerId, flags: number): number {
    if ((flags & (SETTLED | TOO_LONG)) !== SETTLED) return flags & UNSENT;
    if (this.positions.marked.size > 0 || this.skips.size > 0) return 0;
    this.encoder.retain(held);
    this.flaps.record(slot, held, heldSource);
    return UNSENT;
  }

  /** Nobody has been told of a change, and now the row is again what all members hold: there is nothing to tell. */
  private restore(slot: number, flags: number, set: SetHandle, source: PeerId): boolean {
    const { table, positions, memo, flaps } = this;
    const before = flaps.set(slot);
    if (before === 0) return false;
    const beforeSource = flaps.source(slot);
    memo.compare(before, beforeSource, set, source);
    if (!memo.same || !this.sameMembers(beforeSource, source)) return false;
    if ((flags & ANCHOR) !== 0) positions.vacate(slot);
    table.unlink(slot);
    table.write(slot, set, source, LIVE | SETTLED);
    positions.prepend(slot);
    this.counters.silentChanges++;
    return true;
  }

  /** A member is about to walk the table. */
  forgetFlaps(): void {
    this.flaps.forget();
  }

  /** True when the change alters nothing about who may receive the path. */
  private sameMembers(oldSource: PeerId, newSource: PeerId): boolean {
    const { memo, peers, hops } = this;
    if (oldSource !== newSource && (peers.has(oldSource) || peers.has(newSource))) return false;
    if (memo.oldNextHop === memo.newNextHop) return true;
    return !hops.has(memo.oldNextHop) && !hops.has(memo.newNextHop);
  }

  private unskip(slot: number): void {
    for (const skip of this.skips) skip[slot >>> 3]! &= ~(1 << (slot & 7));
  }
}

function count(counts: Map<number, number>, key: number, by: number): void {
  const n = (counts.get(key) ?? 0) + by;
  if (n === 0) counts.delete(key);
  else counts.set(key, n);
}

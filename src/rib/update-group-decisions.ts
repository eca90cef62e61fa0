/**
 * Export decisions entering a group's Adj-RIB-Out: what changes on the wire moves to the end of the list, what is the same
 * octets for the same members does not.
 */
import { type AdjRibOut, ANCHOR, LIVE, MIXED, TOMBSTONE } from "./adj-rib-out.ts";
import type { NextHopId, PeerId, SetHandle } from "./types.ts";
import { type AnnouncementComparer, ChangeMemo } from "./update-group-compare.ts";
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
  }

  /** One member more (1) or less (-1): whether a change alters who may receive a path depends on who there is. */
  countMember(peer: PeerId, ownNextHop: NextHopId, by: 1 | -1): void {
    count(this.peers, peer, by);
    if (ownNextHop !== 0) count(this.hops, ownNextHop, by);
  }

  /** Lets go of the sets that the last comparison holds. */
  forget(): void {
    this.memo.forget();
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
      table.write(slot, set, source, LIVE | (flags & MIXED) | (differs ? MIXED : 0));
      table.moveToTail(slot);
    }
    if (this.skips.size > 0) this.unskip(slot);
  }

  private withdraw(slot: number, held: SetHandle, heldSource: PeerId, flags: number): void {
    const { table, encoder } = this;
    const nextHop = encoder.announcedNextHop(held, heldSource);
    if ((flags & ANCHOR) !== 0) this.positions.vacate(slot);
    table.write(slot, nextHop, heldSource, TOMBSTONE | (flags & MIXED));
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
    const sameNextHop = memo.oldNextHop === memo.newNextHop;
    if (memo.same && this.sameMembers(heldSource, source)) {
      table.write(slot, set, source, flags);
      this.counters.silentChanges++;
    } else {
      const mixed = heldSource === source && sameNextHop ? flags & MIXED : MIXED;
      if ((flags & ANCHOR) !== 0) this.positions.vacate(slot);
      table.write(slot, set, source, LIVE | mixed);
      table.moveToTail(slot);
      if (this.skips.size > 0) this.unskip(slot);
    }
    encoder.release(held);
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

/** Reading a group's Adj-RIB-Out: for show and explain, and to compare two groups row by row. */
import { type AdjRibOut, LIVE, TOO_LONG } from "./adj-rib-out.ts";
import type { Recipient } from "./pack-batch.ts";
import type { PeerId, SetHandle } from "./types.ts";
import type { AnnouncementComparer } from "./update-group-compare.ts";
import type { Announcement, GroupEncoder } from "./update-group-types.ts";

export class AnnouncedView {
  private readonly table: AdjRibOut;
  private readonly encoder: GroupEncoder;
  private readonly comparer: AnnouncementComparer;

  constructor(table: AdjRibOut, encoder: GroupEncoder, comparer: AnnouncementComparer) {
    this.table = table;
    this.encoder = encoder;
    this.comparer = comparer;
  }

  /** May receive the announced path of a live slot. */
  mayReceive(recipient: Recipient, slot: number): boolean {
    const { table } = this;
    if (table.source(slot) === recipient.peer) return false;
    return (
      recipient.ownNextHop === 0 ||
      this.encoder.announcedNextHop(table.set(slot), table.source(slot)) !== recipient.ownNextHop
    );
  }

  /** The attributes of a live slot fit a message. */
  fits(slot: number, nlriOctets: number): boolean {
    return this.comparer.fits(this.encoder, this.table.set(slot), this.table.source(slot), nlriOctets);
  }

  /** A slot that is live in both groups is the same octets in both. */
  sameAs(slot: number, other: AnnouncedView): boolean {
    const { table, encoder } = this;
    const theirs = other.table;
    return this.comparer.equal(
      encoder,
      table.set(slot),
      table.source(slot),
      other.encoder,
      theirs.set(slot),
      theirs.source(slot),
    );
  }

  /** What the group announces for the row; undefined when nothing. */
  announced(row: number): Announcement | undefined {
    const slot = row + 1;
    if ((this.table.flags(slot) & (LIVE | TOO_LONG)) !== LIVE) return undefined;
    return { set: this.table.set(slot), source: this.table.source(slot) };
  }

  /** See UpdateGroup. */
  walk(row: number, limit: number, visit: (row: number, set: SetHandle, source: PeerId) => void): number {
    const { table } = this;
    const end = Math.min(table.highWater - 1, row + limit);
    for (let r = row; r < end; r++) {
      const slot = r + 1;
      if ((table.flags(slot) & (LIVE | TOO_LONG)) === LIVE) visit(r, table.set(slot), table.source(slot));
    }
    return end >= table.highWater - 1 ? -1 : end;
  }
}

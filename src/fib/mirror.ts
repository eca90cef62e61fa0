import type { PrefixRow, PrefixTable } from "../ip/prefix-table.ts";
import type { RouteMessage } from "./route-codec.ts";
import { AF, NLM_F, OWN_PROTOCOL, RT_TABLE_MAIN } from "./rtnetlink.ts";
import type { WayId, Ways } from "./ways.ts";

/** A row of the mirror: one route of the kernel. 0 is none. */
export type Entry = number;

/** Ints per entry: next entry of the prefix, metric, key | protocol << 16 | marks << 24, way. */
const STRIDE = 4;
const SEEN = 1;
/** We wrote exactly this, so no sibling of another protocol can be in it. */
const WRITTEN = 2;
/** Found with our protocol number and not wanted since: stays until it is wanted or pruned. */
const ADOPTED = 4;

/** What the mirror tells its owner. `ours` says that the change was to a route with our protocol number. */
export interface MirrorListener {
  changed(row: PrefixRow, ours: boolean, metric: number, table: number, tos: number, protocol: number): void;
  /** The message cannot follow from what the mirror holds: some event was missed. */
  contradicted(): void;
}

/**
 * The kernel's routes of one family, as far as we know them: for each prefix a chain of entries in one Int32Array,
 * no object per route. Identity in the kernel is (table, prefix, TOS, metric); several entries may share one.
 */
export class Mirror {
  readonly ways: Ways;
  readonly prefixes: PrefixTable;
  private readonly v6: boolean;
  private readonly listener: MirrorListener;
  private heads = new Int32Array(1024);
  private rows = new Int32Array(STRIDE * 1024);
  private used = 1;
  private free: Entry = 0;
  /** (table, tos) as a small number; the first is (main, 0). */
  private readonly keys: { readonly table: number; readonly tos: number }[] = [{ table: RT_TABLE_MAIN, tos: 0 }];
  /** Live entries; `own` of them carry our protocol number. */
  size = 0;
  own = 0;
  adopted = 0;

  constructor(af: number, prefixes: PrefixTable, ways: Ways, listener: MirrorListener) {
    this.v6 = af === AF.inet6;
    this.prefixes = prefixes;
    this.ways = ways;
    this.listener = listener;
  }

  key(table: number, tos: number): number {
    if (table === RT_TABLE_MAIN && tos === 0) return 0;
    const found = this.keys.findIndex((key) => key.table === table && key.tos === tos);
    if (found >= 0) return found;
    this.keys.push({ table, tos });
    return this.keys.length - 1;
  }

  first(row: PrefixRow): Entry {
    return row < this.heads.length ? this.heads[row]! : 0;
  }

  next(entry: Entry): Entry {
    return this.rows[entry * STRIDE]!;
  }

  metric(entry: Entry): number {
    return this.rows[entry * STRIDE + 1]! >>> 0;
  }

  keyOf(entry: Entry): number {
    return this.rows[entry * STRIDE + 2]! & 0xffff;
  }

  table(entry: Entry): number {
    return this.keys[this.keyOf(entry)]!.table;
  }

  tos(entry: Entry): number {
    return this.keys[this.keyOf(entry)]!.tos;
  }

  protocol(entry: Entry): number {
    return (this.rows[entry * STRIDE + 2]! >> 16) & 0xff;
  }

  way(entry: Entry): WayId {
    return this.rows[entry * STRIDE + 3]!;
  }

  isWritten(entry: Entry): boolean {
    return ((this.rows[entry * STRIDE + 2]! >>> 24) & WRITTEN) !== 0;
  }

  isAdopted(entry: Entry): boolean {
    return ((this.rows[entry * STRIDE + 2]! >>> 24) & ADOPTED) !== 0;
  }

  /** Marks the prefix's routes with our number as found, not written. */
  adopt(row: PrefixRow): void {
    for (let e = this.first(row); e !== 0; e = this.next(e)) {
      if (this.protocol(e) !== OWN_PROTOCOL || this.isAdopted(e)) continue;
      this.rows[e * STRIDE + 2]! |= ADOPTED << 24;
      this.adopted++;
    }
  }

  /** The prefix is wanted now: what it has is ours to replace and to delete. */
  disown(row: PrefixRow): void {
    for (let e = this.first(row); e !== 0; e = this.next(e)) {
      if (!this.isAdopted(e)) continue;
      this.rows[e * STRIDE + 2]! &= ~(ADOPTED << 24);
      this.adopted--;
    }
  }

  /** Our route of the identity, or 0. */
  findOwn(row: PrefixRow, key: number, metric: number): Entry {
    for (let e = this.first(row); e !== 0; e = this.next(e))
      if (this.protocol(e) === OWN_PROTOCOL && this.keyOf(e) === key && this.metric(e) === metric) return e;
    return 0;
  }

  /** Another route of ours has the identity of `own`, which comes first in its chain. */
  hasTwin(own: Entry): boolean {
    for (let e = this.next(own); e !== 0; e = this.next(e))
      if (this.protocol(e) === OWN_PROTOCOL && this.keyOf(e) === this.keyOf(own) && this.metric(e) === this.metric(own))
        return true;
    return false;
  }

  /** Another protocol's route of the identity, or 0. */
  findForeign(row: PrefixRow, key: number, metric: number): Entry {
    for (let e = this.first(row); e !== 0; e = this.next(e))
      if (this.protocol(e) !== OWN_PROTOCOL && this.keyOf(e) === key && this.metric(e) === metric) return e;
    return 0;
  }

  /** Notes a write of ours that the kernel has acknowledged. */
  written(row: PrefixRow, key: number, metric: number, way: WayId): void {
    const found = this.findOwn(row, key, metric);
    if (found === 0) {
      this.ways.retain(way);
      this.add(row, key, metric, OWN_PROTOCOL, way, SEEN | WRITTEN);
      return;
    }
    this.setWay(found, way);
    this.rows[found * STRIDE + 2]! |= WRITTEN << 24;
  }

  private setWay(entry: Entry, way: WayId): void {
    this.ways.retain(way);
    this.ways.release(this.way(entry));
    this.rows[entry * STRIDE + 3] = way;
  }

  /** Forgets a route without telling the listener. */
  remove(row: PrefixRow, entry: Entry): void {
    if (this.heads[row] === entry) this.heads[row] = this.next(entry);
    else {
      let before = this.heads[row]!;
      while (this.next(before) !== entry) before = this.next(before);
      this.rows[before * STRIDE] = this.next(entry);
    }
    if (this.protocol(entry) === OWN_PROTOCOL) this.own--;
    if (this.isAdopted(entry)) this.adopted--;
    this.size--;
    this.ways.release(this.way(entry));
    this.rows[entry * STRIDE] = this.free;
    this.rows[entry * STRIDE + 3] = 0;
    this.free = entry;
  }

  /** Removes and tells. */
  private drop(row: PrefixRow, entry: Entry): void {
    const metric = this.metric(entry);
    const { table, tos } = this.keys[this.keyOf(entry)]!;
    const protocol = this.protocol(entry);
    this.remove(row, entry);
    this.listener.changed(row, protocol === OWN_PROTOCOL, metric, table, tos, protocol);
  }

  /** Takes over the caller's reference to the way. */
  private add(row: PrefixRow, key: number, metric: number, protocol: number, way: WayId, marks: number): Entry {
    let entry = this.free;
    if (entry !== 0) this.free = this.rows[entry * STRIDE]!;
    else {
      entry = this.used++;
      if (this.used * STRIDE > this.rows.length) this.rows = grown(this.rows, this.used * STRIDE);
    }
    if (row >= this.heads.length) this.heads = grown(this.heads, row + 1);
    const at = entry * STRIDE;
    this.rows[at] = this.heads[row]!;
    this.rows[at + 1] = metric | 0;
    this.rows[at + 2] = key | (protocol << 16) | (marks << 24);
    this.rows[at + 3] = way;
    this.heads[row] = entry;
    this.size++;
    if (protocol === OWN_PROTOCOL) this.own++;
    return entry;
  }

  /** RTM_NEWROUTE from a notification or a dump. Takes over the reference to `route.way`. */
  added(row: PrefixRow, route: RouteMessage): void {
    const key = this.key(route.table, route.tos);
    const replaces = (route.flags & NLM_F.replace) !== 0 && this.count(row, key, route.metric) > 1;
    for (let e = replaces ? 0 : this.first(row); e !== 0; e = this.next(e))
      if (this.is(e, key, route) && this.ways.covers(this.way(e), route.way)) {
        // The kernel has found the interface that we left open: keep what it says.
        this.ways.release(this.way(e));
        this.rows[e * STRIDE + 3] = route.way;
        this.rows[e * STRIDE + 2]! |= SEEN << 24;
        return;
      }
    if ((route.flags & NLM_F.replace) !== 0) this.replaced(row, key, route.metric);
    else if (this.v6) this.extended(row, key, route);
    this.add(row, key, route.metric, route.protocol, route.way, SEEN);
    this.listener.changed(row, route.protocol === OWN_PROTOCOL, route.metric, route.table, route.tos, route.protocol);
  }

  private count(row: PrefixRow, key: number, metric: number): number {
    let count = 0;
    for (let e = this.first(row); e !== 0; e = this.next(e))
      if (this.keyOf(e) === key && this.metric(e) === metric) count++;
    return count;
  }

  private is(entry: Entry, key: number, route: RouteMessage): boolean {
    return this.keyOf(entry) === key && this.metric(entry) === route.metric && this.protocol(entry) === route.protocol;
  }

  /** A notification with REPLACE: whoever stood first at the identity has gone without another word. */
  private replaced(row: PrefixRow, key: number, metric: number): void {
    let candidates = 0;
    for (let e = this.first(row); e !== 0; ) {
      const next = this.next(e);
      if (this.keyOf(e) === key && this.metric(e) === metric) {
        candidates++;
        this.drop(row, e);
      }
      e = next;
    }
    if (candidates > 1) this.listener.contradicted();
  }

  /** IPv6 tells the whole set when a hop joins: the smaller set that we knew has become this one. */
  private extended(row: PrefixRow, key: number, route: RouteMessage): void {
    for (let e = this.first(row); e !== 0; ) {
      const next = this.next(e);
      if (this.is(e, key, route) && this.ways.isPart(this.way(e), route.way)) this.drop(row, e);
      e = next;
    }
  }

  /** RTM_DELROUTE from a notification. The reference to `route.way` stays with the caller. */
  deleted(row: PrefixRow, route: RouteMessage): void {
    const key = this.key(route.table, route.tos);
    let same: Entry = 0;
    for (let e = this.first(row); e !== 0; e = this.next(e)) {
      if (!this.is(e, key, route)) continue;
      if (this.ways.covers(this.way(e), route.way)) {
        this.drop(row, e);
        return;
      }
      if (this.v6 && this.ways.isPart(route.way, this.way(e))) {
        this.shrink(row, e, route);
        return;
      }
      same = e;
    }
    if (this.v6) {
      this.shrinkSibling(row, key, route);
      return;
    }
    this.listener.contradicted();
    if (same !== 0) this.drop(row, same);
    else
      this.listener.changed(row, route.protocol === OWN_PROTOCOL, route.metric, route.table, route.tos, route.protocol);
  }

  private shrink(row: PrefixRow, entry: Entry, route: RouteMessage): void {
    const rest = this.ways.without(this.way(entry), route.way);
    const protocol = this.protocol(entry);
    const key = this.keyOf(entry);
    this.drop(row, entry);
    if (rest === 0) return;
    // Without its first hop a set of several protocols goes by another one's number.
    this.listener.contradicted();
    this.add(row, key, route.metric, protocol, rest, SEEN);
    this.listener.changed(row, protocol === OWN_PROTOCOL, route.metric, route.table, route.tos, protocol);
  }

  /** IPv6 shows a set under its first hop's protocol, so a hop that left may be another protocol's. */
  private shrinkSibling(row: PrefixRow, key: number, route: RouteMessage): void {
    for (let e = this.first(row); e !== 0; e = this.next(e))
      if (this.keyOf(e) === key && this.metric(e) === route.metric && this.ways.isPart(route.way, this.way(e))) {
        this.shrink(row, e, route);
        return;
      }
    this.listener.contradicted();
    this.listener.changed(row, route.protocol === OWN_PROTOCOL, route.metric, route.table, route.tos, route.protocol);
  }

  /** Before a dump: nothing has been seen. Slices of rows; returns true when all rows are done. */
  unmark(from: PrefixRow, to: PrefixRow): boolean {
    const end = Math.min(to, this.prefixes.highWater, this.heads.length);
    for (let row = from; row < end; row++)
      for (let e = this.heads[row]!; e !== 0; e = this.next(e)) this.rows[e * STRIDE + 2]! &= ~(SEEN << 24);
    return to >= this.prefixes.highWater || to >= this.heads.length;
  }

  /** After a complete dump of a table: what it did not show has gone. */
  sweep(from: PrefixRow, to: PrefixRow, tables: ReadonlySet<number>): boolean {
    return this.dropWhere(from, to, (e) => !this.isSeen(e) && tables.has(this.table(e)));
  }

  private isSeen(entry: Entry): boolean {
    return ((this.rows[entry * STRIDE + 2]! >>> 24) & SEEN) !== 0;
  }

  /** Drops the entries of the rows for which `gone` holds; returns true when all rows are done. */
  dropWhere(from: PrefixRow, to: PrefixRow, gone: (entry: Entry) => boolean): boolean {
    const end = Math.min(to, this.prefixes.highWater, this.heads.length);
    for (let row = from; row < end; row++)
      for (let e = this.heads[row]!; e !== 0; ) {
        const next = this.next(e);
        if (gone(e)) this.drop(row, e);
        e = next;
      }
    return to >= this.prefixes.highWater || to >= this.heads.length;
  }
}

/** A larger copy of at least `length` ints. */
export function grown(rows: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const next = new Int32Array(Math.max(rows.length * 2, length));
  next.set(rows);
  return next;
}

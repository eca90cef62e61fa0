import type { PrefixRow, PrefixTable } from "../ip/prefix-table.ts";
import { ERRNO, type Faults, isTransient } from "./errno.ts";
import type { FibRouteStatus, Forwarding } from "./fib.ts";
import { type Entry, grown, Mirror, type MirrorListener } from "./mirror.ts";
import type { RetryQueue } from "./retry-queue.ts";
import type { RouteMessage } from "./route-codec.ts";
import { RowRing } from "./row-ring.ts";
import { AF, NLM_F, OWN_PROTOCOL, RT_TABLE_MAIN, RTM } from "./rtnetlink.ts";
import type { Ways } from "./ways.ts";
import { Wishes, type WishId } from "./wishes.ts";

/** What can be written for a row. */
export const OP = { none: 0, create: 1, replace: 2, remove: 3 } as const;
export type Op = (typeof OP)[keyof typeof OP];

const STATE = { none: 0, pending: 1, installed: 2, shadowed: 3, failed: 4 } as const;
type State = (typeof STATE)[keyof typeof STATE];
const STATE_NAMES = ["pending", "pending", "installed", "shadowed", "failed"] as const;

/** Bits of a row's second word; attempts stand in bits 8..15, the fault in bits 16..31. */
const STATE_MASK = 7;
const QUEUED = 8;
const IN_FLIGHT = 0x10;
/** The kernel's state of the prefix changed while our write was on its way: which came first is unknown. */
const TOUCHED = 0x20;
const IN_RETRY = 0x40;
/** The last try failed and the time for the next has not come. */
const WAITING = 0x80;

/** Ints per prefix: wish, bits. */
const STRIDE = 2;

/** What the engine of one family tells its owner. */
export interface SyncListener {
  /** A foreign route in the main table has changed: its present state is in the mirror. */
  learned(sync: TableSync, row: PrefixRow, metric: number, protocol: number): void;
  /** There is something to write. */
  wake(): void;
  /** The mirror may be wrong: dump. */
  suspect(reason: string): void;
}

/**
 * The difference engine of one family: what is wanted for each prefix against the mirror of the kernel. Rows of typed
 * arrays; a row has at most one write in flight and stands at most once in the queue.
 *
 * - New routes are CREATE|EXCL: they cannot take over or join a foreign route.
 * - REPLACE and DEL are written only where the mirror holds a route of ours of that table, prefix, TOS and metric; and
 *   no REPLACE where a foreign route may hide in it.
 * - A changed metric or table is a new route first, the deletion of the old one next.
 */
export class TableSync implements MirrorListener {
  readonly af: number;
  readonly mirror: Mirror;
  readonly prefixes: PrefixTable;
  readonly wishes: Wishes;
  private readonly ways: Ways;
  private readonly faults: Faults;
  private readonly retries: RetryQueue;
  private readonly listener: SyncListener;
  private rows = new Int32Array(STRIDE * 1024);
  private readonly queue = new RowRing();
  /** Rows whose EEXIST no route of the mirror explains; looked at again after the next dump. */
  private readonly unexplained = new RowRing();
  private readonly counts = [0, 0, 0, 0, 0];
  /** The route that `next` wants removed. */
  private victim: Entry = 0;
  private inFlight = 0;
  /** Before prune(), routes found in the main table that nobody wants stay. */
  private pruned = false;
  repairs = 0;
  /** False while the mirror is told of what the kernel drops by itself: no repair of a foreign change. */
  countRepairs = true;

  constructor(
    af: number,
    prefixes: PrefixTable,
    ways: Ways,
    faults: Faults,
    retries: RetryQueue,
    listener: SyncListener,
  ) {
    this.af = af;
    this.prefixes = prefixes;
    this.ways = ways;
    this.faults = faults;
    this.retries = retries;
    this.listener = listener;
    this.wishes = new Wishes(af, ways);
    this.mirror = new Mirror(af, prefixes, ways, this);
  }

  /** Rows waiting to be looked at, and writes in flight. */
  get backlog(): number {
    return this.queue.size + this.inFlight;
  }

  get pending(): number {
    return this.counts[STATE.pending]!;
  }

  get installed(): number {
    return this.counts[STATE.installed]!;
  }

  get shadowed(): number {
    return this.counts[STATE.shadowed]!;
  }

  get failed(): number {
    return this.counts[STATE.failed]!;
  }

  /** False when the table of prefixes is at its bound. */
  want(bytes: Uint8Array, at: number, length: number, forwarding: Forwarding): boolean {
    const row = this.prefixes.add(bytes, at, length);
    if (row < 0) return false;
    const wish = this.wishes.intern(forwarding);
    this.reserve(row);
    const old = this.rows[row * STRIDE]!;
    this.wishes.release(old);
    if (old === wish) return true;
    this.rows[row * STRIDE] = wish;
    this.mirror.disown(row);
    this.setState(row, STATE.pending);
    this.rows[row * STRIDE + 1]! &= 0xff;
    this.again(row);
    return true;
  }

  unwant(bytes: Uint8Array, at: number, length: number): void {
    const row = this.prefixes.find(bytes, at, length);
    if (row < 0 || row * STRIDE >= this.rows.length || this.rows[row * STRIDE] === 0) return;
    this.wishes.release(this.rows[row * STRIDE]!);
    this.rows[row * STRIDE] = 0;
    this.setState(row, STATE.none);
    this.rows[row * STRIDE + 1]! &= 0xff;
    this.again(row);
  }

  status(bytes: Uint8Array, length: number): FibRouteStatus | undefined {
    const row = this.prefixes.find(bytes, 0, length);
    const wish = row < 0 || row * STRIDE >= this.rows.length ? 0 : this.rows[row * STRIDE]!;
    if (wish === 0) return undefined;
    const bits = this.rows[row * STRIDE + 1]!;
    const state = STATE_NAMES[(bits & STATE_MASK) as State]!;
    if (state === "shadowed") {
      const other = this.mirror.findForeign(row, this.keyOf(wish), this.wishes.metric(wish));
      return other === 0 ? { state } : { state, shadowedBy: this.mirror.protocol(other) };
    }
    const fault = bits >>> 16;
    if (fault === 0) return { state };
    return { state, errno: this.faults.errno(fault), error: this.faults.describe(fault), attempts: (bits >> 8) & 0xff };
  }

  /** Failed tries of the row's present write. */
  attempts(row: PrefixRow): number {
    return (this.rows[row * STRIDE + 1]! >> 8) & 0xff;
  }

  /** Takes up to `room` rows from the queue and gives each that needs a write to `write`, which says if it had room. */
  fill(route: RouteMessage, write: (sync: TableSync, row: PrefixRow, op: Op, wish: WishId) => boolean): boolean {
    while (this.queue.size > 0) {
      const row = this.queue.row();
      const bits = this.rows[row * STRIDE + 1]!;
      const op = (bits & IN_FLIGHT) !== 0 ? OP.none : this.next(row);
      if (op !== OP.none) {
        const wish = this.rows[row * STRIDE]!;
        this.describe(row, op, wish, route);
        if (!write(this, row, op, wish)) return false;
        // The wish may be changed and freed before the answer comes.
        if (wish !== 0) this.wishes.retain(wish);
        this.rows[row * STRIDE + 1]! |= IN_FLIGHT;
        this.inFlight++;
      }
      this.queue.shift();
      this.rows[row * STRIDE + 1]! &= ~QUEUED;
      if (op === OP.none) this.releaseIfEmpty(row);
    }
    return true;
  }

  /** Empties the queue where nothing is written (`kernel.program: false`). */
  skip(): void {
    while (this.queue.size > 0) {
      const row = this.queue.shift();
      this.rows[row * STRIDE + 1]! &= ~QUEUED;
      this.releaseIfEmpty(row);
    }
  }

  /** The next write for the row, by comparing wish and mirror; sets the row's state when there is none. */
  private next(row: PrefixRow): Op {
    const wish = this.rows[row * STRIDE]!;
    const bits = this.rows[row * STRIDE + 1]!;
    const own = wish === 0 ? 0 : this.mirror.findOwn(row, this.keyOf(wish), this.wishes.metric(wish));
    let keep = own;
    if (wish !== 0) {
      const foreign = this.mirror.findForeign(row, this.keyOf(wish), this.wishes.metric(wish));
      if (own !== 0 && this.mirror.hasTwin(own)) return this.removing(own);
      if (own !== 0 && this.ways.covers(this.wishes.way(wish), this.mirror.way(own)))
        this.settled(row, STATE.installed);
      else if ((bits & WAITING) !== 0) {
        // The write failed. A route that is no longer wanted must not go on forwarding, unless the fault is of the moment.
        if (isTransient(this.faults.errno(bits >>> 16))) return OP.none;
        keep = 0;
      } else if (own !== 0) {
        if (foreign === 0 && this.mayReplace(own)) return OP.replace;
        return this.removing(own);
      } else if (foreign === 0) return OP.create;
      else this.settled(row, STATE.shadowed);
    } else if ((bits & WAITING) !== 0) return OP.none;
    return this.findVictim(row, keep, wish !== 0) ? OP.remove : OP.none;
  }

  /** IPv6 shows a set under its first hop's protocol: a set that we did not write may hold another's hop. */
  private mayReplace(own: Entry): boolean {
    return this.af !== AF.inet6 || this.mirror.isWritten(own) || this.ways.hopCount(this.mirror.way(own)) <= 1;
  }

  private findVictim(row: PrefixRow, keep: Entry, wanted: boolean): boolean {
    for (let e = this.mirror.first(row); e !== 0; e = this.mirror.next(e)) {
      if (e === keep || this.mirror.protocol(e) !== OWN_PROTOCOL || this.mirror.tos(e) !== 0) continue;
      if (!wanted && this.mirror.isAdopted(e) && !this.pruned) continue;
      this.removing(e);
      return true;
    }
    return false;
  }

  private removing(entry: Entry): Op {
    // Where someone appended a route, a hop of another protocol may stay, and which of two routes a deletion hits is
    // the kernel's choice: look afterwards.
    if (!this.mayReplace(entry) || this.mirror.hasTwin(entry)) this.listener.suspect("a route was joined by another");
    this.victim = entry;
    return OP.remove;
  }

  /** Fills in the message for the write. */
  private describe(row: PrefixRow, op: Op, wish: WishId, route: RouteMessage): void {
    route.af = this.af;
    route.protocol = OWN_PROTOCOL;
    route.tos = 0;
    route.length = this.prefixes.length(row);
    this.prefixes.writeAddress(row, route.address, 0);
    if (op === OP.remove) {
      route.type = RTM.delRoute;
      route.flags = NLM_F.request;
      route.table = this.mirror.table(this.victim);
      route.metric = this.mirror.metric(this.victim);
      route.way = this.mirror.way(this.victim);
      return;
    }
    route.type = RTM.newRoute;
    route.flags = NLM_F.request | (op === OP.create ? NLM_F.create | NLM_F.exclusive : NLM_F.replace);
    route.table = this.wishes.table(wish);
    route.metric = this.wishes.metric(wish);
    route.way = this.wishes.way(wish);
  }

  /** The kernel's answer to a write; `fault` is 0 when it did it. `metric` and `table` are those written. */
  finish(row: PrefixRow, op: Op, wish: WishId, fault: number, table: number, metric: number): void {
    const bits = this.rows[row * STRIDE + 1]!;
    this.rows[row * STRIDE + 1] = bits & ~(IN_FLIGHT | TOUCHED);
    this.inFlight--;
    const errno = fault === 0 ? 0 : this.faults.errno(fault);
    const key = this.mirror.key(table, 0);
    if (op === OP.remove && (errno === 0 || errno === ERRNO.ESRCH || errno === ERRNO.ENOENT))
      this.forget(row, key, metric);
    else if (errno === 0) this.mirror.written(row, key, metric, this.wishes.way(wish));
    else if (op === OP.create && errno === ERRNO.EEXIST) this.collided(row, key, metric);
    else if (op === OP.replace && (errno === ERRNO.ENOENT || errno === ERRNO.ESRCH)) this.forget(row, key, metric);
    else this.fail(row, fault);
    this.wishes.release(wish);
    if ((bits & TOUCHED) !== 0) this.listener.suspect("changed while written");
    if ((this.rows[row * STRIDE + 1]! & QUEUED) !== 0) return;
    if (this.next(row) !== OP.none) this.enqueue(row);
    else this.releaseIfEmpty(row);
  }

  /** The answer is lost: whether the write was done will show in the next dump. */
  abandon(row: PrefixRow, wish: WishId): void {
    this.wishes.release(wish);
    this.rows[row * STRIDE + 1]! &= ~(IN_FLIGHT | TOUCHED);
    this.inFlight--;
    this.enqueue(row);
  }

  private forget(row: PrefixRow, key: number, metric: number): void {
    const own = this.mirror.findOwn(row, key, metric);
    if (own !== 0) this.mirror.remove(row, own);
  }

  /** EEXIST: a foreign route that the mirror knows, or will know by a notification on its way; else dump. */
  private collided(row: PrefixRow, key: number, metric: number): void {
    this.settled(row, STATE.shadowed);
    if (this.mirror.findForeign(row, key, metric) !== 0) return;
    this.rows[row * STRIDE + 1]! |= WAITING;
    this.unexplained.push(row, 0);
    this.listener.suspect("unexplained EEXIST");
  }

  private fail(row: PrefixRow, fault: number): void {
    const bits = this.rows[row * STRIDE + 1]!;
    const attempts = Math.min(255, ((bits >> 8) & 0xff) + 1);
    if (this.rows[row * STRIDE] !== 0) this.setState(row, STATE.failed);
    this.rows[row * STRIDE + 1] =
      (this.rows[row * STRIDE + 1]! & 0xff) | WAITING | IN_RETRY | (attempts << 8) | (fault << 16);
    if ((bits & IN_RETRY) === 0) this.retries.push(row, attempts);
  }

  /** The retry queue gives the row back. */
  retry(row: PrefixRow): void {
    this.rows[row * STRIDE + 1]! &= ~IN_RETRY;
    if ((this.rows[row * STRIDE + 1]! & WAITING) !== 0) this.again(row);
    else this.enqueue(row);
  }

  private settled(row: PrefixRow, state: State): void {
    this.setState(row, state);
    this.rows[row * STRIDE + 1]! &= 0xff & ~WAITING;
  }

  private setState(row: PrefixRow, state: State): void {
    const bits = this.rows[row * STRIDE + 1]!;
    this.counts[bits & STATE_MASK]!--;
    this.counts[state]!++;
    this.rows[row * STRIDE + 1] = (bits & ~STATE_MASK) | state;
  }

  private again(row: PrefixRow): void {
    this.rows[row * STRIDE + 1]! &= ~WAITING;
    this.enqueue(row);
  }

  private enqueue(row: PrefixRow): void {
    const bits = this.rows[row * STRIDE + 1]!;
    if ((bits & QUEUED) !== 0) return;
    this.rows[row * STRIDE + 1] = bits | QUEUED;
    this.queue.push(row, 0);
    if (this.queue.size === 1) this.listener.wake();
  }

  private keyOf(wish: WishId): number {
    return this.mirror.key(this.wishes.table(wish), 0);
  }

  private reserve(row: PrefixRow): void {
    if ((row + 1) * STRIDE > this.rows.length) this.rows = grown(this.rows, (row + 1) * STRIDE);
  }

  private releaseIfEmpty(row: PrefixRow): void {
    const bits = this.rows[row * STRIDE + 1]!;
    if (this.rows[row * STRIDE] !== 0 || this.mirror.first(row) !== 0) return;
    if ((bits & (QUEUED | IN_FLIGHT | IN_RETRY)) !== 0) return;
    this.rows[row * STRIDE + 1] = 0;
    this.prefixes.remove(row);
  }

  // What the kernel tells.

  /** A route of a notification or a dump; takes over the reference to its way. */
  observe(route: RouteMessage): void {
    const row = this.prefixes.add(route.address, 0, route.length);
    if (row < 0) {
      this.ways.release(route.way);
      return;
    }
    this.reserve(row);
    if (route.type === RTM.newRoute) {
      this.mirror.added(row, route);
      return;
    }
    this.mirror.deleted(row, route);
    this.ways.release(route.way);
  }

  changed(row: PrefixRow, ours: boolean, metric: number, table: number, tos: number, protocol: number): void {
    const bits = this.rows[row * STRIDE + 1]!;
    if ((bits & IN_FLIGHT) !== 0) this.rows[row * STRIDE + 1] = bits | TOUCHED;
    if (ours) this.changedOwn(row, bits);
    else if (table === RT_TABLE_MAIN && tos === 0) this.listener.learned(this, row, metric, protocol);
    this.again(row);
  }

  private changedOwn(row: PrefixRow, bits: number): void {
    if (this.rows[row * STRIDE] === 0) {
      if (!this.pruned && (bits & IN_FLIGHT) === 0) this.mirror.adopt(row);
    } else if ((bits & STATE_MASK) === STATE.installed) {
      if (this.countRepairs) this.repairs++;
      this.setState(row, STATE.pending);
    }
  }

  contradicted(): void {
    this.listener.suspect("contradictory notification");
  }

  /** A dump is complete: what could not be explained before is looked at again. */
  synced(): void {
    for (let n = this.unexplained.size; n > 0; n--) {
      const row = this.unexplained.shift();
      if (this.prefixes.isLive(row)) this.again(row);
    }
  }

  /** From now on adopted routes are deleted; a slice of the rows, true when all are done. */
  prune(from: PrefixRow, to: PrefixRow): boolean {
    this.pruned = true;
    const end = Math.min(to, this.prefixes.highWater);
    for (let row = from; row < end; row++)
      if (this.prefixes.isLive(row) && this.rows[row * STRIDE] === 0 && this.mirror.first(row) !== 0) this.enqueue(row);
    return to >= this.prefixes.highWater;
  }

  /** Wants nothing any more, and prunes. */
  unwantAll(): void {
    for (let row = 0; row < this.prefixes.highWater; row++) {
      if (!this.prefixes.isLive(row) || this.rows[row * STRIDE] === 0) continue;
      this.wishes.release(this.rows[row * STRIDE]!);
      this.rows[row * STRIDE] = 0;
      this.setState(row, STATE.none);
      this.again(row);
    }
    this.prune(0, this.prefixes.highWater);
  }
}

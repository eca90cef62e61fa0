import type { PrefixRow } from "../ip/prefix-table.ts";
import { ERRNO, type Faults } from "./errno.ts";
import { i32, put16, u16 } from "./little-endian.ts";
import { ackErrno, ackText } from "./netlink-ack.ts";
import { createRouteMessage, routeOctets, writeRoute } from "./route-codec.ts";
import { align4, NLM_F, NLMSG, NLMSG_HEADER } from "./rtnetlink.ts";
import { OP, type Op, type TableSync } from "./table-sync.ts";
import type { Ways } from "./ways.ts";
import type { WishId } from "./wishes.ts";

/** Messages and octets of one batch: large enough to spare system calls, small enough for a short turn. */
const BATCH = { messages: 2048, octets: 256 * 1024 } as const;
/** A batch without an answer after this long is taken as lost. */
export const ANSWER_MS = 30_000;

/** A write that the kernel refused, for the log. */
export interface FailedWrite {
  readonly sync: TableSync;
  readonly row: PrefixRow;
  readonly fault: number;
  readonly table: number;
  readonly metric: number;
}

export interface BatchOwner {
  /** Starts writing the octets to the request socket; `sent` is called when it is done. */
  send(bytes: Uint8Array): void;
  failed(write: FailedWrite): void;
  /** The batch is answered, or lost. */
  idle(lost: boolean): void;
}

/**
 * Collects the writes of both families into batches, one in flight. An acknowledgement is asked for with the last
 * message only: errors come for each failed message anyway, mapped back by sequence number.
 */
export class BatchWriter {
  private readonly ways: Ways;
  private readonly faults: Faults;
  private readonly syncs: readonly TableSync[];
  private readonly owner: BatchOwner;
  private readonly bytes = new Uint8Array(BATCH.octets);
  private readonly route = createRouteMessage();
  private readonly sync = new Uint8Array(BATCH.messages);
  private readonly rows = new Int32Array(BATCH.messages);
  private readonly ops = new Uint8Array(BATCH.messages);
  private readonly wishes = new Int32Array(BATCH.messages);
  private readonly tables = new Uint32Array(BATCH.messages);
  private readonly metrics = new Uint32Array(BATCH.messages);
  private readonly errors = new Int32Array(BATCH.messages);
  private count = 0;
  private octets = 0;
  private lastAt = 0;
  private base = 1;
  private firstSync = 0;
  private writing = false;
  private answered = true;
  /** Messages that the kernel has carried out, and those that it refused. */
  written = 0;
  refused = 0;

  constructor(ways: Ways, faults: Faults, syncs: readonly TableSync[], owner: BatchOwner) {
    this.ways = ways;
    this.faults = faults;
    this.syncs = syncs;
    this.owner = owner;
  }

  get busy(): boolean {
    return this.writing || !this.answered;
  }

  /** Changes with every batch. */
  get batch(): number {
    return this.base;
  }

  /** Sends the next batch when there is one and none is in flight. */
  pump(): void {
    if (this.busy) return;
    this.base = (this.base + this.count) & 0x3fffffff;
    this.count = 0;
    this.octets = 0;
    for (let i = 0; i < this.syncs.length; i++)
      if (!this.syncs[(this.firstSync + i) % this.syncs.length]!.fill(this.route, this.add)) break;
    this.firstSync = (this.firstSync + 1) % this.syncs.length;
    if (this.count === 0) return;
    put16(this.bytes, this.lastAt + 6, u16(this.bytes, this.lastAt + 6) | NLM_F.ack);
    this.writing = true;
    this.answered = false;
    this.owner.send(this.bytes.subarray(0, this.octets));
  }

  private readonly add = (sync: TableSync, row: PrefixRow, op: Op, wish: WishId): boolean => {
    const at = this.octets;
    const n = this.count;
    if (n === BATCH.messages || at + routeOctets(this.ways, this.route.way) > BATCH.octets) return false;
    this.route.seq = this.base + n;
    this.sync[n] = this.syncs.indexOf(sync);
    this.rows[n] = row;
    this.ops[n] = op;
    this.wishes[n] = wish;
    this.tables[n] = this.route.table;
    this.metrics[n] = this.route.metric;
    this.errors[n] = 0;
    this.lastAt = at;
    this.octets = writeRoute(this.bytes, at, this.route, this.ways);
    this.count = n + 1;
    return true;
  };

  /** What the request socket said. */
  answers(bytes: Uint8Array): void {
    for (let at = 0; at + NLMSG_HEADER <= bytes.length; ) {
      const octets = i32(bytes, at);
      if (octets < NLMSG_HEADER || at + octets > bytes.length) return;
      if (u16(bytes, at + 4) === NLMSG.error) this.answer(bytes, at, octets);
      at += align4(octets);
    }
  }

  private answer(bytes: Uint8Array, at: number, octets: number): void {
    const index = i32(bytes, at + 8) - this.base;
    if (this.answered || index < 0 || index >= this.count) return;
    const errno = ackErrno(bytes, at, octets);
    if (errno !== 0) this.errors[index] = this.faults.intern(errno, ackText(bytes, at, octets));
    if (index === this.count - 1) {
      this.answered = true;
      if (!this.writing) this.complete();
    }
  }

  /** The write is done; a non-zero errno says that nothing of it reached the kernel. */
  sent(errno: number): void {
    if (!this.writing) return;
    this.writing = false;
    if (errno !== 0) {
      this.errors.fill(this.faults.intern(errno, "the whole batch was refused"), 0, this.count);
      this.answered = true;
    }
    if (this.answered) this.complete();
  }

  private complete(): void {
    let failed = 0;
    for (let n = 0; n < this.count; n++) if (this.errors[n] !== 0 && !this.isExpected(n)) failed++;
    this.refused += failed;
    this.written += this.count - failed;
    for (let n = 0; n < this.count; n++) {
      const sync = this.syncs[this.sync[n]!]!;
      const fault = this.errors[n]!;
      const row = this.rows[n]!;
      if (fault !== 0 && !this.isExpected(n))
        this.owner.failed({ sync, row, fault, table: this.tables[n]!, metric: this.metrics[n]! });
      sync.finish(row, this.ops[n] as Op, this.wishes[n]!, fault, this.tables[n]!, this.metrics[n]!);
    }
    this.owner.idle(false);
  }

  /** Answers that are no failures: a foreign route is in the way, or what was to go has gone. */
  private isExpected(n: number): boolean {
    const errno = this.faults.errno(this.errors[n]!);
    return this.ops[n] === OP.create ? errno === ERRNO.EEXIST : errno === ERRNO.ESRCH || errno === ERRNO.ENOENT;
  }

  /** The answers are lost: every row of the batch is looked at again after a dump. */
  lost(): void {
    if (!this.busy) return;
    this.answered = true;
    this.writing = false;
    for (let n = 0; n < this.count; n++) this.syncs[this.sync[n]!]!.abandon(this.rows[n]!, this.wishes[n]!);
    this.owner.idle(true);
  }
}

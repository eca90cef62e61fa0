/**
 * Packs a stretch of an Adj-RIB-Out's list into UPDATE messages: rows with the same (set, source) share messages,
 * withdrawals come first, or last where rows are paths. Within a batch the order of change is not kept, which is safe as a row stands in it once.
 */
import type { Family } from "../ip/address.ts";
import { type AdjRibOut, ANCHOR, MIXED, SOURCE_SHIFT, TOMBSTONE, TOO_LONG, UNSENT } from "./adj-rib-out.ts";
import {
  announcementOverhead,
  closeAnnouncement,
  closeWithdrawal,
  openAnnouncement,
  openWithdrawal,
  withdrawalOverhead,
} from "./pack-message.ts";
import type { NextHopId, PeerId } from "./types.ts";
import { GROUP_LIMITS, type GroupEncoder, type GroupLimits, type RowWriter } from "./update-group-types.ts";

/** Cells of a message in `Batch.messages`. */
export const MESSAGE = { start: 0, end: 1, source: 2, nextHop: 3, nlriAt: 4, mixedEnd: 5, cells: 6 } as const;

/** Encoded once, written to every member at one place. Never changed after it is made. */
export interface Batch {
  readonly bytes: Uint8Array;
  /**
   * Withdrawals stand in [withdrawnAt, withdrawnEnd), in front of the announcements or behind them; members in their
   * initial dump skip them.
   */
  readonly withdrawnAt: number;
  readonly withdrawnEnd: number;
  readonly withdrawnMessages: number;
  readonly announcedMessages: number;
  /**
   * None in a batch with just one recipient, for whom it was made. Else the announcements, MESSAGE.cells each: where one
   * stands, what it announces, and its NLRI [nlriAt, mixedEnd), for which a member that is left out gets a withdrawal in
   * its place.
   */
  readonly messages: Int32Array;
  readonly sources: ReadonlySet<PeerId>;
  readonly nextHops: ReadonlySet<NextHopId>;
}

/** Who may not receive what; the only recipient of a batch gets it without the messages that are not for it. */
export interface Recipient {
  readonly peer: PeerId;
  readonly ownNextHop: NextHopId;
}

export interface PackRequest {
  readonly family: Family;
  readonly table: AdjRibOut;
  readonly encoder: GroupEncoder;
  readonly rows: RowWriter;
  readonly maxMessageOctets: number;
  readonly nlriOctets: number;
  readonly withdrawsLast: boolean;
  /** True for a slot at which a batch must end, because another member is there or an initial table ends there. */
  isAnchored(slot: number): boolean;
}

const NO_MESSAGES = new Int32Array(0);
const NO_BYTES = new Uint8Array(0);
const NOBODY: ReadonlySet<number> = new Set();

// cells of a bucket
const SET = 0;
const SOURCE = 1;
const FIRST = 2;
const LAST = 3;
const ATTRIBUTES_AT = 4;
const ATTRIBUTE_OCTETS = 5;
const NEXT_HOP_AT = 6;
const NEXT_HOP_OCTETS = 7;
const NEXT_HOP = 8;
const ROOM = 9;
const STATE = 10;
const HASH_AT = 11;
const BUCKET = 12;
// states of a bucket
const ANNOUNCE = 0;
/** The attributes do not fit a message: nobody may keep an earlier announcement. */
const WITHDRAW = 1;
/** Not for the only recipient. */
const LEFT_OUT = 2;

/** Working memory that groups may share; see Packer. */
export function createPacker(limits: Partial<GroupLimits>, maxMessageOctets: number): Packer {
  const { batchRows, batchOctets } = { ...GROUP_LIMITS, ...limits };
  return new Packer(batchRows, batchOctets, maxMessageOctets);
}

/**
 * Working memory of packing, about half a megabyte. It holds nothing between calls, so one serves all groups of a
 * process that have the same limits.
 */
export class Packer {
  /** Slots walked by the last `pack`, in list order. */
  readonly slots: Int32Array;
  count = 0;
  tooLong = 0;
  private readonly batchOctets: number;
  private readonly bytes: Uint8Array;
  private readonly arenaAt: number;
  private readonly withdrawn: Int32Array;
  private readonly entries: Int32Array;
  private readonly buckets: Int32Array;
  private readonly hash: Int32Array;
  private readonly mask: number;
  private readonly messages: Int32Array;
  private arenaEnd = 0;
  private bucketCount = 0;
  private entryCount = 0;
  private withdrawnCount = 0;
  private withdrawnRoom = 0;
  private octets = 0;
  private at = 0;
  private messageCells = 0;
  private announcedMessages = 0;

  /** `messageOctets` is the largest message any group of the process may send. */
  constructor(batchRows: number, batchOctets: number, messageOctets: number) {
    this.batchOctets = batchOctets;
    this.slots = new Int32Array(batchRows);
    this.withdrawn = new Int32Array(batchRows);
    this.entries = new Int32Array(2 * batchRows + 2);
    this.buckets = new Int32Array(BUCKET * batchRows);
    let size = 16;
    while (size < 2 * batchRows) size *= 2;
    this.hash = new Int32Array(size);
    this.mask = size - 1;
    this.arenaAt = batchOctets + 2 * messageOctets;
    this.bytes = new Uint8Array(this.arenaAt + batchOctets + 3 * messageOctets + 64);
    this.messages = new Int32Array(MESSAGE.cells * (batchRows + 1));
  }

  /**
   * Packs the rows behind `from`, as far as the budget, the buffer and the next anchor allow; at least one row where
   * there is one. `only` is the recipient when there is just one; `skip` has a bit per slot for rows to leave out.
   */
  pack(
    request: PackRequest,
    from: number,
    maxRows: number,
    maxOctets: number,
    skipWithdrawals: boolean,
    only: Recipient | undefined,
    skip: Uint8Array | undefined,
  ): Batch {
    this.gather(request, from, maxRows, Math.min(maxOctets, this.batchOctets), skipWithdrawals, only, skip);
    this.at = 0;
    let withdrawnAt = 0;
    let withdrawnMessages = request.withdrawsLast ? 0 : this.encodeWithdrawals(request);
    let withdrawnEnd = this.at;
    this.messageCells = 0;
    this.announcedMessages = 0;
    const sources = only ? NOBODY : new Set<PeerId>();
    const nextHops = only ? NOBODY : new Set<NextHopId>();
    let lastSource = 0;
    let lastNextHop = 0;
    for (let b = 0; b < this.bucketCount * BUCKET; b += BUCKET) {
      this.hash[this.buckets[b + HASH_AT]!] = 0;
      if (this.buckets[b + STATE] !== ANNOUNCE || this.buckets[b + FIRST] === 0) continue;
      this.encodeBucket(request, b, only === undefined);
      if (only) continue;
      const source = this.buckets[b + SOURCE]!;
      const nextHop = this.buckets[b + NEXT_HOP]!;
      if (source !== lastSource) (sources as Set<PeerId>).add(source);
      if (nextHop !== lastNextHop) (nextHops as Set<NextHopId>).add(nextHop);
      lastSource = source;
      lastNextHop = nextHop;
    }
    if (request.withdrawsLast) {
      withdrawnAt = this.at;
      withdrawnMessages = this.encodeWithdrawals(request);
      withdrawnEnd = this.at;
    }
    return {
      bytes: this.at === 0 ? NO_BYTES : this.bytes.slice(0, this.at),
      withdrawnAt,
      withdrawnEnd,
      withdrawnMessages,
      announcedMessages: this.announcedMessages,
      messages: this.messageCells === 0 ? NO_MESSAGES : this.messages.slice(0, this.messageCells),
      sources,
      nextHops,
    };
  }

  private gather(
    request: PackRequest,
    from: number,
    maxRows: number,
    maxOctets: number,
    skipWithdrawals: boolean,
    only: Recipient | undefined,
    skip: Uint8Array | undefined,
  ): void {
    const { table, nlriOctets } = request;
    const cells = table.cells;
    const limit = Math.min(maxRows, this.slots.length);
    this.count = 0;
    this.bucketCount = 0;
    this.entryCount = 0;
    this.withdrawnCount = 0;
    this.withdrawnRoom = 0;
    this.octets = 0;
    this.arenaEnd = this.arenaAt;
    for (let slot = table.next(from); slot !== 0 && this.count < limit; slot = cells[(slot << 2) + 3]!) {
      const meta = cells[(slot << 2) + 1]!;
      if ((meta & TOMBSTONE) !== 0) {
        if (!skipWithdrawals && !this.addWithdrawal(request, slot, maxOctets)) break;
      } else if (skip === undefined || (skip[slot >>> 3]! & (1 << (slot & 7))) === 0) {
        const b = this.bucket(request, cells[slot << 2]!, meta >>> SOURCE_SHIFT, only);
        const state = this.buckets[b + STATE];
        if (state === ANNOUNCE) {
          if (!this.addAnnouncement(request, b, slot, (meta & MIXED) !== 0, nlriOctets, maxOctets)) break;
        } else {
          if (state === WITHDRAW) cells[(slot << 2) + 1] = meta | TOO_LONG;
          const withdraw = !skipWithdrawals && (state === WITHDRAW || (meta & MIXED) !== 0);
          if (withdraw && !this.addWithdrawal(request, slot, maxOctets)) break;
        }
      }
      if ((meta & UNSENT) !== 0) table.lower(slot, UNSENT);
      this.slots[this.count++] = slot;
      if ((meta & ANCHOR) !== 0 && request.isAnchored(slot)) break;
    }
  }

  /** Accounts for octets to come; false when the batch is full. The first row always fits. */
  private fits(octets: number, maxOctets: number): boolean {
    if (this.count > 0 && this.octets + octets > maxOctets) return false;
    this.octets += octets;
    return true;
  }

  private addWithdrawal(request: PackRequest, slot: number, maxOctets: number): boolean {
    const { nlriOctets } = request;
    const opens = this.withdrawnRoom < nlriOctets;
    const overhead = withdrawalOverhead(request.family);
    if (!this.fits(opens ? overhead + nlriOctets : nlriOctets, maxOctets)) return false;
    this.withdrawnRoom = (opens ? request.maxMessageOctets - overhead : this.withdrawnRoom) - nlriOctets;
    this.withdrawn[this.withdrawnCount++] = slot;
    return true;
  }

  /** Chains the row into the bucket, rows with MIXED in front. */
  private addAnnouncement(
    request: PackRequest,
    b: number,
    slot: number,
    mixed: boolean,
    nlriOctets: number,
    maxOctets: number,
  ): boolean {
    const { buckets, entries } = this;
    const opens = buckets[b + ROOM]! < nlriOctets;
    const overhead = announcementOverhead(
      request.family,
      buckets[b + ATTRIBUTE_OCTETS]!,
      buckets[b + NEXT_HOP_OCTETS]!,
    );
    if (!this.fits(opens ? overhead + nlriOctets : nlriOctets, maxOctets)) return false;
    buckets[b + ROOM] = (opens ? request.maxMessageOctets - overhead : buckets[b + ROOM]!) - nlriOctets;
    const entry = ++this.entryCount;
    entries[2 * entry] = mixed ? -slot : slot;
    const first = buckets[b + FIRST]!;
    if (mixed || first === 0) {
      entries[2 * entry + 1] = first;
      buckets[b + FIRST] = entry;
      if (first === 0) buckets[b + LAST] = entry;
    } else {
      entries[2 * entry + 1] = 0;
      entries[2 * buckets[b + LAST]! + 1] = entry;
      buckets[b + LAST] = entry;
    }
    return true;
  }

  /** The bucket of (set, source); made, with its attributes written, when it is missing. */
  private bucket(request: PackRequest, set: number, source: number, only: Recipient | undefined): number {
    const { buckets, hash, mask } = this;
    let h = Math.imul(set ^ Math.imul(source, 0x85ebca6b), 0x9e3779b1);
    h = (h ^ (h >>> 15)) & mask;
    for (let found = hash[h]!; found !== 0; found = hash[h]!) {
      const b = (found - 1) * BUCKET;
      if (buckets[b] === set && buckets[b + SOURCE] === source) return b;
      h = (h + 1) & mask;
    }
    const b = this.bucketCount++ * BUCKET;
    hash[h] = this.bucketCount;
    buckets[b + SET] = set;
    buckets[b + SOURCE] = source;
    buckets[b + FIRST] = 0;
    buckets[b + ROOM] = 0;
    buckets[b + HASH_AT] = h;
    this.writeAttributes(request, b, set, source, only);
    return b;
  }

  private writeAttributes(
    request: PackRequest,
    b: number,
    set: number,
    source: number,
    only: Recipient | undefined,
  ): void {
    const { buckets, bytes } = this;
    const { encoder } = request;
    const nextHop = encoder.announcedNextHop(set, source);
    buckets[b + NEXT_HOP] = nextHop;
    buckets[b + STATE] = ANNOUNCE;
    const start = this.arenaEnd;
    const end = encoder.writeAttributes(set, source, bytes, start);
    const octets = end - start;
    const hopOctets = end >= 0 && request.family === "ipv6" ? encoder.writeNextHop(set, source, bytes, end) : 0;
    const least = announcementOverhead(request.family, octets, hopOctets) + request.nlriOctets;
    if (end < 0 || least > request.maxMessageOctets) {
      buckets[b + STATE] = WITHDRAW;
      this.tooLong++;
      return;
    }
    if (only && (only.peer === source || (nextHop !== 0 && only.ownNextHop === nextHop))) {
      buckets[b + STATE] = LEFT_OUT;
      return;
    }
    buckets[b + ATTRIBUTES_AT] = start;
    buckets[b + ATTRIBUTE_OCTETS] = octets;
    buckets[b + NEXT_HOP_AT] = end;
    buckets[b + NEXT_HOP_OCTETS] = hopOctets;
    this.arenaEnd = end + hopOctets;
  }

  private encodeWithdrawals(request: PackRequest): number {
    const { bytes, withdrawn } = this;
    const { family, rows, nlriOctets } = request;
    const tail = family === "ipv4" ? 2 : 0;
    let messages = 0;
    let i = 0;
    while (i < this.withdrawnCount) {
      const start = this.at;
      const last = start + request.maxMessageOctets - nlriOctets - tail;
      let end = openWithdrawal(family, bytes, start);
      while (i < this.withdrawnCount && end <= last) end = rows.writeNlri(withdrawn[i++]! - 1, bytes, end);
      this.at = closeWithdrawal(family, bytes, start, end);
      messages++;
    }
    return messages;
  }

  private encodeBucket(request: PackRequest, b: number, shared: boolean): void {
    const { buckets, bytes, entries, messages } = this;
    const { family, rows, nlriOctets } = request;
    const attributesAt = buckets[b + ATTRIBUTES_AT]!;
    const attributeOctets = buckets[b + ATTRIBUTE_OCTETS]!;
    const hopAt = buckets[b + NEXT_HOP_AT]!;
    const hopOctets = buckets[b + NEXT_HOP_OCTETS]!;
    const reserved = nlriOctets + (family === "ipv4" ? 0 : attributeOctets);
    let entry = buckets[b + FIRST]!;
    while (entry !== 0) {
      const start = this.at;
      const last = start + request.maxMessageOctets - reserved;
      const nlriAt = openAnnouncement(family, bytes, start, attributesAt, attributeOctets, hopAt, hopOctets);
      let end = nlriAt;
      let mixedEnd = nlriAt;
      while (entry !== 0 && end <= last) {
        const slot = entries[2 * entry]!;
        end = rows.writeNlri((slot < 0 ? -slot : slot) - 1, bytes, end);
        if (slot < 0) mixedEnd = end;
        entry = entries[2 * entry + 1]!;
      }
      this.at = closeAnnouncement(family, bytes, start, end, attributesAt, attributeOctets);
      this.announcedMessages++;
      if (!shared) continue;
      const m = this.messageCells;
      messages[m + MESSAGE.start] = start;
      messages[m + MESSAGE.end] = this.at;
      messages[m + MESSAGE.source] = buckets[b + SOURCE]!;
      messages[m + MESSAGE.nextHop] = buckets[b + NEXT_HOP]!;
      messages[m + MESSAGE.nlriAt] = nlriAt;
      messages[m + MESSAGE.mixedEnd] = mixedEnd;
      this.messageCells = m + MESSAGE.cells;
    }
  }
}

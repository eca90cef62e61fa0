/**
 * What an update group needs from outside, and what it offers (DESIGN 3.7). A row is what the Adj-RIB-Out is keyed by: a
 * prefix row, or a path row where ADD-PATH is sent; the group never looks into it.
 */
import type { Family } from "../ip/address.ts";
import type { Packer } from "./pack-batch.ts";
import type { NextHopId, PeerId, SetHandle } from "./types.ts";

/** Turns (set, source) into octets the way one group announces them. */
export interface GroupEncoder {
  /**
   * Writes the path attributes without MP_REACH; IPv4 includes NEXT_HOP. Returns the end offset, or -1 when the set
   * cannot be announced (too long). `maxMessageOctets` octets are free at `at`; no more may be written.
   */
  writeAttributes(set: SetHandle, source: PeerId, out: Uint8Array, at: number): number;
  /** IPv6: writes the next hop octets of MP_REACH and returns their number, 16 or 32. */
  writeNextHop(set: SetHandle, source: PeerId, out: Uint8Array, at: number): number;
  /** Key of the next hop that is announced: a member whose own address has this id may not receive it. 0 is none. */
  announcedNextHop(set: SetHandle, source: PeerId): NextHopId;
  retain(set: SetHandle): void;
  release(set: SetHandle): void;
}

/** The rows of a family, as far as announcing them goes. */
export interface RowWriter {
  /** Writes the NLRI (with its path id where ADD-PATH is sent) and returns the offset behind it. */
  writeNlri(row: number, out: Uint8Array, at: number): number;
  /** The row may not be reused until `unhold`. */
  hold(row: number): void;
  unhold(row: number): void;
}

/** One session's family, as the group sees it. */
export interface Member {
  readonly peer: PeerId;
  /** Id of the member's own address as next hop; 0 is none. */
  readonly ownNextHop: NextHopId;
  /**
   * Takes the bytes, which are shared and never change. False: the member is above its high mark. The bytes were taken
   * all the same, and the group writes nothing more until `resume`.
   */
  write(bytes: Uint8Array): boolean;
  /** The initial table has been written; called once after `join`. */
  endOfRib(): void;
}

export interface GroupLimits {
  /** Rows encoded in one batch. */
  readonly batchRows: number;
  /** Octets of one batch: the buffer that members share. */
  readonly batchOctets: number;
  /** Members written in one step. */
  readonly membersPerStep: number;
  /** Withdrawn rows kept for lagging members: at least this many ... */
  readonly tombstonesMin: number;
  /** ... or this share of the announced rows, whichever is more. */
  readonly tombstonesShare: number;
  /** How long the most lagging member must have been without progress before `onLagging` names it. Needs `nowMs`. */
  readonly laggingMs: number;
}

export const GROUP_LIMITS: GroupLimits = {
  batchRows: 4096,
  batchOctets: 65_536,
  membersPerStep: 50,
  tombstonesMin: 10_000,
  tombstonesShare: 0.1,
  laggingMs: 3000,
};

export interface FlushBudget {
  /** Rows walked. */
  readonly rows: number;
  /** Octets encoded. */
  readonly octets: number;
}

/** Since the group was created. */
export interface GroupCounters {
  messagesEncoded: number;
  messagesSent: number;
  octetsEncoded: number;
  octetsSent: number;
  /** Rows that went into batches. */
  rowsEncoded: number;
  batches: number;
  /** Changes whose octets turned out to be the same. */
  silentChanges: number;
  /** Buckets of rows that could not be announced because their attributes do not fit a message. */
  tooLong: number;
  longestStepRows: number;
  /** Stays 0 without a clock. */
  longestStepMs: number;
}

export interface Announcement {
  readonly set: SetHandle;
  readonly source: PeerId;
}

export interface UpdateGroupOptions {
  readonly family: Family;
  readonly encoder: GroupEncoder;
  readonly rows: RowWriter;
  /** 4096, or 65535 with the extended message capability (RFC 8654). */
  readonly maxMessageOctets: number;
  /** Octets of the longest NLRI: 5 or 17 by default; 4 more with ADD-PATH. */
  readonly nlriOctets?: number;
  /**
   * A batch's announcements come before its withdrawals: where several rows are paths of one prefix, so that a peer that
   * loses one knows those in its place (RFC 7911).
   */
  readonly withdrawsLast?: boolean;
  readonly limits?: Partial<GroupLimits>;
  /** Rows to make room for at once, so that the first table does not grow the array. */
  readonly expectedRows?: number;
  /** Rows that there can be at most: a large table moves once, to address space for all of them. */
  readonly maxRows?: number;
  /** Withdrawn rows have piled up beyond the bound behind this member, which takes nothing: close it (Cease 6/8). */
  readonly onLagging?: (member: Member) => void;
  /** The group wants to be flushed for a reason its owner cannot see: a member that was taken over has left it. */
  readonly onWork?: () => void;
  readonly nowMs?: () => number;
  /** Working memory shared with other groups of the same limits (createPacker); a group makes its own by default. */
  readonly packer?: Packer;
}

export interface UpdateGroup {
  readonly family: Family;
  /** Members, including those that are leaving for another group and whose difference is not yet worked out. */
  readonly size: number;
  /** Rows announced. */
  readonly announcedRows: number;
  /** Of those, the ones whose path came from this source: a member is not sent its own. */
  announcedFrom(source: PeerId): number;
  /** Withdrawn rows that some member has not been told of. */
  readonly tombstones: number;
  readonly counters: Readonly<GroupCounters>;
  /** `flush` would have something to do. */
  readonly pending: boolean;
  /** The export decision of the group for this row is now this; set 0: nothing is announced. */
  consider(row: number, set: SetHandle, source: PeerId): void;
  /** One step: writes what is due within the budget. True: there is more to do. */
  flush(budget: FlushBudget): boolean;
  /** The member gets the whole table, then `endOfRib`, then every change. */
  join(member: Member): void;
  leave(member: Member): void;
  /** The member is below its low mark again. */
  resume(member: Member): void;
  /** Announces the whole table again to one member (RFC 2918); `done` runs when that is written (EoRR, RFC 7313). */
  resend(member: Member, done?: () => void): void;
  /**
   * Takes the member over from another group of the same family: its session stays, and it gets the difference of the
   * two tables. `from` must not be closed before its `size` is 0.
   */
  transfer(member: Member, from: UpdateGroup): void;
  /** What the group announces for the row; undefined when nothing. */
  announced(row: number): Announcement | undefined;
  /** The same for one member: undefined also where it may not receive the path. */
  announcedTo(member: Member, row: number): Announcement | undefined;
  /** Visits announced rows from `row` upwards, at most `limit` rows looked at; returns where to go on, -1 at the end. */
  walk(row: number, limit: number, visit: (row: number, set: SetHandle, source: PeerId) => void): number;
  /** Releases sets and rows, at most `maxRows`; true while some are left. The group must not be used in between or afterwards. */
  close(maxRows?: number): boolean;
  /** Throws where the lists contradict each other. For tests and the state dump. */
  check(): void;
}

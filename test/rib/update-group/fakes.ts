import type { Family } from "../../../src/ip/address.ts";
import type { GroupEncoder, Member, RowWriter } from "../../../src/rib/update-group-types.ts";

/**
 * Sets in contents: handles 10c..10c+9 have content c, so that different handles can be the same octets. Octets depend on
 * the content, and on the source where `sourceShows`. Contents divisible by 7 cannot be announced.
 */
export interface FakeEncoder extends GroupEncoder {
  readonly references: Map<number, number>;
  calls: number;
}

export const contentOf = (set: number) => Math.floor(set / 10);
export const nextHopOf = (set: number) => (contentOf(set) % 3 === 1 ? 100 + (contentOf(set) % 4) : 0);
export const isTooLong = (set: number) => contentOf(set) % 7 === 0;

export function createFakeEncoder(family: Family, sourceShows: boolean): FakeEncoder {
  const references = new Map<number, number>();
  return {
    references,
    calls: 0,
    writeAttributes(set, source, out, at) {
      this.calls++;
      if (!((references.get(set) ?? 0) > 0)) throw new Error(`set ${set} is used without being held`);
      if (isTooLong(set)) return -1;
      let end = at;
      const put = (...octets: number[]) => {
        for (const octet of octets) out[end++] = octet;
      };
      put(0x40, 1, 1, 0);
      if (family === "ipv4") put(0x40, 3, 4, 0, 0, 0, nextHopOf(set));
      put(0x80, 4, 4, 0, 0, contentOf(set) >> 8, contentOf(set) & 0xff);
      if (sourceShows) put(0xc0, 8, 4, 0, 0, source >> 8, source & 0xff);
      return end;
    },
    writeNextHop(set, _source, out, at) {
      const octets = contentOf(set) % 2 === 0 ? 16 : 32;
      out.fill(0, at, at + octets);
      out[at + 15] = nextHopOf(set);
      return octets;
    },
    announcedNextHop: (set) => nextHopOf(set),
    retain: (set) => void references.set(set, (references.get(set) ?? 0) + 1),
    release(set) {
      const n = (references.get(set) ?? 0) - 1;
      if (n < 0) throw new Error(`set ${set} is released too often`);
      if (n === 0) references.delete(set);
      else references.set(set, n);
    },
  };
}

/** Row r is a /24 (IPv4) or /64 (IPv6) with the row in its octets. */
export function createFakeRows(family: Family): RowWriter & { readonly holds: Map<number, number> } {
  const holds = new Map<number, number>();
  return {
    holds,
    writeNlri(row, out, at) {
      if (!((holds.get(row) ?? 0) > 0)) throw new Error(`row ${row} is used without being held`);
      const octets = family === "ipv4" ? 3 : 8;
      out[at] = octets * 8;
      for (let i = 0; i < octets; i++) out[at + 1 + i] = 0;
      out[at + octets] = row & 0xff;
      out[at + octets - 1] = (row >> 8) & 0xff;
      out[at + octets - 2] = (row >> 16) & 0xff;
      return at + 1 + octets;
    },
    hold: (row) => void holds.set(row, (holds.get(row) ?? 0) + 1),
    unhold(row) {
      const n = (holds.get(row) ?? 0) - 1;
      if (n < 0) throw new Error(`row ${row} is let go too often`);
      if (n === 0) holds.delete(row);
      else holds.set(row, n);
    },
  };
}

export interface Route {
  /** Attributes with their next hop, in hexadecimal. */
  readonly octets: string;
  readonly nextHop: number;
  readonly source: number;
}

export interface Update {
  readonly withdrawn: readonly number[];
  readonly announced: readonly number[];
  readonly route: Route | undefined;
  readonly octets: number;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

function readNlri(bytes: Uint8Array): number[] {
  const rows: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const octets = bytes[at]! / 8;
    const last = at + octets;
    rows.push((bytes[last - 2]! << 16) | (bytes[last - 1]! << 8) | bytes[last]!);
    at += 1 + octets;
  }
  return rows;
}

/** A small decoder of its own: checks every length on the way. */
function decodeUpdates(bytes: Uint8Array, maxOctets: number): Update[] {
  const updates: Update[] = [];
  for (let at = 0; at < bytes.length; ) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at);
    const length = view.getUint16(16);
    if (hex(bytes.subarray(at, at + 16)) !== "ff".repeat(16) || bytes[at + 18] !== 2) throw new Error("not an UPDATE");
    if (length > maxOctets || at + length > bytes.length) throw new Error(`length ${length} is out of bounds`);
    updates.push(decodeUpdate(bytes.subarray(at, at + length)));
    at += length;
  }
  return updates;
}

function decodeUpdate(message: Uint8Array): Update {
  const view = new DataView(message.buffer, message.byteOffset);
  const withdrawnEnd = 21 + view.getUint16(19);
  const attributesEnd = withdrawnEnd + 2 + view.getUint16(withdrawnEnd);
  const withdrawn = readNlri(message.subarray(21, withdrawnEnd));
  const announced = readNlri(message.subarray(attributesEnd));
  let octets = "";
  let nextHop = 0;
  let source = 0;
  for (let at = withdrawnEnd + 2; at < attributesEnd; ) {
    const extended = (message[at]! & 0x10) !== 0;
    const type = message[at + 1]!;
    const from = at + (extended ? 4 : 3);
    const end = from + (extended ? view.getUint16(at + 2) : message[at + 2]!);
    if (end > attributesEnd) throw new Error(`attribute ${type} overruns its field`);
    const value = message.subarray(from, end);
    if ((type === 14 || type === 15) && at !== withdrawnEnd + 2) throw new Error("MP attribute is not the first");
    if (type === 14) {
      if (hex(value.subarray(0, 3)) !== "000201") throw new Error("not IPv6 unicast");
      const hop = value.subarray(4, 4 + value[3]!);
      nextHop = hop[15]!;
      octets += `${hex(hop)}/`;
      announced.push(...readNlri(value.subarray(5 + value[3]!)));
    } else if (type === 15) withdrawn.push(...readNlri(value.subarray(3)));
    else {
      if (type === 3) nextHop = value[3]!;
      if (type === 8) source = (value[2]! << 8) | value[3]!;
      octets += hex(message.subarray(at, end));
    }
    at = end;
  }
  if (withdrawn.length + announced.length === 0) throw new Error("an UPDATE without routes");
  if (withdrawn.length > 0 && announced.length > 0) throw new Error("both kinds of NLRI in one UPDATE");
  const route = announced.length > 0 ? { octets, nextHop, source } : undefined;
  return { withdrawn, announced, route, octets: message.length };
}

/** A peer that decodes what it is sent and keeps the outcome. */
export class FakePeer implements Member {
  readonly peer: number;
  readonly ownNextHop: number;
  readonly table = new Map<number, Route>();
  endOfRibs = 0;
  updates: Update[] = [];
  writes = 0;
  /** Writes to take before it says that it is above its high mark; then it is stopped until told otherwise. */
  credit = Number.POSITIVE_INFINITY;
  stopped = false;
  /** Rows announced with the octets it held already. */
  duplicates: number[] = [];
  private readonly maxOctets: number;

  constructor(peer: number, ownNextHop = 0, maxOctets = 4096) {
    this.peer = peer;
    this.ownNextHop = ownNextHop;
    this.maxOctets = maxOctets;
  }

  write(bytes: Uint8Array): boolean {
    this.writes++;
    for (const update of decodeUpdates(bytes, this.maxOctets)) this.take(update);
    this.credit--;
    if (this.credit <= 0) this.stopped = true;
    return !this.stopped;
  }

  private take(update: Update): void {
    this.updates.push(update);
    for (const row of update.withdrawn) this.table.delete(row);
    const { route } = update;
    if (!route) return;
    if (route.source === this.peer) throw new Error(`peer ${this.peer} was sent its own route`);
    if (this.ownNextHop !== 0 && route.nextHop === this.ownNextHop) throw new Error("own address as next hop");
    for (const row of update.announced) {
      if (this.table.get(row)?.octets === route.octets) this.duplicates.push(row);
      this.table.set(row, route);
    }
  }

  endOfRib(): void {
    this.endOfRibs++;
  }
}

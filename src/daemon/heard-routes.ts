/**
 * What peers of a replica hear: read from the octets that are written to them, so that whatever decides them is counted.
 * Prefixes and attributes are numbered once for all peers; a peer's table is an array of numbers.
 */
import { attributeEnd, attributeValue } from "../bgp/attribute-octets.ts";
import { AFI, ATTRIBUTE, HEADER_OCTETS, MESSAGE } from "../bgp/iana.ts";
import { u16 } from "../bgp/octets.ts";
import { type Family, formatOctets } from "../ip/address.ts";

/** Attributes by announced route; 0: not announced. */
export type HeardTable = Int32Array;

/** Sessions whose NLRI of the family carry path identifiers (RFC 7911). */
export type PathIds = Readonly<Record<Family, boolean>>;

export interface Hearing {
  /** Enters what one buffer of whole messages says into a peer's table. */
  hear(table: PeerTable, bytes: Uint8Array, pathIds: PathIds): void;
  /** The prefix that a place in a table stands for. */
  prefix(at: number): string;
  /** The attributes' octets with NEXT_HOP, whatever family it is of. */
  attributes(id: number): Uint8Array;
}

/** Grows as it is written to. */
export class PeerTable {
  words: HeardTable = new Int32Array(1024);

  set(at: number, attributes: number): void {
    if (at >= this.words.length) {
      const larger = new Int32Array(Math.max(at + 1, 2 * this.words.length));
      larger.set(this.words);
      this.words = larger;
    }
    this.words[at] = attributes;
  }

  clear(): void {
    this.words.fill(0);
  }

  copy(): HeardTable {
    return this.words.slice();
  }
}

export function createHearing(): Hearing {
  const routeNumbers = new Map<string, number>();
  const prefixes: string[] = [];
  const attributeNumbers = new Map<string, number>();
  const attributeOctets: Uint8Array[] = [new Uint8Array()];
  /** Members of a group share buffers: the last one is read once. */
  let lastBytes: Uint8Array | undefined;
  let lastKind = "";
  let lastSaid: number[] = [];

  function numberOf(family: Family, bytes: Uint8Array, at: number, withId: boolean): number {
    const lengthAt = withId ? at + 4 : at;
    const length = bytes[lengthAt]!;
    const end = lengthAt + 1 + ((length + 7) >> 3);
    const key = (family === "ipv4" ? "4" : "6") + (withId ? "+" : "-") + textOf(bytes, at, end);
    const known = routeNumbers.get(key);
    if (known !== undefined) return known;
    const address = new Uint8Array(family === "ipv4" ? 4 : 16);
    address.set(bytes.subarray(lengthAt + 1, end));
    const made = prefixes.length;
    prefixes.push(`${formatOctets(address)}/${length}`);
    routeNumbers.set(key, made);
    return made;
  }

  function attributesOf(octets: Uint8Array): number {
    const key = textOf(octets, 0, octets.length);
    const known = attributeNumbers.get(key);
    if (known !== undefined) return known;
    const made = attributeOctets.push(octets) - 1;
    attributeNumbers.set(key, made);
    return made;
  }

  /** Pairs of place and attributes, in the order of the octets. */
  function read(bytes: Uint8Array, pathIds: PathIds): number[] {
    const said: number[] = [];
    for (let at = 0; at + HEADER_OCTETS <= bytes.length; at += u16(bytes, at + 16))
      if (bytes[at + 18] === MESSAGE.update.code)
        readUpdate(bytes, at + HEADER_OCTETS, at + u16(bytes, at + 16), pathIds, said);
    return said;
  }

  function readUpdate(bytes: Uint8Array, body: number, end: number, pathIds: PathIds, said: number[]): void {
    const withdrawnEnd = body + 2 + u16(bytes, body);
    const from = withdrawnEnd + 2;
    const to = from + u16(bytes, withdrawnEnd);
    readNlri("ipv4", bytes, body + 2, withdrawnEnd, pathIds.ipv4, 0, said);
    let reach = 0;
    for (let p = from; p < to; p = attributeEnd(bytes, p)) {
      const type = bytes[p + 1];
      if (type === ATTRIBUTE.mpReach.code) reach = p;
      if (type !== ATTRIBUTE.mpUnreach.code) continue;
      const value = attributeValue(bytes, p);
      const family = familyAt(bytes, value);
      readNlri(family, bytes, value + 3, attributeEnd(bytes, p), pathIds[family], 0, said);
    }
    if (to < end) readNlri("ipv4", bytes, to, end, pathIds.ipv4, attributesOf(gather(bytes, from, to, 0)), said);
    if (reach === 0) return;
    const value = attributeValue(bytes, reach);
    const family = familyAt(bytes, value);
    const nlri = value + 5 + bytes[value + 3]!;
    const attributes = attributesOf(gather(bytes, from, to, reach));
    readNlri(family, bytes, nlri, attributeEnd(bytes, reach), pathIds[family], attributes, said);
  }

  function readNlri(
    family: Family,
    bytes: Uint8Array,
    from: number,
    to: number,
    withId: boolean,
    attributes: number,
    said: number[],
  ): void {
    for (let at = from; at < to; ) {
      said.push(numberOf(family, bytes, at, withId), attributes);
      const lengthAt = withId ? at + 4 : at;
      at = lengthAt + 1 + ((bytes[lengthAt]! + 7) >> 3);
    }
  }

  return {
    hear(table, bytes, pathIds) {
      const kind = `${pathIds.ipv4}${pathIds.ipv6}`;
      if (bytes !== lastBytes || kind !== lastKind) {
        lastSaid = read(bytes, pathIds);
        lastBytes = bytes;
        lastKind = kind;
      }
      for (let i = 0; i < lastSaid.length; i += 2) table.set(lastSaid[i]!, lastSaid[i + 1]!);
    },
    prefix: (at) => prefixes[at]!,
    attributes: (id) => attributeOctets[id]!,
  };
}

function familyAt(bytes: Uint8Array, value: number): Family {
  return u16(bytes, value) === AFI.ipv4 ? "ipv4" : "ipv6";
}

/** The attributes but MP_REACH and MP_UNREACH; the next hop of the MP_REACH at `reach` (0: none) as NEXT_HOP. */
function gather(bytes: Uint8Array, from: number, to: number, reach: number): Uint8Array {
  const out: number[] = [];
  for (let p = from; p < to; p = attributeEnd(bytes, p)) {
    const type = bytes[p + 1];
    if (type === ATTRIBUTE.mpReach.code || type === ATTRIBUTE.mpUnreach.code) continue;
    for (let i = p; i < attributeEnd(bytes, p); i++) out.push(bytes[i]!);
  }
  if (reach === 0) return Uint8Array.from(out);
  const value = attributeValue(bytes, reach);
  const length = bytes[value + 3]!;
  out.push(ATTRIBUTE.nextHop.flags, ATTRIBUTE.nextHop.code, length);
  for (let i = 0; i < length; i++) out.push(bytes[value + 4 + i]!);
  return Uint8Array.from(out);
}

/** One character an octet. */
function textOf(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  for (let i = from; i < to; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}

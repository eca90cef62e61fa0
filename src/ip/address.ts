/**
 * IP addresses as octets, for the cold path (configuration, show, transport). Routes do not use these objects:
 * the hot path reads octets straight from messages into prefix tables.
 */

export const FAMILIES = ["ipv4", "ipv6"] as const;
export type Family = (typeof FAMILIES)[number];

export interface Address {
  readonly family: Family;
  /** Network order, 4 or 16 octets. */
  readonly bytes: Uint8Array;
  /** Interface name of a link-local IPv6 address (`fe80::1%eth0`). */
  readonly zone?: string;
}

/** Octets of an address of the family. */
export function octetsOf(family: Family): 4 | 16 {
  return family === "ipv4" ? 4 : 16;
}

/** Parses the textual form of RFC 4291 §2.2 or a dotted quad; undefined when it is neither. */
export function parseAddress(text: string): Address | undefined {
  const percent = text.indexOf("%");
  const zone = percent < 0 ? undefined : text.slice(percent + 1);
  const body = percent < 0 ? text : text.slice(0, percent);
  if (zone === "") return undefined;
  if (!body.includes(":")) {
    const bytes = parseIpv4(body);
    return bytes && zone === undefined ? { family: "ipv4", bytes } : undefined;
  }
  const bytes = parseIpv6(body);
  if (!bytes) return undefined;
  return zone === undefined ? { family: "ipv6", bytes } : { family: "ipv6", bytes, zone };
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  const bytes = new Uint8Array(4);
  for (const [i, part] of parts.entries()) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    bytes[i] = Number(part);
  }
  return bytes;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = groups(halves[0]!);
  const tail = halves.length === 2 ? groups(halves[1]!) : [];
  if (!head || !tail) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const all = [...head, ...new Array<number>(missing).fill(0), ...tail];
  const bytes = new Uint8Array(16);
  for (const [i, group] of all.entries()) {
    bytes[2 * i] = group >> 8;
    bytes[2 * i + 1] = group & 0xff;
  }
  return bytes;
}

/** Hexadecimal groups of one side of `::`; the last may be a dotted quad. */
function groups(text: string): number[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  const out: number[] = [];
  for (const [i, part] of parts.entries()) {
    if (i === parts.length - 1 && part.includes(".")) {
      const quad = parseIpv4(part);
      if (!quad) return undefined;
      out.push((quad[0]! << 8) | quad[1]!, (quad[2]! << 8) | quad[3]!);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) out.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return out;
}

/** The canonical text (RFC 5952 for IPv6), with its zone where it has one. */
export function formatAddress(address: Address): string {
  const text = formatOctets(address.bytes);
  return address.zone === undefined ? text : `${text}%${address.zone}`;
}

/** The canonical text of 4 or 16 octets. */
export function formatOctets(bytes: Uint8Array): string {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
  const group = (i: number) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!;
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && group(i + n) === 0) n++;
    if (n > bestLength) [best, bestLength] = [i, n];
  }
  if (best === 0 && bestLength === 5 && group(5) === 0xffff) return `::ffff:${formatOctets(bytes.subarray(12))}`;
  const hex = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => group(from + i).toString(16)).join(":");
  return best < 0 ? hex(0, 8) : `${hex(0, best)}::${hex(best + bestLength, 8)}`;
}

/** Dotted quad of an unsigned 32-bit number, as BGP identifiers and cluster ids are written. */
export function formatQuad(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 0xff}.${(value >>> 8) & 0xff}.${value & 0xff}`;
}

/** Unsigned 32-bit number of a dotted quad; undefined when the text is not one. */
export function parseQuad(text: string): number | undefined {
  const bytes = parseIpv4(text);
  return bytes && ((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0;
}

/** IPv4 before IPv6, then numerically. */
export function compareAddresses(a: Address, b: Address): number {
  if (a.bytes.length !== b.bytes.length) return a.bytes.length - b.bytes.length;
  for (let i = 0; i < a.bytes.length; i++) if (a.bytes[i] !== b.bytes[i]) return a.bytes[i]! - b.bytes[i]!;
  return (a.zone ?? "") < (b.zone ?? "") ? -1 : (a.zone ?? "") > (b.zone ?? "") ? 1 : 0;
}

export function sameAddress(a: Address, b: Address): boolean {
  return compareAddresses(a, b) === 0;
}

/** fe80::/10 */
export function isLinkLocal(address: Address): boolean {
  return address.family === "ipv6" && isLinkLocalAt(address.bytes, 0);
}

/** The same of the octets of an IPv6 address in a message. */
export function isLinkLocalAt(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0xfe && (bytes[at + 1]! & 0xc0) === 0x80;
}

/** No host has this address: 0/8, 127/8, 224/4, 240/4, ::, ::1, ff00::/8. */
export function isMartian(address: Address): boolean {
  const { bytes } = address;
  if (address.family === "ipv4") return bytes[0] === 0 || bytes[0] === 127 || bytes[0]! >= 224;
  if (bytes[0] === 0xff) return true;
  for (let i = 0; i < 15; i++) if (bytes[i] !== 0) return false;
  return bytes[15]! <= 1;
}

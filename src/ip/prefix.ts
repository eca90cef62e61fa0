import { type Address, type Family, formatOctets, octetsOf, parseAddress } from "./address.ts";

/** A prefix for the cold path. Host bits are zero. */
export interface Prefix {
  readonly family: Family;
  /** Network order, 4 or 16 octets, bits beyond `length` zero. */
  readonly bytes: Uint8Array;
  /** In bits. */
  readonly length: number;
}

/** Parses `10.0.0.0/8` or `2001:db8::/32`. Undefined when malformed or when host bits are set. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const address = parseAddress(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  if (!address || address.zone !== undefined || !/^(0|[1-9]\d{0,2})$/.test(digits)) return undefined;
  const length = Number(digits);
  if (length > address.bytes.length * 8) return undefined;
  const prefix = prefixOf(address, length);
  return prefix.bytes.every((octet, i) => octet === address.bytes[i]) ? prefix : undefined;
}

/** The prefix of `length` bits that holds the address. */
export function prefixOf(address: Address, length: number): Prefix {
  const bytes = new Uint8Array(octetsOf(address.family));
  for (let i = 0; i < bytes.length; i++) {
    const bits = Math.min(8, Math.max(0, length - 8 * i));
    bytes[i] = address.bytes[i]! & (0xff00 >> bits);
  }
  return { family: address.family, bytes, length };
}

export function formatPrefix(prefix: Prefix): string {
  return `${formatOctets(prefix.bytes)}/${prefix.length}`;
}

/** True when the address, of the same family, lies in the prefix. */
export function contains(prefix: Prefix, address: Address): boolean {
  if (prefix.family !== address.family) return false;
  const masked = prefixOf(address, prefix.length);
  return masked.bytes.every((octet, i) => octet === prefix.bytes[i]);
}

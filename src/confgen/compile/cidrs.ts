/** CIDRs in canonical text. */
import { type Family, octetsOf } from "../../ip/address.ts";
import { formatPrefix, parsePrefix, prefixOf } from "../../ip/prefix.ts";

export function familyOf(text: string): Family {
  return text.includes(":") ? "ipv6" : "ipv4";
}

/** Bits of an address. */
export function longest(family: Family): number {
  return octetsOf(family) * 8;
}

/** Whether the CIDR is a single address. */
export function isHost(cidr: string): boolean {
  return cidr.endsWith(`/${longest(familyOf(cidr))}`);
}

export function hostCidr(address: string): string {
  return `${address}/${longest(familyOf(address))}`;
}

/** A prefix match: the CIDR and all within. */
export function within(cidr: string): string {
  return isHost(cidr) ? cidr : `${cidr} le ${longest(familyOf(cidr))}`;
}

/** Those that lie in none which stands before them in the list. */
export function notWithinEarlier<T extends { readonly cidr: string }>(list: readonly T[]): readonly T[] {
  const seen = new Set<string>();
  const lengths = new Set<number>();
  return list.filter(({ cidr }) => {
    const prefix = parsePrefix(cidr)!;
    const address = { family: prefix.family, bytes: prefix.bytes };
    const inEarlier = [...lengths].some(
      (length) => length < prefix.length && seen.has(formatPrefix(prefixOf(address, length))),
    );
    seen.add(cidr);
    lengths.add(prefix.length);
    return !inEarlier;
  });
}

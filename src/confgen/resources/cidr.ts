/**
 * CIDRs as operators write them into pools, filters and the lists of BGPConfiguration. Host bits are cleared, as the
 * library that Calico reads them with does.
 */
import { IPv4CidrRange, IPv6CidrRange } from "ip-num";
import type { Family } from "../../ip/address.ts";
import { formatOctets } from "../../ip/address.ts";

export interface Cidr {
  readonly family: Family;
  /** Canonical: `10.0.0.0/8`, `fd00::/64`. */
  readonly text: string;
  readonly length: number;
}

/** ip-num takes leading zeros in the length, and a zone. */
const FORM = /^([\d.]+|[\da-fA-F:]*:[\da-fA-F:.]*)\/(0|[1-9]\d{0,2})$/;

/** Undefined: not a CIDR. */
export function readCidr(text: string): Cidr | undefined {
  const form = FORM.exec(text);
  if (!form) return undefined;
  const family = form[1]!.includes(":") ? "ipv6" : "ipv4";
  try {
    const range = family === "ipv6" ? IPv6CidrRange.fromCidr(text) : IPv4CidrRange.fromCidr(text);
    const network = octetsOf(range.getFirst().getValue(), family === "ipv6" ? 16 : 4);
    return { family, text: `${formatOctets(network)}/${form[2]}`, length: Number(form[2]) };
  } catch {
    // ip-num says by an exception that it is none.
    return undefined;
  }
}

function octetsOf(value: bigint, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = length - 1; i >= 0; i--) {
    bytes[i] = Number(value & 0xffn);
    value >>= 8n;
  }
  return bytes;
}

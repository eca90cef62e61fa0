/** Scalars of Calico's resources: AS numbers, durations, addresses, communities, selectors. */
import { type Address, type Family, formatAddress, parseAddress } from "../../ip/address.ts";
import { formatPrefix, prefixOf } from "../../ip/prefix.ts";
import { parseSelector } from "../selector/parse-selector.ts";
import type { Selector } from "../selector/selector.ts";
import { type Cidr, readCidr } from "./cidr.ts";
import { field, Wrong, wholeNumberOf } from "./fields.ts";
import type { NodeAddress } from "./model.ts";

const AN_AS_NUMBER = "an AS number: 1 to 4294967295, or two parts as 1.10";

/** Decimal or `high.low`; as a number only whole ones, since of 1.10 without quotes YAML leaves 1.1. */
export function readAsn(text: string, value: unknown = text): number | Wrong | undefined {
  if (typeof value === "number" && !Number.isInteger(value))
    return new Wrong(`expected ${AN_AS_NUMBER}; put quotes around the two parts`);
  const dotted = /^(\d{1,5})\.(\d{1,5})$/.exec(text);
  if (!dotted) return wholeNumberOf(text, 0, 0xffffffff);
  const [high, low] = [Number(dotted[1]), Number(dotted[2])];
  return high <= 0xffff && low <= 0xffff ? high * 65536 + low : undefined;
}

/** 0 counts as unset. */
export const asn = field(AN_AS_NUMBER, readAsn).transform((value) => value || undefined);

/** Where 0 would mean nothing. */
export const realAsn = field(AN_AS_NUMBER, (text, value) => readAsn(text, value) || undefined);

const DURATION =
  /^\+?(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h)(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))*$/;
const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;
const SECONDS: Readonly<Record<string, number>> = {
  ns: 1e-9,
  us: 1e-6,
  µs: 1e-6,
  μs: 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  h: 3600,
};
/** Go counts nanoseconds in 63 bits. */
const LONGEST_SECONDS = 9_223_372_036;

/** Seconds, rounded, of a duration as Go writes it. */
export function readDuration(text: string): number | undefined {
  if (/^\+?0+$/.test(text)) return 0;
  if (text.length > 64 || !DURATION.test(text)) return undefined;
  let seconds = 0;
  for (const [, value, unit] of text.matchAll(PART)) seconds += Number(value) * SECONDS[unit!]!;
  return seconds <= LONGEST_SECONDS ? Math.round(seconds) : undefined;
}

export const duration = field("a duration such as 120s or 1m30s", readDuration);

/** An address without a zone. What is written as an IPv6 address with IPv4 inside (::ffff:a.b.c.d) is the IPv4 address. */
export function readAddress(text: string): Address | undefined {
  const address = parseAddress(text);
  if (!address || address.zone !== undefined) return undefined;
  const { bytes } = address;
  const isMapped =
    bytes.length === 16 && bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every(isZero);
  return isMapped ? { family: "ipv4", bytes: bytes.slice(12) } : address;
}

const isZero = (octet: number) => octet === 0;

/** Not the unspecified one. Whether a host can have the address is for the network to say. */
export function isHostAddress({ bytes }: Address): boolean {
  return !bytes.every(isZero);
}

const WORDS = { ipv4: "an IPv4 address", ipv6: "an IPv6 address" } as const;

/** Canonical text. */
export function addressOf(family: Family) {
  return field(`${WORDS[family]}`, (text) => {
    const address = readAddress(text);
    return address?.family === family ? formatAddress(address) : undefined;
  });
}

/** The address of a node with the length of its subnet; without one it stands alone. */
export function nodeAddress(family: Family) {
  const expected = `${WORDS[family]}, with or without the length of its subnet (${family === "ipv4" ? "10.0.0.1/24" : "fd00::1/64"})`;
  return field(expected, (text): NodeAddress | undefined => {
    const slash = text.indexOf("/");
    const address = readAddress(slash < 0 ? text : text.slice(0, slash));
    if (address?.family !== family || !isHostAddress(address)) return undefined;
    const bits = address.bytes.length * 8;
    const length = slash < 0 ? bits : wholeNumberOf(text.slice(slash + 1), 0, bits);
    // Thousands of nodes are read at start: src/ip takes a twentieth of ip-num's time.
    return length === undefined
      ? undefined
      : { address: formatAddress(address), network: formatPrefix(prefixOf(address, length)) };
  });
}

export const cidr = field<Cidr>("a CIDR such as 10.0.0.0/8 or fd00::/64", readCidr);

export function cidrOf(family: Family) {
  return field<Cidr>(
    `an ${family === "ipv4" ? "IPv4 CIDR such as 10.0.0.0/8" : "IPv6 CIDR such as fd00::/64"}`,
    (text) => {
      const read = readCidr(text);
      return read?.family === family ? read : undefined;
    },
  );
}

/** `aa:nn` of 16 bits each, or `aa:nn:mm` of 32. */
export function readCommunity(text: string): string | undefined {
  const parts = text.split(":");
  if (parts.length !== 2 && parts.length !== 3) return undefined;
  const numbers = parts.map((part) => wholeNumberOf(part, 0, parts.length === 2 ? 0xffff : 0xffffffff));
  return numbers.includes(undefined) ? undefined : numbers.join(":");
}

export const A_COMMUNITY = "a community: aa:nn (parts up to 65535) or aa:nn:mm (parts up to 4294967295)";
export const community = field(A_COMMUNITY, readCommunity);

const SELECTOR_LENGTH = 1024;

export const selector = field<Selector>("a selector", (text) => {
  if (text.length > SELECTOR_LENGTH) return new Wrong(`a selector of more than ${SELECTOR_LENGTH} characters`);
  const parsed = parseSelector(text);
  return "fault" in parsed ? new Wrong(parsed.fault) : parsed;
});

/** Name of an interface, or a pattern with `*`. */
export const INTERFACE = /^[a-zA-Z0-9_.*-]{1,15}$/;

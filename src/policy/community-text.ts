/**
 * Communities as people write them: `64512:100`, `no-export`; large ones `64512:1:2`; extended ones `rt:64512:100`
 * (RFC 1997, RFC 8092, RFC 4360). In a pattern `*` stands for any part.
 */
import { ALL_BITS, type CommunityPattern, type MaskedWords } from "../bgp/community-pattern.ts";
import { formatExtendedCommunity } from "../bgp/format.ts";
import type { ExtendedCommunity, LargeCommunity } from "../bgp/path-attributes.ts";
import { formatHex } from "../bgp/text.ts";
import { parseQuad } from "../ip/address.ts";

/** IANA "BGP Well-known Communities", those that speakers act on. */
export const WELL_KNOWN_COMMUNITIES: Readonly<Record<string, number>> = {
  "graceful-shutdown": 0xffff0000,
  "accept-own": 0xffff0001,
  "llgr-stale": 0xffff0006,
  "no-llgr": 0xffff0007,
  blackhole: 0xffff029a,
  "no-export": 0xffffff01,
  "no-advertise": 0xffffff02,
  "no-export-subconfed": 0xffffff03,
  "no-peer": 0xffffff04,
};

const NAMES = new Map(Object.entries(WELL_KNOWN_COMMUNITIES).map(([name, value]) => [value, name]));
const VALUES = new Map(Object.entries(WELL_KNOWN_COMMUNITIES));

/** Undefined when the text is neither `number:number` within 16 bits each nor a well-known name. */
export function parseCommunity(text: string): number | undefined {
  const pattern = parseCommunityPattern(text);
  return pattern && exactWords(pattern)?.[0];
}

export function formatCommunity(value: number): string {
  return NAMES.get(value) ?? `${value >>> 16}:${value & 0xffff}`;
}

/** Undefined when the text is not `number:number:number` within 32 bits each. */
export function parseLargeCommunity(text: string): LargeCommunity | undefined {
  const pattern = parseLargeCommunityPattern(text);
  return pattern && (exactWords(pattern) as LargeCommunity | undefined);
}

export function formatLargeCommunity(value: LargeCommunity): string {
  return value.join(":");
}

/** `rt:64512:100`, `ro:10.0.0.1:5` (or `soo:`), or `0x` and sixteen digits. */
export function parseExtendedCommunity(text: string): ExtendedCommunity | undefined {
  const pattern = parseExtendedCommunityPattern(text);
  return pattern && (exactWords(pattern) as ExtendedCommunity | undefined);
}

/** The name only where it stands for these very octets; type 0x40 is the same community, not transitive. */
export function formatExtendedWords([high, low]: ExtendedCommunity): string {
  const octets = Uint8Array.from([high >>> 24, high >>> 16, high >>> 8, high, low >>> 24, low >>> 16, low >>> 8, low]);
  const text = formatExtendedCommunity(octets);
  if (text.startsWith("0x")) return text;
  const read = parseExtendedCommunityPattern(text)?.any[0]?.words;
  return read?.[0] === high && read[1] === low ? text : `0x${formatHex(octets)}`;
}

/** The words of a pattern without wildcards. */
export function exactWords({ any }: CommunityPattern): readonly number[] | undefined {
  const [only, ...more] = any;
  return only && more.length === 0 && only.masks.every((mask) => mask === ALL_BITS) ? only.words : undefined;
}

/** `64512:100`, `64512:*`, `*:100`, `*:*` or a name. */
export function parseCommunityPattern(text: string): CommunityPattern | undefined {
  const named = VALUES.get(text.toLowerCase());
  if (named !== undefined) return { text: formatCommunity(named), any: [{ words: [named], masks: [ALL_BITS] }] };
  const both = parts(text, 2, 0xffff);
  if (!both) return undefined;
  const [high, low] = both as [Part, Part];
  const word = ((high.value << 16) | low.value) >>> 0;
  const mask = ((high.mask << 16) | low.mask) >>> 0;
  return { text: mask === ALL_BITS ? formatCommunity(word) : partsText(both), any: [{ words: [word], masks: [mask] }] };
}

/** `64512:1:2` with `*` for any of the three. */
export function parseLargeCommunityPattern(text: string): CommunityPattern | undefined {
  const all = parts(text, 3, ALL_BITS);
  return (
    all && { text: partsText(all), any: [{ words: all.map(({ value }) => value), masks: all.map(({ mask }) => mask) }] }
  );
}

/** As parseExtendedCommunity, with `*` for the administrator, or the number, or both. */
export function parseExtendedCommunityPattern(text: string): CommunityPattern | undefined {
  const octets = /^0x([0-9a-f]{8})([0-9a-f]{8})$/i.exec(text);
  if (octets) {
    const words: ExtendedCommunity = [Number.parseInt(octets[1]!, 16), Number.parseInt(octets[2]!, 16)];
    return { text: formatExtendedWords(words), any: [{ words, masks: [ALL_BITS, ALL_BITS] }] };
  }
  const named = /^(rt|ro|soo):([^:]+):([^:]+)$/i.exec(text);
  if (!named) return undefined;
  const kind = named[1]!.toLowerCase() === "rt" ? "rt" : "ro";
  const [admin, number] = [named[2]!, named[3]!];
  const any = extendedForms(kind === "rt" ? 2 : 3, admin, number);
  return any.length === 0 ? undefined : { text: `${kind}:${admin}:${number}`, any };
}

interface Part {
  readonly value: number;
  readonly mask: number;
}

/** Type 0 has a two-octet AS and a four-octet number; 1 an address, 2 a four-octet AS, with a two-octet number. */
function extendedForms(subtype: number, admin: string, number: string): MaskedWords[] {
  const head = (type: number, high: Part): Part => ({
    value: ((type << 24) | (subtype << 16) | high.value) >>> 0,
    mask: (0xffff0000 | high.mask) >>> 0,
  });
  const forms: MaskedWords[] = [];
  const push = (first: Part, second: Part) =>
    forms.push({ words: [first.value, second.value], masks: [first.mask, second.mask] });
  const short = part(admin, 0xffff);
  const long = part(number, ALL_BITS);
  if (short && long) push(head(0, short), long);
  const few = part(number, 0xffff);
  const quad = parseQuad(admin);
  const address = admin === "*" ? ANY : quad === undefined ? undefined : { value: quad >>> 0, mask: ALL_BITS };
  const wide = admin === "*" || !short ? part(admin, ALL_BITS) : undefined;
  for (const [type, whole] of [
    [1, address],
    [2, wide],
  ] as const)
    if (whole && few)
      push(head(type, { value: whole.value >>> 16, mask: whole.mask >>> 16 }), {
        value: (((whole.value & 0xffff) << 16) | few.value) >>> 0,
        mask: (((whole.mask & 0xffff) << 16) | few.mask) >>> 0,
      });
  return forms;
}

const ANY: Part = { value: 0, mask: 0 };

/** `most` is all ones. */
function part(text: string, most: number): Part | undefined {
  if (text === "*") return ANY;
  if (!/^(0|[1-9]\d{0,9})$/.test(text)) return undefined;
  const value = Number(text);
  return value <= most ? { value, mask: most } : undefined;
}

function parts(text: string, count: number, most: number): Part[] | undefined {
  const all = text.split(":").map((each) => part(each, most));
  return all.length === count && all.every((each) => each !== undefined) ? (all as Part[]) : undefined;
}

const partsText = (all: readonly Part[]) => all.map(({ value, mask }) => (mask === 0 ? "*" : value)).join(":");

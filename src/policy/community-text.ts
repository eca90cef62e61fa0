/** Communities as people write them: `64512:100`, `no-export`; large ones `64512:1:2` (RFC 1997, RFC 8092). */

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
  const named = VALUES.get(text.toLowerCase());
  if (named !== undefined) return named;
  const parts = decimals(text, 2, 0xffff);
  return parts && ((parts[0]! << 16) | parts[1]!) >>> 0;
}

export function formatCommunity(value: number): string {
  return NAMES.get(value) ?? `${value >>> 16}:${value & 0xffff}`;
}

/** Undefined when the text is not `number:number:number` within 32 bits each. */
export function parseLargeCommunity(text: string): readonly [number, number, number] | undefined {
  const parts = decimals(text, 3, 0xffffffff);
  return parts && [parts[0]!, parts[1]!, parts[2]!];
}

export function formatLargeCommunity(value: readonly [number, number, number]): string {
  return value.join(":");
}

function decimals(text: string, count: number, most: number): number[] | undefined {
  const parts = text.split(":");
  if (parts.length !== count || !parts.every((part) => /^(0|[1-9]\d{0,9})$/.test(part))) return undefined;
  const numbers = parts.map(Number);
  return numbers.every((number) => number <= most) ? numbers : undefined;
}

/** BGP's values in the text that operators write and read. */
import { formatOctets, formatQuad } from "../ip/address.ts";
import { COMMUNITY } from "./iana.ts";
import { u16, u32 } from "./octets.ts";
import type { AsSegment } from "./path-attributes.ts";
import { formatHex } from "./text.ts";

/** `IGP`, `EGP`, `Incomplete`. */
export function formatOrigin(origin: number): string {
  return ["IGP", "EGP", "Incomplete"][origin] ?? `origin ${origin}`;
}

/** `65001 4200000000 {65002 65003}`; confederation segments in parentheses, their sets in brackets. "" when empty. */
export function formatAsPath(path: readonly AsSegment[]): string {
  return path
    .map(({ kind, asns }) => {
      const [open, close] = BRACKETS[kind];
      return `${open}${asns.join(" ")}${close}`;
    })
    .join(" ");
}

const BRACKETS = { sequence: ["", ""], set: ["{", "}"], confedSequence: ["(", ")"], confedSet: ["[", "]"] } as const;

/** `65000:100`, the two halves of the number. */
export function formatCommunity(community: number): string {
  return `${community >>> 16}:${community & 0xffff}`;
}

const NAMES: ReadonlyMap<number, string> = new Map([
  [COMMUNITY.gracefulShutdown, "graceful-shutdown"],
  [COMMUNITY.acceptOwn, "accept-own"],
  [COMMUNITY.llgrStale, "llgr-stale"],
  [COMMUNITY.noLlgr, "no-llgr"],
  [COMMUNITY.blackhole, "blackhole"],
  [COMMUNITY.noExport, "no-export"],
  [COMMUNITY.noAdvertise, "no-advertise"],
  [COMMUNITY.noExportSubconfed, "no-export-subconfed"],
  [COMMUNITY.noPeer, "no-peer"],
]);

/** Name of a well-known community, undefined for others. */
export function communityName(community: number): string | undefined {
  return NAMES.get(community);
}

/** `65000:1:2`, for each triple of a flattened list. */
export function formatLargeCommunities(flattened: readonly number[]): string[] {
  const out: string[] = [];
  for (let i = 0; i + 2 < flattened.length; i += 3)
    out.push(formatLargeCommunity([flattened[i]!, flattened[i + 1]!, flattened[i + 2]!]));
  return out;
}

function formatLargeCommunity(triple: readonly [number, number, number]): string {
  return triple.join(":");
}

/** `rt:65000:100`, `ro:10.0.0.1:5`; what has no well-known reading is `0x` and its eight octets (RFC 4360, RFC 5668). */
export function formatExtendedCommunity(value: Uint8Array): string {
  const kind = value[0]! & 0x3f;
  const subtype = value[1];
  if (value.length !== 8 || kind > 2 || (subtype !== 2 && subtype !== 3)) return `0x${formatHex(value)}`;
  const name = subtype === 2 ? "rt" : "ro";
  if (kind === 0) return `${name}:${u16(value, 2)}:${u32(value, 4)}`;
  return `${name}:${kind === 1 ? formatQuad(u32(value, 2)) : u32(value, 2)}:${u16(value, 6)}`;
}

/** `10.0.0.0/8` from NLRI octets: `at` is the first octet of the address; bits beyond the length are masked. */
export function formatNlri(bytes: Uint8Array, at: number, bits: number, addressOctets: 4 | 16): string {
  const address = new Uint8Array(addressOctets);
  for (let i = 0; i < addressOctets && 8 * i < bits; i++)
    address[i] = bytes[at + i]! & (0xff00 >> Math.min(8, bits - 8 * i));
  return `${formatOctets(address)}/${bits}`;
}

/** Bytes of messages, written field by field. */
import type { ParsingClass } from "../../src/bgp/parsing-class.ts";

export const u8 = (value: number): number[] => [value];
export const u16 = (value: number): number[] => [value >>> 8, value & 0xff];
export const u32 = (value: number): number[] => [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff);
export const bytes = (...parts: readonly (readonly number[])[]): Uint8Array => Uint8Array.from(parts.flat());
export const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/[\s:]/g, ""), "hex"));
export const toHex = (octets: Uint8Array): string => Buffer.from(octets).toString("hex");

/** A path attribute with the short header, or the long one where the flags ask for it. */
export const attribute = (flags: number, type: number, ...value: readonly (readonly number[])[]): number[] => {
  const octets = value.flat();
  return [flags, type, ...((flags & 0x10) !== 0 ? u16(octets.length) : u8(octets.length)), ...octets];
};

export interface UpdateParts {
  readonly withdrawn?: readonly number[];
  readonly attributes?: readonly (readonly number[])[];
  readonly nlri?: readonly number[];
}

/** Body of an UPDATE. */
export const updateBody = ({ withdrawn = [], attributes = [], nlri = [] }: UpdateParts): Uint8Array => {
  const field = attributes.flat();
  return bytes(u16(withdrawn.length), withdrawn, u16(field.length), field, nlri);
};

export const message = (type: number, body: Uint8Array): Uint8Array =>
  bytes(new Array<number>(16).fill(0xff), u16(19 + body.length), u8(type), [...body]);

export const ORIGIN = attribute(0x40, 1, u8(0));
export const AS_PATH = attribute(0x40, 2, u8(2), u8(2), u32(65001), u32(65002));
export const AS_PATH_2 = attribute(0x40, 2, u8(2), u8(2), u16(65001), u16(65002));
export const NEXT_HOP = attribute(0x40, 3, [10, 0, 0, 1]);
export const LOCAL_PREF = attribute(0x40, 5, u32(200));
export const NLRI = [24, 10, 1, 2];
const GLOBAL = [0x20, 1, 0x0d, 0xb8, ...new Array<number>(11).fill(0), 1];
/** 2001:db8:1::/48 */
export const NLRI6 = [48, 0x20, 1, 0x0d, 0xb8, 0, 1];
export const MP_REACH = attribute(0x80, 14, u16(2), u8(1), u8(16), GLOBAL, u8(0), NLRI6);
export const MP_UNREACH = attribute(0x80, 15, u16(2), u8(1), NLRI6);

export const EXTERNAL: ParsingClass = { id: 1, internal: false, fourOctetAs: true, ifindex: 0 };
export const INTERNAL: ParsingClass = { id: 2, internal: true, fourOctetAs: true, ifindex: 0 };
export const EXTERNAL_2: ParsingClass = { id: 3, internal: false, fourOctetAs: false, ifindex: 0 };
export const INTERNAL_2: ParsingClass = { id: 4, internal: true, fourOctetAs: false, ifindex: 0 };

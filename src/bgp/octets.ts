/** Numbers in network order, and copies: small enough for V8 to inline into the loops that use them. */

export function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

export function u32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

export function writeU16(out: Uint8Array, at: number, value: number): number {
  out[at] = value >>> 8;
  out[at + 1] = value;
  return at + 2;
}

export function writeU32(out: Uint8Array, at: number, value: number): number {
  out[at] = value >>> 24;
  out[at + 1] = value >>> 16;
  out[at + 2] = value >>> 8;
  out[at + 3] = value;
  return at + 4;
}

/** Copies octets one by one: attributes are short, and a copy beyond the end of `out` is dropped rather than thrown. */
export function copy(from: Uint8Array, at: number, length: number, out: Uint8Array, outAt: number): number {
  for (let i = 0; i < length; i++) out[outAt + i] = from[at + i]!;
  return outAt + length;
}

/** A copy of `[at, end)` of its own. Not `slice`, which shares memory where the octets come in one of Node's buffers. */
export function cut(bytes: Uint8Array, at: number, end: number): Uint8Array {
  return new Uint8Array(bytes.subarray(at, end));
}

import type { AttributeEdits, PathAttributes } from "../bgp/path-attributes.ts";

export function decodeAttributes(_bytes: Uint8Array, _at: number, _end: number): PathAttributes {
  throw new Error("Cannot decode attributes yet");
}
export function applyEdits(_b: Uint8Array, _at: number, _end: number, _e: AttributeEdits, _out: Uint8Array): number {
  throw new Error("Cannot apply edits yet");
}

/**
 * The part of binary-parser that is used here, over Uint8Array. The package's own declarations pull in Node's types.
 * Traps: integers throw RangeError when the input is too short, but `buffer` and `string` fields clamp silently, so
 * every length read is compared with the octets obtained.
 */
declare module "binary-parser" {
  export interface FieldOptions {
    length?: number | string;
    type?: string | Parser;
    readUntil?: "eof";
    clone?: boolean;
  }

  export class Parser {
    endianness(order: "big" | "little"): this;
    uint8(name: string): this;
    uint16(name: string): this;
    uint32(name: string): this;
    buffer(name: string, options: FieldOptions): this;
    array(name: string, options: FieldOptions): this;
    parse(bytes: Uint8Array): unknown;
  }
}

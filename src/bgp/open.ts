import { Parser } from "binary-parser";
import type { Family } from "../ip/address.ts";
import { type Capability, decodeCapabilities, encodeCapabilities, readCapabilities } from "./capabilities.ts";
import { BgpError } from "./error.ts";
import { ERROR, MESSAGE } from "./iana.ts";
import { encodeMessage } from "./message.ts";

/** What an OPEN offers, decoded (RFC 5492 and each capability's RFC). Lists are empty and flags false where absent. */
export interface Capabilities {
  /** Undefined: no multiprotocol capability at all, which implies IPv4 unicast (RFC 4760 §8). */
  readonly families?: readonly Family[];
  readonly routeRefresh: boolean;
  readonly enhancedRouteRefresh: boolean;
  readonly extendedMessage: boolean;
  /** Capability 65; undefined when absent. */
  readonly fourOctetAs?: number;
  readonly gracefulRestart?: {
    readonly restarting: boolean;
    readonly notification: boolean;
    readonly timeSeconds: number;
    readonly families: readonly { readonly family: Family; readonly forwarding: boolean }[];
  };
  /** RFC 9494 §3.1; without families its sender only understands LLGR_STALE. Counts only beside graceful restart. */
  readonly longLived?: {
    readonly families: readonly {
      readonly family: Family;
      readonly forwarding: boolean;
      readonly timeSeconds: number;
    }[];
  };
  readonly addPath: readonly { readonly family: Family; readonly mode: "receive" | "send" | "both" }[];
  readonly hostname?: string;
  readonly softwareVersion?: string;
  /** Every capability as it came (code and value), known or not, for show. */
  readonly raw?: readonly Capability[];
}

/** An OPEN message (RFC 4271 §4.2). `asn` is the 16-bit field; the real AS is `capabilities.fourOctetAs ?? asn`. */
export interface OpenMessage {
  readonly version: number;
  readonly asn: number;
  readonly holdSeconds: number;
  readonly identifier: number;
  readonly capabilities: Capabilities;
}

const VERSION = 4;
const FIXED_OCTETS = 10;
/** Optional parameter that holds capabilities (RFC 5492 §4). */
const CAPABILITIES_PARAMETER = 2;
/** In the place of the first parameter's type: lengths of parameters have 16 bits (RFC 9072 §2). */
const EXTENDED = 255;

interface FixedPart {
  readonly version: number;
  readonly asn: number;
  readonly holdSeconds: number;
  readonly identifier: number;
  readonly parametersLength: number;
  readonly rest: Uint8Array;
}
const fixedPart = new Parser()
  .endianness("big")
  .uint8("version")
  .uint16("asn")
  .uint16("holdSeconds")
  .uint32("identifier")
  .uint8("parametersLength")
  .buffer("rest", { readUntil: "eof" });

interface ExtendedPart {
  readonly length: number;
  readonly rest: Uint8Array;
}
/** Behind the type octet 255. */
const extendedPart = new Parser().endianness("big").uint16("length").buffer("rest", { readUntil: "eof" });

interface Parameter {
  readonly type: number;
  readonly length: number;
  readonly value: Uint8Array;
}
const parameters = new Parser().array("items", {
  type: new Parser().endianness("big").uint8("type").uint8("length").buffer("value", { length: "length" }),
  readUntil: "eof",
});
const extendedParameters = new Parser().array("items", {
  type: new Parser().endianness("big").uint8("type").uint16("length").buffer("value", { length: "length" }),
  readUntil: "eof",
});

/**
 * Decodes the body of an OPEN at `[at, end)` (RFC 4271 §4.2, RFC 5492, RFC 9072).
 *
 *      0            1        3          5               9            10  octets
 *      | version u8 | AS u16 | hold u16 | identifier u32 | length u8 | parameters |
 *
 * Throws BgpError 2/1 for another version, 2/0 where lengths do not nest, 2/4 for a parameter that does not hold
 * capabilities. Whether AS, hold time and identifier are acceptable is for the session to say. A capability that we
 * know, of a length its RFC does not allow, counts as absent; `raw` shows it.
 */
export function decodeOpen(bytes: Uint8Array, at: number, end: number): OpenMessage {
  if (end - at < FIXED_OCTETS) throw malformed(`body of ${end - at} octets`);
  const fixed = fixedPart.parse(bytes.subarray(at, end)) as FixedPart;
  if (fixed.version !== VERSION) {
    const { code, sub } = ERROR.open;
    const message = `Cannot accept OPEN: version ${fixed.version}`;
    throw new BgpError(code, sub.unsupportedVersion, message, Uint8Array.of(0, VERSION));
  }
  const found: Capability[] = [];
  for (const { type, value } of readParameters(fixed)) {
    if (type !== CAPABILITIES_PARAMETER)
      throw new BgpError(
        ERROR.open.code,
        ERROR.open.sub.unsupportedParameter,
        `Cannot accept OPEN: optional parameter ${type}`,
      );
    const some = readCapabilities(value);
    if (some === undefined) throw malformed("a capability runs over its parameter");
    found.push(...some);
  }
  const { version, asn, holdSeconds, identifier } = fixed;
  return { version, asn, holdSeconds, identifier, capabilities: decodeCapabilities(found) };
}

function readParameters({ parametersLength, rest }: FixedPart): readonly Parameter[] {
  if (parametersLength === 0 || rest[0] !== EXTENDED) {
    if (parametersLength !== rest.length)
      throw malformed(`parameters of ${parametersLength} octets where there are ${rest.length}`);
    return parseParameters(parameters, rest);
  }
  if (rest.length < 3) throw malformed("extended parameters without a length");
  const extended = extendedPart.parse(rest.subarray(1)) as ExtendedPart;
  if (extended.length !== extended.rest.length)
    throw malformed(`extended parameters of ${extended.length} octets where there are ${extended.rest.length}`);
  return parseParameters(extendedParameters, extended.rest);
}

/** binary-parser throws RangeError where a head is cut off, and clamps a value that is: both are checked here. */
function parseParameters(definition: Parser, bytes: Uint8Array): readonly Parameter[] {
  let items: readonly Parameter[];
  try {
    items = (definition.parse(bytes) as { items: readonly Parameter[] }).items;
  } catch (error) {
    if (error instanceof RangeError) throw malformed("a parameter is cut off");
    throw error;
  }
  if (items.some(({ length, value }) => length !== value.length)) throw malformed("a parameter is cut off");
  return items;
}

function malformed(what: string): BgpError {
  return new BgpError(ERROR.open.code, ERROR.open.sub.unspecific, `Cannot decode OPEN: ${what}`);
}

/**
 * The whole message, header included. All capabilities go into one parameter, in extended form only where they need it
 * (RFC 9072 §2). The AS field is `open.asn`, so AS_TRANS is the caller's choice.
 */
export function encodeOpen(open: OpenMessage): Uint8Array {
  const capabilities = encodeCapabilities(open.capabilities);
  const n = capabilities.length;
  const extended = n + 2 > 254;
  const head =
    n === 0
      ? [0]
      : extended
        ? [EXTENDED, EXTENDED, ...two(n + 3), CAPABILITIES_PARAMETER, ...two(n)]
        : [n + 2, CAPABILITIES_PARAMETER, n];
  const body = Uint8Array.from([
    open.version,
    ...two(open.asn),
    ...two(open.holdSeconds),
    ...two(open.identifier >>> 16),
    ...two(open.identifier & 0xffff),
    ...head,
    ...capabilities,
  ]);
  return encodeMessage(MESSAGE.open.code, body);
}

function two(value: number): [number, number] {
  return [(value >>> 8) & 0xff, value & 0xff];
}

import { Parser } from "binary-parser";
import type { Family } from "../ip/address.ts";
import { AFI, CAPABILITY, familyOf, SAFI_UNICAST } from "./iana.ts";
import { cut } from "./octets.ts";
import type { Capabilities } from "./open.ts";
import { decodeUtf8, encodeUtf8, escapeControls } from "./text.ts";

/** A capability as it stands in the OPEN. */
export interface Capability {
  readonly code: number;
  readonly value: Uint8Array;
}

const list = new Parser().array("items", {
  type: new Parser().endianness("big").uint8("code").uint8("length").buffer("value", { length: "length" }),
  readUntil: "eof",
});

/** {code u8, length u8, value} to the end of the parameter (RFC 5492 §4); undefined where lengths do not nest. */
export function readCapabilities(bytes: Uint8Array): readonly Capability[] | undefined {
  let items: readonly (Capability & { readonly length: number })[];
  try {
    items = (list.parse(bytes) as { items: typeof items }).items;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
  // binary-parser clamps a value that is cut off.
  if (items.some(({ length, value }) => length !== value.length)) return undefined;
  return items.map(({ code, value }) => ({ code, value: cut(value, 0, value.length) }));
}

const multiprotocol = new Parser().endianness("big").uint16("afi").uint8("reserved").uint8("safi");
const fourOctetAs = new Parser().endianness("big").uint32("asn");
const restartHead = new Parser().endianness("big").uint16("bits").buffer("rest", { readUntil: "eof" });
/** {AFI u16, SAFI u8, one octet}: graceful restart's flags, ADD-PATH's mode. */
const tuples = new Parser().array("items", {
  type: new Parser().endianness("big").uint16("afi").uint8("safi").uint8("octet"),
  readUntil: "eof",
});
/** {AFI u16, SAFI u8, flags u8, stale time u24}: long-lived graceful restart. */
const longLivedTuples = new Parser().array("items", {
  type: new Parser().endianness("big").uint16("afi").uint8("safi").uint8("flags").uint8("high").uint16("low"),
  readUntil: "eof",
});
const counted = new Parser().uint8("length").buffer("text", { length: "length" });

interface Tuple {
  readonly afi: number;
  readonly safi: number;
  readonly octet: number;
}

/** Graceful restart (RFC 4724 §3, RFC 8538 §2): R, N, and 12 bits of seconds; F per family. */
const RESTARTING = 0x8000;
const NOTIFICATION = 0x4000;
const RESTART_SECONDS = 0x0fff;
const FORWARDING = 0x80;

/** Long-lived graceful restart (RFC 9494 §3.1): a family's octets, and the longest time that fits 24 bits. */
const LONG_LIVED_OCTETS = 7;
const LONGEST_STALE_SECONDS = 0xffffff;

const MODES = { 1: "receive", 2: "send", 3: "both" } as const;
type AddPathMode = (typeof MODES)[keyof typeof MODES];

/** Puts the capabilities of an OPEN together; several of one kind add up, or the last one counts. */
export function decodeCapabilities(raw: readonly Capability[]): Capabilities {
  const has = (code: number) => raw.some((c) => c.code === code && c.value.length === 0);
  const of = (code: number) => raw.filter((c) => c.code === code).map((c) => c.value);
  const families = decodeFamilies(of(CAPABILITY.multiprotocol));
  const asn = of(CAPABILITY.fourOctetAs)
    .filter((value) => value.length === 4)
    .map((value) => (fourOctetAs.parse(value) as { asn: number }).asn)
    .at(-1);
  const gracefulRestart = of(CAPABILITY.gracefulRestart)
    .map(decodeGracefulRestart)
    .findLast((it) => it !== undefined);
  const longLived = of(CAPABILITY.longLivedGracefulRestart)
    .map(decodeLongLived)
    .findLast((it) => it !== undefined);
  const hostname = of(CAPABILITY.fqdn)
    .map(decodeCounted)
    .findLast((it) => it !== undefined);
  const softwareVersion = of(CAPABILITY.softwareVersion)
    .map((value) => decodeCounted(value) ?? decodeText(value))
    .findLast((it) => it !== undefined);
  return {
    ...(families && { families }),
    routeRefresh: has(CAPABILITY.routeRefresh) || has(CAPABILITY.routeRefreshCisco),
    enhancedRouteRefresh: has(CAPABILITY.enhancedRouteRefresh),
    extendedMessage: has(CAPABILITY.extendedMessage),
    ...(asn !== undefined && { fourOctetAs: asn }),
    ...(gracefulRestart && { gracefulRestart }),
    ...(longLived && { longLived }),
    addPath: of(CAPABILITY.addPath).flatMap(decodeAddPath),
    ...(hostname !== undefined && { hostname }),
    ...(softwareVersion !== undefined && { softwareVersion }),
    raw,
  };
}

function decodeFamilies(values: readonly Uint8Array[]): readonly Family[] | undefined {
  const whole = values.filter((value) => value.length === 4);
  if (whole.length === 0) return undefined;
  const families = whole.map((value) => {
    const { afi, safi } = multiprotocol.parse(value) as { afi: number; safi: number };
    return familyOf(afi, safi);
  });
  return [...new Set(families.filter((family) => family !== undefined))];
}

function decodeTuples(value: Uint8Array): readonly (Tuple & { readonly family: Family })[] {
  const { items } = tuples.parse(value) as { items: readonly Tuple[] };
  return items.flatMap((tuple) => {
    const family = familyOf(tuple.afi, tuple.safi);
    return family === undefined ? [] : [{ ...tuple, family }];
  });
}

function decodeGracefulRestart(value: Uint8Array): Capabilities["gracefulRestart"] {
  if (value.length < 2 || (value.length - 2) % 4 !== 0) return undefined;
  const { bits, rest } = restartHead.parse(value) as { bits: number; rest: Uint8Array };
  return {
    restarting: (bits & RESTARTING) !== 0,
    notification: (bits & NOTIFICATION) !== 0,
    timeSeconds: bits & RESTART_SECONDS,
    families: decodeTuples(rest).map(({ family, octet }) => ({ family, forwarding: (octet & FORWARDING) !== 0 })),
  };
}

function decodeLongLived(value: Uint8Array): Capabilities["longLived"] {
  if (value.length % LONG_LIVED_OCTETS !== 0) return undefined;
  const { items } = longLivedTuples.parse(value) as {
    items: readonly { afi: number; safi: number; flags: number; high: number; low: number }[];
  };
  return {
    families: items.flatMap(({ afi, safi, flags, high, low }) => {
      const family = familyOf(afi, safi);
      return family ? [{ family, forwarding: (flags & FORWARDING) !== 0, timeSeconds: (high << 16) | low }] : [];
    }),
  };
}

function decodeAddPath(value: Uint8Array): readonly { readonly family: Family; readonly mode: AddPathMode }[] {
  if (value.length % 4 !== 0) return [];
  return decodeTuples(value).flatMap(({ family, octet }) => {
    const mode = octet === 1 || octet === 2 || octet === 3 ? MODES[octet] : undefined;
    return mode === undefined ? [] : [{ family, mode }];
  });
}

/** A text behind its own length octet; what follows (the domain of FQDN) is not used. */
function decodeCounted(value: Uint8Array): string | undefined {
  if (value.length === 0 || value[0]! > value.length - 1) return undefined;
  return decodeText((counted.parse(value) as { text: Uint8Array }).text);
}

function decodeText(value: Uint8Array): string | undefined {
  const text = decodeUtf8(value);
  return text === undefined ? undefined : escapeControls(text);
}

/** The capabilities one after the other, without the parameter around them. `raw` is not written. */
export function encodeCapabilities(capabilities: Capabilities): Uint8Array {
  const out: number[] = [];
  const put = (code: number, value: readonly number[]) => out.push(code, value.length, ...value);
  const tuple = (family: Family, octet: number) => [0, AFI[family], SAFI_UNICAST, octet];
  const { fourOctetAs: asn, gracefulRestart: restart, longLived, hostname, softwareVersion } = capabilities;
  for (const family of capabilities.families ?? []) put(CAPABILITY.multiprotocol, [0, AFI[family], 0, SAFI_UNICAST]);
  if (capabilities.routeRefresh) put(CAPABILITY.routeRefresh, []);
  if (capabilities.extendedMessage) put(CAPABILITY.extendedMessage, []);
  if (restart) {
    const bits =
      (restart.restarting ? RESTARTING : 0) |
      (restart.notification ? NOTIFICATION : 0) |
      Math.min(restart.timeSeconds, RESTART_SECONDS);
    const families = restart.families.flatMap(({ family, forwarding }) => tuple(family, forwarding ? FORWARDING : 0));
    put(CAPABILITY.gracefulRestart, [bits >>> 8, bits & 0xff, ...families]);
  }
  if (asn !== undefined)
    put(
      CAPABILITY.fourOctetAs,
      [24, 16, 8, 0].map((shift) => (asn >>> shift) & 0xff),
    );
  if (capabilities.addPath.length > 0) {
    const code = { receive: 1, send: 2, both: 3 } as const;
    put(
      CAPABILITY.addPath,
      capabilities.addPath.flatMap(({ family, mode }) => tuple(family, code[mode])),
    );
  }
  if (capabilities.enhancedRouteRefresh) put(CAPABILITY.enhancedRouteRefresh, []);
  if (longLived)
    put(
      CAPABILITY.longLivedGracefulRestart,
      longLived.families.flatMap(({ family, forwarding, timeSeconds }) => {
        const seconds = Math.min(timeSeconds, LONGEST_STALE_SECONDS);
        return [...tuple(family, forwarding ? FORWARDING : 0), seconds >>> 16, (seconds >>> 8) & 0xff, seconds & 0xff];
      }),
    );
  if (hostname !== undefined) {
    const text = encodeUtf8(hostname, 253);
    put(CAPABILITY.fqdn, [text.length, ...text, 0]);
  }
  if (softwareVersion !== undefined) {
    const text = encodeUtf8(softwareVersion, 64);
    put(CAPABILITY.softwareVersion, [text.length, ...text]);
  }
  return Uint8Array.from(out);
}

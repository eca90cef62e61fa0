/** A reader of MRT files (RFC 6396, RFC 8050), as far as tests need it. */
import { formatOctets } from "../../src/ip/address.ts";

export interface MrtPeer {
  readonly address: string;
  readonly asn: number;
}

export type MrtRecord = { readonly timestamp: number; readonly type: number; readonly subtype: number } & (
  | {
      readonly kind: "message";
      readonly peer: MrtPeer;
      readonly fourOctetAs: boolean;
      readonly addPath: boolean;
      /** A whole BGP message, header included. */
      readonly message: Uint8Array;
    }
  | { readonly kind: "stateChange"; readonly peer: MrtPeer; readonly from: number; readonly to: number }
  | {
      readonly kind: "rib";
      readonly family: "ipv4" | "ipv6";
      /** Length octet and prefix. */
      readonly nlri: Uint8Array;
      readonly entries: readonly {
        readonly peer: MrtPeer;
        readonly pathId: number | undefined;
        readonly attributes: Uint8Array;
      }[];
    }
  | { readonly kind: "skipped" }
);

/** Reads through one octet string. */
function createReader(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const skip = (octets: number) => {
    at += octets;
    return at - octets;
  };
  return {
    u8: () => view.getUint8(skip(1)),
    u16: () => view.getUint16(skip(2)),
    u32: () => view.getUint32(skip(4)),
    take: (octets: number) => bytes.subarray(skip(octets), at),
    rest: () => bytes.subarray(at),
    done: () => at >= bytes.length,
  };
}
type Reader = ReturnType<typeof createReader>;

const STATE_CHANGES: readonly number[] = [0, 5];
const MESSAGES: readonly number[] = [1, 4, 6, 7, 8, 9, 10, 11];
const FOUR_OCTET: readonly number[] = [4, 5, 7, 9, 11];

export function readMrt(file: Uint8Array): MrtRecord[] {
  const reader = createReader(file);
  const out: MrtRecord[] = [];
  let peers: MrtPeer[] = [];
  while (!reader.done()) {
    const timestamp = reader.u32();
    const type = reader.u16();
    const subtype = reader.u16();
    const body = createReader(reader.take(reader.u32()));
    const head = { timestamp, type, subtype };
    if (type === 17) body.u32();
    if (type === 13 && subtype === 1) peers = readPeers(body);
    if (type === 16 || type === 17) out.push({ ...head, ...readBgp4mp(subtype, body) });
    else if (type === 13 && [2, 4, 8, 10].includes(subtype)) out.push({ ...head, ...readRib(subtype, body, peers) });
    else out.push({ ...head, kind: "skipped" });
  }
  return out;
}

function readPeers(body: Reader): MrtPeer[] {
  body.u32();
  body.take(body.u16());
  return Array.from({ length: body.u16() }, () => {
    const type = body.u8();
    body.u32();
    const address = formatOctets(body.take((type & 1) === 0 ? 4 : 16));
    return { address, asn: (type & 2) === 0 ? body.u16() : body.u32() };
  });
}

function readBgp4mp(subtype: number, body: Reader) {
  const fourOctetAs = FOUR_OCTET.includes(subtype);
  const asn = fourOctetAs ? body.u32() : body.u16();
  if (fourOctetAs) body.u32();
  else body.u16();
  body.u16();
  const octets = body.u16() === 1 ? 4 : 16;
  const peer = { address: formatOctets(body.take(octets)), asn };
  body.take(octets);
  if (STATE_CHANGES.includes(subtype)) return { kind: "stateChange" as const, peer, from: body.u16(), to: body.u16() };
  if (!MESSAGES.includes(subtype)) return { kind: "skipped" as const };
  return { kind: "message" as const, peer, fourOctetAs, addPath: subtype >= 8, message: body.rest() };
}

function readRib(subtype: number, body: Reader, peers: readonly MrtPeer[]) {
  const addPath = subtype >= 8;
  body.u32();
  const bits = body.u8();
  const prefix = body.take(Math.ceil(bits / 8));
  const entries = Array.from({ length: body.u16() }, () => {
    const peer = peers[body.u16()] ?? { address: "?", asn: 0 };
    body.u32();
    const pathId = addPath ? body.u32() : undefined;
    return { peer, pathId, attributes: body.take(body.u16()) };
  });
  const family = subtype === 2 || subtype === 8 ? ("ipv4" as const) : ("ipv6" as const);
  return { kind: "rib" as const, family, nlri: Uint8Array.from([bits, ...prefix]), entries };
}

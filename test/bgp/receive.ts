/** Everything a session does with a message on arrival, for fuzzing and outside cases. */
import assert from "node:assert/strict";
import { MAX_CANONICAL_OCTETS, scanAttributes, writeCanonical } from "../../src/bgp/canonical.ts";
import { BgpError } from "../../src/bgp/error.ts";
import { formatNlri } from "../../src/bgp/format.ts";
import { createFramer } from "../../src/bgp/framer.ts";
import { familyOf, MESSAGE } from "../../src/bgp/iana.ts";
import { decodeNotification, describeNotification } from "../../src/bgp/notification.ts";
import { decodeOpen, type OpenMessage } from "../../src/bgp/open.ts";
import type { ParsingClass } from "../../src/bgp/parsing-class.ts";
import { decodeAttributes, encodeAttributes, type PathAttributes } from "../../src/bgp/path-attributes.ts";
import { decodeRefresh } from "../../src/bgp/refresh.ts";
import { createUpdateScan, TREATMENT, type UpdateScan } from "../../src/bgp/update-scan.ts";
import { scanUpdate } from "../../src/bgp/update-scanner.ts";

export type Received =
  | { readonly kind: "fault"; readonly code: string }
  | { readonly kind: "open"; readonly open: OpenMessage }
  | { readonly kind: "notification"; readonly words: string }
  | { readonly kind: "keepalive" | "refresh" }
  | { readonly kind: "update"; readonly update: ReceivedUpdate };

export interface ReceivedUpdate {
  readonly outcome: "none" | "discard" | "withdraw";
  readonly withdrawn: readonly string[];
  readonly announced: readonly string[];
  /** Of plain NLRI where there are any, else of MP_REACH. */
  readonly attributes: PathAttributes | undefined;
}

const scan: UpdateScan = createUpdateScan();
const canonical = new Uint8Array(MAX_CANONICAL_OCTETS);

/** All messages of the stream, up to the fault that would end the session. */
export function receive(stream: Uint8Array, session: ParsingClass, maxOctets = 4096): Received[] {
  const framer = createFramer();
  const out: Received[] = [];
  framer.push(stream, maxOctets);
  while (framer.next()) {
    const one = receiveOne(framer.type, framer.bytes, framer.bodyAt, framer.bodyEnd, session);
    out.push(one);
    if (one.kind === "fault") return out;
  }
  if (framer.fault) out.push({ kind: "fault", code: `${framer.fault.code}/${framer.fault.subcode}` });
  return out;
}

function receiveOne(type: number, bytes: Uint8Array, at: number, end: number, session: ParsingClass): Received {
  try {
    switch (type) {
      case MESSAGE.open.code:
        return { kind: "open", open: decodeOpen(bytes, at, end) };
      case MESSAGE.notification.code:
        return { kind: "notification", words: describeNotification(decodeNotification(bytes, at, end)) };
      case MESSAGE.routeRefresh.code:
        decodeRefresh(bytes, at, end);
        return { kind: "refresh" };
      case MESSAGE.update.code:
        return receiveUpdate(bytes, at, end, session);
      default:
        return { kind: "keepalive" };
    }
  } catch (error) {
    if (error instanceof BgpError) return { kind: "fault", code: `${error.code}/${error.subcode}` };
    throw error;
  }
}

export function receiveUpdate(bytes: Uint8Array, at: number, end: number, session: ParsingClass): Received {
  scanUpdate(bytes, at, end, session, scan);
  if (scan.treatment === TREATMENT.reset) return { kind: "fault", code: `${scan.errorCode}/${scan.errorSubcode}` };
  const plain4 = session.addPathIpv4 === true;
  const withdrawn = prefixes(bytes, scan.withdrawnAt, scan.withdrawnEnd, 4, plain4);
  const announced = prefixes(bytes, scan.nlriAt, scan.nlriEnd, 4, plain4);
  const mp = (afi: number, from: number, to: number) =>
    afi === 1 ? prefixes(bytes, from, to, 4, plain4) : prefixes(bytes, from, to, 16, session.addPathIpv6 === true);
  if (familyOf(scan.unreachAfi, scan.unreachSafi))
    withdrawn.push(...mp(scan.unreachAfi, scan.unreachAt, scan.unreachEnd));
  const reach = familyOf(scan.reachAfi, scan.reachSafi) && scan.reachEnd > scan.reachAt;
  const isPlain = announced.length > 0;
  if (reach) announced.push(...mp(scan.reachAfi, scan.reachAt, scan.reachEnd));
  const usable = scan.treatment !== TREATMENT.withdraw && announced.length > 0;
  const attributes = usable ? typed(bytes, session, !isPlain) : undefined;
  const outcome = (["none", "discard", "withdraw"] as const)[scan.treatment];
  return { kind: "update", update: { outcome, withdrawn, announced, attributes } };
}

/** The typed form, by way of the canonical one; the hand loops and the definitions must agree on the way. */
function typed(bytes: Uint8Array, session: ParsingClass, mp: boolean): PathAttributes {
  const octets = writeCanonical(bytes, scan, session, mp, canonical);
  if (scan.clean)
    assert.deepEqual(canonical.subarray(0, octets), bytes.subarray(scan.attributesAt, scan.attributesEnd));
  const { asPathLength, neighborAs, med, localPref, clusterListLength, originatorId, origin } = scan;
  scanAttributes(canonical, 0, octets, scan);
  const again = [
    scan.asPathLength,
    scan.neighborAs,
    scan.med,
    scan.localPref,
    scan.clusterListLength,
    scan.originatorId,
  ];
  assert.deepEqual([asPathLength, neighborAs, med, localPref, clusterListLength, originatorId], again);
  const attributes = decodeAttributes(canonical, 0, octets);
  assert.equal(attributes.origin, origin);
  assert.equal(attributes.med ?? 0, med);
  assert.equal(attributes.clusterList.length, clusterListLength);
  const encoded = encodeAttributes(attributes);
  const byType = [...attributes.opaque].sort((a, b) => a.type - b.type);
  assert.deepEqual(decodeAttributes(encoded, 0, encoded.length), { ...attributes, opaque: byType });
  return attributes;
}

/** Prefixes as text, `id ` in front with path identifiers. */
function prefixes(bytes: Uint8Array, at: number, end: number, octets: 4 | 16, addPath: boolean): string[] {
  const out: string[] = [];
  for (let p = at; p < end; ) {
    let id = "";
    if (addPath) {
      id = `${new DataView(bytes.buffer, bytes.byteOffset + p, 4).getUint32(0)} `;
      p += 4;
    }
    const bits = bytes[p]!;
    out.push(id + formatNlri(bytes, p + 1, bits, octets));
    p += 1 + Math.ceil(bits / 8);
  }
  return out;
}

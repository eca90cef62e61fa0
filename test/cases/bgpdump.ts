/** Writes routes as `bgpdump -m` does, one a line, to compare with what it printed. */
import { attributeEnd, attributeValue } from "../../src/bgp/attribute-octets.ts";
import { communityName, formatCommunity, formatOrigin } from "../../src/bgp/format.ts";
import type { ParsingClass } from "../../src/bgp/parsing-class.ts";
import type { PathAttributes } from "../../src/bgp/path-attributes.ts";
import { formatOctets, formatQuad } from "../../src/ip/address.ts";
import { type Received, receive, receiveUpdate } from "../bgp/receive.ts";
import { attribute, bytes, u16, updateBody } from "../bgp/wire.ts";
import { type MrtRecord, readMrt } from "./mrt.ts";

const SESSION: ParsingClass = { id: 1, internal: false, fourOctetAs: true, ifindex: 0, allowAsSets: true };

/** The lines of the whole file, and every outcome that was not a clean UPDATE. */
export function printRoutes(file: Uint8Array): { readonly lines: string[]; readonly faults: Received[] } {
  const lines: string[] = [];
  const faults: Received[] = [];
  for (const record of readMrt(file)) {
    if (record.kind === "message") printMessage(record, lines, faults);
    if (record.kind === "rib") printRib(record, lines, faults);
    if (record.kind === "stateChange") {
      const { timestamp, peer, from, to } = record;
      lines.push(`BGP4MP|${timestamp}|STATE|${peer.address}|${peer.asn}|${from}|${to}`);
    }
  }
  return { lines, faults };
}

function printMessage(record: MrtRecord & { kind: "message" }, lines: string[], faults: Received[]): void {
  const { timestamp, peer, fourOctetAs, addPath } = record;
  const session = { ...SESSION, fourOctetAs, addPathIpv4: addPath, addPathIpv6: addPath };
  for (const received of receive(record.message, session, 65535)) {
    if (received.kind !== "update") continue;
    const { withdrawn, announced, attributes, outcome } = received.update;
    if (outcome === "withdraw") faults.push(received);
    for (const prefix of withdrawn) lines.push(`BGP4MP|${timestamp}|W|${peer.address}|${peer.asn}|${prefix}`);
    if (!attributes) continue;
    for (const prefix of announced)
      lines.push(`BGP4MP|${timestamp}|A|${peer.address}|${peer.asn}|${prefix}|${printAttributes(attributes)}`);
  }
}

function printRib(record: MrtRecord & { kind: "rib" }, lines: string[], faults: Received[]): void {
  for (const { peer, pathId, attributes: found } of record.entries) {
    const attributes = withPlaceholders(found, record.family);
    const body = updateBody({ attributes: [[...expandReach(attributes, record.nlri)]], ...plain(record) });
    // RIB dumps hold LOCAL_PREF where the collector's peer was internal.
    const internal = typesOf(attributes).includes(5);
    const received = receiveUpdate(body, 0, body.length, { ...SESSION, internal });
    if (received.kind !== "update" || !received.update.attributes) faults.push(received);
    else
      for (const prefix of received.update.announced) {
        const head = `TABLE_DUMP2${pathId === undefined ? "" : "_AP"}|${record.timestamp}|B|${peer.address}|${peer.asn}`;
        const id = pathId === undefined ? "" : `|${pathId}`;
        lines.push(`${head}|${prefix}${id}|${printAttributes(received.update.attributes)}`);
      }
  }
}

function plain(record: MrtRecord & { kind: "rib" }): { nlri?: number[] } {
  return record.family === "ipv4" ? { nlri: [...record.nlri] } : {};
}

function typesOf(attributes: Uint8Array): number[] {
  return splitAttributes(attributes).map((one) => one[1]!);
}

function splitAttributes(field: Uint8Array): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (let at = 0; at < field.length; ) {
    const end = attributeEnd(field, at);
    out.push(field.subarray(at, end));
    at = end;
  }
  return out;
}

/** What bgpdump prints where the dump has nothing: origin INCOMPLETE, an empty path, next hop 255.255.255.255. */
function withPlaceholders(found: Uint8Array, family: "ipv4" | "ipv6"): Uint8Array {
  const types = typesOf(found);
  const nextHop = family === "ipv4" ? attribute(0x40, 3, [255, 255, 255, 255]) : attribute(0x80, 14, [16], NO_ADDRESS);
  return bytes(
    [...found],
    types.includes(1) ? [] : attribute(0x40, 1, [2]),
    types.includes(2) ? [] : attribute(0x40, 2),
    types.includes(family === "ipv4" ? 3 : 14) ? [] : nextHop,
  );
}

const NO_ADDRESS = new Array<number>(16).fill(255);

/** MP_REACH of a RIB entry holds the next hop only (RFC 6396 §4.3.4): the whole attribute again. */
function expandReach(attributes: Uint8Array, nlri: Uint8Array): number[] {
  return splitAttributes(attributes).flatMap((one) => {
    if (one[1] !== 14) return [...one];
    const value = [...one.subarray(attributeValue(one, 0))];
    // Some writers keep AFI and SAFI in front; a next hop's length is never 0.
    const hop = value[0] === 0 ? value.slice(3, 4 + value[3]!) : value;
    return attribute(0x90, 14, u16(2), [1], hop, [0], [...nlri]);
  });
}

/** From the AS path on: path, origin, next hop, LOCAL_PREF, MED, communities, atomic, aggregator. */
function printAttributes(attributes: PathAttributes): string {
  const path = attributes.asPath.map(({ kind, asns }) => (kind === "set" ? `{${asns.join(",")}}` : asns.join(" ")));
  const communities = attributes.communities.map((one) => communityName(one) ?? formatCommunity(one));
  const { aggregator, nextHop } = attributes;
  return [
    path.join(" "),
    formatOrigin(attributes.origin).toUpperCase(),
    nextHop?.bytes.some((octet) => octet !== 255) ? formatOctets(nextHop.bytes) : "255.255.255.255",
    attributes.localPref ?? 0,
    attributes.med ?? 0,
    communities.join(" "),
    attributes.atomicAggregate ? "AG" : "NAG",
    aggregator ? `${aggregator.asn} ${formatQuad(aggregator.id)}` : "",
    "",
  ].join("|");
}

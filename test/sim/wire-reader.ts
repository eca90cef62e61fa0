/**
 * Reads what a router sends, the slow and obvious way and without the product's codec: what a peer that knows BGP only
 * from the RFCs would make of it.
 */
import { formatOctets, formatQuad } from "../../src/ip/address.ts";

/** One announced route as it was heard. */
export interface Heard {
  readonly nextHop: string;
  readonly origin: number | undefined;
  /** Sequences as numbers, sets in braces. */
  readonly asPath: string;
  readonly med: number | undefined;
  readonly localPref: number | undefined;
  readonly communities: readonly string[];
  readonly originatorId: string | undefined;
  readonly clusterList: readonly string[];
  /** Every attribute but the multiprotocol ones: type to hexadecimal value. */
  readonly attributes: ReadonlyMap<number, string>;
}

/** `prefix` has "#" and the path identifier behind it where there is one. */
export type WireEvent =
  | { readonly kind: "announce"; readonly prefix: string; readonly route: Heard }
  | { readonly kind: "withdraw"; readonly prefix: string }
  | { readonly kind: "endOfRib"; readonly family: "ipv4" | "ipv6" };

/** Cuts whole messages off the front of a stream. */
export class MessageCutter {
  private rest: Uint8Array = new Uint8Array();

  push(bytes: Uint8Array): Uint8Array[] {
    let all = new Uint8Array(this.rest.length + bytes.length);
    all.set(this.rest);
    all.set(bytes, this.rest.length);
    const out: Uint8Array[] = [];
    while (all.length >= 19) {
      const length = word(all, 16);
      if (all.length < length) break;
      out.push(all.slice(0, length));
      all = all.slice(length);
    }
    this.rest = all;
    return out;
  }
}

/** What a side offered of ADD-PATH in its OPEN (whole message), by AFI: 1 receive, 2 send, 3 both (RFC 7911 §4). */
export function addPathOf(open: Uint8Array): Map<number, number> {
  const modes = new Map<number, number>();
  for (let at = 29; at < open.length; at += 2 + open[at + 1]!)
    for (let p = at + 2; open[at] === 2 && p < at + 2 + open[at + 1]!; p += 2 + open[p + 1]!)
      for (let i = p + 2; open[p] === 69 && i < p + 2 + open[p + 1]!; i += 4) modes.set(word(open, i), open[i + 3]!);
  return modes;
}

/** AFIs whose NLRI carry path identifiers on their way from the one to the other. */
export function pathIdsBetween(from: Uint8Array, to: Uint8Array): Set<number> {
  const receives = addPathOf(to);
  return new Set([...addPathOf(from)].flatMap(([afi, mode]) => (mode & 2 && (receives.get(afi) ?? 0) & 1 ? afi : [])));
}

const NO_PATH_IDS: ReadonlySet<number> = new Set();

/** What one UPDATE (whole message) says, in its order. `pathIds`: AFIs whose NLRI carry path identifiers. */
export function readUpdate(message: Uint8Array, fourOctetAs: boolean, pathIds = NO_PATH_IDS): WireEvent[] {
  const withdrawnEnd = 21 + word(message, 19);
  const attributesEnd = withdrawnEnd + 2 + word(message, withdrawnEnd);
  if (message.length === 23) return [{ kind: "endOfRib", family: "ipv4" }];
  const events: WireEvent[] = [];
  for (const prefix of prefixes(message, 21, withdrawnEnd, 4, pathIds.has(1)))
    events.push({ kind: "withdraw", prefix });

  const attributes = new Map<number, Uint8Array>();
  for (let at = withdrawnEnd + 2; at < attributesEnd; ) {
    const long = (message[at]! & 0x10) !== 0;
    const length = long ? word(message, at + 2) : message[at + 2]!;
    const body = at + (long ? 4 : 3);
    if (attributes.has(message[at + 1]!)) throw new Error(`Attribute ${message[at + 1]} was sent twice`);
    attributes.set(message[at + 1]!, message.slice(body, body + length));
    at = body + length;
  }
  const unreach = attributes.get(15);
  if (unreach) {
    const family = unreach[1] === 1 ? "ipv4" : "ipv6";
    if (unreach.length === 3) return [{ kind: "endOfRib", family }];
    for (const prefix of prefixes(unreach, 3, unreach.length, family === "ipv4" ? 4 : 16, pathIds.has(unreach[1]!)))
      events.push({ kind: "withdraw", prefix });
  }
  const reach = attributes.get(14);
  if (reach) {
    const hop = reach.slice(4, 4 + reach[3]!);
    const text =
      hop.length === 32 ? `${formatOctets(hop.slice(0, 16))} ${formatOctets(hop.slice(16))}` : formatOctets(hop);
    const route = heard(attributes, text, fourOctetAs);
    for (const prefix of prefixes(reach, 5 + hop.length, reach.length, reach[1] === 1 ? 4 : 16, pathIds.has(reach[1]!)))
      events.push({ kind: "announce", prefix, route });
  }
  const hop = attributes.get(3);
  if (attributesEnd < message.length) {
    const route = heard(attributes, hop ? formatOctets(hop) : "-", fourOctetAs);
    for (const prefix of prefixes(message, attributesEnd, message.length, 4, pathIds.has(1)))
      events.push({ kind: "announce", prefix, route });
  }
  return events;
}

function heard(attributes: ReadonlyMap<number, Uint8Array>, nextHop: string, fourOctetAs: boolean): Heard {
  const number = (type: number) => {
    const value = attributes.get(type);
    return value && long(value, 0);
  };
  const numbers = (type: number) => {
    const value = attributes.get(type) ?? new Uint8Array();
    return Array.from({ length: value.length / 4 }, (_, i) => long(value, 4 * i));
  };
  const rest = [...attributes].filter(([type]) => type !== 14 && type !== 15);
  const originator = number(9);
  return {
    nextHop,
    origin: attributes.get(1)?.[0],
    asPath: asPath(attributes.get(2) ?? new Uint8Array(), fourOctetAs ? 4 : 2),
    med: number(4),
    localPref: number(5),
    communities: numbers(8).map((c) => `${c >>> 16}:${c & 0xffff}`),
    originatorId: originator === undefined ? undefined : formatQuad(originator),
    clusterList: numbers(10).map(formatQuad),
    attributes: new Map(rest.map(([type, value]) => [type, Buffer.from(value).toString("hex")])),
  };
}

function asPath(value: Uint8Array, octets: 2 | 4): string {
  const out: string[] = [];
  for (let at = 0; at < value.length; ) {
    const count = value[at + 1]!;
    const asns = Array.from({ length: count }, (_, i) =>
      octets === 4 ? long(value, at + 2 + 4 * i) : word(value, at + 2 + 2 * i),
    ).join(" ");
    out.push(value[at] === 2 ? asns : `{${asns}}`);
    at += 2 + count * octets;
  }
  return out.join(" ");
}

function prefixes(bytes: Uint8Array, from: number, to: number, octets: 4 | 16, pathIds: boolean): string[] {
  const out: string[] = [];
  for (let at = from; at < to; ) {
    const id = pathIds ? `#${long(bytes, at)}` : "";
    if (pathIds) at += 4;
    const length = bytes[at]!;
    const address = new Uint8Array(octets);
    const count = Math.ceil(length / 8);
    address.set(bytes.subarray(at + 1, at + 1 + count));
    out.push(`${formatOctets(address)}/${length}${id}`);
    at += 1 + count;
  }
  return out;
}

const word = (bytes: Uint8Array, at: number) => (bytes[at]! << 8) | bytes[at + 1]!;
const long = (bytes: Uint8Array, at: number) => ((word(bytes, at) << 16) | word(bytes, at + 2)) >>> 0;

/** Two routes are the same to whoever hears them. */
function sameRoute(a: Heard, b: Heard): boolean {
  if (a.nextHop !== b.nextHop || a.attributes.size !== b.attributes.size) return false;
  for (const [type, value] of a.attributes) if (b.attributes.get(type) !== value) return false;
  return true;
}

/** What the listener at one end of a session holds, and what it was told that it knew already. */
export class HeardTable {
  readonly routes = new Map<string, Heard>();
  /** Prefixes announced once more just as they were. */
  readonly duplicates: string[] = [];
  /** Prefixes withdrawn that were not there: members share withdrawals, so a route's own source hears of its end too. */
  readonly emptyWithdrawals: string[] = [];
  /** "+prefix", "-prefix", "eor family", in order. */
  readonly log: string[] = [];

  hear(event: WireEvent): void {
    if (event.kind === "endOfRib") {
      this.log.push(`eor ${event.family}`);
      return;
    }
    const known = this.routes.get(event.prefix);
    const sign = event.kind === "announce" ? "+" : "-";
    this.log.push(`${sign}${event.prefix}`);
    if (event.kind === "withdraw") {
      if (!this.routes.delete(event.prefix)) this.emptyWithdrawals.push(event.prefix);
      return;
    }
    if (known && sameRoute(known, event.route)) this.duplicates.push(event.prefix);
    this.routes.set(event.prefix, event.route);
  }
}

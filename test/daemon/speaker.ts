/** A scripted peer: it completes the handshake, writes raw octets, and notes what it is sent. */
import type { ConnectionId, Transport, TransportEvent } from "../../src/daemon/ports.ts";
import { type Address, type Family, formatAddress, parseAddress, parseQuad } from "../../src/ip/address.ts";
import { parsePrefix } from "../../src/ip/prefix.ts";
import { attribute, bytes, message, u16, u32 } from "../bgp/wire.ts";
import type { Host } from "../sim/network.ts";
import { HeardTable, MessageCutter, pathIdsBetween, readUpdate } from "../sim/wire-reader.ts";

export interface SpeakerOptions {
  readonly asn: number;
  /** The router's address it connects to. */
  readonly router: string;
  /** Default: its first address, 9.9.9.9 for an IPv6 one. */
  readonly id?: string;
  readonly families?: readonly Family[];
  readonly fourOctetAs?: boolean;
  /** Seconds. */
  readonly hold?: number;
  readonly extendedMessage?: boolean;
  /** RFC 7911, for all its families: what it announces then has "#" and a path identifier behind each prefix. */
  readonly addPath?: "receive" | "send" | "both";
  readonly enhancedRefresh?: boolean;
  readonly gracefulRestart?: RestartOffer;
  /** Capability 71: families with F set; seconds for each. */
  readonly longLived?: LongLivedOffer;
  /** KEEPALIVEs are answered with KEEPALIVEs unless this is false. */
  readonly keepalive?: boolean;
  /** TCP-MD5. */
  readonly md5Key?: string;
}

export interface LongLivedOffer {
  readonly seconds?: number;
  readonly families?: readonly { readonly family: Family; readonly forwarding?: boolean }[];
}

/** Capability 64; without `families` those of the session, F set. */
export interface RestartOffer {
  readonly restarting?: boolean;
  readonly notification?: boolean;
  readonly seconds?: number;
  readonly families?: readonly { readonly family: Family; readonly forwarding?: boolean }[];
}

export interface Notified {
  readonly code: number;
  readonly subcode: number;
  readonly data: string;
}

/** What goes with an announcement; undefined parts are left out of the message. */
export interface Route {
  /** Two addresses, a blank between them, for a 32-octet next hop. */
  readonly nextHop?: string;
  readonly asPath?: readonly number[];
  readonly origin?: number;
  readonly med?: number;
  readonly localPref?: number;
  /** "65000:1" */
  readonly communities?: readonly string[];
  readonly originatorId?: string;
  readonly clusterList?: readonly string[];
  /** Whole attributes, raw. */
  readonly extra?: readonly (readonly number[])[];
}

export class Speaker {
  readonly host: Host;
  readonly options: SpeakerOptions;
  readonly address: Address;
  private readonly transport: Transport;
  private connection: ConnectionId | undefined;
  private cutter = new MessageCutter();
  private nextId = 1;
  /** AFIs of which it is sent path identifiers. */
  private pathIds: ReadonlySet<number> = new Set();
  private readonly successors = new Set<ConnectionId>();
  /** Both OPENs and the first KEEPALIVE are through. */
  up = false;
  /** Asks for the table as soon as it is up. */
  eager = false;
  /** How often it came up. */
  established = 0;
  /** Of the present or last session. */
  table = new HeardTable();
  /** Whole messages of the present or last session. */
  messages: Uint8Array[] = [];
  readonly notifications: Notified[] = [];
  readonly closed: string[] = [];

  constructor(host: Host, options: SpeakerOptions) {
    this.host = host;
    this.options = options;
    this.transport = host.transport();
    this.address = host.addresses[0]!;
    host.receive = (event) => this.onEvent(event);
  }

  get routes() {
    return this.table.routes;
  }

  /** Connects; the router's peer is usually passive. */
  connect(): void {
    const address = parseAddress(this.options.router)!;
    const { md5Key } = this.options;
    this.transport.connect(this.nextId++, {
      remote: { address, port: 179 },
      local: this.address,
      ...(md5Key === undefined ? {} : { md5Key }),
    });
  }

  /** The key of the live connection from now on. */
  rekey(md5Key: string | undefined): void {
    if (this.connection !== undefined) this.transport.setKey(this.connection, md5Key);
  }

  /** Another process at the address connects and says its OPEN; it knows nothing of the session there is. */
  successor(md5Key = this.options.md5Key): void {
    const id = this.nextId++;
    this.transport.connect(id, {
      remote: { address: parseAddress(this.options.router)!, port: 179 },
      local: this.address,
      ...(md5Key === undefined ? {} : { md5Key }),
    });
    this.successors.add(id);
  }

  send(octets: Uint8Array): void {
    if (this.connection !== undefined) this.transport.write(this.connection, octets);
  }

  /** TCP ends without a word. */
  drop(): void {
    if (this.connection !== undefined) this.transport.close(this.connection, false);
    this.over("dropped");
  }

  /** Stops or resumes taking what is sent. */
  read(on: boolean): void {
    if (this.connection === undefined) return;
    if (on) this.transport.resumeReading(this.connection);
    else this.transport.pauseReading(this.connection);
  }

  announce(prefixes: string | readonly string[], route: Route = {}): void {
    for (const update of announcement([prefixes].flat(), this.complete(route), this.options.fourOctetAs ?? true))
      this.send(update);
  }

  withdraw(prefixes: string | readonly string[]): void {
    for (const update of withdrawal([prefixes].flat())) this.send(update);
  }

  endOfRib(family: Family = "ipv4"): void {
    this.send(message(2, bytes(family === "ipv4" ? [0, 0, 0, 0] : [0, 0, 0, 6, 0x80, 15, 3, 0, 2, 1])));
  }

  /** Subtype 0 asks, 1 is BoRR, 2 EoRR. */
  refresh(family: Family = "ipv4", subtype = 0): void {
    this.send(message(5, bytes(u16(family === "ipv4" ? 1 : 2), [subtype, 1])));
  }

  /** Notes made so far are forgotten, the table is not. */
  forget(): void {
    this.messages = [];
    this.table.log.length = 0;
    this.table.duplicates.length = 0;
  }

  private open(): Uint8Array {
    const {
      asn,
      families = ["ipv4"],
      fourOctetAs = true,
      hold = 90,
      extendedMessage = false,
      addPath,
      enhancedRefresh = false,
      gracefulRestart,
      longLived,
    } = this.options;
    const mode = addPath && { receive: 1, send: 2, both: 3 }[addPath];
    const id = this.options.id ?? (this.address.family === "ipv4" ? formatAddress(this.address) : "9.9.9.9");
    const capabilities = [
      ...families.map((family) => [1, 4, ...u16(family === "ipv4" ? 1 : 2), 0, 1]),
      [2, 0],
      ...(fourOctetAs ? [[65, 4, ...u32(asn)]] : []),
      ...(extendedMessage ? [[6, 0]] : []),
      ...(mode ? [[69, 4 * families.length, ...families.flatMap((f) => [...u16(f === "ipv4" ? 1 : 2), 1, mode])]] : []),
      ...(enhancedRefresh ? [[70, 0]] : []),
      ...(gracefulRestart ? [restartCapability(gracefulRestart, families)] : []),
      ...(longLived ? [longLivedCapability(longLived, families)] : []),
    ].flat();
    const parameters = [2, capabilities.length, ...capabilities];
    const short = asn > 65535 ? 23456 : asn;
    return message(1, bytes([4], u16(short), u16(hold), u32(parseQuad(id)!), [parameters.length], parameters));
  }

  /** An internal route is told by its LOCAL_PREF, and has an empty AS_PATH by default. */
  private complete(route: Route): Route {
    const internal = route.localPref !== undefined;
    return { nextHop: formatAddress(this.address), asPath: internal ? [] : [this.options.asn], ...route };
  }

  private onEvent(event: TransportEvent): void {
    switch (event.kind) {
      case "connected":
      case "incoming":
        if (this.successors.has(event.id)) {
          this.transport.write(event.id, this.open());
          return;
        }
        if (this.connection !== undefined) return this.transport.close(event.id, false);
        this.connection = event.id;
        this.cutter = new MessageCutter();
        this.table = new HeardTable();
        this.messages = [];
        this.pathIds = new Set();
        return this.send(this.open());
      case "data":
        if (event.id !== this.connection) return;
        for (const one of this.cutter.push(event.bytes)) this.onMessage(one);
        return;
      case "closed":
        if (event.id === this.connection || this.connection === undefined) this.over(event.reason);
        return;
      default:
    }
  }

  private over(reason: string): void {
    this.connection = undefined;
    this.up = false;
    this.closed.push(reason);
  }

  private onMessage(octets: Uint8Array): void {
    this.messages.push(octets);
    switch (octets[18]) {
      case 1:
        this.pathIds = pathIdsBetween(octets, this.open());
        return this.send(KEEPALIVE);
      case 2:
        for (const event of readUpdate(octets, this.options.fourOctetAs ?? true, this.pathIds)) this.table.hear(event);
        return;
      case 3:
        this.notifications.push({
          code: octets[19]!,
          subcode: octets[20]!,
          data: Buffer.from(octets.subarray(21)).toString("hex"),
        });
        return;
      case 5:
        this.table.log.push(`refresh ${octets[20] === 1 ? "ipv4" : "ipv6"} ${octets[21]}`);
        return;
      case 4:
        if (this.up) {
          if (this.options.keepalive !== false) this.send(KEEPALIVE);
          return;
        }
        this.up = true;
        this.established++;
        if (this.eager) this.refresh();
    }
  }
}

function longLivedCapability({ seconds = 600, families }: LongLivedOffer, active: readonly Family[]): number[] {
  const offered: NonNullable<LongLivedOffer["families"]> = families ?? active.map((family) => ({ family }));
  const tuples = offered.flatMap(({ family, forwarding = true }) => [
    ...u16(family === "ipv4" ? 1 : 2),
    1,
    forwarding ? 0x80 : 0,
    ...u32(seconds).slice(1),
  ]);
  return [71, tuples.length, ...tuples];
}

function restartCapability(offer: RestartOffer, active: readonly Family[]): number[] {
  const { restarting = false, notification = false, seconds = 120 } = offer;
  const families: NonNullable<RestartOffer["families"]> = offer.families ?? active.map((family) => ({ family }));
  const tuples = families.flatMap(({ family, forwarding = true }) => [
    ...u16(family === "ipv4" ? 1 : 2),
    1,
    forwarding ? 0x80 : 0,
  ]);
  return [64, 2 + tuples.length, ...u16((restarting ? 0x8000 : 0) | (notification ? 0x4000 : 0) | seconds), ...tuples];
}

export const KEEPALIVE = message(4, new Uint8Array());

/** With a path identifier in front where the text has one: "10.1.0.0/16#7". */
export const nlri = (text: string): number[] => {
  const [plain, id] = text.split("#");
  const prefix = parsePrefix(plain!)!;
  return [
    ...(id === undefined ? [] : u32(Number(id))),
    prefix.length,
    ...prefix.bytes.subarray(0, Math.ceil(prefix.length / 8)),
  ];
};
const quad = (text: string) => u32(parseQuad(text)!);
const community = (text: string) => text.split(":").flatMap((half) => u16(Number(half)));

/** AS_PATH of one sequence; empty without ASes. */
function asPathAttribute(asns: readonly number[], fourOctetAs: boolean): number[] {
  const octets = asns.flatMap((asn) => (fourOctetAs ? u32(asn) : u16(asn > 65535 ? 23456 : asn)));
  return attribute(0x50, 2, asns.length === 0 ? [] : [2, asns.length, ...octets]);
}

export function attributesOf(route: Route, family: Family, fourOctetAs: boolean): number[][] {
  const out = [attribute(0x40, 1, [route.origin ?? 0]), asPathAttribute(route.asPath ?? [], fourOctetAs)];
  if (family === "ipv4") out.push(attribute(0x40, 3, [...parseAddress(route.nextHop!)!.bytes]));
  if (route.med !== undefined) out.push(attribute(0x80, 4, u32(route.med)));
  if (route.localPref !== undefined) out.push(attribute(0x40, 5, u32(route.localPref)));
  if (route.communities) out.push(attribute(0xd0, 8, route.communities.flatMap(community)));
  if (route.originatorId) out.push(attribute(0x80, 9, quad(route.originatorId)));
  if (route.clusterList) out.push(attribute(0x80, 10, route.clusterList.flatMap(quad)));
  return [...out, ...(route.extra ?? []).map((raw) => [...raw])];
}

/** Prefixes in one UPDATE. */
const PER_UPDATE = 150;

/** UPDATEs that announce the prefixes. */
function announcement(prefixes: readonly string[], route: Route, fourOctetAs: boolean): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (const [family, chosen] of byFamily(prefixes))
    for (let at = 0; at < chosen.length; at += PER_UPDATE) {
      const field = chosen.slice(at, at + PER_UPDATE).flatMap(nlri);
      const attributes = attributesOf(route, family, fourOctetAs);
      if (family === "ipv6") {
        const hops = route.nextHop!.split(" ").flatMap((text) => [...parseAddress(text)!.bytes]);
        attributes.unshift(attribute(0x90, 14, [0, 2, 1, hops.length, ...hops, 0], field));
      }
      out.push(update([], attributes, family === "ipv4" ? field : []));
    }
  return out;
}

function withdrawal(prefixes: readonly string[]): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (const [family, chosen] of byFamily(prefixes))
    for (let at = 0; at < chosen.length; at += PER_UPDATE) {
      const field = chosen.slice(at, at + PER_UPDATE).flatMap(nlri);
      out.push(family === "ipv4" ? update(field, [], []) : update([], [attribute(0x90, 15, [0, 2, 1], field)], []));
    }
  return out;
}

function byFamily(prefixes: readonly string[]): [Family, string[]][] {
  const v6 = prefixes.filter((text) => text.includes(":"));
  const v4 = prefixes.filter((text) => !text.includes(":"));
  const both: [Family, string[]][] = [
    ["ipv4", v4],
    ["ipv6", v6],
  ];
  return both.filter(([, chosen]) => chosen.length > 0);
}

/** A whole UPDATE. */
export function update(
  withdrawn: readonly number[],
  attributes: readonly (readonly number[])[],
  field: readonly number[],
): Uint8Array {
  const all = attributes.flat();
  return message(2, bytes(u16(withdrawn.length), withdrawn, u16(all.length), all, field));
}

/** Attribute sets, next hops, peers and a RIB to play with, and attributes written field by field. */
import { writeAttributeHeader } from "../../src/bgp/attribute-octets.ts";
import { scanAttributes } from "../../src/bgp/canonical.ts";
import { LONG_LIVED_CLASS, type ParsingClass } from "../../src/bgp/parsing-class.ts";
import { createUpdateScan } from "../../src/bgp/update-scan.ts";
import { type Address, parseAddress, parseQuad } from "../../src/ip/address.ts";
import { type Prefix, parsePrefix } from "../../src/ip/prefix.ts";
import { createAttributeSets, type SetTable } from "../../src/rib/attribute-sets.ts";
import { createFamilyRib, type FamilyRib } from "../../src/rib/family-rib.ts";
import { createNextHops, type NextHopTable } from "../../src/rib/next-hops.ts";
import { PeerTable } from "../../src/rib/peers.ts";
import type { PeerId, SetHandle } from "../../src/rib/types.ts";

/** LLGR_STALE counts in it. */
export const CLASS: ParsingClass = { id: 1 | LONG_LIVED_CLASS, internal: true, fourOctetAs: true, ifindex: 0 };

export interface Attributes {
  readonly origin?: number;
  readonly asPath?: readonly number[];
  readonly nextHop?: string;
  readonly med?: number;
  readonly localPref?: number;
  readonly communities?: readonly number[];
  readonly originatorId?: string;
  readonly clusterList?: readonly number[];
  /** Octets of an opaque attribute, to make sets large or distinct. */
  readonly opaque?: readonly number[];
}

export interface World {
  readonly sets: SetTable;
  readonly nextHops: NextHopTable;
  readonly peers: PeerTable;
  readonly rib: FamilyRib;
}

export interface Limits {
  readonly routes?: number;
  readonly paths?: number;
  readonly sets?: number;
  readonly octets?: number;
  readonly multipath?: number;
}

/** 10.0.0.0/8 is connected by interface 1, so every next hop in it resolves unless a test says otherwise. */
export function createWorld(limits: Limits = {}): World {
  const nextHops = createNextHops({ maxNextHops: 1000, maxRoutes: 1000 });
  const sets = createAttributeSets({
    maxSets: limits.sets ?? 5000,
    maxOctets: limits.octets ?? 1 << 20,
    nextHops,
  });
  const peers = new PeerTable(100);
  const rib = createFamilyRib({
    family: "ipv4",
    sets,
    nextHops,
    peers,
    limits: { routes: limits.routes ?? 1000, paths: limits.paths ?? 5000 },
    multipath: limits.multipath ?? 1,
  });
  connect(nextHops, "10.0.0.0/8");
  nextHops.refresh();
  nextHops.settle();
  return { sets, nextHops, peers, rib };
}

export function connect(nextHops: NextHopTable, prefix: string, gone = false): void {
  nextHops.routeChanged(
    { prefix: prefixOf(prefix), metric: 0, protocol: 2, kind: "unicast", hops: [{ ifindex: 1 }] },
    gone,
  );
}

export function addPeer(world: World, address: string, facts: { external?: boolean; bgpId?: string } = {}): PeerId {
  return world.peers.allocate({
    name: address,
    source: "bgp",
    external: facts.external ?? true,
    client: false,
    bgpId: parseQuad(facts.bgpId ?? address)!,
    address: addressOf(address),
  });
}

export function prefixOf(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (!prefix) throw new Error(`Cannot parse ${text}`);
  return prefix;
}

export function addressOf(text: string): Address {
  const address = parseAddress(text);
  if (!address) throw new Error(`Cannot parse ${text}`);
  return address;
}

/** The attribute field of an UPDATE, which is also its canonical form. */
export function octetsOf(attributes: Attributes): Uint8Array {
  const out = new Uint8Array(70_000);
  let end = 0;
  const put = (flags: number, type: number, value: readonly number[]) => {
    const at = writeAttributeHeader(out, end, flags, type, value.length);
    out.set(value, at);
    end = at + value.length;
  };
  const { asPath = [], clusterList } = attributes;
  put(0x40, 1, [attributes.origin ?? 0]);
  put(0x40, 2, asPath.length === 0 ? [] : [2, asPath.length, ...asPath.flatMap(u32)]);
  put(0x40, 3, [...addressOf(attributes.nextHop ?? "10.0.0.1").bytes]);
  if (attributes.med !== undefined) put(0x80, 4, u32(attributes.med));
  if (attributes.localPref !== undefined) put(0x40, 5, u32(attributes.localPref));
  if (attributes.communities !== undefined && attributes.communities.length > 0)
    put(0xc0, 8, attributes.communities.flatMap(u32));
  if (attributes.originatorId !== undefined) put(0x80, 9, u32(parseQuad(attributes.originatorId)!));
  if (clusterList !== undefined) put(0x80, 10, clusterList.flatMap(u32));
  if (attributes.opaque !== undefined) put(0xe0, 99, attributes.opaque);
  return out.slice(0, end);
}

function u32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

/** Interns attributes as a clean UPDATE brings them; the handle is retained once. */
export function intern(world: World, attributes: Attributes, session: ParsingClass = CLASS): SetHandle {
  const bytes = octetsOf(attributes);
  const scan = createUpdateScan();
  scanAttributes(bytes, 0, bytes.length, scan);
  scan.clean = true;
  scan.attributesAt = 0;
  scan.attributesEnd = bytes.length;
  const nextHop = addressOf(attributes.nextHop ?? "10.0.0.1");
  const id = world.nextHops.intern(nextHop.family, nextHop.bytes, 0, 0);
  return world.sets.intern(bytes, scan, session, id);
}

/** Announces with the set accepted as it is, or rejected with `reject`. */
export function announce(
  world: World,
  peer: PeerId,
  prefix: string,
  attributes: Attributes,
  extra: { pathId?: number; reject?: number } = {},
): number {
  const set = intern(world, attributes);
  const { bytes, length } = prefixOf(prefix);
  const out = (extra.reject ?? set) as SetHandle;
  const done = world.rib.announce(peer, world.peers.epoch(peer), extra.pathId ?? 0, bytes, 0, length, set, out);
  world.sets.release(set);
  return done;
}

export function withdraw(world: World, peer: PeerId, prefix: string, pathId = 0): boolean {
  const { bytes, length } = prefixOf(prefix);
  return world.rib.withdraw(peer, pathId, bytes, 0, length);
}

export function rowOf(world: World, prefix: string): number {
  const { bytes, length } = prefixOf(prefix);
  return world.rib.prefixes.find(bytes, 0, length);
}

/** Takes and lets go of all changed rows; returns them. */
export function drain(world: World): number[] {
  const out = new Int32Array(world.rib.changed.size);
  const rows = [...out.subarray(0, world.rib.takeChanged(out))];
  for (const row of out) world.rib.unhold(row);
  return rows;
}

/** Applies changes of next hops to their end. */
export function settle(world: World): void {
  world.nextHops.refresh();
  for (let at = 0; at >= 0; ) at = world.rib.nextHopsChanged(at, 7);
  world.nextHops.settle();
}

/** What a replica decides and says at one moment, held so that it can be compared with a later one. */
import { decodeAttributes } from "../bgp/path-attributes.ts";
import type { AnnouncedBrief, RouteBrief } from "../control/preview-answer.ts";
import type { Forwarding } from "../fib/fib.ts";
import { FAMILIES, type Family, formatAddress } from "../ip/address.ts";
import type { PrefixRow } from "../ip/prefix-table.ts";
import { NO_METRIC } from "../policy/types.ts";
import { FIRST_PEER, type PeerId, type SetHandle } from "../rib/types.ts";
import { attributesAnswer } from "./answer-paths.ts";
import type { Core } from "./core.ts";
import type { HeardTable } from "./heard-routes.ts";
import type { Replica } from "./replica.ts";

export interface FamilySnapshot {
  /** By row; 0 where no path is usable. */
  readonly sets: Int32Array;
  readonly peers: Int32Array;
  /** What the kernel should do, or undefined. */
  readonly wishes: readonly (Forwarding | undefined)[];
}

export interface Snapshot {
  readonly tables: Readonly<Record<Family, FamilySnapshot>>;
  /** Ids may stand for others later. */
  readonly owners: ReadonlyMap<PeerId, Owner>;
  /** By peer with a session. */
  readonly heard: ReadonlyMap<string, Heard>;
}

export interface Owner {
  readonly source: string;
  readonly peer: string | null;
}

export interface Heard {
  readonly table: HeardTable;
  readonly fourOctetAs: boolean;
  /** Several paths of a prefix may be announced. */
  readonly pathIds: boolean;
}

/** Rows and sets that it names stay as long as the replica. */
export function takeSnapshot(replica: Replica): Snapshot {
  const { core, parts } = replica.router;
  const owners = new Map<PeerId, Owner>();
  const tables = Object.fromEntries(
    FAMILIES.map((family) => [family, snapshotOf(core, family, owners, (row) => parts.forwarding.judge(family, row))]),
  ) as Record<Family, FamilySnapshot>;
  const heard = new Map<string, Heard>();
  for (const { config, negotiated } of core.peers.values()) {
    const table = replica.heard(config.name);
    if (!table || !negotiated) continue;
    const { fourOctetAs, addPath } = negotiated;
    heard.set(config.name, { table, fourOctetAs, pathIds: addPath.ipv4.send || addPath.ipv6.send });
  }
  return { tables, owners, heard };
}

function snapshotOf(
  core: Core,
  family: Family,
  owners: Map<PeerId, Owner>,
  judge: (row: PrefixRow) => Forwarding | string,
): FamilySnapshot {
  const rib = core.ribs[family];
  const rows = rib.prefixes.highWater;
  const sets = new Int32Array(rows);
  const peers = new Int32Array(rows);
  const wishes = new Array<Forwarding | undefined>(rows).fill(undefined);
  for (let row = 0; row < rows; row++) {
    if (!rib.prefixes.isLive(row)) continue;
    rib.hold(row);
    const best = rib.best(row);
    if (best === 0) continue;
    const set = rib.pathSetOut(best);
    const owner = rib.pathPeer(best);
    core.sets.retain(set);
    sets[row] = set;
    peers[row] = owner;
    if (!owners.has(owner)) {
      const { source, name } = core.peerTable.facts(owner)!;
      owners.set(owner, { source, peer: owner >= FIRST_PEER ? name : null });
    }
    const wish = judge(row);
    if (typeof wish !== "string") wishes[row] = wish;
  }
  return { sets, peers, wishes };
}

export function routeBrief(core: Core, owner: Owner, set: SetHandle): RouteBrief {
  const { sets, nextHops, interfaces } = core;
  const hop = sets.nextHop(set);
  const address = nextHops.address(hop);
  const ways = nextHops
    .resolution(hop)
    .hops.map((way) => (way.gateway ? formatAddress(way.gateway) : interfaces.name(way.ifindex)));
  const from = sets.offset(set);
  const metric = sets.metric(set);
  return {
    ...owner,
    ...announcedBrief(sets.arena().slice(from, from + sets.octets(set))),
    nextHop: address ? formatAddress(address) : ways.length > 0 ? ways.join(" ") : null,
    preference: sets.preference(set),
    metric: metric === NO_METRIC ? null : metric,
  };
}

/** Attributes with four-octet AS numbers. */
export function announcedBrief(octets: Uint8Array): AnnouncedBrief {
  const attributes = decodeAttributes(octets, 0, octets.length);
  const { atomicAggregate: _atomic, aggregator: _aggregator, ...answer } = attributesAnswer(attributes);
  return { nextHop: attributes.nextHop ? formatAddress(attributes.nextHop) : null, ...answer };
}

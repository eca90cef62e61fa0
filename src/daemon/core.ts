/** The tables of a router, and what it is given. */
import type { Config } from "../config/model.ts";
import type { Fib } from "../fib/fib.ts";
import type { Family } from "../ip/address.ts";
import type { CompiledPolicy } from "../policy/types.ts";
import { createAttributeSets, type SetTable } from "../rib/attribute-sets.ts";
import { createFamilyRib, type FamilyRib } from "../rib/family-rib.ts";
import { createNextHops, type NextHopTable } from "../rib/next-hops.ts";
import { PeerTable } from "../rib/peers.ts";
import { createInterfaces, type Interfaces } from "./interfaces.ts";
import type { Hold, PeerRuntime } from "./peer.ts";
import { createPeerIndex, type PeerIndex } from "./peer-index.ts";
import type { Clock, Log, Random, RestartMemory, Transport } from "./ports.ts";
import { createScheduler, type Scheduler } from "./scheduler.ts";

/** What a router is given. */
export interface RouterPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly transport: Transport;
  readonly fib: Fib;
  /** Absent: every start is a cold one. */
  readonly restart?: RestartMemory | undefined;
  /** For the router id of last resort (calico-bgp.md 3.1). */
  readonly sha256: (bytes: Uint8Array) => Uint8Array;
  readonly version: string;
  /** An operator's shutdown is through: the process is to end. */
  readonly ended?: () => void;
}

/** Peers at the same time, those being swept included. */
const MAX_PEERS = 16_384;
const MAX_NEXT_HOPS = 1 << 20;
/** Kernel routes of other protocols by which next hops are resolved. */
const MAX_RESOLVING_ROUTES = 1 << 21;

/** Beyond what the limits ask for: for connected routes, peers' addresses and the like. */
const SPARE_ROWS = 4096;

export interface Core extends RouterPorts {
  config: Config;
  /** Counts configurations applied. */
  generation: number;
  appliedAtMs: number;
  /** Why the last configuration was refused; undefined when it was applied. */
  rejected: string | undefined;
  routerId: number;
  /** Peers that are down until they are enabled, by name; over reloads, and while they have that name. */
  readonly held: Map<string, Hold>;
  /** What we announce says that we are about to go (RFC 8326), and perhaps when the process ends. */
  drain: { readonly sinceMs: number; readonly endsAtMs: number | undefined } | undefined;
  readonly startedAtMs: number;
  readonly interfaces: Interfaces;
  readonly scheduler: Scheduler;
  readonly sets: SetTable;
  readonly nextHops: NextHopTable;
  readonly peerTable: PeerTable;
  readonly ribs: Record<Family, FamilyRib>;
  /** By name. */
  readonly peers: Map<string, PeerRuntime>;
  /** The same by address. */
  readonly peerIndex: PeerIndex;
  /** By name, the built-in ones included. */
  policies: ReadonlyMap<string, CompiledPolicy>;
}

/** Tables sized by the configuration's limits, which hold for the life of the process. */
export function createCore(ports: RouterPorts, config: Config): Core {
  const { limits } = config;
  const interfaces = createInterfaces();
  const nextHops = createNextHops({
    maxNextHops: Math.min(MAX_NEXT_HOPS, limits.attributeSets + SPARE_ROWS),
    maxRoutes: Math.min(MAX_RESOLVING_ROUTES, limits.routes + SPARE_ROWS),
    interfaceName: (ifindex) => interfaces.link(ifindex)?.name,
  });
  const peerTable = new PeerTable(MAX_PEERS);
  const sets = createAttributeSets({ maxSets: limits.attributeSets, maxOctets: limits.attributeOctets, nextHops });
  const rib = (family: Family) =>
    createFamilyRib({ family, sets, nextHops, peers: peerTable, limits, multipath: config.kernel.multipath });
  return {
    ...ports,
    config,
    generation: 0,
    appliedAtMs: ports.clock.nowMs(),
    rejected: undefined,
    routerId: config.router.id ?? 0,
    held: new Map(),
    drain: undefined,
    startedAtMs: ports.clock.nowMs(),
    interfaces,
    scheduler: createScheduler(ports.clock),
    sets,
    nextHops,
    peerTable,
    ribs: { ipv4: rib("ipv4"), ipv6: rib("ipv6") },
    peers: new Map(),
    peerIndex: createPeerIndex(),
    policies: new Map(),
  };
}

/** Prefixes whose best path changed and that have not been told to the update groups and the kernel side yet. */
export function changesWaiting({ ribs }: Core): number {
  return ribs.ipv4.changed.size + ribs.ipv6.changed.size;
}

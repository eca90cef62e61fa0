/**
 * Best paths to the kernel: what each changed prefix should do, as a Forwarding shared by all prefixes that do the same.
 * Best routes of the sources direct and kernel are never written back (DESIGN §1).
 */
import type { Fib, Forwarding, ForwardingHop } from "../fib/fib.ts";
import { IPV6_DEFAULT_METRIC, RT_TABLE_MAIN } from "../fib/rtnetlink.ts";
import { type Address, compareAddresses, type Family, formatAddress } from "../ip/address.ts";
import type { PrefixRow } from "../ip/prefix-table.ts";
import { type CompiledPolicy, type KernelEdits, READS, type TraceStep, type Verdict } from "../policy/types.ts";
import type { FamilyRib } from "../rib/family-rib.ts";
import type { PeerTable } from "../rib/peers.ts";
import type { AttributeSets, NextHopId, NextHops, PathRow, SetHandle } from "../rib/types.ts";
import { LOCAL_PEER } from "../rib/types.ts";
import type { Interfaces } from "./interfaces.ts";
import { createFactsReader } from "./route-facts.ts";

/** Most next hops looked at for one prefix. */
const MAX_MULTIPATH = 64;
/** Different edits of the policy for which each next hop's way is remembered. */
const MAX_EDITS = 256;
/** Combinations of next hops, metric and edits that are remembered. */
const MAX_REMEMBERED = 65_536;
const UNREACHABLE = "its next hop is unreachable";

/** What of a policy's edits reaches the kernel. */
type WayEdits = KernelEdits & { metric?: number };
const NO_EDITS: WayEdits = {};
/** Inputs of a policy that are the same for all paths of a prefix. */
const SAME_FOR_ALL_PATHS = READS.prefix | READS.family | READS.peerType;

/** A next hop, and the interface that the policy sends it through. */
interface Way {
  readonly id: NextHopId;
  readonly device: string | undefined;
  readonly onlink: boolean;
}

const wayKey = ({ id, device, onlink }: Way) => `${id}@${device ?? ""}${onlink ? "!" : ""}`;

export interface ForwardingOptions {
  readonly fib: Fib;
  readonly sets: AttributeSets;
  readonly nextHops: NextHops;
  readonly peers: PeerTable;
  readonly interfaces: Interfaces;
  readonly ribs: Record<Family, FamilyRib>;
}

export interface ForwardingTable {
  /**
   * A new configuration: the kernel's export policy, whether to write at all. True when that changes what is wanted: the
   * caller walks the prefixes afterwards.
   */
  configure(policy: CompiledPolicy, program: boolean): boolean;
  /** Interfaces changed: what was made with their names counts no longer. */
  forget(): void;
  /** Brings the Fib's wish for this prefix up to date. */
  program(family: Family, row: PrefixRow): void;
  /** For explain: the wish, or why there is none. */
  judge(family: Family, row: PrefixRow): Forwarding | string;
  /** Best paths that were, and were not, to be written so far, and prefixes that lost theirs. */
  readonly tally: Record<Family, { readonly wanted: number; readonly refused: number; readonly gone: number }>;
  /** Trace of the kernel's export policy for the path. */
  trace(family: Family, row: PrefixRow, path: PathRow): readonly TraceStep[];
}

export function createForwarding(options: ForwardingOptions): ForwardingTable {
  const { fib, sets, nextHops, peers, interfaces, ribs } = options;
  let policy: CompiledPolicy | undefined;
  let enabled = false;
  /** By edits and next hop, and by all that goes into one: what is remembered counts for one version of the next hops. */
  const byEdits: Record<Family, Map<WayEdits, Map<NextHopId, Forwarding>>> = { ipv4: new Map(), ipv6: new Map() };
  const byKey = new Map<string, Forwarding>();
  let version = -1;
  const scratch = new Int32Array(MAX_MULTIPATH);
  const octets = new Uint8Array(16);
  const tally = {
    ipv4: { wanted: 0, refused: 0, gone: 0 },
    ipv6: { wanted: 0, refused: 0, gone: 0 },
  };
  const reader = createFactsReader(ribs, sets, peers, nextHops);

  function judge(family: Family, row: PrefixRow): Forwarding | string {
    if (!enabled) return "kernel.program is off";
    const path = ribs[family].best(row);
    if (path === 0) return "there is no usable path";
    const peer = ribs[family].pathPeer(path);
    if (peer === LOCAL_PEER.direct || peer === LOCAL_PEER.kernel)
      return `the best path is of source ${peers.facts(peer)!.source}: it is the kernel's own`;
    const verdict = evaluate(family, row, path);
    if (!verdict.accepted) return `the kernel export policy "${policy!.name}" rejects it`;
    if (nextHops.version !== version || byKey.size > MAX_REMEMBERED) forget();
    const set = ribs[family].pathSetOut(path);
    const count = ribs[family].multipath(row, scratch);
    const edits = verdict.edits ?? NO_EDITS;
    const isPlain = count <= 1 && (edits.metric !== undefined || sets.metric(set) <= 0);
    return isPlain ? singleHop(family, row, set, edits) : general(family, row, set, count, edits);
  }

  function evaluate(family: Family, row: PrefixRow, path: PathRow): Verdict {
    if (policy!.reads === 0) return policy!.evaluate(reader.facts);
    const rib = ribs[family];
    return policy!.evaluate(reader.read(policy!, undefined, family, row, rib.pathPeer(path), rib.pathSetOut(path)));
  }

  /** Most routes: what becomes of them depends on the next hop and the edits alone, which a policy makes once. */
  function singleHop(family: Family, row: PrefixRow, set: SetHandle, edits: WayEdits): Forwarding | string {
    const id = sets.nextHop(set);
    let byHop = byEdits[family].get(edits);
    const known = byHop?.get(id);
    if (known) return known;
    const made = general(family, row, set, 1, edits);
    if (typeof made === "string") return made;
    if (!byHop) {
      byHop = new Map();
      if (byEdits[family].size < MAX_EDITS) byEdits[family].set(edits, byHop);
    }
    byHop.set(id, made);
    return made;
  }

  function general(
    family: Family,
    row: PrefixRow,
    set: SetHandle,
    count: number,
    edits: WayEdits,
  ): Forwarding | string {
    const metric = metricOf(family, edits.metric ?? sets.metric(set));
    const first: Way = { id: sets.nextHop(set), device: edits.device, onlink: edits.onlink ?? false };
    const ways = count <= 1 ? [first] : [first, ...otherWays(family, row, count, first)];
    const key = `${ways.map(wayKey).join(",")}|${metric}|${edits.preferredSource ? formatAddress(edits.preferredSource) : ""}|${edits.table ?? ""}`;
    const known = byKey.get(key);
    if (known) return known;
    const { blackhole } = nextHops.resolution(first.id);
    if (first.device !== undefined && !blackhole && !interfaces.byName(first.device))
      return `the kernel export policy names interface ${first.device}, which does not exist`;
    const made = make(canonical(ways.flatMap(hopsOfWay)), blackhole, metric, edits);
    if (!made) return UNREACHABLE;
    byKey.set(key, made);
    return made;
  }

  /** Paths beside the best one, which `scratch` begins with: the policy decides about each by itself where it can tell them apart. */
  function otherWays(family: Family, row: PrefixRow, count: number, first: Way): Way[] {
    const alike = (policy!.reads & ~SAME_FOR_ALL_PATHS) === 0;
    const paths = [...scratch.subarray(1, count)];
    return paths.flatMap((path): Way[] => {
      const id = sets.nextHop(ribs[family].pathSetOut(path));
      if (alike) return [{ ...first, id }];
      const { accepted, edits } = evaluate(family, row, path);
      return accepted ? [{ id, device: edits?.device, onlink: edits?.onlink ?? false }] : [];
    });
  }

  function hopsOfWay({ id, device, onlink }: Way): ForwardingHop[] {
    if (device !== undefined) {
      const link = interfaces.byName(device);
      return link ? hopsThrough(link.ifindex, onlink, id) : [];
    }
    const { hops } = nextHops.resolution(id);
    return hops.map(({ gateway, ifindex }) => ({
      ...(gateway ? { gateway } : {}),
      ifindex,
      ...(onlink ? { onlink } : {}),
    }));
  }

  /** The next hop itself is the gateway on the named interface; a static route has its gateways only in its resolution. */
  function hopsThrough(ifindex: number, onlink: boolean, id: NextHopId): ForwardingHop[] {
    const address = nextHops.address(id);
    const gateways = address ? [address] : nextHops.resolution(id).hops.map((hop) => hop.gateway);
    return gateways.map((gateway) => (gateway ? { gateway, ifindex, onlink } : { ifindex }));
  }

  function configure(next: CompiledPolicy, program: boolean): boolean {
    const changed = policy?.contentKey !== next.contentKey || enabled !== program;
    policy = next;
    enabled = program;
    forget();
    return changed;
  }

  function forget(): void {
    version = nextHops.version;
    byEdits.ipv4.clear();
    byEdits.ipv6.clear();
    byKey.clear();
  }

  return {
    configure,
    forget,
    program(family, row) {
      const { prefixes } = ribs[family];
      const wish = judge(family, row);
      const counts = tally[family];
      if (typeof wish !== "string") counts.wanted++;
      else if (ribs[family].best(row) === 0) counts.gone++;
      else counts.refused++;
      prefixes.writeAddress(row, octets, 0);
      if (typeof wish === "string") fib.unwant(family, octets, 0, prefixes.length(row));
      else fib.want(family, octets, 0, prefixes.length(row), wish);
    },
    judge,
    tally,
    trace(family, row, path) {
      if (!policy) return [];
      const rib = ribs[family];
      const facts = reader.read(policy, undefined, family, row, rib.pathPeer(path), rib.pathSetOut(path));
      return policy.trace(facts).steps;
    },
  };
}

function metricOf(family: Family, metric: number): number {
  if (metric > 0) return metric;
  return family === "ipv6" ? IPV6_DEFAULT_METRIC : 0;
}

/** Undefined where packets have no way to go: the next hop has just become unreachable, and selection follows. */
function make(
  hops: readonly ForwardingHop[],
  blackhole: boolean,
  metric: number,
  edits: { preferredSource?: Address; table?: number },
): Forwarding | undefined {
  if (!blackhole && hops.length === 0) return undefined;
  return {
    kind: blackhole ? "blackhole" : "unicast",
    hops: blackhole ? [] : hops,
    metric,
    ...(edits.preferredSource ? { prefSrc: edits.preferredSource } : {}),
    table: edits.table ?? RT_TABLE_MAIN,
  };
}

/** Each hop once, in the canonical order. */
function canonical(hops: readonly ForwardingHop[]): ForwardingHop[] {
  const sorted = hops.toSorted(compareHops);
  return sorted.filter((hop, i) => i === 0 || compareHops(sorted[i - 1]!, hop) !== 0);
}

/** The canonical order of next hops: by gateway, then interface. */
function compareHops(a: ForwardingHop, b: ForwardingHop): number {
  if (a.gateway && b.gateway) return compareAddresses(a.gateway, b.gateway) || a.ifindex - b.ifindex;
  return (a.gateway ? 1 : 0) - (b.gateway ? 1 : 0) || a.ifindex - b.ifindex;
}

/**
 * Best paths to the kernel: what each changed prefix should do, as a Forwarding shared by all prefixes that do the same.
 * Best routes of the sources direct and kernel are never written back (DESIGN §1).
 */
import type { Fib, Forwarding, ForwardingHop } from "../fib/fib.ts";
import { type Address, compareAddresses, type Family, formatAddress } from "../ip/address.ts";
import type { PrefixRow } from "../ip/prefix-table.ts";
import type { CompiledPolicy, KernelEdits, TraceStep } from "../policy/types.ts";
import type { FamilyRib } from "../rib/family-rib.ts";
import type { PeerTable } from "../rib/peers.ts";
import type { AttributeSets, NextHopId, NextHops, PathRow, SetHandle } from "../rib/types.ts";
import { LOCAL_PEER } from "../rib/types.ts";
import type { Interfaces } from "./interfaces.ts";
import { createFactsReader } from "./route-facts.ts";

/** RT_TABLE_MAIN */
const MAIN_TABLE = 254;
/** Kernel default metric of IPv6 routes; 0 would be turned into it silently. */
const IPV6_METRIC = 1024;
/** Most next hops looked at for one prefix. */
const MAX_MULTIPATH = 64;
/** Combinations of next hops, metric and edits that are remembered. */
const MAX_REMEMBERED = 65_536;
const UNREACHABLE = "its next hop is unreachable";

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
  /** Trace of the kernel's export policy for the path. */
  trace(family: Family, row: PrefixRow, path: PathRow): readonly TraceStep[];
}

export function createForwarding(options: ForwardingOptions): ForwardingTable {
  const { fib, sets, nextHops, peers, interfaces, ribs } = options;
  let policy: CompiledPolicy | undefined;
  let enabled = false;
  /** By next hop id alone, and by all that goes into one: what is remembered counts for one version of the next hops. */
  const bySingleHop: Record<Family, Map<NextHopId, Forwarding>> = { ipv4: new Map(), ipv6: new Map() };
  const byKey = new Map<string, Forwarding>();
  let version = -1;
  const scratch = new Int32Array(MAX_MULTIPATH);
  const octets = new Uint8Array(16);
  const reader = createFactsReader(ribs, sets, peers);

  function judge(family: Family, row: PrefixRow): Forwarding | string {
    if (!enabled) return "kernel.program is off";
    const path = ribs[family].best(row);
    if (path === 0) return "there is no usable path";
    const peer = ribs[family].pathPeer(path);
    if (peer === LOCAL_PEER.direct || peer === LOCAL_PEER.kernel)
      return `the best path is of source ${peers.facts(peer)!.source}: it is the kernel's own`;
    const plain = policy!.reads === 0;
    const set = ribs[family].pathSetOut(path);
    const verdict = policy!.evaluate(plain ? reader.facts : reader.read(policy!, family, row, peer, set));
    if (!verdict.accepted) return `the kernel export policy "${policy!.name}" rejects it`;
    if (nextHops.version !== version || byKey.size > MAX_REMEMBERED) forget();
    const count = ribs[family].multipath(row, scratch);
    if (!verdict.edits && count <= 1 && sets.metric(set) === 0) return singleHop(family, set);
    return general(family, set, count, verdict.edits ?? {});
  }

  function singleHop(family: Family, set: SetHandle): Forwarding | string {
    const id = sets.nextHop(set);
    const known = bySingleHop[family].get(id);
    if (known) return known;
    const made = make(hopsOf([id]), nextHops.resolution(id).blackhole, metricOf(family, 0), {});
    if (!made) return UNREACHABLE;
    bySingleHop[family].set(id, made);
    return made;
  }

  function general(
    family: Family,
    set: SetHandle,
    count: number,
    edits: KernelEdits & { metric?: number },
  ): Forwarding | string {
    const ids = count <= 1 ? [sets.nextHop(set)] : [];
    for (let i = 0; i < count && count > 1; i++) ids.push(sets.nextHop(ribs[family].pathSetOut(scratch[i]!)));
    const metric = metricOf(family, edits.metric ?? sets.metric(set));
    const key = `${ids.join(",")}|${metric}|${edits.device ?? ""}|${edits.onlink ?? ""}|${edits.preferredSource ? formatAddress(edits.preferredSource) : ""}|${edits.table ?? ""}`;
    const known = byKey.get(key);
    if (known) return known;
    let hops = hopsOf(ids);
    if (edits.device !== undefined) {
      const link = interfaces.byName(edits.device);
      if (!link) return `the kernel export policy names interface ${edits.device}, which does not exist`;
      hops = hopsThrough(link.ifindex, edits.onlink ?? false, ids);
    } else if (edits.onlink) hops = hops.map((hop) => ({ ...hop, onlink: true }));
    const made = make(hops, nextHops.resolution(ids[0]!).blackhole, metric, edits);
    if (!made) return UNREACHABLE;
    byKey.set(key, made);
    return made;
  }

  function hopsOf(ids: readonly NextHopId[]): ForwardingHop[] {
    return canonical(
      ids.flatMap((id) =>
        nextHops
          .resolution(id)
          .hops.map(({ gateway, ifindex }): ForwardingHop => (gateway ? { gateway, ifindex } : { ifindex })),
      ),
    );
  }

  /** The next hop itself is the gateway on the named interface; a static route has its gateways only in its resolution. */
  function hopsThrough(ifindex: number, onlink: boolean, ids: readonly NextHopId[]): ForwardingHop[] {
    return canonical(
      ids.flatMap((id) => {
        const address = nextHops.address(id);
        const gateways = address ? [address] : nextHops.resolution(id).hops.map((hop) => hop.gateway);
        return gateways.map((gateway): ForwardingHop => (gateway ? { gateway, ifindex, onlink } : { ifindex }));
      }),
    );
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
    bySingleHop.ipv4.clear();
    bySingleHop.ipv6.clear();
    byKey.clear();
  }

  return {
    configure,
    forget,
    program(family, row) {
      const { prefixes } = ribs[family];
      const wish = judge(family, row);
      prefixes.writeAddress(row, octets, 0);
      if (typeof wish === "string") fib.unwant(family, octets, 0, prefixes.length(row));
      else fib.want(family, octets, 0, prefixes.length(row), wish);
    },
    judge,
    trace(family, row, path) {
      if (!policy) return [];
      const rib = ribs[family];
      return policy.trace(reader.read(policy, family, row, rib.pathPeer(path), rib.pathSetOut(path))).steps;
    },
  };
}

function metricOf(family: Family, metric: number): number {
  return metric === 0 && family === "ipv6" ? IPV6_METRIC : metric;
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
    table: edits.table ?? MAIN_TABLE,
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

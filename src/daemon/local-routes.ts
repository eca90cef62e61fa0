/** Paths of the three local sources in the Loc-RIB: connected prefixes, configured static routes, learned kernel routes. */
import type { StaticRoute } from "../config/model.ts";
import type { KernelRoute } from "../fib/fib.ts";
import { type Family, formatAddress } from "../ip/address.ts";
import { formatPrefix, type Prefix } from "../ip/prefix.ts";
import { anyGlob } from "../policy/glob.ts";
import { GREATEST } from "../policy/number-text.ts";
import { NO_METRIC } from "../policy/types.ts";
import type { FamilyRib } from "../rib/family-rib.ts";
import { type ResolvingRoute, STATIC_PROTOCOL } from "../rib/route-table.ts";
import type { AttributeSets, NextHopId, NextHops, PeerId, Resolution } from "../rib/types.ts";
import { LOCAL_PEER } from "../rib/types.ts";
import type { Interfaces } from "./interfaces.ts";

const LOCAL_PREFERENCE = { direct: 240, static: 200, kernel: 10 } as const;
/** The kernel's own routes (connected, local) are represented by addresses. */
const RTPROT_KERNEL = 2;

export interface LocalRoutes {
  /** Connected prefixes and gateways of static routes follow links and addresses. */
  interfacesChanged(): void;
  setStatics(routes: readonly StaticRoute[]): void;
  /** Connected prefixes of interfaces that fit one of the patterns are left out. */
  setExcepted(patterns: readonly string[]): void;
  setLearning(on: boolean): void;
  kernelRoute(route: KernelRoute, gone: boolean): void;
  /** Static routes with a gateway that resolves, for next-hop tracking. The same objects until something changes. */
  staticResolvers(): readonly ResolvingRoute[];
}

export interface LocalRoutesOptions {
  readonly ribs: Record<Family, FamilyRib>;
  readonly sets: AttributeSets;
  readonly nextHops: NextHops;
  readonly interfaces: Interfaces;
}

type Source = keyof typeof LOCAL_PEER;
interface Held {
  readonly prefix: Prefix;
  readonly key: string;
}

export function createLocalRoutes(options: LocalRoutesOptions): LocalRoutes {
  const { ribs, sets, nextHops, interfaces } = options;
  const held: Record<Source, Map<string, Held>> = { direct: new Map(), static: new Map(), kernel: new Map() };
  let statics: readonly StaticRoute[] = [];
  let resolvers: readonly ResolvingRoute[] = [];
  let excepted: readonly string[] = [];
  let learning = false;
  /** All learned routes of one prefix: the one with the lowest metric is used. */
  const learned = new Map<string, KernelRoute[]>();

  function announce(source: Source, prefix: Prefix, hop: NextHopId, metric: number, key: string): void {
    const text = formatPrefix(prefix);
    if (held[source].get(text)?.key === key) return;
    held[source].set(text, { prefix, key });
    const set = sets.originate(hop, LOCAL_PREFERENCE[source], metric);
    const peer: PeerId = LOCAL_PEER[source];
    ribs[prefix.family].announce(peer, 0, 0, prefix.bytes, 0, prefix.length, set, set);
    sets.release(set);
  }

  function withdraw(source: Source, prefix: Prefix): void {
    if (!held[source].delete(formatPrefix(prefix))) return;
    ribs[prefix.family].withdraw(LOCAL_PEER[source], 0, prefix.bytes, 0, prefix.length);
  }

  /** Announces what is in `wanted` and withdraws the rest of the source. */
  function replaceAll(
    source: Source,
    wanted: readonly { prefix: Prefix; resolution: Resolution; metric: number }[],
  ): void {
    const keep = new Set(wanted.map((route) => formatPrefix(route.prefix)));
    for (const { prefix } of [...held[source].values()]) if (!keep.has(formatPrefix(prefix))) withdraw(source, prefix);
    for (const { prefix, resolution, metric } of wanted)
      announce(source, prefix, nextHops.fixed(resolution), metric, resolutionKey(resolution, metric));
  }

  function refreshDirect(): void {
    const seen = new Map<string, { prefix: Prefix; resolution: Resolution; metric: number }>();
    for (const { prefix, ifindex } of interfaces.connected()) {
      const text = formatPrefix(prefix);
      const name = interfaces.name(ifindex);
      if (seen.has(text) || anyGlob(excepted, [name])) continue;
      const via = `connected on ${name}`;
      seen.set(text, {
        prefix,
        metric: NO_METRIC,
        resolution: { reachable: true, cost: 0, hops: [{ ifindex }], blackhole: false, via },
      });
    }
    replaceAll("direct", [...seen.values()]);
  }

  function resolveStatic(route: StaticRoute): Resolution {
    if (route.blackhole) return { reachable: true, cost: 0, hops: [], blackhole: true, via: "static blackhole" };
    const hops = route.via.flatMap(({ gateway, interface: name }) => {
      const link = name === undefined ? undefined : interfaces.byName(name);
      if (name !== undefined) return link?.up ? [{ ...(gateway ? { gateway } : {}), ifindex: link.ifindex }] : [];
      const shared = gateway && interfaces.shared(gateway);
      return gateway && shared ? [{ gateway, ifindex: shared.ifindex }] : [];
    });
    const via = hops.length > 0 ? "static route" : "no gateway of the static route is on a connected subnet";
    return { reachable: hops.length > 0, cost: 0, hops, blackhole: false, via };
  }

  function refreshStatic(): void {
    const resolved = statics.map((route) => ({ route, resolution: resolveStatic(route) }));
    replaceAll(
      "static",
      resolved.map(({ route, resolution }) => ({
        prefix: route.prefix,
        resolution,
        metric: route.metric === 0 ? NO_METRIC : Math.min(route.metric, GREATEST.metric),
      })),
    );
    resolvers = resolved
      .filter(({ resolution }) => resolution.hops.length > 0)
      .map(({ route: { prefix, metric }, resolution: { hops } }) => ({
        prefix,
        metric,
        protocol: STATIC_PROTOCOL,
        kind: "unicast",
        hops,
      }));
  }

  function refreshKernel(prefix: Prefix): void {
    const routes = learned.get(formatPrefix(prefix));
    if (!learning || !routes || routes.length === 0) {
      withdraw("kernel", prefix);
      return;
    }
    const best = routes.reduce((a, b) => (b.metric < a.metric ? b : a));
    const blackhole = best.kind === "blackhole";
    const hops = best.hops.map((hop) => ({ ...(hop.gateway ? { gateway: hop.gateway } : {}), ifindex: hop.ifindex }));
    const resolution: Resolution = {
      reachable: true,
      cost: 0,
      hops,
      blackhole,
      via: `kernel route of protocol ${best.protocol}`,
    };
    const metric = Math.min(best.metric, GREATEST.metric);
    announce("kernel", prefix, nextHops.fixed(resolution), metric, resolutionKey(resolution, metric));
  }

  return {
    interfacesChanged() {
      refreshDirect();
      refreshStatic();
    },
    setStatics(routes) {
      statics = routes;
      refreshStatic();
    },
    setExcepted(patterns) {
      if (JSON.stringify(patterns) === JSON.stringify(excepted)) return;
      excepted = patterns;
      refreshDirect();
    },
    setLearning(on) {
      if (learning === on) return;
      learning = on;
      for (const routes of [...learned.values()]) refreshKernel(routes[0]!.prefix);
    },
    kernelRoute(route, gone) {
      if (route.protocol === RTPROT_KERNEL) return;
      const text = formatPrefix(route.prefix);
      const rest = (learned.get(text) ?? []).filter((r) => r.metric !== route.metric || r.protocol !== route.protocol);
      // A route that is gone has no kind any more, and one that was unicast may have become another.
      if (!gone && route.kind !== "other") rest.push(route);
      if (rest.length > 0) learned.set(text, rest);
      else learned.delete(text);
      refreshKernel(route.prefix);
    },
    staticResolvers: () => resolvers,
  };
}

function resolutionKey(resolution: Resolution, metric: number): string {
  const hops = resolution.hops.map((hop) => `${hop.gateway ? formatAddress(hop.gateway) : ""}%${hop.ifindex}`);
  return `${resolution.reachable}|${resolution.blackhole}|${hops.join(",")}|${metric}`;
}

/** The router as the BIRD dialect shows it (control/bird/facts.ts): local sources and sessions, each as a protocol. */
import type {
  BirdView,
  ProtocolFacts,
  ProtocolLimit,
  ProtocolState,
  RecoveryFacts,
  RouteChanges,
} from "../control/bird/facts.ts";
import { FAMILIES, type Family, formatQuad } from "../ip/address.ts";
import type { RouteTraffic } from "../rib/path-counts.ts";
import { LOCAL_PEER } from "../rib/types.ts";
import { sessionFacts } from "./bird-session.ts";
import type { Core } from "./core.ts";
import type { PeerRuntime } from "./peer.ts";
import type { PrefixLimit } from "./prefix-limit.ts";
import type { Router } from "./router.ts";
import { isExternal, policyName } from "./settings.ts";

export function createBirdView(router: Router): BirdView {
  const { core, parts } = router;
  return {
    daemon(family) {
      return {
        routerId: formatQuad(core.routerId),
        startedAtMs: wallMs(core, core.startedAtMs),
        configuredAtMs: wallMs(core, core.appliedAtMs),
        stopping: core.drain?.endsAtMs !== undefined,
        recovery: recoveryFacts(router, family),
      };
    },
    *protocols(family, wanted) {
      for (const facts of localSources(router, family)) if (wanted(facts.name)) yield facts;
      const awaited = parts.recovery.isHeld(family) ? awaitedPeers(router) : undefined;
      for (const peer of core.peers.values())
        if (peer.config.address.family === family && wanted(peer.config.name)) yield peerFacts(router, peer, awaited);
    },
  };
}

/** Milliseconds since 1970 of a monotonic time. */
function wallMs({ clock }: Core, atMs: number): number {
  return clock.wallMs() - (clock.nowMs() - atMs);
}

function recoveryFacts({ core, parts }: Router, family: Family): RecoveryFacts | undefined {
  const { deferredUntilMs } = parts.recovery;
  if (deferredUntilMs === undefined || !parts.recovery.isHeld(family)) return undefined;
  const seconds = (ms: number) => Math.max(0, Math.round(ms / 1000));
  return {
    waiting: parts.recovery.awaited(family).length,
    leftSeconds: seconds(deferredUntilMs - core.clock.nowMs()),
    totalSeconds: seconds(deferredUntilMs - core.startedAtMs),
  };
}

/** In the order and with the names that they have where Calico's templates configure BIRD. */
function* localSources(router: Router, family: Family): Generator<ProtocolFacts> {
  const { core, parts } = router;
  const { config } = core;
  const recovering = parts.recovery.isHeld(family);
  const common = {
    state: "up",
    sinceMs: wallMs(core, core.startedAtMs),
    ageMs: core.clock.nowMs() - core.startedAtMs,
    description: undefined,
    importPolicy: "accept",
    exportPolicy: "reject",
    recovery: recovering ? "none" : undefined,
    limits: [],
    session: undefined,
  } as const;
  // Without a route of it, the templates leave the protocol out.
  if (config.static.some(({ prefix }) => prefix.family === family))
    yield { ...common, name: "static1", kind: "Static", preference: 200, ...sourceRoutes(core, family, "static") };
  const { wanted, refused, gone } = parts.forwarding.tally[family];
  const learned = sourceRoutes(core, family, "kernel");
  yield {
    ...common,
    name: "kernel1",
    kind: "Kernel",
    state: recovering ? "wait" : "up",
    recovery: recovering ? "waiting" : undefined,
    preference: 10,
    exportPolicy: config.kernel.program ? config.kernel.export : "reject",
    routes: { ...learned.routes, exported: core.fib.counters(family).installed },
    changes: {
      ...learned.changes,
      exportUpdates: { received: wanted + refused, rejected: 0, filtered: refused, accepted: wanted },
      exportWithdraws: { received: gone, accepted: gone },
    },
  };
  yield { ...common, name: "device1", kind: "Device", preference: 240, routes: NO_ROUTES, changes: changes(undefined) };
  yield { ...common, name: "direct1", kind: "Direct", preference: 240, ...sourceRoutes(core, family, "direct") };
}

const NO_ROUTES = { imported: 0, exported: 0, preferred: 0 };

function sourceRoutes(core: Core, family: Family, source: keyof typeof LOCAL_PEER) {
  const rib = core.ribs[family];
  const id = LOCAL_PEER[source];
  return {
    routes: { imported: rib.accepted(id), exported: 0, preferred: rib.preferred(id) },
    changes: changes(rib.traffic(id)),
  };
}

const NO_TRAFFIC: RouteTraffic = { updates: 0, rejected: 0, filtered: 0, unchanged: 0, withdraws: 0, unknown: 0 };

/** What import counters say; nothing is exported. */
function changes(traffic: RouteTraffic = NO_TRAFFIC): RouteChanges {
  const { updates, rejected, filtered, unchanged, withdraws, unknown } = traffic;
  const accepted = updates - rejected - filtered - unchanged;
  return {
    importUpdates: { received: updates, rejected, filtered, ignored: unchanged, accepted },
    importWithdraws: { received: withdraws, ignored: unknown, accepted: withdraws - unknown },
    exportUpdates: { received: 0, rejected: 0, filtered: 0, accepted: 0 },
    exportWithdraws: { received: 0, accepted: 0 },
  };
}

/** Names of those whose End-of-RIB is waited for. */
function awaitedPeers({ parts }: Router): ReadonlySet<string> {
  return new Set(FAMILIES.flatMap((family) => parts.recovery.awaited(family)));
}

/** `awaited` is given while we recover. */
function peerFacts(router: Router, peer: PeerRuntime, awaited: ReadonlySet<string> | undefined): ProtocolFacts {
  const { core } = router;
  const { config } = peer;
  const external = isExternal(core.config, config);
  const session = sessionFacts(core, peer);
  const isDown = session.state === "Down";
  const sinceMs = changedAtMs(core, peer);
  return {
    name: config.name,
    kind: "BGP",
    state: isDown ? "down" : peerState(router, peer),
    sinceMs: wallMs(core, sinceMs),
    ageMs: core.clock.nowMs() - sinceMs,
    description: config.description,
    preference: 100,
    importPolicy: policyName(config.import, external),
    exportPolicy: policyName(config.export, external),
    recovery: awaited && (awaited.has(config.name) ? "pending" : peer.active ? "waiting" : "none"),
    limits: [...limitFacts("Receive", peer.limits.in), ...limitFacts("Export", peer.limits.out)],
    routes: isDown ? undefined : peerRoutes(router, peer),
    changes: isDown ? undefined : peerChanges(router, peer),
    session,
  };
}

/** Since when it is up, or is not: attempts at a session are no news. */
function changedAtMs(core: Core, { config, session, active, madeAtMs }: PeerRuntime): number {
  if (active) return session.establishedAtMs ?? madeAtMs;
  return Math.max(madeAtMs, session.lastDown?.atMs ?? 0, core.held.get(config.name)?.sinceMs ?? 0);
}

/** Established, it is fully up when its first table has been sent. */
function peerState({ parts }: Router, { active, negotiated, endOfRib }: PeerRuntime): ProtocolState {
  if (!active || !negotiated) return "start";
  const families = FAMILIES.filter((family) => negotiated[family]);
  if (families.some((family) => parts.recovery.isDeferred(family))) return "wait";
  return families.every((family) => endOfRib[family].sent) ? "up" : "feed";
}

function limitFacts(
  direction: ProtocolLimit["direction"],
  limits: Record<Family, PrefixLimit> | undefined,
): readonly ProtocolLimit[] {
  if (!limits) return [];
  // The same for each family, but not reached by the same.
  const { limit, action } = limits.ipv4.config;
  return [{ direction, limit, reached: FAMILIES.some((family) => limits[family].level === "over"), action }];
}

function peerRoutes({ core, parts }: Router, peer: PeerRuntime): NonNullable<ProtocolFacts["routes"]> {
  const sum = (of: (family: Family) => number) => of("ipv4") + of("ipv6");
  return {
    imported: sum((family) => core.ribs[family].accepted(peer.id)),
    exported: sum((family) => {
      const outlet = peer.outlets[family];
      return outlet ? parts.exporter.announced(outlet) : 0;
    }),
    preferred: sum((family) => core.ribs[family].preferred(peer.id)),
  };
}

/** Of both families in the present session. A withdrawal that is sent was always due. */
function peerChanges({ core, parts }: Router, peer: PeerRuntime): RouteChanges {
  const { importUpdates, importWithdraws } = changes(
    FAMILIES.map((family) => trafficSince(core.ribs[family].traffic(peer.id), peer.trafficBefore[family])).reduce(both),
  );
  let [announced, withdrawn, filtered, rejected] = [0, 0, 0, 0];
  for (const family of FAMILIES) {
    const outlet = peer.outlets[family];
    const withheld = outlet ? parts.exporter.withheld(outlet) : undefined;
    announced += peer.sentRoutes[family].announced;
    withdrawn += peer.sentRoutes[family].withdrawn;
    filtered += withheld?.filtered ?? 0;
    rejected += withheld?.rejected ?? 0;
  }
  return {
    importUpdates,
    importWithdraws,
    exportUpdates: { received: announced + filtered + rejected, rejected, filtered, accepted: announced },
    exportWithdraws: { received: withdrawn, accepted: withdrawn },
  };
}

const TRAFFIC_KEYS = Object.keys(NO_TRAFFIC) as readonly (keyof RouteTraffic)[];

function combined(a: RouteTraffic, b: RouteTraffic, combine: (a: number, b: number) => number): RouteTraffic {
  return Object.fromEntries(TRAFFIC_KEYS.map((key) => [key, combine(a[key], b[key])])) as unknown as RouteTraffic;
}

function both(a: RouteTraffic, b: RouteTraffic): RouteTraffic {
  return combined(a, b, (one, other) => one + other);
}

/** Nothing was counted before its first session. */
function trafficSince(now: RouteTraffic, before: RouteTraffic | undefined): RouteTraffic {
  return before ? combined(now, before, (later, earlier) => (later - earlier) >>> 0) : NO_TRAFFIC;
}

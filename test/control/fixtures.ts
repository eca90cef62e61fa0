/** Answers as a small router would give them. */
import type { PathAnswer, PeerAnswer, RouteAnswer, StatusAnswer } from "../../src/control/answers.ts";
import type { RouterView } from "../../src/control/view.ts";
import { formatPrefix } from "../../src/ip/prefix.ts";

const COUNTS = { open: 1, update: 2, notification: 0, keepalive: 9, routeRefresh: 0 };

export function peer(name: string, address: string, changes: Partial<PeerAnswer> = {}): PeerAnswer {
  return {
    name,
    description: null,
    address,
    port: 179,
    localAddress: "10.99.0.1",
    asn: 65001,
    localAsn: 64512,
    kind: "external",
    state: "established",
    disabled: false,
    held: null,
    passive: false,
    since: "2026-11-20T07:21:17.567Z",
    sinceSeconds: 3671,
    established: 1,
    lost: 0,
    lastDown: null,
    reason: null,
    advice: null,
    nextRetrySeconds: null,
    authentication: "md5",
    key: { since: "2026-11-20T07:00:00.000Z", sinceSeconds: 4948, changedWhileEstablished: false },
    refused: null,
    ttlSecurity: null,
    ttl: 1,
    interface: null,
    dynamic: null,
    negotiated: null,
    families: [
      {
        family: "ipv4",
        active: true,
        received: 12,
        accepted: 11,
        announced: 4,
        addPathReceive: false,
        addPathSend: "none",
        limitIn: null,
        limitOut: null,
        endOfRibReceived: true,
        endOfRibSent: true,
        refresh: { receiving: false, sending: false },
      },
    ],
    stale: null,
    longLived: [],
    messages: { received: COUNTS, sent: COUNTS },
    errors: { attributesDiscarded: 0, treatedAsWithdraw: 0, refused: 0, last: null },
    importPolicy: "accept",
    exportPolicy: "to-tor",
    ...changes,
  };
}

export function path(from: string | null, changes: Partial<PathAnswer> = {}): PathAnswer {
  return {
    best: false,
    multipath: false,
    source: from === null ? "static" : "bgp",
    peer: from,
    peerAddress: from === null ? null : "10.99.0.254",
    pathId: 0,
    nextHop: from === null ? null : "10.99.0.254",
    via: from === null ? [] : [{ gateway: "10.99.0.254", interface: "eth0" }],
    reachable: true,
    preference: 100,
    localPref: null,
    asPath: from === null ? "" : "65000 65010",
    origin: "igp",
    med: null,
    metric: 0,
    communities: [],
    largeCommunities: [],
    extendedCommunities: [],
    originatorId: null,
    clusterList: [],
    atomicAggregate: false,
    aggregator: null,
    stale: null,
    rejected: null,
    ...changes,
  };
}

function route(prefix: string, paths: readonly PathAnswer[], changes: Partial<RouteAnswer> = {}): RouteAnswer {
  const kernel = { state: "installed", reason: null, metric: 0 } as const;
  return { prefix, family: prefix.includes(":") ? "ipv6" : "ipv4", paths, kernel, ...changes };
}

const DOWN = peer("tor-b", "10.99.0.9", {
  state: "active",
  description: "rack 2",
  reason: "connection refused by 10.99.0.9 port 179: nothing listens there, or the peer does not know our address",
  nextRetrySeconds: 4,
  sinceSeconds: 273_700,
  families: [
    {
      family: "ipv4",
      active: false,
      received: 0,
      accepted: 0,
      announced: 0,
      addPathReceive: false,
      addPathSend: "none",
      limitIn: null,
      limitOut: null,
      endOfRibReceived: false,
      endOfRibSent: false,
      refresh: { receiving: false, sending: false },
    },
  ],
});

export const PEERS: readonly PeerAnswer[] = [
  peer("tor-a", "10.99.0.254", { description: "rack 1" }),
  DOWN,
  peer("rr", "fd00::10", { kind: "internal", asn: 64512, description: "reflector" }),
];

export const ROUTES: readonly RouteAnswer[] = [
  route("10.10.0.0/16", [
    path("tor-a", { best: true }),
    path("rr", { reachable: false, localPref: 100, asPath: "65000 65020 65030 65040", nextHop: "192.0.2.1", via: [] }),
  ]),
  route("10.9.0.0/24", [path(null, { best: true })]),
  route("10.9.0.0/16", [
    path("tor-a", { best: true, med: 50, communities: ["65535:1", "64512:100"] }),
    path("tor-b", { rejected: { code: -1, reason: "the import policy rejects it" } }),
  ]),
  route("2001:db8::/32", [path("rr", { best: true, nextHop: "fd00::10" })]),
];

export const STATUS: StatusAnswer = {
  version: "0.1.0",
  routerId: "10.99.0.1",
  asn: 64512,
  clusterId: null,
  since: "2026-11-20T07:00:00.000Z",
  uptimeSeconds: 100_000,
  listeners: [{ address: "0.0.0.0", port: 179, interface: null, failure: null }],
  dynamicPeers: [],
  configuration: { generation: 3, appliedAt: "2026-11-20T07:30:00.000Z", rejected: "a.yaml:3: peers[0].asn: missing" },
  peers: { total: 3, established: 2 },
  rib: [
    { family: "ipv4", prefixes: 3, paths: 5 },
    { family: "ipv6", prefixes: 1, paths: 1 },
  ],
  drain: null,
  attributeSets: 4,
  recovery: null,
  kernel: {
    programming: true,
    installed: 3,
    pending: 0,
    shadowed: 1,
    failed: 0,
    written: 9,
    errors: 0,
    foreignRepairs: 0,
    resyncs: 0,
    adopted: 0,
  },
  updateGroups: [],
};

/** Pages of one row each, so that paging shows. */
export function fakeView(routes: readonly RouteAnswer[] = ROUTES, peers: readonly PeerAnswer[] = PEERS): RouterView {
  const page = <T>(rows: readonly T[], cursor: number) => ({
    rows: rows.slice(cursor, cursor + 1),
    next: cursor + 1 < rows.length ? cursor + 1 : -1,
  });
  const of = (name: string, family: string) =>
    routes
      .filter((each) => each.family === family)
      .flatMap((each) =>
        each.paths.filter((p) => p.peer === name).map((p) => ({ prefix: each.prefix, family: each.family, path: p })),
      );
  const exact = (prefix: string) => routes.find((each) => each.prefix === prefix);
  return {
    status: () => STATUS,
    peers: () => peers,
    routes: (family, cursor) =>
      page(
        routes.filter((each) => each.family === family),
        cursor,
      ),
    route: (prefix) => exact(formatPrefix(prefix)),
    lookup: (host) => (formatPrefix(host).startsWith("10.9.0.") ? exact("10.9.0.0/24") : undefined),
    routesIn: (name, family, cursor) => page(of(name, family), cursor),
    routesOut: (name, family, cursor) => page(of(name, family), cursor),
    routeIn: (name, prefix) => of(name, prefix.family).filter((each) => each.prefix === formatPrefix(prefix)),
    routeOut: () => [],
    running: () => ({
      version: "1.0.0",
      routerId: 1,
      config: { text: "router: { asn: 1 }", secrets: {}, salt: "" },
      links: [],
      addresses: [],
      sessions: [],
      recovering: false,
      draining: false,
    }),
    runningKernelRoutes: (_family, cursor) => ({ page: { kernel: [] }, next: cursor === 0 ? 1 : -1 }),
    runningPaths: (family) => ({ page: { family, sets: {}, paths: [] }, next: -1 }),
    explain(prefix, to) {
      const found = exact(formatPrefix(prefix));
      return {
        prefix: formatPrefix(prefix),
        family: prefix.family,
        best: found?.paths[0] ?? null,
        importTrace: [],
        losers: [],
        kernel: found?.kernel ?? { state: "notWanted", reason: "no such prefix in the table", metric: null },
        kernelTrace: [],
        to:
          to === undefined
            ? null
            : {
                peer: to,
                announced: false,
                path: null,
                originated: null,
                stoppedBy: { step: "session", reason: "down" },
                trace: [],
                paths: null,
              },
      };
    },
  };
}

/** What a key means when it is left out. The schema documents these values and the parser fills them in. */
export const DEFAULTS = {
  port: 179,
  router: { gracefulShutdown: true },
  listen: ["0.0.0.0", "::"],
  kernel: { program: true, learn: true, export: "accept", multipath: 16 },
  static: { blackhole: false, metric: 0 },
  peer: {
    passive: false,
    routeReflectorClient: false,
    nextHop: "auto",
    disabled: false,
    allowOwnAs: 0,
    allowAsSets: false,
    enforceFirstAs: false,
    defaultOnly: "always",
  },
  dynamicPeers: { limit: 100 },
  localAs: { noPrepend: false, replaceAs: false },
  maxPrefixes: { warnPercent: 75, action: "restart", restartAfter: 300_000 },
  gracefulRestart: {
    mode: "aware",
    restartTime: 120_000,
    staleTime: 180_000,
    notification: false,
    longLived: "off",
    longLivedStaleTime: 86_400_000,
    staleToOthers: false,
  },
  addPath: { receive: false, send: "none" },
  capabilities: { fourOctetAs: true, routeRefresh: true, enhancedRouteRefresh: true, extendedMessage: true },
  /** Milliseconds. */
  timers: {
    hold: 90_000,
    connectRetry: 5_000,
    connectDelay: 1_000,
    delayOpen: 0,
    idleHoldMin: 5_000,
    idleHoldMax: 30_000,
  },
  limits: { routes: 4_000_000, paths: 16_000_000, attributeSets: 1_000_000, attributeOctets: 268_435_456 },
} as const;

/** RFC 9687 §3.1: the greater of 8 minutes and twice the hold time; none without a hold time. */
export function defaultSendHoldMs(holdMs: number): number {
  return holdMs === 0 ? 0 : Math.max(480_000, 2 * holdMs);
}

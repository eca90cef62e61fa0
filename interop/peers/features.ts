/** What each speaker of Debian 12 can be made to do in the lab. A scenario names what it needs, and runs with who has it. */

/** As our own daemon is asked to meet them; "both" ways are two features where a speaker has only one. */
export type Feature =
  /** Writes routes into the kernel and forwards by them. */
  | "kernel"
  /** Announces a static route with any AS path before it, not only with repetitions of its own AS. */
  | "prepend"
  /** Announces a static route with a next hop other than the session's address. */
  | "nextHop"
  /** Reflects routes to clients. */
  | "reflector"
  /** Passes routes of one session on to another. */
  | "transit"
  /** Can be told not to offer 4-octet AS numbers. */
  | "twoOctetAs"
  /** Keeps a restarting peer's routes (RFC 4724). */
  | "restartHelper"
  /** Restarts itself with its routes kept by peers, forwarding or not. */
  | "restarter"
  /** Keeps them after a NOTIFICATION too (RFC 8538). */
  | "restartNotification"
  /** Says on a reconnect that it has forwarded packets meanwhile (F); who does not has its stale routes dropped at once. */
  | "forwardingKept"
  /** Keeps them beyond the restart time (RFC 9494). */
  | "longLived"
  | "addPathReceive"
  | "addPathSend"
  /** Asks for a route refresh when told to (RFC 2918). */
  | "refresh"
  /** Marks the beginning and the end of a refresh (RFC 7313). */
  | "enhancedRefresh"
  /** TTL 255 and a minimum TTL (RFC 5082). */
  | "ttlSecurity"
  /** Another AS than its own towards one peer. */
  | "localAs"
  /** Accepts its own AS in a path. */
  | "allowOwnAs"
  /** Ends a session that gives too many prefixes by Cease 6/1. */
  | "maxPrefixes"
  /** Sends a shutdown communication (RFC 9003). */
  | "shutdownText"
  /** Logs the shutdown communication that it receives. */
  | "shutdownTextSeen"
  /** Announces all with GRACEFUL_SHUTDOWN at one command (RFC 8326). */
  | "gracefulShutdown";

const BIRD: readonly Feature[] = [
  "kernel",
  "prepend",
  "nextHop",
  "reflector",
  "transit",
  "twoOctetAs",
  "restartHelper",
  "restarter",
  "forwardingKept",
  "longLived",
  "addPathReceive",
  "addPathSend",
  "refresh",
  "enhancedRefresh",
  "ttlSecurity",
  "localAs",
  "allowOwnAs",
  "maxPrefixes",
  "shutdownText",
  "shutdownTextSeen",
];

export const FEATURES = {
  calidris: [...BIRD, "restartNotification", "gracefulShutdown"],
  bird2: BIRD,
  bird1: BIRD,
  frr: [
    "kernel",
    "prepend",
    "nextHop",
    "reflector",
    "transit",
    "restartHelper",
    "restarter",
    "forwardingKept",
    "restartNotification",
    "longLived",
    "addPathReceive",
    "addPathSend",
    "refresh",
    "enhancedRefresh",
    "ttlSecurity",
    "localAs",
    "allowOwnAs",
    "maxPrefixes",
    "shutdownText",
    "shutdownTextSeen",
    "gracefulShutdown",
  ],
  gobgp: [
    "prepend",
    "nextHop",
    "reflector",
    "transit",
    "restartHelper",
    "restarter",
    "restartNotification",
    "longLived",
    "addPathReceive",
    "addPathSend",
    "ttlSecurity",
    "localAs",
    "allowOwnAs",
    "maxPrefixes",
    "shutdownText",
    "shutdownTextSeen",
  ],
  openbgpd: [
    "nextHop",
    "reflector",
    "transit",
    "restartHelper",
    "addPathReceive",
    "addPathSend",
    "refresh",
    "enhancedRefresh",
    "ttlSecurity",
    "localAs",
    "maxPrefixes",
    "shutdownText",
    "shutdownTextSeen",
    "gracefulShutdown",
  ],
  exabgp: [
    "prepend",
    "nextHop",
    "twoOctetAs",
    "addPathReceive",
    "addPathSend",
    "refresh",
    "enhancedRefresh",
    "ttlSecurity",
  ],
} as const satisfies Record<string, readonly Feature[]>;

export type SpeakerKind = keyof typeof FEATURES;

export function hasFeatures(kind: SpeakerKind, needed: readonly Feature[]): boolean {
  const has: readonly Feature[] = FEATURES[kind];
  return needed.every((feature) => has.includes(feature));
}

/** One configured peer as the router runs it: its session, connections, and what it has done so far. */
import type { Framer } from "../bgp/framer.ts";
import type { OpenMessage } from "../bgp/open.ts";
import type { ParsingClass } from "../bgp/parsing-class.ts";
import type { Peer } from "../bgp/session/peer.ts";
import type { Negotiated, Side } from "../bgp/session/types.ts";
import type { PeerConfig } from "../config/model.ts";
import type { MessageCounts } from "../control/answers.ts";
import type { Family } from "../ip/address.ts";
import type { RouteTraffic } from "../rib/path-counts.ts";
import type { PeerId } from "../rib/types.ts";
import type { Outlet } from "./exporter.ts";
import type { FaultyUpdate } from "./faulty-updates.ts";
import type { LongLivedState } from "./long-lived.ts";
import type { ConnectionId, Endpoint } from "./ports.ts";
import type { PrefixLimit } from "./prefix-limit.ts";
import type { RefreshState } from "./route-refresh.ts";
import type { SentRoutes } from "./sent-routes.ts";
import type { StaleState } from "./stale-routes.ts";

export interface Connection {
  readonly id: ConnectionId;
  readonly side: Side;
  readonly peer: PeerRuntime;
  readonly framer: Framer;
  local: Endpoint | undefined;
  remote: Endpoint | undefined;
  /** Octets the kernel had accepted when the send hold timer was last looked at, and when that was. */
  acceptedOctets: number;
  acceptedAtMs: number;
  /** Reading is paused because too much work waits. */
  paused: boolean;
}

/** Why a peer is kept down although its configuration would have it up. */
export interface Hold {
  readonly by: "command" | "limit";
  /** The operator's text, or which limit. */
  readonly text: string | undefined;
  readonly sinceMs: number;
}

/** The use of the TCP-MD5 key, or of having none. */
export interface KeyUse {
  /** Since when it is this one. */
  sinceMs: number;
  /** The session was Established when it changed, and stayed. */
  changedLive: boolean;
  /** Segments dropped on each connection when they were last looked at. */
  readonly dropped: { outgoing: number; incoming: number };
  /** First and last evidence, since the peer was last heard, that the kernel refuses its segments. */
  refusedSinceMs: number | undefined;
  refusedAtMs: number;
  /** Dropped in that time on the session's own connection; 0 where only the namespace's counters tell. */
  refusedSegments: number;
  /** Ours are not acknowledged either. */
  unacknowledged: boolean;
  /** For their signature, or for a TTL below what GTSM accepts. */
  refusedKind: "signature" | "ttl";
}

export type MutableCounts = { -readonly [K in keyof MessageCounts]: number };

export interface LastSession {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly open: OpenMessage;
  /** Our OPEN went out without capabilities. */
  readonly bare: boolean;
}

export interface PeerRuntime {
  config: PeerConfig;
  /** Another one after the peer came back under another identifier. */
  id: PeerId;
  session: Peer;
  readonly connections: { outgoing: Connection | undefined; incoming: Connection | undefined };
  /** The connection that is Established. */
  active: Connection | undefined;
  negotiated: Negotiated | undefined;
  /** As the last Established session began; it may have ended. */
  lastSession: LastSession | undefined;
  /** Paths of an older epoch are stale and swept. */
  epoch: number;
  parsing: ParsingClass;
  /** External and one hop away: its next hops count only on a connected subnet. */
  direct: boolean;
  lastHeardMs: number;
  stateSinceMs: number;
  /** Since when there is such a peer. */
  readonly madeAtMs: number;
  readonly counts: { received: MutableCounts; sent: MutableCounts };
  /** In the present session. */
  readonly sentRoutes: Record<Family, SentRoutes>;
  /** What the RIB had counted for its id when the session began. */
  readonly trafficBefore: Record<Family, RouteTraffic | undefined>;
  attributesDiscarded: number;
  treatedAsWithdraw: number;
  /** UPDATEs that ended a session. */
  updatesRefused: number;
  lastFault: FaultyUpdate | undefined;
  /** Faults before this time are counted, not logged. */
  nextReportMs: number;
  readonly timers: Map<string, { readonly cancel: () => void; readonly dueMs: number }>;
  /** Membership in the update group of each active family. */
  readonly outlets: Record<Family, Outlet | undefined>;
  /** Bounds of its prefixes, where it has any; counted anew in each session. */
  limits: {
    readonly in: Record<Family, PrefixLimit> | undefined;
    readonly out: Record<Family, PrefixLimit> | undefined;
  };
  /** When it was last asked to repeat its table because of a limit. */
  readonly askedAtMs: Record<Family, number | undefined>;
  readonly endOfRib: Record<Family, { received: boolean; sent: boolean }>;
  /** Name of the range of dynamic peers that it came from. */
  readonly range: string | undefined;
  readonly key: KeyUse;
  readonly refresh: Record<Family, RefreshState>;
  /** Routes that outlived the peer's restart time (RFC 9494). */
  readonly longLived: Record<Family, LongLivedState | undefined>;
  /** What is kept of a lost session. */
  stale: StaleState | undefined;
  /** Removed from the configuration: its paths are being swept, then its id is freed. */
  gone: boolean;
}

export function newKeyUse(nowMs: number): KeyUse {
  return {
    sinceMs: nowMs,
    changedLive: false,
    dropped: { outgoing: 0, incoming: 0 },
    refusedSinceMs: undefined,
    refusedAtMs: 0,
    refusedSegments: 0,
    unacknowledged: false,
    refusedKind: "signature",
  };
}

export function newCounts(): MutableCounts {
  return { open: 0, update: 0, notification: 0, keepalive: 0, routeRefresh: 0 };
}

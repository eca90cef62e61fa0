/**
 * The session state machine's vocabulary: plain data in, plain data out (RFC 4271 §8). The functions that turn
 * (peer, event) into [peer, actions] stand in the files beside this one; they see neither clock nor socket.
 */
import type { Family } from "../../ip/address.ts";
import type { Notification } from "../notification.ts";
import type { Capabilities, OpenMessage } from "../open.ts";

export type SessionState = "idle" | "connect" | "active" | "openSent" | "openConfirm" | "established";

/**
 * Which end opened the TCP connection. A peer has at most one of each (RFC 4271 §6.8). While the incoming one is
 * Established, a further connection from a peer that may have restarted takes the other's place.
 */
export type Side = "outgoing" | "incoming";

/** Times in milliseconds. */
export interface SessionSettings {
  readonly localAs: number;
  /** Expected AS of the peer. */
  readonly remoteAs: number;
  readonly internal: boolean;
  readonly localId: number;
  readonly capabilities: Capabilities;
  /** What we offer; 0 or at least 3000. */
  readonly holdMs: number;
  /** Undefined: a third of the negotiated hold time. */
  readonly keepaliveMs?: number;
  readonly minHoldMs: number;
  readonly connectRetryMs: number;
  /** Wait before the first attempt after a start. */
  readonly connectDelayMs: number;
  /** 0: send OPEN at once. */
  readonly delayOpenMs: number;
  /** Never connect; wait for the peer (PassiveTcpEstablishment). */
  readonly passive: boolean;
  /** After an error: doubled from `minMs` to `maxMs`, forgotten after a calm Established period (DampPeerOscillations). */
  readonly idleHold: { readonly minMs: number; readonly maxMs: number };
  /** RFC 9687; 0 is off. */
  readonly sendHoldMs: number;
}

/** Graceful restart as both OPENs have it (RFC 4724, RFC 8538). */
export interface NegotiatedRestart {
  /** N of both: a NOTIFICATION and an expired hold timer are restarts too, a hard reset is not. */
  readonly notification: boolean;
  /** R: the peer has restarted, and nobody is to wait for its End-of-RIB. */
  readonly restarting: boolean;
  /** The peer is back within so long, it says. */
  readonly timeMs: number;
  /** Active families whose routes are kept while the peer restarts; `forwarding` is F. Empty: it only sends End-of-RIB. */
  readonly families: readonly { readonly family: Family; readonly forwarding: boolean }[];
  /**
   * RFC 9494: active families whose routes are kept for a further time, and F of it. Empty: none. The restart time of one
   * that `families` lacks is 0.
   */
  readonly longLived: readonly { readonly family: Family; readonly forwarding: boolean; readonly timeMs: number }[];
}

/** What both OPENs together decided. */
export interface Negotiated {
  readonly remoteAs: number;
  readonly remoteId: number;
  readonly holdMs: number;
  readonly keepaliveMs: number;
  readonly sendHoldMs: number;
  readonly fourOctetAs: boolean;
  /** Active families. */
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  /** NLRI carry path identifiers (RFC 7911 §4): those that the peer sends, those that we send. */
  readonly addPath: Readonly<Record<Family, AddPathDirections>>;
  readonly routeRefresh: boolean;
  /** RFC 7313, together with route refresh. */
  readonly enhancedRouteRefresh: boolean;
  readonly extendedMessage: boolean;
  /** Undefined unless both sent the capability. */
  readonly gracefulRestart: NegotiatedRestart | undefined;
  /** Long-lived graceful restart, by the capabilities of both: a route with LLGR_STALE is the least preferred (RFC 9494). */
  readonly longLived: boolean;
  /** The peer's OPEN as it came. */
  readonly open: OpenMessage;
  /** Sentences for the log: what is odd about the agreement, though not refused. */
  readonly remarks: readonly string[];
}

export interface AddPathDirections {
  readonly receive: boolean;
  readonly send: boolean;
}

export type TimerName =
  | "connectRetry"
  | "idleHold"
  | "delayOpen"
  | "hold" /* before Established: the 240 s "large" value, then negotiated */
  | "keepalive"
  | "sendHold";

/** A timer of the peer, or of one of its connections. */
export interface TimerKey {
  readonly name: TimerName;
  readonly side?: Side;
}

/** Why a session was ended from our side; `subcode` of Cease (RFC 4486). */
export interface StopCause {
  readonly subcode: number;
  /** RFC 9003 text. */
  readonly text?: string;
  /** Sent in place of a text. */
  readonly data?: Uint8Array;
  /** Exact wait until the peer comes back by itself, in place of the idle hold. */
  readonly retryMs?: number;
}

export type SessionEvent =
  | { readonly kind: "start"; readonly manual: boolean }
  /** Events 2 and 8. */
  | { readonly kind: "stop"; readonly manual: boolean; readonly cause: StopCause }
  | { readonly kind: "timer"; readonly timer: TimerKey }
  /** Events 16 (outgoing) and 17 (incoming): TCP is up. `newcomer`: accepted in the place that `placeForIncoming` says. */
  | { readonly kind: "connected"; readonly side: Side; readonly newcomer?: boolean }
  /** Event 18: the attempt failed, or TCP was closed or reset. `replaced`: by the peer's next connection, which follows. */
  | { readonly kind: "failed"; readonly side: Side; readonly reason: string; readonly replaced?: boolean }
  /** Event 19/20: an OPEN that is well formed; whether it is acceptable is decided here. */
  | { readonly kind: "open"; readonly side: Side; readonly open: OpenMessage }
  | { readonly kind: "keepalive"; readonly side: Side }
  | { readonly kind: "update"; readonly side: Side }
  | { readonly kind: "refresh"; readonly side: Side }
  | { readonly kind: "notification"; readonly side: Side; readonly notification: Notification }
  /** Events 21, 22, 28: the codec found a fault that ends the session. */
  | { readonly kind: "fault"; readonly side: Side; readonly notification: Notification; readonly message: string };

export type SessionAction =
  | { readonly kind: "connect" }
  | { readonly kind: "sendOpen"; readonly side: Side }
  | { readonly kind: "sendKeepalive"; readonly side: Side }
  | { readonly kind: "sendNotification"; readonly side: Side; readonly notification: Notification }
  /** Closes TCP, after what was sent has been flushed when `flush`. */
  | { readonly kind: "close"; readonly side: Side; readonly flush: boolean }
  | { readonly kind: "arm"; readonly timer: TimerKey; readonly afterMs: number }
  | { readonly kind: "disarm"; readonly timer: TimerKey }
  | { readonly kind: "established"; readonly side: Side; readonly negotiated: Negotiated }
  /** Was Established and is no more. `graceful`: the peer's routes are kept for its return (RFC 4724 §4.2). */
  | { readonly kind: "down"; readonly reason: DownReason; readonly graceful: boolean }
  /** A connection ended, or could not be made, before it was Established. For the log. */
  | { readonly kind: "attemptFailed"; readonly side: Side; readonly reason: DownReason }
  /** The peer's state as operators see it changed: the most advanced of its connections. */
  | { readonly kind: "state"; readonly from: SessionState; readonly to: SessionState };

export interface DownReason {
  /** Closed list, for metrics and logs. */
  readonly code:
    | "notificationSent"
    | "notificationReceived"
    | "holdTimer"
    | "sendHoldTimer"
    | "tcpClosed"
    | "adminDown"
    | "configuration"
    | "collision"
    | "peerRestarted"
    | "fsmError";
  /** A sentence for people, with codes in words. */
  readonly text: string;
  readonly notification?: Notification;
}

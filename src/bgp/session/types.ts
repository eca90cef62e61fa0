/**
 * The session state machine's vocabulary: plain data in, plain data out (RFC 4271 §8). The functions that turn
 * (peer, event) into [peer, actions] stand in the files beside this one; they see neither clock nor socket.
 */
import type { Notification } from "../notification.ts";
import type { Capabilities, OpenMessage } from "../open.ts";

export type SessionState = "idle" | "connect" | "active" | "openSent" | "openConfirm" | "established";

/** Which end opened the TCP connection. A peer has at most one of each (RFC 4271 §6.8). */
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
  readonly routeRefresh: boolean;
  readonly extendedMessage: boolean;
  /** The peer's OPEN as it came. */
  readonly open: OpenMessage;
  /** Sentences for the log: what is odd about the agreement, though not refused. */
  readonly remarks: readonly string[];
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
  /** Events 16 (outgoing) and 17 (incoming): TCP is up. */
  | { readonly kind: "connected"; readonly side: Side }
  /** Event 18: the attempt failed, or TCP was closed or reset. */
  | { readonly kind: "failed"; readonly side: Side; readonly reason: string }
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
  /** Was Established and is no more. */
  | { readonly kind: "down"; readonly reason: DownReason }
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
    | "fsmError";
  /** A sentence for people, with codes in words. */
  readonly text: string;
  readonly notification?: Notification;
}

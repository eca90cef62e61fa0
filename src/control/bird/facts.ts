/** What the BIRD dialect tells of the daemon; src/daemon/protocols.ts says it of the router. Times are wall clock, ms. */
import type { Family } from "../../ip/address.ts";

export interface BirdView {
  /** Absent unless the daemon waits for its first configuration; then why that has not come. */
  readonly waitingFor?: () => string;
  daemon(family: Family): DaemonFacts;
  /**
   * The local sources, then the BGP sessions whose addresses are of the family, of those whose names are wanted. Each is
   * looked at when it is asked for; peers may come and go in between.
   */
  protocols(family: Family, wanted: (name: string) => boolean): Iterable<ProtocolFacts>;
}

export interface DaemonFacts {
  readonly routerId: string;
  readonly startedAtMs: number;
  readonly configuredAtMs: number;
  /** An operator's shutdown is under way: routes are being drained. */
  readonly stopping?: boolean;
  /** Undefined unless we took over from a process that ended a moment ago, and End-of-RIB is waited for. */
  readonly recovery: RecoveryFacts | undefined;
}

export interface RecoveryFacts {
  /** Peers whose End-of-RIB is waited for. */
  readonly waiting: number;
  readonly leftSeconds: number;
  readonly totalSeconds: number;
}

/** `wait`: up, and held back until we have recovered. `feed`: the first table is being sent. */
export type ProtocolState = "down" | "start" | "wait" | "feed" | "up";

export interface ProtocolFacts {
  readonly name: string;
  readonly kind: "Device" | "Direct" | "Kernel" | "Static" | "BGP";
  readonly state: ProtocolState;
  readonly sinceMs: number;
  readonly ageMs: number;
  readonly description: string | undefined;
  readonly preference: number;
  /** Names of policies; `accept` and `reject` are built in. */
  readonly importPolicy: string;
  readonly exportPolicy: string;
  /** Undefined: nobody recovers. `pending`: its End-of-RIB is waited for. `waiting`: it waits for others'. */
  readonly recovery: "pending" | "waiting" | "none" | undefined;
  readonly limits: readonly ProtocolLimit[];
  /** Undefined while it is down. */
  readonly routes: { readonly imported: number; readonly exported: number; readonly preferred: number } | undefined;
  readonly changes: RouteChanges | undefined;
  /** Only of BGP. */
  readonly session: SessionFacts | undefined;
}

/** A bound of what a peer may announce (`Receive`), or be sent (`Export`). */
export interface ProtocolLimit {
  readonly direction: "Receive" | "Export";
  readonly limit: number;
  readonly reached: boolean;
  readonly action: "warn" | "block" | "restart" | "disable";
}

/** Since the session began. */
export interface RouteChanges {
  readonly importUpdates: UpdateCounts & { readonly ignored: number };
  readonly importWithdraws: WithdrawCounts;
  readonly exportUpdates: UpdateCounts;
  readonly exportWithdraws: { readonly received: number; readonly accepted: number };
}

export interface UpdateCounts {
  readonly received: number;
  /** Not valid in themselves: our own AS, a martian, a bound. */
  readonly rejected: number;
  /** By the policy. */
  readonly filtered: number;
  readonly accepted: number;
}

export interface WithdrawCounts {
  readonly received: number;
  /** Of what the peer had not announced. */
  readonly ignored: number;
  readonly accepted: number;
}

export type BgpState =
  | "Idle"
  | "Connect"
  | "Active"
  | "OpenSent"
  | "OpenConfirm"
  | "Established"
  | "Close"
  | "Passive"
  | "Down";

export interface SessionFacts {
  readonly state: BgpState;
  readonly neighborAddress: string;
  readonly neighborAs: number;
  /** The peer's routes are kept while it restarts. */
  readonly neighborRestarts: boolean;
  readonly connectDelay: Countdown | undefined;
  readonly errorWait: Countdown | undefined;
  readonly established: EstablishedFacts | undefined;
  readonly lastError: LastError | undefined;
}

export interface EstablishedFacts {
  readonly neighborId: string;
  readonly neighborCapabilities: readonly string[];
  /** `internal multihop route-reflector AS4` and the like. */
  readonly kinds: readonly string[];
  readonly sourceAddress: string | undefined;
  readonly routeLimit: { readonly now: number; readonly limit: number } | undefined;
  readonly holdTimer: Countdown;
  readonly keepaliveTimer: Countdown;
}

/** What is left of a time, in whole seconds. */
export interface Countdown {
  readonly leftSeconds: number;
  readonly totalSeconds: number;
}

export interface LastError {
  readonly kind: "Error" | "Socket" | "Received" | "BGP Error" | "Automatic shutdown";
  readonly text: string;
}

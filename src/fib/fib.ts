/**
 * The kernel's forwarding table as the router needs it. `io/netlink` implements it on rtnetlink, tests in memory;
 * both pass test/contract/fib.
 */
import type { Address, Family } from "../ip/address.ts";
import type { Prefix } from "../ip/prefix.ts";

/** One way out. A gateway without interface is looked up by the kernel; an interface without gateway is on-link. */
export interface ForwardingHop {
  /** May be of the other family (RTA_VIA). */
  readonly gateway?: Address;
  /** 0: not given. */
  readonly ifindex: number;
  /** The gateway is reachable on the interface although no address of ours covers it. */
  readonly onlink?: boolean;
  /** 1..256 */
  readonly weight?: number;
}

/**
 * What a route does; many prefixes share one Forwarding (it is interned by the router and compared by identity).
 * Hops are sorted canonically, so that equal sets are equal.
 */
export interface Forwarding {
  readonly kind: "unicast" | "blackhole";
  readonly hops: readonly ForwardingHop[];
  /** RTA_PRIORITY: 0 means "none" for IPv4; IPv6's default is 1024. */
  readonly metric: number;
  readonly prefSrc?: Address;
  /** 254 is main. */
  readonly table: number;
}

export type FibRouteState =
  | "installed"
  | "pending" /* waiting to be written, or in flight */
  | "shadowed" /* a foreign route has the same table, prefix and metric */
  | "failed"; /* the kernel refused; retried with backoff */

/** For `show` and `explain`. */
export interface FibRouteStatus {
  readonly state: FibRouteState;
  /** Protocol number of the route that shadows ours. */
  readonly shadowedBy?: number;
  readonly errno?: number;
  /** In words, with what to do. */
  readonly error?: string;
  readonly attempts?: number;
}

/** A route of another protocol in the main table, as learned. */
export interface KernelRoute {
  readonly prefix: Prefix;
  readonly metric: number;
  readonly protocol: number;
  readonly kind: "unicast" | "blackhole" | "other";
  readonly hops: readonly ForwardingHop[];
  readonly prefSrc?: Address;
  readonly scope: number;
}

export interface KernelLink {
  readonly ifindex: number;
  readonly name: string;
  readonly up: boolean;
  readonly carrier: boolean;
  readonly loopback: boolean;
}

export interface KernelAddress {
  readonly ifindex: number;
  readonly address: Address;
  readonly prefixLength: number;
  /** Peer of a point-to-point link, when it differs. */
  readonly peer?: Address;
  /** Tentative or failed duplicate detection: not usable as source. */
  readonly usable: boolean;
}

/** What the router is told. `batch` marks the end of a dump or of a burst: act on the whole, not on each line. */
export type KernelEvent =
  | { readonly kind: "link"; readonly link: KernelLink; readonly gone: boolean }
  | { readonly kind: "address"; readonly address: KernelAddress; readonly gone: boolean }
  /** Routes of every protocol but ours, tables main (254) only; our own dumped routes never come this way. */
  | { readonly kind: "route"; readonly route: KernelRoute; readonly gone: boolean }
  | { readonly kind: "batch" }
  /** The first complete dump has been delivered. */
  | { readonly kind: "synced" };

export interface FibCounters {
  readonly installed: number;
  readonly pending: number;
  readonly shadowed: number;
  readonly failed: number;
  readonly written: number;
  readonly errors: number;
  readonly foreignRepairs: number;
  readonly resyncs: number;
  /** Routes found at start and not wanted yet. */
  readonly adopted: number;
}

/**
 * Wanted routes in, kernel state kept equal to them. Calls only note what is wanted; writing happens in batches
 * behind the scenes, one asynchronous write in flight.
 */
export interface Fib {
  /** Wishes are written from now on, where the Fib was opened without that. The way back: want nothing any more. */
  startProgramming(): void;
  /** Wants the prefix (octets and length as in an NLRI) to be forwarded so; replaces an earlier wish. */
  want(family: Family, bytes: Uint8Array, at: number, length: number, forwarding: Forwarding): void;
  /** No longer wants the prefix. */
  unwant(family: Family, bytes: Uint8Array, at: number, length: number): void;
  status(prefix: Prefix): FibRouteStatus | undefined;
  /** Of one family, or of both; writes, errors and resyncs are always those of both. */
  counters(family?: Family): FibCounters;
  /** Work waiting (routes not yet in the kernel): the router stops reading above its high mark. */
  backlog(): number;
  /** Adopted routes that nobody wants are deleted now (DESIGN §5: End-of-RIB from all, or 240 s). */
  prune(): void;
  /** Ends: waits for what is in flight; deletes our routes when `removeRoutes`. */
  close(removeRoutes: boolean): Promise<void>;
}

/** Time for the parts of the FIB; the daemon's clock fits. */
export interface FibClock {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Runs once after the delay; returns its own cancel. */
  after(delayMs: number, run: () => void): () => void;
}

export type FibLog = (
  level: "debug" | "info" | "warn" | "error",
  event: string,
  fields: Readonly<Record<string, unknown>>,
) => void;

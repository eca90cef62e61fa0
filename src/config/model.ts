/** A configuration after parsing and validation: exact types, defaults filled in. The file format is DESIGN §4. */
import type { Address, Family } from "../ip/address.ts";
import type { Prefix } from "../ip/prefix.ts";
import type { Policy } from "../policy/types.ts";

export interface Config {
  readonly router: RouterConfig;
  readonly kernel: KernelConfig;
  readonly direct: DirectConfig;
  readonly log: LogConfig;
  readonly static: readonly StaticRoute[];
  readonly policies: readonly Policy[];
  /** By name; unique. */
  readonly peers: readonly PeerConfig[];
  /** By name; unique among these and the peers. */
  readonly dynamicPeers: readonly DynamicPeersConfig[];
  readonly limits: LimitsConfig;
}

export interface RouterConfig {
  /** Undefined: chosen at start (DESIGN §4). */
  readonly id?: number;
  readonly asn: number;
  /** Present: this speaker is a route reflector. */
  readonly clusterId?: number;
  /** Routes of external peers that carry GRACEFUL_SHUTDOWN get LOCAL_PREF 0 (RFC 8326 §4). */
  readonly gracefulShutdown: boolean;
  readonly listen: readonly ListenConfig[];
}

export interface ListenConfig {
  readonly address: Address;
  readonly port: number;
  /** Only what arrives on this interface is accepted. */
  readonly interface?: string;
}

export interface KernelConfig {
  readonly program: boolean;
  readonly learn: boolean;
  /** A policy's name, or accept/reject. */
  readonly export: string;
  /** Routes stay in the kernel when the daemon ends. Default: where some peer has graceful restart on. */
  readonly keepOnExit: boolean;
  /** Also when an operator shuts it down: the file says `keepOnExit: true`, it is not the default. */
  readonly keepOnShutdown: boolean;
  /** Most next hops of an ECMP route; 1 turns ECMP off. */
  readonly multipath: number;
}

/** Routes to the subnets of this host's interfaces. */
export interface DirectConfig {
  /** Names of interfaces, with `*` and `?`, whose subnets are left out. */
  readonly except: readonly string[];
}

export interface LogConfig {
  /** Undefined: what the command line says, else `info`. */
  readonly level?: LogThreshold;
}

/** The least severe of what is logged. */
export type LogThreshold = (typeof LOG_THRESHOLDS)[number];
export const LOG_THRESHOLDS = ["off", "error", "warn", "info", "debug"] as const;

export interface StaticRoute {
  readonly prefix: Prefix;
  readonly via: readonly { readonly gateway?: Address; readonly interface?: string }[];
  readonly blackhole: boolean;
  readonly metric: number;
}

/** Neighbours without an entry of their own: each connection from within `prefix` makes a peer, up to `limit`. */
export interface DynamicPeersConfig {
  readonly name: string;
  readonly prefix: Prefix;
  /** Peers at the same time. */
  readonly limit: number;
  /** Of each: named `<name>-<address>`, and passive. */
  readonly template: Omit<PeerConfig, "name" | "address">;
}

export interface PeerConfig {
  readonly name: string;
  /** Of `peerGroups`, whose keys it took over. Only shown: the keys are filled in. */
  readonly group?: string;
  readonly description?: string;
  readonly address: Address;
  readonly port: number;
  readonly asn: number;
  /** Address we connect from, and accept the peer's connection at. */
  readonly localAddress?: Address;
  readonly families: readonly Family[];
  /** Policy names; undefined is RFC 8212: eBGP rejects, iBGP accepts. */
  readonly import?: string;
  readonly export?: string;
  readonly passive: boolean;
  readonly routeReflectorClient: boolean;
  readonly nextHop: "auto" | "gateway" | "self" | "keep";
  /** More than one hop away: next hops are resolved recursively and ours is always the session's address. */
  readonly multihop: boolean;
  /** TTL that a multihop session sends; undefined is the system's. */
  readonly ttl?: number;
  /** GTSM (RFC 5082): sent with TTL 255, and only what came over at most so many hops is accepted. */
  readonly ttlSecurity?: number;
  /** Device that the session is bound to. */
  readonly interface?: string;
  /** Stands for our AS on this session. */
  readonly localAs?: LocalAsConfig;
  /** How often our AS may stand in a received AS_PATH. */
  readonly allowOwnAs: number;
  /** AS_SET in a received AS_PATH is accepted (RFC 9774). */
  readonly allowAsSets: boolean;
  /** Routes of an external peer must have its AS first in AS_PATH. */
  readonly enforceFirstAs: boolean;
  /** For each family. */
  readonly maxPrefixesIn?: MaxPrefixesConfig;
  readonly maxPrefixesOut?: MaxPrefixesConfig;
  readonly gracefulRestart: GracefulRestartConfig;
  readonly addPath: AddPathConfig;
  /** With `export: default-only`: the default route goes out always, or only while we have one ourselves. */
  readonly defaultOnly: "always" | "ifReachable";
  /** TCP-MD5 key (RFC 2385), 1..80 octets. */
  readonly password?: string;
  /** Where `password` was read from; printed in place of it. */
  readonly passwordFile?: string;
  /** Overrides the router's for routes reflected to and from this peer. */
  readonly clusterId?: number;
  readonly disabled: boolean;
  /** Why, where the file says it. */
  readonly disabledReason?: string;
  readonly timers: PeerTimers;
  /** Capability switches. */
  readonly capabilities: {
    readonly fourOctetAs: boolean;
    readonly routeRefresh: boolean;
    readonly enhancedRouteRefresh: boolean;
    readonly extendedMessage: boolean;
  };
  /** Where it was defined, for messages. */
  readonly origin: { readonly file: string; readonly line: number };
}

export interface LocalAsConfig {
  readonly asn: number;
  /** Not prepended to what is received. */
  readonly noPrepend: boolean;
  /** Announced in place of our own AS, not before it. */
  readonly replaceAs: boolean;
}

export interface MaxPrefixesConfig {
  readonly limit: number;
  /** From this share of the limit on a warning is logged; percent. */
  readonly warnPercent: number;
  /**
   * Beyond the limit: log only, ignore further routes, end the session (Cease 6/1) and try again after `restartAfterMs`,
   * or end it until an operator enables the peer.
   */
  readonly action: "warn" | "block" | "restart" | "disable";
  readonly restartAfterMs: number;
}

/** RFC 4724, RFC 8538, RFC 9494. */
export interface GracefulRestartConfig {
  /**
   * `aware`: we keep the peer's routes while it restarts. `on`: it is to keep ours too, and our end sends no Cease.
   */
  readonly mode: "off" | "aware" | "on";
  /** Until when we are back, as we tell the peer. */
  readonly restartTimeMs: number;
  /** Bound of how long routes of the peer are kept stale, whatever it says. */
  readonly staleTimeMs: number;
  /** N bit: a NOTIFICATION or an expired hold timer is a restart too, except a hard reset (RFC 8538). */
  readonly notification: boolean;
  /**
   * `aware`: LLGR_STALE is understood, and the peer's routes are kept beyond its restart time for as long as it asks.
   * `on`: it is to keep ours so as well, for `longLivedStaleTimeMs`.
   */
  readonly longLived: "off" | "aware" | "on";
  readonly longLivedStaleTimeMs: number;
  /**
   * Long-lived stale routes go to this internal peer though it does not know them, with NO_EXPORT and LOCAL_PREF 0.
   */
  readonly staleToOthers: boolean;
}

/** RFC 7911. */
export interface AddPathConfig {
  readonly receive: boolean;
  /** All usable paths, or so many of the best. */
  readonly send: "none" | "all" | number;
}

/** Milliseconds. */
export interface PeerTimers {
  readonly holdMs: number;
  readonly keepaliveMs?: number;
  readonly connectRetryMs: number;
  readonly connectDelayMs: number;
  readonly delayOpenMs: number;
  readonly idleHoldMinMs: number;
  readonly idleHoldMaxMs: number;
  readonly sendHoldMs: number;
}

/** Bounds of everything that can grow; reaching one ends the session that exceeded it. */
export interface LimitsConfig {
  readonly routes: number;
  readonly paths: number;
  readonly attributeSets: number;
  readonly attributeOctets: number;
}

/** A fault in a configuration. */
export interface ConfigProblem {
  readonly file: string;
  /** From 1; 0: the file as a whole. */
  readonly line: number;
  /** Dotted path of the key: `peers[0].asn`. */
  readonly path: string;
  readonly message: string;
  /** Warnings do not stop a configuration from being used. */
  readonly severity: "error" | "warning";
}

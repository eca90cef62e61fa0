/** A configuration after parsing and validation: exact types, defaults filled in. The file format is DESIGN §4. */
import type { Address, Family } from "../ip/address.ts";
import type { Prefix } from "../ip/prefix.ts";
import type { Policy } from "../policy/types.ts";

export interface Config {
  readonly router: RouterConfig;
  readonly kernel: KernelConfig;
  readonly static: readonly StaticRoute[];
  readonly policies: readonly Policy[];
  /** By name; unique. */
  readonly peers: readonly PeerConfig[];
  readonly limits: LimitsConfig;
}

export interface RouterConfig {
  /** Undefined: chosen at start (DESIGN §4). */
  readonly id?: number;
  readonly asn: number;
  /** Present: this speaker is a route reflector. */
  readonly clusterId?: number;
  readonly listen: readonly { readonly address: Address; readonly port: number }[];
}

export interface KernelConfig {
  readonly program: boolean;
  readonly learn: boolean;
  /** A policy's name, or accept/reject. */
  readonly export: string;
  /** Routes stay in the kernel when the daemon ends. */
  readonly keepOnExit: boolean;
  /** Most next hops of an ECMP route; 1 turns ECMP off. */
  readonly multipath: number;
}

export interface StaticRoute {
  readonly prefix: Prefix;
  readonly via: readonly { readonly gateway?: Address; readonly interface?: string }[];
  readonly blackhole: boolean;
  readonly metric: number;
}

export interface PeerConfig {
  readonly name: string;
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
  readonly nextHop: "auto" | "self" | "keep";
  /** More than one hop away: next hops are resolved recursively and ours is always the session's address. */
  readonly multihop: boolean;
  /** TCP-MD5 key (RFC 2385), 1..80 octets. */
  readonly password?: string;
  /** Where `password` was read from; printed in place of it. */
  readonly passwordFile?: string;
  /** Overrides the router's for routes reflected to and from this peer. */
  readonly clusterId?: number;
  readonly disabled: boolean;
  readonly timers: PeerTimers;
  /** Capability switches. */
  readonly capabilities: {
    readonly fourOctetAs: boolean;
    readonly routeRefresh: boolean;
    readonly extendedMessage: boolean;
  };
  /** Where it was defined, for messages. */
  readonly origin: { readonly file: string; readonly line: number };
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

/** A configuration as the compiler makes it: plain values in the words of the file format, with where they come from. */
import type { Family } from "../../ip/address.ts";
import type { LogLevel } from "./cluster.ts";
import type { Session } from "./session.ts";

export interface ConfigDocument {
  readonly router: RouterSection;
  readonly logLevel: LogLevel;
  /** Patterns of interfaces whose subnets are no direct routes. */
  readonly exceptInterfaces: readonly string[];
  /** Name of the kernel's policy. */
  readonly kernelExport: string;
  readonly statics: readonly StaticRoute[];
  readonly prefixSets: readonly PrefixSet[];
  readonly policies: readonly Policy[];
  readonly groups: readonly PeerGroup[];
  readonly peers: readonly Peer[];
}

export interface RouterSection {
  /** As `Node/n1, BGPConfiguration/default`: also of what else stands in the router's file. */
  readonly origin: string;
  readonly id: string;
  readonly asn: number;
  readonly clusterId?: string;
  readonly listen: readonly { readonly address: string; readonly port: number }[];
}

export interface StaticRoute {
  readonly prefix: string;
  /** Absent: a blackhole. */
  readonly via?: string;
  readonly origin: string;
}

export interface PrefixSet {
  readonly name: string;
  readonly comment: string;
  readonly entries: readonly { readonly match: string; readonly origin: string }[];
}

export interface Policy {
  readonly name: string;
  readonly comment: string;
  readonly rules: readonly Rule[];
}

/** Either `action` or `call` is there. */
export interface Rule {
  readonly match?: Match;
  readonly set?: Edits;
  readonly action?: "accept" | "reject" | "continue";
  readonly call?: string;
  readonly comment?: string;
}

export interface Match {
  readonly prefixes?: string;
  readonly prefixSets?: string | readonly string[];
  readonly source?: string | readonly string[];
  readonly peerType?: "ebgp" | "ibgp";
  readonly interface?: string | readonly string[];
  readonly communities?: string;
  readonly largeCommunities?: string;
  readonly asPath?: { readonly startsWith: readonly number[] };
  readonly nextHops?: string | readonly string[];
  readonly localPref?: number | string;
  readonly metric?: number | string;
  readonly not?: Match;
}

export interface Edits {
  readonly preference?: number;
  readonly localPref?: number | string;
  readonly metric?: number | string;
  readonly addCommunities?: readonly string[];
  readonly addLargeCommunities?: readonly string[];
  readonly prepend?: readonly number[];
  readonly device?: string;
  readonly onlink?: boolean;
}

/** Keys that peers share; each peer's own go before them. */
export interface PeerGroup {
  readonly name: string;
  readonly comment: string;
  readonly family: Family;
  readonly asn?: number;
  readonly port?: number;
  readonly localAddress?: string;
  /** Of two ends the one with the lesser address, as text, connects. */
  readonly passiveByAddress: boolean;
  readonly import: string;
  readonly export: string;
  /** Whole seconds. */
  readonly restartTime?: number;
  readonly password?: string;
  readonly held?: string;
}

export interface Peer {
  readonly session: Session;
  readonly group: PeerGroup;
  readonly import: string;
  readonly export: string;
}

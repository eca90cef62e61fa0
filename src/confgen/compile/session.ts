/** A BGP session as Calico's resources ask for it, before it is written as a peer of the configuration. */
import type { Family } from "../../ip/address.ts";

export interface Session {
  /** BIRD's name: `Mesh_10_0_0_2`, `Global_10_0_0_1_port_180`, `Node_fd00__2`, `Local_Workload_10_65_0_2`. */
  readonly name: string;
  readonly kind: "mesh" | "global" | "node" | "workload";
  readonly family: Family;
  /** Canonical text. */
  readonly address: string;
  readonly port?: number;
  readonly asn: number;
  readonly localAsn?: number;
  /** By the effective local AS. */
  readonly internal: boolean;
  readonly passive: boolean;
  readonly sourceAddress?: string;
  readonly reflectorClient: boolean;
  /** Whole seconds. */
  readonly restartTime?: number;
  readonly keepaliveTime?: number;
  readonly ttlSecurity?: number;
  readonly nextHop: "auto" | "self" | "keep";
  readonly allowOwnAs: number;
  readonly password?: string;
  /** Names of BGPFilters, in their order, as the BGPPeer lists them; policies decide what exists. */
  readonly filters: readonly string[];
  /** Gateway of a static host route to the peer. */
  readonly reachableBy?: string;
  /** Why the session is held down, in a sentence. */
  readonly held?: string;
  /** What it comes from, as `BGPPeer/tor-a, Node/n2`. */
  readonly origin: string;
}

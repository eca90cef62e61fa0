import type { PathAttributes } from "../bgp/path-attributes.ts";
import { NO_METRIC, type RouteFacts } from "./types.ts";

/** Stands in for attributes that a policy does not read, so that they need not be decoded. */
export const NO_ATTRIBUTES: PathAttributes = {
  origin: 0,
  asPath: [],
  atomicAggregate: false,
  communities: [],
  largeCommunities: [],
  extendedCommunities: [],
  clusterList: [],
  opaque: [],
};

export const NO_INTERFACES: readonly string[] = [];

/** A RouteFacts to be reused from route to route, before the first one. */
export function noRoute(): RouteFacts {
  return {
    family: "ipv4",
    prefixBytes: new Uint8Array(16),
    prefixAt: 0,
    prefixLength: 0,
    source: "bgp",
    fromPeer: "",
    fromPeerType: undefined,
    peerType: undefined,
    interfaces: NO_INTERFACES,
    attributes: NO_ATTRIBUTES,
    preference: 0,
    localPref: 0,
    metric: NO_METRIC,
  };
}

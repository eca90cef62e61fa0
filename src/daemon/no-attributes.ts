import type { PathAttributes } from "../bgp/path-attributes.ts";

/** Stands in a reused RouteFacts until the first route fills it. */
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

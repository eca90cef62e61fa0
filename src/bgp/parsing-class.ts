/** Set in the id of classes of sessions on which a route with LLGR_STALE is the least preferred (RFC 9494 §4.3). */
export const LONG_LIVED_CLASS = 0x4000_0000;

/**
 * What alters how an UPDATE is read. Sessions whose classes have the same id share interned attribute sets.
 * Classes are few (internal × AS width × interface of link-local next hops × path identifiers) and numbered by who
 * creates them.
 */
export interface ParsingClass {
  /** Small, and the same for classes that read attributes alike; part of the key under which sets are interned. */
  readonly id: number;
  /** iBGP: LOCAL_PREF, ORIGINATOR_ID and CLUSTER_LIST count; from an external peer they are discarded (RFC 7606 §7). */
  readonly internal: boolean;
  /** Both sides sent capability 65: ASes are four octets wide (RFC 6793). */
  readonly fourOctetAs: boolean;
  /** Interface that scopes link-local next hops of this session; 0 when there is none. */
  readonly ifindex: number;
  /** AS_SET is accepted in AS_PATH; by default it is treat-as-withdraw (RFC 9774). */
  readonly allowAsSets?: boolean;
  /** The peer sends path identifiers with NLRI of the family (RFC 7911). */
  readonly addPathIpv4?: boolean;
  readonly addPathIpv6?: boolean;
  /** IPv4 NLRI may have an IPv6 next hop (RFC 8950). */
  readonly extendedNextHop?: boolean;
}

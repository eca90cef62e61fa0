/** What our policies make of a route of BIRD's, told in BIRD's terms. */

import type { HypotheticalRoute } from "../../../src/config/hypothetical-route.ts";
import type { Config, PeerConfig } from "../../../src/config/model.ts";
import { createPolicyTest, type Direction } from "../../../src/control/policy-test.ts";
import { parseAddress } from "../../../src/ip/address.ts";
import { parsePrefix } from "../../../src/ip/prefix.ts";
import { NO_METRIC, type RouteSource } from "../../../src/policy/types.ts";
import type { BirdRoute, Judgement, RouteSourceName } from "./bird-interpreter.ts";

const SOURCE: Readonly<Record<RouteSourceName, RouteSource>> = {
  RTS_DEVICE: "direct",
  RTS_STATIC: "static",
  RTS_INHERIT: "kernel",
  RTS_BGP: "bgp",
};

/** BIRD gives it to every route that comes without LOCAL_PREF. */
export const DEFAULT_LOCAL_PREF = 100;

export function createOurJudge(
  config: Config,
  direction: Direction,
  peer: PeerConfig | undefined,
): (route: BirdRoute) => Judgement {
  const test = createPolicyTest(config, direction, peer);
  return (route) => {
    const { verdict, changes } = test(ours(route));
    const changed: Record<string, unknown> = { ...route };
    for (const { attribute, after } of changes) {
      const read = CHANGES[attribute];
      if (!read) throw new Error(`BIRD has no ${attribute}`);
      Object.assign(changed, read(after));
    }
    return { verdict, route: changed as unknown as BirdRoute };
  };
}

const CHANGES: Readonly<Record<string, (after: unknown) => Partial<BirdRoute>>> = {
  localPref: (after) => ({ bgp_local_pref: after as number }),
  metric: (after) => ({ krt_metric: after as number }),
  preference: (after) => ({ preference: after as number }),
  asPath: (after) => ({ bgp_path: String(after).split(" ").filter(Boolean).map(Number) }),
  communities: (after) => ({ bgp_community: (after as string[]).toSorted() }),
  largeCommunities: (after) => ({ bgp_large_community: (after as string[]).toSorted() }),
  device: (after) => ({ krt_tunnel: after as string }),
  // With the device it makes what BIRD's tunnel does.
  onlink: () => ({}),
};

function ours(route: BirdRoute): HypotheticalRoute {
  const source = SOURCE[route.source];
  const nextHop = route.bgp_next_hop === undefined ? undefined : parseAddress(route.bgp_next_hop);
  return {
    prefix: parsePrefix(route.net)!,
    source,
    peer: undefined,
    fromPeerType: undefined,
    interfaces: route.ifname === undefined ? [] : [route.ifname],
    attributes: {
      origin: source === "kernel" ? 2 : 0,
      asPath: route.bgp_path.length === 0 ? [] : [{ kind: "sequence", asns: route.bgp_path }],
      ...(nextHop && { nextHop }),
      ...(route.bgp_local_pref !== undefined && { localPref: route.bgp_local_pref }),
      atomicAggregate: false,
      communities: route.bgp_community.map((text) => words(text).reduce((high, low) => ((high << 16) | low) >>> 0)),
      largeCommunities: route.bgp_large_community.flatMap(words),
      extendedCommunities: [],
      clusterList: [],
      opaque: [],
    },
    preference: route.preference,
    metric: route.krt_metric ?? NO_METRIC,
  };
}

function words(community: string): number[] {
  return community.split(":").map(Number);
}

/** What our policies make of a route of BIRD's, told in BIRD's terms. */
import type { Config, PeerConfig } from "../../../src/config/model.ts";
import { isInternal } from "../../../src/config/own-as.ts";
import { createCompiler } from "../../../src/policy/compile.ts";
import type { Edits } from "../../../src/policy/edits.ts";
import { noRoute } from "../../../src/policy/no-route.ts";
import { peerTypeOf } from "../../../src/policy/peer-type.ts";
import { NO_METRIC, type RouteFacts, type RouteSource } from "../../../src/policy/types.ts";
import type { BirdRoute, Judgement, RouteSourceName } from "./bird-interpreter.ts";
import { addressOfText, prefixOfText } from "./texts.ts";

const SOURCE: Readonly<Record<RouteSourceName, RouteSource>> = {
  RTS_DEVICE: "direct",
  RTS_STATIC: "static",
  RTS_INHERIT: "kernel",
  RTS_BGP: "bgp",
};

/** BIRD gives it to every route that comes without LOCAL_PREF. */
export const DEFAULT_LOCAL_PREF = 100;

/** The peer is undefined for the kernel. */
export function createOurJudge(
  config: Config,
  direction: "import" | "export" | "kernel",
  peer: PeerConfig | undefined,
): (route: BirdRoute) => Judgement {
  const internal = peer !== undefined && isInternal(config.router, peer);
  const named = direction === "kernel" || peer === undefined ? config.kernel.export : peer[direction];
  const type = peer && peerTypeOf(!internal, peer.routeReflectorClient);
  return createOurJudgeOf(config, named ?? (internal ? "accept" : "reject"), type);
}

/** By the name of a policy, for a session of the kind. */
export function createOurJudgeOf(
  config: Config,
  name: string,
  peerType: RouteFacts["peerType"],
): (route: BirdRoute) => Judgement {
  const byName = new Map(config.policies.map((policy) => [policy.name, policy]));
  const policy = createCompiler((each) => byName.get(each))(name);
  return (route) => {
    const facts = known.get(route) ?? factsOf(route);
    known.set(route, facts);
    facts.peerType = peerType;
    const { accepted, edits } = policy.evaluate(facts);
    return { verdict: accepted ? "accept" : "reject", route: edits ? edited(route, edits) : route };
  };
}

const KNOWN = [
  "localPref",
  "metric",
  "preference",
  "prepend",
  "addCommunities",
  "addLargeCommunities",
  "device",
  "onlink",
];

function edited(route: BirdRoute, edits: Edits): BirdRoute {
  for (const [key, value] of Object.entries(edits))
    if (value !== undefined && !KNOWN.includes(key)) throw new Error(`BIRD has no ${key}`);
  const { localPref, metric, preference, prepend = [], device, onlink } = edits;
  // The gateway beyond the device is what BIRD's tunnel means.
  if (device !== undefined && onlink !== true) throw new Error("a device without onlink");
  const communities = (edits.addCommunities ?? []).map((value) => `${value >>> 16}:${value & 0xffff}`);
  const large = (edits.addLargeCommunities ?? []).map((parts) => parts.join(":"));
  return {
    ...route,
    ...(localPref !== undefined && { bgp_local_pref: localPref }),
    ...(metric !== undefined && { krt_metric: metric }),
    ...(preference !== undefined && { preference }),
    ...(device !== undefined && { krt_tunnel: device }),
    bgp_path: [...prepend, ...route.bgp_path],
    bgp_community: [...new Set([...route.bgp_community, ...communities])],
    bgp_large_community: [...new Set([...route.bgp_large_community, ...large])],
  };
}

/** The same routes pass many policies. */
const known = new WeakMap<BirdRoute, RouteFacts>();

function factsOf(route: BirdRoute): RouteFacts {
  const source = SOURCE[route.source];
  const { family, bytes, length } = prefixOfText(route.net);
  const nextHop = route.bgp_next_hop === undefined ? undefined : addressOfText(route.bgp_next_hop);
  return {
    ...noRoute(),
    family,
    prefixBytes: bytes,
    prefixLength: length,
    source,
    fromPeer: source === "bgp" ? "somebody" : "",
    fromPeerType: source === "bgp" ? "ibgp" : undefined,
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
    localPref: route.bgp_local_pref ?? DEFAULT_LOCAL_PREF,
    metric: route.krt_metric ?? NO_METRIC,
  };
}

function words(community: string): number[] {
  return community.split(":").map(Number);
}

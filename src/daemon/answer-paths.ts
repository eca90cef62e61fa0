/** One path as an answer: what the tables hold about it, in words and stable names. */
import { formatAsPath, formatCommunity, formatExtendedCommunity, formatLargeCommunities } from "../bgp/format.ts";
import type { PathAttributes } from "../bgp/path-attributes.ts";
import type { PathAnswer } from "../control/answers.ts";
import { type Family, formatAddress, formatOctets, formatQuad } from "../ip/address.ts";
import type { PrefixRow } from "../ip/prefix-table.ts";
import { NO_METRIC } from "../policy/types.ts";
import { FIRST_PEER, type PathRow, type PeerId, REJECT, type SetHandle } from "../rib/types.ts";
import { staleAnswer } from "./answer-peer.ts";
import type { Core } from "./core.ts";

const ORIGINS = ["igp", "egp", "incomplete"] as const;

export const REJECT_REASON: Record<number, string> = {
  [REJECT.policy]: "the import policy rejects it",
  [REJECT.noPolicy]: "no import policy is configured, and external peers need one (RFC 8212)",
  [REJECT.asLoop]: "our own AS is in its AS_PATH",
  [REJECT.originatorLoop]: "its ORIGINATOR_ID is our own identifier",
  [REJECT.clusterLoop]: "our cluster id is in its CLUSTER_LIST",
  [REJECT.martianNextHop]: "its next hop is no unicast address",
  [REJECT.ownNextHop]: "its next hop is an address of ours",
  [REJECT.martianPrefix]: "its prefix is multicast, reserved, loopback or link-local",
  [REJECT.firstAs]: "its AS_PATH does not begin with the peer's AS",
};

export function formatRow(core: Core, family: Family, row: PrefixRow): string {
  const { prefixes } = core.ribs[family];
  const bytes = new Uint8Array(family === "ipv4" ? 4 : 16);
  prefixes.writeAddress(row, bytes, 0);
  return `${formatOctets(bytes)}/${prefixes.length(row)}`;
}

export function pathAnswer(
  core: Core,
  family: Family,
  row: PrefixRow,
  path: PathRow,
  shared: ReadonlySet<PathRow>,
): PathAnswer {
  const rib = core.ribs[family];
  const out = rib.pathSetOut(path);
  const best = rib.best(row) === path;
  const answer = setAnswer(core, rib.pathPeer(path), out > 0 ? out : rib.pathSetIn(path));
  return {
    ...answer,
    best,
    multipath: !best && shared.has(path),
    pathId: rib.pathId(path),
    stale: staleOf(core, family, path),
    rejected: out > 0 ? null : { code: out as never, reason: REJECT_REASON[out] ?? `code ${out}` },
  };
}

function staleOf(core: Core, family: Family, path: PathRow): PathAnswer["stale"] {
  const rib = core.ribs[family];
  const id = rib.pathPeer(path);
  if (id < FIRST_PEER || !rib.isStale(path)) return null;
  const peer = core.peers.get(core.peerTable.facts(id)!.name);
  return peer?.id === id ? staleAnswer(core, peer, family) : null;
}

/** The answer for an attribute set of a peer, whether it is a path's or one announced. */
export function setAnswer(core: Core, peer: PeerId, set: SetHandle): PathAnswer {
  const { sets, nextHops, peerTable, interfaces } = core;
  const attributes = sets.attributes(set);
  const facts = peerTable.facts(peer);
  const hop = sets.nextHop(set);
  const resolution = nextHops.resolution(hop);
  const address = nextHops.address(hop);
  const metric = sets.metric(set);
  return {
    best: false,
    multipath: false,
    source: facts?.source ?? "bgp",
    peer: peer >= FIRST_PEER ? (facts?.name ?? null) : null,
    peerAddress: facts?.address ? formatAddress(facts.address) : null,
    pathId: 0,
    nextHop: address ? formatAddress(address) : null,
    via: resolution.hops.map((h) => ({
      gateway: h.gateway ? formatAddress(h.gateway) : null,
      interface: h.ifindex === 0 ? null : interfaces.name(h.ifindex),
    })),
    reachable: resolution.reachable,
    preference: sets.preference(set),
    metric: metric === NO_METRIC ? null : metric,
    ...attributesAnswer(attributes),
    stale: null,
    rejected: null,
  };
}

/** What attributes say by themselves, as received or as announced. */
export function attributesAnswer(attributes: PathAttributes) {
  return {
    localPref: attributes.localPref ?? null,
    asPath: formatAsPath(attributes.asPath),
    origin: ORIGINS[attributes.origin] ?? "incomplete",
    med: attributes.med ?? null,
    communities: attributes.communities.map(formatCommunity),
    largeCommunities: formatLargeCommunities(attributes.largeCommunities),
    extendedCommunities: attributes.extendedCommunities.map(formatExtendedCommunity),
    originatorId: attributes.originatorId === undefined ? null : formatQuad(attributes.originatorId),
    clusterList: attributes.clusterList.map(formatQuad),
    atomicAggregate: attributes.atomicAggregate,
    aggregator: attributes.aggregator ? `${attributes.aggregator.asn} ${formatQuad(attributes.aggregator.id)}` : null,
  } as const;
}

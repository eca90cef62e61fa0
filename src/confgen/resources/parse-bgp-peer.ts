import type { z } from "zod";
import { formatAddress } from "../../ip/address.ts";
import { present } from "../datastore/json.ts";
import {
  choice,
  field,
  flag,
  list,
  mapping,
  optionalSection,
  section,
  wholeNumber,
  wholeNumberOf,
  words,
} from "./fields.ts";
import type { BgpPeerResource } from "./model.ts";
import { type Complain, createParser } from "./parsed.ts";
import { asn, duration, isHostAddress, readAddress, selector } from "./scalars.ts";
import { secretRef } from "./secret-ref.ts";

type Remote = BgpPeerResource["peer"];
type RemoteAddress = Extract<Remote, { by: "address" }>;

/** `address`, `a.b.c.d:port` or `[address]:port`. */
function readPeerIp(text: string): RemoteAddress | undefined {
  const parts = /^\[([^\]]*:[^\]]*)\]:(\d+)$/.exec(text) ?? /^([\d.]+):(\d+)$/.exec(text);
  const address = readAddress(parts ? parts[1]! : text);
  if (!address || !isHostAddress(address)) return undefined;
  const port = parts ? wholeNumberOf(parts[2]!, 1, 65535) : undefined;
  if (parts && port === undefined) return undefined;
  return {
    by: "address",
    family: address.family,
    address: formatAddress(address),
    ...(port !== undefined && { port }),
  };
}

const spec = {
  node: words("the name of a node", 253),
  nodeSelector: selector,
  peerIP: field("an address of a host, as 10.0.0.1, 10.0.0.1:180, fd00::1 or [fd00::1]:180", readPeerIp),
  asNumber: asn,
  peerSelector: selector,
  localWorkloadSelector: selector,
  keepOriginalNextHop: flag,
  nextHopMode: choice(["Auto", "Self", "Keep"]),
  localASNumber: asn,
  password: optionalSection({ secretKeyRef: secretRef }),
  sourceAddress: choice(["UseNodeIP", "None"]),
  maxRestartTime: duration,
  keepaliveTime: duration,
  numAllowedLocalASNumbers: wholeNumber(0, 0x7fffffff),
  ttlSecurity: wholeNumber(0, 255),
  reachableBy: field("an IP address", readAddress),
  filters: list(words("the name of a BGPFilter", 253)),
  reversePeering: choice(["Auto", "Manual"]),
};
const bgpPeer = mapping({ spec: section(spec) });
type Spec = z.output<typeof bgpPeer>["spec"];

/** calico-bgp.md 1.2. */
export const parseBgpPeer = createParser(bgpPeer, (name, { spec }, complain): BgpPeerResource => {
  if (spec.node !== undefined && spec.nodeSelector)
    complain("spec", "has both node and nodeSelector; only one can say where the peering is");
  const peer = remoteOf(spec, complain);
  if (peer?.by === "selector" && spec.asNumber !== undefined)
    complain("spec.asNumber", "cannot stand beside peerSelector: the AS numbers are those of the nodes");
  if (peer && peer.by !== "selector" && spec.asNumber === undefined)
    complain("spec.asNumber", `is needed beside ${peer.by === "address" ? "peerIP" : "localWorkloadSelector"}`);
  const { reachableBy } = spec;
  if (reachableBy && peer && (peer.by !== "address" || peer.family !== reachableBy.family))
    complain("spec.reachableBy", "needs a peerIP of its own address family");
  return {
    kind: "BGPPeer",
    name,
    // What has none is complained of, and never becomes a resource.
    peer: peer as Remote,
    keepOriginalNextHop: spec.keepOriginalNextHop ?? false,
    sourceAddress: spec.sourceAddress ?? "UseNodeIP",
    numAllowedLocalAsNumbers: spec.numAllowedLocalASNumbers ?? 0,
    filters: spec.filters ?? [],
    reversePeering: spec.reversePeering ?? "Auto",
    ...present({
      node: spec.node,
      nodeSelector: spec.nodeSelector,
      asn: spec.asNumber,
      nextHopMode: spec.nextHopMode,
      localAsn: spec.localASNumber,
      password: spec.password?.secretKeyRef,
      maxRestartTime: spec.maxRestartTime,
      // Nothing is what BIRD takes for a third of the hold time.
      keepaliveTime: spec.keepaliveTime || undefined,
      ttlSecurity: spec.ttlSecurity || undefined,
      reachableBy: reachableBy && formatAddress(reachableBy),
    }),
  };
});

function remoteOf(spec: Spec, complain: Complain): Remote | undefined {
  const remotes: [string, Remote][] = [];
  if (spec.peerIP) remotes.push(["peerIP", spec.peerIP]);
  if (spec.peerSelector) remotes.push(["peerSelector", { by: "selector", selector: spec.peerSelector }]);
  if (spec.localWorkloadSelector)
    remotes.push(["localWorkloadSelector", { by: "localWorkload", selector: spec.localWorkloadSelector }]);
  if (remotes.length === 1) return remotes[0]![1];
  const which = remotes.map(([key]) => key).join(" and ");
  complain(
    "spec",
    remotes.length === 0
      ? "says no peer: one of peerIP, peerSelector and localWorkloadSelector is needed"
      : `has ${which}; only one can say who the peer is`,
  );
  return undefined;
}

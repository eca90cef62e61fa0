/** What a BGPPeer says for its sessions, as far as the release knew it and BGP has room for it. */
import type { Finding } from "../finding.ts";
import type { BgpPeerResource } from "../resources/model.ts";
import {
  allowOwnAs,
  keepaliveTime,
  restartTime,
  type SessionContext,
  type SessionOptions,
  sayOf,
  ttlSecurity,
} from "./candidate.ts";
import { newerField } from "./cluster.ts";
import type { CalicoVersion } from "./input.ts";
import { addressFault, isMulticastText } from "./node-index.ts";

export interface PeerOptions {
  /** For all of its sessions. */
  readonly shared: SessionOptions;
  /** For the one of its `peerIP`. */
  readonly single: Pick<SessionOptions, "localAsn" | "allowOwnAs" | "reachableBy">;
}

/** Undefined: no session can come from it. */
export function peerOptions(context: SessionContext, resource: BgpPeerResource): PeerOptions | undefined {
  const { input, passwords, findings } = context;
  const owner = `BGPPeer/${resource.name}`;
  findings.push(...newerFields(resource, input.version), ...vainFields(resource, input.version));
  const since = (version: CalicoVersion) => input.version >= version;
  const say = sayOf(owner, findings);
  if (resource.keepOriginalNextHop && resource.nextHopMode !== undefined && since(31)) {
    const message = `nextHopMode ${resource.nextHopMode} makes keepOriginalNextHop count for nothing: only one of both should be there`;
    findings.push({ severity: "warning", code: "next-hop-twice", resource: owner, message });
  }
  const localAsn = since(31) ? resource.localAsn : undefined;
  const common = { resource: owner, origin: owner, filters: resource.filters };
  if (resource.peer.by === "localWorkload") {
    if (!since(31)) return undefined;
    const shared: SessionOptions = {
      ...common,
      kind: "workload",
      credential: {},
      useNodeAddress: false,
      passive: "always",
      localAsn,
      keepOriginalNextHop: false,
      allowOwnAs: 0,
    };
    return { shared, single: shared };
  }
  const shared: SessionOptions = {
    ...common,
    kind: resource.node === undefined && !resource.nodeSelector ? "global" : "node",
    credential: passwords.of(resource.password, owner),
    useNodeAddress: resource.sourceAddress === "UseNodeIP",
    passive: "never",
    restartTime: restartTime(resource.maxRestartTime, "maxRestartTime", say),
    keepaliveTime: since(32) ? keepaliveTime(resource.keepaliveTime, say) : undefined,
    ttlSecurity: ttlSecurity(resource.ttlSecurity, say),
    nextHopMode: since(31) ? resource.nextHopMode : undefined,
    keepOriginalNextHop: resource.keepOriginalNextHop,
    allowOwnAs: 0,
  };
  if (resource.peer.by === "selector") return { shared, single: shared };
  const single = {
    localAsn,
    allowOwnAs: allowOwnAs(resource.numAllowedLocalAsNumbers, say),
    reachableBy: gateway(resource, owner, findings),
  };
  return { shared, single };
}

function gateway({ reachableBy }: BgpPeerResource, owner: string, findings: Finding[]): string | undefined {
  const fault = reachableBy === undefined ? undefined : addressFault(reachableBy);
  if (fault === undefined || isMulticastText(reachableBy!)) return reachableBy;
  const message = `reachableBy cannot be used: ${fault}; there is no static route to the peer`;
  findings.push({ severity: "error", code: "address-unusable", resource: owner, message });
  return undefined;
}

function newerFields(resource: BgpPeerResource, version: CalicoVersion): Finding[] {
  const newer: [field: string, since: CalicoVersion, set: boolean][] = [
    ["localWorkloadSelector", 31, resource.peer.by === "localWorkload"],
    ["localASNumber", 31, resource.localAsn !== undefined],
    ["nextHopMode", 31, resource.nextHopMode !== undefined],
    ["reversePeering Manual", 31, resource.reversePeering === "Manual"],
    ["keepaliveTime", 32, resource.keepaliveTime !== undefined],
  ];
  return newer
    .filter(([, since, set]) => set && version < since)
    .map(([field, since]) => newerField(`BGPPeer/${resource.name}`, field, since, version));
}

/** What the kind of peer has no use for, as upstream (calico-bgp.md 3.4). */
function vainFields(resource: BgpPeerResource, version: CalicoVersion): Finding[] {
  const { peer, localAsn, numAllowedLocalAsNumbers } = resource;
  if (peer.by === "address" || (peer.by === "localWorkload" && version < 31)) return [];
  const ofPod = peer.by === "localWorkload";
  const fields: [field: string, set: boolean][] = [
    ["localASNumber", !ofPod && version >= 31 && localAsn !== undefined],
    ["numAllowedLocalASNumbers", numAllowedLocalAsNumbers > 0],
    ["password", ofPod && resource.password !== undefined],
    ["ttlSecurity", ofPod && resource.ttlSecurity !== undefined],
    ["maxRestartTime", ofPod && resource.maxRestartTime !== undefined],
    ["keepaliveTime", ofPod && version >= 32 && resource.keepaliveTime !== undefined],
    ["nextHopMode", ofPod && resource.nextHopMode !== undefined],
    ["keepOriginalNextHop", ofPod && resource.keepOriginalNextHop],
  ];
  const beside = ofPod ? "localWorkloadSelector" : "peerSelector";
  return fields
    .filter(([, set]) => set)
    .map(([field]) => ({
      severity: "warning",
      code: "field-in-vain",
      resource: `BGPPeer/${resource.name}`,
      message: `${field} has no effect beside ${beside}: its sessions are without it`,
    }));
}

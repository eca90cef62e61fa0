/** Pods of our node that are BGP peers (calico-bgp.md 3.5). */
import { FAMILIES } from "../../ip/address.ts";
import type { BgpPeerResource } from "../resources/model.ts";
import { type Candidate, candidate, type SessionContext, type SessionOptions } from "./candidate.ts";
import { faultFinding } from "./faults.ts";
import { addressFault } from "./node-index.ts";

/** One for each address of the pods that name the BGPPeer. */
export function workloadCandidates(
  context: SessionContext,
  { name, asn }: BgpPeerResource,
  options: SessionOptions,
): Candidate[] {
  const found: Candidate[] = [];
  if (asn === undefined) return found;
  for (const [file, { value }] of context.input.resources.Workload) {
    if (value?.bgpPeer !== name) continue;
    for (const family of FAMILIES) {
      const address = value[family];
      if (address === undefined) continue;
      const fault = addressFault(address);
      if (fault !== undefined) {
        const message = `Its address cannot be used for BGP: ${fault}; no session goes to it`;
        context.findings.push({ severity: "error", code: "address-unusable", resource: `Workload/${file}`, message });
        continue;
      }
      const made = candidate(context, options, { family, address, asn }, `${options.origin}, Workload/${file}`);
      if (made) found.push(made);
    }
  }
  return found;
}

/** Says which pods are to be peers and are not. */
export function checkWorkloads({ input, findings }: SessionContext): void {
  const { BGPPeer, Workload } = input.resources;
  for (const [file, entry] of Workload) {
    const fault = faultFinding("Workload", file, entry, "no session goes to it");
    if (fault) findings.push(fault);
    const wanted = entry.value?.bgpPeer;
    if (wanted === undefined) continue;
    const peer = BGPPeer.get(wanted);
    // What is wrong with an invalid BGPPeer is said already.
    if (peer && (!peer.value || peer.value.peer.by === "localWorkload")) continue;
    const why = peer ? "which has no localWorkloadSelector" : "which does not exist";
    const message = `It names BGPPeer/${wanted}, ${why}: no session goes to it`;
    findings.push({ severity: "warning", code: "workload-without-peer", resource: `Workload/${file}`, message });
  }
}

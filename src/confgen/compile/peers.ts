/** Sessions of BGPPeers: where the resource denotes our node, and mirrored where it points to it (calico-bgp.md 3.4). */
import type { BgpPeerResource } from "../resources/model.ts";
import { type Candidate, candidate, endsAt, type SessionContext, type SessionOptions } from "./candidate.ts";
import { faultFinding } from "./faults.ts";
import type { CalicoVersion } from "./input.ts";
import { addressFault, isMulticastText, type NodeRow } from "./node-index.ts";
import { type PeerOptions, peerOptions } from "./peer-options.ts";
import { workloadCandidates } from "./workloads.ts";

/**
 * In order of precedence: those of global BGPPeers, of node-specific ones, and mirrors; of each the first by name, so that
 * what upstream leaves to chance depends on the resources only.
 */
export function peerCandidates(context: SessionContext): Candidate[] {
  const global: Candidate[] = [];
  const specific: Candidate[] = [];
  const mirrors: Candidate[] = [];
  for (const [name, entry] of context.input.resources.BGPPeer) {
    const fault = faultFinding("BGPPeer", name, entry, "no session comes from it");
    if (fault) context.findings.push(fault);
    if (!entry.value) continue;
    const here = denotesUs(context, entry.value);
    const mirrored = pointsToUs(context, entry.value);
    const options = here || mirrored ? peerOptions(context, entry.value) : undefined;
    if (!options) continue;
    if (here) append(isGlobal(entry.value) ? global : specific, forward(context, entry.value, options));
    if (mirrored) append(mirrors, mirror(context, entry.value, options.shared));
  }
  append(global, specific);
  append(global, mirrors);
  return global;
}

function isGlobal({ node, nodeSelector }: BgpPeerResource): boolean {
  return node === undefined && !nodeSelector;
}

function append<T>(to: T[], from: readonly T[]): void {
  for (const each of from) to.push(each);
}

/** Whether the local part of the resource is our node, or among others our node. */
function denotesUs({ facts }: SessionContext, { nodeSelector, node }: BgpPeerResource): boolean {
  return nodeSelector ? nodeSelector.matches(facts.own.labels) : node === undefined || node === facts.own.name;
}

/** Before 3.31 every peering had its mirror. */
function isMirrored(reversePeering: BgpPeerResource["reversePeering"], version: CalicoVersion): boolean {
  return reversePeering === "Auto" || version < 31;
}

/** Whether the remote part is our node, so that it has the same peering the other way round. */
function pointsToUs(context: SessionContext, { peer, asn, reversePeering }: BgpPeerResource): boolean {
  const { facts, input } = context;
  if (peer.by === "localWorkload" || !isMirrored(reversePeering, input.version)) return false;
  if (peer.by === "selector") return peer.selector.matches(facts.own.labels);
  return nodesAt(context, peer.address, asn, peer.port).some(({ name }) => name === facts.own.name);
}

/** The Calico nodes that an address and an AS number denote, and a port, where one is given. */
function nodesAt(
  { index, facts }: SessionContext,
  address: string,
  asn: number | undefined,
  port?: number,
): readonly NodeRow[] {
  return index
    .at(address)
    .filter((row) => (row.asn ?? facts.defaultAsn) === asn && mayListenOn(row.port, port, facts.defaultListenPort));
}

/**
 * As upstream compares: both listen ports must be the given one, where they are set, although the node's own alone counts
 * for where it listens. A node without either passes with any port, as one behind a translated port would need.
 */
function mayListenOn(own: number | undefined, given: number | undefined, fallback: number | undefined): boolean {
  if (given === undefined) return true;
  return (own === undefined || own === given) && (fallback === undefined || fallback === given);
}

function forward(context: SessionContext, resource: BgpPeerResource, options: PeerOptions): readonly Candidate[] {
  const { peer, name } = resource;
  switch (peer.by) {
    case "localWorkload":
      return workloadCandidates(context, resource, options.shared);
    case "selector":
      return toNodes(context, `forward ${name}`, resource, options.shared, context.index.matching(peer.selector));
    case "address":
      return toAddress(context, resource, options);
  }
}

/** A Node_ peering to every node that the local part denotes, over the family of `peerIP`, or over both. */
function mirror(context: SessionContext, resource: BgpPeerResource, forth: SessionOptions): readonly Candidate[] {
  const { nodeSelector, node, name } = resource;
  const { index } = context;
  const options: SessionOptions = { ...forth, kind: "node", origin: `${forth.resource} mirrored` };
  if (nodeSelector) return toNodes(context, `mirror ${name}`, resource, options, index.matching(nodeSelector));
  if (node === undefined) return toNodes(context, `mirror ${name}`, resource, options, index.all);
  const row = index.named(node);
  return row ? toNodes(context, `mirror ${name}`, resource, options, [row]) : [];
}

function toNodes(
  context: SessionContext,
  memoName: string,
  resource: BgpPeerResource,
  options: SessionOptions,
  rows: readonly NodeRow[],
): Candidate[] {
  const { memo, stamp, facts } = context;
  const { password, held } = options.credential;
  const family = resource.peer.by === "address" ? resource.peer.family : undefined;
  const made = memo.of(memoName, [stamp, resource, password, held]);
  const found: Candidate[] = [];
  for (const row of rows) {
    if (row.name === facts.own.name) continue;
    let ofRow = made.get(row);
    if (!ofRow) {
      ofRow = endsAt(row, context, family).flatMap((end) => {
        const one = candidate(context, options, end, `${options.origin}, Node/${row.name}`, row.name);
        return one ? [one] : [];
      });
      made.set(row, ofRow);
    }
    append(found, ofRow);
  }
  return found;
}

/** The session of a `peerIP`. */
function toAddress(context: SessionContext, resource: BgpPeerResource, { shared, single }: PeerOptions): Candidate[] {
  const { peer, asn } = resource;
  const { index, facts, findings } = context;
  if (peer.by !== "address" || asn === undefined) return [];
  const { family, address } = peer;
  const fault = addressFault(address);
  if (fault !== undefined && isMulticastText(address)) {
    const message = `peerIP: ${fault}; its session can only try in vain`;
    findings.push({ severity: "warning", code: "address-unusable", resource: shared.resource, message });
  } else if (fault !== undefined) {
    const message = `peerIP cannot be used: ${fault}; no session comes from it`;
    findings.push({ severity: "error", code: "address-unusable", resource: shared.resource, message });
    return [];
  }
  const node = nodesAt(context, address, asn)[0];
  const port = peer.port ?? (node && (node.port ?? facts.defaultListenPort));
  const isNode = index.at(address).length > 0;
  checkNodeEnd(context, resource, single.localAsn);
  // Both ends of a global peering between nodes have it, so one of them waits for the other.
  const passive = shared.kind === "global" && isNode ? "byAddress" : "never";
  const made = candidate(context, { ...shared, ...single, passive }, { family, address, port, asn }, shared.origin);
  return made ? [made] : [];
}

/** Says where the far end is a node that expects other AS numbers, so that the session cannot come up. */
function checkNodeEnd(context: SessionContext, resource: BgpPeerResource, localAsn: number | undefined): void {
  const { index, facts, findings, input } = context;
  const { name, peer, asn, reversePeering } = resource;
  if (peer.by !== "address") return;
  const about = { severity: "warning", resource: `BGPPeer/${name}` } as const;
  const there = index.at(peer.address)[0];
  // Another port may well be that of another speaker.
  if (
    there &&
    there.name !== facts.own.name &&
    peer.port === undefined &&
    nodesAt(context, peer.address, asn).length === 0
  )
    findings.push({
      ...about,
      code: "other-as",
      message: `peerIP is Node/${there.name}, which is in AS ${there.asn ?? facts.defaultAsn}, not in AS ${asn}: it refuses the session`,
    });
  if (localAsn === undefined || localAsn === facts.asn || !isMirrored(reversePeering, input.version)) return;
  const mirroring = nodesAt(context, peer.address, asn, peer.port)[0];
  if (mirroring)
    findings.push({
      ...about,
      code: "mirror-other-as",
      message: `localASNumber is not part of the mirror on Node/${mirroring.name}, which expects AS ${facts.asn}, not ${localAsn}: reversePeering Manual and a BGPPeer for that node are needed`,
    });
}

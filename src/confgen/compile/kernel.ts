/** The policy of the kernel's table (calico-bgp.md 3.9). */
import { FAMILIES, type Family } from "../../ip/address.ts";
import type { ResourceView } from "../resources/view.ts";
import { within } from "./cidrs.ts";
import type { ClusterFacts } from "./cluster.ts";
import type { Policy, Rule } from "./document.ts";
import type { CalicoVersion } from "./input.ts";
import { MOST_METRIC } from "./policies.ts";
import { type Ownership, ownershipOf, type Pool } from "./pools.ts";

export const KERNEL_POLICY = "calico-kernel";
/** Prefix set of the service CIDRs, of both families. */
export const REJECT_CIDRS = "service-cidrs";
const TUNNEL = "tunl0";

export function kernelPolicy(
  facts: ClusterFacts,
  version: CalicoVersion,
  pools: readonly Pool[],
  wireguardHops: readonly string[],
  hasRejects: boolean,
): Policy {
  const rules: Rule[] = [];
  if (hasRejects)
    rules.push({ match: { prefixSets: REJECT_CIDRS }, action: "reject", comment: "services, whatever the source" });
  if (version >= 32)
    rules.push({
      match: { source: "bgp", metric: "none" },
      set: { metric: `${MOST_METRIC} - localPref` },
      action: "continue",
      comment: "the metric is what LOCAL_PREF says",
    });
  if (wireguardHops.length > 0)
    rules.push({
      match: { source: "bgp", nextHops: wireguardHops },
      action: "reject",
      comment: "other nodes with a WireGuard address: Felix routes to them",
    });
  for (const pool of pools) rules.push(...poolRules(pool, facts, ownershipOf(facts)));
  rules.push({ action: "accept" });
  return { name: KERNEL_POLICY, comment: "What is written to the kernel's table.", rules };
}

/**
 * Of IPv4 pools the first that holds a prefix decides. Of IPv6 pools there are only rejects, so that a pool within one that
 * is Felix's is Felix's too.
 */
function poolRules(pool: Pool, facts: ClusterFacts, ownership: Ownership): Rule[] {
  const prefixes = within(pool.cidr);
  const reject = (why: string): Rule[] => [
    { match: { prefixes }, action: "reject", comment: `${pool.origin}, ${why}` },
  ];
  if (pool.transport === "unknown") return reject("which was never valid");
  // Without a subnet there is no IPv4 session either, and upstream leaves all to the end.
  const subnet = facts.addresses.ipv4?.network;
  if (pool.family === "ipv4" && subnet === undefined) return [];
  if (pool.transport === "vxlan") return reject("VXLAN: Felix's");
  if (pool.transport === "plain") {
    if (!ownership.plain) return reject("no encapsulation: Felix's");
    return pool.family === "ipv6"
      ? []
      : [{ match: { prefixes }, action: "accept", comment: `${pool.origin}, no encapsulation` }];
  }
  if (!ownership.ipip) return reject("IPIP: Felix's");
  const tunnel: Rule = {
    match: { prefixes },
    set: { device: TUNNEL, onlink: true },
    action: "accept",
    comment: `${pool.origin}, IPIP`,
  };
  if (pool.transport === "ipip-always") return [tunnel];
  const direct: Rule = {
    match: { prefixes, nextHops: subnet! },
    action: "accept",
    comment: `${pool.origin}, IPIP CrossSubnet: in our own subnet`,
  };
  return [direct, tunnel];
}

/** BGP addresses of other nodes with a WireGuard address, of the families in which we have one ourselves; sorted. */
export function wireguardHops(facts: ClusterFacts, resources: ResourceView, version: CalicoVersion): readonly string[] {
  if (version < 33) return [];
  const families = FAMILIES.filter((family) => facts.own.wireguard[family] !== undefined);
  if (families.length === 0) return [];
  const hops: { readonly [F in Family]: string[] } = { ipv4: [], ipv6: [] };
  for (const { value: node } of resources.Node.values()) {
    if (!node || node.name === facts.own.name) continue;
    for (const family of families) {
      const address = node.bgp?.[family]?.address;
      if (address !== undefined && node.wireguard[family] !== undefined) hops[family].push(address);
    }
  }
  return FAMILIES.flatMap((family) => [...new Set(hops[family])].sort());
}

/** IPPools by what becomes of their routes (calico-bgp.md 1.5). */
import type { Family } from "../../ip/address.ts";
import type { Finding } from "../finding.ts";
import type { IpPoolResource } from "../resources/model.ts";
import type { Entry, ResourceView } from "../resources/view.ts";
import type { ClusterFacts } from "./cluster.ts";
import { faultFinding } from "./faults.ts";

export interface Pool {
  readonly family: Family;
  readonly cidr: string;
  /** How packets travel between nodes. Unknown: the pool was never valid. */
  readonly transport: "plain" | "ipip-always" | "ipip-cross-subnet" | "vxlan" | "unknown";
  /** Routes of the pool go to BGP peers. */
  readonly exported: boolean;
  readonly origin: string;
}

export interface Ownership {
  /** BIRD's part, hence ours, programs the routes of such pools; otherwise Felix does. */
  readonly ipip: boolean;
  readonly plain: boolean;
}

export function ownershipOf({ programClusterRoutes: who }: ClusterFacts): Ownership {
  return {
    ipip: who === "Enabled" || who === "EnabledIPIPOnly",
    plain: who === "Enabled" || who === "EnabledNoEncapOnly",
  };
}

/** In order of their CIDRs as text, which decides where pools contain each other. Of one CIDR the lowest name counts. */
export function poolsOf(resources: ResourceView, findings: Finding[]): readonly Pool[] {
  const byCidr = new Map<string, Pool>();
  for (const [name, entry] of resources.IPPool) {
    const fault = faultFinding("IPPool", name, entry, withoutForm(entry));
    if (fault) findings.push(fault);
    const pool = poolOf(name, entry);
    if (!pool) continue;
    const first = byCidr.get(pool.cidr);
    if (!first) byCidr.set(pool.cidr, pool);
    else {
      const message = `It has the CIDR ${pool.cidr} of ${first.origin}, whose name is lower: it is ignored`;
      findings.push({ severity: "warning", code: "pool-duplicate", resource: pool.origin, message });
    }
  }
  return [...byCidr.values()].sort((a, b) => (a.cidr < b.cidr ? -1 : 1));
}

function withoutForm({ cidr }: Entry<IpPoolResource>): string {
  return cidr === undefined
    ? "its CIDR is not known, so its routes are those of no pool: not announced, but programmed"
    : `routes within ${cidr} are neither announced nor programmed`;
}

function poolOf(name: string, { value, cidr }: Entry<IpPoolResource>): Pool | undefined {
  const origin = `IPPool/${name}`;
  if (value) {
    const { family, disableBgpExport } = value;
    return { family, cidr: value.cidr, transport: transportOf(value), exported: !disableBgpExport, origin };
  }
  if (cidr === undefined) return undefined;
  return { family: cidr.includes(":") ? "ipv6" : "ipv4", cidr, transport: "unknown", exported: false, origin };
}

function transportOf({ family, ipipMode, vxlanMode }: IpPoolResource): Pool["transport"] {
  if (vxlanMode !== "Never") return "vxlan";
  if (ipipMode === "Never" || family === "ipv6") return "plain";
  return ipipMode === "Always" ? "ipip-always" : "ipip-cross-subnet";
}

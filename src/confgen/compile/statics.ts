/** Static routes: our own blocks, services, and hosts to which a gateway leads (calico-bgp.md 3.10). */
import { isTrue } from "../environment.ts";
import type { Finding } from "../finding.ts";
import { familyOf, hostCidr, isHost } from "./cidrs.ts";
import type { ClusterFacts } from "./cluster.ts";
import type { StaticRoute } from "./document.ts";
import { faultFinding } from "./faults.ts";
import type { CompileInput } from "./input.ts";
import { firstOf } from "./origin.ts";
import type { ServiceRoutes } from "./services.ts";
import type { Session } from "./session.ts";

/** A block of our node, in whatever state but `pending`. */
export interface Block {
  readonly cidr: string;
  /** Announced as a whole: its state is `confirmed`, or empty. */
  readonly aggregated: boolean;
  readonly origin: string;
}

/** In order of their keys in the datastore, which have `-` for `/`. */
export function blocksOf(input: CompileInput, facts: ClusterFacts, findings: Finding[]): readonly Block[] {
  const blocks = new Map<string, Block>();
  const add = (block: Block) => {
    const known = blocks.get(block.cidr);
    if (!known || (block.aggregated && !known.aggregated)) blocks.set(block.cidr, block);
  };
  const told = input.environment.USE_POD_CIDR;
  if (told !== undefined && !isTrue(told) && !FALSE.includes(told)) {
    const message = `USE_POD_CIDR is "${told}", which is neither true nor false, and counts as false: blocks come from block affinities`;
    findings.push({ severity: "error", code: "environment-invalid", resource: "environment/USE_POD_CIDR", message });
  }
  if (isTrue(told)) {
    const origin = `Node/${facts.own.name} podCIDRs`;
    for (const cidr of facts.own.podCidrs) add({ cidr, aggregated: true, origin });
  } else
    for (const [name, entry] of input.resources.BlockAffinity) {
      const fault = faultFinding("BlockAffinity", name, entry, "its block is not announced");
      if (fault) findings.push(fault);
      const { value } = entry;
      if (!value || value.node !== input.node || value.type !== "host" || value.state === "pending") continue;
      const aggregated = value.state !== "pendingDeletion";
      add({ cidr: value.cidr, aggregated, origin: `BlockAffinity/${name}${aggregated ? "" : ", pendingDeletion"}` });
    }
  const key = ({ cidr }: Block) => cidr.replace("/", "-");
  return [...blocks.values()].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** What ParseBool takes for false, and an empty one. */
const FALSE: readonly string[] = ["", "0", "f", "F", "false", "FALSE", "False"];

/** One for each prefix; of several the last kind counts: blocks, services, hosts behind a gateway. */
export function staticRoutes(
  blocks: readonly Block[],
  services: ServiceRoutes,
  sessions: readonly Session[],
  findings: Finding[],
): readonly StaticRoute[] {
  const routes = new Map<string, StaticRoute>();
  for (const { cidr, origin } of blocks) if (!isHost(cidr)) routes.set(cidr, { prefix: cidr, origin });
  for (const { cidr, origin } of services.routes) if (!routes.has(cidr)) routes.set(cidr, { prefix: cidr, origin });
  for (const route of gatewayRoutes(sessions, findings)) {
    if (routes.has(route.prefix)) {
      const message = `${route.prefix} is a block or a service address of this node too; the route by reachableBy ${route.via} counts`;
      findings.push({ severity: "warning", code: "reachable-by-conflict", resource: firstOf(route.origin), message });
    }
    routes.set(route.prefix, route);
  }
  return [...routes.values()];
}

/** To the addresses of peers that name a gateway, those of global BGPPeers first. */
function gatewayRoutes(sessions: readonly Session[], findings: Finding[]): StaticRoute[] {
  const routes = new Map<string, StaticRoute>();
  const ordered = [
    ...sessions.filter(({ kind }) => kind === "global"),
    ...sessions.filter(({ kind }) => kind !== "global"),
  ];
  for (const { address, reachableBy, origin } of ordered) {
    if (reachableBy === undefined) continue;
    const resource = firstOf(origin);
    if (familyOf(reachableBy) !== familyOf(address)) {
      const message = `reachableBy ${reachableBy} is of another family than the peer ${address}: there is no route by it`;
      findings.push({ severity: "error", code: "reachable-by-invalid", resource, message });
      continue;
    }
    const prefix = hostCidr(address);
    const known = routes.get(prefix);
    if (!known) routes.set(prefix, { prefix, via: reachableBy, origin });
    else if (known.via !== reachableBy) {
      const message = `reachableBy ${reachableBy} differs from ${known.via} of ${firstOf(known.origin)} for the same peer address ${address}: that one counts`;
      findings.push({ severity: "warning", code: "reachable-by-conflict", resource, message });
    }
  }
  return [...routes.values()].sort((a, b) => (a.prefix < b.prefix ? -1 : 1));
}

/** Service addresses that this node announces (calico-bgp.md 1.8). */
import { parseAddress } from "../../ip/address.ts";
import { contains, formatPrefix, type Prefix, parsePrefix, prefixOf } from "../../ip/prefix.ts";
import type { Finding } from "../finding.ts";
import type { EndpointSliceResource, ServiceResource } from "../resources/model.ts";
import { hostCidr, isHost } from "./cidrs.ts";
import type { ClusterFacts } from "./cluster.ts";
import { faultFinding } from "./faults.ts";
import type { CompileInput } from "./input.ts";
import { createWatcher, type Watcher } from "./unchanged.ts";

/** Blackholes with which a node announces CIDRs and addresses. */
export interface ServiceRoute {
  readonly cidr: string;
  readonly origin: string;
}

export interface ServiceRoutes {
  /** In order of their text. */
  readonly routes: readonly ServiceRoute[];
  /** Within these nothing goes to the kernel. They stay where the node announces nothing. */
  readonly rejects: readonly ServiceRoute[];
  /** All that is configured, for reflectors. */
  readonly loadBalancer: readonly ServiceRoute[];
  readonly external: readonly ServiceRoute[];
  /** Service addresses are configured: Services and EndpointSlices count. */
  readonly active: boolean;
}

const EXCLUDE_LABEL = "node.kubernetes.io/exclude-from-external-load-balancers";
const TYPES = new Set(["", "ClusterIP", "NodePort", "LoadBalancer"]);

/** Addresses of services are worked out again only where something that they depend on is another object. */
export interface ServiceMemo {
  readonly watchers: readonly [Watcher, Watcher];
  key: string;
  /** Addresses of each Service that are configured, as long as the key is the same. */
  candidates: WeakMap<ServiceResource, readonly string[]>;
  hosts: readonly ServiceRoute[];
  findings: readonly Finding[];
}

export function createServiceMemo(): ServiceMemo {
  return { watchers: [createWatcher(), createWatcher()], key: "", candidates: new WeakMap(), hosts: [], findings: [] };
}

export function serviceRoutes(
  input: CompileInput,
  facts: ClusterFacts,
  memo: ServiceMemo,
  findings: Finding[],
): ServiceRoutes {
  const ranges = rangesOf(input, facts, findings);
  const { cluster, external, loadBalancer } = ranges;
  const rejects = [
    ...cluster,
    ...external.filter(({ cidr }) => !isHost(cidr)),
    ...(facts.serviceLoadBalancerAggregation ? loadBalancer.filter(({ cidr }) => !isHost(cidr)) : []),
  ].toSorted(byCidr);
  const active = cluster.length + external.length + loadBalancer.length > 0;
  const excluded = facts.own.labels[EXCLUDE_LABEL] === "true";
  const hosts = active && !excluded ? rememberedHosts(input, facts, ranges, memo, findings) : [];
  return {
    routes: excluded ? [] : distinct([...rejects, ...hosts]).toSorted(byCidr),
    rejects: distinct(rejects),
    loadBalancer,
    external,
    active,
  };
}

function rememberedHosts(
  input: CompileInput,
  facts: ClusterFacts,
  ranges: Ranges,
  memo: ServiceMemo,
  findings: Finding[],
): readonly ServiceRoute[] {
  const { resources, node, environment } = input;
  const cidrs = [ranges.cluster, ranges.external, ranges.loadBalancer].map((list) => list.map(({ cidr }) => cidr));
  const key = JSON.stringify([cidrs, facts.serviceLoadBalancerAggregation, node, environment.CALICO_K8S_NODE_REF]);
  const [services, slices] = memo.watchers;
  // Both are asked, for each remembers what it was asked.
  const same = [services.unchanged(resources.Service), slices.unchanged(resources.EndpointSlice)];
  if (key !== memo.key || same.includes(false)) {
    const found: Finding[] = [];
    if (key !== memo.key) memo.candidates = new WeakMap();
    memo.hosts = hostRoutes(input, facts, ranges, memo.candidates, found);
    memo.findings = found;
    memo.key = key;
  }
  findings.push(...memo.findings);
  return memo.hosts;
}

interface Range extends ServiceRoute {
  readonly prefix: Prefix;
}

interface Ranges {
  readonly cluster: readonly Range[];
  readonly external: readonly Range[];
  readonly loadBalancer: readonly Range[];
}

function rangesOf({ environment }: CompileInput, { defaults }: ClusterFacts, findings: Finding[]): Ranges {
  const field = (name: string, cidrs: readonly string[]): Range[] =>
    cidrs.flatMap((cidr) => {
      const prefix = parsePrefix(cidr);
      return prefix ? [{ cidr, prefix, origin: `BGPConfiguration/default ${name}` }] : [];
    });
  const legacy = environment.CALICO_ADVERTISE_CLUSTER_IPS;
  return {
    cluster: legacy ? ofEnvironment(legacy, findings) : field("serviceClusterIPs", defaults?.serviceClusterCidrs ?? []),
    external: field("serviceExternalIPs", defaults?.serviceExternalCidrs ?? []),
    loadBalancer: field("serviceLoadBalancerIPs", defaults?.serviceLoadBalancerCidrs ?? []),
  };
}

/** One CIDR, in place of serviceClusterIPs. */
function ofEnvironment(text: string, findings: Finding[]): Range[] {
  const name = "CALICO_ADVERTISE_CLUSTER_IPS";
  const [before = "", after = ""] = text.trim().split("/");
  const address = parseAddress(before);
  const length = /^\d{1,3}$/.test(after) ? Number(after) : Number.NaN;
  if (address && address.zone === undefined && length <= address.bytes.length * 8) {
    const prefix = prefixOf(address, length);
    return [{ cidr: formatPrefix(prefix), prefix, origin: name }];
  }
  const message = `${name} is "${text}", which is no CIDR: no cluster addresses are announced`;
  findings.push({ severity: "error", code: "environment-invalid", resource: `environment/${name}`, message });
  return [];
}

/** Addresses of the services that this node announces one by one; one that several services have stands once. */
function hostRoutes(
  input: CompileInput,
  facts: ClusterFacts,
  ranges: Ranges,
  memo: ServiceMemo["candidates"],
  findings: Finding[],
): ServiceRoute[] {
  const { Service, EndpointSlice } = input.resources;
  const slices = slicesByService(EndpointSlice, findings);
  const context: Context = {
    ranges,
    aggregation: facts.serviceLoadBalancerAggregation,
    node: input.environment.CALICO_K8S_NODE_REF || input.node,
    singleExternal: new Set(ranges.external.filter(({ cidr }) => isHost(cidr)).map(({ cidr }) => cidr)),
    singleLoadBalancer: new Set(ranges.loadBalancer.filter(({ cidr }) => isHost(cidr)).map(({ cidr }) => cidr)),
  };
  const owners = new Map<string, string[]>();
  for (const [name, entry] of Service) {
    const fault = faultFinding("Service", name, entry, "its addresses are not announced one by one");
    if (fault) findings.push(fault);
    const service = entry.value;
    if (!service || !isAnnounced(service, slices.get(name) ?? [], context)) continue;
    let cidrs = memo.get(service);
    if (!cidrs) {
      cidrs = candidates(service, ranges);
      memo.set(service, cidrs);
    }
    for (const cidr of cidrs) {
      const known = owners.get(cidr);
      if (known) known.push(name);
      else owners.set(cidr, [name]);
    }
  }
  return [...owners].map(([cidr, names]) => ({ cidr, origin: `Service/${inWords(names)}` }));
}

interface Context {
  readonly ranges: Ranges;
  readonly aggregation: boolean;
  /** Our name in Kubernetes. */
  readonly node: string;
  /** CIDRs of one address. */
  readonly singleExternal: ReadonlySet<string>;
  readonly singleLoadBalancer: ReadonlySet<string>;
}

function slicesByService(
  all: CompileInput["resources"]["EndpointSlice"],
  findings: Finding[],
): ReadonlyMap<string, EndpointSliceResource[]> {
  const slices = new Map<string, EndpointSliceResource[]>();
  for (const [name, entry] of all) {
    const fault = faultFinding("EndpointSlice", name, entry, "its endpoints do not count");
    if (fault) findings.push(fault);
    const service = entry.value?.service;
    if (!entry.value || service === undefined) continue;
    const known = slices.get(service);
    if (known) known.push(entry.value);
    else slices.set(service, [entry.value]);
  }
  return slices;
}

/** A service is announced whole or not at all: with all its addresses that are configured. */
function isAnnounced(service: ServiceResource, slices: readonly EndpointSliceResource[], context: Context): boolean {
  const { type, clusterIp, externalTrafficPolicy: policy } = service;
  if (!TYPES.has(type) || clusterIp === "" || clusterIp === "None") return false;
  const families = familiesOf(service);
  const ready = (here: boolean) =>
    slices.some(
      ({ addressType, endpoints }) =>
        families.includes(addressType) &&
        endpoints.some((endpoint) => endpoint.ready && (!here || endpoint.nodeName === context.node)),
    );
  if (policy === "Local") return ready(true);
  // Otherwise the range covers it, unless there is none of several addresses for it.
  if (policy === "Cluster" && hasSingleEntry(service, context)) return true;
  return !context.aggregation && ready(false);
}

/** Kubernetes fills ipFamilies in; what stands in a file may leave it out. */
function familiesOf({ ipFamilies, clusterIp, clusterIps }: ServiceResource): readonly string[] {
  if (ipFamilies.length > 0) return ipFamilies;
  return [clusterIp, ...clusterIps].map((address) => (address.includes(":") ? "IPv6" : "IPv4"));
}

function hasSingleEntry(service: ServiceResource, { singleExternal, singleLoadBalancer }: Context): boolean {
  const { type, loadBalancerIp, ingressIps, externalIps } = service;
  const balanced = loadBalancerIp === undefined ? ingressIps : [loadBalancerIp, ...ingressIps];
  if (singleLoadBalancer.size + singleExternal.size === 0) return false;
  return (
    (type === "LoadBalancer" && balanced.some((address) => singleLoadBalancer.has(hostCidr(address)))) ||
    externalIps.some((address) => singleExternal.has(hostCidr(address)))
  );
}

/** As CIDRs. */
function candidates(service: ServiceResource, { cluster, external, loadBalancer }: Ranges): string[] {
  const clusterIps = service.clusterIps.length > 0 ? service.clusterIps : [service.clusterIp];
  return [
    ...(cluster.length > 0 ? clusterIps.filter((address) => parseAddress(address)) : []),
    ...service.externalIps.filter((address) => isWithin(address, external)),
    ...service.ingressIps.filter((address) => isWithin(address, loadBalancer)),
  ].map(hostCidr);
}

function isWithin(text: string, ranges: readonly Range[]): boolean {
  const address = parseAddress(text);
  return address !== undefined && ranges.some(({ prefix }) => contains(prefix, address));
}

function inWords(names: readonly string[]): string {
  const distinctNames = [...new Set(names)];
  return distinctNames.length <= 3
    ? distinctNames.join(", ")
    : `${distinctNames.slice(0, 3).join(", ")} and ${distinctNames.length - 3} more`;
}

function distinct(routes: readonly ServiceRoute[]): ServiceRoute[] {
  const byCidrText = new Map<string, ServiceRoute>();
  for (const { cidr, origin } of routes) if (!byCidrText.has(cidr)) byCidrText.set(cidr, { cidr, origin });
  return [...byCidrText.values()];
}

function byCidr(a: ServiceRoute, b: ServiceRoute): number {
  return a.cidr < b.cidr ? -1 : a.cidr > b.cidr ? 1 : 0;
}

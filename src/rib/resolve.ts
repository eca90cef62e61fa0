import { type Address, formatAddress, isLinkLocal, sameAddress } from "../ip/address.ts";
import { formatPrefix } from "../ip/prefix.ts";
import type { ResolvingRoute } from "./route-table.ts";
import type { Resolution } from "./types.ts";

/** What resolution asks of the machine. */
export interface Resolver {
  lookUp(address: Address): ResolvingRoute | undefined;
  isOwn(address: Address): boolean;
  isDown(ifindex: number): boolean;
  interfaceName(ifindex: number): string;
}

export interface DetailedResolution extends Resolution {
  /** On a connected subnet, or link-local. */
  readonly direct: boolean;
}

type Hops = Resolution["hops"];

/** A gateway without interface is looked up in its turn, this many times at most. */
const MAX_DEPTH = 4;

/**
 * How packets to a next hop leave at present: by the longest match over the routes given, never through a blackhole.
 * A link-local address stands on its interface; one of our own addresses is no next hop.
 */
export function resolve(
  resolver: Resolver,
  address: Address,
  ifindex: number,
  directOnly: boolean,
): DetailedResolution {
  if (resolver.isOwn(address)) return unreachable(`${formatAddress(address)} is an address of this machine`);
  if (isLinkLocal(address)) return resolveLinkLocal(resolver, address, ifindex);
  const route = resolver.lookUp(address);
  if (!route) return unreachable(`no route to ${formatAddress(address)}`);
  const via = formatPrefix(route.prefix);
  if (route.kind !== "unicast")
    return unreachable(`${via} is ${route.kind === "blackhole" ? "a blackhole" : "not unicast"}`);
  const direct = route.hops.length > 0 && route.hops.every((hop) => hop.gateway === undefined);
  if (directOnly && !direct)
    return unreachable(`${formatAddress(address)} is on no connected subnet (${via} has a gateway)`);
  const hops = followHops(resolver, route, address, 0);
  if (hops.length === 0) return unreachable(`the gateway of ${via} does not resolve`);
  return { reachable: true, cost: direct ? 0 : route.metric, hops, blackhole: false, via, direct };
}

function resolveLinkLocal(resolver: Resolver, address: Address, ifindex: number): DetailedResolution {
  const text = formatAddress(address);
  if (ifindex === 0) return unreachable(`${text} is link-local and its session has no interface`);
  const via = resolver.interfaceName(ifindex);
  if (resolver.isDown(ifindex)) return unreachable(`${via} is down`);
  return { reachable: true, cost: 0, hops: [{ gateway: address, ifindex }], blackhole: false, via, direct: true };
}

/** Gateways and interfaces by which the route leads to the address. */
function followHops(resolver: Resolver, route: ResolvingRoute, address: Address, depth: number): Hops {
  return route.hops.flatMap((hop): Hops => {
    if (hop.gateway === undefined) return [{ gateway: address, ifindex: hop.ifindex }];
    if (hop.ifindex !== 0) return [hop];
    const onward = depth < MAX_DEPTH ? resolver.lookUp(hop.gateway) : undefined;
    return onward?.kind === "unicast" ? followHops(resolver, onward, hop.gateway, depth + 1) : [];
  });
}

function unreachable(via: string): DetailedResolution {
  return { reachable: false, cost: 0, hops: [], blackhole: false, via, direct: false };
}

/** Packets go the same way at the same cost. */
export function sameResolution(a: Resolution, b: Resolution): boolean {
  return (
    a.reachable === b.reachable &&
    a.cost === b.cost &&
    a.blackhole === b.blackhole &&
    a.hops.length === b.hops.length &&
    a.hops.every((hop, i) => {
      const other = b.hops[i]!;
      if (hop.ifindex !== other.ifindex || (hop.gateway === undefined) !== (other.gateway === undefined)) return false;
      return hop.gateway === undefined || sameAddress(hop.gateway, other.gateway!);
    })
  );
}

/** Equal for resolutions that are alike in everything. */
export function resolutionKey(resolution: Resolution): string {
  const { reachable, blackhole, cost, via, hops } = resolution;
  const ways = hops.map(({ gateway, ifindex }) => `${gateway ? formatAddress(gateway) : ""}%${ifindex}`);
  return `${reachable}|${blackhole}|${cost}|${ways.join(",")}|${via}`;
}

import type { Forwarding, ForwardingHop } from "../fib/fib.ts";
import { RT_TABLE_MAIN } from "../fib/rtnetlink.ts";
import { formatAddress } from "../ip/address.ts";
import type { Interfaces } from "./interfaces.ts";

/** As `ip route` would say it. */
export function forwardingText(
  interfaces: Pick<Interfaces, "name">,
  { kind, hops, metric, prefSrc, table }: Forwarding,
): string {
  const way = ({ gateway, ifindex, onlink, weight }: ForwardingHop) =>
    [
      ...(gateway ? [`via ${formatAddress(gateway)}`] : []),
      ...(ifindex === 0 ? [] : [`dev ${interfaces.name(ifindex)}`]),
      ...(weight !== undefined && weight > 1 ? [`weight ${weight}`] : []),
      ...(onlink ? ["onlink"] : []),
    ].join(" ");
  return [
    ...(kind === "blackhole"
      ? ["blackhole"]
      : hops.length === 1
        ? [way(hops[0]!)]
        : hops.map((hop) => `nexthop ${way(hop)}`)),
    ...(metric === 0 ? [] : [`metric ${metric}`]),
    ...(prefSrc ? [`src ${formatAddress(prefSrc)}`] : []),
    ...(table === RT_TABLE_MAIN ? [] : [`table ${table}`]),
  ].join(" ");
}

import { octetsOf } from "../ip/address.ts";
import type { PrefixRow } from "../ip/prefix-table.ts";
import type { ForwardingHop, KernelRoute } from "./fib.ts";
import type { Mirror } from "./mirror.ts";
import { RTN } from "./rtnetlink.ts";

/**
 * The present state of the foreign route (prefix, metric, protocol) of the main table. The kernel may hold several with
 * that key (fe80::/64 on each interface): they are told as one with the hops of all.
 */
export function learnedRoute(
  mirror: Mirror,
  row: PrefixRow,
  metric: number,
  protocol: number,
): { readonly route: KernelRoute; readonly gone: boolean } {
  const { prefixes, ways } = mirror;
  const bytes = new Uint8Array(octetsOf(prefixes.family));
  prefixes.writeAddress(row, bytes, 0);
  const prefix = { family: prefixes.family, bytes, length: prefixes.length(row) };
  let way = 0;
  let hops: readonly ForwardingHop[] = NO_HOPS;
  for (let e = mirror.first(row); e !== 0; e = mirror.next(e)) {
    if (mirror.keyOf(e) !== 0 || mirror.metric(e) !== metric || mirror.protocol(e) !== protocol) continue;
    const more = ways.hops(mirror.way(e));
    hops = way === 0 ? more : [...hops, ...more];
    way = mirror.way(e);
  }
  if (way === 0) return { route: { prefix, metric, protocol, kind: "other", hops, scope: 0 }, gone: true };
  const type = ways.type(way);
  const prefSrc = ways.prefSrc(way);
  const kind = type === RTN.unicast ? "unicast" : type === RTN.blackhole ? "blackhole" : "other";
  const route = { prefix, metric, protocol, kind, hops, scope: ways.scope(way), ...(prefSrc && { prefSrc }) } as const;
  return { route, gone: false };
}

const NO_HOPS: readonly ForwardingHop[] = [];

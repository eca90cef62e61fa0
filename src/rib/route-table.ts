import type { Address, Family } from "../ip/address.ts";
import { createPrefixTable } from "../ip/create-prefix-table.ts";
import type { Prefix } from "../ip/prefix.ts";
import type { PrefixRow, PrefixTable } from "../ip/prefix-table.ts";

/** A route by which next hops are resolved; a kernel route as learned is one. */
export interface ResolvingRoute {
  readonly prefix: Prefix;
  readonly metric: number;
  /** Protocol number of the kernel; STATIC_PROTOCOL for our own static routes. */
  readonly protocol: number;
  readonly kind: "unicast" | "blackhole" | "other";
  readonly hops: readonly { readonly gateway?: Address; readonly ifindex: number }[];
}

/** Our own static routes with a gateway, among the kernel's protocols. At the same metric they come first. */
export const STATIC_PROTOCOL = -1;

/** Routes of one family, several per prefix; the one of the lowest metric counts. */
export class RouteTable {
  private readonly prefixes: PrefixTable;
  private readonly routes: ResolvingRoute[][] = [];

  constructor(family: Family, bound: number) {
    this.prefixes = createPrefixTable(family, bound);
  }

  /** Enters or replaces the route of (prefix, metric, protocol). False when the table is at its bound. */
  put(route: ResolvingRoute): boolean {
    const row = this.prefixes.add(route.prefix.bytes, 0, route.prefix.length);
    if (row < 0) return false;
    const others = (this.routes[row] ?? []).filter((other) => !sameKey(other, route));
    this.routes[row] = [...others, route].sort((a, b) => a.metric - b.metric || a.protocol - b.protocol);
    return true;
  }

  remove(route: ResolvingRoute): void {
    const row = this.prefixes.find(route.prefix.bytes, 0, route.prefix.length);
    if (row < 0) return;
    const left = this.routes[row]!.filter((other) => !sameKey(other, route));
    this.routes[row] = left;
    if (left.length === 0) this.prefixes.remove(row);
  }

  /** Routes of the prefixes from the row on, of `count` rows; `next` is -1 at the end. */
  page(row: PrefixRow, count: number): { readonly routes: readonly ResolvingRoute[]; readonly next: number } {
    const end = Math.min(row + count, this.prefixes.highWater);
    const routes: ResolvingRoute[] = [];
    for (let r = row; r < end; r++) if (this.prefixes.isLive(r)) routes.push(...this.routes[r]!);
    return { routes, next: end < this.prefixes.highWater ? end : -1 };
  }

  /** The route that packets to the address take. */
  lookUp(address: Uint8Array): ResolvingRoute | undefined {
    const row: PrefixRow = this.prefixes.longestMatch(address, 0);
    return row < 0 ? undefined : this.routes[row]![0];
  }
}

function sameKey(a: ResolvingRoute, b: ResolvingRoute): boolean {
  return a.metric === b.metric && a.protocol === b.protocol;
}

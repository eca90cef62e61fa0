import type { Family } from "./address.ts";
import { Ipv4Table } from "./ipv4-table.ts";
import { Ipv6Table } from "./ipv6-table.ts";
import type { PrefixRows } from "./prefix-table.ts";

/**
 * An empty table for at most `bound` prefixes, each row with `extraWords` words of the owner's. Address space for the
 * bound is reserved at once; memory is used as rows are.
 */
export function createPrefixTable(family: Family, bound: number, extraWords = 0): PrefixRows {
  return family === "ipv4" ? new Ipv4Table(bound, extraWords) : new Ipv6Table(bound, extraWords);
}

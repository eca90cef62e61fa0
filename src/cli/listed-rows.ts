/** How much is told of long lists of routes: what `preview` and `shadow` have in common on the command line. */
import type { Argv } from "yargs";
import { count } from "./number-option.ts";

export interface ListedRows {
  all: boolean;
  limit: number;
}

/** Of each list. */
const ROWS = 10;

/** `every`: what `--all` names, for the help. */
export function withListedRows<T>(yargs: Argv<T>, every: string): Argv<T & ListedRows> {
  return yargs.option("all", { type: "boolean", default: false, describe: every }).option("limit", {
    type: "number",
    default: ROWS,
    requiresArg: true,
    coerce: count("limit"),
    describe: "Routes named of each list",
  }) as never;
}

export function rowsOf({ all, limit }: ListedRows): number {
  return all ? Number.POSITIVE_INFINITY : limit;
}

import { octetsOf } from "../ip/address.ts";
import { formatPrefix, type Prefix } from "../ip/prefix.ts";
import type { PrefixRow } from "../ip/prefix-table.ts";
import type { FailedWrite } from "./batch-writer.ts";
import type { Faults } from "./errno.ts";
import type { FibLog } from "./fib.ts";
import type { NamedTimers } from "./named-timers.ts";
import { AF } from "./rtnetlink.ts";
import type { TableSync } from "./table-sync.ts";

/** Failed routes named in the log within a window; the others are counted in one line at its end. */
const NAMED_FAILURES = 10;
const NAMED_WINDOW_MS = 5000;

export interface FailureLog {
  note(write: FailedWrite): void;
}

/** The first failure of a route is news, its repetitions are not; thousands at once are a number. */
export function createFailureLog(log: FibLog, timers: NamedTimers, faults: Faults, failed: () => number): FailureLog {
  let named = 0;
  let unnamed = 0;

  function endWindow(): void {
    if (unnamed > 0) log("warn", "kernel.write.failed.more", { routes: unnamed, failed: failed() });
    named = 0;
    unnamed = 0;
  }

  return {
    note({ sync, row, fault, table, metric }) {
      if (sync.attempts(row) !== 0) return;
      if (named === NAMED_FAILURES) unnamed++;
      else {
        named++;
        const route = formatPrefix(prefixAt(sync, row));
        log("warn", "kernel.write.failed", { route, table, metric, error: faults.describe(fault) });
      }
      timers.schedule("failures", NAMED_WINDOW_MS, endWindow);
    },
  };
}

function prefixAt(sync: TableSync, row: PrefixRow): Prefix {
  const family = sync.af === AF.inet ? "ipv4" : "ipv6";
  const bytes = new Uint8Array(octetsOf(family));
  sync.prefixes.writeAddress(row, bytes, 0);
  return { family, bytes, length: sync.prefixes.length(row) };
}

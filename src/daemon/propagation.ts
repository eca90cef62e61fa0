/** Changed prefixes, slice by slice, to the update groups and to the kernel side. */
import { FAMILIES, type Family } from "../ip/address.ts";
import { type Core, changesWaiting } from "./core.ts";
import type { Exporter } from "./exporter.ts";
import type { ForwardingTable } from "./forwarding.ts";
import type { Recovery } from "./recovery.ts";
import { PRIORITY } from "./scheduler.ts";

/**
 * Changed prefixes dealt with in one slice: `rows` at most, and none once it has lasted `ms`. The clock is read per `step`,
 * or per `smallStep` where each path of a prefix is looked at: there may be thousands.
 */
const PROPAGATE = { rows: 1024, ms: 2, step: 128, smallStep: 8 } as const;

/**
 * Starts by itself whenever a prefix changes; `sliceDone` runs after each slice. While a family is deferred or
 * held its changes go no further: the whole table is gone over when that ends.
 */
export function startPropagation(
  core: Core,
  exporter: Exporter,
  forwarding: ForwardingTable,
  recovery: Recovery,
  sliceDone: () => void,
): void {
  const { clock, scheduler, ribs } = core;
  const step = new Int32Array(PROPAGATE.step);
  const smallStep = step.subarray(0, PROPAGATE.smallStep);
  const job = {
    name: "propagate",
    priority: PRIORITY.propagate,
    step(): boolean {
      for (const family of FAMILIES) propagate(family);
      sliceDone();
      return changesWaiting(core) > 0;
    },
  };
  // Jobs change prefixes too, so it is the queue that says when there is work.
  for (const family of FAMILIES) ribs[family].changed.onFirst = () => scheduler.add(job);

  function propagate(family: Family): void {
    const rib = ribs[family];
    if (rib.changed.size === 0) return;
    const deferred = recovery.isDeferred(family);
    const held = recovery.isHeld(family);
    const endMs = clock.nowMs() + PROPAGATE.ms;
    const changedRows = rib.reportsAllPaths ? smallStep : step;
    for (let rows = 0; rows < PROPAGATE.rows && rib.changed.size > 0; ) {
      const count = rib.takeChanged(changedRows);
      for (let i = 0; i < count; i++) {
        const row = changedRows[i]!;
        if (!deferred) exporter.propagate(family, row);
        if (!held) forwarding.program(family, row);
        rib.unhold(row);
      }
      rows += count;
      if (clock.nowMs() >= endMs) break;
    }
    exporter.sendSoon(family);
  }
}

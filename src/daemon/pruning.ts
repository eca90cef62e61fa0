/**
 * Kernel routes of ours that were found at start are adopted, and deleted when nobody has announced them by every
 * peer's End-of-RIB, or when the time is over (DESIGN §5).
 */
import { FAMILIES } from "../ip/address.ts";
import { type Core, changesWaiting } from "./core.ts";
import type { Recovery } from "./recovery.ts";
import { PRIORITY } from "./scheduler.ts";
import type { Walk } from "./walks.ts";

/** Adopted routes that nobody announced are pruned at the latest so long after start. */
const PRUNE_AFTER_MS = 240_000;

export interface Pruning {
  /** Routes have been adopted: the time begins, and all peers are to be heard, those up already included. */
  start(): void;
  /** Prunes, once, when every peer that is to be up has said what it has. */
  whenComplete(): void;
  cancel(): void;
}

export function createPruning(core: Core, reprogram: Walk, recovery: Recovery): Pruning {
  const { clock, fib, scheduler } = core;
  let pruned = true;
  let cancel = () => {};

  function complete(): boolean {
    // Who is still to come from a range is unknown: its peers have all of the time.
    if (core.config.dynamicPeers.some(({ template }) => !template.disabled)) return false;
    for (const peer of core.peers.values()) {
      if (peer.config.disabled) continue;
      if (!peer.negotiated) return false;
      for (const family of FAMILIES) if (peer.negotiated[family] && !peer.endOfRib[family].received) return false;
    }
    return true;
  }

  function prune(): void {
    if (pruned) return;
    cancel();
    const waitMs = recovery.keepAdoptedUntilMs - clock.nowMs();
    if (waitMs > 0) {
      cancel = clock.after(waitMs, prune);
      return;
    }
    pruned = true;
    // Behind all changes that wait: what they want is not to be deleted first.
    scheduler.add({
      name: "prune",
      priority: PRIORITY.housekeeping,
      step() {
        if (changesWaiting(core) > 0 || reprogram.running) return true;
        fib.prune();
        return false;
      },
    });
  }

  function whenComplete(): void {
    if (!pruned && complete()) prune();
  }

  return {
    start() {
      pruned = false;
      cancel();
      cancel = clock.after(PRUNE_AFTER_MS, prune);
      whenComplete();
    },
    whenComplete,
    cancel: () => cancel(),
  };
}

import type { PrefixRow, PrefixRows } from "../ip/prefix-table.ts";
import type { ChangedQueue } from "./changed-queue.ts";
import type { NextHopTable } from "./next-hops.ts";
import type { PathCounts } from "./path-counts.ts";
import { PATH_STRIDE, PEER, SET_OUT } from "./path-rows.ts";
import { BEST, FIRST } from "./prefix-words.ts";
import { LAST_SHARED_STEP, type Selection } from "./selection.ts";
import type { AttributeSets, PathRow } from "./types.ts";

/** What has to follow when a path leaves, or its attributes do: a sum of these. */
export const EFFECT = { none: 0, report: 1, reselect: 2 } as const;

/**
 * Keeps each prefix's best path as selection would find it, comparing as little as that allows, and reports the prefixes
 * whose best path, or whose paths that share its traffic, may have changed. MED is why it takes care: a path of another
 * neighbour AS, itself never the best, may decide whether a third one takes part.
 *
 * A next hop that resolves differently is seen at once by every comparison here, before the walk that selects again where
 * it matters (FamilyRib.nextHopsChanged). Until that walk has come by, a best path may be outdated, never wrong for good.
 */
export class BestPaths {
  private readonly rows: Int32Array;
  private readonly stride: number;
  private readonly extraAt: number;
  private readonly paths: Int32Array;
  private readonly selection: Selection;
  private readonly changed: ChangedQueue;
  private readonly counts: PathCounts;
  private readonly sets: AttributeSets;
  private readonly nextHops: NextHopTable;
  /** Most paths that share the traffic of a prefix. */
  multipathLimit: number;

  constructor(
    prefixes: PrefixRows,
    paths: Int32Array,
    selection: Selection,
    changed: ChangedQueue,
    counts: PathCounts,
    options: { readonly sets: AttributeSets; readonly nextHops: NextHopTable; readonly multipath: number },
  ) {
    this.rows = prefixes.rows;
    this.stride = prefixes.stride;
    this.extraAt = prefixes.extraAt;
    this.paths = paths;
    this.selection = selection;
    this.changed = changed;
    this.counts = counts;
    this.sets = options.sets;
    this.nextHops = options.nextHops;
    this.multipathLimit = options.multipath;
  }

  reselect(row: PrefixRow): PathRow {
    const words = row * this.stride + this.extraAt;
    const best = this.selection.best(this.rows[words + FIRST]!);
    if (best !== this.rows[words + BEST]) this.setBest(row, best);
    return best;
  }

  /** Does what `effectOfLeaving` asked for, after the path left; true when the whole list was walked. */
  after(effect: number, row: PrefixRow): boolean {
    if ((effect & EFFECT.report) !== 0) this.changed.push(row);
    if ((effect & EFFECT.reselect) === 0) return false;
    this.reselect(row);
    return true;
  }

  /** Compares an accepted path, which was not among the candidates until now, with the best one. */
  consider(row: PrefixRow, path: PathRow): void {
    const { selection } = this;
    if (!selection.eligible(path)) return;
    const words = row * this.stride + this.extraAt;
    const best = this.rows[words + BEST]!;
    const early = best === 0 ? -1 : selection.early(path, best);
    if (early > 0) return;
    if (early < 0) {
      this.setBest(row, path);
      return;
    }
    const sameAs = selection.sameNeighborAs(path, best);
    const med = selection.med(path, best);
    if (med > 0) return;
    if (med < 0) {
      // The best path is out, and with it what spoke against those of other ASes.
      this.changed.push(row);
      this.reselect(row);
      return;
    }
    const late = selection.late(path, best);
    if (late > 0) {
      // Of another AS it may still remove others of its own AS from those that share traffic.
      if (this.multipathLimit > 1 && (!sameAs || late > LAST_SHARED_STEP)) this.changed.push(row);
    } else if (sameAs) this.setBest(row, path);
    else this.reselect(row);
  }

  /** What has to follow when the path, or its present set, goes. Asked before it does. */
  effectOfLeaving(row: PrefixRow, path: PathRow): number {
    const { selection } = this;
    const set = this.paths[path * PATH_STRIDE + SET_OUT]!;
    if (set <= 0) return EFFECT.none;
    const best = this.rows[row * this.stride + this.extraAt + BEST]!;
    // A next hop that changed under the path leaves open what the path meant for the prefix until then.
    if (path === best || this.nextHops.isChanged(this.sets.nextHop(set))) return EFFECT.report | EFFECT.reselect;
    if (best === 0) return EFFECT.none;
    const early = selection.early(path, best);
    if (early !== 0) return early < 0 ? EFFECT.report | EFFECT.reselect : EFFECT.none;
    const shared = this.multipathLimit > 1 ? EFFECT.report : EFFECT.none;
    // Within the best path's AS, whatever this one's MED removes the best one's removes too.
    if (!selection.sameNeighborAs(path, best)) return shared | EFFECT.reselect;
    if (selection.med(path, best) !== 0) return EFFECT.none;
    return selection.late(best, path) < -LAST_SHARED_STEP ? shared : EFFECT.none;
  }

  /** The former best path may have left; its row still says whose it was. Row 0, which is none, is nobody's. */
  private setBest(row: PrefixRow, path: PathRow): void {
    const words = row * this.stride + this.extraAt;
    this.counts.prefers(
      this.paths[this.rows[words + BEST]! * PATH_STRIDE + PEER]!,
      this.paths[path * PATH_STRIDE + PEER]!,
    );
    this.rows[words + BEST] = path;
    this.changed.push(row);
  }
}

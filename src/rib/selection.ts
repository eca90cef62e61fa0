import { NEXT, PATH_ID, PATH_STRIDE, PEER, SET_OUT } from "./path-rows.ts";
import type { PeerTable } from "./peers.ts";
import { type AttributeSets, type NextHops, type PathRow, STEPS } from "./types.ts";

/** A comparison's result: 0 for a tie, else the number of the deciding step, counted from 1, negative when the first path won. */
export type Decision = number;

const STEP = Object.fromEntries(STEPS.map((step, i) => [step, i + 1])) as Record<(typeof STEPS)[number], number>;
/** Paths that tie through this step share traffic. */
export const LAST_SHARED_STEP = STEP.cost;

/**
 * Selection over the rows of one family's paths (RFC 4271 §9.1.2, RFC 4456 §9). MED compares only paths of the same
 * neighbour AS and so is no order among all of them: it is applied as elimination within each AS between `early`
 * (through ORIGIN) and `late` (from eBGP over iBGP on).
 */
export class Selection {
  private readonly paths: Int32Array;
  private readonly sets: AttributeSets;
  private readonly nextHops: NextHops;
  private readonly peers: PeerTable;
  /** Paths that remain after MED, filled by `eliminate`. */
  private candidates: Int32Array = new Int32Array(64);
  private groupAs = new Int32Array(64);
  private groupMed = new Int32Array(64);
  /** Paths that `ranked` has yet to place. */
  private pool: Int32Array = new Int32Array(64);

  constructor(paths: Int32Array, sets: AttributeSets, nextHops: NextHops, peers: PeerTable) {
    this.paths = paths;
    this.sets = sets;
    this.nextHops = nextHops;
    this.peers = peers;
  }

  /** Accepted by import, and its next hop resolves. */
  eligible(path: PathRow): boolean {
    const set = this.setOf(path);
    return set > 0 && this.nextHops.reachable(this.sets.nextHop(set));
  }

  /** The best path of a list; 0 when none is eligible. */
  best(first: PathRow): PathRow {
    const count = this.eliminate(first);
    let best = count === 0 ? 0 : this.candidates[0]!;
    for (let i = 1; i < count; i++) if (this.late(this.candidates[i]!, best) < 0) best = this.candidates[i]!;
    return best;
  }

  /** Writes the best path and those that share its traffic, best first, at most `limit`; returns how many. */
  multipath(first: PathRow, limit: number, out: Int32Array): number {
    const count = this.eliminate(first);
    if (count === 0) return 0;
    const { candidates } = this;
    let best = 0;
    for (let i = 1; i < count; i++) if (this.late(candidates[i]!, candidates[best]!) < 0) best = i;
    swap(candidates, 0, best);
    let members = 1;
    for (let i = 1; i < count; i++)
      if (this.late(candidates[0]!, candidates[i]!) < -LAST_SHARED_STEP) swap(candidates, members++, i);
    // The order is settled step by step, so that which of too many take part does not depend on their arrival.
    const taken = Math.min(members, limit, out.length);
    for (let i = 0; i < taken; i++) {
      let least = i;
      for (let j = i + 1; j < members; j++) if (this.late(candidates[j]!, candidates[least]!) < 0) least = j;
      swap(candidates, i, least);
      out[i] = candidates[i]!;
    }
    return taken;
  }

  /**
   * Writes the best paths, at most `limit`, each as if those before it were not there: a path gone, MED may count for
   * less among those of its neighbour AS, so this is no sorting. Returns how many.
   */
  ranked(first: PathRow, limit: number, out: Int32Array): number {
    let left = 0;
    for (let path = first; path !== 0; path = this.paths[path * PATH_STRIDE + NEXT]!) {
      if (!this.eligible(path)) continue;
      if (left === this.pool.length) this.pool = enlarged(this.pool);
      this.pool[left++] = path;
    }
    const { pool } = this;
    const wanted = Math.min(limit, left, out.length);
    for (let placed = 0; placed < wanted; placed++) {
      let count = 0;
      for (let i = 0; i < left; i++) count = this.keep(pool[i]!, count);
      if (count > 1) count = this.eliminateByMed(count);
      let best = this.candidates[0]!;
      for (let i = 1; i < count; i++) if (this.late(this.candidates[i]!, best) < 0) best = this.candidates[i]!;
      out[placed] = best;
      pool[pool.indexOf(best)] = pool[--left]!;
    }
    return wanted;
  }

  /** Compares through ORIGIN. Both paths are accepted. */
  early(a: PathRow, b: PathRow): Decision {
    const { sets } = this;
    const x = this.setOf(a);
    const y = this.setOf(b);
    if (x === y) return 0;
    return (
      higher(sets.preference(x), sets.preference(y), STEP.preference) ||
      lower(sets.staleness(x), sets.staleness(y), STEP.longLivedStale) ||
      higher(sets.localPref(x), sets.localPref(y), STEP.localPref) ||
      lower(sets.asPathLength(x), sets.asPathLength(y), STEP.asPathLength) ||
      lower(sets.origin(x), sets.origin(y), STEP.origin)
    );
  }

  /** Compares MED: a tie where the neighbour ASes differ. */
  med(a: PathRow, b: PathRow): Decision {
    const { sets } = this;
    const x = this.setOf(a);
    const y = this.setOf(b);
    if (x === y || sets.neighborAs(x) !== sets.neighborAs(y)) return 0;
    return lower(sets.med(x), sets.med(y), STEP.med);
  }

  sameNeighborAs(a: PathRow, b: PathRow): boolean {
    return this.sets.neighborAs(this.setOf(a)) === this.sets.neighborAs(this.setOf(b));
  }

  /** Compares from eBGP over iBGP on; 0 only for a path and itself. */
  late(a: PathRow, b: PathRow): Decision {
    if (a === b) return 0;
    const { sets, peers, nextHops, paths } = this;
    const x = this.setOf(a);
    const y = this.setOf(b);
    const from = paths[a * PATH_STRIDE + PEER]!;
    const other = paths[b * PATH_STRIDE + PEER]!;
    return (
      higher(Number(peers.external(from)), Number(peers.external(other)), STEP.external) ||
      lower(nextHops.cost(sets.nextHop(x)), nextHops.cost(sets.nextHop(y)), STEP.cost) ||
      lower(sets.originatorId(x) || peers.bgpId(from), sets.originatorId(y) || peers.bgpId(other), STEP.bgpId) ||
      lower(sets.clusterListLength(x), sets.clusterListLength(y), STEP.clusterListLength) ||
      lower(peers.addressRank(from), peers.addressRank(other), STEP.peerAddress) ||
      lower(paths[a * PATH_STRIDE + PATH_ID]!, paths[b * PATH_STRIDE + PATH_ID]!, STEP.pathId)
    );
  }

  /** All steps, for two paths alone. */
  betterStep(a: PathRow, b: PathRow): Decision {
    return this.early(a, b) || this.med(a, b) || this.late(a, b);
  }

  /** Leaves in `candidates` the paths that tie through ORIGIN and survive MED; returns how many. */
  private eliminate(first: PathRow): number {
    let count = 0;
    for (let path = first; path !== 0; path = this.paths[path * PATH_STRIDE + NEXT]!) {
      if (this.eligible(path)) count = this.keep(path, count);
    }
    return count < 2 ? count : this.eliminateByMed(count);
  }

  /** One path more among the first `count` candidates, which tie through ORIGIN; returns how many do now. */
  private keep(path: PathRow, count: number): number {
    const decision = count === 0 ? -1 : this.early(path, this.candidates[0]!);
    if (decision > 0) return count;
    const kept = decision < 0 ? 0 : count;
    if (kept === this.candidates.length) this.enlarge();
    this.candidates[kept] = path;
    return kept + 1;
  }

  private eliminateByMed(count: number): number {
    const { candidates, groupAs, groupMed, sets } = this;
    let groups = 0;
    for (let i = 0; i < count; i++) {
      const set = this.setOf(candidates[i]!);
      const group = this.groupOf(sets.neighborAs(set), groups);
      if (group === groups) {
        groupAs[groups] = sets.neighborAs(set);
        groupMed[groups++] = sets.med(set);
      } else if (sets.med(set) >>> 0 < groupMed[group]! >>> 0) groupMed[group] = sets.med(set);
    }
    let left = 0;
    for (let i = 0; i < count; i++) {
      const set = this.setOf(candidates[i]!);
      const least = groupMed[this.groupOf(sets.neighborAs(set), groups)]!;
      if (sets.med(set) >>> 0 === least >>> 0) candidates[left++] = candidates[i]!;
    }
    return left;
  }

  /** The group of the AS among the first `groups`, or `groups` itself. */
  private groupOf(neighborAs: number, groups: number): number {
    let group = 0;
    while (group < groups && this.groupAs[group] !== (neighborAs | 0)) group++;
    return group;
  }

  private enlarge(): void {
    this.candidates = enlarged(this.candidates);
    this.groupAs = new Int32Array(this.candidates.length);
    this.groupMed = new Int32Array(this.candidates.length);
  }

  private setOf(path: PathRow): number {
    return this.paths[path * PATH_STRIDE + SET_OUT]!;
  }
}

/** Twice as long, with what was in it. */
function enlarged(array: Int32Array): Int32Array {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}

/** Unsigned; the higher value wins. */
function higher(a: number, b: number, step: number): Decision {
  return (a | 0) === (b | 0) ? 0 : a >>> 0 > b >>> 0 ? -step : step;
}

/** Unsigned; the lower value wins. */
function lower(a: number, b: number, step: number): Decision {
  return (a | 0) === (b | 0) ? 0 : a >>> 0 < b >>> 0 ? -step : step;
}

function swap(array: Int32Array, i: number, j: number): void {
  const held = array[i]!;
  array[i] = array[j]!;
  array[j] = held;
}

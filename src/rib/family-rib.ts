import { writeU32 } from "../bgp/octets.ts";
import { FAMILIES, type Family } from "../ip/address.ts";
import { createPrefixTable } from "../ip/create-prefix-table.ts";
import type { PrefixRow, PrefixRows } from "../ip/prefix-table.ts";
import { reserveWords } from "../ip/reserve.ts";
import { BestPaths, EFFECT } from "./best-paths.ts";
import { ChangedQueue } from "./changed-queue.ts";
import { isMartianIpv4, isMartianIpv6 } from "./martian-prefix.ts";
import type { NextHopTable } from "./next-hops.ts";
import { PathCounts, type RouteTraffic } from "./path-counts.ts";
import { PathHolds } from "./path-holds.ts";
import { EPOCH, NEXT, PATH_ID, PATH_STRIDE, PEER, PREFIX, SET_IN, SET_OUT } from "./path-rows.ts";
import type { PeerTable } from "./peers.ts";
import { BEST, FIRST, HOLDS, PREFIX_WORDS, QUEUED } from "./prefix-words.ts";
import { Selection } from "./selection.ts";
import {
  type AttributeSets,
  FIRST_PEER,
  type PathRow,
  type PeerId,
  REJECT,
  type RejectCode,
  type SetHandle,
} from "./types.ts";

/** What `announce` did. Negative: nothing, because a bound is reached. */
export const ANNOUNCED = { unchanged: 0, added: 1, replaced: 2, tooManyRoutes: -1, tooManyPaths: -2 } as const;

export interface FamilyRibOptions {
  readonly family: Family;
  readonly sets: AttributeSets;
  readonly nextHops: NextHopTable;
  readonly peers: PeerTable;
  readonly limits: { readonly routes: number; readonly paths: number };
  /** Most paths that share the traffic of a prefix; 1 turns ECMP off. */
  readonly multipath: number;
}

/** Where a sliced walk goes on; it starts at 0 and has ended at DONE. */
export type Cursor = number;
const DONE: Cursor = -1;

/**
 * Adj-RIB-In and Loc-RIB of one family. A path is (peer, received path id, prefix); rejected ones stay. Selection is
 * incremental: the list of a prefix is walked only when its best path goes, or MED may decide differently.
 *
 * Prefix rows are held by their paths, by the queue of changes and by `hold`; nobody else may keep one. A path row may
 * be held as well, by update groups that send several paths of a prefix: removed while it is held, it stays in the list
 * of its prefix without sets, until all have let go of it or the path is announced again.
 */
export class FamilyRib {
  readonly family: Family;
  readonly prefixes: PrefixRows;
  readonly selection: Selection;
  readonly changed: ChangedQueue;
  readonly sets: AttributeSets;
  readonly nextHops: NextHopTable;
  readonly peers: PeerTable;
  private readonly bestPaths: BestPaths;
  private multipathLimit: number;
  private readonly isMartian: (bytes: Uint8Array, at: number, length: number) => boolean;
  private readonly octets = new Uint8Array(16);
  private readonly paths: Int32Array;
  /** Path rows are below it. */
  readonly pathBound: number;
  private readonly rows: Int32Array;
  private readonly stride: number;
  private readonly extraAt: number;
  private readonly counts: PathCounts;
  private readonly pathHolds: PathHolds;
  /**
   * A path that is not the best is reported too when it comes, goes or changes: some update group sends several paths
   * of a prefix.
   */
  reportsAllPaths = false;
  private freePath: PathRow = 0;
  private unusedPath: PathRow = 1;
  /** Paths that are there, rejected ones included. */
  pathCount = 0;

  constructor(options: FamilyRibOptions) {
    this.family = options.family;
    this.sets = options.sets;
    this.nextHops = options.nextHops;
    this.peers = options.peers;
    this.multipathLimit = options.multipath;
    this.isMartian = options.family === "ipv4" ? isMartianIpv4 : isMartianIpv6;
    this.prefixes = createPrefixTable(options.family, options.limits.routes, PREFIX_WORDS);
    this.rows = this.prefixes.rows;
    this.stride = this.prefixes.stride;
    this.extraAt = this.prefixes.extraAt;
    this.paths = reserveWords((options.limits.paths + 1) * PATH_STRIDE);
    this.pathBound = Math.min(options.limits.paths + 1, Math.floor(this.paths.length / PATH_STRIDE));
    this.pathHolds = new PathHolds(this.pathBound);
    this.counts = new PathCounts(options.peers);
    this.selection = new Selection(this.paths, options.sets, options.nextHops, options.peers);
    this.changed = new ChangedQueue(this.prefixes, QUEUED);
    this.bestPaths = new BestPaths(this.prefixes, this.paths, this.selection, this.changed, this.counts, options);
  }

  /**
   * Enters or replaces a path. `setOut` is what import made of `setIn`: a set, or a REJECT code. The RIB retains both
   * sets for itself. Returns one of ANNOUNCED.
   */
  announce(
    peer: PeerId,
    epoch: number,
    pathId: number,
    bytes: Uint8Array,
    at: number,
    length: number,
    setIn: SetHandle,
    setOut: SetHandle | RejectCode,
  ): number {
    const isMartian = setOut > 0 && peer >= FIRST_PEER && this.isMartian(bytes, at, length);
    const out = isMartian ? REJECT.martianPrefix : setOut;
    this.counts.announced(peer, out);
    const row = this.prefixes.add(bytes, at, length);
    if (row < 0) {
      this.counts.refused(peer, out);
      return ANNOUNCED.tooManyRoutes;
    }
    const { paths } = this;
    const known = this.findPath(this.firstPathRow(row), peer, pathId);
    if (known !== 0) {
      const before = paths[known * PATH_STRIDE + EPOCH]!;
      paths[known * PATH_STRIDE + EPOCH] = epoch;
      if (paths[known * PATH_STRIDE + SET_IN] === 0) {
        this.enter(row, known, setIn, out);
        return ANNOUNCED.added;
      }
      if (before !== epoch) this.counts.renewed(peer, before, paths[known * PATH_STRIDE + SET_OUT]!);
      const outcome = this.replace(row, known, setIn, out);
      if (outcome === ANNOUNCED.unchanged) this.counts.unchanged(peer, out);
      return outcome;
    }
    const path = this.newPath(row, peer, pathId);
    if (path === 0) {
      this.freeIfUnused(row);
      this.counts.refused(peer, out);
      return ANNOUNCED.tooManyPaths;
    }
    paths[path * PATH_STRIDE + EPOCH] = epoch;
    this.enter(row, path, setIn, out);
    return ANNOUNCED.added;
  }

  /** A row at the head of the prefix's list, without sets; 0 at the bound. */
  private newPath(row: PrefixRow, peer: PeerId, pathId: number): PathRow {
    const path = this.freePath !== 0 ? this.freePath : this.unusedPath;
    if (path === this.pathBound) return 0;
    const { paths } = this;
    const p = path * PATH_STRIDE;
    if (path === this.freePath) this.freePath = paths[p + NEXT]!;
    else this.unusedPath++;
    const first = row * this.stride + this.extraAt + FIRST;
    paths[p + NEXT] = this.rows[first]!;
    paths[p + PREFIX] = row + 1;
    paths[p + PEER] = peer;
    paths[p + PATH_ID] = pathId;
    paths[p + SET_IN] = 0;
    paths[p + SET_OUT] = 0;
    this.rows[first] = path;
    this.peers.hold(peer);
    return path;
  }

  /** The path, which stands in the list of its prefix, has these sets from now on. */
  private enter(row: PrefixRow, path: PathRow, setIn: SetHandle, setOut: SetHandle | RejectCode): void {
    const p = path * PATH_STRIDE;
    const peer = this.paths[p + PEER]!;
    this.paths[p + SET_IN] = setIn;
    this.paths[p + SET_OUT] = setOut;
    this.sets.retain(setIn);
    this.pathCount++;
    this.counts.added(peer, setOut);
    if (setOut <= 0) return;
    this.sets.retain(setOut);
    this.bestPaths.consider(row, path);
    if (this.reportsAllPaths) this.changed.push(row);
  }

  /** Removes a path; false when there was none. */
  withdraw(peer: PeerId, pathId: number, bytes: Uint8Array, at: number, length: number): boolean {
    const row = this.prefixes.find(bytes, at, length);
    const path = row < 0 ? 0 : this.pathOf(row, peer, pathId);
    this.counts.withdrawn(peer, path !== 0);
    if (path === 0) return false;
    this.removePath(path);
    return true;
  }

  /** Stores the result of a repeated import of a path; retains it for itself. */
  setPathResult(path: PathRow, setOut: SetHandle | RejectCode): void {
    this.setPathSets(path, this.pathSetIn(path), setOut);
  }

  /** The same where the path stands for other attributes than it was announced with. */
  setPathSets(path: PathRow, setIn: SetHandle, setOut: SetHandle | RejectCode): void {
    const row = this.pathPrefix(path);
    this.prefixes.writeAddress(row, this.octets, 0);
    const isMartian =
      setOut > 0 && this.pathPeer(path) >= FIRST_PEER && this.isMartian(this.octets, 0, this.prefixes.length(row));
    this.replace(row, path, setIn, isMartian ? REJECT.martianPrefix : setOut);
  }

  removePath(path: PathRow): void {
    const { paths, sets } = this;
    const p = path * PATH_STRIDE;
    const row = paths[p + PREFIX]! - 1;
    const isHeld = this.pathHolds.has(path);
    const effect = this.bestPaths.effectOfLeaving(row, path);
    if (!isHeld) this.unlink(row, path);
    const setIn = paths[p + SET_IN]!;
    const setOut = paths[p + SET_OUT]!;
    paths[p + SET_IN] = 0;
    paths[p + SET_OUT] = 0;
    this.pathCount--;
    this.counts.removed(paths[p + PEER]!, paths[p + EPOCH]!, setOut);
    this.bestPaths.after(effect, row);
    if (setOut > 0 && this.reportsAllPaths) this.changed.push(row);
    sets.release(setIn);
    if (setOut > 0) sets.release(setOut);
    if (!isHeld) this.freePathRow(row, path);
  }

  /** The row has left the list of its prefix. */
  private freePathRow(row: PrefixRow, path: PathRow): void {
    const { paths } = this;
    const p = path * PATH_STRIDE;
    paths[p + PREFIX] = 0;
    paths[p + NEXT] = this.freePath;
    this.freePath = path;
    this.peers.unhold(paths[p + PEER]!);
    this.freeIfUnused(row);
  }

  /** Keeps the row of a path from being used for another one, also when the path is removed. */
  holdPath(path: PathRow): void {
    this.pathHolds.hold(path);
  }

  unholdPath(path: PathRow): void {
    if (!this.pathHolds.release(path) || this.paths[path * PATH_STRIDE + SET_IN] !== 0) return;
    const row = this.pathPrefix(path);
    this.unlink(row, path);
    this.freePathRow(row, path);
  }

  /**
   * The row of a path that is announced though it stands in no table: a default route that we originate. It is held for
   * the caller, for `unholdPath`; 0 when the bound of paths is reached.
   */
  reservePath(row: PrefixRow, peer: PeerId, pathId: number): PathRow {
    const path = this.findPath(this.firstPathRow(row), peer, pathId) || this.newPath(row, peer, pathId);
    if (path !== 0) this.holdPath(path);
    return path;
  }

  /** Selects again from the whole list; the prefix is reported when its best path became another. */
  reselect(row: PrefixRow): PathRow {
    return this.bestPaths.reselect(row);
  }

  // per prefix

  /** The best path; 0 when none is usable. */
  best(row: PrefixRow): PathRow {
    return this.rows[row * this.stride + this.extraAt + BEST]!;
  }

  /** The best path and those that share its traffic, best first; returns how many. Next hops may repeat. */
  multipath(row: PrefixRow, out: Int32Array): number {
    return this.selection.multipath(this.firstPathRow(row), this.multipathLimit, out);
  }

  /** Most paths that share the traffic of a prefix from now on. The caller programs the prefixes again. */
  setMultipath(limit: number): void {
    this.multipathLimit = limit;
    this.bestPaths.multipathLimit = limit;
  }

  firstPath(row: PrefixRow): PathRow {
    return this.present(this.firstPathRow(row));
  }

  nextPath(path: PathRow): PathRow {
    return this.present(this.nextPathRow(path));
  }

  /** The first that is there, from the row on. */
  private present(path: PathRow): PathRow {
    let found = path;
    while (found !== 0 && this.paths[found * PATH_STRIDE + SET_IN] === 0)
      found = this.paths[found * PATH_STRIDE + NEXT]!;
    return found;
  }

  /** Like `firstPath` and `nextPath`, with the rows of removed paths that are still held. */
  firstPathRow(row: PrefixRow): PathRow {
    return this.rows[row * this.stride + this.extraAt + FIRST]!;
  }

  nextPathRow(path: PathRow): PathRow {
    return this.paths[path * PATH_STRIDE + NEXT]!;
  }

  /** The path of the peer and path id among those of a prefix; 0 when missing. */
  pathOf(row: PrefixRow, peer: PeerId, pathId: number): PathRow {
    const path = this.findPath(this.firstPathRow(row), peer, pathId);
    return path !== 0 && this.paths[path * PATH_STRIDE + SET_IN] === 0 ? 0 : path;
  }

  /** Writes the `limit` best paths, each as if those before it were not there; returns how many. */
  ranked(row: PrefixRow, limit: number, out: Int32Array): number {
    return this.selection.ranked(this.firstPathRow(row), limit, out);
  }

  /** Writes the prefix as an NLRI; returns the offset behind it. */
  writeNlri(row: PrefixRow, out: Uint8Array, at: number): number {
    return this.prefixes.writeNlri(row, out, at);
  }

  /** Writes the prefix of a path as an NLRI with the path's row as its identifier (RFC 7911 §3). */
  writePathNlri(path: PathRow, out: Uint8Array, at: number): number {
    return this.prefixes.writeNlri(this.pathPrefix(path), out, writeU32(out, at, path));
  }

  /** Keeps the row from being freed. */
  hold(row: PrefixRow): void {
    this.rows[row * this.stride + this.extraAt + HOLDS]!++;
  }

  unhold(row: PrefixRow): void {
    this.rows[row * this.stride + this.extraAt + HOLDS]!--;
    this.freeIfUnused(row);
  }

  /**
   * Takes up to `out.length` rows from the queue of changes, in order. Each is held for the caller, who calls `unhold`
   * when it has dealt with it.
   */
  takeChanged(out: Int32Array): number {
    let count = 0;
    while (count < out.length && this.changed.size > 0) {
      const row = this.changed.shift();
      this.hold(row);
      out[count++] = row;
    }
    return count;
  }

  // per path

  pathPrefix(path: PathRow): PrefixRow {
    return this.paths[path * PATH_STRIDE + PREFIX]! - 1;
  }

  pathPeer(path: PathRow): PeerId {
    return this.paths[path * PATH_STRIDE + PEER]!;
  }

  /** As received, unsigned. */
  pathId(path: PathRow): number {
    return this.paths[path * PATH_STRIDE + PATH_ID]! >>> 0;
  }

  pathEpoch(path: PathRow): number {
    return this.paths[path * PATH_STRIDE + EPOCH]!;
  }

  pathSetIn(path: PathRow): SetHandle {
    return this.paths[path * PATH_STRIDE + SET_IN]!;
  }

  /** A set, or a negative REJECT code. */
  pathSetOut(path: PathRow): SetHandle | RejectCode {
    return this.paths[path * PATH_STRIDE + SET_OUT]!;
  }

  /** Takes part in selection: accepted by import, and its next hop resolves. */
  isUsable(path: PathRow): boolean {
    return this.selection.eligible(path);
  }

  /** Not announced in the peer's present session. */
  isStale(path: PathRow): boolean {
    return !this.peers.isOfSession(this.pathPeer(path), this.pathEpoch(path));
  }

  // per peer

  /** Paths of the peer in this family, rejected ones included. */
  received(peer: PeerId): number {
    return this.counts.received(peer);
  }

  accepted(peer: PeerId): number {
    return this.counts.accepted(peer);
  }

  /** Of those received, the ones announced in the peer's present session; what only came back to us does not count. */
  fresh(peer: PeerId): number {
    return this.counts.fresh(peer);
  }

  /** Prefixes whose best path is the peer's. */
  preferred(peer: PeerId): number {
    return this.counts.preferred(peer);
  }

  /** What the peer, or a local source, has announced and withdrawn. */
  traffic(peer: PeerId): RouteTraffic {
    return this.counts.traffic(peer);
  }

  // sliced walks: each looks at `budget` rows at most and returns where to go on, or DONE

  /** Removes the paths whose epoch their peer no longer keeps. */
  sweepStale(cursor: Cursor, budget: number): Cursor {
    const { paths, peers } = this;
    const family = FAMILIES.indexOf(this.family);
    const end = Math.min(this.unusedPath, cursor + budget);
    for (let path = Math.max(cursor, 1); path < end; path++) {
      const p = path * PATH_STRIDE;
      if (paths[p + SET_IN] !== 0 && peers.isSwept(paths[p + PEER]!, family, paths[p + EPOCH]!)) this.removePath(path);
    }
    return end === this.unusedPath ? DONE : end;
  }

  /** Selects again where a next hop's resolution changed (NextHopTable.refresh). Start again at 0 after each refresh. */
  nextHopsChanged(cursor: Cursor, budget: number): Cursor {
    const { paths, sets, nextHops } = this;
    const end = Math.min(this.unusedPath, cursor + budget);
    for (let path = Math.max(cursor, 1); path < end; path++) {
      const p = path * PATH_STRIDE;
      if (paths[p + PREFIX] === 0 || paths[p + SET_OUT]! <= 0) continue;
      if (!nextHops.isChanged(sets.nextHop(paths[p + SET_OUT]!))) continue;
      const row = paths[p + PREFIX]! - 1;
      if (this.best(row) === path || this.multipathLimit > 1 || this.reportsAllPaths) this.changed.push(row);
      this.reselect(row);
    }
    return end === this.unusedPath ? DONE : end;
  }

  /** Visits every path; the one it is given it may remove. */
  walkPaths(cursor: Cursor, budget: number, visit: (path: PathRow) => void): Cursor {
    const end = Math.min(this.unusedPath, cursor + budget);
    for (let path = Math.max(cursor, 1); path < end; path++)
      if (this.paths[path * PATH_STRIDE + SET_IN] !== 0) visit(path);
    return end === this.unusedPath ? DONE : end;
  }

  /** Visits every prefix row in use, also those that only have holders. */
  walkPrefixes(cursor: Cursor, budget: number, visit: (row: PrefixRow) => void): Cursor {
    const end = Math.min(this.prefixes.highWater, cursor + budget);
    for (let row = cursor; row < end; row++) if (this.prefixes.isLive(row)) visit(row);
    return end === this.prefixes.highWater ? DONE : end;
  }

  private replace(row: PrefixRow, path: PathRow, setIn: SetHandle, setOut: SetHandle | RejectCode): number {
    const { paths, sets } = this;
    const p = path * PATH_STRIDE;
    const oldIn = paths[p + SET_IN]!;
    const oldOut = paths[p + SET_OUT]!;
    if (oldIn === setIn && oldOut === setOut) return ANNOUNCED.unchanged;
    const effect = oldOut === setOut ? EFFECT.none : this.bestPaths.effectOfLeaving(row, path);
    sets.retain(setIn);
    if (setOut > 0) sets.retain(setOut);
    paths[p + SET_IN] = setIn;
    paths[p + SET_OUT] = setOut;
    if (oldOut !== setOut) this.counts.replaced(paths[p + PEER]!, paths[p + EPOCH]!, oldOut, setOut);
    if (!this.bestPaths.after(effect, row) && oldOut !== setOut && setOut > 0) this.bestPaths.consider(row, path);
    if (oldOut !== setOut && this.reportsAllPaths) this.changed.push(row);
    sets.release(oldIn);
    if (oldOut > 0) sets.release(oldOut);
    return ANNOUNCED.replaced;
  }

  private findPath(first: PathRow, peer: PeerId, pathId: number): PathRow {
    const { paths } = this;
    let path = first;
    while (path !== 0) {
      const p = path * PATH_STRIDE;
      if (paths[p + PEER] === peer && paths[p + PATH_ID] === (pathId | 0)) return path;
      path = paths[p + NEXT]!;
    }
    return 0;
  }

  private unlink(row: PrefixRow, path: PathRow): void {
    const { paths, rows } = this;
    const words = row * this.stride + this.extraAt;
    const next = paths[path * PATH_STRIDE + NEXT]!;
    let before = rows[words + FIRST]!;
    if (before === path) {
      rows[words + FIRST] = next;
      return;
    }
    while (paths[before * PATH_STRIDE + NEXT] !== path) before = paths[before * PATH_STRIDE + NEXT]!;
    paths[before * PATH_STRIDE + NEXT] = next;
  }

  private freeIfUnused(row: PrefixRow): void {
    const words = row * this.stride + this.extraAt;
    const { rows } = this;
    if (rows[words + FIRST] === 0 && rows[words + QUEUED] === 0 && rows[words + HOLDS] === 0) this.prefixes.remove(row);
  }
}

export function createFamilyRib(options: FamilyRibOptions): FamilyRib {
  return new FamilyRib(options);
}

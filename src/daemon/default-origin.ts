/**
 * The default route that we originate to peers with `export: default-only` (issue of tiers: a node holds its own routes
 * and the default). It stands in no table of ours: it is announced from a set made once for the group, on the row of the
 * default prefix, which is held for that. What our own table holds for the prefix counts for `ifReachable` only.
 */
import { octetsOf } from "../ip/address.ts";
import type { PrefixRow } from "../ip/prefix-table.ts";
import type { SetTable } from "../rib/attribute-sets.ts";
import type { FamilyRib } from "../rib/family-rib.ts";
import type { NextHops, PathRow, PeerId, SetHandle } from "../rib/types.ts";
import { LOCAL_PEER } from "../rib/types.ts";
import { type ExportContext, STOP } from "./export-context.ts";

export interface DefaultOrigin {
  /** Of the default prefix; -1 when the bound of routes left none. */
  readonly row: PrefixRow;
  /** The group's row for it: the same, or with path identifiers the row of a path that stands in no table. */
  readonly groupRow: PrefixRow | PathRow;
  /** What is announced for a row now: the set, or a STOP code. */
  decide(row: PrefixRow): SetHandle | number;
  /**
   * Whom it counts as coming from: with `ifReachable` the owner of our own default route, so that a peer is not promised
   * the way that only leads back to it.
   */
  source(): PeerId;
  close(): void;
}

const LOCAL_PREFERENCE = 200;
/** Routes of our own have path identifier 0. */
const PATH_ID = 0xffff_ffff;
const DISCARD = { reachable: true, cost: 0, hops: [], blackhole: true, via: "originated for default-only" } as const;

/** `finish` is what every announcement of the group goes through in the end; it takes a retained set and returns one, or 0. */
export function createDefaultOrigin(
  context: ExportContext,
  rib: FamilyRib,
  sets: SetTable,
  nextHops: NextHops,
  finish: (set: SetHandle) => SetHandle,
): DefaultOrigin {
  const row = rib.prefixes.add(new Uint8Array(octetsOf(context.family)), 0, 0);
  if (row >= 0) rib.hold(row);
  const hasPaths = context.addPath !== "none";
  const groupRow = row >= 0 && hasPaths ? rib.reservePath(row, LOCAL_PEER.static, PATH_ID) : row;
  const made =
    row < 0 || (hasPaths && groupRow === 0) ? 0 : sets.originate(nextHops.fixed(DISCARD), LOCAL_PREFERENCE, 0);
  const set = made === 0 ? 0 : finish(made);
  return {
    row,
    groupRow,
    decide(asked) {
      if (asked !== row) return row < 0 ? STOP.noRoom : STOP.notDefault;
      if (set === 0) return STOP.noRoom;
      if (context.self === undefined) return STOP.nextHop;
      return context.originates === "ifReachable" && rib.best(row) === 0 ? STOP.noDefault : set;
    },
    source() {
      const best = context.originates === "ifReachable" ? rib.best(row) : 0;
      return best === 0 ? LOCAL_PEER.static : rib.pathPeer(best);
    },
    close() {
      if (set !== 0) sets.release(set);
      if (row >= 0 && hasPaths && groupRow !== 0) rib.unholdPath(groupRow);
      if (row >= 0) rib.unhold(row);
    },
  };
}

/**
 * What the rows of an update group are: prefixes where the best path is sent, paths where several are (RFC 7911). The row
 * of a path is its identifier on the wire: it stays the same for as long as the path lives, and as any group holds it.
 */
import type { Family } from "../ip/address.ts";
import type { PrefixRow } from "../ip/prefix-table.ts";
import type { FamilyRib } from "../rib/family-rib.ts";
import type { PathRow, PeerId } from "../rib/types.ts";
import type { UpdateGroup, UpdateGroupOptions } from "../rib/update-group-types.ts";
import { type ExportContext, STOP } from "./export-context.ts";
import type { DecidedGroup, ExportDecision } from "./export-decision.ts";

type RowLayout = Pick<UpdateGroupOptions, "rows" | "maxRows" | "nlriOctets" | "withdrawsLast">;

const PATH_ID_OCTETS = 4;

/** How a group of the context keeps and writes its rows. */
export function rowLayout(rib: FamilyRib, { family, addPath }: ExportContext): RowLayout {
  const { prefixes } = rib;
  const nlriOctets = family === "ipv4" ? 5 : 17;
  if (addPath === "none")
    return {
      rows: {
        writeNlri: (row, out, at) => prefixes.writeNlri(row, out, at),
        hold: (row) => rib.hold(row),
        unhold: (row) => rib.unhold(row),
      },
      maxRows: prefixes.bound,
      nlriOctets,
    };
  return {
    rows: {
      writeNlri: (path, out, at) => rib.writePathNlri(path, out, at),
      hold: (path) => rib.holdPath(path),
      unhold: (path) => rib.unholdPath(path),
    },
    maxRows: rib.pathBound,
    nlriOctets: PATH_ID_OCTETS + nlriOctets,
    withdrawsLast: true,
  };
}

/** Decisions of a group against announcing something. */
export interface ExportTally {
  /** By the export policy. */
  filtered: number;
  /** By all else: split horizon, well-known communities, next hops, bounds. */
  rejected: number;
}

/** A group as it is told of changes. */
export interface ConsideringGroup extends DecidedGroup {
  readonly updates: UpdateGroup;
  readonly tally: ExportTally;
  /** Rows were left out for want of room. */
  leftOut: boolean;
}

/** Rows announced that the peer is sent: its own are left out. */
export function sentTo({ updates }: ConsideringGroup, peer: PeerId): number {
  return updates.announcedRows - updates.announcedFrom(peer);
}

/** Of a group with room for so many rows: whether this one is among them, or may become so. */
function hasRoom(group: ConsideringGroup, row: number, source: PeerId): boolean {
  const { peer, limit } = group.context.room!;
  if (source === peer || sentTo(group, peer) < limit) return true;
  const held = group.updates.announced(row);
  return held !== undefined && held.source !== peer;
}

/** Tells a group what becomes of a prefix. */
export type Consider = (group: ConsideringGroup, row: PrefixRow) => void;

/** The way in which groups of a context are told, chosen once for each. */
export function createConsiders(
  ribs: Record<Family, FamilyRib>,
  decideSet: ExportDecision["decideSet"],
): (context: ExportContext) => Consider {
  /** The best paths of the prefix at hand, and those that are not sent. */
  let ranked: Int32Array = new Int32Array(64);
  let others: Int32Array = new Int32Array(64);
  let otherCount = 0;

  function considerBest(group: ConsideringGroup, row: PrefixRow): void {
    const rib = ribs[group.context.family];
    const path = rib.best(row);
    if (path === 0) {
      group.updates.consider(row, 0, 0);
      return;
    }
    const source = rib.pathPeer(path);
    const set = decideSet(group, row, source, rib.pathSetOut(path));
    if (set <= 0) count(group.tally, set);
    group.updates.consider(row, Math.max(set, 0), set > 0 ? source : 0);
  }

  /** What has no room is left out, until there is some again. */
  function considerBestWithin(group: ConsideringGroup, row: PrefixRow): void {
    const rib = ribs[group.context.family];
    const path = rib.best(row);
    if (path === 0 || hasRoom(group, row, rib.pathPeer(path))) {
      considerBest(group, row);
      return;
    }
    group.leftOut ||= decideSet(group, row, rib.pathPeer(path), rib.pathSetOut(path)) > 0;
    group.updates.consider(row, 0, 0);
  }

  /** No other prefix than the default counts. */
  function considerOrigin(group: ConsideringGroup, row: PrefixRow): void {
    const origin = group.origin!;
    if (row !== origin.row) return;
    const set = origin.decide(row);
    group.updates.consider(origin.groupRow, Math.max(set, 0), set > 0 ? origin.source() : 0);
  }

  /** Announces the path where the group's rules pass it; else it is among the others. */
  function considerPath(group: ConsideringGroup, rib: FamilyRib, row: PrefixRow, path: PathRow): void {
    const source = rib.pathPeer(path);
    const set = decideSet(group, row, source, rib.pathSetOut(path));
    if (set <= 0) {
      count(group.tally, set);
      putAside(path);
    } else if (group.context.room === undefined || hasRoom(group, path, source))
      group.updates.consider(path, set, source);
    else {
      group.leftOut = true;
      putAside(path);
    }
  }

  function putAside(path: PathRow): void {
    if (otherCount === others.length) others = enlarged(others);
    others[otherCount++] = path;
  }

  /** Withdrawn last, so that a peer that loses a path knows those that come in its place. */
  function withdrawOthers(group: ConsideringGroup): void {
    for (let i = 0; i < otherCount; i++) group.updates.consider(others[i]!, 0, 0);
    otherCount = 0;
  }

  function considerAll(group: ConsideringGroup, row: PrefixRow): void {
    const rib = ribs[group.context.family];
    for (let path = rib.firstPathRow(row); path !== 0; path = rib.nextPathRow(path)) {
      if (rib.isUsable(path)) considerPath(group, rib, row, path);
      else putAside(path);
    }
    withdrawOthers(group);
  }

  function considerRanked(group: ConsideringGroup, row: PrefixRow): void {
    const rib = ribs[group.context.family];
    const limit = group.context.addPath as number;
    while (ranked.length < limit) ranked = enlarged(ranked);
    const count = rib.ranked(row, limit, ranked);
    for (let i = 0; i < count; i++) considerPath(group, rib, row, ranked[i]!);
    for (let path = rib.firstPathRow(row); path !== 0; path = rib.nextPathRow(path))
      if (!isAmong(path, ranked, count)) putAside(path);
    withdrawOthers(group);
  }

  return ({ addPath, originates, room }) => {
    if (originates !== undefined) return considerOrigin;
    if (addPath === "none") return room === undefined ? considerBest : considerBestWithin;
    return addPath === "all" ? considerAll : considerRanked;
  };
}

function count(tally: ExportTally, stop: number): void {
  if (stop === STOP.policy) tally.filtered++;
  else tally.rejected++;
}

function isAmong(path: PathRow, paths: Int32Array, count: number): boolean {
  for (let i = 0; i < count; i++) if (paths[i] === path) return true;
  return false;
}

function enlarged(array: Int32Array): Int32Array {
  const larger = new Int32Array(2 * array.length);
  larger.set(array);
  return larger;
}

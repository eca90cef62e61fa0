/** Looks for contradictions in a group's lists. Walks everything: for tests and the state dump. */
import { ANCHOR, LIVE, MIXED, TOMBSTONE } from "./adj-rib-out.ts";
import type { Group } from "./update-group.ts";
import { isEmpty } from "./update-group-positions.ts";

export function checkGroup(group: Group): void {
  const places = checkList(group);
  checkPositions(group, places);
}

/** Place of each slot in the list, from 1; slot 0 has place 0. */
function checkList(group: Group): ReadonlyMap<number, number> {
  const { table } = group;
  const places = new Map([[0, 0]]);
  let live = 0;
  let tombstones = 0;
  const bySource = new Map<number, number>();
  for (let slot = table.next(0), prev = 0; slot !== 0; prev = slot, slot = table.next(slot)) {
    expect(!places.has(slot), `slot ${slot} stands in the list twice`);
    expect(table.prev(slot) === prev, `slot ${slot} does not point back to ${prev}`);
    places.set(slot, places.size);
    const flags = table.flags(slot) & (LIVE | TOMBSTONE);
    expect(flags === LIVE || flags === TOMBSTONE, `slot ${slot} is both announced and withdrawn, or neither`);
    if (flags === LIVE) {
      live++;
      bySource.set(table.source(slot), (bySource.get(table.source(slot)) ?? 0) + 1);
    } else tombstones++;
  }
  for (let slot = 1; slot < table.highWater; slot++)
    expect(places.has(slot) || table.flags(slot) === 0, `slot ${slot} has left the list with flags`);
  expect(live === table.live, `${live} announced rows in the list, ${table.live} counted`);
  for (const [source, rows] of bySource)
    expect(
      rows === table.announcedFrom(source),
      `${rows} rows of source ${source}, ${table.announcedFrom(source)} counted`,
    );
  expect(tombstones === table.tombstones, `${tombstones} tombstones in the list, ${table.tombstones} counted`);
  return places;
}

function checkPositions(group: Group, places: ReadonlyMap<number, number>): void {
  const { table, positions } = group;
  let before = -1;
  let sharing = false;
  let members = 0;
  for (const [i, position] of positions.order.entries()) {
    const place = places.get(position.slot);
    expect(place !== undefined, `position ${i} is not in the list`);
    expect(place! >= before, `position ${i} is out of order`);
    expect(place! > before || position.skip !== undefined || !sharing, `position ${i} was not merged`);
    if (place! > before) sharing = false;
    if (position.skip === undefined) sharing = true;
    before = place!;
    expect(!isEmpty(position) || i === 0, `position ${i} has no members`);
    expect(position.slot === 0 || (table.flags(position.slot) & ANCHOR) !== 0, `position ${i} is not anchored`);
    expect(
      position.skip === undefined || position.ready.size + position.blocked.size === 1,
      "rows left out for several",
    );
    for (const [stopped, states] of [
      [false, position.ready],
      [true, position.blocked],
    ] as const)
      for (const state of states) {
        members++;
        expect(state.position === position, `peer ${state.peer} thinks that it is elsewhere`);
        expect((state.blocked || state.held) === stopped, `peer ${state.peer} is sorted wrongly`);
        if (state.mark >= 0) checkMark(group, places, state.mark, state.held ? -1 : place!);
      }
  }
  expect(members === group.size, `${members} members at positions, ${group.size} in the group`);
  checkSettled(group, places);
}

function checkMark(group: Group, places: ReadonlyMap<number, number>, mark: number, place: number): void {
  const at = places.get(mark);
  expect(at !== undefined && at >= place, `mark ${mark} lies behind its member`);
  expect(mark === 0 || (group.table.flags(mark) & ANCHOR) !== 0, `mark ${mark} is not anchored`);
}

/** Behind the rearmost position there is nothing that a member still has to be told. */
function checkSettled(group: Group, places: ReadonlyMap<number, number>): void {
  const rearmost = places.get(group.positions.order[0]!.slot)!;
  for (const [slot, place] of places) {
    if (slot === 0 || place > rearmost) continue;
    expect((group.table.flags(slot) & (TOMBSTONE | MIXED)) === 0, `slot ${slot} is not settled`);
  }
}

function expect(holds: boolean, message: string): void {
  if (!holds) throw new Error(`Update group is inconsistent: ${message}`);
}

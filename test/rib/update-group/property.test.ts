import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FAMILIES, type Family } from "../../../src/ip/address.ts";
import { createUpdateGroup } from "../../../src/rib/update-group.ts";
import type { UpdateGroup } from "../../../src/rib/update-group-types.ts";
import {
  contentOf,
  createFakeEncoder,
  createFakeRows,
  type FakeEncoder,
  FakePeer,
  isTooLong,
  nextHopOf,
  type Route,
} from "./fakes.ts";

const ROWS = 24;
const GROUPS = 2;
const MAX = 128;

type Step =
  | { kind: "consider"; group: number; row: number; set: number; source: number }
  | { kind: "both"; row: number; set: number; source: number }
  | { kind: "join"; group: number; peer: number }
  | { kind: "leave"; peer: number }
  | { kind: "slow"; peer: number; credit: number }
  | { kind: "resume"; peer: number }
  | { kind: "resend"; peer: number }
  | { kind: "transfer"; peer: number }
  | { kind: "flush"; group: number; rows: number; octets: number; times: number }
  | { kind: "quiet" };

const group = fc.nat(GROUPS - 1);
const row = fc.nat(ROWS - 1);
const set = fc.oneof(
  { weight: 1, arbitrary: fc.constant(0) },
  { weight: 3, arbitrary: fc.integer({ min: 10, max: 89 }) },
);
// Peers 8..15 may be members; 3 is a local source, 40 a peer of other groups.
const peer = fc.integer({ min: 8, max: 13 });
const source = fc.oneof(peer, fc.constantFrom(3, 40, 41));

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant("consider" as const), group, row, set, source }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("both" as const), row, set, source }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("join" as const), group, peer }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("leave" as const), peer }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("slow" as const), peer, credit: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("resume" as const), peer }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("resend" as const), peer }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("transfer" as const), peer }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("flush" as const),
      group,
      rows: fc.integer({ min: 1, max: 6 }),
      octets: fc.integer({ min: 1, max: 300 }),
      times: fc.integer({ min: 1, max: 6 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("quiet" as const) }) },
);

interface Decision {
  readonly set: number;
  readonly source: number;
}

/** Two groups with their members, beside what a per-peer export would do. */
class World {
  readonly encoders: FakeEncoder[] = [];
  readonly rowHolds: Map<number, number>[] = [];
  readonly groups: UpdateGroup[] = [];
  readonly wanted: Map<number, Decision>[] = [];
  readonly members = new Map<
    number,
    { member: FakePeer; group: number; repeats: boolean; refreshes: number; asked: number }
  >();
  /** Changes of a row since all was quiet. */
  readonly changes: Map<number, number>[] = [];
  woken = false;
  readonly family: Family;
  readonly sourceShows: boolean;

  constructor(family: Family, sourceShows: boolean, perStep: number, withdrawsLast: boolean) {
    this.family = family;
    this.sourceShows = sourceShows;
    for (let g = 0; g < GROUPS; g++) {
      const encoder = createFakeEncoder(family, sourceShows);
      const rows = createFakeRows(family);
      this.encoders.push(encoder);
      this.rowHolds.push(rows.holds);
      this.wanted.push(new Map());
      this.changes.push(new Map());
      const onWork = () => {
        this.woken = true;
      };
      const limits = { membersPerStep: perStep, batchOctets: 400, batchRows: 16 };
      this.groups.push(
        createUpdateGroup({ family, encoder, rows, maxMessageOctets: MAX, limits, withdrawsLast, onWork }),
      );
    }
  }

  /** What a per-peer export sends: octets, or undefined. */
  exported(decision: Decision | undefined, member: { peer: number; ownNextHop: number }): string | undefined {
    if (!decision || isTooLong(decision.set) || decision.source === member.peer) return undefined;
    const hop = nextHopOf(decision.set);
    if (member.ownNextHop !== 0 && hop === member.ownNextHop) return undefined;
    return `${contentOf(decision.set)}/${this.sourceShows ? decision.source : ""}`;
  }

  consider(g: number, row: number, set: number, source: number): void {
    const wanted = this.wanted[g]!;
    const before = wanted.get(row);
    if (set === 0) wanted.delete(row);
    else wanted.set(row, { set, source });
    // A change that alters who may receive the path sends the same octets again to the others.
    const audience = before && set !== 0 && (before.source !== source || nextHopOf(before.set) !== nextHopOf(set));
    const changes = this.changes[g]!;
    changes.set(row, (changes.get(row) ?? 0) + (audience ? 2 : 1));
    this.groups[g]!.consider(row, set, source);
  }

  run(step: Step): void {
    if (step.kind === "consider") this.consider(step.group, step.row, step.set, step.source);
    else if (step.kind === "both") {
      for (let g = 0; g < GROUPS; g++) this.consider(g, step.row, step.set + (step.set && g), step.source);
    } else if (step.kind === "flush") {
      for (let i = 0; i < step.times; i++) this.groups[step.group]!.flush({ rows: step.rows, octets: step.octets });
    } else if (step.kind === "quiet") this.quiet();
    else this.runMember(step);
    for (const g of this.groups) g.check();
    this.checkDuplicates();
  }

  private runMember(step: Extract<Step, { peer: number }>): void {
    const entry = this.members.get(step.peer);
    if (step.kind === "join") {
      if (entry) return;
      const member = new FakePeer(step.peer, step.peer % 2 === 0 ? 100 + (step.peer % 4) : 0, MAX);
      this.members.set(step.peer, { member, group: step.group, repeats: false, refreshes: 0, asked: 0 });
      this.groups[step.group]!.join(member);
    }
    if (!entry) return;
    const own = this.groups[entry.group]!;
    if (step.kind === "leave") {
      own.leave(entry.member);
      this.members.delete(step.peer);
    } else if (step.kind === "slow") entry.member.credit = step.credit;
    else if (step.kind === "resume") this.resume(entry);
    else if (step.kind === "resend") {
      entry.repeats = true;
      entry.asked++;
      own.resend(entry.member, () => entry.refreshes++);
    } else if (step.kind === "transfer") {
      entry.repeats = true;
      entry.group = 1 - entry.group;
      this.groups[entry.group]!.transfer(entry.member, own);
    }
  }

  private resume(entry: { member: FakePeer; group: number }): void {
    entry.member.credit = Number.POSITIVE_INFINITY;
    entry.member.stopped = false;
    this.groups[entry.group]!.resume(entry.member);
  }

  private checkDuplicates(): void {
    for (const { member, group, repeats } of this.members.values()) {
      for (const row of member.duplicates)
        assert.ok(
          repeats || (this.changes[group]!.get(row) ?? 0) > 1,
          `row ${row} was announced twice to ${member.peer}`,
        );
      member.duplicates = [];
    }
  }

  /** All members take everything; then each holds what a per-peer export gives. */
  quiet(): void {
    for (const entry of this.members.values()) this.resume(entry);
    for (let i = 0, more = true; more || this.woken; i++) {
      assert.ok(i < 10_000, "flush never comes to an end");
      more = this.woken;
      this.woken = false;
      for (const g of this.groups) more = g.flush({ rows: 7, octets: 200 }) || more;
      for (const g of this.groups) g.check();
    }
    this.checkDuplicates();
    for (const entry of this.members.values()) {
      this.checkHeld(entry.member, entry.group);
      assert.equal(entry.member.endOfRibs, 1, `End-of-RIB to ${entry.member.peer}`);
      assert.equal(entry.refreshes, entry.asked, "refreshes that ended");
      entry.repeats = false;
    }
    for (const [g, own] of this.groups.entries()) {
      assert.equal(own.tombstones, 0, "tombstones at rest");
      const users = new Map<number, number>();
      for (const { set } of this.wanted[g]!.values()) users.set(set, (users.get(set) ?? 0) + 1);
      own.flush({ rows: 1, octets: 1 });
      assert.deepEqual(sorted(this.encoders[g]!.references), sorted(users), "sets held");
      assert.deepEqual(
        [...this.rowHolds[g]!.keys()].sort(compare),
        [...this.wanted[g]!.keys()].sort(compare),
        "rows held",
      );
      this.changes[g]!.clear();
    }
  }

  private checkHeld(member: FakePeer, g: number): void {
    for (let row = 0; row < ROWS; row++) {
      const expected = this.exported(this.wanted[g]!.get(row), member);
      const held = member.table.get(row);
      assert.equal(held && identity(held, this.sourceShows), expected, `peer ${member.peer} row ${row}`);
    }
  }

  close(): void {
    for (const g of this.groups) g.close();
    for (const encoder of this.encoders) assert.equal(encoder.references.size, 0, "sets left over");
    for (const holds of this.rowHolds) assert.equal(holds.size, 0, "rows left over");
  }
}

const compare = (a: number, b: number) => a - b;
const sorted = (map: Map<number, number>) => [...map].sort(([a], [b]) => a - b);

/** The content and source that the fake encoder put into the octets. */
function identity(route: Route, sourceShows: boolean): string {
  const med = route.octets.indexOf("800404");
  const content = Number.parseInt(route.octets.slice(med + 6, med + 14), 16);
  return `${content}/${sourceShows ? route.source : ""}`;
}

for (const family of FAMILIES)
  for (const sourceShows of [true, false])
    test(`each member holds what a per-peer export gives, ${family}, source ${sourceShows ? "in" : "not in"} the octets`, () => {
      fc.assert(
        fc.property(
          fc.array(step, { maxLength: 120, size: "max" }),
          fc.integer({ min: 1, max: 3 }),
          fc.boolean(),
          (steps, perStep, withdrawsLast) => {
            const world = new World(family, sourceShows, perStep, withdrawsLast);
            for (const one of steps) world.run(one);
            world.quiet();
            world.close();
          },
        ),
        {
          seed: Number(process.env.GROUP_SEED ?? 4271),
          includeErrorInReport: true,
          numRuns: Number(process.env.GROUP_RUNS ?? 400),
        },
      );
    });

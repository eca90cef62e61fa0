/** Groups that are sent several paths of a prefix, beside what an export to each peer by itself would give (RFC 7911). */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { ExportContext } from "../../src/daemon/export-context.ts";
import type { ExportDecision } from "../../src/daemon/export-decision.ts";
import { type ConsideringGroup, createConsiders, rowLayout } from "../../src/daemon/export-rows.ts";
import { explainOrder } from "../../src/rib/decision.ts";
import { createUpdateGroup } from "../../src/rib/update-group.ts";
import type { Member, UpdateGroup } from "../../src/rib/update-group-types.ts";
import {
  type Attributes,
  addPeer,
  announce,
  createWorld,
  prefixOf,
  rowOf,
  type World,
  withdraw,
} from "../rib/world.ts";
import { readUpdate } from "../sim/wire-reader.ts";

const PREFIXES = ["192.0.2.0/24", "192.0.2.0/25", "192.0.3.0/24"];
const PEERS = 4;
/** MED values that the groups' policy rejects. */
const REJECTED = 3;
const PATH_IDS: ReadonlySet<number> = new Set([1]);

const attributes: fc.Arbitrary<Attributes> = fc.record({
  asPath: fc.constantFrom([1], [1], [2], [3, 9]),
  med: fc.constantFrom(0, 1, 2, REJECTED),
  nextHop: fc.constantFrom("10.0.0.1", "10.1.0.1", "10.2.0.1"),
  originatorId: fc.constantFrom("1.1.1.1", "2.2.2.2"),
});
const peer = fc.nat(PEERS - 1);
const where = { peer, prefix: fc.constantFrom(...PREFIXES), pathId: fc.nat(2) };
const step = fc.oneof(
  { weight: 10, arbitrary: fc.record({ kind: fc.constant("announce" as const), ...where, attributes }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("withdraw" as const), ...where }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("lose" as const), peer }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("hop" as const), hop: fc.nat(2), gone: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("propagate" as const), rows: fc.integer({ min: 1, max: 3 }) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("flush" as const),
      rows: fc.integer({ min: 1, max: 5 }),
      octets: fc.integer({ min: 1, max: 200 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("join" as const), peer }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("leave" as const), peer }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("move" as const), peer }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("slow" as const), peer }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("resume" as const), peer }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("quiet" as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** The MED with the source beside it: what tells one path from another in these octets. */
type Held = Map<string, string>;

class Peer implements Member {
  readonly peer: number;
  readonly ownNextHop = 0;
  readonly held: Held = new Map();
  group = 0;
  slow = false;
  ended = 0;

  constructor(peerId: number) {
    this.peer = peerId;
  }

  write(bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length; ) {
      const length = (bytes[at + 16]! << 8) | bytes[at + 17]!;
      for (const event of readUpdate(bytes.subarray(at, at + length), true, PATH_IDS)) {
        if (event.kind === "announce")
          this.held.set(event.prefix, `${event.route.med} ${event.route.communities.join(" ")}`);
        else if (event.kind === "withdraw") this.held.delete(event.prefix);
      }
      at += length;
    }
    return !this.slow;
  }

  endOfRib(): void {
    this.ended++;
  }
}

/** Two groups, of all paths and of the best ones; or both of the best. */
class Model {
  readonly world: World;
  readonly sources: number[];
  readonly members = new Map<number, Peer>();
  readonly groups: ConsideringGroup[];
  private readonly limits: readonly ("all" | number)[];
  private readonly consider: ((row: number) => void)[];
  /** Paths by the identifier that they were given last. */
  private readonly owners = new Map<number, string>();
  private walking = -1;

  constructor(limits: readonly ("all" | number)[]) {
    this.limits = limits;
    this.world = createWorld();
    const { rib, sets } = this.world;
    rib.reportsAllPaths = true;
    this.sources = Array.from({ length: PEERS }, (_, i) => addPeer(this.world, `10.9.0.${i + 1}`));
    const decideSet: ExportDecision["decideSet"] = (_group, _row, _source, set) =>
      sets.med(set) === REJECTED ? -5 : set;
    const considers = createConsiders({ ipv4: rib, ipv6: rib }, decideSet);
    this.groups = limits.map((addPath) => {
      const context = { family: "ipv4", addPath } as ExportContext;
      return {
        context,
        hops: { announced: () => "self" },
        memoKeys: new Map(),
        editKeys: new Map(),
        hopsVersion: 0,
        origin: undefined,
        leftOut: false,
        tally: { filtered: 0, rejected: 0 },
        updates: createUpdateGroup({
          family: "ipv4",
          ...rowLayout(rib, context),
          maxMessageOctets: 128,
          // A batch that some members have yet to be written is as good as held: what follows comes behind it.
          limits: { membersPerStep: PEERS, batchOctets: 400, batchRows: 8 },
          encoder: {
            writeAttributes: (set, source, out, at) => {
              const octets = [0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, 10, 0, 0, 1, 0x80, 4, 4, 0, 0, 0, sets.med(set)];
              out.set([...octets, 0xc0, 8, 4, 0, 0, 0, source], at);
              return at + octets.length + 7;
            },
            writeNextHop: () => 0,
            announcedNextHop: () => 0,
            retain: (set) => sets.retain(set),
            release: (set) => sets.release(set),
          },
        }),
      };
    });
    this.consider = this.groups.map((group) => {
      const consider = considers(group.context);
      return (row) => consider(group, row);
    });
  }

  apply(step: Step): void {
    const { rib, peers, nextHops } = this.world;
    switch (step.kind) {
      case "announce":
        announce(this.world, this.sources[step.peer]!, step.prefix, step.attributes, { pathId: step.pathId });
        this.noteId(step);
        break;
      case "withdraw":
        withdraw(this.world, this.sources[step.peer]!, step.prefix, step.pathId);
        break;
      case "lose":
        peers.newEpoch(this.sources[step.peer]!, false);
        for (let at = 0; at >= 0; ) at = rib.sweepStale(at, 3);
        break;
      case "hop": {
        const prefix = prefixOf(`10.${step.hop}.0.0/16`);
        nextHops.routeChanged({ prefix, metric: 0, protocol: 3, kind: "blackhole", hops: [] }, step.gone);
        nextHops.refresh();
        this.walking = 0;
        break;
      }
      case "propagate":
        this.propagate(step.rows);
        break;
      case "flush":
        for (const { updates } of this.groups) updates.flush(step);
        break;
      case "quiet":
        this.quiet();
        break;
      default:
        this.applyTo(step);
    }
    for (const { updates } of this.groups) updates.check();
  }

  private applyTo(step: Extract<Step, { kind: "join" | "leave" | "move" | "slow" | "resume" }>): void {
    const member = this.members.get(step.peer);
    if (step.kind === "join") {
      if (member) return;
      const joining = new Peer(this.sources[step.peer]!);
      this.members.set(step.peer, joining);
      this.groups[0]!.updates.join(joining);
    } else if (!member) return;
    else if (step.kind === "leave") {
      this.groupOf(member).leave(member);
      this.members.delete(step.peer);
    } else if (step.kind === "move") {
      const from = this.groupOf(member);
      member.group = 1 - member.group;
      this.groupOf(member).transfer(member, from);
    } else if (step.kind === "slow") member.slow = true;
    else this.resume(member);
  }

  private groupOf(member: Peer): UpdateGroup {
    return this.groups[member.group]!.updates;
  }

  private resume(member: Peer): void {
    member.slow = false;
    this.groupOf(member).resume(member);
  }

  /** What a member holds keeps its identifier, and no other path is given it. */
  private noteId(step: { peer: number; prefix: string; pathId: number }): void {
    const { rib } = this.world;
    const key = `${step.peer} ${step.prefix} ${step.pathId}`;
    const path = rib.pathOf(rowOf(this.world, step.prefix), this.sources[step.peer]!, step.pathId);
    for (const member of this.members.values())
      for (const held of member.held.keys()) {
        const owner = this.owners.get(Number(held.split("#")[1]))!;
        if (owner === key)
          assert.equal(held, `${step.prefix}#${path}`, "a path that a member holds has another identifier");
        else
          assert.notEqual(
            held,
            `${owner.split(" ")[1]}#${path}`,
            "another path has the identifier of one that a member holds",
          );
      }
    this.owners.set(path, key);
  }

  private propagate(rows: number): void {
    const { rib } = this.world;
    const out = new Int32Array(rows);
    const count = rib.takeChanged(out);
    for (const row of out.subarray(0, count)) {
      for (const consider of this.consider) consider(row);
      rib.unhold(row);
    }
  }

  /** Everything is told: each member holds what an export of each path to it alone gives. */
  quiet(): void {
    const { rib, nextHops } = this.world;
    while (this.walking >= 0) this.walking = rib.nextHopsChanged(this.walking, 5);
    nextHops.settle();
    this.propagate(PREFIXES.length);
    for (const member of this.members.values()) this.resume(member);
    for (let more = true; more; ) {
      more = false;
      for (const { updates } of this.groups) more = updates.flush({ rows: 7, octets: 200 }) || more;
    }
    for (const member of this.members.values()) {
      assert.deepEqual(sorted(member.held), sorted(this.exported(member)));
      assert.equal(member.ended, 1);
    }
  }

  private exported(member: Peer): Held {
    const { rib, sets } = this.world;
    const held: Held = new Map();
    for (const prefix of PREFIXES) {
      const row = rowOf(this.world, prefix);
      const limit = this.limits[member.group]!;
      const order = row < 0 ? [] : explainOrder(rib, row);
      for (const path of limit === "all" ? order : order.slice(0, limit)) {
        const [source, med] = [rib.pathPeer(path), sets.med(rib.pathSetOut(path))];
        if (source !== member.peer && med !== REJECTED) held.set(`${prefix}#${path}`, `${med} 0:${source}`);
      }
    }
    return held;
  }

  close(): void {
    const { rib, sets, peers } = this.world;
    for (const source of this.sources) peers.newEpoch(source, false);
    for (let at = 0; at >= 0; ) at = rib.sweepStale(at, 10);
    this.quiet();
    for (const { updates } of this.groups) updates.close();
    assert.deepEqual([rib.pathCount, rib.prefixes.size, sets.size], [0, 0, 0]);
  }
}

const sorted = (table: Held) => [...table].sort(([a], [b]) => (a < b ? -1 : 1));

describe("groups that are sent several paths of a prefix", () => {
  for (const limits of [
    ["all", 2],
    [3, 2],
    [1, "all"],
  ] as const)
    test(`give each member what an export of each path to it alone gives: ${limits.join(" and ")}`, () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 150, size: "max" }), (steps) => {
          const model = new Model(limits);
          for (const each of steps) model.apply(each);
          model.quiet();
          model.close();
        }),
        { seed: 7911, numRuns: 300, includeErrorInReport: true },
      );
    });
});

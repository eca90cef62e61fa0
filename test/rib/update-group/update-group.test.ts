import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FAMILIES, type Family } from "../../../src/ip/address.ts";
import { createUpdateGroup } from "../../../src/rib/update-group.ts";
import type { GroupLimits, UpdateGroup } from "../../../src/rib/update-group-types.ts";
import { createFakeEncoder, createFakeRows, type FakeEncoder, FakePeer } from "./fakes.ts";

const BUDGET = { rows: 10_000, octets: 1 << 20 };
const LOCAL = 3;
/** Contents that fit and have no next hop of their own: 2, 3, 5, 6. */
const A = 20;
const B = 30;
const C = 50;

interface Fixture {
  readonly group: UpdateGroup;
  readonly encoder: FakeEncoder;
  readonly lagging: number[];
  now: number;
}

function setUp(limits: Partial<GroupLimits> = {}, family: Family = "ipv4", maxMessageOctets = 4096): Fixture {
  const encoder = createFakeEncoder(family, true);
  const lagging: number[] = [];
  const fixture = { group: undefined as unknown as UpdateGroup, encoder, lagging, now: 0 };
  fixture.group = createUpdateGroup({
    family,
    encoder,
    rows: createFakeRows(family),
    maxMessageOctets,
    limits,
    onLagging: (member) => lagging.push(member.peer),
    nowMs: () => fixture.now,
  });
  return fixture;
}

function drain(group: UpdateGroup): void {
  while (group.flush(BUDGET)) group.check();
  group.check();
}

function joined(group: UpdateGroup, ...peers: number[]): FakePeer[] {
  const members = peers.map((peer) => new FakePeer(peer));
  for (const member of members) group.join(member);
  drain(group);
  return members;
}

function clear(...members: FakePeer[]): void {
  for (const member of members) {
    member.updates = [];
    member.writes = 0;
  }
}

const rowsOf = (member: FakePeer) => ({
  announced: member.updates.flatMap((update) => update.announced),
  withdrawn: member.updates.flatMap((update) => update.withdrawn),
});

describe("a member that joins", () => {
  test("gets End-of-RIB once although the table is empty", () => {
    const { group } = setUp();
    const [member] = joined(group, 8);
    assert.equal(member!.endOfRibs, 1);
    drain(group);
    assert.equal(member!.endOfRibs, 1);
  });

  test("gets no withdrawal for what was withdrawn before it came", () => {
    const { group } = setUp();
    const [slow] = joined(group, 8);
    slow!.stopped = true;
    for (const row of [0, 1, 2]) group.consider(row, A, LOCAL);
    drain(group);
    group.consider(1, 0, LOCAL);
    drain(group);
    const [late] = joined(group, 9);
    assert.deepEqual(rowsOf(late!), { announced: [0, 2], withdrawn: [] });
    assert.equal(group.tombstones, 1, "the stopped member still has to be told");
  });

  test("gets End-of-RIB after the rows that changed during its dump", () => {
    const { group } = setUp();
    for (let row = 0; row < 10; row++) group.consider(row, A, LOCAL);
    const member = new FakePeer(8);
    let held = -1;
    member.endOfRib = () => {
      held = member.table.size;
    };
    group.join(member);
    for (let row = 0; group.flush({ rows: 2, octets: 1000 }); row++) if (row < 3) group.consider(9 - row, B, LOCAL);
    assert.equal(held, 10);
  });

  test("does not hold up members that are up to date", () => {
    const { group } = setUp();
    for (let row = 0; row < 1000; row++) group.consider(row, A, LOCAL);
    const [prompt] = joined(group, 8);
    clear(prompt!);
    const late = new FakePeer(9);
    group.join(late);
    group.consider(500, B, LOCAL);
    for (let i = 0; i < 3; i++) group.flush({ rows: 10, octets: 1000 });
    assert.deepEqual(rowsOf(prompt!).announced, [500]);
    assert.ok(late.table.size < 100);
  });
});

describe("a change", () => {
  test("to a set with the same octets is not sent, and the new set is held instead", () => {
    const { group, encoder } = setUp();
    const [member] = joined(group, 8);
    group.consider(0, A, LOCAL);
    drain(group);
    clear(member!);
    group.consider(0, A + 1, LOCAL);
    drain(group);
    assert.equal(member!.writes, 0);
    assert.deepEqual(group.announced(0), { set: A + 1, source: LOCAL });
    assert.deepEqual([...encoder.references], [[A + 1, 1]]);
  });

  test("reaches a member that was behind as its last state only", () => {
    const { group } = setUp();
    const [slow] = joined(group, 8);
    slow!.stopped = true;
    group.consider(0, A, LOCAL);
    drain(group);
    clear(slow!);
    for (const set of [B, C, A, B, 0, C]) {
      group.consider(0, set, LOCAL);
      drain(group);
    }
    assert.equal(slow!.writes, 0);
    slow!.stopped = false;
    group.resume(slow!);
    drain(group);
    assert.deepEqual(rowsOf(slow!), { announced: [0], withdrawn: [] });
  });

  for (const [what, between] of [
    ["another set", [B]],
    ["a withdrawal", [0]],
    ["several others", [B, 0, C]],
  ] as const)
    test(`to ${what} and back before anybody was told is not sent`, () => {
      const { group, encoder } = setUp();
      const members = joined(group, 8, 9);
      for (const row of [0, 1]) group.consider(row, A, LOCAL);
      drain(group);
      clear(...members);
      for (const row of [0, 1]) {
        for (const set of between) group.consider(row, set, LOCAL);
        group.consider(row, A + 1, LOCAL);
        group.check();
      }
      drain(group);
      for (const member of members) assert.equal(member.writes, 0);
      assert.equal(group.tombstones, 0);
      assert.deepEqual([...encoder.references], [[A + 1, 2]]);
      const [late] = joined(group, 10);
      assert.deepEqual(rowsOf(late!).announced.sort(), [0, 1]);
    });

  test("and back is sent when a member was told in between", () => {
    const { group } = setUp();
    const [prompt, slow] = joined(group, 8, 9);
    group.consider(0, A, LOCAL);
    drain(group);
    slow!.credit = 1;
    for (const row of [1, 2]) group.consider(row, A, LOCAL);
    drain(group);
    for (const row of [0, 1]) group.consider(row, B, LOCAL);
    assert.equal(group.flush({ rows: 1, octets: 1 }), true, "row 1 is not sent yet");
    group.consider(0, A, LOCAL);
    drain(group);
    assert.equal(prompt!.table.get(0)?.octets, prompt!.table.get(2)?.octets);
  });

  test("and back of the only row is not sent", () => {
    const { group } = setUp();
    const [member] = joined(group, 8);
    group.consider(0, A, LOCAL);
    drain(group);
    clear(member!);
    for (const set of [B, A]) group.consider(0, set, LOCAL);
    drain(group);
    assert.equal(member!.writes, 0);
  });

  test("to attributes that fit no message withdraws what was announced", () => {
    const { group } = setUp();
    const [member] = joined(group, 8);
    group.consider(0, A, LOCAL);
    drain(group);
    group.consider(0, 70, LOCAL);
    drain(group);
    assert.equal(member!.table.size, 0);
    assert.equal(group.announced(0), undefined);
    assert.equal(group.counters.tooLong, 1);
  });
});

describe("a member that may not receive a path", () => {
  test("gets a withdrawal when the prefix had been announced from elsewhere", () => {
    const { group } = setUp();
    const [own, other] = joined(group, 8, 9);
    group.consider(0, A, LOCAL);
    drain(group);
    clear(own!, other!);
    group.consider(0, B, 8);
    drain(group);
    assert.deepEqual(rowsOf(own!), { announced: [], withdrawn: [0] });
    assert.deepEqual(rowsOf(other!), { announced: [0], withdrawn: [] });
    clear(own!);
    group.consider(0, C, 8);
    drain(group);
    assert.equal(own!.writes, 0, "the next change of its own path is no news to it");
  });

  test("gets that withdrawal although its own path came and went in between", () => {
    const { group } = setUp();
    const [own] = joined(group, 8, 9);
    group.consider(0, A, LOCAL);
    drain(group);
    for (const set of [B, 0, C]) group.consider(0, set, 8);
    drain(group);
    assert.equal(own!.table.size, 0);
  });

  test("gets the rest of many pieces in one write of its own", () => {
    const { group } = setUp();
    const [own, other] = joined(group, 8, 9);
    clear(own!, other!);
    for (let row = 0; row < 40; row++) group.consider(row, A, row % 2 === 0 ? 8 : 100 + row);
    drain(group);
    assert.equal(own!.table.size, 20);
    assert.equal(other!.table.size, 40);
    assert.equal(own!.writes, 1);
  });

  test("causes no encoding of its own paths when it is the only member", () => {
    const { group } = setUp();
    joined(group, 8);
    for (let row = 0; row < 100; row++) group.consider(row, A, 8);
    drain(group);
    assert.equal(group.counters.messagesEncoded, 0);
  });

  test("is spared a next hop that is its own address", () => {
    const { group } = setUp();
    const own = new FakePeer(8, 100);
    const other = new FakePeer(9);
    group.join(own);
    group.join(other);
    group.consider(0, 40, LOCAL); // content 4: next hop 100
    group.consider(1, A, LOCAL);
    drain(group);
    assert.deepEqual([...own.table.keys()], [1]);
    assert.equal(other.table.size, 2);
    assert.equal(group.announcedTo(own, 0), undefined);
  });
});

describe("packing", () => {
  for (const family of FAMILIES)
    for (const max of [4096, 65_535])
      test(`fills messages of ${max} octets, ${family}`, () => {
        const { group } = setUp({ batchOctets: 1 << 20, batchRows: 32_768 }, family, max);
        const member = new FakePeer(8, 0, max);
        group.join(member);
        const nlri = family === "ipv4" ? 4 : 9;
        const all = { rows: 1_000_000, octets: 1 << 20 };
        for (let row = 0; row < 20_000; row++) group.consider(row, A, LOCAL);
        while (group.flush(all));
        for (const update of member.updates.slice(0, -1)) assert.ok(update.octets > max - 2 * nlri - 17);
        clear(member);
        for (let row = 0; row < 20_000; row++) group.consider(row, 0, LOCAL);
        while (group.flush(all));
        assert.equal(member.table.size, 0);
        assert.ok(member.updates.length <= Math.ceil((20_000 * nlri) / (max - 60)));
      });

  test("puts rows of one set and source into one message whatever their order", () => {
    const { group } = setUp();
    const [member] = joined(group, 8);
    for (let row = 0; row < 300; row++) group.consider(row, [A, B, C][row % 3]!, LOCAL + (row % 2));
    drain(group);
    assert.equal(member!.updates.length, 6);
    assert.equal(member!.writes, 1);
  });

  test("is done once however many members there are", () => {
    const encoded = [1, 2, 200].map((members) => {
      const { group } = setUp();
      joined(group, ...Array.from({ length: members }, (_, i) => 50 + i));
      for (let row = 0; row < 5000; row++) group.consider(row, 20 + (row % 10), LOCAL);
      drain(group);
      return { messages: group.counters.messagesEncoded, octets: group.counters.octetsEncoded };
    });
    assert.deepEqual(encoded[1], encoded[0]);
    assert.deepEqual(encoded[2], encoded[0]);
  });

  test("hands all members the very same bytes, fifty members a step", () => {
    const { group } = setUp();
    const members = joined(group, ...Array.from({ length: 120 }, (_, i) => 50 + i));
    const buffers = new Set<Uint8Array>();
    let writes = 0;
    for (const member of members)
      member.write = (bytes) => {
        buffers.add(bytes);
        writes++;
        return true;
      };
    group.consider(0, A, LOCAL);
    const steps: number[] = [];
    for (let more = true; more; ) {
      more = group.flush(BUDGET);
      steps.push(writes);
    }
    assert.deepEqual(steps.slice(0, 3), [50, 100, 120]);
    assert.equal(buffers.size, 1);
  });
});

describe("tombstones", () => {
  test("leave with the last member that had to be told", () => {
    const { group } = setUp();
    const [prompt, slow] = joined(group, 8, 9);
    group.consider(0, A, LOCAL);
    drain(group);
    slow!.credit = 1;
    group.consider(1, A, LOCAL);
    drain(group);
    group.consider(0, 0, LOCAL);
    drain(group);
    assert.equal(prompt!.table.size, 1);
    assert.equal(group.tombstones, 1);
    group.leave(slow!);
    drain(group);
    assert.equal(group.tombstones, 0);
  });

  test("beyond the bound name the member that takes nothing, after it had its time", () => {
    const fixture = setUp({ tombstonesMin: 10, laggingMs: 1000 });
    const { group, lagging } = fixture;
    const [, slow] = joined(group, 8, 9);
    slow!.stopped = true;
    for (let row = 0; row < 30; row++) group.consider(row, A, LOCAL);
    drain(group);
    for (let row = 0; row < 11; row++) group.consider(row, 0, LOCAL);
    drain(group);
    assert.deepEqual(lagging, []);
    fixture.now = 1000;
    group.flush(BUDGET);
    assert.deepEqual(lagging, [9]);
    group.leave(slow!);
    drain(group);
    assert.equal(group.tombstones, 0);
    assert.deepEqual(lagging, [9]);
  });

  test("beyond the bound name nobody while all members take what they are sent", () => {
    const { group, lagging } = setUp({ tombstonesMin: 10, laggingMs: 0 });
    joined(group, 8, 9);
    for (let row = 0; row < 3000; row++) group.consider(row, A, LOCAL);
    drain(group);
    for (let row = 0; row < 3000; row++) group.consider(row, 0, LOCAL);
    while (group.flush({ rows: 7, octets: 100 }));
    assert.deepEqual(lagging, []);
  });
});

describe("a member that is taken over from another group", () => {
  const table = (group: UpdateGroup, sets: readonly number[]) => {
    for (const [row, set] of sets.entries()) group.consider(row, set, LOCAL);
  };

  test("gets the difference of the two tables and keeps the rest", () => {
    const from = setUp().group;
    const to = setUp().group;
    table(from, [A, A, A, 0, B]);
    table(to, [A + 1, B, 0, C, B + 2]);
    const [member] = joined(from, 8);
    clear(member!);
    to.transfer(member!, from);
    while (to.flush({ rows: 1, octets: 1 })) for (const group of [from, to]) group.check();
    assert.deepEqual(rowsOf(member!), { announced: [1, 3], withdrawn: [2] });
    assert.equal(member!.endOfRibs, 1);
    assert.equal(from.size, 0);
    assert.equal(to.size, 1);
  });

  test("is told again what it had not been sent when it moved", () => {
    const from = setUp().group;
    const to = setUp().group;
    const [member] = joined(from, 8);
    table(from, [A, A, A]);
    drain(from);
    table(to, [A, A, A]);
    member!.credit = 1;
    from.consider(0, B, LOCAL);
    drain(from);
    from.consider(0, A, LOCAL);
    from.consider(1, 0, LOCAL);
    to.transfer(member!, from);
    member!.stopped = false;
    to.resume(member!);
    clear(member!);
    drain(to);
    assert.deepEqual(rowsOf(member!), { announced: [0, 1], withdrawn: [] });
    assert.deepEqual([...member!.table.keys()].sort(), [0, 1, 2]);
  });

  test("is let go when its session ends on the way", () => {
    const from = setUp().group;
    const to = setUp().group;
    table(from, [A, B, C]);
    const [member] = joined(from, 8);
    to.transfer(member!, from);
    to.flush({ rows: 1, octets: 1 });
    assert.equal(from.size, 1);
    to.leave(member!);
    assert.equal(from.size, 0);
    for (const group of [from, to]) drain(group);
  });

  test("has its difference worked out when the old group is closed", () => {
    const from = setUp().group;
    const to = setUp().group;
    table(from, [A, B, C]);
    table(to, [A, A]);
    const [member] = joined(from, 8);
    clear(member!);
    to.transfer(member!, from);
    from.close();
    drain(to);
    assert.deepEqual(rowsOf(member!), { announced: [1], withdrawn: [2] });
  });
});

test("a refresh announces the whole table again, without End-of-RIB, and says when it is done", () => {
  const { group } = setUp();
  const [member, other] = joined(group, 8, 9);
  for (const row of [0, 1, 2]) group.consider(row, A, LOCAL);
  drain(group);
  clear(member!, other!);
  let done = 0;
  group.resend(member!, () => done++);
  drain(group);
  assert.deepEqual(rowsOf(member!).announced, [0, 1, 2]);
  assert.equal(other!.writes, 0);
  assert.equal(member!.endOfRibs, 1);
  assert.equal(done, 1);
});

test("a member may leave while it is written to, also one that is being taken over", () => {
  const from = setUp().group;
  const to = setUp().group;
  const [member] = joined(from, 8);
  const endSession = (group: UpdateGroup) => {
    member!.write = () => {
      group.leave(member!);
      return false;
    };
  };
  for (const row of [0, 1, 2]) from.consider(row, A, LOCAL);
  endSession(from);
  drain(from);
  assert.equal(from.size, 0);
  member!.write = () => true;
  from.join(member!);
  drain(from);
  endSession(to);
  to.transfer(member!, from);
  for (const group of [to, from]) drain(group);
  assert.equal(from.size + to.size, 0);
  assert.equal(from.tombstones, 0);
});

test("a walk visits what is announced, in slices", () => {
  const { group } = setUp();
  joined(group, 8);
  for (let row = 0; row < 10; row++) group.consider(row, A, LOCAL);
  group.consider(4, 0, LOCAL);
  drain(group);
  const seen: number[] = [];
  for (let row = 0; row >= 0; ) row = group.walk(row, 3, (visited) => seen.push(visited));
  assert.deepEqual(seen, [0, 1, 2, 3, 5, 6, 7, 8, 9]);
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createUpdateScan } from "../../src/bgp/update-scan.ts";
import { scanUpdate } from "../../src/bgp/update-scanner.ts";
import { NO_METRIC } from "../../src/policy/types.ts";
import type { SetTable } from "../../src/rib/attribute-sets.ts";
import type { SetHandle } from "../../src/rib/types.ts";
import { addressOf, CLASS, createWorld, intern, octetsOf } from "./world.ts";

function bytesOf(sets: SetTable, set: SetHandle): number[] {
  return [...sets.arena().subarray(sets.offset(set), sets.offset(set) + sets.octets(set))];
}

describe("attribute sets", () => {
  test("equal octets, class and next hop are one set, counted twice", () => {
    const world = createWorld();
    const a = intern(world, { asPath: [1, 2], med: 7 });
    const b = intern(world, { asPath: [1, 2], med: 7 });
    assert.equal(a, b);
    assert.equal(world.sets.references(a), 2);
    assert.equal(world.sets.size, 1);
  });

  test("any difference in octets or parsing class makes another set", () => {
    const world = createWorld();
    const base = { asPath: [1, 2], med: 7, localPref: 100 };
    const sets = [
      intern(world, base),
      intern(world, { ...base, med: 8 }),
      intern(world, { ...base, asPath: [2, 1] }),
      intern(world, { ...base, nextHop: "10.0.0.2" }),
      intern(world, { asPath: [1, 2], med: 7 }),
      intern(world, base, { ...CLASS, id: 2 }),
    ];
    assert.equal(new Set(sets).size, sets.length);
  });

  test("columns are those of the attributes, with defaults where they are absent", () => {
    const world = createWorld();
    const { sets } = world;
    const full = intern(world, {
      origin: 2,
      asPath: [4_200_000_000, 2],
      med: 4_000_000_000,
      localPref: 0,
      originatorId: "200.1.1.1",
      clusterList: [1, 2, 3],
    });
    assert.deepEqual(
      [sets.origin(full), sets.asPathLength(full), sets.neighborAs(full), sets.med(full), sets.localPref(full)],
      [2, 2, 4_200_000_000, 4_000_000_000, 0],
    );
    assert.deepEqual([sets.originatorId(full), sets.clusterListLength(full)], [0xc8010101, 3]);
    const bare = intern(world, {});
    assert.deepEqual(
      [sets.med(bare), sets.localPref(bare), sets.originatorId(bare), sets.neighborAs(bare), sets.preference(bare)],
      [0, 100, 0, 0, 100],
    );
  });

  test("an UPDATE that is not clean meets the set of the clean one it amounts to", () => {
    const world = createWorld();
    const clean = octetsOf({ asPath: [5], med: 1 });
    // The same MED again at the end: the first counts (RFC 7606 §3).
    const doubled = [...clean, 0x80, 4, 4, 0, 0, 0, 9];
    const handles = [[...clean], doubled].map((attributes) => {
      const body = Uint8Array.from([0, 0, attributes.length >> 8, attributes.length & 255, ...attributes, 8, 10]);
      const scan = createUpdateScan();
      scanUpdate(body, 0, body.length, { ...CLASS, internal: false }, scan);
      const nextHop = world.nextHops.intern("ipv4", body, scan.nextHopAt, 0);
      return world.sets.intern(body, scan, CLASS, nextHop);
    });
    assert.equal(handles[0], handles[1]);
  });

  test("preference and metric belong to the identity of a set, and the same edits give the same set", () => {
    const world = createWorld();
    const { sets } = world;
    const set = intern(world, { asPath: [1] });
    const nextHop = sets.nextHop(set);
    assert.equal(sets.derive(set, {}, nextHop), set);
    assert.equal(sets.derive(set, { preference: 100 }, nextHop), set);
    assert.equal(sets.metric(set), NO_METRIC);
    const free = sets.derive(set, { metric: 0 }, nextHop);
    assert.notEqual(free, set, "metric 0 is not the same as none");
    assert.equal(sets.metric(free), 0);
    const most = sets.derive(set, { preference: 0xffffffff }, nextHop);
    assert.equal(sets.preference(most), 0xffffffff);
    assert.equal(sets.derive(set, { preference: 0xffffffff }, nextHop), most);
    const preferred = sets.derive(set, { preference: 200 }, nextHop);
    const costly = sets.derive(set, { metric: 4_000_000_000 }, nextHop);
    assert.equal(new Set([set, preferred, costly]).size, 3);
    assert.deepEqual([sets.preference(preferred), sets.metric(costly)], [200, 4_000_000_000]);
    assert.equal(
      sets.derive(preferred, { metric: 4_000_000_000 }, nextHop),
      sets.derive(costly, { preference: 200 }, nextHop),
    );
    assert.deepEqual(bytesOf(sets, preferred), bytesOf(sets, set));
  });

  test("a derived set has the columns and the typed form of the edited attributes", () => {
    const world = createWorld();
    const { sets } = world;
    const set = intern(world, { asPath: [1], med: 5 });
    const edited = sets.derive(set, { localPref: 300, med: null, prepend: [9, 9] }, sets.nextHop(set));
    assert.deepEqual(
      [sets.localPref(edited), sets.med(edited), sets.asPathLength(edited), sets.neighborAs(edited)],
      [300, 0, 3, 9],
    );
    assert.equal(sets.attributes(edited).localPref, 300);
    assert.equal(sets.attributes(edited).med, undefined);
    assert.equal(sets.attributes(set).med, 5);
    assert.deepEqual(sets.attributes(set).nextHop, addressOf("10.0.0.1"));
  });

  test("routes of our own have an empty AS_PATH and origin IGP", () => {
    const { sets } = createWorld();
    const set = sets.originate(1, 40, 7);
    assert.deepEqual([sets.origin(set), sets.asPathLength(set), sets.preference(set), sets.metric(set)], [0, 0, 40, 7]);
    assert.deepEqual(sets.attributes(set).asPath, []);
  });

  test("at the bound of sets or of octets nothing is interned, and what is there stays", () => {
    for (const limits of [{ sets: 2 }, { octets: 8192 }]) {
      const world = createWorld(limits);
      const opaque = new Array<number>(2000).fill(1);
      const held = [1, 2].map((med) => intern(world, { med, opaque }));
      let refused = 0;
      for (let med = 3; med < 9; med++) if (intern(world, { med, opaque }) === 0) refused++;
      assert.ok(refused > 0);
      assert.equal(intern(world, { med: 1, opaque }), held[0]);
    }
  });

  test("a released set is gone, and releasing it again is an error", () => {
    const world = createWorld();
    const set = intern(world, {});
    world.sets.release(set);
    assert.equal(world.sets.size, 0);
    assert.throws(() => world.sets.release(set));
  });

  test("what is remembered of a set dies with it, and with the set that is the answer", () => {
    const world = createWorld();
    const { sets } = world;
    const [set, answer] = [intern(world, { med: 1 }), intern(world, { med: 2 })];
    const [key, other] = [sets.newMemoKey(), sets.newMemoKey()];
    sets.remember(set, key, answer);
    sets.remember(set, other, -3);
    assert.deepEqual([sets.recall(set, key), sets.recall(set, other), sets.recall(answer, key)], [answer, -3, 0]);
    sets.release(answer);
    assert.equal(sets.recall(set, key), 0);
    const successor = intern(world, { med: 3 });
    assert.equal(successor, answer, "the row is used again");
    assert.equal(sets.recall(set, key), 0);
    sets.release(set);
    assert.equal(sets.usage().remembered, 0);
  });

  test("entries of a retired key go when their set is asked to remember again", () => {
    const world = createWorld();
    const { sets } = world;
    const set = intern(world, {});
    for (let generation = 0; generation < 50; generation++) {
      const key = sets.newMemoKey();
      sets.remember(set, key, -1);
      sets.retireMemoKey(key);
    }
    assert.equal(sets.usage().remembered, 1);
  });

  test("sets keep their octets through any interning, release and compaction in slices", () => {
    const step = fc.record({
      size: fc.integer({ min: 0, max: 3000 }),
      release: fc.nat(3),
      pick: fc.nat(),
      slice: fc.nat(20_000),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 800, maxLength: 1500, size: "max" }), (steps) => {
        const world = createWorld({ octets: 1 << 23, sets: 3000 });
        const { sets } = world;
        const live: { set: SetHandle; bytes: number[] }[] = [];
        for (const [i, { size, release, pick, slice }] of steps.entries()) {
          // Growing first and shrinking then, so that compaction has something to do.
          const shrinking = i > steps.length / 2;
          if (live.length > 0 && release < (shrinking ? 4 : 1)) {
            const [gone] = live.splice(pick % live.length, 1);
            sets.release(gone!.set);
          } else {
            const attributes = { asPath: [i], opaque: new Array<number>(size).fill(i & 255) };
            live.push({ set: intern(world, attributes), bytes: [...octetsOf(attributes)] });
          }
          sets.compact(slice);
        }
        for (const { set, bytes } of live) assert.deepEqual(bytesOf(sets, set), bytes);
        while (!sets.compact(1000));
        for (const { set, bytes } of live) assert.deepEqual(bytesOf(sets, set), bytes);
        assert.ok(sets.usage().extent < 1 << 20 || sets.usage().extent <= 2 * sets.usage().live);
        for (const { set } of live) sets.release(set);
        assert.deepEqual([sets.size, sets.usage().live], [0, 0]);
      }),
      { seed: 3, numRuns: 6 },
    );
  });
});

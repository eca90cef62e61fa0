import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decide, explainSelection } from "../../src/rib/decision.ts";
import { REJECT, STEPS, type Step } from "../../src/rib/types.ts";
import { type Attributes, addPeer, announce, createWorld, prefixOf, rowOf, settle, withdraw } from "./world.ts";

const PREFIX = "192.0.2.0/24";

interface Side extends Attributes {
  readonly external?: boolean;
  readonly bgpId?: string;
  readonly address?: string;
  readonly preference?: number;
  readonly pathId?: number;
}

const base: Side = {
  asPath: [65001, 65002],
  med: 5,
  localPref: 100,
  origin: 0,
  bgpId: "9.9.9.9",
  address: "172.16.0.9",
  pathId: 0,
};

/** What makes a path worse at each step; all steps before it tie. */
const WORSE: readonly { step: Step; worse: Side; better?: Side; values: readonly [string, string] }[] = [
  { step: "preference", worse: { preference: 90 }, values: ["100", "90"] },
  { step: "localPref", worse: { localPref: 50 }, values: ["100", "50"] },
  { step: "asPathLength", worse: { asPath: [65001, 1, 2] }, values: ["2", "3"] },
  { step: "origin", worse: { origin: 2 }, values: ["IGP", "INCOMPLETE"] },
  { step: "med", worse: { med: 6 }, values: ["5", "6"] },
  { step: "external", worse: { external: false }, values: ["external", "internal"] },
  { step: "cost", worse: { nextHop: "10.200.0.1" }, values: ["0", "30"] },
  { step: "bgpId", worse: { bgpId: "200.1.1.1" }, values: ["9.9.9.9", "200.1.1.1"] },
  { step: "bgpId", better: { originatorId: "1.1.1.1" }, worse: {}, values: ["1.1.1.1", "9.9.9.9"] },
  { step: "clusterListLength", worse: { clusterList: [1] }, values: ["0", "1"] },
  { step: "peerAddress", worse: { address: "172.16.0.10" }, values: ["172.16.0.9", "172.16.0.10"] },
  { step: "peerAddress", worse: { address: "2001:db8::1" }, values: ["172.16.0.9", "2001:db8::1"] },
];

function build(sides: readonly Side[]) {
  const world = createWorld({ multipath: 16 });
  world.nextHops.routeChanged(
    {
      prefix: prefixOf("10.200.0.0/16"),
      metric: 30,
      protocol: 3,
      kind: "unicast",
      hops: [{ ifindex: 2, gateway: { family: "ipv4", bytes: Uint8Array.of(10, 0, 0, 1) } }],
    },
    false,
  );
  settle(world);
  const paths = sides.map((side) => {
    const peer = addPeer(world, side.address!, { external: side.external ?? true, bgpId: side.bgpId! });
    announce(world, peer, PREFIX, side, { pathId: side.pathId ?? 0 });
    const path = world.rib.pathOf(rowOf(world, PREFIX), peer, side.pathId ?? 0);
    if (side.preference !== undefined) {
      const set = world.rib.pathSetIn(path);
      world.rib.setPathResult(path, world.sets.derive(set, { preference: side.preference }, world.sets.nextHop(set)));
    }
    return path;
  });
  return { world, paths, row: rowOf(world, PREFIX) };
}

describe("each step decides when all before it tie, in either order of arrival", () => {
  for (const { step, worse, better, values } of WORSE)
    test(`${step}: ${values.join(" before ")}`, () => {
      // Peers of one address would tie with the base; those that do not vary it differ only in their ids.
      const [good, bad] = [
        { ...base, ...better },
        { ...base, ...worse },
      ];
      for (const order of [
        [good, bad],
        [bad, good],
      ]) {
        const { world, paths, row } = build(order);
        const [winner, loser] = order[0] === good ? paths : [...paths].reverse();
        assert.equal(world.rib.best(row), winner);
        const decision = world.rib.selection.betterStep(winner!, loser!);
        assert.equal(STEPS[-decision - 1], step);
        assert.equal(world.rib.selection.betterStep(loser!, winner!), -decision);
        assert.deepEqual(explainSelection(world.rib, row), {
          best: winner,
          losers: [{ path: loser, step, bestValue: values[0], value: values[1] }],
          ineligible: [],
        });
      }
    });

  test("pathId: the lower one, unsigned, of one peer", () => {
    const world = createWorld();
    const peer = addPeer(world, "172.16.0.9");
    for (const pathId of [0xffff_ffff, 7, 9]) announce(world, peer, PREFIX, base, { pathId });
    const row = rowOf(world, PREFIX);
    assert.equal(world.rib.pathId(world.rib.best(row)), 7);
    const losers = explainSelection(world.rib, row).losers.map(({ step, value }) => `${step} ${value}`);
    assert.deepEqual(losers.sort(), ["pathId 4294967295", "pathId 9"]);
  });
});

describe("MED", () => {
  const low: Side = { ...base, asPath: [1, 2], med: 1, bgpId: "3.3.3.3", address: "172.16.0.3" };
  const high: Side = { ...base, asPath: [1, 2], med: 9, bgpId: "1.1.1.1", address: "172.16.0.1" };
  const other: Side = { ...base, asPath: [7, 2], med: 5, bgpId: "2.2.2.2", address: "172.16.0.2" };

  test("does not compare paths of different neighbour ASes", () => {
    const { world, paths, row } = build([other, high]);
    assert.equal(world.rib.best(row), paths[1]);
  });

  test("decides alike in all six orders of arrival of the classic cycle", () => {
    for (const order of [
      [low, high, other],
      [low, other, high],
      [high, low, other],
      [high, other, low],
      [other, low, high],
      [other, high, low],
    ]) {
      const { world, paths, row } = build(order);
      assert.equal(world.rib.best(row), paths[order.indexOf(other)]);
    }
  });

  test("a path that only MED kept down comes up when the one above it goes", () => {
    const { world, paths, row } = build([low, high, other]);
    assert.equal(world.rib.best(row), paths[2]);
    withdraw(world, world.rib.pathPeer(paths[0]!), PREFIX);
    assert.equal(world.rib.best(row), paths[1]);
  });

  test("is explained against the path of its own neighbour AS", () => {
    const { world, paths, row } = build([low, high, other]);
    const { losers } = explainSelection(world.rib, row);
    assert.deepEqual(losers[0], { path: paths[1], step: "med", bestValue: "1", value: "9" });
  });
});

describe("sharing traffic", () => {
  const shares = (sides: readonly Side[], limit = 64) => {
    const { world, row, paths } = build(sides);
    const out = new Int32Array(limit);
    return [...out.subarray(0, world.rib.multipath(row, out))].map((path) => paths.indexOf(path));
  };

  for (const { step, worse } of WORSE)
    test(`paths that differ in ${step} ${STEPS.indexOf(step) > STEPS.indexOf("cost") ? "share" : "do not"}`, () => {
      const expected = STEPS.indexOf(step) > STEPS.indexOf("cost") ? 2 : 1;
      assert.equal(shares([base, { ...base, address: "172.16.0.30", ...worse }]).length, expected);
    });

  test("the contents of AS_PATH do not matter, nor MED between neighbour ASes", () => {
    assert.deepEqual(shares([base, { ...base, asPath: [7, 8], med: 50, address: "172.16.0.10" }]), [0, 1]);
  });

  test("of too many the first by the later steps are taken, whatever their arrival", () => {
    const sides = [4, 2, 5, 1, 3].map((n) => ({ ...base, bgpId: `1.1.1.${n}`, address: `172.16.0.${n}` }));
    assert.deepEqual(shares(sides, 3), [3, 1, 4]);
  });

  test("at most as many as configured", () => {
    const sides = Array.from({ length: 20 }, (_, n) => ({ ...base, address: `172.16.0.${n + 1}` }));
    assert.equal(shares(sides).length, 16);
  });
});

describe("paths that take no part", () => {
  test("rejected and unreachable ones say why", () => {
    const world = createWorld();
    const [a, b, c] = ["172.16.0.1", "172.16.0.2", "172.16.0.3"].map((address) => addPeer(world, address));
    announce(world, a!, PREFIX, base, { reject: REJECT.asLoop });
    announce(world, b!, PREFIX, { ...base, nextHop: "11.0.0.1" });
    announce(world, c!, PREFIX, base);
    const row = rowOf(world, PREFIX);
    const { best, ineligible } = explainSelection(world.rib, row);
    assert.equal(world.rib.pathPeer(best), c);
    assert.deepEqual(ineligible.map(({ because }) => because).sort(), [
      "its next hop is unreachable: no route to 11.0.0.1",
      "our AS is in its AS_PATH",
    ]);
  });

  test("no candidate gives no best path", () => {
    assert.deepEqual(decide([]), { best: undefined, losers: [] });
  });
});

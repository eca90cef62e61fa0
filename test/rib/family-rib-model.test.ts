import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatPrefix } from "../../src/ip/prefix.ts";
import { type Candidate, decide, explainSelection } from "../../src/rib/decision.ts";
import { type PathRow, REJECT } from "../../src/rib/types.ts";
import {
  type Attributes,
  addPeer,
  announce,
  createWorld,
  drain,
  prefixOf,
  rowOf,
  type World,
  withdraw,
} from "./world.ts";

const PREFIXES = ["192.0.2.0/24", "192.0.2.0/25"];
const NEXT_HOPS = ["10.0.0.1", "10.1.0.1", "10.2.0.1"];
const PEERS = 5;

/** Values collide on purpose: MED decides often, within and across neighbour ASes. */
const attributes: fc.Arbitrary<Attributes> = fc.record({
  asPath: fc.constantFrom([1], [2], [1], [2], [1], [2], [3], [1, 9], []),
  med: fc.constantFrom(0, 1, 2),
  nextHop: fc.constantFrom(...NEXT_HOPS),
  localPref: fc.constantFrom(100, 100, 100, 100, 100, 100, 100, 200),
  origin: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 1),
  // LLGR_STALE, or a community that means nothing.
  communities: fc.constantFrom([0xffff0006], [7], [7], [7]),
  originatorId: fc.constantFrom("1.1.1.1", "2.2.2.2", "3.3.3.3"),
  clusterList: fc.constantFrom([7], [7, 8]),
});

const where = { peer: fc.nat(PEERS - 1), prefix: fc.constantFrom(...PREFIXES), pathId: fc.constantFrom(0, 0, 0, 1) };
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant("announce" as const), ...where, attributes, reject: fc.nat(9) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("withdraw" as const), ...where }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("import" as const), ...where, attributes, reject: fc.nat(3) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("route" as const),
      hop: fc.nat(2),
      metric: fc.constantFrom(5, 9),
      gone: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("slice" as const), budget: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("lose" as const), peer: fc.nat(PEERS - 1) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("hold" as const), ...where }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("unhold" as const), ...where }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** A path as the model knows it. */
interface Known {
  readonly attributes: Attributes;
  readonly rejected: boolean;
}

class Model {
  readonly world: World;
  readonly peers: number[];
  readonly paths = new Map<string, Known>();
  /** What a consumer of the queue of changes believes. */
  readonly believed = new Map<string, string>();
  /** Rows of paths held by an update group, by the path. */
  readonly held = new Map<string, PathRow>();
  private walking = -1;

  private readonly multipath: number;

  constructor(multipath: number, all: boolean) {
    this.multipath = multipath;
    this.world = createWorld({ multipath });
    this.world.rib.reportsAllPaths = all;
    this.peers = Array.from({ length: PEERS }, (_, i) =>
      addPeer(this.world, `10.9.0.${PEERS - i}`, { external: i % 2 === 0, bgpId: `5.5.5.${i >> 1}` }),
    );
  }

  apply(step: Step): void {
    const { rib, sets, nextHops, peers } = this.world;
    switch (step.kind) {
      case "announce": {
        const reject = step.reject === 0 ? { reject: REJECT.policy } : {};
        announce(this.world, this.peers[step.peer]!, step.prefix, step.attributes, { pathId: step.pathId, ...reject });
        this.paths.set(keyOf(step), { attributes: step.attributes, rejected: step.reject === 0 });
        break;
      }
      case "withdraw":
        assert.equal(
          withdraw(this.world, this.peers[step.peer]!, step.prefix, step.pathId),
          this.paths.delete(keyOf(step)),
        );
        break;
      case "import": {
        const known = this.paths.get(keyOf(step));
        if (!known) break;
        const path = rib.pathOf(rowOf(this.world, step.prefix), this.peers[step.peer]!, step.pathId);
        const set = rib.pathSetIn(path);
        rib.setPathResult(path, step.reject === 0 ? REJECT.policy : set);
        this.paths.set(keyOf(step), { ...known, rejected: step.reject === 0 });
        break;
      }
      case "route": {
        const prefix = prefixOf(`10.${step.hop}.0.0/16`);
        const hops = [{ ifindex: 2, gateway: { family: "ipv4" as const, bytes: Uint8Array.of(10, 200, 0, 1) } }];
        for (const metric of [5, 9])
          nextHops.routeChanged({ prefix, metric, protocol: 3, kind: "unicast", hops }, true);
        nextHops.routeChanged(
          { prefix, metric: step.metric, protocol: 3, kind: step.gone ? "blackhole" : "unicast", hops },
          false,
        );
        nextHops.refresh();
        this.walking = 0;
        break;
      }
      case "slice":
        this.advance(step.budget);
        break;
      case "lose": {
        const peer = this.peers[step.peer]!;
        peers.newEpoch(peer, false);
        for (const key of this.paths.keys()) if (key.startsWith(`${step.peer}|`)) this.paths.delete(key);
        for (let at = 0; at >= 0; ) at = rib.sweepStale(at, 3);
        break;
      }
      case "hold": {
        const key = keyOf(step);
        const path = this.paths.has(key) ? this.pathOf(key) : 0;
        if (path === 0 || this.held.has(key)) break;
        rib.holdPath(path);
        this.held.set(key, path);
        break;
      }
      case "unhold":
        this.unhold(keyOf(step));
        break;
    }
    assert.ok(sets.size >= 0);
  }

  unhold(key: string): void {
    const path = this.held.get(key);
    if (path !== undefined) this.world.rib.unholdPath(path);
    this.held.delete(key);
  }

  private pathOf(key: string): PathRow {
    const [peer, prefix, pathId] = key.split("|");
    const row = rowOf(this.world, prefix!);
    return row < 0 ? 0 : this.world.rib.pathOf(row, this.peers[Number(peer)]!, Number(pathId));
  }

  /** A row that is held stands for the same path, gone or there again. */
  private checkHeld(): void {
    const { rib } = this.world;
    const rows = new Set<PathRow>();
    for (const [key, path] of this.held) {
      const out = new Uint8Array(9);
      const { bytes, length } = prefixOf(key.split("|")[1]!);
      assert.equal(rib.writePathNlri(path, out, 0), 5 + 4 - (length === 24 ? 1 : 0));
      assert.deepEqual([...out.subarray(0, 8)], [0, 0, path >>> 8, path & 0xff, length, ...bytes.subarray(0, 3)]);
      assert.equal(this.pathOf(key), this.paths.has(key) ? path : 0);
      rows.add(path);
    }
    assert.equal(rows.size, this.held.size);
  }

  advance(budget: number): void {
    if (this.walking < 0) return;
    this.walking = this.world.rib.nextHopsChanged(this.walking, budget);
    if (this.walking < 0) this.world.nextHops.settle();
  }

  /** Everything that must hold once no walk is under way. */
  check(): void {
    for (const row of drainRows(this.world)) this.believed.set(row.prefix, row.state);
    if (this.walking >= 0) return;
    for (const prefix of PREFIXES) this.checkPrefix(prefix);
    assert.equal(this.world.rib.pathCount, this.paths.size);
    this.checkPreferred();
    this.checkHeld();
  }

  /** Each peer has as many best paths as it is said to have. */
  private checkPreferred(): void {
    const { rib } = this.world;
    const rows = PREFIXES.map((prefix) => rowOf(this.world, prefix)).filter((row) => row >= 0 && rib.best(row) !== 0);
    const owners = rows.map((row) => rib.pathPeer(rib.best(row)));
    for (const peer of this.peers) assert.equal(rib.preferred(peer), owners.filter((owner) => owner === peer).length);
  }

  private checkPrefix(prefix: string): void {
    const { rib } = this.world;
    const known = [...this.paths].filter(([key]) => key.split("|")[1] === prefix);
    const row = rowOf(this.world, prefix);
    if (row < 0) {
      assert.equal(known.length, 0);
      assert.equal(this.believed.get(prefix) ?? "none", "none");
      return;
    }
    const candidates = known.flatMap(([key, path]) => this.candidate(key, path));
    const { best } = decide(candidates);
    assert.equal(rib.best(row), best?.path ?? 0);
    assert.equal(explainSelection(rib, row).best, rib.best(row));
    assert.equal(this.believed.get(prefix) ?? "none", stateOf(this.world, row));
    const expected = !best ? [] : this.multipath === 1 ? [best] : sharing(candidates, best);
    const out = new Int32Array(64);
    assert.deepEqual([...out.subarray(0, rib.multipath(row, out))].sort(), expected.map((c) => c.path).sort());
    assert.deepEqual([...out.subarray(0, rib.ranked(row, 3, out))], inOrder(candidates).slice(0, 3));
    assert.equal(rib.ranked(row, 64, out), candidates.length);
  }

  private candidate(key: string, { attributes, rejected }: Known): Candidate[] {
    const [peerIndex, prefix, pathId] = key.split("|");
    const peer = this.peers[Number(peerIndex)]!;
    const { rib, nextHops, sets, peers } = this.world;
    const path = rib.pathOf(rowOf(this.world, prefix!), peer, Number(pathId));
    assert.notEqual(path, 0);
    if (rejected) return [];
    const nextHop = sets.nextHop(rib.pathSetOut(path));
    if (!nextHops.reachable(nextHop)) return [];
    return [
      {
        path,
        preference: 100,
        longLivedStale: attributes.communities!.includes(0xffff0006),
        localPref: attributes.localPref!,
        asPathLength: attributes.asPath!.length,
        origin: attributes.origin!,
        med: attributes.med!,
        neighborAs: attributes.asPath![0] ?? 0,
        external: peers.external(peer),
        cost: nextHops.cost(nextHop),
        bgpId: Number(attributes.originatorId!.split(".")[0]) * 0x01010101,
        clusterListLength: attributes.clusterList!.length,
        peerAddress: peers.facts(peer)!.address,
        peer,
        pathId: Number(pathId),
      },
    ];
  }
}

function keyOf(step: { peer: number; prefix: string; pathId: number }): string {
  return `${step.peer}|${step.prefix}|${step.pathId}`;
}

/** The best path, the one that would be the best without it, and so on. */
function inOrder(candidates: readonly Candidate[]): PathRow[] {
  const { best } = decide(candidates);
  return best === undefined ? [] : [best.path, ...inOrder(candidates.filter((each) => each !== best))];
}

/** Paths that tie with the best through cost, among those that MED leaves. */
function sharing(candidates: readonly Candidate[], best: Candidate): Candidate[] {
  const like = (a: Candidate) =>
    a.longLivedStale === best.longLivedStale &&
    a.localPref === best.localPref &&
    a.asPathLength === best.asPathLength &&
    a.origin === best.origin;
  const tied = candidates.filter(like);
  const left = tied.filter((a) => !tied.some((b) => b.neighborAs === a.neighborAs && b.med < a.med));
  return left.filter((a) => a.external === best.external && a.cost === best.cost);
}

function stateOf(world: World, row: number): string {
  const { rib } = world;
  const out = new Int32Array(64);
  const count = rib.reportsAllPaths ? rib.ranked(row, 64, out) : rib.multipath(row, out);
  if (rib.best(row) === 0) return "none";
  const show = (path: PathRow) => `${rib.pathPeer(path)}/${rib.pathId(path)}/${rib.pathSetOut(path)}`;
  return `${show(rib.best(row))}: ${[...out.subarray(0, count)].map(show).join(" ")}`;
}

function drainRows(world: World): { prefix: string; state: string }[] {
  const { rib } = world;
  const out = new Int32Array(rib.changed.size);
  const count = rib.takeChanged(out);
  return [...out.subarray(0, count)].map((row) => {
    const bytes = new Uint8Array(4);
    rib.prefixes.writeAddress(row, bytes, 0);
    const prefix = formatPrefix({ family: "ipv4", bytes, length: rib.prefixes.length(row) });
    const state = stateOf(world, row);
    rib.unhold(row);
    return { prefix, state };
  });
}

for (const [multipath, all] of [
  [1, false],
  [16, false],
  [1, true],
] as const)
  test(`incremental selection equals the elimination and the queue misses no change${all ? " of any path" : ""}, multipath ${multipath}`, () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 150, maxLength: 250, size: "max" }), (steps) => {
        const model = new Model(multipath, all);
        for (const each of steps) {
          model.apply(each);
          model.check();
        }
        model.advance(1_000_000);
        model.check();
        for (const peer of model.peers) model.world.peers.newEpoch(peer, false);
        for (let at = 0; at >= 0; ) at = model.world.rib.sweepStale(at, 10);
        drain(model.world);
        for (const key of [...model.held.keys()]) model.unhold(key);
        const { rib, sets } = model.world;
        assert.deepEqual([rib.pathCount, rib.prefixes.size, sets.size, sets.usage().live], [0, 0, 0, 0]);
      }),
      { seed: 7, numRuns: 150 },
    );
  });

import assert from "node:assert/strict";
import { test } from "node:test";
import { stateOf } from "../../src/bgp/session/peer.ts";
import { FAMILIES } from "../../src/ip/address.ts";
import { actualFib, actualIn, cameBack, expectedFib, expectedIn, peerOf } from "./expectation.ts";
import { type SimRouter, type Simulation, simulate } from "./simulation.ts";
import { sessionOf } from "./topology.ts";
import { HeardTable, MessageCutter, pathIdsBetween, readUpdate, type WireEvent } from "./wire-reader.ts";

/** Faults and changes of configuration in an hour. */
const CUTS = Number(process.env.CALIDRIS_SIM_CUTS ?? 40);
const HOUR_MS = 3_600_000;
/** Faults stop so long before the end: longer than the hold time, the longest idle hold and a partition together. */
const CALM_MS = 600_000;
/** Time for withdrawals to get round. */
const ENDING_MS = 120_000;

/** The gracefulRestart key of all peers; nothing of it may be seen in the end. */
const RESTARTS = [
  "aware",
  "{ mode: on, restartTime: 60s, staleTime: 90s }",
  "{ mode: on, restartTime: 60s, staleTime: 90s, notification: true }",
  "off",
  "{ mode: on, restartTime: 5s, staleTime: 90s, longLived: on, longLivedStaleTime: 100s, staleToOthers: true }",
  "{ mode: on, restartTime: 5s, notification: true, longLived: on, longLivedStaleTime: 200s }",
  "{ mode: aware, longLived: aware }",
];

/** One test per seed. */
export function simulateSeeds(first: number, count: number): void {
  for (let seed = first; seed < first + count; seed++)
    test(`four routers converge after cuts, delays, restarts and reloads, and let go of everything, seed ${seed}`, () => {
      const lagging = seed % 5 === 0;
      const sim = simulate({
        seed,
        cutsPerHour: CUTS,
        maxReadOctets: seed % 3 === 0 ? 64 : 4096,
        // A connection that takes little: members of a group lag and are blocked most of the time.
        highOctets: lagging ? 200 : 65_536,
        lookMs: seed % 7 === 0 ? 6 : 0,
        restart: RESTARTS[seed % RESTARTS.length]!,
        keys: seed % 3 === 1,
        ranges: seed % 4 > 1,
      });
      const heard = listen(sim);
      // A lagging member is sent the newest state, which may be what it held before: repeats count in calm times only.
      if (lagging) sim.time.after(HOUR_MS - CALM_MS / 2, () => forgetRepeats(heard));
      sim.run(HOUR_MS - CALM_MS, HOUR_MS);
      assertConverged(sim);
      assertNothingTwice(heard);
      assertEmptied(sim);
    });
}

/** What each end of each connection was told, read from the wire. */
function listen(sim: Simulation): HeardTable[] {
  const tables: HeardTable[] = [];
  /** By the end that writes. */
  const readers = new WeakMap<object, Reader>();
  sim.network.onWrite = (end, octets) => {
    let reader = readers.get(end);
    if (!reader) {
      reader = { cutter: new MessageCutter(), table: new HeardTable(), open: new Uint8Array(), refreshing: new Set() };
      readers.set(end, reader);
      tables.push(reader.table);
    }
    for (const message of reader.cutter.push(octets)) {
      if (message[18] === 1) reader.open = message;
      if (message[18] === 5) noteRefresh(reader, message);
      if (message[18] !== 2) continue;
      const pathIds = pathIdsBetween(reader.open, readers.get(end.other!)!.open);
      for (const event of readUpdate(message, true, pathIds)) hear(reader, event);
    }
  };
  return tables;
}

interface Reader {
  readonly cutter: MessageCutter;
  readonly table: HeardTable;
  open: Uint8Array;
  /** AFIs between BoRR and EoRR. */
  readonly refreshing: Set<number>;
}

function noteRefresh({ refreshing }: Reader, message: Uint8Array): void {
  if (message[21] === 1) refreshing.add(message[20]!);
  if (message[21] === 2) assert.ok(refreshing.delete(message[20]!), "no EoRR without a BoRR");
}

/** Within a route refresh everything is announced once more as it was. */
function hear({ table, refreshing }: Reader, event: WireEvent): void {
  const before = table.duplicates.length;
  table.hear(event);
  if (event.kind === "announce" && refreshing.has(event.prefix.includes(":") ? 2 : 1)) table.duplicates.length = before;
}

export function assertConverged(sim: Simulation): void {
  for (const { a, b } of sim.topology.sessions)
    for (const [from, to] of [
      [sim.routers[a]!, sim.routers[b]!],
      [sim.routers[b]!, sim.routers[a]!],
    ] as const) {
      const where = `${sim.topology.name}: r${from.index} to r${to.index}`;
      const peer = peerOf(to, from);
      assert.equal(peer && stateOf(peer.session), "established", where);
      assertReceived(sim, from, to, where);
    }
  for (const router of sim.routers) {
    const where = `${sim.topology.name}: kernel of r${router.index}`;
    assert.deepEqual(sorted(actualFib(router)), sorted(expectedFib(router)), where);
    assert.equal(router.router.core.scheduler.idle, true, where);
    for (const group of router.router.parts.exporter.groups()) group.updates.check();
  }
}

/** All that is expected; where there is no room for all, so much of it. */
function assertReceived(sim: Simulation, from: SimRouter, to: SimRouter, where: string): void {
  const session = sessionOf(sim.topology, from.index, to.index);
  const [maxIn, maxOut] = [session.maxIn?.[to.index], session.maxOut?.[from.index]];
  const [actual, expected] = [sorted(actualIn(from, to)), sorted(expectedIn(sim, from, to))];
  if (maxIn === undefined && maxOut === undefined) {
    assert.deepEqual(actual, expected, where);
    return;
  }
  for (const family of FAMILIES) {
    const of = (table: [string, string][]) => table.filter(([key]) => key.includes(":") === (family === "ipv6"));
    const [held, due] = [of(actual), of(expected)];
    const known = new Map(due);
    assert.deepEqual(
      held.filter(([key, words]) => known.get(key) !== words),
      [],
      where,
    );
    const sent = Math.min(maxOut ?? due.length, due.length);
    // What came back to the receiver does not count, but has no room either once the others have taken it.
    const counted = held.filter(([, words]) => !cameBack(to, words)).length;
    if (counted !== maxIn) assert.equal(held.length, sent, `${where}: ${family}`);
    assert.ok(counted <= (maxIn ?? due.length), `${where}: ${family}: ${counted}`);
  }
}

function forgetRepeats(heard: readonly HeardTable[]): void {
  for (const table of heard) table.duplicates.length = 0;
}

function assertNothingTwice(heard: readonly HeardTable[]): void {
  for (const table of heard) assert.deepEqual(table.duplicates, [], "announced once more as it was");
}

/**
 * Static routes go, then the peers: what is left is what each router is connected to. Until then a default route may be
 * there that a router originates for its peer.
 */
function assertEmptied(sim: Simulation): void {
  for (const router of sim.routers) {
    router.wishes.statics = [];
    sim.reload(router);
  }
  sim.run(0, sim.time.nowMs + ENDING_MS);
  const defaults = sim.topology.sessions.some((session) => session.defaultOnly !== undefined)
    ? ["0.0.0.0/0", "::/0"]
    : [];
  for (const router of sim.routers)
    assert.deepEqual(
      [...router.fib.keys()].filter((prefix) => !defaults.includes(prefix)),
      [],
      `${sim.topology.name}: kernel of r${router.index}`,
    );
  for (const router of sim.routers) {
    router.wishes.alone = true;
    sim.reload(router);
  }
  sim.run(0, sim.time.nowMs + ENDING_MS);
  for (const router of sim.routers) sim.touchKernel(router);
  sim.run(0, sim.time.nowMs + 1000);
  for (const router of sim.routers) assert.deepEqual(left(router), CONNECTED, `${sim.topology.name}: r${router.index}`);
}

/** One subnet of each family, which share an interface and with it attribute set and next hop. */
const CONNECTED = { prefixes: [1, 1], sets: 1, nextHops: 1, peers: 0, groups: 0 };

function left({ router: { core, parts } }: SimRouter) {
  return {
    prefixes: FAMILIES.map((family) => core.ribs[family].prefixes.size),
    sets: core.sets.size,
    nextHops: core.nextHops.size,
    peers: core.peerTable.size,
    groups: [...parts.exporter.groups()].length,
  };
}

function sorted(table: ReadonlyMap<string, string>): [string, string][] {
  return [...table].sort(([x], [y]) => (x < y ? -1 : 1));
}

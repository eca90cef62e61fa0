import assert from "node:assert/strict";
import { test } from "node:test";
import { createRecorder, readRecorded } from "../../src/daemon/recorder.ts";
import { createRouter, type Router } from "../../src/daemon/router.ts";
import type { Forwarding } from "../../src/fib/fib.ts";
import { FAMILIES } from "../../src/ip/address.ts";
import { seeded, VirtualTime } from "../sim/clock.ts";
import { memoryFib } from "../sim/wanted-fib.ts";
import { configOf, createWorld, header, peer } from "./world.ts";

const EXTERNAL = "import: accept, export: accept, families: [ipv4, ipv6]";
const CONFIG = `${header()}
static: [{ prefix: 10.50.0.0/16, blackhole: true }]
peers:
${peer("a", "10.0.0.11", 65001, EXTERNAL)}${peer("b", "10.0.0.12", 65002, EXTERNAL)}`;
const LATER = CONFIG.replace("10.50.0.0/16", "10.51.0.0/16").replace(peer("b", "10.0.0.12", 65002, EXTERNAL), "");

const data = (id: number, ...octets: number[]) =>
  ({ from: "transport", event: { kind: "data", id, bytes: Uint8Array.from(octets) } }) as const;

/** What operators could ask about, in words. */
function state(router: Router, fib: ReadonlyMap<string, Forwarding>) {
  const { core } = router;
  const routes = FAMILIES.flatMap((family) => {
    const rib = core.ribs[family];
    const out: string[] = [];
    const octets = new Uint8Array(16);
    rib.walkPrefixes(0, Number.MAX_SAFE_INTEGER, (row) => {
      rib.prefixes.writeAddress(row, octets, 0);
      for (let path = rib.firstPath(row); path !== 0; path = rib.nextPath(path))
        out.push(
          `${octets}/${rib.prefixes.length(row)} ${rib.pathPeer(path)} ${rib.best(row) === path} ${JSON.stringify(core.sets.attributes(rib.pathSetIn(path)))}`,
        );
    });
    return out.sort();
  });
  return {
    routes,
    fib: [...fib.keys()].sort(),
    peers: [...core.peers.values()].map((p) => `${p.config.name} ${p.active !== undefined} ${p.epoch}`),
    received: [...core.peers.values()].map((p) => p.counts.received),
    generation: core.generation,
  };
}

/** A fresh router is given what was recorded, at the times recorded; nobody listens to what it sends. */
function replay(lines: readonly string[], untilMs: number) {
  const time = new VirtualTime();
  const fib = new Map<string, Forwarding>();
  const router = createRouter(
    {
      clock: time.clock(() => true),
      random: seeded(1),
      log: () => {},
      transport: {
        listen: () => {},
        connect: () => {},
        write: () => true,
        pending: () => 0,
        accepted: () => 0,
        hasUnread: () => false,
        setTtl: () => {},
        setInterface: () => {},
        setKey: () => true,
        health: () => undefined,
        refused: () => undefined,
        pauseReading: () => {},
        resumeReading: () => {},
        close: () => {},
      },
      fib: memoryFib(fib),
      sha256: (bytes) => bytes,
      version: "test",
    },
    configOf(CONFIG),
    "router",
  );
  for (const line of lines) {
    const { atMs, event, missing } = readRecorded(line);
    assert.equal(missing, 0);
    time.runUntil(atMs);
    router.handle(event);
  }
  time.runUntil(untilMs);
  return state(router, fib);
}

test("a recorded list of events brings a fresh router to the same state", () => {
  const world = createWorld(CONFIG);
  const a = world.speaker("10.0.0.11", { asn: 65001, families: ["ipv4", "ipv6"] });
  const b = world.speaker("10.0.0.12", { asn: 65002, families: ["ipv4", "ipv6"] });
  a.announce(["10.9.0.0/16", "10.8.0.0/16"], { communities: ["65001:1"] });
  b.announce(["10.9.0.0/16", "10.7.0.0/16"], { asPath: [65002, 65009] });
  a.announce("2001:db8:90::/48", { nextHop: "2001:db8::11" });
  world.run(200_000);
  a.withdraw("10.8.0.0/16");
  world.route("10.60.0.0/16", { via: "10.0.0.50" });
  a.drop();
  world.run(3000);
  a.connect();
  world.run(20_000);
  a.announce("10.6.0.0/16");
  world.configure(LATER);
  world.run(10_000);
  const { recorder } = world.router.parts;
  assert.deepEqual(replay(recorder.lines(), world.time.nowMs), state(world.router, world.fib));
});

test("passwords do not stand in what is recorded", () => {
  const world = createWorld(CONFIG);
  for (const key of ["secret one", "secret two", "secret one"])
    world.configure(`${header()}peers:\n${peer("a", "10.0.0.11", 65001, `${EXTERNAL}, password: ${key}`)}`);
  const text = world.router.parts.recorder.lines().join("\n");
  assert.deepEqual(
    [...text.matchAll(/"password":"\(hidden (\d)\)"/g)].map((found) => found[1]),
    ["1", "2", "1"],
  );
  assert.doesNotMatch(text, /secret/);
});

test("the newest events are kept, and of a chunk as much as the bound says", () => {
  const recorder = createRecorder({ events: 4, octets: 16, perChunk: 3 });
  for (let i = 1; i <= 9; i++) recorder.note(data(i, i, i, i, i, i), 10 * i);
  const kept = recorder.lines().map(readRecorded);
  assert.deepEqual(
    kept.map(({ atMs, missing }) => [atMs, missing]),
    [6, 7, 8, 9].map((i) => [10 * i, 2]),
  );
  assert.deepEqual(kept[3]!.event, data(9, 9, 9, 9));
});

test("octets that were written over are counted as missing, never shown as another chunk's", () => {
  const recorder = createRecorder({ events: 8, octets: 8, perChunk: 8 });
  for (let i = 1; i <= 6; i++) recorder.note(data(i, i, i, i), i);
  for (const { event, missing } of recorder.lines().map(readRecorded)) {
    assert.ok(event.from === "transport" && event.event.kind === "data");
    const { id, bytes } = event.event;
    assert.ok(missing === 3 ? bytes.length === 0 : bytes.every((octet) => octet === id), `chunk ${id}`);
    assert.equal(missing === 0, id >= 5);
  }
});

test("a chunk is copied: the reader may use its buffer again", () => {
  const recorder = createRecorder({ events: 4, octets: 16, perChunk: 8 });
  const event = data(1, 1, 2, 3);
  recorder.note(event, 1);
  event.event.bytes.fill(0);
  assert.deepEqual(readRecorded(recorder.lines()[0]!).event, data(1, 1, 2, 3));
});

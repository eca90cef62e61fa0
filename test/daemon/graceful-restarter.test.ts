/** A process that takes over from one that ended a moment ago: RFC 4724 §4.1, the state file and its signals. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RestartMemory } from "../../src/daemon/ports.ts";
import { formatRecord, parseRecord, type RestartRecord } from "../../src/daemon/restart-record.ts";
import type { RestartOffer, Speaker } from "./speaker.ts";
import { createWorld, header, peer, type World } from "./world.ts";

const ON = "import: accept, export: accept, gracefulRestart: { mode: on, restartTime: 60s }";
const CONFIG = `${header()}
static: [{ prefix: 10.7.0.0/16, blackhole: true }]
peers:
${peer("a", "10.0.0.11", 65001, ON)}${peer("b", "10.0.0.12", 65002, ON)}`;
const V4 = "10.9.0.0/16";

interface Memory extends RestartMemory {
  text: string | undefined;
}

function memory(record?: RestartRecord | string, ageMs = 2000): Memory {
  const text = typeof record === "object" ? formatRecord(record) : record;
  return {
    text,
    previous: text === undefined ? undefined : { text, ageMs },
    save(next) {
      this.text = next;
    },
    forget() {
      this.text = undefined;
    },
  };
}

const record = (peers: Record<string, readonly ("ipv4" | "ipv6")[]>): RestartRecord => ({
  restartTimeMs: 60_000,
  peers: new Map(Object.entries(peers)),
});
const BOTH = record({ a: ["ipv4"], b: ["ipv4"] });

function start(restart: Memory, config = CONFIG): World {
  return createWorld(config, { restart });
}

const up = (world: World, name: "a" | "b", gracefulRestart: RestartOffer | null = {}): Speaker =>
  world.speaker(name === "a" ? "10.0.0.11" : "10.0.0.12", {
    asn: name === "a" ? 65001 : 65002,
    ...(gracefulRestart && { gracefulRestart }),
  });

/** R, N, seconds and F of each family, as the router's OPEN has them. */
function offered(speaker: Speaker): string {
  const open = speaker.messages.find((octets) => octets[18] === 1)!;
  for (let at = 31; at < open.length; at += 2 + open[at + 1]!) {
    if (open[at] !== 64) continue;
    const value = open.subarray(at + 2, at + 2 + open[at + 1]!);
    const flags = [...(value[0]! & 0x80 ? ["R"] : []), ...(value[0]! & 0x40 ? ["N"] : [])];
    const seconds = ((value[0]! & 0x0f) << 8) | value[1]!;
    const families = Array.from(
      { length: (value.length - 2) / 4 },
      (_, i) => `${value[3 + 4 * i]}${value[5 + 4 * i]! & 0x80 ? "F" : ""}`,
    );
    return [...flags, seconds, ...families].join(" ");
  }
  return "none";
}

const told = (speaker: Speaker) => speaker.table.log.filter((line) => !/10\.0\.|2001:db8/.test(line));

describe("what our OPEN says", () => {
  test("cold start: neither R nor F, and nothing is waited for", () => {
    const world = start(memory());
    const a = up(world, "a");
    assert.equal(offered(a), "60 1");
    assert.deepEqual(told(a), ["+10.7.0.0/16", "eor ipv4"]);
  });

  test("a reconnect of the same process: F, not R", () => {
    const world = start(memory());
    up(world, "a").drop();
    world.run(5000);
    assert.equal(offered(up(world, "a")), "60 1F");
    assert.equal(offered(up(world, "b")), "60 1", "another peer is met for the first time");
  });

  test("a reflector that programs no kernel says F like any other", () => {
    const world = start(memory(BOTH), CONFIG.replace("static:", "kernel: { program: false }\nstatic:"));
    assert.equal(offered(up(world, "a")), "R 60 1F");
  });

  test("R while it recovers, not after; F from then on", () => {
    const world = start(memory(BOTH));
    const [a, b] = [up(world, "a"), up(world, "b")];
    assert.deepEqual([offered(a), offered(b)], ["R 60 1F", "R 60 1F"]);
    a.endOfRib();
    b.endOfRib();
    world.run(20_000);
    a.drop();
    world.run(5000);
    assert.equal(offered(up(world, "a")), "60 1F");
  });

  test("aware: an empty list; off: no capability", () => {
    const config = (mode: string) => CONFIG.replaceAll(/gracefulRestart: \{[^}]*\}/g, `gracefulRestart: ${mode}`);
    assert.equal(offered(up(start(memory(BOTH), config("aware")), "a")), "0");
    assert.equal(offered(up(start(memory(BOTH), config("off")), "a")), "none");
    const notifying = config("{ mode: aware, notification: true }");
    assert.equal(offered(up(start(memory(), notifying), "a")), "N 0");
  });

  for (const [name, before] of [
    ["older than the restart time", memory(BOTH, 60_000)],
    ["that is none", memory("garbage")],
    ["of another format", memory('{"format":7,"restartTimeMs":60000,"peers":{}}')],
  ] as const)
    test(`a record ${name}: a cold start`, () => {
      const a = up(start(before), "a");
      assert.equal(offered(a), "60 1");
      assert.deepEqual(told(a), ["+10.7.0.0/16", "eor ipv4"]);
    });
});

describe("selection is deferred", () => {
  test("until End-of-RIB of every peer that was up: then all at once, and End-of-RIB", () => {
    const world = start(memory(BOTH));
    const [a, b] = [up(world, "a"), up(world, "b")];
    a.announce(V4);
    a.endOfRib();
    world.run(10_000);
    assert.deepEqual([told(a), told(b)], [[], []]);
    assert.equal(world.fib.size, 0, "the kernel keeps what it has");
    b.endOfRib();
    world.run(1000);
    assert.deepEqual(told(b).sort(), ["+10.7.0.0/16", `+${V4}`, "eor ipv4"]);
    assert.equal(told(b).at(-1), "eor ipv4");
    assert.deepEqual(told(a), ["+10.7.0.0/16", "eor ipv4"]);
    assert.equal(world.forwards(V4), "10.0.0.11");
  });

  test("changes of changes meanwhile count as they are in the end", () => {
    const world = start(memory(BOTH));
    const [a, b] = [up(world, "a"), up(world, "b")];
    for (let i = 0; i < 300; i++) a.announce(`10.20.${i & 255}.0/24`, { med: i });
    world.run(5000);
    a.withdraw(Array.from({ length: 256 }, (_, i) => `10.20.${i}.0/24`));
    a.announce(V4);
    a.endOfRib();
    b.endOfRib();
    world.run(5000);
    assert.deepEqual(told(b).sort(), ["+10.7.0.0/16", `+${V4}`, "eor ipv4"]);
  });

  test("a peer that never comes up is waited for as long as the restart time", () => {
    const world = start(memory(BOTH));
    const a = up(world, "a");
    a.announce(V4);
    a.endOfRib();
    world.run(57_000);
    assert.deepEqual(told(a), []);
    world.run(3000);
    assert.deepEqual(told(a), ["+10.7.0.0/16", "eor ipv4"]);
    assert.equal(offered(up(world, "b")), "60 1F", "recovered");
  });

  const OTHERS: readonly (readonly [string, RestartOffer | null])[] = [
    ["has restarted too (R)", { restarting: true }],
    ["has no capability", null],
  ];
  for (const [name, offer] of OTHERS)
    test(`a peer that ${name} is not waited for`, () => {
      const world = start(memory(BOTH));
      const a = up(world, "a");
      a.endOfRib();
      world.run(5000);
      assert.deepEqual(told(a), []);
      up(world, "b", offer);
      world.run(2000);
      assert.deepEqual(told(a), ["+10.7.0.0/16", "eor ipv4"]);
    });

  test("a peer that has restarted too gets a moment when the others have told what they have", () => {
    for (const [afterMs, expected] of [
      [1500, ["+10.7.0.0/16", `+${V4}`, "eor ipv4"]],
      [3000, ["+10.7.0.0/16", "eor ipv4", `+${V4}`]],
    ] as const) {
      const world = start(memory(BOTH));
      const [a, b] = [up(world, "a", { restarting: true }), up(world, "b")];
      b.endOfRib();
      world.run(afterMs);
      assert.equal(told(b).length === 0, afterMs < 2000);
      assert.equal(world.fib.size, 0);
      a.announce(V4);
      a.endOfRib();
      world.run(1000);
      assert.deepEqual(told(b), expected);
      assert.equal(world.forwards(V4), "10.0.0.11");
    }
  });

  test("where all have restarted nobody waits for anybody, but the kernel's routes stay until all have told", () => {
    const world = start(memory(BOTH));
    const [a, b] = [up(world, "a", { restarting: true }), up(world, "b", { restarting: true })];
    for (const peer of [a, b]) assert.deepEqual(told(peer), ["+10.7.0.0/16", "eor ipv4"]);
    a.announce(V4);
    a.endOfRib();
    world.run(1000);
    assert.ok(b.routes.has(V4), "announced");
    assert.equal(world.fib.size, 0);
    b.endOfRib();
    world.run(1000);
    assert.equal(world.forwards(V4), "10.0.0.11");
  });

  test("a peer that only says that it sends End-of-RIB (empty list) is waited for", () => {
    const world = start(memory(record({ a: ["ipv4"] })));
    const a = up(world, "a", { families: [] });
    world.run(5000);
    assert.deepEqual(told(a), []);
    a.endOfRib();
    world.run(1000);
    assert.deepEqual(told(a), ["+10.7.0.0/16", "eor ipv4"]);
  });

  test("a family that the peer did not open is not waited for", () => {
    const families = "families: [ipv4, ipv6]";
    const world = start(
      memory(record({ a: ["ipv4", "ipv6"] })),
      CONFIG.replaceAll("gracefulRestart", `${families}, gracefulRestart`),
    );
    const a = up(world, "a");
    a.endOfRib();
    world.run(1000);
    assert.deepEqual(told(a), ["+10.7.0.0/16", "eor ipv4"]);
    assert.equal(world.router.parts.recovery.deferredUntilMs, undefined);
  });

  test("a peer that was not up before the restart is waited for only if it comes up meanwhile", () => {
    const world = start(memory(record({ a: ["ipv4"] })));
    const b = up(world, "b");
    const a = up(world, "a");
    a.endOfRib();
    world.run(1000);
    assert.deepEqual(told(a), [], "b is up and has not said all");
    b.endOfRib();
    world.run(1000);
    assert.deepEqual(told(a), ["+10.7.0.0/16", "eor ipv4"]);
    const alone = start(memory(record({ a: ["ipv4"] })));
    const other = up(alone, "a");
    other.endOfRib();
    alone.run(1000);
    assert.deepEqual(told(other), ["+10.7.0.0/16", "eor ipv4"]);
  });

  for (const [how, b] of [
    ["disabled", peer("b", "10.0.0.12", 65002, `${ON}, disabled: true`)],
    ["removed", ""],
  ] as const)
    test(`a peer that is ${how} meanwhile is not waited for`, () => {
      const world = start(memory(BOTH));
      const a = up(world, "a");
      a.endOfRib();
      world.run(5000);
      assert.deepEqual(told(a), []);
      world.configure(`${header()}
static: [{ prefix: 10.7.0.0/16, blackhole: true }]
peers:
${peer("a", "10.0.0.11", 65001, ON)}${b}`);
      world.run(1000);
      assert.deepEqual(told(a), ["+10.7.0.0/16", "eor ipv4"]);
    });

  test("a peer lost before its End-of-RIB is waited for still, one lost after it is not", () => {
    const world = start(memory(BOTH));
    const a = up(world, "a");
    a.endOfRib();
    world.run(500);
    a.drop();
    const b = up(world, "b");
    b.drop();
    world.run(20_000);
    assert.deepEqual(world.router.parts.recovery.awaited("ipv4"), ["b"]);
    const again = up(world, "b");
    again.endOfRib();
    world.run(1000);
    assert.deepEqual(told(again), ["+10.7.0.0/16", "eor ipv4"]);
  });
});

describe("the record", () => {
  const names = (memory: Memory) => {
    const read = memory.text === undefined ? undefined : parseRecord(memory.text);
    return read && [...read.peers].map(([name, families]) => `${name} ${families.join(" ")}`).sort();
  };

  test("stands from the start on, names those that are up, and is renewed", () => {
    const restart = memory();
    const world = start(restart);
    assert.deepEqual(names(restart), []);
    up(world, "a");
    assert.deepEqual(names(restart), ["a ipv4"]);
    restart.text = undefined;
    world.run(6000);
    assert.deepEqual(names(restart), ["a ipv4"]);
  });

  test("a crash half-way: those still waited for stand in it", () => {
    const restart = memory(BOTH);
    const world = start(restart);
    assert.deepEqual(names(restart), ["a ipv4", "b ipv4"]);
    up(world, "a");
    assert.deepEqual(names(restart), ["a ipv4", "b ipv4"]);
  });

  test("names those whose routes are kept while they restart", () => {
    const restart = memory();
    const world = start(restart);
    const [a, b] = [up(world, "a"), up(world, "b")];
    a.announce(V4);
    world.run(1000);
    for (const peer of [a, b]) peer.drop();
    world.run(1000);
    assert.deepEqual(names(restart), ["a ipv4"]);
  });

  test("is not written where nobody is asked for help, and goes when nobody is any more", () => {
    const restart = memory();
    const world = start(restart);
    assert.notEqual(restart.text, undefined);
    world.configure(CONFIG.replaceAll("mode: on", "mode: aware"));
    world.run(10_000);
    assert.equal(restart.text, undefined);
  });

  test("administrative shutdown removes it for good", () => {
    const restart = memory();
    const world = start(restart);
    up(world, "a");
    world.router.handle({ from: "admin", action: "shutdown" });
    world.run(20_000);
    assert.equal(restart.text, undefined);
  });

  test("a graceful end leaves it, says nothing to those who keep our routes, and Cease 6/2 to others", () => {
    const restart = memory();
    const world = start(restart, `${CONFIG}${peer("c", "10.0.0.13", 65003, "import: accept, export: accept")}`);
    const [a, b] = [up(world, "a"), up(world, "b", null)];
    const c = world.speaker("10.0.0.13", { asn: 65003, gracefulRestart: {} });
    assert.equal(world.router.mayReturn, true);
    world.router.stop(true);
    world.run(1000);
    assert.deepEqual(a.notifications, []);
    assert.equal(a.up, false);
    for (const other of [b, c]) assert.deepEqual(other.notifications, [{ code: 6, subcode: 2, data: "" }]);
    world.run(20_000);
    assert.deepEqual(names(restart), ["a ipv4", "c ipv4"]);
  });

  test("after the end nobody is let in: a peer back at once would take it for a second restart", () => {
    const world = start(memory());
    up(world, "a");
    world.router.stop(true);
    world.run(1000);
    const again = up(world, "a");
    world.run(5000);
    assert.equal(again.up, false);
    assert.deepEqual(again.messages, []);
  });

  test("a hard end takes it away and says 6/2 to all", () => {
    const restart = memory();
    const world = start(restart);
    const a = up(world, "a", { notification: true });
    world.router.stop(false);
    world.run(20_000);
    assert.deepEqual(a.notifications, [{ code: 6, subcode: 2, data: "" }]);
    assert.equal(restart.text, undefined);
  });

  test("where kernel routes go with the process, the end is hard", () => {
    const world = start(memory(), CONFIG.replace("static:", "kernel: { keepOnExit: false }\nstatic:"));
    assert.equal(world.router.mayReturn, false);
    const off = start(memory(), CONFIG.replaceAll("mode: on", "mode: aware"));
    assert.equal(off.router.mayReturn, false);
  });
});

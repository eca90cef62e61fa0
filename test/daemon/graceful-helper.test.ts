/** What becomes of a peer's routes while it restarts: RFC 4724 §4.2, RFC 8538 §4.1. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Family } from "../../src/ip/address.ts";
import type { RestartOffer, Speaker } from "./speaker.ts";
import { createWorld, header, peer, type World } from "./world.ts";

const EXTERNAL = "import: accept, export: accept";
const N = "gracefulRestart: { mode: aware, notification: true }";
const V4 = "10.9.0.0/16";
const OTHER = "10.8.0.0/16";
const V6 = "2001:db8:900::/40";

interface Scene {
  readonly world: World;
  readonly a: Speaker;
  /** Hears what becomes of a's routes. */
  readonly b: Speaker;
  /** a's successor. */
  back(offer?: RestartOffer | null, families?: readonly Family[]): Speaker;
}

function scene(offer: RestartOffer | undefined, { more = N, families = ["ipv4"] as readonly Family[] } = {}): Scene {
  const world = createWorld(`${header()}
peers:
${peer("a", "10.0.0.11", 65001, `${EXTERNAL}, families: [${families.join(", ")}]${more === "" ? "" : `, ${more}`}`)}${peer("b", "10.0.0.12", 65002, `${EXTERNAL}, families: [ipv4, ipv6]`)}`);
  const start = (gracefulRestart: RestartOffer | undefined, active: readonly Family[]) =>
    world.speaker("10.0.0.11", { asn: 65001, families: active, ...(gracefulRestart && { gracefulRestart }) });
  const a = start(offer, families);
  const b = world.speaker("10.0.0.12", { asn: 65002, families: ["ipv4", "ipv6"] });
  a.announce([V4, OTHER]);
  if (families.includes("ipv6")) a.announce(V6, { nextHop: "2001:db8::b" });
  for (const family of families) a.endOfRib(family);
  world.run(30_000);
  b.forget();
  return { world, a, b, back: (next = offer, active = families) => start(next ?? undefined, active) };
}

/** What b hears, and what the kernel is to do. */
function untouched({ world, b }: Scene, ...prefixes: string[]): void {
  assert.deepEqual(b.table.log, [], "b hears nothing");
  for (const prefix of prefixes) assert.notEqual(world.forwards(prefix), undefined, `${prefix} is forwarded`);
}

/** What b holds of a's routes. */
const held = (b: Speaker) => [V4, OTHER, V6].filter((prefix) => b.routes.has(prefix));

const notified = (code: number, subcode: number, data: number[] = []) =>
  Uint8Array.from([...Array(16).fill(255), 0, 21 + data.length, 3, code, subcode, ...data]);

describe("which ends are restarts", () => {
  const HARD = { code: 6, subcode: 9, data: [6, 2] };
  const ENDS: readonly (readonly [string, RestartOffer | undefined, string, (scene: Scene) => void, boolean])[] = [
    ["TCP is lost", {}, "", ({ a }) => a.drop(), true],
    ["TCP is lost, no capability", undefined, "", ({ a }) => a.drop(), false],
    ["TCP is lost, gracefulRestart off", {}, "gracefulRestart: off", ({ a }) => a.drop(), false],
    ["TCP is lost, the family is not listed", { families: [] }, "", ({ a }) => a.drop(), false],
    [
      "TCP is lost, F was not set",
      { families: [{ family: "ipv4", forwarding: false }] },
      "",
      ({ a }) => a.drop(),
      true,
    ],
    ["a NOTIFICATION without N", {}, "", ({ a }) => a.send(notified(6, 4)), false],
    ["a NOTIFICATION, N of the peer only", { notification: true }, "", ({ a }) => a.send(notified(6, 4)), false],
    ["a NOTIFICATION, N of ours only", {}, N, ({ a }) => a.send(notified(6, 4)), false],
    ["a NOTIFICATION with N", { notification: true }, N, ({ a }) => a.send(notified(6, 4)), true],
    [
      "administrative shutdown with N, not a hard reset",
      { notification: true },
      N,
      ({ a }) => a.send(notified(6, 2)),
      true,
    ],
    ["a hard reset with N", { notification: true }, N, ({ a }) => a.send(notified(6, 9, HARD.data)), false],
    ["a fault in what it sent, with N", { notification: true }, N, ({ a }) => a.send(FAULTY), true],
    ["a fault in what it sent, without N", {}, "", ({ a }) => a.send(FAULTY), false],
  ];
  for (const [name, offer, more, end, keeps] of ENDS)
    test(`${name}: routes ${keeps ? "stay" : "go"}`, () => {
      const it = scene(offer, { more });
      end(it);
      it.world.run(20_000);
      if (keeps) untouched(it, V4, OTHER);
      else assert.deepEqual(held(it.b), []);
    });

  for (const n of [true, false])
    test(`an expired hold timer ${n ? "with N: routes stay" : "without N: routes go"}`, () => {
      const it = scene(n ? { notification: true } : {}, { more: n ? N : "" });
      it.world.network.partition(it.world.host, it.a.host, 1_000_000);
      it.world.run(95_000);
      assert.ok(it.world.log.some((l) => l.event === "session down" && l.fields.code === "holdTimer"));
      if (n) untouched(it, V4, OTHER);
      else assert.deepEqual(held(it.b), []);
    });
});

/** A second OPEN in Established: FSM error 5/3. */
const FAULTY = Uint8Array.from([...Array(16).fill(255), 0, 29, 1, 4, 0xfd, 0xe9, 0, 90, 1, 1, 1, 1, 0]);

describe("what goes, and when", () => {
  test("restart time: all goes when the peer is not back by then", () => {
    const it = scene({ seconds: 40 });
    it.a.drop();
    it.world.run(39_000);
    untouched(it, V4, OTHER);
    it.world.run(2000);
    assert.deepEqual(held(it.b), []);
    assert.equal(it.world.forwards(V4), undefined);
  });

  test("staleTime bounds what the peer says", () => {
    const it = scene({ seconds: 4000 }, { more: "gracefulRestart: { staleTime: 50s }" });
    it.a.drop();
    it.world.run(49_000);
    untouched(it, V4, OTHER);
    it.world.run(2000);
    assert.deepEqual(held(it.b), []);
  });

  test("End-of-RIB: what was announced again stays without a word, the rest goes", () => {
    const it = scene({});
    it.a.drop();
    it.world.run(10_000);
    const a = it.back({ restarting: true });
    a.announce(V4);
    it.world.run(20_000);
    untouched(it, V4, OTHER);
    a.endOfRib();
    it.world.run(1000);
    assert.deepEqual(it.b.table.log, [`-${OTHER}`]);
    assert.notEqual(it.world.forwards(V4), undefined);
    it.world.run(300_000);
    assert.deepEqual(it.b.table.log, [`-${OTHER}`], "no timer is left");
  });

  test("a peer that never sends End-of-RIB is bounded by the stale time since its loss", () => {
    const it = scene({}, { more: "gracefulRestart: { staleTime: 100s }" });
    it.a.drop();
    it.world.run(60_000);
    const a = it.back();
    a.announce(V4);
    it.world.run(38_000);
    untouched(it, V4, OTHER);
    it.world.run(3000);
    assert.deepEqual(it.b.table.log, [`-${OTHER}`]);
  });

  const RETURNS: readonly (readonly [string, RestartOffer | null])[] = [
    ["no capability", null],
    ["the family missing", { families: [] }],
    ["F = 0", { families: [{ family: "ipv4", forwarding: false }] }],
  ];
  for (const [name, offer] of RETURNS)
    test(`back with ${name}: stale routes go at once`, () => {
      const it = scene({});
      it.a.drop();
      it.world.run(10_000);
      untouched(it, V4, OTHER);
      it.back(offer);
      assert.deepEqual(held(it.b), []);
    });

  test("families are told apart: one comes back with F, the other without", () => {
    const it = scene({}, { families: ["ipv4", "ipv6"] });
    it.a.drop();
    it.world.run(10_000);
    untouched(it, V4, V6);
    const a = it.back({ families: [{ family: "ipv4" }, { family: "ipv6", forwarding: false }] });
    assert.deepEqual(it.b.table.log, [`-${V6}`]);
    a.announce([V4, OTHER]);
    a.endOfRib();
    it.world.run(300_000);
    assert.deepEqual(it.b.table.log, [`-${V6}`]);
  });

  test("back without a family: its routes go, the other's stay", () => {
    const it = scene({}, { families: ["ipv4", "ipv6"] });
    it.a.drop();
    it.world.run(10_000);
    it.back({}, ["ipv4"]);
    assert.deepEqual(it.b.table.log, [`-${V6}`]);
  });

  test("End-of-RIB of one family says nothing about the other", () => {
    const it = scene({}, { families: ["ipv4", "ipv6"] });
    it.a.drop();
    it.world.run(10_000);
    const a = it.back();
    a.endOfRib("ipv6");
    it.world.run(1000);
    assert.deepEqual(it.b.table.log, [`-${V6}`]);
    assert.notEqual(it.world.forwards(V4), undefined);
  });

  for (const [how, configure] of [
    ["disabled", "disabled: true"],
    ["removed", undefined],
  ] as const)
    test(`a peer that is ${how} while it restarts loses its routes at once`, () => {
      const it = scene({});
      it.a.drop();
      it.world.run(10_000);
      untouched(it, V4);
      const b = peer("b", "10.0.0.12", 65002, `${EXTERNAL}, families: [ipv4, ipv6]`);
      const a = configure ? peer("a", "10.0.0.11", 65001, `${EXTERNAL}, ${N}, ${configure}`) : "";
      it.world.configure(`${header()}\npeers:\n${a}${b}`);
      it.world.run(1000);
      assert.deepEqual(held(it.b), []);
    });

  test("back under another router id: another speaker, whose predecessor's routes go", () => {
    const it = scene({});
    it.a.drop();
    it.world.run(5000);
    it.world.speaker("10.0.0.11", { asn: 65001, gracefulRestart: {}, id: "7.7.7.7" }).announce(V4);
    it.world.run(5000);
    assert.deepEqual(held(it.b), [V4]);
  });
});

describe("restarts in a row", () => {
  /** Comes back, announces one of two routes, and is lost again before End-of-RIB. */
  function twice(offer: RestartOffer, more: string, awayMs = 10_000): Scene {
    const it = scene(offer, { more });
    it.a.drop();
    it.world.run(awayMs);
    const a = it.back();
    a.announce(V4);
    it.world.run(20_000);
    untouched(it, V4, OTHER);
    a.drop();
    it.world.run(5000);
    return it;
  }

  test("without N, what was stale before goes (RFC 4724 §4.2)", () => {
    const it = twice({}, "");
    assert.deepEqual(it.b.table.log, [`-${OTHER}`]);
    assert.notEqual(it.world.forwards(V4), undefined);
  });

  test("with N it stays, within the first loss's stale time (RFC 8538 §4.1)", () => {
    const it = twice({ notification: true }, "gracefulRestart: { notification: true, staleTime: 100s }", 40_000);
    untouched(it, V4, OTHER);
    it.world.run(37_000);
    assert.deepEqual(held(it.b), []);
  });

  test("after End-of-RIB a loss is a first one again", () => {
    const it = scene({ notification: true }, { more: "gracefulRestart: { notification: true, staleTime: 100s }" });
    for (let i = 0; i < 5; i++) {
      (i === 0 ? it.a : it.back()).drop();
      it.world.run(50_000);
      const a = it.back();
      a.announce([V4, OTHER]);
      a.endOfRib();
      it.world.run(30_000);
      untouched(it, V4, OTHER);
      a.drop();
      it.world.run(10_000);
    }
  });
});

describe("a peer that is back before we noticed (RFC 4724 §5)", () => {
  for (const opener of ["peer", "router"] as const)
    test(`its new connection takes over when its OPEN is good, and the old one hears nothing (${opener} had opened it)`, () => {
      const passive = opener === "peer";
      const world = createWorld(`${header()}
peers:
${peer("a", "10.0.0.11", 65001, EXTERNAL).replace("passive: true", `passive: ${passive}`)}${peer("b", "10.0.0.12", 65002, EXTERNAL)}`);
      const a = world.speaker("10.0.0.11", { asn: 65001, gracefulRestart: {}, start: passive });
      if (!passive) a.host.listening = true;
      const b = world.speaker("10.0.0.12", { asn: 65002 });
      world.run(10_000);
      assert.equal(a.up, true);
      a.announce([V4, OTHER]);
      a.endOfRib();
      world.run(5000);
      b.forget();
      // The first process is gone without a trace on the wire.
      a.host.receive = () => {};
      const again = world.speaker("10.0.0.11", { asn: 65001, gracefulRestart: { restarting: true } });
      assert.equal(again.up, true);
      assert.deepEqual(a.notifications, []);
      again.announce(V4);
      world.run(10_000);
      assert.deepEqual(b.table.log, []);
      again.endOfRib();
      world.run(1000);
      assert.deepEqual(b.table.log, [`-${OTHER}`]);
      assert.equal(world.router.core.peers.get("a")!.session.establishedCount, 2);
      // And once more, from the other place.
      again.host.receive = () => {};
      const third = world.speaker("10.0.0.11", { asn: 65001, gracefulRestart: { restarting: true } });
      assert.equal(third.up, true);
      assert.equal(world.router.core.peers.get("a")!.session.establishedCount, 3);
    });

  test("a connection that says nothing, or a bad OPEN, does not hurt the session", () => {
    const it = scene({});
    const forger = world(it).host;
    for (const octets of [[], [...Array(16).fill(255), 0, 29, 1, 4, 1, 1, 0, 90, 1, 1, 1, 1, 0]]) {
      const transport = forger.transport();
      const id = 900 + octets.length;
      transport.connect(id, { remote: { address: it.world.host.addresses[0]!, port: 179 } });
      it.world.run(100);
      if (octets.length > 0) transport.write(id, Uint8Array.from(octets));
      it.world.run(60_000);
    }
    assert.equal(it.a.up, true);
    assert.equal(it.world.router.core.peers.get("a")!.session.establishedCount, 1);
    untouched(it, V4, OTHER);
  });

  test("the real peer gets in although a silent connection waits in its place", () => {
    const it = scene({});
    const forger = world(it).host;
    forger.transport().connect(950, { remote: { address: it.world.host.addresses[0]!, port: 179 } });
    it.world.run(5000);
    it.a.host.receive = () => {};
    const again = it.back({ restarting: true });
    assert.equal(again.up, true);
    untouched(it, V4, OTHER);
  });

  test("without the capability the newcomer is refused, as ever", () => {
    const it = scene(undefined);
    it.a.host.receive = () => {};
    const again = it.back();
    assert.equal(again.up, false);
    assert.equal(it.world.router.core.peers.get("a")!.session.establishedCount, 1);
  });
});

/** Somebody else who can open connections from the peer's address. */
function world({ world: { network }, a }: Scene) {
  return { host: network.host(a.address) };
}

describe("our own NOTIFICATIONs (RFC 8538 §3)", () => {
  const heard = (a: Speaker) => a.notifications.map(({ code, subcode, data }) => `${code}/${subcode} ${data}`.trim());
  for (const [name, offer, expected] of [
    ["N exchanged: a hard reset around 6/2", { notification: true }, "6/9 0602"],
    ["without N: plain 6/2", {}, "6/2"],
  ] as const)
    test(`shutdown, ${name}`, () => {
      const it = scene(offer);
      it.world.router.handle({ from: "admin", action: "shutdown" });
      it.world.run(1000);
      assert.deepEqual(heard(it.a), [expected]);
      assert.deepEqual(held(it.b), [V4, OTHER], "b went down as well");
    });

  test("an administrative reset is none with N: routes stay on both sides, and go without", () => {
    for (const [offer, kept] of [
      [{ notification: true }, [V4, OTHER]],
      [{}, []],
    ] as const) {
      const it = scene(offer);
      it.world.router.handle({ from: "admin", action: "restart", peer: "a" });
      it.world.run(1000);
      assert.deepEqual(heard(it.a), ["6/4"]);
      assert.deepEqual(held(it.b), kept);
    }
  });

  test("a peer that is removed hears a hard reset around 6/3", () => {
    const it = scene({ notification: true });
    it.world.configure(`${header()}\npeers:\n${peer("b", "10.0.0.12", 65002, EXTERNAL)}`);
    it.world.run(1000);
    assert.deepEqual(heard(it.a), ["6/9 0603"]);
  });
});

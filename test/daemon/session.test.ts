import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { stateOf } from "../../src/bgp/session/peer.ts";
import { attribute, bytes, message } from "../bgp/wire.ts";
import { attributesOf, KEEPALIVE, nlri, update } from "./speaker.ts";
import { createWorld, header, peer } from "./world.ts";

const EXTERNAL = "import: accept, export: accept";
const BOTH = "families: [ipv4, ipv6]";

const CONFIG = `${header()}
peers:
${peer("a", "10.0.0.11", 65001, EXTERNAL)}${peer("b", "10.0.0.12", 65002, EXTERNAL)}`;

const prefixes = (count: number) => Array.from({ length: count }, (_, i) => `10.${20 + (i >> 8)}.${i & 255}.0/24`);

describe("timers", () => {
  test("a silent peer is ended with 4/0 after its hold time, not before, and its routes go", () => {
    const world = createWorld(CONFIG);
    const a = world.speaker("10.0.0.11", { asn: 65001, keepalive: false });
    const b = world.speaker("10.0.0.12", { asn: 65002 });
    a.announce("10.9.0.0/16");
    world.run(85_000);
    assert.equal(a.up, true);
    assert.ok(b.routes.has("10.9.0.0/16"));
    world.run(10_000);
    assert.deepEqual(
      a.notifications.map((n) => [n.code, n.subcode]),
      [[4, 0]],
    );
    assert.equal(b.routes.has("10.9.0.0/16"), false);
  });

  test("any message keeps it alive", () => {
    const world = createWorld(CONFIG);
    const a = world.speaker("10.0.0.11", { asn: 65001, keepalive: false });
    for (let i = 0; i < 10; i++) {
      world.run(80_000);
      a.announce(`10.9.${i}.0/24`);
    }
    assert.equal(a.established, 1);
    assert.equal(a.up, true);
  });

  test("a session is not expired while its octets wait unread, and is once they are read and nothing came", () => {
    const world = createWorld(CONFIG);
    const a = world.speaker("10.0.0.11", { asn: 65001, keepalive: false });
    world.host.slowUntilMs = world.time.nowMs + 120_000;
    world.run(30_000);
    a.send(KEEPALIVE);
    world.run(80_000);
    assert.equal(a.notifications.length, 0, "110 s after it was last heard");
    world.run(60_000);
    assert.equal(a.up, true);
    world.run(60_000);
    assert.deepEqual(
      a.notifications.map((n) => [n.code, n.subcode]),
      [[4, 0]],
    );
  });

  test("a peer that takes nothing is ended after the send hold time (RFC 9687), its routes gone", () => {
    const world = createWorld(`${header()}
peers:
${peer("a", "10.0.0.11", 65001, `${EXTERNAL}, timers: { sendHold: 120s }`)}${peer("b", "10.0.0.12", 65002, EXTERNAL)}`);
    const a = world.speaker("10.0.0.11", { asn: 65001 });
    const b = world.speaker("10.0.0.12", { asn: 65002 });
    a.announce("10.9.0.0/16");
    world.run(1000);
    a.read(false);
    for (let i = 0; i < 6; i++) {
      assert.equal(world.router.core.peers.get("a")!.active === undefined, i > 4);
      b.announce(`10.8.${i}.0/24`);
      a.send(KEEPALIVE);
      world.run(30_000);
    }
    assert.equal(b.routes.has("10.9.0.0/16"), false);
    assert.ok(world.log.some((l) => l.event === "session down" && l.fields.code === "sendHoldTimer"));
    assert.equal(b.up, true);
  });

  test("keepalives go out on time while the tables are busy", () => {
    const world = createWorld(CONFIG, { lookMs: 6 });
    const a = world.speaker("10.0.0.11", { asn: 65001, hold: 9 });
    const b = world.speaker("10.0.0.12", { asn: 65002, hold: 9 });
    b.forget();
    for (let round = 0; round < 30; round++) {
      a.announce(prefixes(3000), { med: round });
      world.run(1000);
    }
    const kept = b.messages.filter((m) => m[18] === 4).length;
    assert.ok(kept >= 8, `${kept} keepalives in 30 s`);
    assert.deepEqual([a.established, b.established], [1, 1]);
  });

  test("a peer that offers hold time 0: neither keepalives nor expiry", () => {
    const world = createWorld(CONFIG);
    const a = world.speaker("10.0.0.11", { asn: 65001, hold: 0, keepalive: false });
    a.forget();
    world.run(3_600_000);
    assert.deepEqual([a.up, a.messages.length], [true, 0]);
  });
});

describe("what a session carries", () => {
  test("UPDATEs of families that are not on the session are skipped, not reset", () => {
    const world = createWorld(CONFIG);
    const a = world.speaker("10.0.0.11", { asn: 65001 });
    const route = attributesOf({ asPath: [65001], nextHop: "10.0.0.11" }, "ipv6", true);
    const hop = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x11];
    a.send(update([], [attribute(0x80, 14, [0, 2, 1, 16], hop, [0], nlri("2001:db8:90::/48")), ...route], []));
    a.send(update([], [attribute(0x80, 14, [0, 25, 70, 4], [10, 0, 0, 11], [0], [2, 1, 7]), ...route], []));
    a.send(update([], [attribute(0x80, 15, [0, 1, 133], [3, 1, 24, 10])], []));
    a.send(update([], [attribute(0x80, 15, [0x40, 4, 71], [3, 1, 24, 10])], []));
    a.announce("10.9.0.0/16");
    world.run(1000);
    assert.equal(a.up, true);
    assert.equal(a.established, 1);
    assert.equal(world.router.core.ribs.ipv6.received(world.router.core.peers.get("a")!.id), 0);
    assert.equal(world.forwards("10.9.0.0/16"), "10.0.0.11");
  });

  test("IPv4 routes in MP_REACH and MP_UNREACH are as good as plain ones", () => {
    const world = createWorld(CONFIG);
    const a = world.speaker("10.0.0.11", { asn: 65001 });
    const b = world.speaker("10.0.0.12", { asn: 65002 });
    const route = attributesOf({ asPath: [65001] }, "ipv6", true);
    a.send(
      update(
        [],
        [attribute(0x80, 14, [0, 1, 1, 4, 10, 0, 0, 11, 0], nlri("10.9.0.0/16"), nlri("10.8.0.0/16")), ...route],
        [],
      ),
    );
    world.run(1000);
    assert.equal(b.routes.get("10.9.0.0/16")?.nextHop, "10.0.0.11");
    a.send(update([], [attribute(0x80, 15, [0, 1, 1], nlri("10.9.0.0/16"))], []));
    world.run(1000);
    assert.deepEqual([b.routes.has("10.9.0.0/16"), b.routes.has("10.8.0.0/16")], [false, true]);
  });

  test("both families on one session, and an End-of-RIB of each is noted", () => {
    const world = createWorld(
      `${header()}\npeers:\n${peer("a", "10.0.0.11", 65001, `${EXTERNAL}, ${BOTH}`)}${peer("six", "2001:db8::12", 65002, EXTERNAL)}`,
    );
    const a = world.speaker("10.0.0.11", { asn: 65001, families: ["ipv4", "ipv6"] });
    const six = world.speaker("2001:db8::12", { asn: 65002, families: ["ipv6"] });
    a.announce(["10.9.0.0/16"]);
    a.announce(["2001:db8:90::/48"], { nextHop: "2001:db8::11" });
    a.endOfRib("ipv6");
    world.run(1000);
    assert.equal(world.forwards("2001:db8:90::/48"), "2001:db8::11");
    assert.equal(six.routes.get("2001:db8:90::/48")?.nextHop, "2001:db8::11");
    const { endOfRib } = world.router.core.peers.get("a")!;
    assert.deepEqual([endOfRib.ipv4.received, endOfRib.ipv6.received], [false, true]);
    a.endOfRib("ipv4");
    a.withdraw(["2001:db8:90::/48"]);
    world.run(1000);
    assert.equal(endOfRib.ipv4.received, true);
    assert.equal(six.routes.has("2001:db8:90::/48"), false);
  });

  test("a link-local next hop is used on the session's interface", () => {
    const world = createWorld(`${header()}\npeers:\n${peer("six", "2001:db8:1::12", 65002, EXTERNAL)}`);
    const six = world.speaker("2001:db8:1::12", { asn: 65002, families: ["ipv6"] });
    six.announce("2001:db8:90::/48", { nextHop: "fe80::12" });
    six.announce("2001:db8:91::/48", { nextHop: ":: fe80::13" });
    world.run(1000);
    for (const [prefix, hop] of [
      ["2001:db8:90::/48", "fe80::12"],
      ["2001:db8:91::/48", "fe80::13"],
    ] as const) {
      assert.equal(world.forwards(prefix), hop);
      assert.equal(world.fib.get(prefix)!.hops[0]!.ifindex, 3);
    }
  });
});

describe("connections", () => {
  const active = `${header()}\npeers:\n${peer("a", "10.0.0.11", 65001, `${EXTERNAL}, timers: { connectDelay: 1s, connectRetry: 5s }`).replace(", passive: true", "")}`;

  test("an active peer connects and comes back after the other end restarts", () => {
    const world = createWorld(active);
    const a = world.speaker("10.0.0.11", { asn: 65001, start: false });
    a.host.listening = true;
    world.run(10_000);
    assert.equal(a.up, true);
    a.drop();
    world.run(60_000);
    assert.deepEqual([a.up, a.established], [true, 2]);
  });

  test("of two connections that cross one is left, and the session stays up (RFC 4271 §6.8)", () => {
    for (const id of ["1.1.1.1", "99.1.1.1"]) {
      const world = createWorld(active);
      const a = world.speaker("10.0.0.11", { asn: 65001, id, start: false });
      a.host.listening = true;
      world.run(700);
      for (let i = 0; i < 40 && !a.up; i++) {
        a.connect();
        world.run(20);
      }
      world.run(20_000);
      assert.equal(a.up, true, id);
      assert.equal(world.host.ends.size, 1, id);
      assert.equal(stateOf(world.router.core.peers.get("a")!.session), "established", id);
    }
  });

  test("a connection from nowhere, or one too many, is closed", () => {
    const world = createWorld(CONFIG);
    const stranger = world.speaker("10.0.0.99", { asn: 65001 });
    assert.equal(stranger.up, false);
    assert.equal(stranger.closed.length, 1);
  });

  test("the wrong AS in OPEN is answered with 2/2, the wrong version with 2/1", () => {
    const world = createWorld(CONFIG);
    const wrong = world.speaker("10.0.0.11", { asn: 65099 });
    assert.deepEqual(
      wrong.notifications.map((n) => [n.code, n.subcode]),
      [[2, 2]],
    );
  });

  test("shutdown says Cease 6/2 with the text", () => {
    const world = createWorld(CONFIG);
    const a = world.speaker("10.0.0.11", { asn: 65001 });
    world.router.handle({ from: "admin", action: "shutdown", text: "moving" });
    world.run(1000);
    assert.deepEqual(a.notifications, [{ code: 6, subcode: 2, data: Buffer.from("\x06moving").toString("hex") }]);
  });
});

test("a broken header ends the session with the RFC's code: marker, length, type", () => {
  const broken: readonly (readonly [Uint8Array, number])[] = [
    [bytes(new Array<number>(16).fill(0), [0, 19, 4]), 1],
    [bytes(new Array<number>(16).fill(255), [0, 18, 4]), 2],
    [bytes(new Array<number>(16).fill(255), [0, 22, 2, 0, 0, 0]), 2],
    [bytes(new Array<number>(16).fill(255), [0, 20, 4, 0]), 2],
    [message(9, new Uint8Array()), 3],
  ];
  for (const [octets, subcode] of broken) {
    const world = createWorld(CONFIG);
    const a = world.speaker("10.0.0.11", { asn: 65001 });
    a.send(octets);
    world.run(1000);
    assert.deepEqual(
      a.notifications.map((n) => [n.code, n.subcode]),
      [[1, subcode]],
    );
  }
});

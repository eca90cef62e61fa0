import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { explainPeer } from "../../src/control/render-peer.ts";
import { createQueries } from "../../src/daemon/queries.ts";
import { KEEPALIVE } from "./speaker.ts";
import { createWorld, header, peer, type World } from "./world.ts";

const EXTERNAL = "import: accept, export: accept";

function config(keyOfA: string | undefined, more = ""): string {
  const password = keyOfA === undefined ? "" : `, password: ${keyOfA}`;
  return `${header()}
peers:
${peer("a", "10.0.0.11", 65001, `${EXTERNAL}${password}${more}`)}${peer("b", "10.0.0.12", 65002, `${EXTERNAL}, password: bees`)}`;
}

function setUp(key: string | undefined = "one", more = "") {
  const world = createWorld(config(key, more));
  const a = world.speaker("10.0.0.11", { asn: 65001, ...(key === undefined ? {} : { md5Key: key }) });
  const b = world.speaker("10.0.0.12", { asn: 65002, md5Key: "bees" });
  a.announce("10.9.0.0/16");
  world.run(1000);
  return { world, a, b };
}

function answer(world: World, name = "a") {
  return createQueries(world.router)
    .peers()
    .find((one) => one.name === name)!;
}

const logged = (world: World, event: string) => world.log.filter((line) => line.event === event);

describe("a key that changes", () => {
  test("is replaced on the live session: the peer may follow within the hold time, and no message is lost", () => {
    const { world, a, b } = setUp();
    world.run(10_000);
    world.configure(config("two"));
    a.announce("10.8.0.0/16");
    world.run(60_000);
    assert.equal(a.up, true);
    assert.equal(b.routes.has("10.8.0.0/16"), false, "what it signs with the old key is refused");
    a.rekey("two");
    world.run(2_000);
    assert.ok(b.routes.has("10.8.0.0/16"));
    world.run(300_000);
    assert.deepEqual([a.established, b.established, a.up, b.up], [1, 1, true, true]);
    assert.deepEqual(a.notifications, []);
  });

  test("since when it is in use and that it changed while Established is shown, itself never", () => {
    const { world, a } = setUp("hunter22");
    world.run(10_000);
    assert.deepEqual(answer(world).key?.changedWhileEstablished, false);
    world.configure(config("hunter33"));
    a.rekey("hunter33");
    world.run(5_000);
    const peerNow = answer(world);
    assert.equal(peerNow.key!.sinceSeconds, 5);
    assert.equal(peerNow.key!.changedWhileEstablished, true);
    const lines = explainPeer(peerNow);
    assert.ok(lines.some((line) => /key in use since .*, for 00:00:05, changed while Established/.test(line)));
    assert.doesNotMatch(JSON.stringify([peerNow, lines, world.log, world.router.parts.recorder.lines()]), /hunter/);
  });

  test("is known to the listener: the next connection has to be signed with it", () => {
    const { world, a } = setUp();
    world.configure(config("two"));
    a.rekey("two");
    a.drop();
    world.run(10_000);
    a.connect();
    world.run(10_000);
    assert.equal(a.up, false);
    const again = world.speaker("10.0.0.11", { asn: 65001, md5Key: "two" });
    world.run(30_000);
    assert.equal(again.up, true);
  });

  test("and one that goes leave the session; a first one resets it", () => {
    const { world, a } = setUp();
    world.configure(config(undefined));
    a.rekey(undefined);
    world.run(120_000);
    assert.deepEqual([a.established, a.up], [1, true]);
    assert.equal(answer(world).key, null);
    world.configure(config("three"));
    world.run(1000);
    assert.deepEqual(
      a.notifications.map((n) => [n.code, n.subcode]),
      [[6, 6]],
    );
  });

  test("of a range is replaced on each of its sessions", () => {
    const ranged = (key: string) =>
      `${header()}\npeers: [{ name: rack, prefix: 10.0.0.0/24, asn: 65001, password: ${key}, ${EXTERNAL} }]\n`;
    const world = createWorld(ranged("one"));
    const all = [11, 12, 13].map((host) => world.speaker(`10.0.0.${host}`, { asn: 65001, md5Key: "one" }));
    world.configure(ranged("two"));
    for (const speaker of all) speaker.rekey("two");
    world.run(300_000);
    assert.deepEqual(
      all.map(({ up, established }) => [up, established]),
      Array(3).fill([true, 1]),
    );
    const late = world.speaker("10.0.0.14", { asn: 65001, md5Key: "one" });
    world.run(5_000);
    assert.equal(late.up, false);
  });

  test("a peer that resets for its new key is back at once: its connection with the new key ends the old session", () => {
    const { world, a, b } = setUp();
    world.run(10_000);
    world.configure(config("two"));
    // What it says on the old connection is signed with the old key and not heard.
    a.successor("two");
    world.run(100);
    assert.equal(answer(world).lost, 1);
    assert.match(answer(world).lastDown!.text, /opened a connection with the new key/);
    assert.equal(answer(world).state, "openConfirm");
    world.run(1000);
    assert.equal(b.routes.has("10.9.0.0/16"), false);
  });

  test("one that was heard since the change is not given up for another connection", () => {
    const { world, a } = setUp();
    world.configure(config("two"));
    a.rekey("two");
    world.run(40_000);
    a.successor("two");
    world.run(1000);
    assert.deepEqual([answer(world).lost, a.up], [0, true]);
  });

  test("when the system refuses it, the session is reset", () => {
    const { world, a } = setUp();
    const { transport } = world.router.core;
    const setKey = transport.setKey;
    transport.setKey = () => false;
    world.configure(config("two"));
    transport.setKey = setKey;
    world.run(1000);
    assert.deepEqual(
      a.notifications.map((n) => [n.code, n.subcode]),
      [[6, 6]],
    );
  });
});

describe("segments that are refused", () => {
  test("are suspected while the peer signs with another key, on its own session only, and no more once it is heard", () => {
    const { world, a } = setUp();
    world.run(30_000);
    world.configure(config("two"));
    a.send(KEEPALIVE);
    world.run(50_000);
    const { refused } = answer(world);
    assert.ok(refused && refused.segments > 0 && refused.unacknowledged, "its own connection shows it");
    assert.equal(refused.because, "signature");
    assert.ok(refused.sinceSeconds > 10 && refused.sinceSeconds < 50);
    assert.equal(answer(world, "b").refused, null);
    assert.ok(explainPeer(answer(world)).some((l) => /segments refused for their signature: suspected since/.test(l)));
    a.rekey("two");
    world.run(5_000);
    assert.equal(answer(world).refused, null);
    assert.ok(explainPeer(answer(world)).includes("  segments refused: none known"));
    a.drop();
    world.run(100);
    assert.equal(answer(world).state === "established", false);
    assert.equal(answer(world).refused, null, "what is settled is not brought up again when the session ends");
  });

  test("do not count when they were refused before the session came up", () => {
    const world = createWorld(config("one"));
    world.run(30_000);
    const { transport } = world.router.core;
    const { health, refused } = transport;
    transport.health = (id) => ({ ...health(id)!, dropped: 1 });
    world.speaker("10.0.0.11", { asn: 65001, md5Key: "one" });
    transport.refused = () => ({ ...refused()!, mismatched: 1 });
    world.run(50_000);
    assert.equal(answer(world).state, "established");
    assert.equal(answer(world).refused, null);
  });

  test("are suspected where nothing comes in at all, but ours are sent again and again", () => {
    const { world } = setUp();
    world.configure(config("two"));
    world.run(50_000);
    const { refused } = answer(world);
    assert.deepEqual([refused?.segments, refused?.unacknowledged], [0, true]);
  });

  test("end the session by its hold timer when the peer does not follow, and the log says why", () => {
    const { world, a, b } = setUp();
    world.configure(config("two"));
    world.run(150_000);
    assert.equal(a.established, 1);
    assert.equal(answer(world).state === "established", false);
    assert.equal(b.routes.has("10.9.0.0/16"), false);
    const [line] = logged(world, "key mismatch suspected");
    assert.equal(line?.fields.peer, "a");
    assert.match(String(line?.fields.reason), /nothing was heard since our key was changed \d+ s ago/);
  });

  test("are suspected too when the peer changed first", () => {
    const { world, a } = setUp();
    a.rekey("two");
    a.send(KEEPALIVE);
    world.run(150_000);
    const [line] = logged(world, "key mismatch suspected");
    assert.match(String(line?.fields.reason), /segments of the peer were refused .* signs with another key than ours/);
  });

  test("explain a peer that cannot come up, and say that the counters are everybody's", () => {
    const { world } = setUp();
    const wrong = createWorld(config("one"));
    wrong.speaker("10.0.0.11", { asn: 65001, md5Key: "other" });
    wrong.run(10_000);
    const down = answer(wrong);
    assert.equal(down.refused?.segments, 0);
    assert.match(down.advice!, /refuses segments for their TCP-MD5 signature \(of some connection of this network/);
    assert.ok(
      explainPeer(down).some((line) => /by counters that all connections of the network namespace share/.test(line)),
    );
    assert.equal(answer(world).refused, null);
  });

  test("of a peer that has told why it is down, what all connections share is not held against the key", () => {
    const world = createWorld(config("one"));
    world.speaker("10.0.0.11", { asn: 65099, md5Key: "one" });
    world.speaker("10.0.0.12", { asn: 65002, md5Key: "wrong" });
    world.run(10_000);
    assert.match(answer(world).advice!, /we expect AS 65001/);
    assert.match(answer(world, "b").advice!, /TCP-MD5 signature/);
  });

  test("a peer that signs though we have no key for it is told of", () => {
    const world = createWorld(`${header()}\npeers:\n${peer("a", "10.0.0.11", 65001, EXTERNAL)}`);
    world.speaker("10.0.0.11", { asn: 65001, md5Key: "theirs" });
    world.run(10_000);
    assert.match(answer(world).advice!, /does the peer have a password for us\? .* refused \d+ segments/);
  });

  test("what was refused before anybody had a key is held against nobody's", () => {
    const text = (more: string) => `${header()}\npeers:\n${peer("a", "10.0.0.11", 65001, `${EXTERNAL}${more}`)}`;
    const world = createWorld(text(""));
    assert.equal(answer(world).refused, null);
    world.host.refused.unexpected += 5;
    world.run(1000);
    world.configure(text(", password: one"));
    world.run(5000);
    assert.equal(answer(world).refused, null);
  });

  test("nothing is watched where nobody has a key", () => {
    const world = createWorld(`${header()}\npeers:\n${peer("a", "10.0.0.11", 65001, EXTERNAL)}`);
    let looks = 0;
    const { transport } = world.router.core;
    transport.refused = () => {
      looks++;
      return undefined;
    };
    world.run(60_000);
    assert.equal(looks, 0);
    assert.equal(answer(world).key, null);
  });
});

describe("TTL security", () => {
  const NEAR = `${header()}\npeers:\n${peer("a", "10.0.0.11", 65001, `${EXTERNAL}, ttlSecurity: 1`)}`;

  test("a handshake from farther away is refused as soon as its peer is known, and the log says why", () => {
    const world = createWorld(NEAR);
    world.host.arrivesWith = () => 254;
    const a = world.speaker("10.0.0.11", { asn: 65001 });
    assert.deepEqual([a.up, a.notifications], [false, []]);
    const [line] = logged(world, "connection refused");
    assert.match(String(line?.fields.reason), /arrived with TTL 254, less than 255/);
    world.host.arrivesWith = () => 255;
    a.connect();
    world.run(1000);
    assert.equal(a.up, true);
  });

  test("is shown with what it accepts", () => {
    const world = createWorld(NEAR);
    assert.deepEqual(answer(world).ttlSecurity, { hops: 1, leastTtl: 255 });
    assert.ok(
      explainPeer(answer(world)).includes(
        "  TTL security: at most 1 hop away, sent with TTL 255, less than 255 is refused",
      ),
    );
  });
});

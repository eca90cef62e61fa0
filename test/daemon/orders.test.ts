import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AdminCommand } from "../../src/control/admin-command.ts";
import { createQueries } from "../../src/daemon/queries.ts";
import { bytes, message } from "../bgp/wire.ts";
import type { Speaker } from "./speaker.ts";
import { createWorld, header, peer } from "./world.ts";

const OPEN = "import: accept, export: accept, timers: { idleHoldMin: 1s, idleHoldMax: 2s }";
const text = (a = "", more = "") =>
  `${header(64512, `clusterId: 10.0.0.1${more}`)}peers:\n${peer("a", "10.0.0.11", 65001, `${OPEN}${a}`)}${peer("b", "10.0.0.12", 65002, OPEN)}${peer("i", "10.0.0.13", 64512)}`;

function running(config = text()) {
  const world = createWorld(config);
  const a = world.speaker("10.0.0.11", { asn: 65001 });
  const b = world.speaker("10.0.0.12", { asn: 65002 });
  const i = world.speaker("10.0.0.13", { asn: 64512 });
  a.announce("10.1.0.0/16");
  b.announce("10.2.0.0/16");
  world.run(1000);
  const order = (command: AdminCommand) => {
    world.router.handle({ from: "admin", ...command });
    world.run(1000);
  };
  const answer = (name: string) =>
    createQueries(world.router)
      .peers()
      .find((each) => each.name === name)!;
  return { world, a, b, i, order, answer };
}

const refreshes = (speaker: Speaker) => speaker.messages.filter((m) => m[18] === 5).length;
const told = (speaker: Speaker) =>
  speaker.notifications.map(({ code, subcode, data }) => `${code}/${subcode} ${Buffer.from(data, "hex").subarray(1)}`);

describe("disable", () => {
  test("says 6/2 with the text, stays over reloads, resets and attempts, and ends with enable", () => {
    const { world, a, b, order, answer } = running();
    order({ action: "disable", peer: "a", text: "Wartung für Stunden" });
    assert.deepEqual([told(a), a.up, b.established], [["6/2 Wartung für Stunden"], false, 1]);
    assert.equal(b.routes.has("10.1.0.0/16"), false);
    const { disabled, held, reason, advice } = answer("a");
    assert.deepEqual([disabled, held!.by, held!.text], [true, "command", "Wartung für Stunden"]);
    assert.match(reason!, /disabled by an operator: Wartung/);
    assert.match(advice!, /calidris enable a/);
    for (const next of [text(", description: x"), text(", capabilities: { extendedMessage: false }")]) {
      world.configure(next);
      world.run(10_000);
      a.connect();
      world.run(1000);
      assert.deepEqual([a.up, told(a).at(-1)], [false, "6/5 "]);
    }
    order({ action: "enable", peer: "a" });
    a.connect();
    world.run(1000);
    assert.deepEqual([a.up, answer("a").held, answer("a").reason], [true, null, null]);
  });

  test("is forgotten with the peer", () => {
    const { world, a, order, answer } = running();
    order({ action: "disable", peer: "a" });
    world.configure(`${header()}peers:\n${peer("b", "10.0.0.12", 65002, OPEN)}`);
    world.configure(text());
    world.run(1000);
    a.connect();
    world.run(1000);
    assert.deepEqual([a.up, answer("a").held], [true, null]);
  });

  test("holds a peer that waits for its retry, too", () => {
    const { world, a, order, answer } = running();
    a.drop();
    world.run(200);
    order({ action: "disable", peer: "a" });
    world.run(60_000);
    assert.deepEqual([answer("a").state, answer("a").nextRetrySeconds], ["idle", null]);
  });
});

describe("restart", () => {
  test("says 6/4 with the text and lets the peer in again at once", () => {
    const { world, a, b, order } = running();
    order({ action: "restart", peer: "a", text: "again" });
    assert.deepEqual(told(a), ["6/4 again"]);
    a.connect();
    world.run(100);
    assert.deepEqual([a.up, a.established, b.established], [true, 2, 1]);
  });

  test("does not wait for the retry after a limit was exceeded", () => {
    const { world, a, order } = running(text(", maxPrefixesIn: { limit: 2, restartAfter: 1h }"));
    a.announce(["10.11.0.0/16", "10.12.0.0/16"]);
    world.run(1000);
    assert.equal(a.up, false);
    order({ action: "restart", peer: "a" });
    a.connect();
    world.run(1000);
    assert.equal(a.up, true);
  });

  test("leaves a peer alone that is disabled", () => {
    const { world, a, order } = running();
    order({ action: "disable", peer: "a" });
    order({ action: "restart", peer: "a" });
    a.connect();
    world.run(1000);
    assert.equal(a.up, false);
  });
});

describe("refresh", () => {
  test("in asks the peer, out sends all again, both does both; the session stays", () => {
    const { a, order } = running();
    a.forget();
    order({ action: "refresh", peer: "a", direction: "in" });
    assert.deepEqual([refreshes(a), a.table.log], [1, ["refresh ipv4 0"]]);
    order({ action: "refresh", peer: "a", direction: "out" });
    assert.equal(refreshes(a), 1);
    assert.ok(a.table.log.includes("+10.2.0.0/16"));
    a.forget();
    order({ action: "refresh", peer: "a", direction: "both" });
    assert.equal(refreshes(a), 1);
    assert.ok(a.table.log.includes("+10.2.0.0/16"));
    assert.equal(a.established, 1);
  });

  test("in imports again what is there where the peer does not know ROUTE-REFRESH", () => {
    const { world, a, b, order } = running(text(", capabilities: { routeRefresh: false }"));
    b.forget();
    order({ action: "refresh", peer: "a", direction: "in" });
    assert.deepEqual([refreshes(a), b.table.log, a.established], [0, [], 1]);
    assert.equal(world.forwards("10.1.0.0/16"), "10.0.0.11");
  });
});

describe("drain", () => {
  test("adds GRACEFUL_SHUTDOWN for everybody, LOCAL_PREF 0 for internal peers, and undrain takes both away", () => {
    const { world, a, b, i, order } = running();
    const before = [a.routes.get("10.2.0.0/16"), i.routes.get("10.1.0.0/16")];
    order({ action: "drain", on: true });
    assert.deepEqual(a.routes.get("10.2.0.0/16")!.communities, ["65535:0"]);
    const inside = i.routes.get("10.1.0.0/16")!;
    assert.deepEqual([inside.communities, inside.localPref], [["65535:0"], 0]);
    b.announce("10.3.0.0/16", { communities: ["65002:7"] });
    world.run(1000);
    assert.deepEqual(a.routes.get("10.3.0.0/16")!.communities, ["65002:7", "65535:0"]);
    assert.equal(createQueries(world.router).status().drain!.endsInSeconds, null);
    assert.equal(world.forwards("10.1.0.0/16"), "10.0.0.11", "traffic is still carried");
    order({ action: "drain", on: false });
    assert.deepEqual([a.routes.get("10.2.0.0/16"), i.routes.get("10.1.0.0/16")], before);
    assert.deepEqual([a.routes.get("10.3.0.0/16")!.communities, a.established], [["65002:7"], 1]);
  });

  test("reaches a default route that we originate, and what a policy that reads prefixes lets through", () => {
    const config = `${header()}policies: { some: [{ match: { prefixes: [10.2.0.0/16] }, set: { localPref: 9 }, action: accept }, { action: reject }] }
peers:\n${peer("a", "10.0.0.11", 65001, "import: accept, export: default-only")}${peer("b", "10.0.0.12", 65002, OPEN)}${peer("i", "10.0.0.13", 64512, "export: some")}`;
    const { a, i, order } = running(config);
    order({ action: "drain", on: true });
    assert.deepEqual(a.routes.get("0.0.0.0/0")!.communities, ["65535:0"]);
    assert.deepEqual(
      [i.routes.get("10.2.0.0/16")!.communities, i.routes.get("10.2.0.0/16")!.localPref],
      [["65535:0"], 0],
    );
    assert.equal(i.routes.size, 1);
  });

  test("of a neighbour makes its routes the last choice here, unless that is switched off", () => {
    for (const [more, forwards] of [
      ["", "10.0.0.12"],
      [", gracefulShutdown: false", "10.0.0.11"],
    ] as const) {
      const { world, a, b } = running(text("", more));
      b.announce("10.5.0.0/16", { asPath: [65002, 9, 9] });
      a.announce("10.5.0.0/16");
      world.run(1000);
      assert.equal(world.forwards("10.5.0.0/16"), "10.0.0.11");
      a.announce("10.5.0.0/16", { communities: ["65535:0"] });
      world.run(1000);
      assert.equal(world.forwards("10.5.0.0/16"), forwards);
      world.configure(text("", forwards === "10.0.0.12" ? ", gracefulShutdown: false" : ""));
      world.run(1000);
      assert.notEqual(world.forwards("10.5.0.0/16"), forwards, "in place");
      assert.equal(a.established, 1);
    }
  });
});

describe("shutdown", () => {
  function ending() {
    let ended = 0;
    const made = running();
    (made.world.router.core as { ended?: () => void }).ended = () => void ended++;
    return { ...made, ended: () => ended };
  }

  test("says 6/2 with the text to all, and is through", () => {
    const { a, b, i, order, ended } = ending();
    order({ action: "shutdown", text: "bye" });
    assert.deepEqual([told(a), told(b), told(i), ended()], [["6/2 bye"], ["6/2 bye"], ["6/2 bye"], 1]);
  });

  test("drains first for as long as it is told", () => {
    const { world, a, order, ended } = ending();
    order({ action: "shutdown", drainMs: 30_000 });
    assert.deepEqual(a.routes.get("10.2.0.0/16")!.communities, ["65535:0"]);
    assert.equal(createQueries(world.router).status().drain!.endsInSeconds, 29);
    world.run(28_000);
    assert.deepEqual([a.up, ended()], [true, 0]);
    world.run(2000);
    assert.deepEqual([told(a), ended()], [["6/2 "], 1]);
  });

  test("is taken back by undrain while it waits, and hurried by another without a drain", () => {
    const { world, a, order, ended } = ending();
    order({ action: "shutdown", drainMs: 30_000 });
    order({ action: "drain", on: false });
    world.run(60_000);
    assert.deepEqual([a.up, ended(), a.routes.get("10.2.0.0/16")!.communities], [true, 0, []]);
    order({ action: "shutdown", drainMs: 30_000 });
    order({ action: "shutdown" });
    world.run(60_000);
    assert.deepEqual([a.up, ended()], [false, 1]);
  });
});

describe("a text from the peer (RFC 9003)", () => {
  for (const [claim, data, words] of [
    ["is shown as it was written", [...Buffer.from("…bis 5 Uhr")], /administrative shutdown \(6\/2\): "…bis 5 Uhr"/],
    ["of 255 octets is shown whole", [...Buffer.from("x".repeat(255))], /"x{255}"/],
    ["cannot write to the terminal", [...Buffer.from("a\u001b[2J\u202eb")], /"a\\x1b\[2J\\u202eb"/],
    ["that is no UTF-8 is shown in hexadecimal", [0xc3, 0x28], /data 02c328/],
  ] as const)
    test(claim, () => {
      const { world, a, answer } = running();
      a.send(message(3, bytes([6, 2, data.length, ...data])));
      world.run(100);
      assert.match(answer("a").lastDown!.text, words);
      assert.match(String(world.log.find(({ event }) => event === "session down")!.fields.reason), words);
    });
});

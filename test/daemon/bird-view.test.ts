/** What the BIRD dialect says of a router whose history is known. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ProtocolFacts } from "../../src/control/bird/facts.ts";
import { createBirdView } from "../../src/daemon/bird-view.ts";
import { formatRecord } from "../../src/daemon/restart-record.ts";
import type { Family } from "../../src/ip/address.ts";
import { ask, contextOf } from "../control/bird-asking.ts";
import { readCalicoctl, readReadinessStatus, readReportedPeer } from "../control/bird-readers.ts";
import { createWorld, header, peer, type World } from "./world.ts";

function facts(world: World, name: string, family: Family = "ipv4"): ProtocolFacts {
  const [found] = createBirdView(world.router).protocols(family, (each) => each === name);
  assert.ok(found, `${name} is not there`);
  return found;
}

const names = (world: World, family: Family) =>
  [...createBirdView(world.router).protocols(family, () => true)].map(({ name }) => name);

const show = (world: World, command: string, family: Family = "ipv4") =>
  ask(contextOf(createBirdView(world.router), family), command);

const INTERNAL = { localPref: 100 };
const BOTH = "import: accept, export: accept";
const CONFIG = `${header()}
static: [{ prefix: 10.7.0.0/16, blackhole: true }]
policies: { some: [{ match: { prefixes: [10.9.0.0/16 le 32] }, action: reject }, { action: accept }] }
peers:
${peer("Mesh_10_0_0_11", "10.0.0.11", 64512, BOTH)}${peer("Node_10_0_0_12", "10.0.0.12", 65002, "import: some, export: some")}${peer("Mesh_2001_db8__11", "2001:db8::11", 64512, BOTH)}`;

describe("protocols of a router", () => {
  it("each socket has the local sources and the sessions of its family", () => {
    const world = createWorld(CONFIG);
    const local = ["kernel1", "device1", "direct1"];
    assert.deepEqual(names(world, "ipv4"), ["static1", ...local, "Mesh_10_0_0_11", "Node_10_0_0_12"]);
    assert.deepEqual(names(world, "ipv6"), [...local, "Mesh_2001_db8__11"], "no static route, no static1");
  });

  it("sources count what they brought, and what of it is best", () => {
    const world = createWorld(CONFIG);
    world.route("10.50.0.0/16", { via: "10.0.0.77" });
    world.route("10.51.0.0/16", { via: "10.0.0.77" });
    world.route("10.51.0.0/16", { via: "10.0.0.77" }, true);
    world.run(100);
    assert.deepEqual(facts(world, "static1").routes, { imported: 1, exported: 0, preferred: 1 });
    assert.deepEqual(facts(world, "direct1").routes, { imported: 2, exported: 0, preferred: 2 });
    const kernel = facts(world, "kernel1");
    assert.equal(kernel.routes?.imported, 1);
    assert.equal(kernel.changes?.importUpdates.accepted, 2);
    assert.equal(kernel.changes?.importWithdraws.accepted, 1);
    assert.equal(kernel.routes?.exported, 1, "the static blackhole");
    assert.ok(kernel.changes!.exportUpdates.filtered > 0, "its own routes and those of links are not written back");
  });

  it("a session counts routes received, filtered, refused, repeated, withdrawn and sent, since it began", () => {
    const world = createWorld(CONFIG);
    const a = world.speaker("10.0.0.11", { asn: 64512 });
    const b = world.speaker("10.0.0.12", { asn: 65002 });
    a.announce(["10.9.1.0/24", "10.20.0.0/16", "10.21.0.0/16"], INTERNAL);
    a.announce("10.20.0.0/16", INTERNAL);
    a.withdraw(["10.21.0.0/16", "10.22.0.0/16"]);
    b.announce(["10.9.2.0/24", "10.30.0.0/16"], { asPath: [65002] });
    b.announce("10.31.0.0/16", { asPath: [65002, 64512] });
    world.run(1000);
    const { changes, routes } = facts(world, "Node_10_0_0_12");
    assert.deepEqual(changes?.importUpdates, { received: 3, rejected: 1, filtered: 1, ignored: 0, accepted: 1 });
    assert.deepEqual(routes, { imported: 1, exported: 4, preferred: 1 });
    const heard = (sign: string) => b.table.log.filter((line) => line.startsWith(sign)).length;
    assert.equal(changes?.exportUpdates.accepted, heard("+"));
    assert.equal(changes?.exportWithdraws.accepted, heard("-"));
    assert.ok(changes!.exportUpdates.filtered >= 1, "10.9.1.0/24");
    const mesh = facts(world, "Mesh_10_0_0_11");
    assert.deepEqual(mesh.changes?.importUpdates, { received: 4, rejected: 0, filtered: 0, ignored: 1, accepted: 3 });
    assert.deepEqual(mesh.changes?.importWithdraws, { received: 2, ignored: 1, accepted: 1 });
    assert.deepEqual(mesh.routes, { imported: 2, exported: 4, preferred: 2 });

    b.withdraw("10.30.0.0/16");
    world.run(1000);
    assert.deepEqual(facts(world, "Mesh_10_0_0_11").changes?.exportWithdraws, { received: 1, accepted: 1 });

    a.drop();
    world.run(10_000);
    world.speaker("10.0.0.11", { asn: 64512 }).announce("10.20.0.0/16", INTERNAL);
    world.run(5000);
    assert.deepEqual(facts(world, "Mesh_10_0_0_11").changes?.importUpdates, {
      received: 1,
      rejected: 0,
      filtered: 0,
      ignored: 0,
      accepted: 1,
    });
  });

  it("a session that is up says who is there and which timers run", async () => {
    const world = createWorld(CONFIG);
    const offer = { asn: 64512, hold: 90, gracefulRestart: {}, longLived: { families: [] }, addPath: "send" } as const;
    world.speaker("10.0.0.11", { ...offer, enhancedRefresh: true });
    world.run(10_000);
    const { session, state, ageMs } = facts(world, "Mesh_10_0_0_11");
    assert.equal(state, "up");
    assert.ok(ageMs > 10_000 && ageMs < 12_000);
    assert.equal(session?.established?.neighborId, "10.0.0.11");
    assert.deepEqual(session?.established?.neighborCapabilities, [
      "refresh",
      "enhanced-refresh",
      "restart-able",
      "llgr-aware",
      "AS4",
      "add-path-tx",
    ]);
    assert.deepEqual(session?.established?.kinds, ["internal", "multihop", "AS4"]);
    assert.equal(session?.established?.sourceAddress, "10.0.0.1");
    assert.equal(session?.established?.holdTimer.totalSeconds, 90);
    assert.equal(session?.established?.keepaliveTimer.totalSeconds, 30);
    const reply = await show(world, "show protocols all Mesh_10_0_0_11");
    assert.deepEqual(readReportedPeer(reply), { bgpState: "Established", address: "10.0.0.11" });
  });
});

describe("a router that an operator shuts down", () => {
  it("says so while it drains", async () => {
    const world = createWorld(CONFIG);
    assert.match(await show(world, "show status"), /\n0013 Daemon is up and running\n$/);
    world.router.handle({ from: "admin", action: "shutdown", drainMs: 60_000 });
    assert.match(await show(world, "show status"), /\n0013 Shutdown in progress\n$/);
    world.router.handle({ from: "admin", action: "drain", on: false });
    assert.match(await show(world, "show status"), /\n0013 Daemon is up and running\n$/);
  });
});

/** An active peer, whose attempts nobody answers, and passive ones. */
const DOWN = (more: string) =>
  `${header()}peers:\n  - { name: Mesh_10_0_0_11, address: 10.0.0.11, asn: 64512${more} }\n`;

describe("a session that is not up", () => {
  const word = (world: World) => {
    const { state, session } = facts(world, "Mesh_10_0_0_11");
    return [state, session?.state, session?.lastError && `${session.lastError.kind}: ${session.lastError.text}`];
  };

  it("waits for its peer: Passive", () => {
    assert.deepEqual(word(createWorld(DOWN(", passive: true"))), ["start", "Passive", undefined]);
  });

  it("is disabled: Down, with the reason where the configuration has one", () => {
    assert.deepEqual(word(createWorld(DOWN(", disabled: true"))), ["down", "Down", undefined]);
    assert.deepEqual(word(createWorld(DOWN(', disabled: "the Secret a/b has no key k"'))), [
      "down",
      "Down",
      "Automatic shutdown: the Secret a/b has no key k",
    ]);
  });

  it("is disabled by an operator: Down, which is no error", () => {
    const world = createWorld(DOWN(", passive: true"));
    world.speaker("10.0.0.11", { asn: 64512 });
    world.router.handle({ from: "admin", action: "disable", peer: "Mesh_10_0_0_11" });
    world.run(1000);
    assert.deepEqual(word(world), ["down", "Down", undefined]);
  });

  it("exceeded its limit of prefixes: Down, by an automatic shutdown", () => {
    const world = createWorld(DOWN(", passive: true, maxPrefixesIn: { limit: 1, action: disable }"));
    const speaker = world.speaker("10.0.0.11", { asn: 64512 });
    speaker.announce(["10.20.0.0/16", "10.21.0.0/16"], INTERNAL);
    world.run(1000);
    assert.deepEqual(word(world), ["down", "Down", "Automatic shutdown: Route limit exceeded"]);
  });

  it("got a NOTIFICATION, sent one, or lost its connection: the last error says which", () => {
    const notified = createWorld(DOWN(", passive: true"));
    notified
      .speaker("10.0.0.11", { asn: 64512 })
      .send(Uint8Array.from([...new Array<number>(16).fill(255), 0, 21, 3, 6, 2]));
    notified.run(100);
    assert.equal(word(notified)[2], "Received: Administrative shutdown");

    const wrongAs = createWorld(DOWN(", passive: true"));
    wrongAs.speaker("10.0.0.11", { asn: 65099 });
    assert.equal(word(wrongAs)[2], "BGP Error: Bad peer AS");
    assert.equal(word(wrongAs)[1], "Idle");

    const cut = createWorld(DOWN(", passive: true"));
    cut.speaker("10.0.0.11", { asn: 64512 }).drop();
    cut.run(100);
    assert.match(word(cut)[2]!, /^Socket: [A-Z]/);
  });

  it("keeps since when it is down over attempts at a session", () => {
    const world = createWorld(DOWN(", passive: true"));
    const speaker = world.speaker("10.0.0.11", { asn: 64512 });
    world.run(60_000);
    speaker.drop();
    world.run(100_000);
    const { ageMs } = facts(world, "Mesh_10_0_0_11");
    assert.ok(Math.abs(ageMs - 100_000) < 100, `${ageMs} ms`);
  });
});

describe("a router that recovers", () => {
  const RECOVERING = `${header()}
static: [{ prefix: 10.7.0.0/16, blackhole: true }]
peers:
${peer("Mesh_10_0_0_11", "10.0.0.11", 64512, `${BOTH}, gracefulRestart: { mode: on, restartTime: 60s }`)}${peer("Mesh_10_0_0_12", "10.0.0.12", 64512, `${BOTH}, gracefulRestart: { mode: on, restartTime: 60s }`)}`;
  const start = () =>
    createWorld(RECOVERING, {
      restart: {
        previous: {
          text: formatRecord({
            restartTimeMs: 60_000,
            peers: new Map([
              ["Mesh_10_0_0_11", ["ipv4"]],
              ["Mesh_10_0_0_12", ["ipv4"]],
            ]),
          }),
          ageMs: 1000,
        },
        save: () => {},
        forget: () => {},
      },
    });

  it("says 0024 with the peers waited for and the time left, in the sockets of what recovers only", async () => {
    const world = start();
    world.run(5000);
    assert.match(
      await show(world, "show status"),
      /0024-Graceful restart recovery in progress\n {3}Waiting for 2 protocols to recover\n {3}Wait timer is 55\/60\n0013 /,
    );
    assert.deepEqual(readReadinessStatus(await show(world, "show status", "ipv6")), { recovering: false });
    const first = world.speaker("10.0.0.11", { asn: 64512, gracefulRestart: {} });
    assert.equal(facts(world, "Mesh_10_0_0_11").state, "wait");
    assert.equal(facts(world, "kernel1").state, "wait");
    assert.match(await show(world, "show protocols all Mesh_10_0_0_12"), /GR recovery: {4}pending/);
    first.endOfRib();
    world.speaker("10.0.0.12", { asn: 64512, gracefulRestart: {} }).endOfRib();
    world.run(3000);
    assert.deepEqual(readReadinessStatus(await show(world, "show status")), { recovering: false });
    const peers = readCalicoctl(await show(world, "show protocols"), ".");
    assert.deepEqual(
      peers.map(({ address, state, bgpState }) => [address, state, bgpState]),
      [
        ["10.0.0.11", "up", "Established"],
        ["10.0.0.12", "up", "Established"],
      ],
    );
    assert.equal(facts(world, "kernel1").state, "up");
  });
});

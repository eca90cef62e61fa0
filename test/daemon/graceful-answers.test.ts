/** What operators are shown of a graceful restart, of a peer's and of ours. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { explainRoute } from "../../src/control/render-explain.ts";
import { explainPeer } from "../../src/control/render-peer.ts";
import { statusLines } from "../../src/control/render-status.ts";
import { createQueries } from "../../src/daemon/queries.ts";
import { formatRecord } from "../../src/daemon/restart-record.ts";
import { parsePrefix } from "../../src/ip/prefix.ts";
import { createWorld, header, peer } from "./world.ts";

const GR = "import: accept, export: accept, gracefulRestart: { mode: on, notification: true, restartTime: 60s }";
const CONFIG = `${header()}
peers:
${peer("a", "10.0.0.11", 65001, GR)}${peer("b", "10.0.0.12", 65002, GR)}`;
const PREFIX = parsePrefix("10.9.0.0/16")!;
const FULL = { notification: true, restarting: true, seconds: 90 };

describe("a peer restarts", () => {
  const world = createWorld(CONFIG);
  const view = createQueries(world.router);
  const a = world.speaker("10.0.0.11", { asn: 65001, gracefulRestart: FULL });
  a.announce("10.9.0.0/16");
  a.endOfRib();
  world.run(10_000);
  const shown = () => view.peers().find(({ name }) => name === "a")!;

  test("before: what both ends agreed on", () => {
    assert.deepEqual(shown().negotiated?.gracefulRestart, {
      keepsOurs: ["ipv4"],
      weKeep: ["ipv4"],
      restartSeconds: 90,
      notification: true,
      peerRestarted: true,
      peerForwarded: ["ipv4"],
      longLived: false,
      longLivedFamilies: [],
    });
    assert.equal(shown().stale, null);
    const text = explainPeer(shown()).join("\n");
    assert.match(text, /graceful restart: we keep its ipv4 routes for 90 s, it keeps ours of ipv4, also after a NOTIF/);
    assert.match(text, /the peer had restarted, and said that it had forwarded ipv4 meanwhile/);
    assert.equal(view.route(PREFIX)!.paths[0]!.stale, null);
  });

  test("while it is away: since when its routes are stale, and until when they are kept", () => {
    a.drop();
    world.run(30_000);
    const { stale } = shown();
    assert.deepEqual(stale?.families, ["ipv4"]);
    assert.equal(Math.round(stale!.leftSeconds), 60);
    assert.match(shown().reason!, /its routes are kept for another 60 s$/);
    const path = view.route(PREFIX)!.paths[0]!;
    assert.equal(path.best, true, "in use like any other");
    assert.deepEqual(path.stale, { since: stale!.since, keptUntil: stale!.keptUntil, longLived: false });
    assert.equal(Date.parse(path.stale!.keptUntil) - Date.parse(path.stale!.since), 90_000);
    const text = explainRoute(view.explain(PREFIX)).join("\n");
    assert.match(text, /stale since \S+, kept until \S+ while a restarts/);
    assert.match(
      explainPeer(shown()).join("\n"),
      /ipv4 routes of its last session are stale since .* \(another 60 s\)/,
    );
  });

  test("back: what it has announced again is no longer stale, and in the end nothing is", () => {
    const again = world.speaker("10.0.0.11", { asn: 65001, gracefulRestart: FULL });
    assert.equal(view.route(PREFIX)!.paths[0]!.stale === null, false);
    again.announce("10.9.0.0/16");
    world.run(1000);
    assert.equal(view.route(PREFIX)!.paths[0]!.stale, null);
    assert.notEqual(shown().stale, null, "until End-of-RIB");
    again.endOfRib();
    world.run(1000);
    assert.equal(shown().stale, null);
  });
});

test("we restart: who is waited for, why nothing is announced, why the kernel is left alone", () => {
  const text = formatRecord({
    restartTimeMs: 60_000,
    peers: new Map([
      ["a", ["ipv4"]],
      ["b", ["ipv4"]],
    ]),
  });
  const world = createWorld(CONFIG, {
    restart: { previous: { text, ageMs: 10 }, save: () => {}, forget: () => {} },
  });
  const view = createQueries(world.router);
  const a = world.speaker("10.0.0.11", { asn: 65001, gracefulRestart: { ...FULL, restarting: false } });
  a.announce("10.9.0.0/16");
  a.endOfRib();
  world.run(1000);
  const { recovery } = view.status();
  assert.deepEqual([recovery?.deferred, recovery?.waitingFor], [true, ["b"]]);
  assert.ok(
    statusLines(view.status()).some((line) => /^Recovering from a restart: nothing is announced .* b$/.test(line)),
  );
  const { kernel, to } = view.explain(PREFIX, "a");
  assert.match(kernel.reason!, /we have restarted, and End-of-RIB from b is waited for/);
  assert.deepEqual(to?.stoppedBy?.step, "recovery");
  const b = world.speaker("10.0.0.12", { asn: 65002 });
  assert.ok(b.up);
  world.run(1000);
  assert.equal(view.status().recovery, null);
  assert.equal(world.forwards("10.9.0.0/16"), "10.0.0.11");
});

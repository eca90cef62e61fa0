import assert from "node:assert/strict";
import test from "node:test";
import { dominantSide, placeForIncoming } from "../../../src/bgp/session/collision.ts";
import { createPeer, otherSide, stateOf } from "../../../src/bgp/session/peer.ts";
import type { SessionEvent, SessionSettings, Side } from "../../../src/bgp/session/types.ts";
import {
  drive,
  failed,
  inShort,
  keepalive,
  notification,
  open,
  PEER_OPEN,
  REACHED,
  SETTINGS,
  START,
  up,
} from "./fixtures.ts";

const LOW: SessionSettings = { ...SETTINGS, localId: 1 };
const HIGH: SessionSettings = { ...SETTINGS, localId: 0xff000001 };
/** The same identifier as the peer's, in another AS. */
const EQUAL_LOW: SessionSettings = { ...SETTINGS, localId: PEER_OPEN.identifier };
const EQUAL_HIGH: SessionSettings = { ...EQUAL_LOW, localAs: 4_200_000_000 };

test("§6.8: the connection opened by the higher identifier is kept, unsigned; equal ones leave it to the AS", () => {
  const remote = { remoteId: PEER_OPEN.identifier, remoteAs: 64513 };
  assert.equal(dominantSide(LOW, remote), "incoming");
  assert.equal(dominantSide(HIGH, remote), "outgoing");
  assert.equal(dominantSide(EQUAL_LOW, remote), "incoming"); // RFC 6286 §2.3
  assert.equal(dominantSide(EQUAL_HIGH, remote), "outgoing");
});

/** Both connections in OpenSent. */
const bothUp = (settings: SessionSettings) => drive(createPeer(settings), [START, up("outgoing"), up("incoming")]).peer;

for (const [name, settings, kept] of [
  ["our identifier is higher", HIGH, "outgoing"],
  ["the peer's identifier is higher", LOW, "incoming"],
  ["identifiers are equal and our AS is higher", EQUAL_HIGH, "outgoing"],
  ["identifiers are equal and the peer's AS is higher", EQUAL_LOW, "incoming"],
] as const)
  for (const first of ["outgoing", "incoming"] as const)
    test(`§6.8: ${name}, OPEN on ${first} first: ${kept} is kept, the other closed with 6/7`, () => {
      const loser = otherSide(kept);
      const mark = loser === "incoming" ? " in" : "";
      const half = drive(bothUp(settings), [open(first)]).peer;
      assert.deepEqual([half[first].state, half[otherSide(first)].state], ["openConfirm", "openSent"]);
      const { peer, actions } = drive(half, [open(otherSide(first))]);
      assert.deepEqual(inShort(actions).slice(0, 2), [`N(6/7)${mark}`, `close${mark}`]);
      assert.deepEqual([peer[kept].state, peer[loser].state], ["openConfirm", "idle"]);
      assert.equal(peer.connectRetryCounter, 0, "losing a collision is no failure");
      assert.equal(stateOf(drive(peer, [keepalive(kept)]).peer), "established");
    });

test("§6.8: the incoming connection may come first as well", () => {
  const half = drive(createPeer(HIGH), [START, up("incoming"), open("incoming"), up("outgoing")]);
  assert.equal(half.peer.outgoing.state, "idle", "our attempt was stopped when their OPEN was accepted");
  assert.deepEqual(inShort(half.actions), ["close"], "an attempt that completes late is closed");
});

for (const from of ["connect", "active"] as const)
  test(`§6.8: an OPEN on the incoming connection stops an attempt in ${from}`, () => {
    const { peer, actions } = drive(REACHED[from](), [up("incoming"), open("incoming")]);
    assert.deepEqual([peer.outgoing.state, peer.incoming.state], ["idle", "openConfirm"]);
    assert.ok(actions.some((action) => action.kind === "disarm" && action.timer.name === "connectRetry"));
    assert.equal(inShort(actions)[0] === "close", from === "connect");
  });

for (const first of ["outgoing", "incoming"] as const)
  test(`§6.8: Established on ${first}: a second connection is closed with 6/7 when its OPEN is good, not before`, () => {
    const second = otherSide(first);
    const mark = second === "incoming" ? " in" : "";
    // The lower identifier would lose a collision with this connection; Established outranks that.
    const settings = first === "outgoing" ? LOW : HIGH;
    const before = drive(bothUp(settings), [open(first), keepalive(first)]).peer;
    assert.deepEqual([before[first].state, before[second].state], ["established", "openSent"]);
    const { peer, actions } = drive(before, [open(second)]);
    assert.deepEqual(inShort(actions), [`N(6/7)${mark}`, `close${mark}`]);
    assert.deepEqual([peer[first].state, peer[second].state], ["established", "idle"]);
    assert.equal(peer.downCount, 0);
  });

const HARMLESS: readonly (readonly [string, (side: Side) => SessionEvent])[] = [
  ["a bad OPEN", (side) => open(side, { ...PEER_OPEN, version: 3 })],
  ["an UPDATE too early", (side) => ({ kind: "update", side })],
  ["a reset", failed],
  ["a NOTIFICATION", (side) => notification(side, 6, 7)],
  ["its hold timer", (side) => ({ kind: "timer", timer: { name: "hold", side } })],
];
for (const [name, event] of HARMLESS)
  for (const reached of ["openConfirm", "established"] as const)
    test(`${name} on the other connection leaves the one in ${reached} alone`, () => {
      const before = drive(REACHED[reached](), [up("incoming")]).peer;
      const { peer, actions } = drive(before, [event("incoming")]);
      assert.equal(peer.outgoing.state, reached);
      assert.equal(peer.incoming.state, "idle");
      assert.ok(!actions.some((action) => "side" in action && action.side === "outgoing"));
    });

test("a session that ended because the peer kept the other connection goes on there", () => {
  const before = drive(bothUp(LOW), [open("outgoing"), keepalive("outgoing")]).peer;
  const { peer, actions } = drive(before, [notification("outgoing", 6, 7)]);
  assert.deepEqual([peer.outgoing.state, peer.incoming.state], ["idle", "openSent"]);
  assert.deepEqual(inShort(actions), ["close", "down"]);
});

test("a session that ended calmly goes on with a second connection that is half open", () => {
  for (const event of [notification("outgoing", 6, 4), failed("outgoing")]) {
    const before = drive(bothUp(LOW), [open("outgoing"), keepalive("outgoing")]).peer;
    const { peer } = drive(before, [event], 60_000);
    assert.deepEqual([peer.outgoing.state, peer.incoming.state], ["idle", "openSent"]);
  }
});

test("a fault of the Established session takes a half-open second connection down too", () => {
  const before = drive(bothUp(LOW), [open("outgoing"), keepalive("outgoing")]).peer;
  const { peer, actions } = drive(before, [{ kind: "timer", timer: { name: "hold", side: "outgoing" } }]);
  assert.equal(peer.phase, "idleHold");
  assert.deepEqual(inShort(actions), ["N(4/0)", "close", "down", "N(6/5) in", "close in", "idleHold=5000"]);
});

test("an incoming connection that dies leaves our own attempt as it is", () => {
  for (const from of ["connect", "active"] as const) {
    const before = REACHED[from]();
    const { peer, actions } = drive(before, [up("incoming"), failed("incoming")]);
    assert.equal(peer.outgoing.state, from);
    assert.equal(peer.phase, "running");
    assert.deepEqual(inShort(actions), []);
  }
});

test("our connection lost in OpenSent is retried although the peer's own is half open", () => {
  const { peer, actions } = drive(bothUp(LOW), [failed("outgoing")]);
  assert.deepEqual([peer.outgoing.state, peer.incoming.state], ["active", "openSent"]);
  assert.deepEqual(inShort(actions), ["connectRetry=8000"]);
});

test("there is one place for an incoming connection", () => {
  const peer = REACHED.connect();
  assert.equal(placeForIncoming(peer), "incoming");
  const taken = drive(peer, [up("incoming")]).peer;
  assert.deepEqual(drive(taken, [up("incoming")]), { peer: taken, actions: [] });
});

test("a passive peer waits in Active, never connects, and takes the peer's connection", () => {
  const passive = { ...SETTINGS, passive: true };
  const started = drive(createPeer(passive), [START]);
  assert.equal(stateOf(started.peer), "active");
  assert.deepEqual(inShort(started.actions), []);
  const session = drive(started.peer, [up("incoming"), open("incoming"), keepalive("incoming")]).peer;
  assert.equal(stateOf(session), "established");
  const lost = drive(session, [failed("incoming")], 60_000);
  assert.deepEqual([stateOf(lost.peer), lost.peer.phase], ["active", "running"]);
  assert.deepEqual(inShort(lost.actions), ["down"]);
});

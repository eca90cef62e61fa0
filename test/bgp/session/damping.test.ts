import assert from "node:assert/strict";
import test from "node:test";
import { createPeer, type Peer, stateOf } from "../../../src/bgp/session/peer.ts";
import { step } from "../../../src/bgp/session/step.ts";
import type { SessionAction, SessionEvent } from "../../../src/bgp/session/types.ts";
import {
  drive,
  env,
  failed,
  fault,
  inShort,
  keepalive,
  notification,
  open,
  REACHED,
  SETTINGS,
  SHUTDOWN,
  START,
  up,
} from "./fixtures.ts";

const IDLE_HOLD_OVER: SessionEvent = { kind: "timer", timer: { name: "idleHold" } };
const HOLD_OVER: SessionEvent = { kind: "timer", timer: { name: "hold", side: "outgoing" } };

function waitOf(actions: readonly SessionAction[]): number | undefined {
  const armed = actions.find((action) => action.kind === "arm" && action.timer.name === "idleHold");
  return armed?.kind === "arm" ? armed.afterMs : undefined;
}

/** Fails in OpenSent `times` times; the waits it had to bear, without their spread. */
function waitsOf(peer: Peer, times: number): { readonly peer: Peer; readonly waits: readonly (number | undefined)[] } {
  const waits: (number | undefined)[] = [];
  for (let i = 0; i < times; i++) {
    peer = drive(peer, [stateOf(peer) === "idle" ? IDLE_HOLD_OVER : START, up("outgoing")]).peer;
    const [next, actions] = step(peer, fault("outgoing", 1, 1), env(0, 0.5));
    waits.push(waitOf(actions));
    peer = next;
  }
  return { peer, waits };
}

const started = () => drive(createPeer(SETTINGS), [START]).peer;

test("the idle hold doubles from its least to its largest value, and the retry counter grows", () => {
  const { peer, waits } = waitsOf(started(), 5);
  assert.deepEqual(waits, [4000, 8000, 16_000, 32_000, 32_000]);
  assert.equal(peer.connectRetryCounter, 5);
});

test("the idle hold is spread by a quarter to either side", () => {
  for (const [random, expected] of [
    [0, 3000],
    [0.5, 4000],
    [1, 5000],
  ] as const) {
    const [, actions] = step(REACHED.openSent(), fault("outgoing", 1, 1), env(0, random));
    assert.equal(waitOf(actions), expected);
  }
});

test("an incoming connection neither ends the idle hold nor lengthens it", () => {
  const before = REACHED.idleHold();
  const { peer, actions } = drive(before, [up("incoming")]);
  assert.equal(peer, before);
  assert.deepEqual(inShort(actions), ["close in"]);
});

function sessionAfter(peer: Peer, atMs: number): Peer {
  return drive(peer, [IDLE_HOLD_OVER, up("outgoing"), open("outgoing"), keepalive("outgoing")], atMs).peer;
}

test("a session longer than the hold that threatens makes the damping forgotten", () => {
  const session = sessionAfter(waitsOf(started(), 3).peer, 1000); // The next hold is 32 s.
  const [peer, actions] = step(session, HOLD_OVER, env(1000 + 32_001, 0.5));
  assert.equal(waitOf(actions), 4000);
  assert.equal(peer.nextIdleHoldMs, 8000);
});

test("a shorter session does not", () => {
  const session = sessionAfter(waitsOf(started(), 2).peer, 1000); // The next hold is 16 s.
  const [peer, actions] = step(session, HOLD_OVER, env(1000 + 16_000, 0.5));
  assert.equal(waitOf(actions), 16_000);
  assert.equal(peer.nextIdleHoldMs, 32_000);
});

const ENDINGS: readonly (readonly [string, SessionEvent, restarts: boolean])[] = [
  ["a lost TCP connection", failed("outgoing"), true],
  ["Cease, administrative shutdown", notification("outgoing", 6, 2), true],
  ["Cease, administrative reset", notification("outgoing", 6, 4), true],
  ["Cease, collision", notification("outgoing", 6, 7), true],
  ["Cease, maximum prefixes", notification("outgoing", 6, 1), false],
  ["Cease, out of resources", notification("outgoing", 6, 8), false],
  ["an UPDATE error that the peer found", notification("outgoing", 3, 1), false],
  ["our hold timer", HOLD_OVER, false],
];
for (const [name, event, restarts] of ENDINGS)
  test(`after a calm session, ${name} ${restarts ? "is followed by a start at once" : "causes an idle hold"}`, () => {
    const [peer] = step(REACHED.established(), event, env(60_000));
    assert.equal(peer.phase, restarts ? "running" : "idleHold");
    assert.equal(stateOf(peer), restarts ? "connect" : "idle");
    assert.equal(peer.connectRetryCounter, 1);
    const [hasty] = step(REACHED.established(), event, env(4000));
    assert.equal(hasty.phase, "idleHold", "and a hold if the session was not calm");
  });

test("that start waits for the connect delay, in which the peer may come first", () => {
  const settings = { ...SETTINGS, connectDelayMs: 2000 };
  const session = drive(createPeer(settings), [START, up("outgoing"), open("outgoing"), keepalive("outgoing")]).peer;
  assert.equal(stateOf(session), "established");
  const { peer, actions } = drive(session, [failed("outgoing")], 60_000);
  assert.equal(stateOf(peer), "active");
  assert.deepEqual(inShort(actions), ["down", "connectRetry=2000"]);
  assert.equal(stateOf(drive(peer, [up("incoming")]).peer), "openSent");
});

test("a manual start ends the hold, keeps its length, and counts from 0", () => {
  const { peer } = waitsOf(started(), 2);
  const { peer: again, actions } = drive(peer, [START]);
  assert.equal(stateOf(again), "connect");
  assert.ok(actions.some((action) => action.kind === "disarm" && action.timer.name === "idleHold"));
  assert.deepEqual([again.connectRetryCounter, again.nextIdleHoldMs], [0, 16_000]);
});

test("a manual stop forgets the damping", () => {
  const { peer } = drive(waitsOf(started(), 3).peer, [{ kind: "stop", manual: true, cause: SHUTDOWN }]);
  assert.deepEqual([peer.phase, peer.nextIdleHoldMs, peer.connectRetryCounter], ["stopped", 4000, 0]);
});

test("RFC 4271 §10: connect retry and keepalive are jittered from 0.75 to 1", () => {
  for (const [random, retry, alive] of [
    [0, 6000, 7500],
    [1, 8000, 10_000],
  ] as const) {
    const [, retryActions] = step(REACHED.connect(), failed("outgoing"), env(0, random));
    assert.deepEqual(inShort(retryActions), [`connectRetry=${retry}`]);
    const timer: SessionEvent = { kind: "timer", timer: { name: "keepalive", side: "outgoing" } };
    const [, actions] = step(REACHED.established(), timer, env(0, random));
    assert.deepEqual(inShort(actions), ["KEEPALIVE", `keepalive=${alive}`]);
  }
});

test("a stop may say how long the peer stays away, to the millisecond, and what its Cease carries", () => {
  const cause = { subcode: 1, data: Uint8Array.of(0, 1, 1, 0, 0, 0, 5), retryMs: 300_000 };
  const [peer, actions] = step(REACHED.established(), { kind: "stop", manual: false, cause }, env(0, 0));
  assert.equal(waitOf(actions), 300_000);
  assert.deepEqual(
    actions.flatMap((action) => (action.kind === "sendNotification" ? [action.notification] : [])),
    [{ code: 6, subcode: 1, data: cause.data }],
  );
  assert.equal(
    peer.lastDown?.reason.text,
    "we stopped it: cease: maximum number of prefixes reached (6/1): IPv4, limit 5",
  );
  const again = drive(peer, [IDLE_HOLD_OVER]).peer;
  assert.equal(stateOf(again), "connect");
  const [eager] = step(peer, { kind: "start", manual: true }, env(0, 0));
  assert.equal(eager.phase, "running", "an operator's start does not wait");
});

import assert from "node:assert/strict";
import test from "node:test";
import { createPeer, negotiatedOf, type Peer, stateOf } from "../../../src/bgp/session/peer.ts";
import { step } from "../../../src/bgp/session/step.ts";
import type { DownReason, SessionEvent } from "../../../src/bgp/session/types.ts";
import {
  drive,
  env,
  failed,
  fault,
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

const stop = (subcode: number, text?: string): SessionEvent => ({
  kind: "stop",
  manual: true,
  cause: text === undefined ? { subcode } : { subcode, text },
});

test("RFC 5492: capabilities refused with 2/4 or 2/7: once more at once, without them", () => {
  for (const subcode of [4, 7])
    for (const from of ["openSent", "openConfirm"] as const) {
      const { peer, actions } = drive(REACHED[from](), [notification("outgoing", 2, subcode)]);
      assert.deepEqual(inShort(actions), ["close", "connectRetry=8000", "connect"]);
      assert.ok(peer.fallback);
    }
});

test("RFC 5492: a second refusal is a fault like any other, and the fallback stays", () => {
  const refusal = notification("outgoing", 2, 7);
  const { peer } = drive(REACHED.openSent(), [refusal, up("outgoing"), refusal]);
  assert.equal(peer.phase, "idleHold");
  assert.ok(peer.fallback);
});

test("RFC 5492: the fallback lasts for the session and is forgotten with its end, or by a restart", () => {
  const refused = drive(REACHED.openSent(), [notification("outgoing", 2, 7)]).peer;
  const session = drive(refused, [up("outgoing"), open("outgoing"), keepalive("outgoing")]).peer;
  assert.equal(negotiatedOf(session)?.fourOctetAs, false, "agreed on what the bare OPEN said");
  assert.ok(session.fallback);
  assert.ok(!drive(session, [failed("outgoing")]).peer.fallback);
  assert.ok(!drive(refused, [stop(2), START]).peer.fallback);
});

test("RFC 5492: a passive peer waits for the next connection instead", () => {
  const passive = drive(createPeer({ ...SETTINGS, passive: true }), [START, up("incoming")]).peer;
  const { peer, actions } = drive(passive, [notification("incoming", 2, 4)]);
  assert.deepEqual([stateOf(peer), inShort(actions)], ["active", ["close in"]]);
  assert.ok(drive(peer, [up("incoming")]).peer.incoming.bare);
});

test("hold time 0: neither hold nor keepalive nor send hold runs once Established", () => {
  const confirm = drive(REACHED.openSent(), [open("outgoing", { ...PEER_OPEN, holdSeconds: 0 })]);
  assert.deepEqual(inShort(confirm.actions), ["KEEPALIVE", "hold=240000"], "OpenConfirm stays bounded");
  const { peer, actions } = drive(confirm.peer, [keepalive("outgoing")]);
  assert.deepEqual(inShort(actions), ["established"]);
  assert.ok(actions.some((action) => action.kind === "disarm" && action.timer.name === "hold"));
  assert.deepEqual(inShort(drive(peer, [keepalive("outgoing")]).actions), []);
});

test("a manual stop in any state leaves nothing behind, and the peer stays down", () => {
  for (const [name, reach] of Object.entries(REACHED)) {
    const { peer } = drive(reach(), [stop(2)]);
    assert.deepEqual([peer.phase, peer.connectRetryCounter, stateOf(peer)], ["stopped", 0, "idle"], name);
    assert.equal(drive(peer, [{ kind: "timer", timer: { name: "idleHold" } }]).peer, peer);
  }
});

test("a stop says goodbye on both connections", () => {
  const both = drive(REACHED.openSent(), [up("incoming")]).peer;
  assert.deepEqual(inShort(drive(both, [stop(4)]).actions), ["N(6/4)", "close", "N(6/4) in", "close in"]);
});

test("RFC 9003: the stop's text travels with its length, cut at a whole character", () => {
  const said = (text: string) => {
    const { actions } = drive(REACHED.established(), [stop(2, text)]);
    const action = actions.find((one) => one.kind === "sendNotification");
    assert.ok(action?.kind === "sendNotification");
    return action.notification.data;
  };
  assert.deepEqual([...said("bye")], [3, 98, 121, 101]);
  const long = said("é€😀".repeat(100));
  assert.equal(long[0], long.length - 1);
  assert.ok(long.length <= 256);
  assert.ok("é€😀".repeat(100).startsWith(new TextDecoder("utf-8", { fatal: true }).decode(long.subarray(1))));
});

test("NOTIFICATION is flushed before TCP closes, but not when nothing could be sent for so long", () => {
  const flushes = (event: SessionEvent) =>
    drive(REACHED.established(), [event]).actions.flatMap((action) => (action.kind === "close" ? [action.flush] : []));
  assert.deepEqual(flushes({ kind: "timer", timer: { name: "hold", side: "outgoing" } }), [true]);
  assert.deepEqual(flushes({ kind: "timer", timer: { name: "sendHold", side: "outgoing" } }), [false]);
  assert.deepEqual(flushes(notification("outgoing", 6, 2)), [false]);
});

const REASONS: readonly (readonly [SessionEvent, DownReason["code"], string])[] = [
  [{ kind: "timer", timer: { name: "hold", side: "outgoing" } }, "holdTimer", "we sent hold timer expired (4/0)"],
  [
    { kind: "timer", timer: { name: "sendHold", side: "outgoing" } },
    "sendHoldTimer",
    "we sent send hold timer expired (8/0)",
  ],
  [failed("outgoing"), "tcpClosed", "TCP: reset by peer"],
  [stop(2), "adminDown", "we stopped it: cease: administrative shutdown (6/2)"],
  [stop(6), "configuration", "we stopped it: cease: other configuration change (6/6)"],
  [stop(8), "notificationSent", "we stopped it: cease: out of resources (6/8)"],
  [notification("outgoing", 6, 4), "notificationReceived", "the peer sent cease: administrative reset (6/4)"],
  [fault("outgoing", 3, 11), "notificationSent", "we sent UPDATE message error: malformed AS_PATH (3/11): made up"],
  [
    open("outgoing"),
    "fsmError",
    "we sent finite state machine error: unexpected message in Established (5/3): message type 1: open",
  ],
];
for (const [event, code, text] of REASONS)
  test(`an operator reads: ${text}`, () => {
    const [peer, actions] = step(REACHED.established(), event, env(60_000));
    const down = actions.find((action) => action.kind === "down");
    assert.ok(down?.kind === "down");
    assert.deepEqual([down.reason.code, down.reason.text], [code, text]);
    assert.deepEqual(peer.lastDown, { reason: down.reason, atMs: 60_000 });
    assert.deepEqual([peer.establishedCount, peer.downCount], [1, 1]);
  });

test("why a session does not come up is kept and told as well", () => {
  const badAs = open("outgoing", { ...PEER_OPEN, capabilities: { ...PEER_OPEN.capabilities, fourOctetAs: 7 } });
  const { peer, actions } = drive(REACHED.openSent(), [badAs]);
  const told = actions.find((action) => action.kind === "attemptFailed");
  assert.ok(told?.kind === "attemptFailed");
  assert.equal(
    told.reason.text,
    "we sent OPEN message error: bad peer AS (2/2): AS 7: the peer is AS 7, expected AS 64513",
  );
  assert.equal(peer.lastFailure?.reason, told.reason);
  assert.equal(peer.lastDown, undefined);
});

test("the first attempt waits for the connect delay; a restart after damping does not", () => {
  const peer: Peer = createPeer({ ...SETTINGS, connectDelayMs: 2000 });
  const started = drive(peer, [START]);
  assert.deepEqual([stateOf(started.peer), inShort(started.actions)], ["active", ["connectRetry=2000"]]);
  const held = drive(started.peer, [up("outgoing"), fault("outgoing", 1, 1)]).peer;
  const again = drive(held, [{ kind: "timer", timer: { name: "idleHold" } }]);
  assert.deepEqual(inShort(again.actions), ["connectRetry=8000", "connect"]);
});

test("a step changes neither the peer it was given nor depends on anything else", () => {
  for (const reach of Object.values(REACHED)) {
    const peer = reach();
    const copy = structuredClone(peer);
    const first = step(peer, stop(2), env());
    assert.deepEqual(step(peer, stop(2), env()), first);
    assert.deepEqual(peer, copy);
  }
});

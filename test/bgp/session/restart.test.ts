/** Graceful restart in the state machine: which ends keep the routes, what goes out as a hard reset, who takes over. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { wrapHardReset } from "../../../src/bgp/notification.ts";
import type { Capabilities } from "../../../src/bgp/open.ts";
import { placeForIncoming } from "../../../src/bgp/session/collision.ts";
import { judgeOpen, openFor } from "../../../src/bgp/session/negotiate.ts";
import { createPeer, type Peer } from "../../../src/bgp/session/peer.ts";
import type { NegotiatedRestart, SessionEvent, SessionSettings } from "../../../src/bgp/session/types.ts";
import {
  CAPABILITIES,
  drive,
  fault,
  inShort,
  keepalive,
  notification,
  open,
  PEER_OPEN,
  SETTINGS,
  START,
  up,
} from "./fixtures.ts";

type Offer = NonNullable<Capabilities["gracefulRestart"]>;

const NONE: Offer = { restarting: false, notification: false, timeSeconds: 0, families: [] };
const V4: Offer = { ...NONE, timeSeconds: 90, families: [{ family: "ipv4", forwarding: false }] };
const N: Offer = { ...V4, notification: true };

const settings = (gracefulRestart: Offer | undefined): SessionSettings => ({
  ...SETTINGS,
  capabilities: { ...CAPABILITIES, ...(gracefulRestart && { gracefulRestart }) },
});
const offer = (gracefulRestart: Offer | undefined) => ({
  ...PEER_OPEN,
  capabilities: { ...PEER_OPEN.capabilities, ...(gracefulRestart && { gracefulRestart }) },
});

function agreed(ours: Offer | undefined, theirs: Offer | undefined): NegotiatedRestart | undefined {
  const verdict = judgeOpen(settings(ours), offer(theirs), false);
  assert.ok(verdict.accepted);
  return verdict.negotiated.gracefulRestart;
}

test("both need the capability; N counts where both have it; the peer's list and time count", () => {
  assert.equal(agreed(undefined, V4), undefined);
  assert.equal(agreed(V4, undefined), undefined);
  const plain = { notification: false, restarting: false, timeMs: 90_000, families: V4.families, longLived: [] };
  assert.deepEqual(agreed(NONE, V4), plain);
  assert.deepEqual(agreed(N, V4), plain);
  assert.deepEqual(agreed(V4, N), plain);
  assert.deepEqual(agreed(N, N), { ...plain, notification: true });
  assert.deepEqual(agreed(V4, NONE), { ...plain, timeMs: 0, families: [] });
  assert.equal(agreed(V4, { ...V4, restarting: true })?.restarting, true);
});

test("families that are not active are not kept; of several entries the last one counts", () => {
  const list = (["ipv6", "ipv4", "ipv4"] as const).map((family, i) => ({ family, forwarding: i === 2 }));
  assert.deepEqual(agreed(V4, { ...V4, families: list })?.families, [{ family: "ipv4", forwarding: true }]);
});

test("R and F are those of the moment, and nothing goes out in a bare OPEN", () => {
  const bits = (restarting: boolean, forwarding: boolean) =>
    openFor(settings(N), false, { restarting, forwarding }).capabilities.gracefulRestart;
  assert.deepEqual(bits(false, false), N);
  assert.deepEqual(bits(true, true), { ...N, restarting: true, families: [{ family: "ipv4", forwarding: true }] });
  assert.equal(
    openFor(settings(N), true, { restarting: true, forwarding: true }).capabilities.gracefulRestart,
    undefined,
  );
});

const established = (ours: Offer | undefined, theirs: Offer | undefined, side: "outgoing" | "incoming" = "outgoing") =>
  drive(createPeer({ ...settings(ours), passive: side === "incoming" }), [
    START,
    up(side),
    open(side, offer(theirs)),
    keepalive(side),
  ]).peer;

const SIDE = "outgoing";
const hard = (code: number, subcode: number): SessionEvent => ({
  kind: "notification",
  side: SIDE,
  notification: wrapHardReset({ code, subcode, data: new Uint8Array() }),
});
const timer = (name: "hold" | "sendHold"): SessionEvent => ({ kind: "timer", timer: { name, side: SIDE } });
const stop = (subcode: number): SessionEvent => ({ kind: "stop", manual: true, cause: { subcode } });
const lost: SessionEvent = { kind: "failed", side: SIDE, reason: "reset by peer" };

/** What the peer hears, and whether its routes are kept: without N, with N. */
const ENDS: readonly (readonly [string, SessionEvent, string, boolean, string, boolean])[] = [
  ["TCP lost", lost, "", true, "", true],
  ["NOTIFICATION 6/4", notification(SIDE, 6, 4), "", false, "", true],
  ["NOTIFICATION 6/2", notification(SIDE, 6, 2), "", false, "", true],
  ["NOTIFICATION 3/1", notification(SIDE, 3, 1), "", false, "", true],
  ["NOTIFICATION 4/0", notification(SIDE, 4, 0), "", false, "", true],
  ["hard reset of 6/2", hard(6, 2), "", false, "", false],
  ["hard reset without content", notification(SIDE, 6, 9), "", false, "", false],
  ["hold timer", timer("hold"), "N(4/0)", false, "N(4/0)", true],
  ["send hold timer", timer("sendHold"), "N(8/0)", false, "N(8/0)", true],
  ["fault 3/1", fault(SIDE, 3, 1), "N(3/1)", false, "N(3/1)", true],
  ["fault 6/1, too many prefixes", fault(SIDE, 6, 1), "N(6/1)", false, "N(6/9 6.1)", false],
  ["fault 6/8, out of resources", fault(SIDE, 6, 8), "N(6/8)", false, "N(6/9 6.8)", false],
  ["second OPEN", open(SIDE), "N(5/3 1)", false, "N(5/3 1)", true],
  ["stop 6/2", stop(2), "N(6/2)", false, "N(6/9 6.2)", false],
  ["stop 6/3", stop(3), "N(6/3)", false, "N(6/9 6.3)", false],
  ["stop 6/4", stop(4), "N(6/4)", false, "N(6/4)", true],
  ["stop 6/6", stop(6), "N(6/6)", false, "N(6/6)", true],
];

for (const [name, event, plainWords, plainKept, nWords, nKept] of ENDS)
  for (const [which, ours, words, kept] of [
    ["no capability", undefined, plainWords, false],
    ["no family listed", NONE, plainWords, false],
    ["without N", V4, plainWords, plainKept],
    ["with N", N, nWords, nKept],
  ] as const)
    test(`${name}, ${which}: ${words || "nothing"} is sent, routes are ${kept ? "kept" : "dropped"}`, () => {
      const { actions } = drive(established(ours === undefined ? undefined : N, ours), [event], 60_000);
      const notified = inShort(actions).filter((word) => word.startsWith("N("));
      assert.deepEqual(notified, words === "" ? [] : [words]);
      const down = actions.find((action) => action.kind === "down");
      assert.equal(down?.graceful, kept);
      if (words.startsWith("N(6/9")) assert.match(down!.reason.text, /, as a hard reset$/);
    });

test("a peer that is held off for a Cease is held off for it inside a hard reset too", () => {
  const phase = (event: SessionEvent) => drive(established(N, N), [event], 60_000).peer.phase;
  assert.equal(phase(notification(SIDE, 6, 1)), "idleHold");
  assert.equal(phase(hard(6, 1)), "idleHold");
  assert.equal(phase(hard(6, 2)), "running");
});

/** Another connection of the peer's while it is Established over one that the peer opened. */
function newcomer(peer: Peer, atMs: number, message = offer(V4)) {
  const side = placeForIncoming(peer)!;
  const connected = drive(peer, [{ kind: "connected", side, newcomer: side === "outgoing" }], atMs);
  return { side, connected, opened: drive(connected.peer, [open(side, message)], atMs + 10) };
}

for (const side of ["incoming", "outgoing"] as const)
  test(`§5: Established on ${side}: the newcomer takes over at its OPEN, and the old one is closed without a word`, () => {
    const before = established(V4, V4, side);
    const { side: place, connected, opened } = newcomer(before, 5000);
    assert.equal(place, side === "incoming" ? "outgoing" : "incoming");
    assert.equal(connected.peer[side].state, "established");
    const mark = side === "incoming" ? " in" : "";
    assert.deepEqual(inShort(opened.actions).slice(0, 2), [`close${mark}`, "down"]);
    assert.deepEqual([opened.peer[side].state, opened.peer[place].state], ["idle", "openConfirm"]);
    const down = opened.actions.find((action) => action.kind === "down");
    assert.deepEqual([down?.graceful, down?.reason.code], [true, "peerRestarted"]);
    const over = drive(opened.peer, [keepalive(place)], 5020).peer;
    assert.deepEqual([over.establishedCount, over.downCount, over.phase], [2, 1, "running"]);
  });

test("§5: an OPEN that is not acceptable leaves the session alone", () => {
  const { opened, side } = newcomer(established(V4, V4), 5000, { ...offer(V4), asn: 1, identifier: 0 });
  assert.equal(opened.peer.outgoing.state, "established");
  assert.equal(opened.peer[side].state, "idle");
  assert.equal(opened.peer.downCount, 0);
});

test("§5: within a second of Established it is the other half of a simultaneous open, and loses", () => {
  const { opened } = newcomer(established(V4, V4), 900);
  assert.deepEqual(inShort(opened.actions), ["N(6/7) in", "close in"]);
});

test("§5: without the capability there is no place beside an incoming session, and a newcomer beside ours loses", () => {
  assert.equal(placeForIncoming(established(undefined, undefined, "incoming")), undefined);
  const { opened } = newcomer(established(undefined, undefined), 5000, offer(undefined));
  assert.deepEqual(inShort(opened.actions), ["N(6/7) in", "close in"]);
});

test("a newcomer that waits half open carries on when the old session dies by itself", () => {
  const { side, connected } = newcomer(established(V4, V4, "incoming"), 5000);
  const { peer } = drive(connected.peer, [{ kind: "failed", side: "incoming", reason: "reset" }], 6000);
  assert.deepEqual([peer[side].state, peer.incoming.state, peer.phase], ["openSent", "idle", "running"]);
  assert.equal(drive(peer, [open(side, offer(V4)), keepalive(side)], 6100).peer[side].state, "established");
});

test("a newcomer that dies leaves the session alone, and one after it is taken in its place", () => {
  const { side, connected } = newcomer(established(V4, V4, "incoming"), 5000);
  const gone = drive(connected.peer, [{ kind: "failed", side, reason: "x", replaced: true }], 6000);
  assert.deepEqual([gone.peer[side].state, gone.peer.incoming.state], ["idle", "established"]);
  assert.equal(placeForIncoming(gone.peer), side);
});

test("a newcomer whose OPEN is delayed says it in time, also in the place of the outgoing connection", () => {
  const before = drive(createPeer({ ...settings(V4), passive: true, delayOpenMs: 2000 }), [
    START,
    up("incoming"),
    { kind: "timer", timer: { name: "delayOpen", side: "incoming" } },
    open("incoming", offer(V4)),
    keepalive("incoming"),
  ]).peer;
  const { side, connected } = newcomer(before, 5000);
  assert.deepEqual(inShort(connected.actions), ["delayOpen=2000"]);
  const { actions, peer } = drive(connected.peer, [{ kind: "timer", timer: { name: "delayOpen", side } }], 7000);
  assert.equal(inShort(actions)[0], "OPEN");
  assert.equal(peer[side].state, "openSent");
});

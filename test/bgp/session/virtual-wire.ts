/**
 * Two peers' state machines joined by simulated TCP: every message of a connection takes a random time, none
 * overtakes another, and connections can be reset or go silent. Time is a number; nothing waits.
 */
import assert from "node:assert/strict";
import { placeForIncoming } from "../../../src/bgp/session/collision.ts";
import { openFor } from "../../../src/bgp/session/negotiate.ts";
import { createPeer, type Peer } from "../../../src/bgp/session/peer.ts";
import { step } from "../../../src/bgp/session/step.ts";
import type {
  SessionAction,
  SessionEvent,
  SessionSettings,
  Side,
  TimerKey,
  TimerName,
} from "../../../src/bgp/session/types.ts";

export type End = "a" | "b";

interface Wire {
  readonly opener: End;
  /** The place that the end which accepted it gave it. */
  accepted: Side;
  /** Nothing passes any more, and nobody is told. */
  silent: boolean;
  /** When the last thing sent towards each end arrives; later ones do not overtake it. */
  readonly arrival: Record<End, number>;
}

interface Node {
  peer: Peer;
  readonly wires: Record<Side, Wire | undefined>;
  readonly timers: Map<string, () => void>;
  /** When TCP last took something from us; the send hold timer counts from there. */
  acceptedMs: number;
}

export interface Network {
  readonly nowMs: () => number;
  readonly node: (end: End) => Readonly<Node>;
  readonly inject: (end: End, event: SessionEvent) => void;
  /** Events of a connection, as if the codec had found them; ignored when there is none. */
  readonly injectOn: (end: End, side: Side, event: SessionEvent) => void;
  readonly reset: (end: End, side: Side) => void;
  readonly silence: (end: End, side: Side) => void;
  /** One end's machine vanishes, and starts again knowing nothing; nobody is told. */
  readonly vanish: (end: End) => void;
  /** Lets one of the running timers end before its time. */
  readonly expire: (end: End, pick: number) => void;
  readonly at: (ms: number, run: () => void) => void;
  readonly runUntil: (ms: number) => void;
  readonly steps: () => number;
}

/** A small seeded generator (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const STEPS_AT_MOST = 200_000;

export function createNetwork(
  settings: Readonly<Record<End, SessionSettings>>,
  seed: number,
  longestDelayMs: number,
): Network {
  const random = seeded(seed);
  const queue: { atMs: number; run: () => void }[] = [];
  const nodes: Record<End, Node> = { a: createNode(settings.a), b: createNode(settings.b) };
  let nowMs = 0;
  let steps = 0;

  function createNode(own: SessionSettings): Node {
    return {
      peer: createPeer(own),
      wires: { outgoing: undefined, incoming: undefined },
      timers: new Map(),
      acceptedMs: 0,
    };
  }

  function at(ms: number, run: () => void): () => void {
    const entry = { atMs: ms, run };
    const place = queue.findLastIndex((other) => other.atMs <= ms) + 1;
    queue.splice(place, 0, entry);
    return () => {
      const index = queue.indexOf(entry);
      if (index >= 0) queue.splice(index, 1);
    };
  }

  const far = (end: End): End => (end === "a" ? "b" : "a");
  const sideAt = (wire: Wire, end: End): Side => (wire.opener === end ? "outgoing" : wire.accepted);

  /** Calls `run` at the end of the wire, after everything sent there before. */
  function carry(wire: Wire, to: End, run: () => void): void {
    const atMs = Math.max(wire.arrival[to], nowMs + 1 + Math.floor(random() * longestDelayMs));
    wire.arrival[to] = atMs;
    at(atMs, () => {
      if (!wire.silent) run();
    });
  }

  function deliver(wire: Wire, to: End, make: (side: Side) => SessionEvent): void {
    carry(wire, to, () => {
      const side = sideAt(wire, to);
      if (nodes[to].wires[side] === wire) handle(to, make(side));
    });
  }

  function hangUp(wire: Wire, to: End): void {
    carry(wire, to, () => lose(wire, to));
  }

  function lose(wire: Wire, end: End): void {
    const side = sideAt(wire, end);
    if (nodes[end].wires[side] !== wire) return;
    nodes[end].wires[side] = undefined;
    handle(end, { kind: "failed", side, reason: "reset" });
  }

  function connect(from: End): void {
    const wire: Wire = { opener: from, accepted: "incoming", silent: false, arrival: { a: 0, b: 0 } };
    nodes[from].wires.outgoing = wire;
    carry(wire, far(from), () => {
      deliver(wire, from, (side) => ({ kind: "connected", side })); // The kernel completes the handshake by itself.
      const node = nodes[far(from)];
      const place = placeForIncoming(node.peer);
      if (!place) return hangUp(wire, from);
      wire.accepted = place;
      const former = node.wires[place];
      node.wires[place] = undefined;
      if (former) {
        hangUp(former, from);
        handle(far(from), { kind: "failed", side: place, reason: "another one", replaced: true });
      }
      node.wires[place] = wire;
      handle(far(from), { kind: "connected", side: place, newcomer: place === "outgoing" });
    });
  }

  function perform(end: End, action: SessionAction): void {
    const node = nodes[end];
    switch (action.kind) {
      case "connect":
        connect(end);
        break;
      case "sendOpen": {
        const message = openFor(node.peer.settings, node.peer.fallback);
        send(end, action.side, (side) => ({ kind: "open", side, open: message }));
        break;
      }
      case "sendKeepalive":
        send(end, action.side, (side) => ({ kind: "keepalive", side }));
        break;
      case "sendNotification":
        send(end, action.side, (side) => ({ kind: "notification", side, notification: action.notification }));
        break;
      case "close": {
        const wire = node.wires[action.side];
        assert.ok(wire, `${end} closes ${action.side}, which is not open`);
        node.wires[action.side] = undefined;
        hangUp(wire, far(end));
        break;
      }
      case "arm":
        arm(end, action.timer, action.afterMs);
        break;
      case "disarm":
        node.timers.get(nameOf(action.timer))?.();
        node.timers.delete(nameOf(action.timer));
        break;
      case "established":
      case "down":
      case "attemptFailed":
      case "state":
        break;
    }
  }

  function send(end: End, side: Side, make: (side: Side) => SessionEvent): void {
    const wire = nodes[end].wires[side];
    assert.ok(wire, `${end} sends on ${side}, which is not open`);
    if (!wire.silent) nodes[end].acceptedMs = nowMs;
    deliver(wire, far(end), make);
  }

  const nameOf = (timer: TimerKey) => `${timer.name} ${timer.side ?? ""}`;

  function arm(end: End, timer: TimerKey, afterMs: number): void {
    const { timers } = nodes[end];
    timers.get(nameOf(timer))?.();
    const cancel = at(nowMs + afterMs, () => {
      timers.delete(nameOf(timer));
      const leftMs = timer.name === "sendHold" ? nodes[end].acceptedMs + afterMs - nowMs : 0;
      if (leftMs > 0) arm(end, timer, leftMs);
      else handle(end, { kind: "timer", timer });
    });
    timers.set(nameOf(timer), cancel);
  }

  function handle(end: End, event: SessionEvent): void {
    steps++;
    assert.ok(steps < STEPS_AT_MOST, "the peers never come to rest");
    const [peer, actions] = step(nodes[end].peer, event, { nowMs, random });
    nodes[end].peer = peer;
    for (const action of actions) perform(end, action);
    checkInvariants(end, nodes[end]);
  }

  return {
    nowMs: () => nowMs,
    steps: () => steps,
    node: (end) => nodes[end],
    inject: handle,
    injectOn: (end, side, event) => {
      if (nodes[end].wires[side] !== undefined) handle(end, event);
    },
    reset: (end, side) => {
      const wire = nodes[end].wires[side];
      if (!wire) return;
      hangUp(wire, far(end));
      lose(wire, end);
    },
    silence: (end, side) => {
      const wire = nodes[end].wires[side];
      if (wire) wire.silent = true;
    },
    vanish: (end) => {
      const node = nodes[end];
      for (const wire of Object.values(node.wires)) if (wire) wire.silent = true;
      for (const cancel of node.timers.values()) cancel();
      nodes[end] = createNode(settings[end]);
      handle(end, { kind: "start", manual: true });
    },
    expire: (end, pick) => {
      const { timers } = nodes[end];
      const name = [...timers.keys()][pick % Math.max(1, timers.size)];
      if (name === undefined) return;
      timers.get(name)?.();
      timers.delete(name);
      const [kind, side] = name.split(" ") as [TimerName, Side | ""];
      handle(end, { kind: "timer", timer: side === "" ? { name: kind } : { name: kind, side } });
    },
    at,
    runUntil: (ms) => {
      for (let next = queue[0]; next && next.atMs <= ms; next = queue[0]) {
        queue.shift();
        nowMs = next.atMs;
        next.run();
      }
      nowMs = ms;
    },
  };
}

/** What holds after every single step. */
function checkInvariants(end: End, { peer, wires, timers }: Node): void {
  const states = [peer.outgoing.state, peer.incoming.state];
  const running = [...timers.keys()].map((name) => name.trim());
  assert.ok(states.filter((state) => state === "established").length < 2, `${end}: two connections in Established`);
  assert.ok(states.filter((state) => state === "openConfirm").length < 2, `${end}: two connections in OpenConfirm`);
  assert.equal(peer.establishedAtMs !== undefined, states.includes("established"));
  if (peer.phase === "stopped") assert.deepEqual(running, [], `${end}: timers of a stopped peer`);
  if (peer.phase === "idleHold") assert.deepEqual(running, ["idleHold"], `${end}: timers in an idle hold`);
  if (peer.phase !== "running") {
    assert.deepEqual(states, ["idle", "idle"], `${end}: connections of a peer in Idle`);
    assert.deepEqual(Object.values(wires), [undefined, undefined], `${end}: TCP left open in Idle`);
    return;
  }
  assert.ok(
    states.some((state) => state !== "idle"),
    `${end}: running, but neither connected nor about to be`,
  );
  if (states[0] === "active" && !peer.outgoing.delaying && !peer.settings.passive)
    assert.ok(running.includes("connectRetry"), `${end}: Active without ConnectRetryTimer`);
  for (const side of ["outgoing", "incoming"] as const)
    if (["openSent", "openConfirm"].includes(peer[side].state))
      assert.ok(running.includes(`hold ${side}`), `${end}: ${side} in ${peer[side].state} without HoldTimer`);
}

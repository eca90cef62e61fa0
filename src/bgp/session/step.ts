import { active } from "./active.ts";
import { ceaseFor, stopped } from "./causes.ts";
import { connect } from "./connect.ts";
import { established } from "./established.ts";
import type { ConnectionEvent } from "./faults.ts";
import { idle } from "./idle.ts";
import { openConfirm } from "./open-confirm.ts";
import { openSent } from "./open-sent.ts";
import { leadingSide, type Peer, stateOf } from "./peer.ts";
import { begin, countFailure, enterIdleHold, recordEnd, releaseAll } from "./transitions.ts";
import { disarm, type StepEnvironment, type Turn, update } from "./turn.ts";
import type { SessionAction, SessionEvent, Side, StopCause, TimerKey } from "./types.ts";
import { unreachable } from "./unreachable.ts";

/*
 * Where this differs from the text of RFC 4271 §8.2.2, which knows one connection per state machine:
 *
 * - Each of the peer's two connections has a state of its own (§6.8). An incoming one leaves our attempt alone until
 *   its OPEN is accepted, so a half-open connection cannot keep us from trying. While one is alive, the other ends alone.
 * - Connect + event 18 goes to Active and a retry, not to Idle (connect.ts).
 * - OpenConfirm + event 19 on the same connection is an FSM error (open-confirm.ts).
 * - Established + 18, 24, 25 is damped, unless the session had been calm; then it starts again at once (established.ts).
 * - With a hold time of 0 HoldTimer still bounds OpenConfirm (accept-open.ts).
 * - Nothing is sent before OPEN, but for the fault found while DelayOpenTimer runs, and 6/5 of a stopped peer (idle.ts).
 */

/**
 * One event of one peer (RFC 4271 §8): the peer after it, and what is to be done, in this order. Neither a clock nor
 * a socket is in reach: same input, same output. `state`, if the peer's state changed, is the last action.
 */
export function step(
  peer: Peer,
  event: SessionEvent,
  env: StepEnvironment,
): readonly [peer: Peer, actions: readonly SessionAction[]] {
  const turn: Turn = { peer, actions: [], env };
  handle(turn, event);
  const [from, to] = [stateOf(peer), stateOf(turn.peer)];
  if (from !== to) turn.actions.push({ kind: "state", from, to });
  return [turn.peer, turn.actions];
}

function handle(turn: Turn, event: SessionEvent): Turn {
  switch (event.kind) {
    case "start":
      return start(turn, event.manual);
    case "stop":
      return event.manual ? stopManually(turn, event.cause) : stopAutomatically(turn, event.cause);
    case "timer":
      return timer(turn, event.timer, event);
    case "connected":
    case "failed":
    case "open":
    case "keepalive":
    case "update":
    case "refresh":
    case "notification":
    case "fault":
      return inState(turn, event.side, event);
    default:
      return unreachable(event);
  }
}

function inState(turn: Turn, side: Side, event: ConnectionEvent): Turn {
  const { state } = turn.peer[side];
  switch (state) {
    case "idle":
      return idle(turn, side, event);
    case "connect":
      return connect(turn, side, event);
    case "active":
      return active(turn, side, event);
    case "openSent":
      return openSent(turn, side, event);
    case "openConfirm":
      return openConfirm(turn, side, event);
    case "established":
      return established(turn, side, event);
    default:
      return unreachable(state);
  }
}

/** IdleHoldTimer ends a hold (event 13, then 6 or 7); ConnectRetryTimer is the outgoing connection's. */
function timer(turn: Turn, key: TimerKey, event: ConnectionEvent): Turn {
  if (key.name !== "idleHold") return inState(turn, key.side ?? "outgoing", event);
  if (turn.peer.phase === "idleHold") return begin(turn, 0);
  return inState(turn, leadingSide(turn.peer), event);
}

/** Events 1 and 3, or 4 and 5. Damping yields to the operator's start, not to an automatic one (events 6 and 7). */
function start(turn: Turn, manual: boolean): Turn {
  const { phase, settings } = turn.peer;
  if (phase === "running" || (phase === "idleHold" && !manual)) return turn;
  if (phase === "idleHold") disarm(turn, "idleHold");
  update(turn, { connectRetryCounter: 0, fallback: false });
  return begin(turn, settings.connectDelayMs);
}

/** Event 2: from any state to Idle, to stay. What was learnt about the peer's stability is forgotten. */
function stopManually(turn: Turn, cause: StopCause): Turn {
  const { phase, settings } = turn.peer;
  if (phase === "stopped") return turn;
  if (phase === "idleHold") disarm(turn, "idleHold");
  dropAll(turn, cause);
  return update(turn, {
    phase: "stopped",
    connectRetryCounter: 0,
    nextIdleHoldMs: settings.idleHold.minMs,
    fallback: false,
  });
}

/** Event 8: the peer comes back by itself after the idle hold. */
function stopAutomatically(turn: Turn, cause: StopCause): Turn {
  if (turn.peer.phase !== "running") return turn;
  dropAll(turn, cause);
  countFailure(turn);
  return enterIdleHold(turn, true, cause.retryMs);
}

function dropAll(turn: Turn, cause: StopCause): Turn {
  const lead = leadingSide(turn.peer);
  const { phase, [lead]: before } = turn.peer;
  releaseAll(turn, ceaseFor(cause));
  if (phase === "running") recordEnd(turn, lead, before, stopped(cause));
  return turn;
}

import type { Connection, Peer } from "./peer.ts";
import type { SessionAction, Side, TimerName } from "./types.ts";

/** What a step is given besides the peer and the event. */
export interface StepEnvironment {
  /** Monotonic milliseconds. */
  readonly nowMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** One step in progress: `peer` is replaced, never changed, and `actions` grows. It does not outlive the step. */
export interface Turn {
  peer: Peer;
  readonly actions: SessionAction[];
  readonly env: StepEnvironment;
}

export function update(turn: Turn, change: Partial<Peer>): Turn {
  turn.peer = { ...turn.peer, ...change };
  return turn;
}

export function updateConnection(turn: Turn, side: Side, change: Partial<Connection>): Turn {
  return update(turn, { [side]: { ...turn.peer[side], ...change } });
}

export function emit(turn: Turn, action: SessionAction): Turn {
  turn.actions.push(action);
  return turn;
}

/** Starts a timer, or starts it anew. Without a side it is the peer's. */
export function arm(turn: Turn, name: TimerName, afterMs: number, side?: Side): Turn {
  return emit(turn, { kind: "arm", timer: side === undefined ? { name } : { name, side }, afterMs });
}

/** Stops a timer; nothing happens when it does not run. */
export function disarm(turn: Turn, name: TimerName, side?: Side): Turn {
  return emit(turn, { kind: "disarm", timer: side === undefined ? { name } : { name, side } });
}

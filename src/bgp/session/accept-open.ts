import type { OpenMessage } from "../open.ts";
import { sent } from "./causes.ts";
import { survivesCollision } from "./collision.ts";
import { judgeOpen } from "./negotiate.ts";
import { jitter, LARGE_HOLD_MS } from "./timing.ts";
import { endConnection } from "./transitions.ts";
import { arm, disarm, emit, type Turn, updateConnection } from "./turn.ts";
import type { Side } from "./types.ts";

/**
 * Events 19 and 20, and 22 when the OPEN is not acceptable: judge it, settle a collision, answer, enter OpenConfirm.
 * With a hold time of 0 the large value still bounds OpenConfirm, or a silent peer would hold it for ever.
 */
export function acceptOpen(turn: Turn, side: Side, open: OpenMessage): Turn {
  const { settings, fallback } = turn.peer;
  const { delaying, bare } = turn.peer[side];
  const verdict = judgeOpen(settings, open, delaying ? fallback : bare);
  if (!verdict.accepted) {
    const { notification, why } = verdict;
    return endConnection(turn, side, { reason: sent(notification, why), notification, counts: true, next: "damped" });
  }
  const { negotiated } = verdict;
  if (!survivesCollision(turn, side, negotiated)) return turn;
  if (delaying) {
    disarm(turn, "delayOpen", side);
    emit(turn, { kind: "sendOpen", side });
    updateConnection(turn, side, { bare: fallback });
  }
  emit(turn, { kind: "sendKeepalive", side });
  arm(turn, "hold", negotiated.holdMs || LARGE_HOLD_MS, side);
  if (negotiated.keepaliveMs > 0) arm(turn, "keepalive", jitter(negotiated.keepaliveMs, turn.env.random), side);
  return updateConnection(turn, side, { state: "openConfirm", delaying: false, negotiated });
}

import { CEASE, cease } from "./causes.ts";
import type { ConnectionEvent } from "./faults.ts";
import { connectionUp } from "./transitions.ts";
import { emit, type Turn } from "./turn.ts";
import type { Side } from "./types.ts";

/**
 * RFC 4271 §8.2.2, Idle: of the peer, or of a connection that does not exist. Only TCP coming up matters. It is
 * accepted from a peer that runs, in either place (`placeForIncoming`). A stopped peer is told (6/5); one that is held down by damping is just closed,
 * for a NOTIFICATION would damp the other end as well.
 */
export function idle(turn: Turn, side: Side, event: ConnectionEvent): Turn {
  if (event.kind !== "connected") return turn;
  const { phase } = turn.peer;
  if ((side === "incoming" || event.newcomer) && phase === "running") return connectionUp(turn, side);
  const told = side === "incoming" && phase === "stopped";
  if (told) emit(turn, { kind: "sendNotification", side, notification: cease(CEASE.connectionRejected) });
  return emit(turn, { kind: "close", side, flush: told });
}

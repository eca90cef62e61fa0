/** Two TCP connections with one peer, opened from either end (RFC 4271 §6.8, RFC 6286 §2.3). */
import { CEASE, cease } from "./causes.ts";
import { otherSide, type Peer } from "./peer.ts";
import { endConnection, release } from "./transitions.ts";
import type { Turn } from "./turn.ts";
import type { DownReason, Negotiated, SessionSettings, Side } from "./types.ts";
import { unreachable } from "./unreachable.ts";

/**
 * Whether a TCP connection from the peer may be handed to `step` as `connected`/`incoming`. A peer has one place for
 * it: while that is taken, a further connection is closed by whoever accepted it, and the state machine never sees it.
 */
export function hasRoomForIncoming(peer: Peer): boolean {
  return peer.incoming.state === "idle";
}

/** The connection to keep when both have an OPEN: the one opened by the higher identifier, then the higher AS. */
export function dominantSide(settings: SessionSettings, remote: Pick<Negotiated, "remoteId" | "remoteAs">): Side {
  if (settings.localId !== remote.remoteId) return settings.localId > remote.remoteId ? "outgoing" : "incoming";
  return settings.localAs > remote.remoteAs ? "outgoing" : "incoming";
}

/**
 * Which connection survives when a second one brings an acceptable OPEN while the first is Established. The newcomer
 * loses (RFC 4271 §6.8 without CollisionDetectEstablishedState). A peer that restarted gracefully will be decided
 * here too (RFC 4724 §5).
 */
function survivorBesideEstablished(established: Side): Side {
  return established;
}

/**
 * Settles a collision when an OPEN on `side` has been accepted, before it enters OpenConfirm. The loser is closed.
 * Says whether `side` goes on.
 */
export function survivesCollision(turn: Turn, side: Side, negotiated: Negotiated): boolean {
  const rival = otherSide(side);
  const { state } = turn.peer[rival];
  switch (state) {
    case "idle":
    case "openSent": // Decided when its OPEN arrives too.
      return true;
    case "connect":
    case "active":
      release(turn, rival, undefined, false); // The attempt is needless now.
      return true;
    case "openConfirm":
      return keepOnly(turn, dominantSide(turn.peer.settings, negotiated), side);
    case "established":
      return keepOnly(turn, survivorBesideEstablished(rival), side);
    default:
      return unreachable(state);
  }
}

function keepOnly(turn: Turn, survivor: Side, side: Side): boolean {
  endConnection(turn, otherSide(survivor), {
    reason: COLLISION,
    notification: cease(CEASE.collisionResolution),
    counts: false,
    next: "idle", // Not reached: the survivor is alive.
    sparesOther: true,
  });
  return survivor === side;
}

const COLLISION: DownReason = {
  code: "collision",
  text: "closed in favour of the peer's other connection",
  notification: cease(CEASE.collisionResolution),
};

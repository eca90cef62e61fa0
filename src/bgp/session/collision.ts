/** Two TCP connections with one peer, opened from either end (RFC 4271 §6.8, RFC 6286 §2.3). */
import { CEASE, cease } from "./causes.ts";
import { otherSide, type Peer } from "./peer.ts";
import { mayHaveRestarted } from "./restart.ts";
import { endConnection, release } from "./transitions.ts";
import type { Turn } from "./turn.ts";
import type { DownReason, Negotiated, SessionSettings, Side } from "./types.ts";
import { unreachable } from "./unreachable.ts";

/**
 * The place in which a TCP connection from the peer is handed to `step`; undefined: whoever accepted it closes it, and
 * the state machine never sees it. A peer opens one connection at a time, so a further one says that it has given up the
 * one before, which is `failed` first when it still has that place. An Established one is not given up so easily:
 * a newcomer beside it has to say an acceptable OPEN, in the place that is free then.
 */
export function placeForIncoming({ incoming }: Peer): Side | undefined {
  if (incoming.state !== "established") return "incoming";
  return mayHaveRestarted(incoming) ? "outgoing" : undefined;
}

/** The connection to keep when both have an OPEN: the one opened by the higher identifier, then the higher AS. */
export function dominantSide(settings: SessionSettings, remote: Pick<Negotiated, "remoteId" | "remoteAs">): Side {
  if (settings.localId !== remote.remoteId) return settings.localId > remote.remoteId ? "outgoing" : "incoming";
  return settings.localAs > remote.remoteAs ? "outgoing" : "incoming";
}

/** A connection that came up so soon after the session may have been opened at the same time as the session's own. */
const SIMULTANEOUS_MS = 1000;

/**
 * Which connection survives when a second one brings an acceptable OPEN while the first is Established. The newcomer
 * loses (RFC 4271 §6.8 without CollisionDetectEstablishedState), unless the peer restarts gracefully: then it has, and
 * the first is closed without a word (RFC 4724 §5).
 */
function survivorBesideEstablished({ peer }: Turn, established: Side): Side {
  const newcomer = otherSide(established);
  const isLater = peer[newcomer].upAtMs - (peer.establishedAtMs ?? 0) >= SIMULTANEOUS_MS;
  return mayHaveRestarted(peer[established]) && isLater ? newcomer : established;
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
      if (survivorBesideEstablished(turn, rival) === rival) return keepOnly(turn, rival, side);
      endConnection(turn, rival, { reason: RESTARTED, counts: false, next: "idle", sparesOther: true });
      return true;
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

const RESTARTED: DownReason = { code: "peerRestarted", text: "the peer connected anew: it has restarted" };

const COLLISION: DownReason = {
  code: "collision",
  text: "closed in favour of the peer's other connection",
  notification: cease(CEASE.collisionResolution),
};

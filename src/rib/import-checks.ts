import { READS } from "../policy/types.ts";
import type { ImportSession } from "./import.ts";
import type { NextHopTable } from "./next-hops.ts";
import { holdsCluster, occurrencesOfAs } from "./session-checks.ts";
import { type AttributeSets, REJECT, type RejectCode, type SetHandle } from "./types.ts";

/** What no policy can allow; 0 when there is nothing against the set. */
export function checkImport(
  sets: AttributeSets,
  nextHops: NextHopTable,
  session: ImportSession,
  set: SetHandle,
): RejectCode | 0 {
  const octets = sets.arena();
  const from = sets.offset(set);
  const to = from + sets.octets(set);
  const { routerAs, localAs, allowedOwnAs } = session;
  if (occurrencesOfAs(octets, from, to, routerAs, allowedOwnAs) > allowedOwnAs) return REJECT.asLoop;
  if (localAs !== routerAs && occurrencesOfAs(octets, from, to, localAs, allowedOwnAs) > allowedOwnAs)
    return REJECT.asLoop;
  if (!session.external) {
    const originator = sets.originatorId(set);
    if (originator !== 0 && originator === session.routerId) return REJECT.originatorLoop;
    if (session.clusterId !== 0 && holdsCluster(octets, from, to, session.clusterId)) return REJECT.clusterLoop;
  }
  if (session.firstAs !== 0 && sets.neighborAs(set) !== session.firstAs) return REJECT.firstAs;
  const nextHop = sets.nextHop(set);
  if (nextHops.isMartian(nextHop)) return REJECT.martianNextHop;
  if (nextHops.isOwn(nextHop)) return REJECT.ownNextHop;
  return session.policy === undefined && session.external ? REJECT.noPolicy : 0;
}

/**
 * Equal for sessions with policies of the same content whose results are equal for every set. The content itself is no
 * part of it: that of a long prefix list takes longer to write than all else together.
 */
export function importKey(session: ImportSession): string {
  const { policy } = session;
  const reads = policy?.reads ?? 0;
  return JSON.stringify([
    session.external,
    (reads & (READS.peerType | READS.fromPeerType)) !== 0 ? session.client : null,
    session.routerAs,
    session.localAs,
    session.prependAs,
    session.allowedOwnAs,
    session.routerId,
    session.clusterId,
    session.firstAs,
    session.gracefulShutdown,
    (reads & READS.peer) !== 0 ? session.peerName : null,
    (reads & READS.family) !== 0 ? session.family : null,
  ]);
}

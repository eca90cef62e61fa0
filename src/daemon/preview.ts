/**
 * What a configuration would do to a running daemon: which sessions it resets and why, and which routes move. It is
 * tried on a copy of the daemon (replica.ts), by the daemon's own code.
 */
import { stateOf } from "../bgp/session/peer.ts";
import { type ConfigChange, diffConfig } from "../config/diff.ts";
import type { Config } from "../config/model.ts";
import type { PreviewAnswer, SessionPreview } from "../control/preview-answer.ts";
import type { RunningPage, RunningState } from "../control/running-state.ts";
import { compareSnapshots } from "./preview-compare.ts";
import { takeSnapshot } from "./preview-snapshot.ts";
import { createReplica, type Replica } from "./replica.ts";

/** Keys after whose change a live session is asked for its routes again. */
const ASKS_AGAIN: readonly string[] = ["allowAsSets", "maxPrefixesIn"];

export interface Preview {
  /** Takes the daemon's tables, page by page. */
  take(page: RunningPage): void;
  /** All of them have been taken. `limit`: rows told of each list. */
  finish(limit: number): PreviewAnswer;
}

/** `running` is the daemon's configuration as `state` has it, `next` the one asked about; both with password digests. */
export function startPreview(state: RunningState, running: Config, next: Config): Preview {
  const change = diffConfig(running, next);
  const asked = change.peersChanged.filter(({ keys, reset }) => reset || keys.some((key) => ASKS_AGAIN.includes(key)));
  const again = new Set(asked.map(({ name }) => name));
  // Dynamic neighbours have no entry of their own that would tell.
  const disabled = new Set(running.peers.flatMap((peer) => (peer.disabled ? peer.name : [])));
  const configured = new Set(running.peers.map(({ name }) => name));
  const replica = createReplica(state, running, (peer) => again.has(peer) || !configured.has(peer));
  return {
    take: replica.take,
    finish(limit) {
      replica.complete();
      const { skipped } = replica;
      const before = takeSnapshot(replica);
      replica.apply(next);
      const now = takeSnapshot(replica);
      const lost = [...before.heard.keys()].filter((name) => !now.heard.has(name));
      const later = replica.bringBack() > 0 ? takeSnapshot(replica) : undefined;
      return {
        empty: change.empty,
        changes: changesOf(change),
        sessions: sessionsOf(replica, change, disabled, new Set(before.heard.keys()), lost),
        now: compareSnapshots(replica, before, now, limit),
        later: later ? compareSnapshots(replica, before, later, limit) : null,
        recovering: state.recovering,
        skipped,
      };
    },
  };
}

function changesOf(change: ConfigChange): string[] {
  const listed = (what: string, ...lists: (readonly string[])[]) => lists.flat().map((name) => `${what}${name}`);
  return [
    ...listed("router.", change.router),
    ...listed("kernel.", change.kernel),
    ...listed("direct.", change.direct),
    ...listed("log.", change.log),
    ...listed("limits.", change.limits),
    ...listed("policy ", change.policiesChanged, change.policiesAdded, change.policiesRemoved),
    ...listed("static ", change.staticChanged, change.staticAdded, change.staticRemoved),
    ...listed("dynamic neighbours ", change.dynamicChanged, change.dynamicAdded, change.dynamicRemoved),
  ];
}

function sessionsOf(
  replica: Replica,
  change: ConfigChange,
  disabled: ReadonlySet<string>,
  established: ReadonlySet<string>,
  lost: readonly string[],
): SessionPreview[] {
  const { peers } = replica.router.core;
  const plain = (peer: string, effect: SessionPreview["effect"]): SessionPreview => ({
    peer,
    effect,
    keys: [],
    because: [],
    established: established.has(peer),
    returns: null,
    reason: null,
  });
  const named = new Set([...change.peersAdded, ...change.peersRemoved, ...change.peersChanged.map(({ name }) => name)]);
  const listed = [
    ...change.peersRemoved.map((peer) => plain(peer, "stops")),
    ...change.peersAdded.map((peer) => plain(peer, "starts")),
    ...change.peersChanged.map(({ name, keys, reset, resetKeys }): SessionPreview => {
      const peer = peers.get(name);
      const stops = peer?.config.disabled === true;
      // A limit of prefixes may end a session that its change does not reset.
      const ends = established.has(name) && (reset || lost.includes(name));
      const effect = stops ? "stops" : disabled.has(name) ? "starts" : "resets";
      return {
        ...plain(name, reset || ends ? effect : "goesOn"),
        keys,
        because: resetKeys,
        returns: ends && !stops ? peer?.active !== undefined : null,
        reason: ends && !stops ? whyDown(peer) : null,
      };
    }),
    // Neighbours whose entry changed, and what follows from it by itself.
    ...lost
      .filter((name) => !named.has(name))
      .map((peer) => ({
        ...plain(peer, peers.get(peer)?.active ? ("resets" as const) : ("stops" as const)),
        returns: peers.get(peer)?.active ? true : null,
      })),
  ];
  return listed;
}

/** Why a session that was reset did not come up again. */
function whyDown(peer: ReturnType<Replica["router"]["core"]["peers"]["get"]>): string | null {
  if (!peer || peer.active) return null;
  return peer.session.lastFailure?.reason.text ?? `its session is ${stateOf(peer.session)}`;
}

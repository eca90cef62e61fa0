import { reserveWords } from "../ip/reserve.ts";
import type { PeerTable } from "./peers.ts";
import { type PeerId, REJECT, type RejectCode, type SetHandle } from "./types.ts";

/** The words of a peer. */
const STRIDE = 12;
const RECEIVED = 0;
const ACCEPTED = 1;
/** Paths of the session whose epoch stands in the word behind, and of no earlier one. */
const FRESH = 2;
const SESSION = 3;
/** Prefixes whose best path is the peer's. */
const PREFERRED = 4;
/** What has come, as counters that go round. */
const UPDATES = 5;
const REJECTED = 6;
const FILTERED = 7;
const UNCHANGED = 8;
const WITHDRAWS = 9;
const UNKNOWN = 10;

/** Routes that a peer has announced and withdrawn since its id is in use; each goes round at 2^32. */
export interface RouteTraffic {
  readonly updates: number;
  /** Loops, martians, and what found no room. */
  readonly rejected: number;
  /** By the policy, or for want of one. */
  readonly filtered: number;
  readonly unchanged: number;
  readonly withdraws: number;
  /** Of paths that were not there. */
  readonly unknown: number;
}

/** How many paths of a family each peer has. What import made of a path is a set, or a REJECT code. */
export class PathCounts {
  private readonly words: Int32Array;
  private readonly peers: PeerTable;

  constructor(peers: PeerTable) {
    this.words = reserveWords(STRIDE * peers.bound);
    this.peers = peers;
  }

  received(peer: PeerId): number {
    return this.words[STRIDE * peer + RECEIVED]!;
  }

  accepted(peer: PeerId): number {
    return this.words[STRIDE * peer + ACCEPTED]!;
  }

  /** Of those received, the ones announced in the peer's present session; what only came back to us does not count. */
  fresh(peer: PeerId): number {
    const at = STRIDE * peer;
    return this.words[at + SESSION] === this.peers.sessionEpoch(peer) ? this.words[at + FRESH]! : 0;
  }

  preferred(peer: PeerId): number {
    return this.words[STRIDE * peer + PREFERRED]!;
  }

  traffic(peer: PeerId): RouteTraffic {
    const at = STRIDE * peer;
    const of = (word: number) => this.words[at + word]! >>> 0;
    return {
      updates: of(UPDATES),
      rejected: of(REJECTED),
      filtered: of(FILTERED),
      unchanged: of(UNCHANGED),
      withdraws: of(WITHDRAWS),
      unknown: of(UNKNOWN),
    };
  }

  /** An announcement has come, and what import made of it. */
  announced(peer: PeerId, result: SetHandle | RejectCode): void {
    const at = STRIDE * peer;
    this.words[at + UPDATES]!++;
    if (result <= 0) this.words[at + (result === REJECT.policy || result === REJECT.noPolicy ? FILTERED : REJECTED)]!++;
  }

  /** The last announcement found no room. */
  refused(peer: PeerId, result: SetHandle | RejectCode): void {
    if (result > 0) this.words[STRIDE * peer + REJECTED]!++;
  }

  /** The last announcement said what was known. */
  unchanged(peer: PeerId, result: SetHandle | RejectCode): void {
    if (result > 0) this.words[STRIDE * peer + UNCHANGED]!++;
  }

  withdrawn(peer: PeerId, isKnown: boolean): void {
    const at = STRIDE * peer;
    this.words[at + WITHDRAWS]!++;
    if (!isKnown) this.words[at + UNKNOWN]!++;
  }

  /** Another path is the best of a prefix; PeerId 0: none was, or is. */
  prefers(before: PeerId, now: PeerId): void {
    this.words[STRIDE * before + PREFERRED]!--;
    this.words[STRIDE * now + PREFERRED]!++;
  }

  /** A path more, of the present session. */
  added(peer: PeerId, result: SetHandle | RejectCode): void {
    this.words[STRIDE * peer + RECEIVED]!++;
    if (!isLoop(result)) this.countFresh(peer);
    if (result > 0) this.words[STRIDE * peer + ACCEPTED]!++;
  }

  removed(peer: PeerId, epoch: number, result: SetHandle | RejectCode): void {
    const at = STRIDE * peer;
    this.words[at + RECEIVED]!--;
    if (!isLoop(result) && this.peers.isOfSession(peer, epoch)) this.words[at + FRESH]!--;
    if (result > 0) this.words[at + ACCEPTED]!--;
  }

  /** A path of that epoch has been announced again in the present session. */
  renewed(peer: PeerId, epoch: number, result: SetHandle | RejectCode): void {
    if (!this.peers.isOfSession(peer, epoch) && !isLoop(result)) this.countFresh(peer);
  }

  /** Import makes something else of a path. */
  replaced(peer: PeerId, epoch: number, old: SetHandle | RejectCode, result: SetHandle | RejectCode): void {
    const at = STRIDE * peer;
    this.words[at + ACCEPTED]! += Number(result > 0) - Number(old > 0);
    if (isLoop(result) === isLoop(old) || !this.peers.isOfSession(peer, epoch)) return;
    if (isLoop(old)) this.countFresh(peer);
    else this.words[at + FRESH]!--;
  }

  private countFresh(peer: PeerId): void {
    const at = STRIDE * peer;
    const session = this.peers.sessionEpoch(peer);
    if (this.words[at + SESSION] !== session) {
      this.words[at + SESSION] = session;
      this.words[at + FRESH] = 0;
    }
    this.words[at + FRESH]!++;
  }
}

/** We stand in its AS_PATH or CLUSTER_LIST, or are its originator. */
function isLoop(result: SetHandle | RejectCode): boolean {
  return result <= REJECT.asLoop && result >= REJECT.clusterLoop;
}

import { compareAddresses, FAMILIES, type Family } from "../ip/address.ts";
import { reserveWords } from "../ip/reserve.ts";
import { FIRST_PEER, LOCAL_PEER, type PeerFacts, type PeerId } from "./types.ts";

const STRIDE = 8;
const FLAGS = 0;
const BGP_ID = 1;
/** Place in the order of addresses: selection compares two numbers instead of two addresses. */
const RANK = 2;
const EPOCH = 3;
/** Paths of an epoch before this one are to be swept; one word for each family, in the order of FAMILIES. */
const OLDEST_KEPT = 4;
/** Paths of this peer, and others who remember its id. */
const HOLDERS = 6;
/** First epoch of the present session, or of the time since the last one. */
const SESSION = 7;

const LIVE = 1;
const EXTERNAL = 2;
const CLIENT = 4;
const RETIRED = 8;

export type NewPeer = Omit<PeerFacts, "id">;

/**
 * What selection and export read of a peer, one row per PeerId. A session that is established anew gets a new epoch:
 * paths carry the epoch in which they were last announced, so those of an earlier session can be told apart.
 */
export class PeerTable {
  private readonly rows: Int32Array;
  private readonly known: (PeerFacts | undefined)[] = [];
  private readonly freeIds: PeerId[] = [];
  /** Ids are below it. */
  readonly bound: number;
  private next = FIRST_PEER;
  /** Peers come by the thousand, so they are put in order when the order is next asked for. */
  private ranked = false;
  /** Live peers, local sources not counted. */
  size = 0;

  constructor(bound: number) {
    this.rows = reserveWords((bound + FIRST_PEER) * STRIDE);
    this.bound = bound + FIRST_PEER;
    for (const source of ["direct", "static", "kernel"] as const)
      this.fill(LOCAL_PEER[source], {
        name: source,
        source,
        external: false,
        client: false,
        bgpId: 0,
        address: undefined,
      });
  }

  /** A new id; 0 when there are as many peers as the bound allows. */
  allocate(peer: NewPeer): PeerId {
    const id = this.freeIds.shift() ?? (this.next < this.bound ? this.next++ : 0);
    if (id === 0) return 0;
    this.fill(id, peer);
    this.ranked = false;
    this.size++;
    return id;
  }

  /**
   * Changes facts of a live peer. The paths it has are not selected again by this: where `bgpId` or `external` changed
   * while stale paths are kept, the caller reselects the peer's prefixes.
   */
  update(id: PeerId, changes: Partial<NewPeer>): void {
    const old = this.live(id);
    const facts = { ...old, ...changes };
    this.known[id] = facts;
    this.rows[id * STRIDE + FLAGS] = flagsOf(facts);
    this.rows[id * STRIDE + BGP_ID] = facts.bgpId;
    if (changes.address !== undefined) this.ranked = false;
  }

  /** The peer is gone: its paths are to be swept, and its id is used again once nobody holds it. */
  free(id: PeerId): void {
    this.live(id);
    this.newEpoch(id, false);
    this.rows[id * STRIDE + FLAGS]! |= RETIRED;
    this.size--;
    if (this.rows[id * STRIDE + HOLDERS] === 0) this.forget(id);
  }

  /** Undefined for an id that was never in use. A freed peer stays known until its id is used again. */
  facts(id: PeerId): PeerFacts | undefined {
    return this.known[id];
  }

  /** Another who remembers the id: a path, an Adj-RIB-Out entry. */
  hold(id: PeerId): void {
    this.rows[id * STRIDE + HOLDERS]!++;
  }

  unhold(id: PeerId): void {
    const at = id * STRIDE;
    if (--this.rows[at + HOLDERS]! === 0 && (this.rows[at + FLAGS]! & RETIRED) !== 0) this.forget(id);
  }

  /**
   * Starts the epoch of a new session: paths of earlier ones are stale. Unless `keepStale` they are to be swept; else
   * those that were kept before still are.
   */
  newEpoch(id: PeerId, keepStale: boolean): number {
    const epoch = (this.rows[id * STRIDE + EPOCH]! + 1) | 0;
    this.rows[id * STRIDE + EPOCH] = epoch;
    this.rows[id * STRIDE + SESSION] = epoch;
    if (!keepStale) for (const family of FAMILIES) this.keepFrom(id, family, epoch);
    return epoch;
  }

  /** An epoch within the session: what is announced from now on can be told from what was before. */
  nextEpoch(id: PeerId): number {
    const epoch = (this.rows[id * STRIDE + EPOCH]! + 1) | 0;
    this.rows[id * STRIDE + EPOCH] = epoch;
    return epoch;
  }

  /** Paths of the family of an epoch before this one are no longer kept: they are to be swept. What was given up stays so. */
  keepFrom(id: PeerId, family: Family, epoch: number): void {
    const at = id * STRIDE + OLDEST_KEPT + FAMILIES.indexOf(family);
    if (((epoch - this.rows[at]!) | 0) > 0) this.rows[at] = epoch;
  }

  epoch(id: PeerId): number {
    return this.rows[id * STRIDE + EPOCH]!;
  }

  /** Paths of epochs before this one were announced in an earlier session. */
  sessionEpoch(id: PeerId): number {
    return this.rows[id * STRIDE + SESSION]!;
  }

  /** A path of this epoch was announced in the present session. */
  isOfSession(id: PeerId, epoch: number): boolean {
    return ((epoch - this.rows[id * STRIDE + SESSION]!) | 0) >= 0;
  }

  /** A path of this epoch is to be removed; `family` is its place in FAMILIES. */
  isSwept(id: PeerId, family: number, epoch: number): boolean {
    return ((epoch - this.rows[id * STRIDE + OLDEST_KEPT + family]!) | 0) < 0;
  }

  external(id: PeerId): boolean {
    return (this.rows[id * STRIDE + FLAGS]! & EXTERNAL) !== 0;
  }

  client(id: PeerId): boolean {
    return (this.rows[id * STRIDE + FLAGS]! & CLIENT) !== 0;
  }

  /** Signed: compare with `>>> 0`. */
  bgpId(id: PeerId): number {
    return this.rows[id * STRIDE + BGP_ID]!;
  }

  /** Lower is the lower address, IPv4 before IPv6, local sources first; peers of one address in the order of their ids. */
  addressRank(id: PeerId): number {
    if (!this.ranked) this.rank();
    return this.rows[id * STRIDE + RANK]!;
  }

  private live(id: PeerId): PeerFacts {
    const facts = this.known[id];
    if (!facts || (this.rows[id * STRIDE + FLAGS]! & RETIRED) !== 0)
      throw new Error(`Cannot use peer ${id}: no such peer`);
    return facts;
  }

  private fill(id: PeerId, peer: NewPeer): void {
    const at = id * STRIDE;
    this.known[id] = { ...peer, id };
    this.rows[at + FLAGS] = flagsOf(peer);
    this.rows[at + BGP_ID] = peer.bgpId;
  }

  /**
   * The id may be used again, those free the longest first. Until then its facts stay readable, for an Adj-RIB-Out may
   * still name it as the source of what it is about to withdraw. Epochs go on counting, so that nothing of the former
   * owner is taken for current.
   */
  private forget(id: PeerId): void {
    if (!this.freeIds.includes(id)) this.freeIds.push(id);
  }

  /** The order among peers that stay is unchanged, so no path needs to be selected again. */
  private rank(): void {
    const ordered = this.known.filter((peer) => peer !== undefined).sort(byAddress);
    for (const [rank, peer] of ordered.entries()) this.rows[peer.id * STRIDE + RANK] = rank;
    this.ranked = true;
  }
}

function flagsOf(peer: NewPeer): number {
  return LIVE | (peer.external ? EXTERNAL : 0) | (peer.client ? CLIENT : 0);
}

function byAddress(a: PeerFacts, b: PeerFacts): number {
  if (a.address === undefined || b.address === undefined)
    return Number(a.address !== undefined) - Number(b.address !== undefined) || a.id - b.id;
  return compareAddresses(a.address, b.address) || a.id - b.id;
}

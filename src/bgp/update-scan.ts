import type { ParsingClass } from "./parsing-class.ts";

/** RFC 7606 §2 from mild to strong. */
export const TREATMENT = { none: 0, discard: 1, withdraw: 2, reset: 3 } as const;
export type Treatment = (typeof TREATMENT)[keyof typeof TREATMENT];

/**
 * Where things stand in one UPDATE, and the columns that selection reads. One object is reused for all messages;
 * offsets are into the chunk that was scanned. Absent parts have `at === end`.
 *
 * Filled by `scanUpdate` (hand loop; RFC 4271 §4.3, RFC 7606), which checks every length before it is used.
 */
export interface UpdateScan {
  // NLRI fields
  withdrawnAt: number;
  withdrawnEnd: number;
  nlriAt: number;
  nlriEnd: number;
  // attributes, whole field
  attributesAt: number;
  attributesEnd: number;
  // MP_REACH_NLRI: AFI/SAFI 0 when absent
  reachAfi: number;
  reachSafi: number;
  reachNextHopAt: number;
  reachNextHopLength: number;
  reachAt: number;
  reachEnd: number;
  // MP_UNREACH_NLRI
  unreachAfi: number;
  unreachSafi: number;
  unreachAt: number;
  unreachEnd: number;
  // outcome
  treatment: Treatment;
  /** NOTIFICATION for `reset`; for milder ones the subcode RFC 4271 would have used, for the log. */
  errorCode: number;
  errorSubcode: number;
  /** Attribute type at fault, or 0. */
  faultType: number;
  faultAt: number;
  faultLength: number;
  // columns
  /**
   * The canonical form equals the raw attribute field, so it can be looked up without being written first. Canonical:
   * attributes in the order received, without MP_REACH and MP_UNREACH but with a NEXT_HOP of 4, 16 or 32 octets standing
   * for the next hop of either family; ASes four octets wide with AS4_PATH merged; discarded attributes and duplicates
   * left out; Partial set on unknown transitive ones.
   */
  clean: boolean;
  origin: number;
  hasMed: boolean;
  med: number;
  hasLocalPref: boolean;
  localPref: number;
  /** SET counts 1, confederation segments 0 (RFC 4271 §9.1.2.2, RFC 5065). After AS4_PATH merging. */
  asPathLength: number;
  /** Left-most AS of the path (after confederation segments), 0 for an empty path. */
  neighborAs: number;
  hasOriginatorId: boolean;
  originatorId: number;
  clusterListLength: number;
  /** Plain NEXT_HOP; length 0 when absent. */
  nextHopAt: number;
  nextHopLength: number;
  // for the writer of the canonical form
  /** Offsets of the headers of the attributes that are kept, in the order received; MP_REACH and MP_UNREACH are not among them. */
  readonly kept: Int32Array;
  keptCount: number;
  /** Values of AS_PATH, AS4_PATH and AS4_AGGREGATOR; the latter two only where they are to be merged (RFC 6793 §4.2.3). */
  asPathAt: number;
  asPathEnd: number;
  as4PathAt: number;
  as4PathEnd: number;
  as4AggregatorAt: number;
  /** Types seen in this message, by stamp. */
  readonly seen: Uint32Array;
  stamp: number;
}

/** An empty scan, to be reused for every message. */
export function createUpdateScan(): UpdateScan {
  return {
    withdrawnAt: 0,
    withdrawnEnd: 0,
    nlriAt: 0,
    nlriEnd: 0,
    attributesAt: 0,
    attributesEnd: 0,
    reachAfi: 0,
    reachSafi: 0,
    reachNextHopAt: 0,
    reachNextHopLength: 0,
    reachAt: 0,
    reachEnd: 0,
    unreachAfi: 0,
    unreachSafi: 0,
    unreachAt: 0,
    unreachEnd: 0,
    treatment: TREATMENT.none,
    errorCode: 0,
    errorSubcode: 0,
    faultType: 0,
    faultAt: 0,
    faultLength: 0,
    clean: true,
    origin: 0,
    hasMed: false,
    med: 0,
    hasLocalPref: false,
    localPref: 0,
    asPathLength: 0,
    neighborAs: 0,
    hasOriginatorId: false,
    originatorId: 0,
    clusterListLength: 0,
    nextHopAt: 0,
    nextHopLength: 0,
    kept: new Int32Array(256),
    keptCount: 0,
    asPathAt: 0,
    asPathEnd: 0,
    as4PathAt: 0,
    as4PathEnd: 0,
    as4AggregatorAt: 0,
    seen: new Uint32Array(256),
    stamp: 0,
  };
}

/** Scans the body of one UPDATE at `[from, to)`, header excluded. Signature of the hand loop in update-scanner.ts. */
export type ScanUpdate = (bytes: Uint8Array, from: number, to: number, session: ParsingClass, out: UpdateScan) => void;

/** Empties the part of a scan that describes attributes. */
export function clearColumns(scan: UpdateScan, from: number): void {
  scan.clean = true;
  scan.origin = 0;
  scan.hasMed = false;
  scan.med = 0;
  scan.hasLocalPref = false;
  scan.localPref = 0;
  scan.asPathLength = 0;
  scan.neighborAs = 0;
  scan.hasOriginatorId = false;
  scan.originatorId = 0;
  scan.clusterListLength = 0;
  scan.nextHopAt = from;
  scan.nextHopLength = 0;
  scan.keptCount = 0;
  scan.asPathAt = from;
  scan.asPathEnd = from;
  scan.as4PathAt = from;
  scan.as4PathEnd = from;
  scan.as4AggregatorAt = 0;
  scan.stamp = (scan.stamp + 1) >>> 0;
  if (scan.stamp === 0) {
    scan.seen.fill(0);
    scan.stamp = 1;
  }
}

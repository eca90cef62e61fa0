/**
 * Malformed UPDATEs of a peer (RFC 7606 §6): counted, and the last one kept with its octets, so that an operator can
 * prove to the peer's vendor what was sent. A broken peer repeats itself, hence the limit on how often that is done.
 */
import { describeFault } from "../bgp/fault-words.ts";
import { attributeName, HEADER_OCTETS } from "../bgp/iana.ts";
import { cut } from "../bgp/octets.ts";
import { formatHex } from "../bgp/text.ts";
import { TREATMENT, type Treatment, type UpdateScan } from "../bgp/update-scan.ts";
import type { PeerRuntime } from "./peer.ts";
import type { Log } from "./ports.ts";

const REPORT_EVERY_MS = 1000;
/** Octets kept of a faulty attribute or message, and how many of them are logged. */
const KEPT_OCTETS = 512;
const LOGGED_OCTETS = 64;

/** A malformed UPDATE as it is kept. */
export interface FaultyUpdate {
  readonly atMs: number;
  readonly treatment: Treatment;
  /** NOTIFICATION that ended the session, or that RFC 4271 would have asked for. */
  readonly code: number;
  readonly subcode: number;
  /** Type of the attribute at fault, or 0. */
  readonly attribute: number;
  readonly why: string;
  /** Octets are those of the attribute, head included, otherwise the message's from its marker on. */
  readonly of: "attribute" | "message";
  /** KEPT_OCTETS of them at most; `length` is how many there were. */
  readonly octets: Uint8Array;
  readonly length: number;
}

export type FaultReporter = (peer: PeerRuntime, scan: UpdateScan, bytes: Uint8Array, from: number, to: number) => void;

/** By treatment. */
const EVENTS = ["", "attribute discarded", "treat as withdraw", "UPDATE refused"] as const;

/** Of two faults within a second the first is kept, unless the second one is graver. */
export function createFaultReporter(log: Log): FaultReporter {
  return (peer, scan, bytes, from, to) => {
    const { treatment } = scan;
    if (treatment === TREATMENT.discard) peer.attributesDiscarded++;
    else if (treatment === TREATMENT.withdraw) peer.treatedAsWithdraw++;
    else peer.updatesRefused++;
    if (peer.lastHeardMs < peer.nextReportMs && treatment <= (peer.lastFault?.treatment ?? 0)) return;
    peer.nextReportMs = peer.lastHeardMs + REPORT_EVERY_MS;
    const fault = recordOf(peer, scan, bytes, from, to);
    peer.lastFault = fault;
    log("warn", EVENTS[treatment], {
      peer: peer.config.name,
      ...(fault.attribute === 0 ? {} : { attribute: attributeName(fault.attribute), type: fault.attribute }),
      code: fault.code,
      subcode: fault.subcode,
      reason: fault.why,
      [`${fault.of}Octets`]: hexOf(fault),
      withdrawn: peer.treatedAsWithdraw,
      discarded: peer.attributesDiscarded,
    });
  };
}

/** The beginning, and a mark where there is more. */
function hexOf({ octets, length }: FaultyUpdate): string {
  return formatHex(octets.subarray(0, LOGGED_OCTETS)) + (length > LOGGED_OCTETS ? "…" : "");
}

function recordOf(peer: PeerRuntime, scan: UpdateScan, bytes: Uint8Array, from: number, to: number): FaultyUpdate {
  const ofAttribute = scan.faultLength > 0;
  const at = ofAttribute ? scan.faultAt : from - HEADER_OCTETS;
  const end = ofAttribute ? scan.faultAt + scan.faultLength : to;
  return {
    atMs: peer.lastHeardMs,
    treatment: scan.treatment,
    code: scan.errorCode,
    subcode: scan.errorSubcode,
    attribute: scan.faultType,
    why: describeFault(bytes, from, to, scan, peer.parsing),
    of: ofAttribute ? "attribute" : "message",
    octets: cut(bytes, at, Math.min(end, at + KEPT_OCTETS)),
    length: end - at,
  };
}

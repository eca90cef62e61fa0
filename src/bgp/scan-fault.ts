import { ERROR } from "./iana.ts";
import { TREATMENT, type Treatment, type UpdateScan } from "./update-scan.ts";

const SUB = ERROR.update.sub;

/** Notes a fault; of several the strongest stays, and the first among equals (RFC 7606 §3 h). */
export function fault(
  scan: UpdateScan,
  treatment: Treatment,
  subcode: number,
  type: number,
  at: number,
  octets: number,
): void {
  if (treatment <= scan.treatment) return;
  scan.treatment = treatment;
  scan.errorCode = ERROR.update.code;
  scan.errorSubcode = subcode;
  scan.faultType = type;
  scan.faultAt = at;
  scan.faultLength = octets;
}

/** Treat-as-withdraw for the attribute at `[at, end)`. */
export function withdraw(scan: UpdateScan, subcode: number, type: number, at: number, end: number): false {
  fault(scan, TREATMENT.withdraw, subcode, type, at, end - at);
  return false;
}

/** Attribute discard. */
export function drop(scan: UpdateScan, subcode: number, type: number, at: number, end: number): false {
  fault(scan, TREATMENT.discard, subcode, type, at, end - at);
  return false;
}

/** Session reset, for the MP attributes (RFC 7606 §5.3). */
export function reset(scan: UpdateScan, type: number, at: number, end: number): false {
  fault(scan, TREATMENT.reset, SUB.optionalAttribute, type, at, end - at);
  return false;
}

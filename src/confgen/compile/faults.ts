/** What is said of a resource whose present form is invalid. */
import type { Finding } from "../finding.ts";
import type { Kind } from "../resources/model.ts";
import type { Entry } from "../resources/view.ts";

/** The finding of an invalid resource; `without` says what is done where there never was a valid form. */
export function faultFinding(kind: Kind, name: string, entry: Entry<unknown>, without: string): Finding | undefined {
  if (!entry.faults) return undefined;
  const resource = `${kind}/${name}`;
  const where = entry.origin === undefined ? "" : ` (${entry.origin})`;
  const faults = `${entry.faults.join("; ")}${where}`;
  // Of a Secret the fault may be that it is forbidden, which says nothing about its content.
  const never = kind === "Secret" ? "It cannot be used" : "It is not valid, and never was";
  return entry.value === undefined
    ? { severity: "error", code: "invalid", resource, message: `${never}: ${faults}; ${without}` }
    : {
        severity: "error",
        code: "invalid-kept",
        resource,
        message: `Its present form is not valid: ${faults}; the last valid one is in use`,
      };
}

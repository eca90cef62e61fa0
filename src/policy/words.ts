/** Conditions and changes in words, for traces. */
import { plainAsPath, plainMatch, plainSet } from "./plain.ts";
import type { AsPathMatch, PolicyMatch, PolicySet } from "./types.ts";

/** Values of a list that are named before the rest is counted. */
const NAMED = 4;

/** `source bgp, metric <= 1023`; `every route` for no condition. */
export function matchInWords(match: PolicyMatch): string {
  return keysInWords(plainMatch(match)).join(", ") || "every route";
}

/** `startsWith 65001 65002, length <= 3` */
export function asPathInWords(match: AsPathMatch): string {
  return keysInWords(plainAsPath(match)).join(", ");
}

/** One change each: `localPref 200`, `addCommunities 64512:1 64512:2`. */
export function setInWords(set: PolicySet): string[] {
  return keysInWords(plainSet(set));
}

function keysInWords(plain: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(plain).map(([key, value]) => `${key} ${inWords(value)}`);
}

function inWords(value: unknown): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return "none";
    const named = value.slice(0, NAMED).map(inWords).join(" ");
    return value.length > NAMED ? `${named} and ${value.length - NAMED} more` : named;
  }
  if (typeof value === "object" && value !== null)
    return `(${keysInWords(value as Readonly<Record<string, unknown>>).join(", ")})`;
  return String(value);
}

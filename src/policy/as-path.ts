/** Conditions on AS_PATH, over the places of the path as a policy sees it: what it put in front, then what was there. */
import type { AsSegment } from "../bgp/path-attributes.ts";
import { inRange } from "./number-text.ts";
import type { AsPathMatch } from "./types.ts";

const NONE: readonly number[] = [];

export function matchesAsPath(
  match: AsPathMatch,
  path: readonly AsSegment[],
  front: readonly number[] = NONE,
): boolean {
  if (match.startsWith !== undefined && !startsWith(match.startsWith, path, front)) return false;
  if (match.contains !== undefined && !containsAny(match.contains, path, front)) return false;
  if (match.originatedBy !== undefined && !originatedBy(match.originatedBy, path, front)) return false;
  if (match.length !== undefined && !inRange(match.length, pathLength(path, front))) return false;
  return match.empty === undefined || match.empty === (pathLength(path, front) === 0);
}

export function startsWith(wanted: readonly number[], path: readonly AsSegment[], front: readonly number[]): boolean {
  let at = 0;
  for (; at < wanted.length && at < front.length; at++) if (front[at] !== wanted[at]) return false;
  for (let s = 0; s < path.length && at < wanted.length; s++) {
    const { kind, asns } = path[s]!;
    if (kind === "set") {
      if (!asns.includes(wanted[at++]!)) return false;
    } else if (kind === "sequence")
      for (let i = 0; i < asns.length && at < wanted.length; i++) if (asns[i] !== wanted[at++]) return false;
  }
  return at === wanted.length;
}

export function containsAny(wanted: readonly number[], path: readonly AsSegment[], front: readonly number[]): boolean {
  for (let w = 0; w < wanted.length; w++) {
    const asn = wanted[w]!;
    if (front.includes(asn)) return true;
    for (let s = 0; s < path.length; s++) if (isPlace(path[s]!) && path[s]!.asns.includes(asn)) return true;
  }
  return false;
}

export function originatedBy(wanted: readonly number[], path: readonly AsSegment[], front: readonly number[]): boolean {
  for (let s = path.length - 1; s >= 0; s--) {
    const { kind, asns } = path[s]!;
    if (!isPlace(path[s]!) || asns.length === 0) continue;
    if (kind === "sequence") return wanted.includes(asns[asns.length - 1]!);
    for (let i = 0; i < asns.length; i++) if (wanted.includes(asns[i]!)) return true;
    return false;
  }
  return front.length > 0 && wanted.includes(front[front.length - 1]!);
}

export function pathLength(path: readonly AsSegment[], front: readonly number[]): number {
  let length = front.length;
  for (let s = 0; s < path.length; s++) {
    const { kind, asns } = path[s]!;
    length += kind === "sequence" ? asns.length : kind === "set" ? 1 : 0;
  }
  return length;
}

function isPlace({ kind }: AsSegment): boolean {
  return kind === "sequence" || kind === "set";
}

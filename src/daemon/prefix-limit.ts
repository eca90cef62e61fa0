/** A bound of the prefixes of one family and direction, and where the count stands to it. Pure. */
import type { MaxPrefixesConfig } from "../config/model.ts";

/** `near`: from the warning's share of the limit on. `over`: beyond the limit, or at it with prefixes left out. */
export type LimitLevel = "calm" | "near" | "over";

export interface PrefixLimit {
  readonly config: MaxPrefixesConfig;
  level: LimitLevel;
  /** Announcements of prefixes that had no room (`block`), since the session began. */
  leftOut: number;
  /** Some of those may have room now. */
  missing: boolean;
}

export function newPrefixLimit(config: MaxPrefixesConfig): PrefixLimit {
  return { config, level: "calm", leftOut: 0, missing: false };
}

/** Prefixes from which on a warning is due. */
export function warnAt({ limit, warnPercent }: MaxPrefixesConfig): number {
  return Math.ceil((limit * warnPercent) / 100);
}

/** Below the warning's mark by so much of the limit it is calm again, so that a flapping route does not repeat the warning. */
const SLACK = 0.05;

/** The level that a count comes to. */
export function levelOf({ config, level, missing }: PrefixLimit, count: number): LimitLevel {
  if (count > config.limit || (missing && count >= config.limit)) return "over";
  const mark = warnAt(config);
  if (count >= mark) return "near";
  return level !== "calm" && count >= mark - Math.floor(config.limit * SLACK) ? "near" : "calm";
}

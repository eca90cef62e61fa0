/** Files that may be half of what they are meant to be, and what is said of them and of other faults. */
import type { DatastoreStatus } from "../../confgen/datastore/datastore.ts";

/**
 * An editor that writes in place empties the file first, and then writes up to wherever it is. Half of a JSON text cannot be
 * read anyway, so one that can is whole however it ends.
 */
export function isDoubtful(before: string, now: string): boolean {
  if (now === "") return before !== "";
  return before.endsWith("\n") && !now.endsWith("\n") && !/^\s*[{[]/.test(now);
}

/** Not believed until that time. */
export interface Doubt {
  readonly shown: string;
  readonly text: string;
  readonly untilMs: number;
}

/** A doubt is the one fault that ends by itself, so it says when. */
export function statusOf(faults: readonly string[], doubts: readonly Doubt[]): DatastoreStatus {
  const all = [...faults, ...doubts.map(({ shown, text }) => `${shown}: ${doubtOf(text)}`)];
  if (all.length === 0) return { state: "connected" };
  const more = all.length > 1 ? ` (and ${all.length - 1} more)` : "";
  const until = doubts.length === 0 ? {} : { retryAt: Math.min(...doubts.map(({ untilMs }) => untilMs)) };
  return { state: "failing", reason: `${all[0]}${more}`, ...until };
}

function doubtOf(text: string): string {
  const found = text === "" ? "it is empty now" : "it ends in the middle of a line now";
  return `${found}, as one that could not be written as a whole; what it held before stays until it is whole, or has been so for a while`;
}

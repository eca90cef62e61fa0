/** Moments as the dialect shows them. */

/** `2026-11-20 14:43:10` in the local time zone, of milliseconds since 1970. */
export type LocalTime = (wallMs: number) => string;

/** Younger moments show their time, older ones their date. */
const RECENT_MS = 20 * 3600_000;

export function since(localTime: LocalTime, atMs: number, ageMs: number): string {
  const text = localTime(atMs);
  return ageMs < RECENT_MS ? text.slice(11) : text.slice(0, 10);
}

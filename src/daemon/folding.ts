import type { Clock } from "./ports.ts";

/** Lines remembered at the same time; beyond, the oldest is forgotten and may be said again. */
const MAX_LINES = 4096;

/**
 * Folds lines of the log that repeat themselves: a peer that does not answer is tried every few seconds, and somebody who
 * is no peer may connect as often as he likes. The function returns undefined while the line is to be kept back, else
 * how often it was kept back since it was last said.
 */
export function createFolding(clock: Clock, everyMs: number): (line: string) => number | undefined {
  const known = new Map<string, { readonly nextMs: number; repeats: number }>();
  return (line) => {
    const now = clock.nowMs();
    const entry = known.get(line);
    if (entry && now < entry.nextMs) {
      entry.repeats++;
      return undefined;
    }
    known.delete(line);
    if (known.size >= MAX_LINES) known.delete(known.keys().next().value!);
    known.set(line, { nextMs: now + everyMs, repeats: 0 });
    return entry?.repeats ?? 0;
  };
}

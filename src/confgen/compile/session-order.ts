/** Sessions in order of their names, from one compilation to the next. */
import type { Session } from "./session.ts";

export interface SessionOrder {
  /**
   * The sessions by name. One that is as it was before is the same object as before, and so is the list where no session
   * changed.
   */
  of(sessions: readonly Session[]): readonly Session[];
}

export function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const byName = (a: Session, b: Session) => compareTexts(a.name, b.name);

export function createSessionOrder(): SessionOrder {
  let unordered: readonly Session[] = [];
  let ordered: readonly Session[] = [];
  return {
    of(sessions) {
      const gone = new Map<string, Session>();
      const come: Session[] = [];
      const { start, end, endBefore } = changedPart(sessions, unordered);
      for (let i = start; i < endBefore; i++) gone.set(unordered[i]!.name, unordered[i]!);
      for (let i = start; i < end; i++) {
        const session = sessions[i]!;
        const name = session.name;
        const old = gone.get(name);
        // What was made anew and is not in any way different stays as it is in the order.
        if (old && (old === session || sameSession(old, session))) gone.delete(name);
        else come.push(session);
      }
      unordered = sessions;
      if (gone.size > 0 || come.length > 0) ordered = merge(ordered, gone, come);
      return ordered;
    },
  };
}

/** The part that is left without what both lists begin and end with: most changes are of one place. */
function changedPart(now: readonly Session[], before: readonly Session[]) {
  const most = Math.min(now.length, before.length);
  let start = 0;
  while (start < most && now[start] === before[start]) start++;
  let same = 0;
  while (same < most - start && now[now.length - 1 - same] === before[before.length - 1 - same]) same++;
  return { start, end: now.length - same, endBefore: before.length - same };
}

/** What is there already is in order, so that sorting has little left to do. */
function merge(ordered: readonly Session[], gone: ReadonlyMap<string, Session>, come: readonly Session[]): Session[] {
  const merged = gone.size > 0 ? ordered.filter(({ name }) => !gone.has(name)) : ordered.slice();
  for (const session of come) merged.push(session);
  return come.length > 0 ? merged.sort(byName) : merged;
}

function sameSession(a: Session, b: Session): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

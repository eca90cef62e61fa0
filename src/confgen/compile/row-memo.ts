/** Remembers what was made for each node, as long as what it is made with stays the same. */
import type { Candidate } from "./candidate.ts";
import type { NodeRow } from "./node-index.ts";

export interface RowMemo {
  /** What was made under the name; empty again once anything of `madeWith` differs. */
  of(name: string, madeWith: readonly unknown[]): WeakMap<NodeRow, readonly Candidate[]>;
  /** Forgets the names that were not asked for since the last call. */
  sweep(): void;
}

export function createRowMemo(): RowMemo {
  interface Made {
    readonly madeWith: readonly unknown[];
    readonly rows: WeakMap<NodeRow, readonly Candidate[]>;
    used: boolean;
  }
  const memo = new Map<string, Made>();
  return {
    of(name, madeWith) {
      let made = memo.get(name);
      if (!made || madeWith.some((part, i) => part !== made?.madeWith[i])) {
        made = { madeWith, rows: new WeakMap(), used: true };
        memo.set(name, made);
      }
      made.used = true;
      return made.rows;
    },
    sweep() {
      for (const [name, made] of memo) {
        if (!made.used) memo.delete(name);
        made.used = false;
      }
    },
  };
}

import { reserveWords } from "../ip/reserve.ts";
import type { PathRow } from "./types.ts";

const NO_WORDS = new Int32Array(0);

/** How many hold each path row. There is no table before the first one is held: without ADD-PATH nobody holds any. */
export class PathHolds {
  private counts: Int32Array = NO_WORDS;
  /** Rows that are held. */
  private held = 0;
  /** Path rows are below it. */
  private readonly bound: number;

  constructor(bound: number) {
    this.bound = bound;
  }

  has(path: PathRow): boolean {
    return this.held > 0 && (this.counts[path] ?? 0) !== 0;
  }

  hold(path: PathRow): void {
    if (path >= this.counts.length) this.reserve(path);
    if (this.counts[path]!++ === 0) this.held++;
  }

  /** One holder less; true when it was the last. */
  release(path: PathRow): boolean {
    if (--this.counts[path]! > 0) return false;
    this.held--;
    return true;
  }

  /** For all rows at once, unless the system refuses: pages that are not touched cost nothing. */
  private reserve(path: PathRow): void {
    const larger = reserveWords(this.bound, path + 1);
    larger.set(this.counts);
    this.counts = larger;
  }
}

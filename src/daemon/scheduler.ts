import type { Clock } from "./ports.ts";

/**
 * Long work in slices (DESIGN 3.10): a job does a bounded piece per `step` and says whether more is left. Between two
 * slices anything may happen, so a job checks its epoch or generation itself and is idempotent.
 */
export interface Job {
  readonly name: string;
  /** Lower runs first, but one slice in four is for what waits behind; equal ones take turns. */
  readonly priority: number;
  /** One slice of at most a few thousand rows. True while more is left. */
  step(): boolean;
}

export const PRIORITY = { propagate: 0, sweep: 1, refresh: 2, housekeeping: 3 } as const;

/** A turn of the scheduler ends after this many milliseconds, so that sockets and timers get theirs. */
const TURN_MS = 5;
/** One slice in so many goes to the jobs behind the first priority: they must not starve under load. */
const YIELD_EVERY = 4;
/** Slices in one turn at most: with a clock that stands still (simulation) a turn must end too. */
const SLICES_PER_TURN = 64;

export interface Scheduler {
  /** Adds the job unless it is there already (by identity). */
  add(job: Job): void;
  remove(job: Job): void;
  has(job: Job): boolean;
  readonly idle: boolean;
  /** Names of what is waiting, for the state summary. */
  readonly waiting: readonly string[];
  /** Longest slice seen in milliseconds of the clock, and slices run. */
  readonly stats: { slices: number; longestMs: number; longestJob: string };
  stop(): void;
}

export function createScheduler(clock: Clock): Scheduler {
  const jobs: Job[] = [];
  const stats = { slices: 0, longestMs: 0, longestJob: "" };
  let armed = false;
  let stopped = false;

  function arm(): void {
    if (armed || stopped || jobs.length === 0) return;
    armed = true;
    clock.soon(turn);
  }

  function turn(): void {
    armed = false;
    const start = clock.nowMs();
    let now = start;
    for (let slice = 0; slice < SLICES_PER_TURN && jobs.length > 0 && !stopped && now - start < TURN_MS; slice++) {
      const job = next();
      const more = job.step();
      const end = clock.nowMs();
      stats.slices++;
      if (end - now > stats.longestMs) {
        stats.longestMs = end - now;
        stats.longestJob = job.name;
      }
      now = end;
      const index = jobs.indexOf(job);
      if (index < 0) continue;
      jobs.splice(index, 1);
      if (more) insert(job);
    }
    arm();
  }

  function next(): Job {
    const first = jobs[0]!;
    if (stats.slices % YIELD_EVERY !== YIELD_EVERY - 1) return first;
    return jobs.find((job) => job.priority > first.priority) ?? first;
  }

  /** Behind all jobs of its priority, so that equals take turns. */
  function insert(job: Job): void {
    let at = jobs.length;
    while (at > 0 && jobs[at - 1]!.priority > job.priority) at--;
    jobs.splice(at, 0, job);
  }

  return {
    add(job) {
      if (jobs.includes(job)) return;
      insert(job);
      arm();
    },
    remove(job) {
      const index = jobs.indexOf(job);
      if (index >= 0) jobs.splice(index, 1);
    },
    has: (job) => jobs.includes(job),
    get idle() {
      return jobs.length === 0;
    },
    get waiting() {
      return jobs.map((job) => job.name);
    },
    stats,
    stop() {
      stopped = true;
      jobs.length = 0;
    },
  };
}

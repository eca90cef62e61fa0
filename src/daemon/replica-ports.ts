/** A world for a router that is only asked what it would do: time stands still, and nothing it says leaves the process. */
import type { Fib } from "../fib/fib.ts";
import type { RouterPorts } from "./core.ts";
import type { Clock, ConnectionId, Transport } from "./ports.ts";

/** Time moves only while the router waits for it, and only as far as `settle` lets it. */
export interface StillClock extends Clock {
  /** Runs what is waiting, and what falls due within the time from now on. */
  settle(withinMs: number): void;
}

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

export function createStillClock(): StillClock {
  let nowMs = 0;
  let order = 0;
  let timers: Timer[] = [];
  let soon: (() => void)[] = [];

  function runSoon(): void {
    while (soon.length > 0) {
      const now = soon;
      soon = [];
      for (const run of now) run();
    }
  }

  function nextDue(untilMs: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of timers)
      if (
        timer.atMs <= untilMs &&
        (!next || timer.atMs < next.atMs || (timer.atMs === next.atMs && timer.order < next.order))
      )
        next = timer;
    return next;
  }

  return {
    nowMs: () => nowMs,
    wallMs: () => nowMs,
    after(delayMs, run) {
      const timer = { atMs: nowMs + Math.max(0, delayMs), order: order++, run };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    soon: (run) => void soon.push(run),
    settle(withinMs) {
      const untilMs = nowMs + withinMs;
      runSoon();
      for (let timer = nextDue(untilMs); timer; timer = nextDue(untilMs)) {
        const due = timer;
        timers = timers.filter((other) => other !== due);
        nowMs = Math.max(nowMs, due.atMs);
        due.run();
        runSoon();
      }
      nowMs = untilMs;
    },
  };
}

export interface Listener {
  /** Whole messages; the octets do not change afterwards. */
  wrote(id: ConnectionId, bytes: Uint8Array): void;
  closed(id: ConnectionId): void;
}

/** Ports of a router whose peers take everything at once and to whom nobody can connect. */
export function replicaPorts(clock: Clock, listener: Listener, version: string): RouterPorts {
  return {
    clock,
    random: () => 0.5,
    log: () => {},
    transport: replicaTransport(listener),
    fib: replicaFib(),
    sha256: (bytes) => bytes,
    version,
  };
}

function replicaTransport(listener: Listener): Transport {
  return {
    listen: () => {},
    connect: () => {},
    write(id, bytes) {
      listener.wrote(id, bytes);
      return true;
    },
    pending: () => 0,
    accepted: () => 0,
    hasUnread: () => false,
    setTtl: () => {},
    setInterface: () => {},
    setKey: () => true,
    health: () => undefined,
    refused: () => undefined,
    pauseReading: () => {},
    resumeReading: () => {},
    close: (id) => listener.closed(id),
  };
}

/** What is wanted is asked of the router itself. */
function replicaFib(): Fib {
  return {
    startProgramming: () => {},
    want: () => {},
    unwant: () => {},
    status: () => undefined,
    counters: () => ({
      installed: 0,
      pending: 0,
      shadowed: 0,
      failed: 0,
      written: 0,
      errors: 0,
      foreignRepairs: 0,
      resyncs: 0,
      adopted: 0,
    }),
    backlog: () => 0,
    prune: () => {},
    close: async () => {},
  };
}

/** Back-pressure: while too much work waits, sessions are not read (DESIGN 3.9). */
import type { Connection } from "./peer.ts";
import type { Clock, Transport } from "./ports.ts";

/** Changed prefixes and kernel writes waiting: above `high` reading pauses, below `low` it goes on. */
const WORK = { high: 65_536, low: 16_384 } as const;
/** While reading is paused the work is looked at this often. */
const RECHECK_MS = 10;

export interface ReadingOptions {
  readonly clock: Clock;
  readonly transport: Transport;
  /** Changed prefixes and kernel writes that wait. */
  readonly waiting: () => number;
}

export interface Reading {
  /** A chunk has been handled: pauses its connection when too much work waits. */
  chunkHandled(connection: Connection): void;
  /** Work has been done: all go on when enough of it has. */
  resume(): void;
}

export function createReading({ clock, transport, waiting }: ReadingOptions): Reading {
  const paused: Connection[] = [];

  /** The kernel's backlog shrinks without an event of ours: look again until reading goes on. */
  function recheck(): void {
    clock.after(RECHECK_MS, () => {
      resume();
      if (paused.length > 0) recheck();
    });
  }

  function resume(): void {
    if (paused.length === 0 || waiting() > WORK.low) return;
    for (const connection of paused.splice(0)) {
      connection.paused = false;
      transport.resumeReading(connection.id);
    }
  }

  return {
    chunkHandled(connection) {
      if (waiting() < WORK.high || connection.paused) return;
      connection.paused = true;
      paused.push(connection);
      transport.pauseReading(connection.id);
      if (paused.length === 1) recheck();
    },
    resume,
  };
}

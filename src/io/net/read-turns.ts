/**
 * Shares the event loop among the sockets that have something to read. libuv serves every readable socket in one
 * turn, up to 2 MiB each; here a turn ends once its budget of octets or of time is spent, and the rest waits until timers
 * and other callbacks have run. The sockets that waited longest are then served first.
 */

/** What is stopped and started: in practice a net.Socket. */
export interface Readable {
  pause(): unknown;
  resume(): unknown;
}

export interface ReadLimits {
  /** Octets read from all sockets together in one turn. */
  readonly readTurnOctets: number;
  /** Octets read from one socket in one turn. */
  readonly readSocketOctets: number;
  /** Milliseconds after a turn's first chunk at which no further chunk is read in it. */
  readonly readTurnMs: number;
}

/** One socket's place in the rounds. Mutable and reused: it is touched for every chunk. */
export class Reader {
  readonly source: Readable;
  /** Stopped until the next turn, because of a budget. */
  held = false;
  /** Stopped by the router. */
  paused = false;
  turn = -1;
  turnOctets = 0;
  constructor(source: Readable) {
    this.source = source;
  }
}

export class ReadTurns {
  readonly #limits: ReadLimits;
  readonly #later: (run: () => void) => void;
  readonly #nowMs: () => number;
  /** Readers that want to read, the least recently served first. */
  readonly #order = new Set<Reader>();
  #turn = 0;
  #spent = 0;
  #endMs = 0;
  /** The budget of this turn is spent. */
  #over = false;
  #scheduled = false;
  #anyHeld = false;

  /** `later` runs a function in the next turn, after timers (setImmediate). */
  constructor(limits: ReadLimits, later: (run: () => void) => void, nowMs: () => number) {
    this.#limits = limits;
    this.#nowMs = nowMs;
    this.#later = later;
  }

  /** Turns so far; for tests and metrics. */
  get turns(): number {
    return this.#turn;
  }

  add(reader: Reader): void {
    if (!reader.paused) this.#order.add(reader);
  }

  remove(reader: Reader): void {
    this.#order.delete(reader);
  }

  /** To be called after each chunk; false when the socket must not read on in this turn. */
  served(reader: Reader, octets: number): boolean {
    const now = this.#nowMs();
    if (!this.#scheduled) {
      this.#scheduled = true;
      this.#endMs = now + this.#limits.readTurnMs;
      this.#later(this.#next);
    }
    if (reader.turn !== this.#turn) {
      reader.turn = this.#turn;
      reader.turnOctets = 0;
    }
    reader.turnOctets += octets;
    this.#spent += octets;
    if (this.#spent >= this.#limits.readTurnOctets || now >= this.#endMs) this.#over = true;
    if (reader.paused) return false;
    if (this.#order.delete(reader)) this.#order.add(reader);
    if (this.#over) {
      this.#holdAll();
      return false;
    }
    if (reader.turnOctets >= this.#limits.readSocketOctets) {
      this.#hold(reader);
      return false;
    }
    return !reader.held;
  }

  pause(reader: Reader): void {
    if (reader.paused) return;
    reader.paused = true;
    reader.held = false;
    this.#order.delete(reader);
    reader.source.pause();
  }

  resume(reader: Reader): void {
    if (!reader.paused) return;
    reader.paused = false;
    this.#order.add(reader);
    if (!this.#over) reader.source.resume();
    else {
      reader.held = true;
      this.#anyHeld = true;
    }
  }

  #hold(reader: Reader): void {
    if (reader.held) return;
    reader.held = true;
    this.#anyHeld = true;
    reader.source.pause();
  }

  #holdAll(): void {
    for (const reader of this.#order) this.#hold(reader);
  }

  // A property, so that it is one function for the whole life and not a closure per turn.
  readonly #next = (): void => {
    this.#turn++;
    this.#spent = 0;
    this.#over = false;
    this.#scheduled = false;
    if (!this.#anyHeld) return;
    this.#anyHeld = false;
    // The kernel reports sockets ready in the order in which they are watched again: this order.
    for (const reader of this.#order) {
      if (!reader.held) continue;
      reader.held = false;
      reader.source.resume();
    }
  };
}

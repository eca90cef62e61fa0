/**
 * The last events given to the router, for whoever has to find out what happened: a list of events and a seed reproduce a
 * run. Noting an event allocates nothing: rows of two rings are written over.
 */
import type { RouterEvent } from "./events.ts";

/** Bounds of the rings; when one is full the oldest is lost. */
export interface RecorderBounds {
  readonly events: number;
  /** Octets of read chunks. */
  readonly octets: number;
  /** Octets kept of one chunk; the rest of it is only counted. */
  readonly perChunk: number;
}

const RECORDER_BOUNDS: RecorderBounds = { events: 2048, octets: 256 * 1024, perChunk: 4096 };

export interface Recorder {
  note(event: RouterEvent, atMs: number): void;
  /** One JSON object for each event, oldest first. Passwords are numbered instead: equal ones are equal. */
  lines(): string[];
  readonly bounds: RecorderBounds;
}

/** One line read back. */
export interface RecordedEvent {
  readonly atMs: number;
  readonly event: RouterEvent;
  /** Octets of a chunk that were not kept. */
  readonly missing: number;
}

const STRIDE = 4;
const ID = 0;
const SIZE = 1;
const KEPT = 2;
/** Where the octets begin in the octet ring. */
const FROM = 3;

export function createRecorder(bounds: RecorderBounds = RECORDER_BOUNDS): Recorder {
  const times = new Float64Array(bounds.events);
  const rows = new Int32Array(bounds.events * STRIDE);
  /** Events other than chunks, which are made afresh each time and may be kept. */
  const others = new Array<RouterEvent | undefined>(bounds.events).fill(undefined);
  const octets = new Uint8Array(bounds.octets);
  let noted = 0;
  let octetsNoted = 0;
  /** Octets noted before each event, to tell what has been written over. */
  const before = new Float64Array(bounds.events);

  function noteChunk(slot: number, id: number, bytes: Uint8Array): void {
    const at = slot * STRIDE;
    const kept = Math.min(bytes.length, bounds.perChunk, bounds.octets);
    let from = octetsNoted % bounds.octets;
    if (from + kept > bounds.octets) {
      octetsNoted += bounds.octets - from;
      from = 0;
    }
    // A loop: a view of a part of the chunk would be an allocation.
    for (let i = 0; i < kept; i++) octets[from + i] = bytes[i]!;
    rows[at + ID] = id;
    rows[at + SIZE] = bytes.length;
    rows[at + KEPT] = kept;
    rows[at + FROM] = from;
    before[slot] = octetsNoted;
    octetsNoted += kept;
  }

  function line(slot: number, forJson: Replacer): string {
    const atMs = times[slot]!;
    const other = others[slot];
    if (other) return JSON.stringify({ atMs, event: other }, forJson);
    const at = slot * STRIDE;
    const lost = octetsNoted - before[slot]! > bounds.octets;
    const kept = lost ? 0 : rows[at + KEPT]!;
    const bytes = octets.subarray(rows[at + FROM]!, rows[at + FROM]! + kept);
    const event = { from: "transport", event: { kind: "data", id: rows[at + ID], bytes } };
    return JSON.stringify({ atMs, size: rows[at + SIZE], event }, forJson);
  }

  return {
    bounds,
    note(event, atMs) {
      const slot = noted++ % bounds.events;
      times[slot] = atMs;
      const isChunk = event.from === "transport" && event.event.kind === "data";
      others[slot] = isChunk ? undefined : event;
      if (isChunk) noteChunk(slot, event.event.id, event.event.bytes);
    },
    lines() {
      const first = Math.max(0, noted - bounds.events);
      const replace = replacer();
      return Array.from({ length: noted - first }, (_, i) => line((first + i) % bounds.events, replace));
    },
  };
}

/** Reads back one line of `lines`. Throws when it is none. */
export function readRecorded(text: string): RecordedEvent {
  const { atMs, size, event } = JSON.parse(text, fromJson) as {
    readonly atMs: number;
    readonly size?: number;
    readonly event: RouterEvent;
  };
  const kept = event.from === "transport" && event.event.kind === "data" ? event.event.bytes.length : 0;
  return { atMs, event, missing: (size ?? kept) - kept };
}

type Replacer = (key: string, value: unknown) => unknown;

/** Numbered rather than dropped, so that a replay sees a key change where there was one. */
function replacer(): Replacer {
  const passwords: unknown[] = [];
  return (key, value) => {
    if (key === "password") {
      if (!passwords.includes(value)) passwords.push(value);
      return `(hidden ${passwords.indexOf(value) + 1})`;
    }
    if (value instanceof Uint8Array) return { hex: Array.from(value, octetText).join("") };
    return value;
  };
}

function fromJson(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("hex" in value)) return value;
  const text = String(value.hex);
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

function octetText(octet: number): string {
  return octet.toString(16).padStart(2, "0");
}

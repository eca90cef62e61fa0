/**
 * What is said of a datastore that fails: each reason once, a reminder at growing intervals, and its end. A datastore tells
 * of each attempt, and one that is away may be so for days.
 */
import type { DatastoreStatus } from "./datastore/datastore.ts";
import type { GeneratorClock, GeneratorLog } from "./generator-ports.ts";

export interface DatastoreLog {
  /** Undefined until the datastore has said something. */
  readonly status: DatastoreStatus | undefined;
  /** Since when it is connected, or fails; at first when it was opened (monotonic milliseconds). */
  readonly sinceMs: number;
  take(status: DatastoreStatus): void;
  close(): void;
}

const REMIND_MS = { first: 60_000, most: 3_600_000 } as const;
/** Reasons that contain a time or a count never come back; after so many the reminders say the present one. */
const REASONS = 8;

/** `meanwhile` says in words what runs while a datastore fails. */
export function createDatastoreLog(
  name: string,
  clock: GeneratorClock,
  log: GeneratorLog,
  meanwhile: () => string,
): DatastoreLog {
  let status: DatastoreStatus | undefined;
  let sinceMs = clock.nowMs();
  let said = new Set<string>();
  let remindMs: number = REMIND_MS.first;
  let cancel = () => {};

  function say(): void {
    if (status?.state !== "failing") return;
    const nowMs = clock.nowMs();
    const { reason, retryAt } = status;
    said.add(reason);
    log("warn", "datastore failing", {
      datastore: name,
      reason,
      failedForMs: Math.round(nowMs - sinceMs),
      ...(retryAt !== undefined && { retryInMs: Math.max(0, Math.round(retryAt - nowMs)) }),
      meanwhile: meanwhile(),
    });
  }

  function remindLater(): void {
    cancel = clock.after(remindMs, () => {
      remindMs = Math.min(remindMs * 2, REMIND_MS.most);
      remindLater();
      say();
    });
  }

  function recover(nowMs: number): void {
    log("info", "datastore connected", { datastore: name, failedForMs: Math.round(nowMs - sinceMs) });
    cancel();
    said = new Set();
    remindMs = REMIND_MS.first;
  }

  return {
    get status() {
      return status;
    },
    get sinceMs() {
      return sinceMs;
    },
    take(next) {
      const before = status?.state;
      const nowMs = clock.nowMs();
      status = next;
      if (before === "failing" && next.state === "connected") recover(nowMs);
      if (before !== next.state) sinceMs = nowMs;
      if (next.state !== "failing") return;
      if (before !== "failing") remindLater();
      if (!said.has(next.reason) && said.size < REASONS) say();
    },
    close: () => cancel(),
  };
}

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
/** One that fails again so soon has not recovered. */
const STEADY_MS = 60_000;
/** Failures of that kind that are said each with their end; of more only the reminders tell. */
const FLAPS = 20;
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
  let saidMs = Number.NEGATIVE_INFINITY;
  let flaps = 0;
  /** Of the present failure something was said, so its end is said too. */
  let isSaid = false;
  let remindMs: number = REMIND_MS.first;
  let cancel = () => {};

  function say(): void {
    if (status?.state !== "failing") return;
    const nowMs = clock.nowMs();
    const { reason, retryAt } = status;
    said.add(reason);
    saidMs = nowMs;
    isSaid = true;
    log("warn", "datastore failing", {
      datastore: name,
      reason,
      failedForMs: Math.round(nowMs - sinceMs),
      ...(retryAt !== undefined && { retryInMs: Math.max(0, Math.round(retryAt - nowMs)) }),
      meanwhile: meanwhile(),
    });
  }

  function remindLater(): void {
    cancel = clock.after(Math.max(0, saidMs + remindMs - clock.nowMs()), () => {
      remindMs = Math.min(remindMs * 2, REMIND_MS.most);
      say();
      remindLater();
    });
  }

  function recover(nowMs: number): void {
    cancel();
    if (isSaid) log("info", "datastore connected", { datastore: name, failedForMs: Math.round(nowMs - sinceMs) });
    isSaid = false;
  }

  function fail(nowMs: number): void {
    flaps = nowMs - sinceMs < STEADY_MS ? flaps + 1 : 0;
    if (flaps <= FLAPS) {
      said = new Set();
      saidMs = nowMs;
      remindMs = REMIND_MS.first;
    }
    remindLater();
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
      if (before !== "failing" && next.state === "failing") fail(nowMs);
      if (before !== next.state) sinceMs = nowMs;
      if (next.state !== "failing") return;
      if (!said.has(next.reason) && said.size < REASONS) say();
    },
    close: () => cancel(),
  };
}

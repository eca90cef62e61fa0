/**
 * The endpoint-status files that Felix writes of the pods on this node, of which some are BGP peers (calico-bgp.md 2.4, 3.5):
 * `<prefix>/endpoint-status/<name>`, each a JSON object. Felix makes the directory when it has something to say.
 */
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Datastore, DatastoreOptions, Interest } from "../../confgen/datastore/datastore.ts";
import { createKnownObjects } from "../../confgen/datastore/known-objects.ts";
import { forEach } from "../files/at-once.ts";
import { createTrace, fileFault, follow } from "../files/places.ts";
import { createFileTexts } from "../files/texts.ts";
import { POLL_MS, watchPlaces } from "../files/watch-places.ts";

export interface WorkloadsOptions extends Pick<DatastoreOptions, "onEvent"> {
  readonly settleMs?: number;
}

const SETTLE_MS = 20;
const FILE_OCTETS = 1024 * 1024;

/** Follows `<prefix>/endpoint-status`. A directory that is not there holds no workloads. */
export function openWorkloads(prefix: string, options: WorkloadsOptions): Datastore {
  const { onEvent, settleMs = SETTLE_MS } = options;
  const directory = join(resolve(prefix), "endpoint-status");
  const texts = createFileTexts(FILE_OCTETS);
  const known = createKnownObjects((event) => isClosed || onEvent(event));
  /** Files of which there is a content that could be read. */
  const wereRead = new Set<string>();
  let interest: Interest = { secrets: [], services: false };
  let isSynced = false;
  let isClosed = false;
  let reason: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isDirty = false;
  let working: Promise<void> | undefined;
  const watcher = watchPlaces({ onEvent: () => soon(settleMs) });

  function soon(delayMs: number): void {
    if (isClosed) return;
    isDirty = true;
    if (working) return;
    clearTimeout(timer);
    timer = setTimeout(start, delayMs);
  }

  function start(): void {
    if (isClosed) return;
    isDirty = false;
    working = look()
      .catch(fail)
      .finally(() => {
        working = undefined;
        if (isDirty) soon(settleMs);
      });
  }

  /** What was given stays; the next look is at the next event, or after a while. */
  function fail(error: unknown): void {
    if (isClosed) return;
    sayStatus(fileFault(error));
    timer = setTimeout(start, POLL_MS);
  }

  async function look(): Promise<void> {
    const trace = createTrace();
    const real = await follow(trace, directory);
    const isThere = trace.marks.some((line) => line.startsWith(`${real} `) && !line.includes(" -> "));
    if (isThere) trace.places.set(real, undefined);
    // The marks tell inodes apart; those of the directories on the way do no harm.
    const marks = trace.marks.join("\n");
    const isHeard = await watcher.set(new Map([...trace.places.keys()].map((place) => [place, marks])));
    const fault = await readAll(real);
    if (isClosed) return;
    sayStatus(fault);
    if (!isSynced) say();
    isSynced = true;
    if (!isHeard && !isDirty) {
      clearTimeout(timer);
      timer = setTimeout(start, POLL_MS);
    }
  }

  /** Why the directory cannot be read; undefined where it can, or is not there. */
  async function readAll(real: string): Promise<string | undefined> {
    const found = await readdir(real, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) =>
      error.code === "ENOENT" ? [] : fileFault(error),
    );
    // What was read stays in force.
    if (typeof found === "string") return found;
    const names = found.filter((entry) => !entry.isDirectory() && !entry.name.startsWith(".")).map(({ name }) => name);
    await forEach(names, (name) => readOne(real, name));
    texts.forgetOthers();
    const present = new Set(names);
    known.keepOnly("Workload", present);
    for (const name of wereRead) if (!present.has(name)) wereRead.delete(name);
    return undefined;
  }

  async function readOne(real: string, name: string): Promise<void> {
    const origin = join(real, name);
    try {
      const { text } = await texts.read(origin);
      const spec = objectOf(text);
      if (spec) {
        wereRead.add(name);
        known.set({ kind: "Workload", name, object: { kind: "Workload", metadata: { name }, spec }, origin }, text);
      }
      // Half of a file: another event follows, and what was read before counts until then.
      else if (!wereRead.has(name)) known.set({ kind: "Workload", name, fault: "it is no JSON object", origin }, text);
    } catch {
      // One that went, or that cannot be read: another event follows.
    }
  }

  function sayStatus(fault: string | undefined): void {
    const now = fault === undefined ? "" : `${directory}: ${fault}`;
    if (now === reason) return;
    reason = now;
    onEvent({ type: "status", status: now === "" ? { state: "connected" } : { state: "failing", reason: now } });
  }

  function say(): void {
    onEvent({ type: "synced", wanted: interest });
  }

  queueMicrotask(start);
  return {
    want(wanted) {
      interest = wanted;
      if (isSynced && !isClosed) say();
    },
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await working;
      await watcher.close();
    },
  };
}

function objectOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

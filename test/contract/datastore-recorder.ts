/** What a datastore has said, and a way to wait for it. */
import assert from "node:assert/strict";
import type { DatastoreEvent, DatastoreStatus, Interest, StoredObject } from "../../src/confgen/datastore/datastore.ts";
import type { Kind } from "../../src/confgen/resources/model.ts";

export interface Recorder {
  readonly onEvent: (event: DatastoreEvent) => void;
  /** Everything, in order. */
  readonly events: readonly DatastoreEvent[];
  /** What stands after all of it, by `Kind/name`. */
  readonly view: ReadonlyMap<string, StoredObject>;
  status(): DatastoreStatus | undefined;
  /** The interest of the last `synced`. */
  synced(): Interest | undefined;
  /** The `set` and `delete` events of one object since an event's index, as `set` or `delete`. */
  saidOf(kind: Kind, name: string, since?: number): readonly string[];
  /** Resolves as soon as it holds: asked now and after each event. */
  until(what: string, holds: () => boolean): Promise<void>;
}

/** It only ends a test that hangs: where things work nothing waits for it. */
const HANGING_MS = 120_000;

export function createRecorder(): Recorder {
  const events: DatastoreEvent[] = [];
  const view = new Map<string, StoredObject>();
  const waiting = new Set<() => void>();
  /** A datastore that goes on after whatever its listener throws must not hide it. */
  let fault: unknown;
  const last = <T extends DatastoreEvent["type"]>(type: T) =>
    events.findLast((event): event is Extract<DatastoreEvent, { type: T }> => event.type === type);

  function apply(event: DatastoreEvent): void {
    if (event.type === "set") view.set(`${event.stored.kind}/${event.stored.name}`, event.stored);
    if (event.type === "delete") {
      const was = view.delete(`${event.kind}/${event.name}`);
      assert.ok(was, `A delete was said of ${event.kind}/${event.name}, which is not there`);
    }
  }
  return {
    onEvent(event) {
      events.push(event);
      try {
        apply(event);
      } catch (error) {
        fault ??= error;
      }
      for (const look of [...waiting]) look();
    },
    events,
    view,
    status: () => last("status")?.status,
    synced: () => last("synced")?.wanted,
    saidOf(kind, name, since = 0) {
      const said: string[] = [];
      for (const event of events.slice(since)) {
        if (event.type === "set" && event.stored.kind === kind && event.stored.name === name) said.push("set");
        if (event.type === "delete" && event.kind === kind && event.name === name) said.push("delete");
      }
      return said;
    },
    until(what, holds) {
      return new Promise((resolve, reject) => {
        const done = () => {
          clearTimeout(hanging);
          waiting.delete(look);
        };
        const look = () => {
          try {
            if (fault !== undefined) throw fault;
            if (!holds()) return;
          } catch (error) {
            done();
            reject(error);
            return;
          }
          done();
          resolve();
        };
        const hanging = setTimeout(() => {
          done();
          const words = events.slice(-8).map((event) => JSON.stringify(event).slice(0, 200));
          reject(new Error(`Waited in vain for: ${what}; ${events.length} events, the last:\n  ${words.join("\n  ")}`));
        }, HANGING_MS);
        waiting.add(look);
        look();
      });
    },
  };
}

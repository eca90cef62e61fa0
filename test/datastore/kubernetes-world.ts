/** A datastore over the fake API server, on a clock that the test moves. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { Datastore, DatastoreOptions } from "../../src/confgen/datastore/datastore.ts";
import type { KubernetesSettings } from "../../src/confgen/datastore/kubernetes-options.ts";
import { type KubernetesOptions, openKubernetesDatastore } from "../../src/io/datastore/kubernetes/datastore.ts";
import type { PlainResource } from "../contract/datastore.ts";
import { createRecorder, type Recorder } from "../contract/datastore-recorder.ts";
import { keyOf, NODE } from "../contract/datastore-resources.ts";
import { type FakeApiServer, type FakeOptions, type Seen, startFakeApiServer } from "./fake-api-server/server.ts";
import { apiObject } from "./kubernetes-forms.ts";
import { createManualClock, type ManualClock } from "./manual-clock.ts";

export interface KubernetesWorld {
  readonly fake: FakeApiServer;
  readonly clock: ManualClock;
  readonly said: Recorder;
  readonly datastore: Datastore;
  put(resource: PlainResource): void;
  remove(resource: PlainResource): void;
  /** The reason, once it is failing with one that fits. */
  failing(pattern: RegExp): Promise<string>;
  /** Lets the time pass until the next attempt that the status speaks of. */
  retry(): void;
  /** Lets the time pass until it is connected. */
  connected(): Promise<void>;
  /** Every collection is being watched. */
  watching(): Promise<void>;
  has(resource: PlainResource): boolean;
}

export interface WorldOptions {
  readonly fake?: FakeOptions;
  readonly before?: readonly PlainResource[];
  readonly intercept?: Parameters<FakeApiServer["intercept"]>[0];
  readonly settings?: Partial<KubernetesSettings>;
  readonly options?: Partial<DatastoreOptions & KubernetesOptions>;
  /** How many collections there are: watches that `watching` waits for. */
  readonly collections?: number;
}

/** Everything is closed when the test ends. */
export async function openWorld(context: TestContext, world: WorldOptions = {}): Promise<KubernetesWorld> {
  const fake = await startFakeApiServer(world.fake);
  const clock = createManualClock();
  const said = createRecorder();
  for (const resource of world.before ?? []) fake.put(apiObject(resource));
  fake.intercept(world.intercept);
  const datastore = openKubernetesDatastore({
    node: NODE,
    podCidrs: false,
    onEvent: said.onEvent,
    clock,
    random: () => 0.5,
    settings: { endpoint: fake.url, insecure: false, ...world.settings },
    ...world.options,
  });
  context.after(async () => {
    await datastore.close();
    await fake.close();
  });
  const reason = () => {
    const status = said.status();
    return status?.state === "failing" ? status.reason : "";
  };
  return {
    fake,
    clock,
    said,
    datastore,
    put: (resource) => fake.put(apiObject(resource)),
    remove(resource) {
      const { apiVersion, kind } = apiObject(resource);
      fake.delete(kind, apiVersion, keyOf(resource).slice(resource.kind.length + 1));
    },
    async failing(pattern) {
      await said.until(`failing with ${pattern}`, () => pattern.test(reason()));
      return reason();
    },
    retry() {
      const status = said.status();
      assert.ok(status?.state === "failing" && status.retryAt !== undefined);
      // Collections fail one after another; all of them are due by then.
      clock.advance(Math.max(0, status.retryAt - clock.nowMs()) + 1);
    },
    async connected() {
      while (said.status()?.state !== "connected") {
        clock.advance(50);
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    async watching() {
      while (fake.watches < (world.collections ?? 6)) await fake.nextRequest(({ verb }) => verb === "watch");
    },
    has: (resource) => said.view.has(keyOf(resource)),
  };
}

export function isList(plural: string): (seen: Seen) => boolean {
  return (seen) => seen.verb === "list" && seen.plural === plural;
}

export function isWatch(plural: string): (seen: Seen) => boolean {
  return (seen) => seen.verb === "watch" && seen.plural === plural;
}

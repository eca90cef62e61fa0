/** What every datastore does, whatever its layout is: the suite runs over files, etcd, and the Kubernetes API. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Datastore, DatastoreOptions, Interest } from "../../src/confgen/datastore/datastore.ts";
import type { Kind } from "../../src/confgen/resources/model.ts";
import { createRecorder, type Recorder } from "./datastore-recorder.ts";
import {
  affinity,
  everyKind,
  keyOf,
  NODE,
  nameOf,
  type PlainResource,
  peer,
  pool,
  secret,
  service,
  slice,
} from "./datastore-resources.ts";

export type { PlainResource } from "./datastore-resources.ts";

/** A store of its own for one test, and the means to change it as another program would. */
export interface DatastoreWorld {
  open(options: DatastoreOptions): Datastore | Promise<Datastore>;
  /** Creates or replaces; the world writes it as its layout has it. Resolves when the store holds it. */
  put(resource: PlainResource): Promise<void>;
  /** `name`, or `namespace/name`. */
  remove(kind: Kind, name: string): Promise<void>;
  /** Faster than one `put` after another. */
  putAll?(resources: readonly PlainResource[]): Promise<void>;
  /** Writes a BGPPeer that cannot be read: no JSON, no YAML. Absent where the store takes no such thing. */
  putUnreadable?(name: string): Promise<void>;
  /** Until `restore`, the open datastore hears nothing of the store, which goes on being changed by `put`. */
  breakConnection(): Promise<void>;
  /** With `forget` the store's history of what changed is gone: what was missed can only be listed. */
  restore(forget: boolean): Promise<void>;
  close(): Promise<void>;
}

export interface DatastoreHarness {
  readonly name: string;
  /** An empty store. */
  world(): Promise<DatastoreWorld>;
  /** Services, EndpointSlices and Secrets live in it; otherwise an interest in them is satisfied by nothing. */
  readonly hasServices: boolean;
  /** An object of it may be unreadable by itself: the world has `putUnreadable`. A file is unreadable as a whole. Default: true. */
  readonly hasUnreadable?: boolean;
  /** Objects in the large test. Default: 5000. */
  readonly many?: number;
  /** Why the suite is skipped. */
  readonly skip?: string | false;
}

const NOTHING: Interest = { secrets: [], services: false };

export function datastoreContract(harness: DatastoreHarness): void {
  const { skip = false, hasUnreadable = true, many = 5000 } = harness;

  /** Runs with a datastore that has synced over what `before` holds. */
  const opened = (
    claim: string,
    before: readonly PlainResource[],
    body: (open: Open) => Promise<void>,
    options: { readonly podCidrs?: boolean } = {},
  ) =>
    test(claim, { skip }, async () => {
      const world = await harness.world();
      try {
        await putAll(world, before);
        const said = createRecorder();
        const { onEvent } = said;
        const datastore = await world.open({ node: NODE, podCidrs: options.podCidrs ?? false, onEvent });
        try {
          await said.until("the first sync", () => said.synced() !== undefined);
          await body({ world, said, datastore });
        } finally {
          await datastore.close();
        }
      } finally {
        await world.close();
      }
    });

  describe(`${harness.name} keeps the datastore contract`, () => {
    opened("all that is there is given once, then synced is said", everyKind(), async ({ said }) => {
      const first = said.events.findIndex((event) => event.type === "synced");
      assert.deepEqual(said.synced(), NOTHING);
      for (const resource of everyKind()) {
        const at = said.events.findIndex(
          (event) =>
            event.type === "set" && event.stored.kind === resource.kind && event.stored.name === nameOf(resource),
        );
        assert.ok(at >= 0 && at < first, `${keyOf(resource)} is given before synced`);
        assert.deepEqual(said.saidOf(resource.kind, nameOf(resource)), ["set"], keyOf(resource));
        assertHolds(said, resource);
      }
    });

    opened("an empty store is synced too", [], async ({ said }) => {
      assert.equal(ownOf(said).length, 0);
      assert.deepEqual(said.synced(), NOTHING);
      const status = said.status();
      assert.ok(status === undefined || status.state === "connected");
    });

    opened("what is stored names its origin", [peer("tor-a")], async ({ said }) => {
      assert.ok((said.view.get("BGPPeer/tor-a")?.origin ?? "").length > 0);
    });

    for (const [at, made] of everyKind().entries())
      opened(`a ${made.kind} that is made, changed and deleted is said each time`, [], async ({ world, said }) => {
        await world.put(made);
        await said.until("it is there", () => holds(said, made));
        const changed = everyKind("changed")[at]!;
        await world.put(changed);
        await said.until("it has changed", () => holds(said, changed));
        await world.remove(made.kind, nameOf(made));
        await said.until("it is gone", () => !said.view.has(keyOf(made)));
        assert.equal(said.saidOf(made.kind, nameOf(made)).at(-1), "delete");
      });

    opened("changes of one object come in their order", [], async ({ world, said }) => {
      for (let priority = 1; priority <= 30; priority++) await world.put(peer("tor-a", 65000 + priority));
      await said.until("the last form", () => holds(said, peer("tor-a", 65030)));
      const asns = said.events.flatMap((event) =>
        event.type === "set" && event.stored.name === "tor-a" ? [asnOf(event.stored.object)] : [],
      );
      assert.deepEqual(asns, [...new Set(asns)].sort(), "each form at most once, none after a newer one");
    });

    opened("an object deleted and made again stands in its new form", [peer("tor-a")], async ({ world, said }) => {
      for (let turn = 1; turn <= 10; turn++) {
        await world.remove("BGPPeer", "tor-a");
        await world.put(peer("tor-a", 65100 + turn));
      }
      await said.until("the last form", () => holds(said, peer("tor-a", 65110)));
    });

    opened("a change of one object says nothing of others", [peer("tor-a"), peer("tor-b")], async ({ world, said }) => {
      await world.put(peer("tor-b", 65002));
      await said.until("the change", () => holds(said, peer("tor-b", 65002)));
      assert.deepEqual(said.saidOf("BGPPeer", "tor-a"), ["set"]);
    });

    if (hasUnreadable)
      opened(
        "an object that cannot be read is given with its fault, and with its content once it can be",
        [peer("tor-b")],
        async ({ world, said }) => {
          await world.putUnreadable!("tor-a");
          await said.until("the fault", () => said.view.get("BGPPeer/tor-a")?.fault !== undefined);
          const stored = said.view.get("BGPPeer/tor-a");
          assert.equal(stored?.object, undefined);
          assert.ok(stored?.fault && stored.origin);
          assertHolds(said, peer("tor-b"));
          await world.put(peer("tor-a"));
          await said.until("the content", () => holds(said, peer("tor-a")));
          assert.equal(said.view.get("BGPPeer/tor-a")?.fault, undefined);
        },
      );

    const own = affinity(NODE, "10.1.0.0/26");
    const other = affinity("node-b", "10.1.0.64/26");
    opened("only the own node's block affinities are given", [own, other], async ({ world, said }) => {
      assertHolds(said, own);
      await world.put(affinity("node-b", "10.1.0.128/26"));
      const next = affinity(NODE, "fd00:1::/122");
      await world.put(next);
      await said.until("the next of its own", () => holds(said, next));
      assert.deepEqual(ownOf(said, "BlockAffinity"), [keyOf(own), keyOf(next)].sort());
    });

    opened(
      "block affinities are not read where pod CIDRs serve",
      [own, peer("tor-a")],
      async ({ said }) => {
        assertHolds(said, peer("tor-a"));
        assert.deepEqual(ownOf(said, "BlockAffinity"), []);
      },
      { podCidrs: true },
    );

    opened("a widened interest is satisfied and said", [], async ({ said, datastore }) => {
      const wanted: Interest = { secrets: ["kube-system/bgp"], services: true };
      datastore.want(wanted);
      await said.until("synced with it", () => isSame(said.synced(), wanted));
      assert.deepEqual(ownOf(said), []);
    });

    if (harness.hasServices) servicesContract(opened);

    opened("a closed datastore says nothing more", [peer("tor-a")], async ({ world, said, datastore }) => {
      await datastore.close();
      const before = said.events.length;
      await world.put(peer("tor-a", 65009));
      await world.put(peer("tor-z"));
      const second = createRecorder();
      const other = await world.open({ node: NODE, podCidrs: false, onEvent: second.onEvent });
      await second.until("another datastore sees it", () => holds(second, peer("tor-z")));
      await other.close();
      assert.equal(said.events.length, before);
      await datastore.close();
    });

    const peers = Array.from({ length: many }, (_, at) => peer(`p${at}`, 65000 + (at % 500)));
    opened(`${many} objects are all given, and a change among them alone`, peers, async ({ world, said }) => {
      for (const resource of peers) assertHolds(said, resource);
      const before = said.events.length;
      await world.put(peer("p7", 64999));
      await said.until("the change", () => holds(said, peer("p7", 64999)));
      const changed = said.events.slice(before).flatMap((event) => (event.type === "set" ? [event.stored.name] : []));
      assert.deepEqual(changed, ["p7"]);
    });

    opened("a burst of changes ends exact", [], async ({ world, said }) => {
      const expected = new Map<string, PlainResource>();
      for (let turn = 0; turn < 20; turn++) {
        const changes: Promise<void>[] = [];
        for (let at = 0; at < 15; at++) {
          const name = `p${at}`;
          if ((turn * 7 + at * 3) % 5 === 0) {
            if (expected.delete(name)) changes.push(world.remove("BGPPeer", name));
          } else {
            const resource = peer(name, 65000 + turn);
            expected.set(name, resource);
            changes.push(world.put(resource));
          }
        }
        await Promise.all(changes);
      }
      await world.put(peer("end"));
      expected.set("end", peer("end"));
      await said.until("all of it", () => {
        const there = ownOf(said, "BGPPeer");
        return there.length === expected.size && [...expected.values()].every((resource) => holds(said, resource));
      });
    });

    for (const forget of [false, true])
      opened(
        `after a gap ${forget ? "whose history is gone " : ""}the difference is said, deletes too, and nothing else`,
        [peer("stays"), peer("changes"), peer("goes"), pool("pool-stays")],
        async ({ world, said }) => {
          await world.breakConnection();
          await said.until("it says that it fails", () => said.status()?.state === "failing");
          const status = said.status()!;
          assert.ok(status.state === "failing" && status.reason.length > 10, "with a reason");
          assert.equal(ownOf(said).length, 4, "what was given stays");
          const since = said.events.length;
          await world.put(peer("changes", 65077));
          await world.remove("BGPPeer", "goes");
          await world.put(peer("comes"));
          await world.restore(forget);
          await said.until("the changes", () => holds(said, peer("changes", 65077)) && holds(said, peer("comes")));
          await said.until("the delete", () => !said.view.has("BGPPeer/goes"));
          await said.until("it is connected", () => said.status()?.state === "connected");
          await world.put(peer("marker"));
          await said.until("it goes on", () => holds(said, peer("marker")));
          assert.deepEqual(said.saidOf("BGPPeer", "stays", since), []);
          assert.deepEqual(said.saidOf("IPPool", "pool-stays", since), []);
          assert.deepEqual(said.saidOf("BGPPeer", "changes", since), ["set"]);
          assert.deepEqual(said.saidOf("BGPPeer", "goes", since), ["delete"]);
          assert.deepEqual(said.saidOf("BGPPeer", "comes", since), ["set"]);
        },
      );
  });
}

interface Open {
  readonly world: DatastoreWorld;
  readonly said: Recorder;
  readonly datastore: Datastore;
}

type Opened = (claim: string, before: readonly PlainResource[], body: (open: Open) => Promise<void>) => void;

/** For stores that hold Services, EndpointSlices and Secrets. */
function servicesContract(opened: Opened): void {
  const inTwo = [secret("bgp", "YQ=="), secret("other", "Yg=="), service("web"), slice("web-1", "web")];

  opened("secrets and services are given only once they are wanted", inTwo, async ({ said, datastore }) => {
    assert.deepEqual(ownOf(said), []);
    const wanted: Interest = { secrets: ["kube-system/bgp"], services: true };
    datastore.want(wanted);
    await said.until("synced with it", () => isSame(said.synced(), wanted));
    assertHolds(said, inTwo[0]!);
    assertHolds(said, inTwo[2]!);
    assertHolds(said, inTwo[3]!);
    assert.deepEqual(ownOf(said, "Secret"), ["Secret/kube-system/bgp"]);
  });

  opened("a wanted secret that is not there is given as soon as it is", [], async ({ world, said, datastore }) => {
    const wanted: Interest = { secrets: ["kube-system/bgp"], services: false };
    datastore.want(wanted);
    await said.until("synced with it", () => isSame(said.synced(), wanted));
    await world.put(secret("bgp", "YQ=="));
    await said.until("it is there", () => holds(said, secret("bgp", "YQ==")));
    await world.put(secret("bgp", "Yg=="));
    await said.until("it has changed", () => holds(said, secret("bgp", "Yg==")));
    await world.remove("Secret", "kube-system/bgp");
    await said.until("it is gone", () => !said.view.has("Secret/kube-system/bgp"));
  });

  opened("what is no longer wanted is forgotten", inTwo, async ({ said, datastore }) => {
    const both: Interest = { secrets: ["kube-system/bgp", "kube-system/other"], services: true };
    datastore.want(both);
    await said.until("synced with both", () => isSame(said.synced(), both));
    datastore.want({ secrets: ["kube-system/other"], services: false });
    await said.until("only the other is left", () => isSame(ownOf(said), ["Secret/kube-system/other"]));
  });

  opened("services and their endpoints are followed", inTwo, async ({ world, said, datastore }) => {
    const wanted: Interest = { secrets: [], services: true };
    datastore.want(wanted);
    await said.until("synced with it", () => isSame(said.synced(), wanted));
    await world.put(service("web", "Cluster"));
    await said.until("the service has changed", () => holds(said, service("web", "Cluster")));
    await world.remove("EndpointSlice", "default/web-1");
    await said.until("the slice is gone", () => !said.view.has("EndpointSlice/default/web-1"));
    await world.remove("Service", "default/web");
    await said.until("the service is gone", () => !said.view.has("Service/default/web"));
  });
}

async function putAll(world: DatastoreWorld, resources: readonly PlainResource[]): Promise<void> {
  if (world.putAll !== undefined) return world.putAll(resources);
  const AT_ONCE = 50;
  for (let at = 0; at < resources.length; at += AT_ONCE)
    await Promise.all(resources.slice(at, at + AT_ONCE).map((resource) => world.put(resource)));
}

/** `Kind/name` of everything in the view (of one kind), sorted; what a real API server has of its own is left out. */
function ownOf(said: Recorder, kind?: Kind): string[] {
  const ownNames = /^(Service|EndpointSlice)\/default\/kubernetes$/;
  return [...said.view.keys()]
    .filter((key) => (kind === undefined || key.startsWith(`${kind}/`)) && !ownNames.test(key))
    .sort();
}

function holds(said: Recorder, resource: PlainResource): boolean {
  const stored = said.view.get(keyOf(resource));
  return stored?.object !== undefined && contains(stored.object, fieldsOf(resource));
}

function assertHolds(said: Recorder, resource: PlainResource): void {
  const key = keyOf(resource);
  assert.ok(said.view.has(key), `${key} is given`);
  if (!holds(said, resource)) assert.deepEqual(said.view.get(key)?.object, fieldsOf(resource));
}

function fieldsOf({ apiVersion: _, ...fields }: PlainResource): Record<string, unknown> {
  return fields;
}

/** All that `expected` has is in `given`; a store may add more (uid, defaults). */
function contains(given: unknown, expected: unknown): boolean {
  if (typeof expected !== "object" || expected === null) return given === expected;
  if (typeof given !== "object" || given === null) return false;
  if (Array.isArray(expected))
    return (
      Array.isArray(given) &&
      given.length === expected.length &&
      expected.every((value, at) => contains(given[at], value))
    );
  return Object.entries(expected).every(([field, value]) => contains((given as Record<string, unknown>)[field], value));
}

function isSame(left: unknown, right: unknown): boolean {
  try {
    assert.deepEqual(left, right);
    return true;
  } catch {
    return false;
  }
}

function asnOf(object: Readonly<Record<string, unknown>> | undefined): number {
  return (object as { readonly spec: { readonly asNumber: number } }).spec.asNumber;
}

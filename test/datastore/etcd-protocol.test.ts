/** The dialogue with etcd in the order and the cases that a real server gives only by chance. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { status } from "@grpc/grpc-js";
import type { EtcdOptions } from "../../src/confgen/datastore/etcd-options.ts";
import { openEtcdDatastore } from "../../src/io/datastore/etcd/datastore.ts";
import { DELETE_EVENT, type KeyValue } from "../../src/io/datastore/etcd/messages.ts";
import type { EtcdTuning } from "../../src/io/datastore/etcd/tuning.ts";
import { createRecorder, type Recorder } from "../contract/datastore-recorder.ts";
import { NODE, peer } from "../contract/datastore-resources.ts";
import { FAST, pairOf } from "./etcd-world.ts";
import { confirm, type FakeEtcd, type FakeScript, HEADER, startFakeEtcd } from "./fake-etcd.ts";

const USER = { username: "calico", password: "secret" };
/** Index of the range of BGPPeers, which is the id of its watch. */
const PEERS = 2;
const RANGES = 6;

async function following(
  script: FakeScript,
  body: (said: Recorder, fake: FakeEtcd) => Promise<void>,
  options: Partial<EtcdOptions & EtcdTuning> = {},
): Promise<void> {
  const fake = await startFakeEtcd(script);
  const said = createRecorder();
  const datastore = openEtcdDatastore(
    { ...options, node: NODE, podCidrs: false, endpoints: [fake.url], onEvent: said.onEvent },
    { ...FAST, keepaliveMs: 10_000, ...options },
  );
  try {
    await body(said, fake);
  } finally {
    await datastore.close();
    fake.close();
  }
}

const connects = (said: Recorder) => said.until("connected", () => said.status()?.state === "connected");
const failing = (said: Recorder) =>
  said.events.filter((event) => event.type === "status" && event.status.state === "failing");
const reasonOf = (said: Recorder) => {
  const last = said.status();
  return last?.state === "failing" ? last.reason : "";
};

function put(name: string, modRevision: number, asn = 65001) {
  const [key, value] = pairOf(peer(name, asn));
  return { type: 0, kv: { key: Buffer.from(key), value: Buffer.from(value), modRevision } };
}

function gone(name: string, modRevision: number) {
  return { type: DELETE_EVENT, kv: { ...put(name, modRevision).kv, value: Buffer.alloc(0) } };
}

function isPeers(key: Uint8Array): boolean {
  return Buffer.from(key).includes("/bgppeers/");
}

describe("the dialogue with etcd", () => {
  test("everything is read at one revision, confirmed by the cluster, and watched from the next", async () => {
    const page = [put("a", 5).kv, put("b", 6).kv];
    const next = [put("c", 7).kv];
    const onRange: FakeScript["onRange"] = ({ key }) => {
      if (!isPeers(key)) return undefined;
      return Buffer.from(key).includes("/b\0") ? { kvs: next } : { kvs: page, more: true };
    };
    await following({ onRange }, async (said, fake) => {
      await connects(said);
      assert.deepEqual([...said.view.keys()], ["BGPPeer/a", "BGPPeer/b", "BGPPeer/c"]);
      assert.deepEqual(
        fake.ranges.map(({ request }) => request.revision),
        [0, ...Array<number>(RANGES).fill(100)],
      );
      assert.ok(fake.ranges.every(({ request }) => !request.serializable && request.limit > 0));
      const { creates } = fake.watches[0]!;
      assert.equal(creates.length, RANGES);
      assert.ok(creates.every((create) => create.startRevision === 101 && create.fragment && create.progressNotify));
    });
  });

  test("a listing whose revision is compacted before its end begins again, and its first half was not said", async () => {
    const onRange: FakeScript["onRange"] = ({ key }, call) => {
      if (call === PEERS) return { kvs: [put("old", 5).kv] };
      if (call === PEERS + 1)
        return { code: status.OUT_OF_RANGE, details: "etcdserver: mvcc: required revision has been compacted" };
      return isPeers(key) ? { kvs: [put("new", 101).kv] } : undefined;
    };
    await following({ onRange }, async (said) => {
      await connects(said);
      assert.deepEqual([...said.view.keys()], ["BGPPeer/new"]);
      assert.deepEqual(said.saidOf("BGPPeer", "old"), []);
      assert.deepEqual(failing(said), []);
    });
  });

  test("a history that is compacted whenever it is watched is a failure, not a loop", async () => {
    const onCreate: FakeScript["onCreate"] = (watch, watchId) =>
      watch.send({ watchId, created: false, canceled: true, compactRevision: 200 });
    await following({ onCreate }, async (said) => {
      await said.until("a failure", () => /history was compacted/.test(reasonOf(said)));
    });
  });

  test("a change that says nothing of its key has everything listed again", async () => {
    const onCreate: FakeScript["onCreate"] = (watch, watchId) => {
      confirm(watch, watchId);
      if (watchId === RANGES - 1 && isFirst) watch.send({ watchId: PEERS, events: [{ type: 0 } as never] });
      if (watchId === RANGES - 1) isFirst = false;
    };
    let isFirst = true;
    const onRange: FakeScript["onRange"] = ({ key }) =>
      !isFirst && isPeers(key) ? { kvs: [put("missed", 101).kv] } : undefined;
    await following({ onCreate, onRange }, async (said) => {
      await said.until("what was missed", () => said.view.has("BGPPeer/missed"));
      await connects(said);
    });
  });

  test("a response in fragments is taken whole: cut off before its end it is said once, by its repetition", async () => {
    let first = true;
    const events = [put("a", 101), put("b", 101), put("a", 102, 65002), gone("b", 103)];
    const onCreate: FakeScript["onCreate"] = (watch, watchId) => {
      confirm(watch, watchId);
      if (watchId !== RANGES - 1) return;
      if (first) {
        watch.send({ watchId: PEERS, events: events.slice(0, 1), fragment: true });
        watch.send({ watchId: PEERS, events: events.slice(1, 3), fragment: true });
        watch.fail(status.UNAVAILABLE, "gone");
      } else {
        watch.send({ watchId: PEERS, events: events.slice(0, 2), fragment: true });
        watch.send({ watchId: PEERS, events: events.slice(2) });
      }
      first = false;
    };
    await following({ onCreate }, async (said, fake) => {
      await said.until("all of it", () => said.saidOf("BGPPeer", "b").includes("delete"));
      assert.deepEqual(said.saidOf("BGPPeer", "a"), ["set", "set"]);
      assert.deepEqual(said.saidOf("BGPPeer", "b"), ["set", "delete"]);
      assert.deepEqual(
        fake.watches.map(({ creates }) => creates[PEERS]!.startRevision),
        [101, 101],
      );
    });
  });

  test("each watch goes on from its own place after a cut, signs of progress included", async () => {
    const onCreate: FakeScript["onCreate"] = (watch, watchId) => {
      confirm(watch, watchId, { ...HEADER, revision: 300 });
      if (watchId !== RANGES - 1 || watch.creates[0]!.startRevision > 101) return;
      watch.send({ watchId: PEERS, events: [put("a", 150)], header: { ...HEADER, revision: 300 } });
      watch.send({ watchId: 0, header: { ...HEADER, revision: 200 } });
      watch.fail(status.UNAVAILABLE, "gone");
    };
    await following({ onCreate }, async (said, fake) => {
      await said.until("again", () => fake.watches.length === 2 && said.status()?.state === "connected");
      assert.deepEqual(
        fake.watches[1]!.creates.map((create) => create.startRevision),
        [201, 101, 151, 101, 101, 101],
      );
      assert.deepEqual(said.saidOf("BGPPeer", "a"), ["set"]);
    });
  });

  for (const details of ["etcdserver: invalid auth token", "etcdserver: revision of auth store is old"])
    test(`"${details}" to a read leads to another token, and the listing goes on`, async () => {
      const onRange: FakeScript["onRange"] = (_request, call) =>
        call === 3 ? { code: status.UNAUTHENTICATED, details } : undefined;
      await following(
        { onRange },
        async (said, fake) => {
          await connects(said);
          assert.deepEqual(failing(said), []);
          assert.equal(fake.ranges[3]!.token, "token-0");
          assert.equal(fake.ranges.at(-1)!.token, "token-1");
          assert.equal(fake.watches[0]!.token, "token-1");
        },
        USER,
      );
    });

  for (const details of [
    "etcdserver: invalid auth token",
    "rpc error: code = PermissionDenied desc = etcdserver: permission denied",
  ])
    test(`a watch that is refused by "${details}" goes on with another token from where it was`, async () => {
      const onCreate: FakeScript["onCreate"] = (watch, watchId) => {
        confirm(watch, watchId, { ...HEADER, revision: 120 });
        if (watchId !== RANGES - 1 || watch.token !== "token-0") return;
        watch.send({ watchId: PEERS, events: [put("a", 110)] });
        watch.send({ watchId: PEERS, canceled: true, cancelReason: details });
      };
      await following(
        { onCreate },
        async (said, fake) => {
          await said.until("the second stream", () => said.events.filter(({ type }) => type === "status").length === 2);
          assert.deepEqual(failing(said), []);
          assert.equal(fake.watches[1]!.token, "token-1");
          assert.equal(fake.watches[1]!.creates[PEERS]!.startRevision, 111);
          fake.watches[1]!.send({ watchId: PEERS, events: [put("b", 111)] });
          await said.until("b", () => said.view.has("BGPPeer/b"));
          assert.deepEqual(said.saidOf("BGPPeer", "a"), ["set"]);
          assert.equal(fake.ranges.length, RANGES, "nothing is listed again");
        },
        USER,
      );
    });

  test("a watch that stays forbidden is a failure that names its keys", async () => {
    const onCreate: FakeScript["onCreate"] = (watch, watchId) => {
      const canceled = { canceled: true, cancelReason: "etcdserver: permission denied" };
      if (watchId === PEERS) watch.send({ watchId: -1, created: true, ...canceled });
      else confirm(watch, watchId);
    };
    await following(
      { onCreate },
      (said) =>
        said.until("the failure", () =>
          /user calico may not watch \/calico\/resources\/v3\/projectcalico.org\/bgppeers\//.test(reasonOf(said)),
        ),
      USER,
    );
  });

  for (const [claim, header] of [
    ["a server of another cluster", { ...HEADER, clusterId: 8 }],
    ["a server that was set back to an earlier revision", { ...HEADER, revision: 60 }],
    ["a server whose terms began anew", { ...HEADER, raftTerm: 1 }],
  ] as const)
    test(`${claim} is listed anew, and what it lacks is deleted`, async () => {
      let lists = 0;
      const onRange: FakeScript["onRange"] = ({ key }, call) => {
        if (call % RANGES === 0) lists++;
        if (lists === 1) return isPeers(key) ? { kvs: [put("stays", 5).kv, put("goes", 6).kv] } : {};
        return { header, ...(isPeers(key) ? { kvs: [put("stays", 50).kv] } : {}) };
      };
      const onCreate: FakeScript["onCreate"] = (watch, watchId) => confirm(watch, watchId, header);
      await following({ onRange, onCreate }, async (said, fake) => {
        await connects(said);
        assert.deepEqual([...said.view.keys()], ["BGPPeer/stays"]);
        assert.deepEqual(said.saidOf("BGPPeer", "stays"), ["set"]);
        assert.equal(fake.watches.at(-1)!.creates[0]!.startRevision, header.revision + 1);
      });
    });

  test("a server that never confirms a watch is bounded by the deadline", async () => {
    await following(
      { onCreate: () => {} },
      (said) => said.until("the failure", () => /no answer within 0\.1 s to the request to watch/.test(reasonOf(said))),
      { requestMs: 100 },
    );
  });

  test("a key of the ranges that is no resource is left alone", async () => {
    const odd: KeyValue = {
      ...put("a", 5).kv,
      key: Buffer.from("/calico/resources/v3/projectcalico.org/bgppeers/x/y"),
    };
    await following({ onRange: ({ key }) => (isPeers(key) ? { kvs: [odd] } : undefined) }, async (said, fake) => {
      await connects(said);
      fake.watches[0]!.send({ watchId: PEERS, events: [{ type: DELETE_EVENT, kv: odd }, put("b", 101)] });
      await said.until("b", () => said.view.has("BGPPeer/b"));
      assert.equal(said.view.size, 1);
    });
  });

  test("closing in the midst of anything ends at once and says nothing more", async () => {
    for (const script of [{}, { onCreate: () => {} }] satisfies FakeScript[]) {
      const fake = await startFakeEtcd(script);
      const said = createRecorder();
      const options = { node: NODE, podCidrs: false, endpoints: [fake.url], onEvent: said.onEvent };
      const datastore = openEtcdDatastore(options, FAST);
      await said.until("something", () => said.events.length > 0);
      const before = said.events.length;
      await datastore.close();
      datastore.want({ secrets: ["a/b"], services: true });
      fake.close();
      assert.equal(said.events.length, before);
    }
  });
});

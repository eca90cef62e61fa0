/** What etcd and the network do to a datastore that is being followed: what was given stays, and recovery is exact. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type EtcdServer, startEtcd, startEtcdCluster } from "../../interop/etcd-server.ts";
import { startFaultyProxy } from "../../interop/faulty-proxy.ts";
import { requires } from "../../interop/requires.ts";
import type { DatastoreOptions } from "../../src/confgen/datastore/datastore.ts";
import { openEtcdDatastore } from "../../src/io/datastore/etcd/datastore.ts";
import type { EtcdTuning } from "../../src/io/datastore/etcd/tuning.ts";
import { createRecorder, type Recorder } from "../contract/datastore-recorder.ts";
import { keyOf, NODE, peer } from "../contract/datastore-resources.ts";
import { type EtcdWorld, etcdWorld, FAST, pairOf } from "./etcd-world.ts";

const skip = await requires("debian-packages");

/** Opens over three peers, hands them in as known, and closes everything. */
async function following(
  server: EtcdServer,
  body: (world: EtcdWorld, said: Recorder) => Promise<void>,
  tuning: Partial<EtcdTuning> = {},
): Promise<void> {
  const world = await etcdWorld(server, {}, tuning);
  try {
    for (const name of ["stays", "changes", "goes"]) await world.put(peer(name));
    const said = createRecorder();
    const datastore = await world.open(optionsFor(said));
    try {
      await said.until("it follows", () => said.status()?.state === "connected");
      await body(world, said);
    } finally {
      await datastore.close();
    }
  } finally {
    await world.close();
  }
}

function optionsFor({ onEvent }: Recorder): DatastoreOptions {
  return { node: NODE, podCidrs: false, onEvent };
}

function reasonOf(said: Recorder): string {
  const status = said.status();
  return status?.state === "failing" ? status.reason : "";
}

/** The changes that are made while nothing is heard, and the proof that each was said once and nothing else was. */
async function changeMeanwhile(world: { put: EtcdWorld["put"]; remove: EtcdWorld["remove"] }): Promise<void> {
  await world.put(peer("changes", 65002));
  await world.remove("BGPPeer", "goes");
  await world.put(peer("comes"));
}

async function recovers(said: Recorder, since: number): Promise<void> {
  await said.until("the last change", () => said.view.has("BGPPeer/comes") && !said.view.has("BGPPeer/goes"));
  await said.until("it is connected", () => said.status()?.state === "connected");
  assert.deepEqual([...said.view.keys()].sort(), ["BGPPeer/changes", "BGPPeer/comes", "BGPPeer/stays"]);
  assert.deepEqual(said.saidOf("BGPPeer", "stays", since), []);
  assert.deepEqual(said.saidOf("BGPPeer", "changes", since), ["set"]);
  assert.deepEqual(said.saidOf("BGPPeer", "goes", since), ["delete"]);
  assert.deepEqual(said.saidOf("BGPPeer", "comes", since), ["set"]);
}

describe("one server", { skip }, () => {
  let server: EtcdServer;
  before(async () => {
    server = await startEtcd();
  });
  after(() => server?.close());

  test("a server that is away is named with its reason and the time of the next attempt; its return is exact", async () => {
    await following(server, async (world, said) => {
      const since = said.events.length;
      await server.stop();
      await world.proxy.refuse();
      await said.until("refused", () => /^http:\/\/127\.0\.0\.1:\d+: connection refused$/.test(reasonOf(said)));
      const status = said.status()!;
      assert.ok(status.state === "failing" && status.retryAt !== undefined);
      assert.equal(said.view.size, 3, "what was given stays");
      await server.start();
      await changeMeanwhile(world);
      await world.proxy.forward();
      await recovers(said, since);
    });
  });

  test("a history that was compacted meanwhile is made good by a listing", async () => {
    await following(server, async (world, said) => {
      const since = said.events.length;
      await world.proxy.refuse();
      await changeMeanwhile(world);
      await server.compact();
      await world.proxy.forward();
      await recovers(said, since);
    });
  });

  test("a connection that is dead without an end is found by keepalives", async () => {
    await following(
      server,
      async (world, said) => {
        const since = said.events.length;
        world.proxy.fallSilent();
        await said.until("it fails", () => said.status()?.state === "failing");
        await changeMeanwhile(world);
        await said.until("a silent server is named", () => /no answer within 0\.4 s/.test(reasonOf(said)));
        assert.equal(said.view.size, 3);
        await world.proxy.forward();
        await recovers(said, since);
      },
      { keepaliveMs: 50, keepaliveTimeoutMs: 400, requestMs: 400 },
    );
  });

  test("a server that stands still is bounded by deadlines, and followed again when it moves", async () => {
    await following(
      server,
      async (world, said) => {
        const since = said.events.length;
        server.freeze();
        await said.until("it fails", () => said.status()?.state === "failing");
        await said.until("it says why", () => /no answer within 0\.5 s/.test(reasonOf(said)));
        server.thaw();
        await changeMeanwhile(world);
        await recovers(said, since);
      },
      { keepaliveMs: 50, keepaliveTimeoutMs: 500, requestMs: 500 },
    );
  });

  test("a slow network loses nothing", async () => {
    await following(server, async (world, said) => {
      const since = said.events.length;
      world.proxy.slowDown(7);
      world.proxy.cut();
      const many = Array.from({ length: 300 }, (_, at) => peer(`p${at}`));
      await server.putAll(many.map(pairOf));
      await said.until("all of it", () => many.every((resource) => said.view.has(keyOf(resource))));
      for (const { metadata } of many) assert.deepEqual(said.saidOf("BGPPeer", metadata.name, since), ["set"]);
    });
  });

  test("connections that are cut again and again while the store changes end exact", async () => {
    await following(server, async (world, said) => {
      for (let turn = 0; turn < 40; turn++) {
        await world.put(peer(`p${turn % 7}`, 65000 + turn));
        if (turn % 3 === 0) await world.remove("BGPPeer", `p${(turn + 3) % 7}`);
        if (turn % 5 === 0) world.proxy.cut();
        if (turn % 10 === 9) await server.compact();
      }
      await world.put(peer("end"));
      await said.until("the end", () => said.view.has("BGPPeer/end"));
      const fresh = createRecorder();
      const other = await world.open(optionsFor(fresh));
      await fresh.until("a fresh start", () => fresh.synced() !== undefined);
      await other.close();
      assert.deepEqual(objectsOf(said), objectsOf(fresh));
    });
  });

  test("what is written again as it was is not said again", async () => {
    await following(server, async (world, said) => {
      const since = said.events.length;
      await world.put(peer("stays"));
      await world.put(peer("marker"));
      await said.until("the marker", () => said.view.has("BGPPeer/marker"));
      assert.deepEqual(said.saidOf("BGPPeer", "stays", since), []);
    });
  });

  test("the keys of v1 are followed where they are asked for", async () => {
    await server.removeAll("/calico/");
    await server.put("/calico/bgp/v1/global/as_num", "64512");
    const said = createRecorder();
    const options = { ...optionsFor(said), endpoints: [server.url], layout: "v1" } as const;
    const datastore = openEtcdDatastore(options, FAST);
    try {
      await said.until("it follows", () => said.status()?.state === "connected");
      assert.deepEqual(said.view.get("BGPConfiguration/default")?.object?.spec, { asNumber: 64512 });
      await server.put("/calico/bgp/v1/host/n1/peer_v4/10.0.0.9", '{"ip":"10.0.0.9","as_num":"65001"}');
      await said.until("the peer", () => said.view.has("BGPPeer/n1.10-0-0-9"));
    } finally {
      await datastore.close();
    }
  });

  test("a server whose data were set back is listed anew", async () => {
    const first = await startEtcd();
    const second = await startEtcd();
    let port = first.port;
    const proxy = await startFaultyProxy(() => port);
    const said = createRecorder();
    const datastore = openEtcdDatastore({ ...optionsFor(said), endpoints: [`http://127.0.0.1:${proxy.port}`] }, FAST);
    try {
      for (const name of ["stays", "changes", "goes"]) await first.put(...pairOf(peer(name)));
      await said.until("it follows", () => said.view.size === 3 && said.status()?.state === "connected");
      const since = said.events.length;
      await second.putAll([peer("stays"), peer("changes", 65002), peer("comes")].map(pairOf));
      port = second.port;
      proxy.cut();
      await recovers(said, since);
    } finally {
      await datastore.close();
      await proxy.close();
      await Promise.all([first.close(), second.close()]);
    }
  });
});

describe("a cluster of three", { skip }, () => {
  let members: readonly EtcdServer[];
  before(async () => {
    members = await startEtcdCluster(3);
  });
  after(() => Promise.all((members ?? []).map((member) => member.close())));

  test("another member takes over from one that ends", async () => {
    const said = createRecorder();
    await members[0]!.putAll([peer("stays"), peer("changes"), peer("goes")].map(pairOf));
    const endpoints = members.map(({ url }) => url);
    const datastore = openEtcdDatastore({ ...optionsFor(said), endpoints }, FAST);
    try {
      await said.until("it follows", () => said.status()?.state === "connected");
      const since = said.events.length;
      await members[0]!.stop();
      const other = members[1]!;
      const remove = () => other.remove(pairOf(peer("goes"))[0]);
      await eventually(() => changeMeanwhile({ put: (resource) => other.put(...pairOf(resource)), remove }));
      await recovers(said, since);
    } finally {
      await datastore.close();
      await members[0]!.start();
    }
  });

  test("a cluster without a leader says so, and is followed when it has one", async () => {
    const [kept, ...others] = members;
    await kept!.removeAll("/calico/");
    await kept!.putAll([peer("stays"), peer("changes"), peer("goes")].map(pairOf));
    const said = createRecorder();
    const datastore = openEtcdDatastore({ ...optionsFor(said), endpoints: [kept!.url] }, FAST);
    try {
      await said.until("it follows", () => said.status()?.state === "connected");
      const since = said.events.length;
      await Promise.all(others.map((member) => member.stop()));
      await said.until("no leader", () => /has no leader: more than half of its members/.test(reasonOf(said)));
      assert.equal(said.view.size, 3, "what was given stays");
      await Promise.all(others.map((member) => member.start()));
      const remove = () => kept!.remove(pairOf(peer("goes"))[0]);
      await eventually(() => changeMeanwhile({ put: (resource) => kept!.put(...pairOf(resource)), remove }));
      await recovers(said, since);
    } finally {
      await datastore.close();
    }
  });

  test("endpoints that fail for one reason are named together", async () => {
    const said = createRecorder();
    const endpoints = ["http://127.0.0.1:1", "http://127.0.0.1:2"];
    const datastore = openEtcdDatastore({ ...optionsFor(said), endpoints }, FAST);
    await said.until("both", () => reasonOf(said) === "http://127.0.0.1:1, http://127.0.0.1:2: connection refused");
    await datastore.close();
  });

  test("the endpoints that SRV records name are tried by priority", async () => {
    const said = createRecorder();
    const asked: string[] = [];
    const resolveSrv = async (name: string) => {
      asked.push(name);
      if (name !== "_etcd-client._tcp.example.org") throw Object.assign(new Error(), { code: "ENOTFOUND" });
      const target = { name: "localhost.", weight: 0 };
      return [
        { ...target, port: 1, priority: 20 },
        { ...target, port: members[0]!.port, priority: 10 },
      ];
    };
    const tuning = { ...FAST, resolveSrv };
    const datastore = openEtcdDatastore({ ...optionsFor(said), endpoints: [], discoverySrv: "example.org" }, tuning);
    await said.until("it is connected", () => said.status()?.state === "connected");
    await datastore.close();
    assert.deepEqual(said.events.filter(({ type }) => type === "status").length, 1);
    assert.deepEqual(asked.sort(), ["_etcd-client-ssl._tcp.example.org", "_etcd-client._tcp.example.org"]);
  });

  test("a domain without SRV records is named", async () => {
    const said = createRecorder();
    const resolveSrv = () => Promise.reject(Object.assign(new Error(), { code: "ENOTFOUND" }));
    const options = { ...optionsFor(said), endpoints: [], discoverySrv: "example.org" };
    const datastore = openEtcdDatastore(options, { ...FAST, resolveSrv });
    await said.until("it says so", () =>
      /no SRV record _etcd-client-ssl._tcp.example.org .*ENOTFOUND/.test(reasonOf(said)),
    );
    await datastore.close();
  });
});

/** A cluster that just lost a member refuses writes for a moment. */
async function eventually(work: () => Promise<void>): Promise<void> {
  for (let turn = 0; ; turn++) {
    try {
      await work();
      return;
    } catch (error) {
      if (turn === 100) throw error;
    }
  }
}

function objectsOf(said: Recorder): readonly string[] {
  return [...said.view].map(([key, { object }]) => `${key} ${JSON.stringify(object)}`).sort();
}

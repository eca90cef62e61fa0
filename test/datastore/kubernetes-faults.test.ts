/** What happens with an API server in trouble: what was given stays, the status says why and until when, recovery is exact. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { affinity, NODE, peer, pool, secret } from "../contract/datastore-resources.ts";
import { apiObject } from "./kubernetes-forms.ts";
import { isList, isWatch, openWorld } from "./kubernetes-world.ts";

describe("a version that the server has forgotten", () => {
  for (const gone of ["event", "status"] as const)
    test(`by ${gone === "event" ? "an event of the watch" : "HTTP 410"}: listed at once, the difference alone is said`, async (context) => {
      const world = await openWorld(context, {
        fake: { gone },
        before: [peer("stays"), peer("goes"), peer("changes")],
      });
      await world.watching();
      world.fake.intercept((seen) => (isWatch("bgppeers")(seen) ? { kind: "silence" } : undefined));
      const reopened = world.fake.nextRequest(isWatch("bgppeers"));
      world.fake.endWatches();
      await reopened;
      const since = world.said.events.length;
      world.remove(peer("goes"));
      world.put(peer("changes", 65002));
      world.put(peer("comes"));
      world.fake.store.compact();
      world.fake.intercept(undefined);
      const relisted = world.fake.nextRequest(isList("bgppeers"));
      world.fake.cutConnections();
      await relisted;
      await world.said.until("all of it", () => world.has(peer("comes")) && !world.has(peer("goes")));
      assert.deepEqual(world.said.saidOf("BGPPeer", "stays", since), []);
      assert.deepEqual(world.said.saidOf("BGPPeer", "changes", since), ["set"]);
      assert.equal(world.said.status()?.state, "connected");
    });

  test("within a list: listed again from its begin, in larger chunks, and exact", async (context) => {
    const peers = Array.from({ length: 1200 }, (_, at) => peer(`p${String(at).padStart(4, "0")}`));
    const chunks: (string | null)[] = [];
    const { fake, said, has } = await openWorld(context, {
      before: peers,
      intercept(seen) {
        if (!isList("bgppeers")(seen)) return undefined;
        chunks.push(seen.query.get("limit"));
        if (chunks.length !== 2) return undefined;
        fake.delete("BGPPeer", "crd.projectcalico.org/v1", "p0001");
        fake.store.compact();
        return undefined;
      },
    });
    await said.until("synced", () => said.synced() !== undefined);
    assert.deepEqual(chunks, ["500", "500", "2000"]);
    assert.ok(!has(peer("p0001")) && has(peer("p1199")));
    assert.equal([...said.view.keys()].length, 1199);
  });

  test("again and again: the server is not asked without end", async (context) => {
    const world = await openWorld(context, { before: [peer("stays")] });
    await world.watching();
    world.fake.intercept((seen) =>
      isWatch("bgppeers")(seen) ? { kind: "status", code: 410, reason: "Expired", message: "too old" } : undefined,
    );
    world.fake.endWatches();
    await world.failing(/410 too old/);
    assert.ok(world.has(peer("stays")));
    world.fake.intercept(undefined);
    await world.connected();
  });
});

describe("a rule that is missing", () => {
  test("is told as the role needs it; the rest goes on, and it is read as soon as it may be", async (context) => {
    const fake = { isAllowed: ({ plural }: { readonly plural: string }) => plural !== "ippools" };
    const world = await openWorld(context, { fake, before: [peer("tor-a"), pool("a")] });
    const reason = await world.failing(/ippools/);
    assert.match(
      reason,
      /^The API server forbids it \(403 ippools.crd.projectcalico.org is forbidden: User "anonymous"/,
    );
    assert.match(
      reason,
      /a ClusterRole of ours needs the rule \{apiGroups: \["crd.projectcalico.org"\], resources: \["ippools"\], verbs: \["get", "list", "watch"\]\}$/,
    );
    await world.said.until("peers", () => world.has(peer("tor-a")));
    assert.equal(world.said.synced(), undefined);
    world.fake.change({ isAllowed: () => true });
    world.retry();
    await world.said.until("synced", () => world.said.synced() !== undefined);
    assert.ok(world.has(pool("a")));
    assert.equal(world.said.status()?.state, "connected");
  });

  test("while it runs: what was given stays", async (context) => {
    const world = await openWorld(context, { before: [peer("tor-a")] });
    await world.watching();
    world.fake.change({ isAllowed: ({ plural }) => plural !== "bgppeers" });
    world.fake.endWatches();
    await world.failing(/cannot watch resource "bgppeers"/);
    assert.ok(world.has(peer("tor-a")));
    world.put(peer("tor-b"));
    world.fake.change({ isAllowed: () => true });
    world.retry();
    await world.said.until("what was missed", () => world.has(peer("tor-b")));
    await world.connected();
  });

  test("for one Secret: it is given with its fault, and everything else is synced", async (context) => {
    const fake = {
      isAllowed: ({ plural, name }: { readonly plural: string; readonly name?: string }) =>
        plural !== "secrets" || name !== "hidden",
    };
    const world = await openWorld(context, { fake, before: [secret("bgp", "YQ=="), secret("hidden", "Yg==")] });
    const wanted = { secrets: ["kube-system/bgp", "kube-system/hidden"], services: false };
    world.datastore.want(wanted);
    await world.said.until("synced", () => world.said.synced() === wanted);
    assert.match(
      world.said.view.get("Secret/kube-system/hidden")?.fault ?? "",
      /secrets "hidden" is forbidden.* a Role of ours in the namespace kube-system needs the rule .*resourceNames: \["hidden"\]/,
    );
    assert.equal(world.said.status()?.state, "connected");
    world.fake.change({ isAllowed: () => true });
    world.clock.advance(300);
    await world.said.until("it is read", () => world.said.view.get("Secret/kube-system/hidden")?.object !== undefined);
  });
});

describe("a server with errors of its own", () => {
  for (const { code, retryAfter } of [
    { code: 500, retryAfter: undefined },
    { code: 503, retryAfter: 17 },
    { code: 429, retryAfter: 5 },
  ])
    test(`${code}${retryAfter === undefined ? "" : ` with Retry-After ${retryAfter}`}: asked again no sooner, and all is there`, async (context) => {
      const world = await openWorld(context, {
        before: [peer("tor-a")],
        intercept: (seen) =>
          isList("bgppeers")(seen)
            ? {
                kind: "status",
                code,
                message: "etcd has no leader",
                ...(retryAfter === undefined ? {} : { retryAfter }),
              }
            : undefined,
      });
      await world.failing(new RegExp(`^The API server answers ${code} etcd has no leader$`));
      const status = world.said.status();
      assert.ok(status?.state === "failing");
      assert.ok(status.retryAt! >= (retryAfter ?? 0) * 1000);
      world.fake.intercept(undefined);
      world.retry();
      await world.said.until("synced", () => world.said.synced() !== undefined);
      assert.ok(world.has(peer("tor-a")));
    });

  test("an error in a watch: listed again, nothing lost", async (context) => {
    const world = await openWorld(context, { before: [peer("tor-a")] });
    await world.watching();
    world.fake.failWatches({ code: 500, reason: "InternalError", message: "decoding failed" });
    await world.failing(/ends a watch with 500 decoding failed/);
    world.put(peer("tor-b"));
    await world.connected();
    await world.said.until("what was missed", () => world.has(peer("tor-b")));
    assert.deepEqual(world.said.saidOf("BGPPeer", "tor-a"), ["set"]);
  });

  test("delays grow with each failure, up to a bound, and are small again after an answer", async (context) => {
    const world = await openWorld(context, { options: { kinds: ["BGPPeer"] }, collections: 1 });
    await world.watching();
    // Watches that have not just been opened.
    world.clock.advance(10_000);
    await world.fake.stop();
    const delays: number[] = [];
    for (let attempt = 0; attempt < 10; attempt++) {
      const before = world.said.events.length;
      if (attempt === 0) await world.failing(/Nothing listens/);
      else await world.said.until("the next failure", () => world.said.events.length > before);
      const status = world.said.status();
      assert.ok(status?.state === "failing");
      delays.push(status.retryAt! - world.clock.nowMs());
      if (attempt < 9) world.retry();
    }
    assert.equal(delays[0], Math.round(250 * 0.75));
    assert.ok(delays.every((delay, at) => delay >= (delays[at - 1] ?? 0)));
    assert.equal(delays.at(-1), 30_000 * 0.75);
    await world.fake.start();
    await world.connected();
  });
});

describe("a server that says nothing", () => {
  test("a watch without the bookmarks that came before is opened again, and what was missed comes", async (context) => {
    const world = await openWorld(context, { before: [peer("tor-a")] });
    await world.watching();
    world.put(peer("seen"));
    await world.said.until("the watch works", () => world.has(peer("seen")));
    world.fake.bookmark();
    world.put(peer("seen", 65002));
    await world.said.until("the bookmark has come", () => world.said.saidOf("BGPPeer", "seen").length === 2);
    world.fake.silence();
    world.put(peer("missed"));
    world.fake.speak();
    const reopened = world.fake.nextRequest(isWatch("bgppeers"));
    world.clock.advance(149_000);
    assert.ok(!world.has(peer("missed")));
    world.clock.advance(1_000);
    await reopened;
    await world.said.until("what was missed", () => world.has(peer("missed")));
    assert.deepEqual(world.said.saidOf("BGPPeer", "tor-a"), ["set"]);
    assert.deepEqual(
      world.said.events.filter((event) => event.type === "status" && event.status.state === "failing"),
      [],
    );
  });

  test("a watch that outlives its own timeout is opened again", async (context) => {
    const world = await openWorld(context);
    await world.watching();
    world.fake.silence();
    world.put(peer("missed"));
    world.fake.speak();
    // 240 s and half of 120 s are asked of the server, and it has 15 s more.
    const reopened = world.fake.nextRequest(isWatch("bgppeers"));
    world.clock.advance(315_000);
    await reopened;
    await world.said.until("what was missed", () => world.has(peer("missed")));
  });

  test("a list without an answer is given up after 30 s", async (context) => {
    const world = await openWorld(context, {
      before: [peer("tor-a")],
      intercept: (seen) => (isList("bgppeers")(seen) ? { kind: "silence" } : undefined),
    });
    await world.fake.nextRequest(isList("bgppeers"));
    world.clock.advance(30_000);
    await world.failing(/says nothing for 30 s/);
    world.fake.intercept(undefined);
    world.retry();
    await world.said.until("synced", () => world.said.synced() !== undefined);
  });

  test("a slow list is waited for while anything comes", async (context) => {
    const world = await openWorld(context, {
      before: [peer("tor-a"), peer("tor-b")],
      intercept: (seen) => (isList("bgppeers")(seen) ? { kind: "pieces", octets: 64 } : undefined),
      options: { kinds: ["BGPPeer"] },
    });
    await world.fake.nextRequest(isList("bgppeers"));
    while (world.said.synced() === undefined) {
      world.clock.advance(20_000);
      const looked = world.clock.looked();
      world.fake.goOn();
      await looked;
    }
    assert.ok(world.has(peer("tor-a")) && world.has(peer("tor-b")));
    assert.deepEqual(
      world.said.events.filter((event) => event.type === "status" && event.status.state === "failing"),
      [],
    );
  });
});

describe("connections that are cut", () => {
  test("watches go on where they were, without a word of it", async (context) => {
    const world = await openWorld(context, { before: [peer("tor-a")] });
    await world.watching();
    world.put(peer("tor-b"));
    await world.said.until("the watch works", () => world.has(peer("tor-b")));
    const [since, asked] = [world.said.events.length, world.fake.requests.length];
    const reopened = world.fake.nextRequest(isWatch("bgppeers"));
    world.clock.advance(2_000);
    world.fake.cutConnections();
    await reopened;
    world.put(peer("tor-c"));
    await world.said.until("the next", () => world.has(peer("tor-c")));
    assert.deepEqual(
      world.said.events.slice(since).map(({ type }) => type),
      ["set"],
    );
    assert.deepEqual(
      world.fake.requests.slice(asked).filter(({ verb }) => verb === "list"),
      [],
    );
  });

  test("watches that end at once with nothing in them are said, and lists tell what changes", async (context) => {
    const world = await openWorld(context, { options: { kinds: ["BGPPeer"] }, collections: 1 });
    await world.watching();
    world.fake.intercept((seen) => (seen.verb === "watch" ? { kind: "page", text: "" } : undefined));
    world.fake.endWatches();
    const failing = () => world.said.status()?.state === "failing";
    while (!failing()) {
      world.clock.advance(20);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await world.failing(/Watches end at once with nothing in them/);
    world.put(peer("tor-a"));
    world.retry();
    await world.said.until("the list", () => world.has(peer("tor-a")));
    world.fake.intercept(undefined);
    while (world.fake.watches === 0 || failing()) {
      world.clock.advance(20);
      await new Promise((resolve) => setImmediate(resolve));
    }
  });

  test("a server that ends every watch at once is not asked without end", async (context) => {
    const world = await openWorld(context, { options: { kinds: ["BGPPeer"] }, collections: 1 });
    await world.watching();
    let asked = 0;
    world.fake.intercept(() => {
      asked += 1;
      return { kind: "page", text: "" };
    });
    const first = world.fake.nextRequest(isWatch("bgppeers"));
    world.fake.endWatches();
    await first;
    for (const delay of [188, 375, 750, 1500]) {
      const [before, waitedFrom] = [asked, world.clock.nowMs()];
      while (asked === before) {
        world.clock.advance(20);
        await new Promise((resolve) => setImmediate(resolve));
      }
      const waited = world.clock.nowMs() - waitedFrom;
      assert.ok(asked === before + 1 && waited >= delay, `${waited} ms`);
    }
  });

  test("a list that is cut is read again, and nothing of it is forgotten meanwhile", async (context) => {
    const world = await openWorld(context, { before: [peer("tor-a"), peer("tor-b")] });
    await world.watching();
    world.fake.store.compact();
    world.put(peer("tor-c"));
    world.fake.store.compact();
    world.fake.intercept((seen) => (isList("bgppeers")(seen) ? { kind: "cut", octets: 700 } : undefined));
    world.fake.failWatches({ code: 410, reason: "Expired", message: "too old" });
    await world.failing(/was cut/);
    assert.ok(world.has(peer("tor-a")) && world.has(peer("tor-b")));
    world.fake.intercept(undefined);
    world.retry();
    await world.said.until("all of it", () => world.has(peer("tor-c")));
    await world.connected();
    assert.deepEqual(world.said.saidOf("BGPPeer", "tor-a"), ["set"]);
  });

  test("something else at the address is told", async (context) => {
    const world = await openWorld(context, { intercept: () => ({ kind: "page", text: "<html>Welcome" }) });
    await world.failing(/is not JSON: is something else at this address\?/);
  });

  test("a Secret whose name no URL can hold is told; everything else is followed", async (context) => {
    const world = await openWorld(context);
    await world.watching();
    world.datastore.want({ secrets: ["kube-system/\ud800"], services: false });
    await world.failing(/^What the API server says cannot be taken: /);
    world.put(peer("tor-a"));
    await world.said.until("the peer", () => world.has(peer("tor-a")));
  });
});

describe("what the server does not have", () => {
  test("BGPFilters of no definition are none, and are found once they are defined", async (context) => {
    const filter = { kind: "BGPFilter", metadata: { name: "f1" }, spec: { importV4: [] } } as const;
    const world = await openWorld(context, { fake: { missing: ["bgpfilters"] }, before: [peer("tor-a")] });
    await world.said.until("synced", () => world.said.synced() !== undefined);
    await world.connected();
    world.fake.change({ missing: [] });
    world.put(filter);
    const asked = world.fake.nextRequest(isList("bgpfilters"));
    world.clock.advance(60_000);
    await asked;
    await world.said.until("the filter", () => world.has(filter));
  });

  test("filters that are known do not go because their definition is not found", async (context) => {
    const filter = { kind: "BGPFilter", metadata: { name: "f1" }, spec: { importV4: [] } } as const;
    const world = await openWorld(context, { before: [filter] });
    await world.watching();
    world.fake.change({ missing: ["bgpfilters"] });
    world.fake.failWatches({ code: 410, reason: "Expired", message: "too old" });
    await world.failing(/has no bgpfilters.crd.projectcalico.org \(v1\)/);
    assert.ok(world.has(filter));
  });

  test("a cluster without Calico is told to be one", async (context) => {
    const world = await openWorld(context, { fake: { calico: [] } });
    await world.failing(/has no bgppeers.crd.projectcalico.org \(v1\): is Calico installed in this cluster\?/);
    assert.equal(world.said.synced(), undefined);
  });

  test("the classic group is read where both are served; without it the native one, from then on", async (context) => {
    const calico = ["crd.projectcalico.org/v1", "projectcalico.org/v3"] as const;
    const world = await openWorld(context, { fake: { calico } });
    world.fake.put(apiObject(peer("native"), "projectcalico.org/v3"));
    world.put(peer("classic"));
    await world.said.until("synced", () => world.said.synced() !== undefined);
    await world.said.until("the classic one", () => world.has(peer("classic")));
    assert.ok(!world.has(peer("native")));
    await world.watching();
    world.fake.change({ calico: ["projectcalico.org/v3"] });
    world.fake.failWatches({ code: 410, reason: "Expired", message: "too old" });
    await world.failing(/has no bgppeers/);
    await world.connected();
    await world.said.until("the native one alone", () => world.has(peer("native")) && !world.has(peer("classic")));
  });

  test("CALICO_API_GROUP has the native group read beside the classic one", async (context) => {
    const world = await openWorld(context, {
      fake: { calico: ["crd.projectcalico.org/v1", "projectcalico.org/v3"] },
      settings: { apiGroup: "projectcalico.org/v3" },
    });
    world.fake.put(apiObject(peer("native"), "projectcalico.org/v3"));
    await world.said.until("it is there", () => world.has(peer("native")));
  });
});

describe("what is asked of the server", () => {
  test("beside etcd: Services, EndpointSlices and Secrets only", async (context) => {
    const { said, datastore, fake } = await openWorld(context, {
      options: { kinds: ["Service", "EndpointSlice", "Secret"] },
      before: [secret("bgp", "YQ==")],
    });
    await said.until("synced with nothing", () => said.synced() !== undefined);
    const wanted = { secrets: ["kube-system/bgp"], services: true };
    datastore.want(wanted);
    await said.until("synced", () => said.synced() === wanted);
    const plurals = new Set(fake.requests.filter(({ verb }) => verb === "list").map(({ plural }) => plural));
    assert.deepEqual([...plurals].sort(), ["endpointslices", "secrets", "services"]);
    assert.ok(said.view.has("Secret/kube-system/bgp"));
  });

  test("of Nodes only their metadata, and no answer is compressed", async (context) => {
    const world = await openWorld(context);
    await world.watching();
    for (const seen of world.fake.requests) {
      assert.equal(seen.headers["accept-encoding"], "identity");
      assert.equal(/PartialObjectMetadata/.test(seen.headers.accept ?? ""), seen.plural === "nodes", seen.plural);
    }
  });

  test("of block affinities nothing where pod CIDRs serve, and of Nodes all", async (context) => {
    const node = { kind: "Node", metadata: { name: NODE }, spec: {}, status: { podCIDRs: ["10.1.0.0/24"] } } as const;
    const world = await openWorld(context, {
      options: { podCidrs: true },
      before: [node, affinity(NODE, "10.1.0.0/26")],
      collections: 5,
    });
    await world.watching();
    assert.deepEqual(world.said.view.get(`Node/${NODE}`)?.object?.status, { podCIDRs: ["10.1.0.0/24"] });
    assert.deepEqual(
      world.fake.requests.filter(({ plural }) => plural === "blockaffinities"),
      [],
    );
  });

  test("a heartbeat of a Node is no change", async (context) => {
    const node = { kind: "Node", metadata: { name: NODE, labels: { rack: "r1" } }, spec: {} } as const;
    const world = await openWorld(context, { before: [node] });
    await world.watching();
    for (let beat = 1; beat <= 5; beat++)
      world.fake.put({ ...apiObject(node), status: { conditions: [{ type: "Ready", lastHeartbeatTime: beat }] } });
    world.put({ ...node, metadata: { name: "other" } });
    await world.said.until("another Node", () => world.said.view.has("Node/other"));
    assert.deepEqual(world.said.saidOf("Node", NODE), ["set"]);
  });
});

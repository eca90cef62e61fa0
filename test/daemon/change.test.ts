import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createQueries } from "../../src/daemon/queries.ts";
import { createWorld, header, peer, type World } from "./world.ts";

const EXTERNAL = "import: accept, export: accept";

const POLICIES = `
policies:
  low: [{ match: { prefixes: [{ prefix: 10.9.0.0/17, ge: 17, le: 32 }] }, action: accept }, { action: reject }]
  tag: [{ match: { prefixes: [{ prefix: 10.9.0.0/17, ge: 17, le: 32 }] }, set: { addCommunities: ["64512:5"] }, action: accept }, { action: accept }]
`;

/** One external source, one listener; what may vary in between. */
function config(from: string, to: string, more = ""): string {
  return `${header()}${more}${POLICIES}
peers:
${peer("from", "10.0.0.11", 65001, from)}${peer("to", "10.0.0.12", 65002, to)}`;
}

const LOW = ["10.9.0.0/24", "10.9.1.0/24"];
const HIGH = ["10.9.200.0/24", "10.9.201.0/24"];

function between(from: string, to: string) {
  const world = createWorld(config(from, to));
  const source = world.speaker("10.0.0.11", { asn: 65001 });
  const listener = world.speaker("10.0.0.12", { asn: 65002 });
  source.announce([...LOW, ...HIGH]);
  world.run(1000);
  source.forget();
  listener.forget();
  const heard = () => [...listener.table.log].sort();
  const unharmed = () => {
    assert.deepEqual([source.established, listener.established], [1, 1], "no session was reset");
    assert.deepEqual(listener.table.duplicates, []);
  };
  return { world, source, listener, heard, unharmed };
}

describe("a changed policy resets no session", () => {
  test("a stricter import takes away exactly the routes it rejects, and a wider one brings them back", () => {
    const { world, listener, heard, unharmed } = between(EXTERNAL, EXTERNAL);
    world.configure(config("import: low, export: accept", EXTERNAL));
    world.run(1000);
    assert.deepEqual(
      heard(),
      HIGH.map((p) => `-${p}`),
    );
    assert.deepEqual([world.forwards("10.9.0.0/24"), world.forwards("10.9.200.0/24")], ["10.0.0.11", undefined]);
    listener.forget();
    world.configure(config(EXTERNAL, EXTERNAL));
    world.run(1000);
    assert.deepEqual(
      heard(),
      HIGH.map((p) => `+${p}`),
    );
    unharmed();
  });

  test("an import that sets something is announced again only where something changed", () => {
    const { world, listener, heard, unharmed } = between(EXTERNAL, EXTERNAL);
    world.configure(config("import: tag, export: accept", EXTERNAL));
    world.run(1000);
    assert.deepEqual(
      heard(),
      LOW.map((p) => `+${p}`),
    );
    assert.deepEqual(listener.routes.get(LOW[0]!)!.communities, ["64512:5"]);
    unharmed();
  });

  test("a stricter export withdraws exactly what it rejects", () => {
    const { world, heard, unharmed } = between(EXTERNAL, EXTERNAL);
    world.configure(config(EXTERNAL, "import: accept, export: low"));
    world.run(1000);
    assert.deepEqual(
      heard().filter((line) => !line.startsWith("-10.0.")),
      HIGH.map((p) => `-${p}`),
    );
    unharmed();
  });

  test("an export that sets something is announced again only where something changed", () => {
    const { world, heard, unharmed } = between(EXTERNAL, EXTERNAL);
    world.configure(config(EXTERNAL, "import: accept, export: tag"));
    world.run(1000);
    assert.deepEqual(
      heard(),
      LOW.map((p) => `+${p}`),
    );
    unharmed();
  });

  test("a policy of the same content under another name changes nothing", () => {
    const { world, heard, unharmed } = between("import: low, export: accept", "import: accept, export: tag");
    const renamed = config("import: low2, export: accept", "import: accept, export: tag2")
      .replace("  low:", "  low2:")
      .replace("  tag:", "  tag2:");
    world.configure(renamed);
    world.run(1000);
    assert.deepEqual(heard(), []);
    unharmed();
  });

  test("a description changes nothing", () => {
    const { world, heard, unharmed } = between(EXTERNAL, EXTERNAL);
    world.configure(config(`${EXTERNAL}, description: hello`, EXTERNAL));
    world.run(1000);
    assert.deepEqual(heard(), []);
    assert.equal(world.router.core.peers.get("from")!.config.description, "hello");
    unharmed();
  });
});

describe("a changed session parameter resets that session and no other", () => {
  for (const [what, line, asn] of [
    ["an MD5 key", `${EXTERNAL}, password: secret`, 65001],
    ["the AS of the peer", EXTERNAL, 65009],
    ["the hold time", `${EXTERNAL}, timers: { hold: 30s }`, 65001],
  ] as const)
    test(what, () => {
      const { world, source, listener } = between(EXTERNAL, EXTERNAL);
      const next = config(line, EXTERNAL).replace('"10.0.0.11", asn: 65001', `"10.0.0.11", asn: ${asn}`);
      world.configure(next);
      world.run(1000);
      assert.deepEqual(
        source.notifications.map((n) => [n.code, n.subcode]),
        [[6, 6]],
        "Cease, configuration change",
      );
      assert.equal(listener.established, 1);
      assert.deepEqual(
        [...listener.routes.keys()].filter((p) => p.startsWith("10.9.")),
        [],
      );
      assert.equal(world.fib.size, 0);
    });
});

describe("a session that is reset for another setting", () => {
  test("is the same peer's: how often it was up, and how it last ended, is not forgotten", () => {
    const { world, source } = between(EXTERNAL, EXTERNAL);
    world.configure(config(`${EXTERNAL}, timers: { hold: 30s }`, EXTERNAL));
    const { establishedCount, downCount, lastDown } = world.router.core.peers.get("from")!.session;
    assert.deepEqual([establishedCount, downCount, lastDown?.reason.code], [1, 1, "configuration"]);
    world.run(1000);
    source.connect();
    world.run(1000);
    assert.equal(world.router.core.peers.get("from")!.session.establishedCount, 2);
  });
});

describe("a session goes on with what stands in no message", () => {
  test("another keepalive time counts from the next keepalive on", () => {
    const { world, unharmed } = between(EXTERNAL, EXTERNAL);
    world.configure(config(`${EXTERNAL}, timers: { keepalive: 5s }`, EXTERNAL));
    world.run(60_000);
    const { sent } = world.router.core.peers.get("from")!.counts;
    const before = sent.keepalive;
    world.run(60_000);
    assert.ok(sent.keepalive - before >= 10, `${sent.keepalive - before} keepalives in a minute`);
    unharmed();
  });

  test("whether and where we connect counts for the next connection", () => {
    const { world, unharmed } = between(EXTERNAL, EXTERNAL);
    world.configure(config(`${EXTERNAL}, port: 1790`, EXTERNAL).replace("passive: true", "passive: false"));
    world.run(1000);
    unharmed();
    assert.equal(world.router.core.peers.get("from")!.session.settings.passive, false);
  });

  test("a peer that waited for a connection is connected to at once when it need not wait any more", () => {
    const text = config(EXTERNAL, EXTERNAL);
    const world = createWorld(text);
    world.run(60_000);
    assert.equal(world.router.core.peers.get("from")!.connections.outgoing, undefined);
    world.configure(text.replace("passive: true", "passive: false"));
    world.run(1001);
    assert.ok(world.log.some(({ event, fields }) => event === "attempt failed" && fields.peer === "from"));
  });

  for (const many of [1, 5000])
    test(`a peer becomes a client of the reflector and is none again: who is told of its ${many} routes follows`, () => {
      const text = (client: boolean) => `${header()}
peers:
${peer("a", "10.0.0.11", 64512, `routeReflectorClient: ${client}`)}${peer("b", "10.0.0.12", 64512)}`;
      const world = createWorld(text(false));
      const [a, b] = ["10.0.0.11", "10.0.0.12"].map((address) => world.speaker(address, { asn: 64512 }));
      const prefixes = Array.from({ length: many }, (_, i) => `10.9.${i >> 8}.${i & 255}/32`);
      a!.announce(prefixes, { localPref: 100 });
      b!.announce("10.8.0.0/16", { localPref: 100 });
      world.run(2000);
      const told = () =>
        [a!, b!].map(({ routes }) => [...routes.keys()].filter((key) => !key.startsWith("10.0.")).length);
      assert.deepEqual(told(), [0, 0]);
      world.configure(text(true));
      world.run(2000);
      assert.deepEqual(told(), [1, many]);
      world.configure(text(false));
      world.run(2000);
      assert.deepEqual(told(), [0, 0]);
      assert.deepEqual([a!.established, b!.established], [1, 1]);
    });

  test("many peers that become clients at once have a group looked through once, not for each of them", () => {
    const addresses = Array.from({ length: 6 }, (_, i) => `10.0.0.${20 + i}`);
    const text = (client: boolean) => {
      const peers = addresses.map((address, i) => peer(`p${i}`, address, 64512, `routeReflectorClient: ${client}`));
      return `${header()}\npeers:\n${peer("b", "10.0.0.12", 64512)}${peers.join("")}`;
    };
    const world = createWorld(text(false));
    const b = world.speaker("10.0.0.12", { asn: 64512 });
    const [a] = addresses.map((address) => world.speaker(address, { asn: 64512 }));
    a!.announce(
      Array.from({ length: 5000 }, (_, i) => `10.9.${i >> 8}.${i & 255}/32`),
      { localPref: 100 },
    );
    world.run(2000);
    world.configure(text(true));
    const { waiting } = world.router.core.scheduler;
    assert.equal(
      waiting.filter((job) => job === "fill ipv4").length,
      2,
      "the group of internal peers, and that of clients",
    );
    world.run(2000);
    assert.equal([...b.routes.keys()].filter((key) => key.startsWith("10.9.")).length, 5000);
  });

  test("reflected routes go out again with another cluster id", () => {
    const text = (id: string) => `${header(64512, `clusterId: ${id}`)}
peers:
${peer("a", "10.0.0.11", 64512, "routeReflectorClient: true")}${peer("b", "10.0.0.12", 64512)}`;
    const world = createWorld(text("1.1.1.1"));
    const [a, b] = ["10.0.0.11", "10.0.0.12"].map((address) => world.speaker(address, { asn: 64512 }));
    a!.announce(LOW, { localPref: 100 });
    world.run(1000);
    assert.deepEqual(b!.routes.get(LOW[0]!)!.clusterList, ["1.1.1.1"]);
    world.configure(text("2.2.2.2"));
    world.run(1000);
    assert.deepEqual(b!.routes.get(LOW[0]!)!.clusterList, ["2.2.2.2"]);
    assert.deepEqual([a!.established, b!.established], [1, 1]);
  });
});

describe("peers and static routes come and go", () => {
  test("a peer that is removed hears Cease 6/3, its routes go, and its id is free", () => {
    const { world, source, listener } = between(EXTERNAL, EXTERNAL);
    world.configure(`${header()}${POLICIES}\npeers:\n${peer("to", "10.0.0.12", 65002, EXTERNAL)}`);
    world.run(1000);
    assert.deepEqual(
      source.notifications.map((n) => [n.code, n.subcode]),
      [[6, 3]],
    );
    assert.deepEqual(
      [...listener.routes.keys()].filter((p) => p.startsWith("10.9.")),
      [],
    );
    const { core } = world.router;
    assert.equal(core.peerTable.size, 1);
    assert.equal(core.ribs.ipv4.prefixes.size, 2, "the connected routes are left");
    world.configure(config(EXTERNAL, EXTERNAL));
    source.connect();
    world.run(1000);
    source.announce(LOW);
    world.run(1000);
    assert.ok(listener.routes.has(LOW[0]!), "the peer may come back");
  });

  test("a static route is announced when it is added and withdrawn when it is removed", () => {
    const { world, listener, heard, unharmed } = between(EXTERNAL, EXTERNAL);
    world.configure(config(EXTERNAL, EXTERNAL, "static: [{ prefix: 10.50.0.0/16, blackhole: true }]"));
    world.run(1000);
    assert.deepEqual(heard(), ["+10.50.0.0/16"]);
    assert.equal(world.forwards("10.50.0.0/16"), "blackhole");
    listener.forget();
    world.configure(config(EXTERNAL, EXTERNAL));
    world.run(1000);
    assert.deepEqual(heard(), ["-10.50.0.0/16"]);
    assert.equal(world.forwards("10.50.0.0/16"), undefined);
    unharmed();
  });

  test("a static route wins over a BGP route of the same prefix while it is there", () => {
    const { world, listener } = between(EXTERNAL, EXTERNAL);
    world.configure(config(EXTERNAL, EXTERNAL, "static: [{ prefix: 10.9.0.0/24, blackhole: true }]"));
    world.run(1000);
    assert.equal(listener.routes.get("10.9.0.0/24")!.asPath, "64512");
    world.configure(config(EXTERNAL, EXTERNAL));
    world.run(1000);
    assert.equal(listener.routes.get("10.9.0.0/24")!.asPath, "64512 65001");
    assert.equal(world.forwards("10.9.0.0/24"), "10.0.0.11");
  });

  test("a refused configuration changes nothing and is remembered", () => {
    const { world, heard, unharmed } = between(EXTERNAL, EXTERNAL);
    world.router.handle({ from: "config", rejected: "router.yaml:3: no" });
    world.run(1000);
    assert.deepEqual(heard(), []);
    assert.equal(world.router.core.rejected, "router.yaml:3: no");
    unharmed();
  });
});

describe("subnets of our own interfaces", () => {
  const text = (direct: string) => `${header()}${direct}policies:
  own: [{ match: { source: direct }, action: accept }]
peers:
${peer("a", "10.0.0.11", 65001, "import: accept, export: own")}`;

  test("are announced but for those of excepted interfaces, and a change of the list counts at once", () => {
    const world = createWorld(text('direct: { except: ["eth1*"] }\n'));
    const a = world.speaker("10.0.0.11", { asn: 65001 });
    world.run(1000);
    assert.deepEqual([...a.routes.keys()], ["10.0.0.0/24"]);
    world.configure(text(""));
    world.run(1000);
    assert.deepEqual([...a.routes.keys()].sort(), ["10.0.0.0/24", "10.0.1.0/24"]);
    world.configure(text('direct: { except: [eth0, "cali*"] }\n'));
    world.run(1000);
    assert.deepEqual([...a.routes.keys()], ["10.0.1.0/24"]);
  });
});

describe("a peer that the file holds down", () => {
  const text = (disabled: string) => `${header()}peers:
${peer("a", "10.0.0.11", 64512, `disabled: ${disabled}`)}`;
  const answer = (world: World) => createQueries(world.router).peers()[0]!;

  test("says why, and comes up when the reason goes", () => {
    const world = createWorld(text("the Secret x has no key a"));
    world.run(1000);
    assert.equal(answer(world).reason, "the Secret x has no key a");
    world.configure(text("the Secret x is missing"));
    assert.equal(answer(world).reason, "the Secret x is missing");
    world.configure(text("false"));
    const a = world.speaker("10.0.0.11", { asn: 64512 });
    assert.equal(a.established, 1);
  });
});

describe("routes that the kernel learned elsewhere", () => {
  test("are announced, withdrawn when they go, and never written back", () => {
    const { world, listener, heard } = between(EXTERNAL, EXTERNAL);
    world.route("10.60.0.0/16", { via: "10.0.0.50" });
    world.run(1000);
    assert.deepEqual(heard(), ["+10.60.0.0/16"]);
    assert.equal(listener.routes.get("10.60.0.0/16")!.nextHop, "10.0.0.50", "on the peer's link");
    assert.equal(world.fib.has("10.60.0.0/16"), false);
    world.route("10.60.0.0/16", { via: "10.0.0.50" }, true);
    world.run(1000);
    assert.equal(listener.routes.has("10.60.0.0/16"), false);
  });

  test("of two metrics the lower is used, and the other when it goes", () => {
    const { world, listener } = between(EXTERNAL, EXTERNAL);
    world.route("10.60.0.0/16", { via: "10.0.0.50", metric: 100 });
    world.route("10.60.0.0/16", { via: "10.0.0.51", metric: 50 });
    world.run(1000);
    assert.equal(listener.routes.get("10.60.0.0/16")!.nextHop, "10.0.0.51");
    world.route("10.60.0.0/16", { via: "10.0.0.51", metric: 50 }, true);
    world.run(1000);
    assert.equal(listener.routes.get("10.60.0.0/16")!.nextHop, "10.0.0.50");
  });

  test("lose to a BGP route of the same prefix, which is then not ours to write over: the Fib says so", () => {
    const { world } = between(EXTERNAL, EXTERNAL);
    world.route("10.9.0.0/24", { via: "10.0.0.50" });
    world.run(1000);
    assert.equal(world.forwards("10.9.0.0/24"), "10.0.0.11", "wanted; the Fib shadows it");
  });
});

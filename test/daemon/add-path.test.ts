/** Several paths of a prefix, each with its identifier, in and out (RFC 7911). */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { explainRoute } from "../../src/control/render-explain.ts";
import { createQueries } from "../../src/daemon/queries.ts";
import { parsePrefix } from "../../src/ip/prefix.ts";
import type { Speaker } from "./speaker.ts";
import { createWorld, header, peer, type World } from "./world.ts";

const PREFIX = "10.9.0.0/16";
const CLIENT = "routeReflectorClient: true";

/** Sources a, b and c; sinks to whom `send` says how many paths go. */
function reflector(send = "all", sinks = 1): { world: World; a: Speaker; b: Speaker; c: Speaker; sinks: Speaker[] } {
  const sinkNames = Array.from({ length: sinks }, (_, i) => [`sink-${i}`, `10.0.0.2${i}`] as const);
  const world = createWorld(`${header()}
policies:
  untagged: [{ match: { communities: [64512:9] }, action: reject }, { action: accept }]
peers:
${peer("a", "10.0.0.11", 64512, CLIENT)}${peer("b", "10.0.0.12", 64512, `${CLIENT}, addPath: both`)}${peer("c", "10.0.0.13", 64512, `${CLIENT}, addPath: both`)}${sinkNames.map(([name, address]) => peer(name, address, 64512, `${CLIENT}, addPath: { receive: true, send: ${send} }, export: untagged`)).join("")}`);
  const speaker = (address: string, addPath?: "both") =>
    world.speaker(address, { asn: 64512, ...(addPath ? { addPath } : {}) });
  const [a, b, c] = [speaker("10.0.0.11"), speaker("10.0.0.12", "both"), speaker("10.0.0.13", "both")];
  return { world, a, b, c, sinks: sinkNames.map(([, address]) => speaker(address, "both")) };
}

/** Identifier to next hop. */
function held(speaker: Speaker, prefix = PREFIX): Map<string, string> {
  const found = [...speaker.routes].filter(([key]) => key.split("#")[0] === prefix);
  return new Map(found.map(([key, route]) => [key.split("#")[1] ?? "none", route.nextHop]));
}

const hops = (speaker: Speaker, prefix = PREFIX) => [...held(speaker, prefix).values()].sort();

function idOf(speaker: Speaker, nextHop: string): string {
  const found = [...held(speaker)].find(([, hop]) => hop === nextHop);
  assert.ok(found, `${nextHop} is held`);
  return found[0];
}

describe("NLRI with path identifiers that are received", () => {
  function receiver(more = ""): { world: World; speaker: Speaker; ids: () => string[] } {
    const world = createWorld(`${header()}
peers:
${peer("p", "10.0.0.11", 64512, "families: [ipv4, ipv6], addPath: { receive: true }")}${more}`);
    const speaker = world.speaker("10.0.0.11", { asn: 64512, families: ["ipv4", "ipv6"], addPath: "send" });
    const ids = () =>
      ["10.9.0.0/16", "2001:db8:9::/48"].flatMap((prefix) =>
        createQueries(world.router)
          .routeIn("p", parsePrefix(prefix)!)
          .map(({ path }) => `${path.pathId} ${path.nextHop}`),
      );
    return { world, speaker, ids };
  }

  test("are paths of their own, and one that comes again replaces its own only", () => {
    const { world, speaker, ids } = receiver();
    speaker.announce(["10.9.0.0/16#0"], { localPref: 100, nextHop: "10.0.0.30" });
    speaker.announce(["10.9.0.0/16#4294967295"], { localPref: 100, nextHop: "10.0.0.31" });
    speaker.announce(["10.9.0.0/16#7"], { localPref: 100, nextHop: "10.0.0.31" });
    world.run(1000);
    assert.deepEqual(ids(), ["0 10.0.0.30", "7 10.0.0.31", "4294967295 10.0.0.31"]);
    speaker.announce(["10.9.0.0/16#7"], { localPref: 100, nextHop: "10.0.0.32" });
    world.run(1000);
    assert.deepEqual(ids(), ["0 10.0.0.30", "7 10.0.0.32", "4294967295 10.0.0.31"]);
  });

  test("are withdrawn by their identifier, in both families", () => {
    const { world, speaker, ids } = receiver();
    for (const id of [1, 2]) {
      speaker.announce([`10.9.0.0/16#${id}`], { localPref: 100, nextHop: `10.0.0.3${id}` });
      speaker.announce([`2001:db8:9::/48#${id}`], { localPref: 100, nextHop: `2001:db8::3${id}` });
    }
    world.run(1000);
    assert.equal(ids().length, 4);
    speaker.withdraw(["10.9.0.0/16#1", "10.9.0.0/16#3", "2001:db8:9::/48#2"]);
    world.run(1000);
    assert.deepEqual(ids(), ["2 10.0.0.32", "1 2001:db8::31"]);
    assert.equal(speaker.up, true);
  });

  test("share the traffic of a prefix like paths of several peers", () => {
    const { world, speaker } = receiver();
    speaker.announce(["10.9.0.0/16#1"], { localPref: 100, nextHop: "10.0.0.31", originatorId: "1.1.1.1" });
    speaker.announce(["10.9.0.0/16#2"], { localPref: 100, nextHop: "10.0.0.32", originatorId: "2.2.2.2" });
    world.run(1000);
    assert.equal(world.forwards("10.9.0.0/16"), "10.0.0.31 10.0.0.32");
    speaker.withdraw(["10.9.0.0/16#1"]);
    world.run(1000);
    assert.equal(world.forwards("10.9.0.0/16"), "10.0.0.32");
  });

  test("mean nothing beyond their session: what the next one does not announce goes", () => {
    const { world, speaker, ids } = receiver();
    for (const id of [1, 2]) speaker.announce([`10.9.0.0/16#${id}`], { localPref: 100, nextHop: `10.0.0.3${id}` });
    world.run(1000);
    speaker.drop();
    world.run(40_000);
    speaker.connect();
    world.run(1000);
    speaker.announce(["10.9.0.0/16#8"], { localPref: 100, nextHop: "10.0.0.31" });
    world.run(1000);
    assert.deepEqual(ids(), ["8 10.0.0.31"]);
  });

  test("that are cut off end the session", () => {
    const { world, speaker } = receiver();
    speaker.announce(["10.9.0.0/16"], { localPref: 100 });
    world.run(10);
    assert.deepEqual(
      speaker.notifications.map(({ code, subcode }) => `${code}/${subcode}`),
      ["3/10"],
    );
  });
});

describe("a peer that is sent all paths", () => {
  test("gets each usable path but its own", () => {
    const { world, a, b, c, sinks } = reflector();
    a.announce(PREFIX, { localPref: 100 });
    b.announce([`${PREFIX}#5`], { localPref: 100 });
    c.announce([`${PREFIX}#5`], { localPref: 90 });
    world.run(1000);
    assert.deepEqual(hops(sinks[0]!), ["10.0.0.11", "10.0.0.12", "10.0.0.13"]);
    assert.deepEqual(hops(b), ["10.0.0.11", "10.0.0.13"]);
    assert.deepEqual(hops(a), [], "without identifiers it is sent the best path alone, which is its own");
  });

  test("gets ORIGINATOR_ID and CLUSTER_LIST of each path", () => {
    const { world, a, b, sinks } = reflector();
    a.announce(PREFIX, { localPref: 100 });
    b.announce([`${PREFIX}#5`], { localPref: 100 });
    world.run(1000);
    const routes = [...sinks[0]!.routes.values()].filter((route) => route.originatorId);
    assert.deepEqual(routes.map((route) => [route.originatorId, route.clusterList.join()]).sort(), [
      ["10.0.0.11", "10.0.0.1"],
      ["10.0.0.12", "10.0.0.1"],
    ]);
  });

  test("sees a path keep its identifier when its attributes change, and another one untouched", () => {
    const { world, a, b, sinks } = reflector();
    a.announce(PREFIX, { localPref: 100 });
    b.announce([`${PREFIX}#5`], { localPref: 100 });
    world.run(1000);
    const [sink] = sinks;
    const ids = ["10.0.0.11", "10.0.0.12"].map((hop) => idOf(sink!, hop));
    sink!.forget();
    b.announce([`${PREFIX}#5`], { localPref: 200, med: 4 });
    world.run(1000);
    assert.deepEqual(sink!.table.log, [`+${PREFIX}#${ids[1]}`]);
    assert.deepEqual(
      ["10.0.0.11", "10.0.0.12"].map((hop) => idOf(sink!, hop)),
      ids,
    );
    sink!.forget();
    a.withdraw(PREFIX);
    world.run(1000);
    assert.deepEqual(sink!.table.log, [`-${PREFIX}#${ids[0]}`]);
  });

  test("gets no path of an unreachable next hop, and none that its policy rejects", () => {
    const { world, a, b, c, sinks } = reflector();
    a.announce(PREFIX, { localPref: 100, nextHop: "10.77.0.1" });
    b.announce([`${PREFIX}#5`], { localPref: 100, communities: ["64512:9"] });
    c.announce([`${PREFIX}#5`], { localPref: 100 });
    world.run(1000);
    assert.deepEqual(hops(sinks[0]!), ["10.0.0.13"]);
    world.route("10.77.0.0/16", { via: "10.0.0.254" });
    world.run(1000);
    assert.deepEqual(hops(sinks[0]!), ["10.0.0.13", "10.77.0.1"]);
    world.route("10.77.0.0/16", { via: "10.0.0.254" }, true);
    world.run(1000);
    assert.deepEqual(hops(sinks[0]!), ["10.0.0.13"]);
  });

  test("gets one encoding with all others of its kind", () => {
    const { world, a, b } = reflector("all", 4);
    a.announce(PREFIX, { localPref: 100 });
    b.announce([`${PREFIX}#5`], { localPref: 100 });
    world.run(1000);
    const groups = [...world.router.parts.exporter.groups()].filter((group) => group.context.addPath === "all");
    assert.deepEqual(groups.map((group) => group.members).sort(), [2, 4]);
  });

  test("sees all paths of a lost session go, and rows come free", () => {
    const { world, a, b, sinks } = reflector();
    a.announce(PREFIX, { localPref: 100 });
    b.announce([`${PREFIX}#5`, `${PREFIX}#6`], { localPref: 100 });
    world.run(1000);
    assert.equal(held(sinks[0]!).size, 3);
    b.drop();
    world.run(1000);
    assert.deepEqual(hops(sinks[0]!), ["10.0.0.11"]);
    a.withdraw(PREFIX);
    world.run(1000);
    assert.equal(world.router.core.ribs.ipv4.prefixes.find(Uint8Array.of(10, 9), 0, 16), -1);
  });
});

test("a local route beside a received one is a path like any other", () => {
  const world = createWorld(`${header()}
static: [{ prefix: ${PREFIX}, blackhole: true }]
peers:
${peer("a", "10.0.0.11", 64512, CLIENT)}${peer("sink", "10.0.0.20", 64512, `${CLIENT}, addPath: both`)}`);
  const a = world.speaker("10.0.0.11", { asn: 64512 });
  const sink = world.speaker("10.0.0.20", { asn: 64512, addPath: "receive" });
  a.announce(PREFIX, { localPref: 100 });
  world.run(1000);
  assert.deepEqual(hops(sink), ["10.0.0.1", "10.0.0.11"]);
  world.configure(`${header()}
peers:
${peer("a", "10.0.0.11", 64512, CLIENT)}${peer("sink", "10.0.0.20", 64512, `${CLIENT}, addPath: both`)}`);
  world.run(1000);
  assert.deepEqual(hops(sink), ["10.0.0.11"]);
});

describe("a peer that is sent the best 2 paths", () => {
  function filled() {
    const { world, a, b, c, sinks } = reflector("2");
    a.announce(PREFIX, { localPref: 100 });
    b.announce([`${PREFIX}#5`], { localPref: 90 });
    c.announce([`${PREFIX}#5`], { localPref: 80 });
    world.run(1000);
    return { world, a, b, c, sink: sinks[0]! };
  }

  test("gets no third one", () => {
    assert.deepEqual(hops(filled().sink), ["10.0.0.11", "10.0.0.12"]);
  });

  test("is told of the path that comes in before the one that falls out", () => {
    const { world, c, sink } = filled();
    const out = idOf(sink, "10.0.0.12");
    sink.forget();
    c.announce([`${PREFIX}#5`], { localPref: 95 });
    world.run(1000);
    assert.deepEqual(sink.table.log, [`+${PREFIX}#${idOf(sink, "10.0.0.13")}`, `-${PREFIX}#${out}`]);
  });

  test("gets the third when one of the two goes", () => {
    const { world, a, sink } = filled();
    a.withdraw(PREFIX);
    world.run(1000);
    assert.deepEqual(hops(sink), ["10.0.0.12", "10.0.0.13"]);
  });

  test("gets the difference when the number changes, and its session stays", () => {
    const { world, sink } = filled();
    const before = sink.established;
    sink.forget();
    world.configure(CONFIG_ALL);
    world.run(1000);
    assert.deepEqual(hops(sink), ["10.0.0.11", "10.0.0.12", "10.0.0.13"]);
    assert.deepEqual(sink.table.log, [`+${PREFIX}#${idOf(sink, "10.0.0.13")}`]);
    assert.equal(sink.established, before);
  });
});

const CONFIG_ALL = `${header()}
policies:
  untagged: [{ match: { communities: [64512:9] }, action: reject }, { action: accept }]
peers:
${peer("a", "10.0.0.11", 64512, CLIENT)}${peer("b", "10.0.0.12", 64512, `${CLIENT}, addPath: both`)}${peer("c", "10.0.0.13", 64512, `${CLIENT}, addPath: both`)}${peer("sink-0", "10.0.0.20", 64512, `${CLIENT}, addPath: { receive: true, send: all }, export: untagged`)}`;

describe("a peer that restarts gracefully and comes back with other identifiers", () => {
  test("has its old paths used until End-of-RIB, and those alone that it announced again afterwards", () => {
    const { world, b: other, sinks } = reflector();
    other.drop();
    world.run(60_000);
    const b = () => world.speaker("10.0.0.12", { asn: 64512, addPath: "both", gracefulRestart: { restarting: false } });
    const before = b();
    before.announce([`${PREFIX}#5`], { localPref: 100, nextHop: "10.0.0.31" });
    before.announce([`${PREFIX}#6`], { localPref: 100, nextHop: "10.0.0.32" });
    before.endOfRib();
    world.run(1000);
    const [sink] = sinks;
    assert.deepEqual(hops(sink!), ["10.0.0.31", "10.0.0.32"]);
    sink!.forget();
    before.drop();
    world.run(20_000);
    assert.deepEqual(sink!.table.log, []);
    const back = b();
    back.announce([`${PREFIX}#8`], { localPref: 100, nextHop: "10.0.0.31" });
    world.run(1000);
    assert.deepEqual(hops(sink!), ["10.0.0.31", "10.0.0.31", "10.0.0.32"]);
    assert.equal(world.forwards(PREFIX), "10.0.0.31 10.0.0.32");
    back.endOfRib();
    world.run(1000);
    assert.deepEqual(hops(sink!), ["10.0.0.31"]);
    assert.equal(world.forwards(PREFIX), "10.0.0.31");
  });
});

describe("a route refresh", () => {
  test("leaves those paths that were repeated between its two marks (RFC 7313)", () => {
    const world = createWorld(`${header()}
peers:
${peer("a", "10.0.0.11", 64512, "addPath: both")}`);
    const a = world.speaker("10.0.0.11", { asn: 64512, addPath: "both", enhancedRefresh: true });
    for (const id of [1, 2]) a.announce([`${PREFIX}#${id}`], { localPref: 100, nextHop: `10.0.0.3${id}` });
    a.endOfRib();
    world.run(1000);
    assert.equal(world.forwards(PREFIX), "10.0.0.31 10.0.0.32");
    a.refresh("ipv4", 1);
    a.announce([`${PREFIX}#2`], { localPref: 100, nextHop: "10.0.0.32" });
    world.run(1000);
    assert.equal(world.forwards(PREFIX), "10.0.0.31 10.0.0.32");
    a.refresh("ipv4", 2);
    world.run(1000);
    assert.equal(world.forwards(PREFIX), "10.0.0.32");
  });

  test("gives the peer each of its paths once more, under the same identifiers", () => {
    const { world, a, b, sinks } = reflector();
    a.announce(PREFIX, { localPref: 100 });
    b.announce([`${PREFIX}#5`], { localPref: 100 });
    world.run(1000);
    const [sink] = sinks;
    const ids = [...held(sink!)].sort();
    sink!.forget();
    sink!.refresh();
    world.run(1000);
    assert.deepEqual([...held(sink!)].sort(), ids);
    assert.deepEqual(
      sink!.table.log.filter((line) => line.includes(PREFIX)).sort(),
      ids.map(([id]) => `+${PREFIX}#${id}`),
    );
  });
});

describe("with path identifiers", () => {
  const config = (more: string) => `${header()}
peers:
${peer("a", "10.0.0.11", 64512, `${CLIENT}, addPath: both`)}${peer("sink", "10.0.0.20", 64512, `${CLIENT}, addPath: both, ${more}`)}`;
  function pair(more: string): { world: World; a: Speaker; sink: Speaker } {
    const world = createWorld(config(more));
    const speaker = (address: string) => world.speaker(address, { asn: 64512, addPath: "both" });
    return { world, a: speaker("10.0.0.11"), sink: speaker("10.0.0.20") };
  }
  const prefixes = (sink: Speaker) => [...new Set([...sink.routes.keys()].map((key) => key.split("#")[0]))].sort();

  test("a default route that we originate has one too, and gives way to the table on the live session", () => {
    const { world, a, sink } = pair("export: default-only");
    a.announce([`${PREFIX}#1`, `${PREFIX}#2`, "0.0.0.0/0#1"], { localPref: 100 });
    world.run(1000);
    assert.match([...sink.routes.keys()].join(), /^0\.0\.0\.0\/0#[1-9]\d*$/);
    const view = createQueries(world.router);
    const shown = view.routeOut("sink", parsePrefix("0.0.0.0/0")!).map(({ path }) => String(path.pathId));
    assert.deepEqual(shown, [...held(sink, "0.0.0.0/0").keys()]);
    const to = view.explain(parsePrefix("0.0.0.0/0")!, "sink").to!;
    assert.deepEqual([to.announced, to.path?.nextHop], [true, "10.0.0.1"]);
    world.configure(config("export: accept"));
    world.run(1000);
    assert.deepEqual(hops(sink), ["10.0.0.11", "10.0.0.11"]);
    assert.deepEqual(hops(sink, "0.0.0.0/0"), ["10.0.0.11"]);
    world.configure(config("export: default-only"));
    world.run(1000);
    assert.deepEqual(prefixes(sink), ["0.0.0.0/0"]);
    assert.deepEqual(hops(sink, "0.0.0.0/0"), ["10.0.0.1"]);
    assert.equal(sink.established, 1);
  });

  test("a limit of what is announced counts paths, and lets others in when some go", () => {
    const { world, a, sink } = pair("maxPrefixesOut: { limit: 2, action: block }");
    a.announce([`${PREFIX}#1`], { localPref: 100, nextHop: "10.0.0.31" });
    a.announce([`${PREFIX}#2`], { localPref: 100, nextHop: "10.0.0.32" });
    a.announce([`${PREFIX}#3`], { localPref: 100, nextHop: "10.0.0.33" });
    world.run(1000);
    // The subnets that we are connected to come first.
    assert.equal(sink.routes.size, 2);
    const table = createQueries(world.router).routesOut("sink", "ipv4", 0, 10).rows;
    assert.equal(table.length, 2);
    world.configure(config("maxPrefixesOut: { limit: 4, action: block }"));
    world.run(1000);
    assert.equal(sink.routes.size, 4);
    assert.equal(held(sink).size, 2);
    a.withdraw([`${PREFIX}#1`]);
    world.run(1000);
    assert.deepEqual(hops(sink), ["10.0.0.32", "10.0.0.33"]);
  });

  test("a limit of what is received counts paths, and those that are there may change", () => {
    const world = createWorld(`${header()}
peers:
${peer("a", "10.0.0.11", 64512, "addPath: both, maxPrefixesIn: { limit: 2, action: block }")}`);
    const a = world.speaker("10.0.0.11", { asn: 64512, addPath: "both" });
    for (const id of [1, 2, 3]) a.announce([`${PREFIX}#${id}`], { localPref: 100, nextHop: `10.0.0.3${id}` });
    a.announce([`${PREFIX}#2`], { localPref: 100, nextHop: "10.0.0.39" });
    world.run(1000);
    assert.equal(world.forwards(PREFIX), "10.0.0.31 10.0.0.39");
  });
});

describe("what is shown of several paths", () => {
  test("is each with its identifier, as received and as announced", () => {
    const { world, b, sinks } = reflector();
    b.announce([`${PREFIX}#5`, `${PREFIX}#6`], { localPref: 100 });
    world.run(1000);
    const view = createQueries(world.router);
    const prefix = parsePrefix(PREFIX)!;
    assert.deepEqual(
      view.routeIn("b", prefix).map(({ path }) => path.pathId),
      [5, 6],
    );
    const out = view.routeOut("sink-0", prefix).map(({ path }) => String(path.pathId));
    assert.deepEqual(out.sort(), [...held(sinks[0]!).keys()].sort());
    assert.deepEqual(view.routesOut("sink-0", "ipv4", 0, 100).rows.filter((row) => row.prefix === PREFIX).length, 2);
    const family = view.peers().find(({ name }) => name === "sink-0")!.families[0]!;
    assert.deepEqual([family.addPathReceive, family.addPathSend], [true, "all"]);
  });

  test("is why each path is sent or not", () => {
    const { world, a, b, c } = reflector("3");
    a.announce(PREFIX, { localPref: 100 });
    b.announce([`${PREFIX}#5`], { localPref: 90, communities: ["64512:9"] });
    b.announce([`${PREFIX}#6`], { localPref: 80 });
    c.announce([`${PREFIX}#5`], { localPref: 70 });
    world.run(1000);
    const to = createQueries(world.router).explain(parsePrefix(PREFIX)!, "sink-0");
    assert.deepEqual(
      to.to!.paths!.map((path) => [path.of.peer, path.of.pathId, path.announced, path.stoppedBy?.step]),
      [
        ["a", 0, true, undefined],
        ["b", 5, false, "export policy"],
        ["b", 6, true, undefined],
        ["c", 5, false, "ADD-PATH"],
      ],
    );
    const text = explainRoute(to).join("\n");
    assert.match(text, /To sink-0, the path from c \(10\.0\.0\.13\), path id 5: not announced, stopped by ADD-PATH: /);
    assert.match(text, /To sink-0, the path from b \(10\.0\.0\.12\), path id 6: announced\n {2}.*path id \d+/);
  });
});

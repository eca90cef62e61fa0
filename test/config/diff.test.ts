import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { stringify } from "yaml";
import { diffConfig } from "../../src/config/diff.ts";
import { plain } from "./arbitrary.ts";
import { parsed, SAMPLE } from "./samples.ts";

const NOTHING = {
  peersAdded: [],
  peersRemoved: [],
  peersChanged: [],
  dynamicAdded: [],
  dynamicRemoved: [],
  dynamicChanged: [],
  policiesAdded: [],
  policiesRemoved: [],
  policiesChanged: [],
  staticAdded: [],
  staticRemoved: [],
  staticChanged: [],
  router: [],
  kernel: [],
  direct: [],
  log: [],
  limits: [],
  empty: true,
};
const base = parsed(SAMPLE);

describe("what changes with a peer's key", () => {
  const rows: readonly (readonly [string, string[], boolean])[] = [
    ["description: x", ["description"], false],
    ["import: reject", ["import"], false],
    ["export: reject", ["export"], false],
    ["nextHop: self", ["nextHop"], false],
    ["timers: { connectRetry: 7s }", ["timers.connectRetry"], false],
    ["timers: { connectDelay: 7s }", ["timers.connectDelay"], false],
    ["timers: { delayOpen: 7s }", ["timers.delayOpen"], false],
    ["timers: { idleHoldMin: 7s }", ["timers.idleHoldMin"], false],
    ["timers: { idleHoldMax: 70s }", ["timers.idleHoldMax"], false],
    ["timers: { sendHold: 0 }", ["timers.sendHold"], false],
    ["timers: { hold: 30s }", ["timers.hold"], true],
    ["timers: { keepalive: 3s }", ["timers.keepalive"], false],
    ["port: 180", ["port"], false],
    ["localAddress: 10.0.0.1", ["localAddress"], true],
    ["families: [ipv4, ipv6]", ["families"], true],
    ["password: hunter22", ["password"], true],
    ["multihop: false", ["multihop"], true],
    ["disabled: true", ["disabled"], true],
    ["disabled: no key", ["disabled"], true],
    ["clusterId: 1.1.1.1", ["clusterId"], false],
    ["capabilities: { fourOctetAs: false }", ["capabilities.fourOctetAs"], true],
    ["capabilities: { routeRefresh: false }", ["capabilities.routeRefresh", "capabilities.enhancedRouteRefresh"], true],
    ["capabilities: { enhancedRouteRefresh: false }", ["capabilities.enhancedRouteRefresh"], true],
    ["capabilities: { extendedMessage: false }", ["capabilities.extendedMessage"], true],
  ];
  for (const [line, keys, reset] of rows)
    test(`${line} ${reset ? "resets the session" : "is taken over by the live session"}`, () => {
      const change = diffConfig(base, parsed(`${SAMPLE}    ${line}\n`));
      const peersChanged = [{ name: "c1", keys, reset, resetKeys: reset ? keys : [] }];
      assert.deepEqual(change, { ...NOTHING, peersChanged, empty: false });
      assert.ok(!JSON.stringify(change).includes("hunter22"));
    });

  const replaced: readonly (readonly [string, string, string[]])[] = [
    ["address: 10.99.1.0", "address: 10.99.1.1", ["address"]],
  ];
  for (const [from, to, keys] of replaced)
    test(`${to} resets the session`, () => {
      assert.deepEqual(diffConfig(base, parsed(SAMPLE.replace(from, to))).peersChanged, [
        { name: "c1", keys, reset: true, resetKeys: keys },
      ]);
    });

  test("the peer's AS resets the session", () => {
    const change = diffConfig(base, parsed(SAMPLE.replace("65000", "65001")));
    assert.deepEqual(change.peersChanged, [{ name: "tor-a", keys: ["asn"], reset: true, resetKeys: ["asn"] }]);
  });
  const addPath: readonly (readonly [string, string, boolean])[] = [
    ["{ send: all }", "{ send: 4 }", false],
    ["{ receive: true, send: 2 }", "both", false],
    ["{ send: none }", "{ send: 4 }", true],
    ["both", "{ receive: true }", true],
    ["{ send: all }", "both", true],
  ];
  for (const [from, to, reset] of addPath)
    test(`addPath ${from} to ${to} ${reset ? "resets the session" : "is taken over by the live session"}`, () => {
      const [a, b] = [from, to].map((text) => parsed(`${SAMPLE}    addPath: ${text}\n`));
      assert.deepEqual(
        diffConfig(a!, b!).peersChanged.map((peer) => peer.reset),
        [reset],
      );
    });
  test("the order of families is no change", () => {
    const [a, b] = ["ipv4, ipv6", "ipv6, ipv4"].map((text) => parsed(`${SAMPLE}    families: [${text}]\n`));
    assert.deepEqual(diffConfig(a!, b!), NOTHING);
  });
  test("a new content of the password file is taken over by the live session", () => {
    const keyed = (key: string) => parsed(`${SAMPLE}    passwordFile: /k\n`, { secrets: () => key });
    assert.deepEqual(diffConfig(keyed("hunter22"), keyed("hunter33")).peersChanged, [
      { name: "c1", keys: ["password"], reset: false, resetKeys: [] },
    ]);
  });
  test("a key that goes resets nothing, a first one does", () => {
    const [without, keyed] = [parsed(SAMPLE), parsed(`${SAMPLE}    password: hunter22\n`)];
    assert.deepEqual(diffConfig(keyed, without).peersChanged[0]?.resetKeys, []);
    assert.deepEqual(diffConfig(without, keyed).peersChanged[0]?.resetKeys, ["password"]);
  });
  test("the same key moved into a file resets nothing", () => {
    const change = diffConfig(
      parsed(`${SAMPLE}    password: k\n`),
      parsed(`${SAMPLE}    passwordFile: /k\n`, { secrets: () => "k" }),
    );
    assert.deepEqual(change.peersChanged, [{ name: "c1", keys: ["passwordFile"], reset: false, resetKeys: [] }]);
  });
});

describe("what changes with the rest", () => {
  const changed = (from: string, to: string) => diffConfig(base, parsed(SAMPLE.replace(from, to)));
  test("the router id resets every session", () => {
    const change = changed("id: 10.99.0.1\n  asn", "id: 10.99.0.2\n  asn");
    assert.deepEqual(change.router, ["id"]);
    assert.deepEqual(
      change.peersChanged.map(({ name, resetKeys }) => [name, resetKeys]),
      [
        ["tor-a", ["router.id"]],
        ["c1", ["router.id"]],
      ],
    );
  });
  test("the cluster id reaches internal sessions, and resets none", () => {
    const change = changed("clusterId: 10.99.0.1", "clusterId: 10.99.0.2");
    assert.deepEqual(
      change.peersChanged.map(({ name, keys, resetKeys }) => [name, keys, resetKeys]),
      [["c1", ["router.clusterId"], []]],
    );
  });
  test("a client of the reflector that is none any more keeps its session", () => {
    assert.deepEqual(changed("routeReflectorClient: true", "routeReflectorClient: false").peersChanged, [
      { name: "c1", keys: ["routeReflectorClient"], reset: false, resetKeys: [] },
    ]);
  });
  test("a peer that waits instead of connecting keeps its session", () => {
    assert.deepEqual(changed("passive: true", "passive: false").peersChanged, [
      { name: "c1", keys: ["passive"], reset: false, resetKeys: [] },
    ]);
  });
  test("our AS resets every session", () => {
    const change = diffConfig(base, parsed(SAMPLE.replaceAll("64512", "64513")));
    assert.deepEqual(
      change.peersChanged.map(({ name, resetKeys }) => [name, resetKeys]),
      [
        ["tor-a", ["router.asn"]],
        ["c1", ["asn", "router.asn"]],
      ],
    );
  });
  test("listeners, kernel, limits, policies and static routes reset none", () => {
    assert.deepEqual(changed("port: 179", "port: 1179"), { ...NOTHING, router: ["listen"], empty: false });
    assert.deepEqual(changed("learn: true", "learn: false"), { ...NOTHING, kernel: ["learn"], empty: false });
    assert.deepEqual(changed("kernel:\n", "limits: { routes: 7 }\nkernel:\n"), {
      ...NOTHING,
      limits: ["routes"],
      empty: false,
    });
    assert.deepEqual(changed("[kernel, static]", "[kernel]"), {
      ...NOTHING,
      policiesChanged: ["to-tor"],
      empty: false,
    });
    assert.deepEqual(changed("policies:\n", "policies:\n  new: []\n"), {
      ...NOTHING,
      policiesAdded: ["new"],
      empty: false,
    });
    assert.deepEqual(changed("10.1.0.0/26, blackhole: true", "10.1.0.0/26, via: 10.0.0.9"), {
      ...NOTHING,
      staticChanged: ["10.1.0.0/26"],
      empty: false,
    });
    assert.deepEqual(changed("10.1.0.0/26", "10.2.0.0/26"), {
      ...NOTHING,
      staticAdded: ["10.2.0.0/26"],
      staticRemoved: ["10.1.0.0/26"],
      empty: false,
    });
  });
  test("a policy whose lists stand in another order is unchanged", () => {
    assert.deepEqual(changed("[kernel, static]", "[static, kernel]"), NOTHING);
  });
  test("peers that come and go", () => {
    const change = changed("name: c1", "name: c2");
    assert.deepEqual([change.peersAdded, change.peersRemoved, change.peersChanged], [["c2"], ["c1"], []]);
  });
  test("any configuration differs from itself in nothing", () => {
    fc.assert(
      fc.property(plain, (value) => {
        const text = stringify(value);
        assert.deepEqual(diffConfig(parsed(text), parsed(text)), NOTHING);
      }),
      { seed: 5, numRuns: 50 },
    );
  });
});

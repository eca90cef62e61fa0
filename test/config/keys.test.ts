import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { plainConfig } from "../../src/config/plain.ts";
import { formatAddress } from "../../src/ip/address.ts";
import { parsed, peer, rule, SAMPLE } from "./samples.ts";

type Tree = Record<string, unknown>;
const at = (value: unknown, path: string): unknown =>
  path.split(".").reduce<unknown>((node, key) => (node as Tree | undefined)?.[key], value);

describe("defaults", () => {
  const config = parsed("router: { asn: 1 }\npeers: [{ name: p, address: 10.0.0.2, asn: 1 }]\n");
  const rows: readonly (readonly [string, unknown])[] = [
    ["router.id", undefined],
    ["router.clusterId", undefined],
    ["kernel.program", true],
    ["kernel.learn", true],
    ["kernel.export", "accept"],
    ["kernel.keepOnExit", false],
    ["kernel.multipath", 16],
    ["peers.0.port", 179],
    ["peers.0.families", ["ipv4"]],
    ["peers.0.import", undefined],
    ["peers.0.export", undefined],
    ["peers.0.passive", false],
    ["peers.0.routeReflectorClient", false],
    ["peers.0.nextHop", "auto"],
    ["peers.0.multihop", true],
    ["peers.0.disabled", false],
    ["peers.0.timers.holdMs", 90_000],
    ["peers.0.timers.keepaliveMs", undefined],
    ["peers.0.timers.connectRetryMs", 5_000],
    ["peers.0.timers.connectDelayMs", 1_000],
    ["peers.0.timers.delayOpenMs", 0],
    ["peers.0.timers.idleHoldMinMs", 5_000],
    ["peers.0.timers.idleHoldMaxMs", 30_000],
    ["peers.0.timers.sendHoldMs", 480_000],
    [
      "peers.0.capabilities",
      { fourOctetAs: true, routeRefresh: true, enhancedRouteRefresh: true, extendedMessage: true },
    ],
    ["peers.0.origin", { file: "a.yaml", line: 2 }],
    ["limits", { routes: 4_000_000, paths: 16_000_000, attributeSets: 1_000_000, attributeOctets: 268_435_456 }],
    ["static", []],
    ["policies", []],
  ];
  for (const [path, value] of rows)
    test(`${path} is ${JSON.stringify(value)}`, () => assert.deepEqual(at(config, path), value));

  test("we listen at 0.0.0.0 and ::, port 179", () => {
    assert.deepEqual(
      config.router.listen.map(({ address, port }) => [formatAddress(address), port]),
      [
        ["0.0.0.0", 179],
        ["::", 179],
      ],
    );
  });
  test("the family of an IPv6 peer is ipv6", () => {
    assert.deepEqual(
      parsed("router: { asn: 1 }\npeers: [{ name: p, address: '2001:db8::1', asn: 1 }]\n").peers[0]!.families,
      ["ipv6"],
    );
  });
  test("an eBGP peer is one hop away", () => {
    assert.equal(
      parsed("router: { asn: 2 }\npeers: [{ name: p, address: 10.0.0.2, asn: 1 }]\n").peers[0]!.multihop,
      false,
    );
  });
  test("sendHold follows a long hold time", () => {
    assert.equal(parsed(peer("timers: { hold: 300s }")).peers[0]!.timers.sendHoldMs, 600_000);
  });
});

describe("every key of a peer is read", () => {
  const rows: readonly (readonly [string, string, unknown])[] = [
    ["description: to the north", "description", "to the north"],
    ["port: 1179", "port", 1179],
    ["localAddress: 10.0.0.1", "localAddress.family", "ipv4"],
    ["families: [ipv4, ipv6]", "families", ["ipv4", "ipv6"]],
    ["families: ipv6", "families", ["ipv6"]],
    ["families: [ipv6, ipv6]", "families", ["ipv6"]],
    ["import: reject", "import", "reject"],
    ["export: default-only", "export", "default-only"],
    ["passive: true", "passive", true],
    ["routeReflectorClient: true", "routeReflectorClient", true],
    ["clusterId: 10.0.0.9", "clusterId", 0x0a000009],
    ["nextHop: self", "nextHop", "self"],
    ["nextHop: keep", "nextHop", "keep"],
    ["multihop: false", "multihop", false],
    ["password: secret", "password", "secret"],
    ["password: '12345'", "password", "12345"],
    ["password: 0012", "password", "0012"],
    ["description: 7.0", "description", "7.0"],
    ["disabled: true", "disabled", true],
    ["timers: { hold: 0 }", "timers.holdMs", 0],
    ["timers: { hold: 2m }", "timers.holdMs", 120_000],
    ["timers: { hold: 30 }", "timers.holdMs", 30_000],
    ["timers: { keepalive: 1500ms }", "timers.keepaliveMs", 1500],
    ["timers: { connectRetry: 1h }", "timers.connectRetryMs", 3_600_000],
    ["timers: { connectDelay: 0s }", "timers.connectDelayMs", 0],
    ["timers: { delayOpen: 500ms }", "timers.delayOpenMs", 500],
    ["timers: { idleHoldMin: 1m }", "timers.idleHoldMinMs", 60_000],
    ["timers: { idleHoldMin: 1m }", "timers.idleHoldMaxMs", 60_000],
    ["timers: { idleHoldMax: 1m }", "timers.idleHoldMaxMs", 60_000],
    ["timers: { sendHold: 0 }", "timers.sendHoldMs", 0],
    [
      "capabilities: { fourOctetAs: false }",
      "capabilities",
      { fourOctetAs: false, routeRefresh: true, enhancedRouteRefresh: true, extendedMessage: true },
    ],
    ["capabilities: { routeRefresh: false }", "capabilities.routeRefresh", false],
    ["capabilities: { extendedMessage: false }", "capabilities.extendedMessage", false],
  ];
  for (const [text, path, value] of rows)
    test(text, () => assert.deepEqual(at(parsed(peer(text)).peers[0], path), value));
});

describe("every key of the rest is read", () => {
  const rows: readonly (readonly [string, string, unknown])[] = [
    ["router: { asn: 1.10 }", "router.asn", 65_546],
    ["router: { asn: 0.10 }", "router.asn", 10],
    ["router: { asn: 65535.65535 }", "router.asn", 4_294_967_295],
    ["router: { asn: '64512' }", "router.asn", 64_512],
    ["router: { asn: 1, id: 192.0.2.1 }", "router.id", "192.0.2.1"],
    ["router: { asn: 1, clusterId: 192.0.2.1 }", "router.clusterId", "192.0.2.1"],
    ["router: { asn: 1, listen: { address: 10.0.0.1 } }", "router.listen.0", { address: "10.0.0.1", port: 179 }],
    ["router: { asn: 1, listen: [{ address: '::1', port: 1790 }] }", "router.listen.0", { address: "::1", port: 1790 }],
    ["router: { asn: 1, listen: [] }", "router.listen", []],
    ["router: { asn: 1 }\nkernel: { program: false }", "kernel.program", false],
    ["router: { asn: 1 }\nkernel: { learn: false }", "kernel.learn", false],
    ["router: { asn: 1 }\nkernel: { export: reject }", "kernel.export", "reject"],
    ["router: { asn: 1 }\nkernel: { keepOnExit: true }", "kernel.keepOnExit", true],
    ["router: { asn: 1 }\nkernel: { multipath: 1 }", "kernel.multipath", 1],
    ["router: { asn: 1 }\nlimits: { routes: 5 }", "limits.routes", 5],
    ["router: { asn: 1 }\nlimits: { paths: 5 }", "limits.paths", 5],
    ["router: { asn: 1 }\nlimits: { attributeSets: 5 }", "limits.attributeSets", 5],
    ["router: { asn: 1 }\nlimits: { attributeOctets: 5000 }", "limits.attributeOctets", 5000],
    ["router: { asn: 1 }\nstatic: { prefix: 10.0.0.0/8, via: 10.9.9.9 }", "static.0.via", [{ gateway: "10.9.9.9" }]],
    [
      "router: { asn: 1 }\nstatic: [{ prefix: '::/0', via: [{ gateway: 'fe80::1%eth0', interface: eth0 }], metric: 7 }]",
      "static.0",
      { prefix: "::/0", via: [{ gateway: "fe80::1%eth0", interface: "eth0" }], blackhole: false, metric: 7 },
    ],
    ["router: { asn: 1 }\npeers:\npolicies:\nstatic:\nkernel:", "peers", []],
  ];
  for (const [text, path, value] of rows)
    test(text.replaceAll("\n", " | "), () => assert.deepEqual(at(plainConfig(parsed(text), "show"), path), value));
});

describe("every key of a rule is read", () => {
  const rows: readonly (readonly [string, unknown])[] = [
    ["{ action: accept }", { action: "accept" }],
    ["{ match: { prefixes: 10.0.0.0/8 }, action: accept }", { match: { prefixes: ["10.0.0.0/8"] }, action: "accept" }],
    [
      "{ match: { prefixes: [10.0.0.0/8 ge 16, 10.0.0.0/8 le 16, 10.0.0.0/8 ge 9 le 16] }, action: accept }",
      { match: { prefixes: ["10.0.0.0/8 ge 16", "10.0.0.0/8 le 16", "10.0.0.0/8 ge 9 le 16"] }, action: "accept" },
    ],
    [
      "{ match: { prefixes: [{ prefix: '::/0', ge: 64 }] }, action: accept }",
      { match: { prefixes: ["::/0 ge 64"] }, action: "accept" },
    ],
    ["{ match: { source: bgp }, action: reject }", { match: { source: ["bgp"] }, action: "reject" }],
    [
      "{ match: { communities: [64512:100, no-export] }, action: reject }",
      { match: { communities: ["64512:100", "no-export"] }, action: "reject" },
    ],
    [
      "{ match: { nextHops: [10.0.0.1, 10.0.0.0/24] }, action: reject }",
      { match: { nextHops: ["10.0.0.1/32", "10.0.0.0/24"] }, action: "reject" },
    ],
    ["{ match: { peers: tor-a }, action: reject }", { match: { peers: ["tor-a"] }, action: "reject" }],
    [
      "{ match: { communities: ['64512:*', '*:100', '*:*'] }, action: accept }",
      { match: { communities: ["64512:*", "*:100", "*:*"] }, action: "accept" },
    ],
    [
      "{ match: { largeCommunities: '64512:*:2', extendedCommunities: [rt:64512:*, soo:10.0.0.1:5, 0x4002fc0000000064] }, action: accept }",
      {
        match: {
          largeCommunities: ["64512:*:2"],
          extendedCommunities: ["rt:64512:*", "ro:10.0.0.1:5", "0x4002fc0000000064"],
        },
        action: "accept",
      },
    ],
    [
      "{ match: { asPath: { startsWith: [65001, 1.10], contains: 7, originatedBy: [8, 9], length: < 4, empty: false } }, action: accept }",
      {
        match: {
          asPath: { startsWith: [65_001, 65_546], contains: [7], originatedBy: [8, 9], empty: false, length: "<= 3" },
        },
        action: "accept",
      },
    ],
    [
      "{ match: { interface: ['*.cali', eth?] }, action: accept }",
      { match: { interface: ["*.cali", "eth?"] }, action: "accept" },
    ],
    [
      "{ match: { peerType: ebgp, fromPeerType: [ibgp, client] }, action: accept }",
      { match: { peerType: ["ebgp"], fromPeerType: ["ibgp", "client"] }, action: "accept" },
    ],
    [
      "{ match: { med: none, localPref: '> 2147482623', preference: 200, metric: < 1024 }, action: accept }",
      { match: { med: "none", localPref: ">= 2147482624", preference: 200, metric: "<= 1023" }, action: "accept" },
    ],
    [
      "{ match: { metric: { gt: 5, lt: 10 }, med: { eq: 3 }, localPref: { ge: 4 } }, action: accept }",
      { match: { med: 3, localPref: ">= 4", metric: { ge: 6, le: 9 } }, action: "accept" },
    ],
    [
      "{ match: { not: { source: bgp, any: [{ metric: 1 }, { med: 2 }] }, all: [{ family: ipv4 }] }, action: accept }",
      {
        match: { not: [{ source: ["bgp"], any: [{ metric: 1 }, { med: 2 }] }], all: [{ family: "ipv4" }] },
        action: "accept",
      },
    ],
    ["{ call: default-only }", { call: "default-only" }],
    [
      "{ set: { metric: 2147483647 - localPreference, localPref: 2147483647-metric, med: metric, preference: 10 + preference }, action: accept }",
      {
        set: {
          metric: "2147483647 - localPref",
          localPref: "2147483647 - metric",
          med: "metric",
          preference: "preference + 10",
        },
        action: "accept",
      },
    ],
    [
      "{ set: { removeCommunities: ['64512:*'], removeLargeCommunities: '1:*:*', setLargeCommunities: [], addExtendedCommunities: rt:70000:5, removeExtendedCommunities: ['rt:*:*'], setExtendedCommunities: ro:1:2 }, action: accept }",
      {
        set: {
          removeCommunities: ["64512:*"],
          removeLargeCommunities: ["1:*:*"],
          setLargeCommunities: [],
          addExtendedCommunities: ["rt:70000:5"],
          removeExtendedCommunities: ["rt:*:*"],
          setExtendedCommunities: ["ro:1:2"],
        },
        action: "accept",
      },
    ],
    ["{ match: { family: ipv6 }, action: continue }", { match: { family: "ipv6" }, action: "continue" }],
    [
      "{ set: { preference: 200, localPref: 4294967295, metric: 5 }, action: accept }",
      { set: { preference: 200, localPref: 4_294_967_295, metric: 5 }, action: "accept" },
    ],
    ["{ set: { med: none }, action: accept }", { set: { med: "none" }, action: "accept" }],
    ["{ set: { med: 0 }, action: accept }", { set: { med: 0 }, action: "accept" }],
    [
      "{ set: { addCommunities: 1:2, removeCommunities: [1:3] }, action: accept }",
      { set: { addCommunities: ["1:2"], removeCommunities: ["1:3"] }, action: "accept" },
    ],
    ["{ set: { setCommunities: [] }, action: accept }", { set: { setCommunities: [] }, action: "accept" }],
    [
      "{ set: { addLargeCommunities: ['4294967295:1:2'] }, action: accept }",
      { set: { addLargeCommunities: ["4294967295:1:2"] }, action: "accept" },
    ],
    ["{ set: { prepend: 2 }, action: accept }", { set: { prepend: [65_000, 65_000] }, action: "accept" }],
    ["{ set: { prepend: [1.0, 7] }, action: accept }", { set: { prepend: [65_536, 7] }, action: "accept" }],
    ["{ set: { nextHop: self }, action: accept }", { set: { nextHop: "self" }, action: "accept" }],
    ["{ set: { nextHop: 10.0.0.7 }, action: accept }", { set: { nextHop: "10.0.0.7" }, action: "accept" }],
    [
      "{ set: { device: tunl0, onlink: true, preferredSource: 10.0.0.1, table: 100 }, action: accept }",
      { set: { device: "tunl0", onlink: true, preferredSource: "10.0.0.1", table: 100 }, action: "accept" },
    ],
  ];
  for (const [text, value] of rows)
    test(text, () => assert.deepEqual(at(plainConfig(parsed(rule(text)), "show"), "policies.p.0"), value));

  test("a prefix set stands for its prefixes, beside those of the rule", () => {
    const config = parsed(
      `${rule("{ match: { prefixSets: pods, prefixes: 10.0.0.0/8 }, action: accept }")}prefixSets:\n  pods: [10.1.0.0/16 le 32]\n`,
    );
    assert.deepEqual(at(plainConfig(config, "show"), "policies.p.0.match.prefixes"), [
      "10.0.0.0/8",
      "10.1.0.0/16 le 32",
    ]);
  });
});

test("a name of digits keeps its zeros", () => {
  assert.equal(parsed("router: { asn: 1 }\npeers: [{ name: 007, address: 10.0.0.2, asn: 1 }]\n").peers[0]!.name, "007");
});

test("the contract's example parses without a warning, and peers know their lines", () => {
  const config = parsed(SAMPLE);
  assert.deepEqual(
    config.peers.map(({ name, origin }) => [name, origin.line]),
    [
      ["tor-a", 17],
      ["c1", 23],
    ],
  );
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { diffConfig } from "../../src/config/diff.ts";
import { dynamicPeer } from "../../src/config/dynamic-peers.ts";
import { createParseCache, parseConfig } from "../../src/config/parse.ts";
import { plainConfig } from "../../src/config/plain.ts";
import { formatAddress, parseAddress } from "../../src/ip/address.ts";
import { parse, parsed, peer, problems, SAMPLE } from "./samples.ts";

type Tree = Record<string, unknown>;
const at = (value: unknown, path: string): unknown =>
  path.split(".").reduce<unknown>((node, key) => (node as Tree | undefined)?.[key], value);

describe("keys go by address", () => {
  const found = (listen: string, ...peers: string[]) =>
    problems(
      parse(`router: { id: 10.0.0.1, asn: 64512, listen: ${listen} }
peers:
${peers.map((one, i) => `  - { name: p${i}, asn: 64512, ${one} }\n`).join("")}`),
    );
  const ONE = '[{ address: "::" }]';
  const EACH = '[{ address: "::", interface: eth0 }, { address: "::", interface: eth1 }]';
  const LINKED = ['address: "fe80::2%eth0", password: a', 'address: "fe80::2%eth1", password: b'];

  test("two link-local neighbours of one address and two keys need a listener each", () => {
    assert.match(found(ONE, ...LINKED).join("\n"), /peers\[1\].*has the address of peer `p0`, on another interface/);
    assert.deepEqual(found(EACH, ...LINKED), []);
    assert.deepEqual(found(ONE, LINKED[0]!, LINKED[1]!.replace("password: b", "password: a")), []);
  });

  test("a peer without a key inside a range with one is warned of", () => {
    const range = "prefix: 10.1.0.0/16, password: a";
    const EVERYWHERE = "[{ address: 0.0.0.0 }]";
    assert.match(found(EVERYWHERE, range, "address: 10.1.0.2").join("\n"), /no password, but `p0` has one/);
    assert.match(found(EVERYWHERE, range, "prefix: 10.1.2.0/24").join("\n"), /no password, but `p0` has one/);
    for (const other of [
      "address: 10.2.0.2",
      "address: 10.1.0.2, password: b",
      "prefix: 10.0.0.0/8",
      "address: 10.1.0.2, disabled: true",
    ])
      assert.deepEqual(found(EVERYWHERE, range, other), [], other);
  });
});

describe("session keys are read in each of their forms", () => {
  const GR = {
    mode: "aware",
    restartTimeMs: 120_000,
    staleTimeMs: 180_000,
    notification: false,
    longLived: "off",
    longLivedStaleTimeMs: 86_400_000,
    staleToOthers: false,
  };
  const BOUND = { limit: 1000, warnPercent: 75, action: "restart", restartAfterMs: 300_000 };
  const rows: readonly (readonly [string, string, unknown])[] = [
    ["description: x", "gracefulRestart", GR],
    ["description: x", "addPath", { receive: false, send: "none" }],
    ["description: x", "maxPrefixesIn", undefined],
    ["description: x", "ttl", undefined],
    ["interface: eth0", "interface", "eth0"],
    ["multihop: 5", "multihop", true],
    ["multihop: 5", "ttl", 5],
    ["multihop: true", "ttl", undefined],
    ["ttlSecurity: 1", "ttlSecurity", 1],
    [
      "localAs: { asn: 1.10, replaceAs: true }\nimport: accept\nexport: accept",
      "localAs",
      { asn: 65_546, noPrepend: false, replaceAs: true },
    ],
    ["localAs: { asn: 7, replaceAs: true }\nimport: accept\nexport: accept", "localAs.replaceAs", true],
    ["localAs: { asn: 7, replaceAs: true }\nimport: accept\nexport: accept", "multihop", false],
    ["allowOwnAs: 2", "allowOwnAs", 2],
    ["allowAsSets: true", "allowAsSets", true],
    ["maxPrefixesIn: 1000", "maxPrefixesIn", BOUND],
    ["maxPrefixesOut: { limit: 1000, action: block }", "maxPrefixesOut", { ...BOUND, action: "block" }],
    ["maxPrefixesIn: { limit: 1, restartAfter: 1h }", "maxPrefixesIn.restartAfterMs", 3_600_000],
    ["gracefulRestart: on", "gracefulRestart", { ...GR, mode: "on" }],
    ["gracefulRestart: off", "gracefulRestart.mode", "off"],
    [
      "gracefulRestart: { mode: on, restartTime: 4095s, notification: true }",
      "gracefulRestart",
      { ...GR, mode: "on", restartTimeMs: 4_095_000, notification: true },
    ],
    [
      "gracefulRestart: { longLived: on, longLivedStaleTime: 16777215s }",
      "gracefulRestart.longLivedStaleTimeMs",
      16_777_215_000,
    ],
    ["gracefulRestart: { longLived: on, longLivedStaleTime: 7d }", "gracefulRestart.longLivedStaleTimeMs", 604_800_000],
    ["addPath: both", "addPath", { receive: true, send: "all" }],
    ["addPath: off", "addPath", { receive: false, send: "none" }],
    ["addPath: { send: 4 }", "addPath", { receive: false, send: 4 }],
    ["addPath: { receive: true }", "addPath", { receive: true, send: "none" }],
    ["export: default-only\ndefaultOnly: ifReachable", "defaultOnly", "ifReachable"],
    ["capabilities: { routeRefresh: false }", "capabilities.enhancedRouteRefresh", false],
    ["localAddress: 10.0.0.1\npassive: byAddress", "passive", true],
    ["localAddress: 10.0.0.10\npassive: byAddress", "passive", true],
    ["localAddress: 10.0.0.3\npassive: byAddress", "passive", false],
    // As text: "10.0.0.2" comes after "10.0.0.19".
    ["localAddress: 10.0.0.19\npassive: byAddress", "passive", true],
  ];
  for (const [text, path, value] of rows)
    test(`${text.replaceAll("\n", ", ")}: ${path} is ${JSON.stringify(value)}`, () => {
      const result = parse(peer(text));
      assert.deepEqual(problems(result), []);
      assert.ok(result.ok);
      assert.deepEqual(at(result.config.peers[0], path), value);
    });

  test("a listener may stand on one interface", () => {
    const config = parsed("router: { asn: 1, listen: [{ address: 10.0.0.1, interface: eth0 }] }");
    assert.deepEqual(at(plainConfig(config, "show"), "router.listen.0"), {
      address: "10.0.0.1",
      port: 179,
      interface: "eth0",
    });
  });
  test("kernel routes stay by default where a peer has graceful restart on", () => {
    assert.equal(parsed(peer("gracefulRestart: on")).kernel.keepOnExit, true);
    assert.equal(parsed(peer("gracefulRestart: aware")).kernel.keepOnExit, false);
    const dynamic = "router: { asn: 1 }\npeers: [{ name: d, prefix: 10.0.0.0/8, asn: 1, gracefulRestart: on }]\n";
    assert.equal(parsed(dynamic).kernel.keepOnExit, true);
    assert.equal(parsed(`${dynamic}kernel: { keepOnExit: false }`).kernel.keepOnExit, false);
  });
});

const R = "router: { asn: 1 }\n";
const GROUPS = `${R}peerGroups:
  tor:
    asn: 65000
    import: accept
    export: accept
    timers: { hold: 30s, connectRetry: 7s }
    gracefulRestart: { mode: on, restartTime: 60s }
    password: secret
peers:
  - name: a
    group: tor
    address: 10.0.0.2
`;

describe("a peer group", () => {
  test("gives what the peer does not say", () => {
    const [a] = parsed(GROUPS).peers;
    assert.deepEqual(
      [a!.asn, a!.group, a!.import, a!.timers.holdMs, a!.password],
      [65_000, "tor", "accept", 30_000, "secret"],
    );
  });
  test("gives way to the peer's own keys, and inner mappings merge key by key", () => {
    const own = "    import: reject\n    timers: { hold: 9s }\n    gracefulRestart: aware\n";
    const [a] = parsed(GROUPS + own).peers;
    assert.deepEqual(
      [a!.import, a!.export, a!.timers.holdMs, a!.timers.connectRetryMs],
      ["reject", "accept", 9_000, 7_000],
    );
    assert.deepEqual([a!.gracefulRestart.mode, a!.gracefulRestart.restartTimeMs], ["aware", 60_000]);
  });
  test("and its password gives way to the peer's password file", () => {
    const [a] = parsed(`${GROUPS}    passwordFile: /k\n`, { secrets: () => "other" }).peers;
    assert.deepEqual([a!.password, a!.passwordFile], ["other", "/k"]);
  });
  test("may stand in another file", () => {
    const [before, peers] = GROUPS.split("peers:\n");
    const result = parseConfig([
      { path: "b.yaml", text: before! },
      { path: "a.yaml", text: `peers:\n${peers}` },
    ]);
    assert.ok(result.ok);
    assert.equal(result.config.peers[0]!.asn, 65_000);
  });
  test("makes its peers anew when it changes, and no others", () => {
    const cache = createParseCache();
    const files = (hold: string) => [
      { path: "b.yaml", text: GROUPS.split("peers:\n")[0]!.replace("30s", hold) },
      {
        path: "a.yaml",
        text: "peers: [{ name: a, group: tor, address: 10.0.0.2 }, { name: b, asn: 1, address: 10.0.0.3 }]",
      },
    ];
    const before = parseConfig(files("30s"), { cache });
    const after = parseConfig(files("60s"), { cache });
    assert.ok(before.ok && after.ok);
    assert.equal(after.config.peers[0]!.timers.holdMs, 60_000);
    assert.equal(after.config.peers[1], before.config.peers[1]);
    assert.deepEqual(diffConfig(before.config, after.config).peersChanged, [
      { name: "a", keys: ["timers.hold", "timers.sendHold"].slice(0, 1), reset: true, resetKeys: ["timers.hold"] },
    ]);
  });
  test("that is only renamed resets nothing", () => {
    const renamed = GROUPS.replace("  tor:", "  rack:").replace("group: tor", "group: rack");
    const { peersChanged } = diffConfig(parsed(GROUPS), parsed(renamed));
    assert.deepEqual(peersChanged, [{ name: "a", keys: ["group"], reset: false, resetKeys: [] }]);
  });
});

const RANGE = `${R}peers:
  - name: rack
    prefix: 10.0.1.0/24
    limit: 7
    asn: 1
`;

describe("dynamic neighbours", () => {
  test("stand beside the peers, passive and with the family of their prefix", () => {
    const config = parsed(
      `${R}peers: [{ name: d, prefix: '2001:db8::/64', asn: 1 }, { name: a, address: 10.0.0.2, asn: 1 }]`,
    );
    assert.deepEqual(
      config.peers.map(({ name }) => name),
      ["a"],
    );
    const [entry] = config.dynamicPeers;
    assert.deepEqual(
      [entry!.name, entry!.limit, entry!.template.passive, entry!.template.families],
      ["d", 100, true, ["ipv6"]],
    );
  });
  test("are named after their entry and address", () => {
    const [entry] = parsed(RANGE).dynamicPeers;
    const neighbour = dynamicPeer(entry!, parseAddress("10.0.1.9")!);
    assert.deepEqual(
      [neighbour.name, formatAddress(neighbour.address), neighbour.asn],
      ["rack-10.0.1.9", "10.0.1.9", 1],
    );
  });
  test("a change of their entry is told", () => {
    const change = (text: string) => {
      const { dynamicAdded, dynamicRemoved, dynamicChanged } = diffConfig(parsed(RANGE), parsed(text));
      return [dynamicAdded, dynamicRemoved, dynamicChanged];
    };
    assert.deepEqual(change(RANGE), [[], [], []]);
    assert.deepEqual(change(RANGE.replace("7", "8")), [[], [], ["rack"]]);
    assert.deepEqual(change(`${RANGE}    password: k\n`), [[], [], ["rack"]]);
    assert.deepEqual(change(RANGE.replace("rack", "pods")), [["pods"], ["rack"], []]);
  });
});

describe("what cannot be meant", () => {
  const two = (second: string) => `${RANGE}  - { name: b, asn: 1, ${second} }\n`;
  const rows: readonly (readonly [text: string, ...problems: string[]])[] = [
    [peer("multihop: 256"), "6: peers[0].multihop: expected true, false, or the TTL sent, from 1 to 255, not `256`"],
    [peer("passive: byaddress"), "6: peers[0].passive: expected true, false or byAddress, not `byaddress`"],
    [peer("ttlSecurity: 255"), "6: peers[0].ttlSecurity: expected a whole number from 1 to 254, not `255`"],
    [
      peer("multihop: 5\nttlSecurity: 5"),
      "7: peers[0].ttlSecurity: ttlSecurity sends with TTL 255, so multihop cannot be a TTL: write `multihop: true`",
    ],
    [peer("gracefulRestart: yes"), "6: peers[0].gracefulRestart.mode: expected off, aware, on, not `yes`"],
    [
      peer("gracefulRestart: { mode: on, restartTime: 4096s }"),
      "6: peers[0].gracefulRestart.restartTime: expected whole seconds, at most 4095s: the capability has 12 bits (RFC 4724 §3)",
    ],
    [
      peer("gracefulRestart: { restartTime: 1500ms }"),
      "6: peers[0].gracefulRestart.restartTime: expected whole seconds, at most 4095s: the capability has 12 bits (RFC 4724 §3)",
    ],
    [
      peer("gracefulRestart: { longLived: on, longLivedStaleTime: 16777216s }"),
      "6: peers[0].gracefulRestart.longLivedStaleTime: expected whole seconds, at most 16777215s: the capability has 24 bits (RFC 9494 §3)",
    ],
    [
      peer("gracefulRestart: { mode: off, longLived: on }"),
      "6: peers[0].gracefulRestart.longLived: long-lived needs mode aware or on (RFC 9494 §3.1)",
    ],
    [
      peer("gracefulRestart: { restartTime: 60s }"),
      "6: warning: peers[0].gracefulRestart.restartTime: peers keep our routes only with mode on, so restartTime changes nothing",
    ],
    [
      peer("gracefulRestart: { restartTime: 60s }")
        .replace("router", "kernel: { keepOnExit: false }\nrouter")
        .replace("{ restartTime: 60s }", "on"),
      "1: warning: kernel.keepOnExit: with gracefulRestart on, peers go on sending packets here while the daemon is away, but its routes are gone",
    ],
    [peer("addPath: al"), "6: peers[0].addPath: expected both or off, or a mapping with receive and send"],
    [
      peer("addPath: { send: 0 }"),
      "6: peers[0].addPath.send: expected all, none, or a number of paths from 1 to 255, not `0`",
    ],
    [
      peer("addPath: { send: 1 }"),
      "6: warning: peers[0].addPath.send: one path is what is announced without ADD-PATH; write 2 or more, or all",
    ],
    [
      peer("maxPrefixesIn: 0"),
      "6: peers[0].maxPrefixesIn.limit: expected a whole number from 1 to 4294967295, not `0`",
    ],
    [peer("maxPrefixesIn: { action: warn }"), "6: peers[0].maxPrefixesIn: missing key `limit`: a number of prefixes"],
    [
      peer("maxPrefixesIn: { limit: 5, warnPercent: 100 }"),
      "6: warning: peers[0].maxPrefixesIn.warnPercent: 100 warns only when it is too late; choose less",
    ],
    [
      peer("maxPrefixesOut: { limit: 5, action: warn, restartAfter: 1s }"),
      "6: warning: peers[0].maxPrefixesOut.restartAfter: restartAfter goes with action: restart",
    ],
    [
      peer("localAs: { noPrepend: true }"),
      "6: peers[0].localAs: missing key `asn`: the AS number that stands for ours",
    ],
    [peer("localAs: 1"), "6: warning: peers[0].localAs: is the router's own AS: localAs changes nothing"],
    [
      peer("localAs: 2\nimport: accept\nexport: accept"),
      "6: warning: peers[0].localAs: the peer finds its own AS, the router's, in each path and refuses it: set replaceAs: true",
    ],
    [
      peer("enforceFirstAs: true"),
      "6: warning: peers[0].enforceFirstAs: the first AS is looked at only where a peer is external",
    ],
    [
      peer("defaultOnly: ifReachable"),
      "6: warning: peers[0].defaultOnly: changes nothing without `export: default-only`",
    ],
    [
      peer("capabilities: { routeRefresh: false, enhancedRouteRefresh: true }"),
      "6: warning: peers[0].capabilities.enhancedRouteRefresh: changes nothing without routeRefresh",
    ],
    [peer("localAddress: 10.0.0.2"), "4: peers[0].address: is our own address, localAddress"],
    [
      peer("passive: byAddress"),
      "6: peers[0].passive: byAddress compares with localAddress: set localAddress to our address",
    ],
    [
      `${R}peers: [{ name: a, address: 'fe80::1%eth0', interface: eth1, asn: 1 }]`,
      "2: peers[0].interface: the peer's address is on eth0, but interface is eth1",
    ],
    [
      `${R}peers: [{ name: a, address: 10.0.0.2, asn: 2, import: accept, export: accept, ttlSecurity: 2 }]`,
      "2: warning: peers[0].ttlSecurity: a peer several hops away needs multihop: true, or its next hops count on our own links only",
    ],
    [
      "router: { asn: 1, listen: [{ address: 'fe80::1%a', interface: b }] }",
      "1: router.listen[0]: the address is on a, but interface is b",
    ],
    [
      "router: { asn: 1, listen: [{ address: 0.0.0.0, interface: a }, { address: 0.0.0.0 }, { address: 0.0.0.0, interface: a }] }",
      "1: router.listen[2]: a second listener at 0.0.0.0 port 179 on a",
    ],

    [
      GROUPS.replace("group: tor", "group: tro"),
      "12: peers[0].group: there is no peer group `tro`; did you mean `tor`?",
    ],
    [
      GROUPS.replace("    asn: 65000\n", ""),
      "10: peers[0].asn: missing key `asn`: neither the peer nor its group `tor` has it",
    ],
    [GROUPS.replace("  tor:\n", "  tor:\n    group: x\n"), "4: peerGroups.tor.group: unknown key `group`"],
    [
      GROUPS.replace("hold: 30s", "hold: 1s"),
      "7: peerGroups.tor.timers.hold: expected 0, or whole seconds from 3s to 65535s (RFC 4271 §4.2)",
    ],
    [
      GROUPS.replace("import: accept", "import: acept"),
      "5: peerGroups.tor.import: there is no policy `acept`; did you mean `accept`?",
    ],
    [
      `${GROUPS.replace("connectRetry: 7s", "keepalive: 30s")}  - { name: b, group: tor, address: 10.0.0.3 }\n`,
      "7: peerGroups.tor.timers.keepalive: keepalive must be shorter than hold",
    ],
    [`${R}peerGroups: []`, "2: peerGroups: expected a mapping from names to keys"],

    [
      two("prefix: 10.0.2.0/24, address: 10.0.0.2"),
      "7: peers[1].prefix: address and prefix exclude each other: neighbours of a prefix need no address",
    ],
    [
      two("address: 10.0.0.2, limit: 5"),
      "7: peers[1].limit: limit goes with prefix; for a bound of routes write maxPrefixesIn",
    ],
    [
      two("prefix: 10.0.1.0/24"),
      "7: peers[1].prefix: is the prefix of peer `rack` (a.yaml:3) too: a neighbour cannot be of both",
    ],
    [
      two("prefix: 10.0.2.0/24, passive: false"),
      "7: peers[1].passive: dynamic neighbours connect to us: remove passive, or write true",
    ],
    [
      two("prefix: 10.0.2.0/24, passive: byAddress"),
      "7: peers[1].passive: dynamic neighbours connect to us: remove passive, or write true",
    ],
    [two("prefix: 224.0.0.0/8"), "7: peers[1].prefix: `224.0.0.0/8` holds no unicast addresses"],
    [
      two("prefix: 0.0.0.0/0"),
      "7: warning: peers[1].prefix: whoever connects becomes a peer: give a narrower prefix, or a password",
    ],
    [
      two("prefix: 10.0.2.0/24, localAddress: '::1'"),
      "7: peers[1].localAddress: `::1` is not of the family of the peer's address",
    ],
    [
      `${RANGE}  - { name: rack-10.0.1.5, asn: 1, address: 10.0.1.5 }\n`,
      "7: peers[1].name: a neighbour of `rack` would have this name; choose another",
    ],
    [
      `${RANGE}  - { name: rack, asn: 1, address: 10.0.1.5 }\n`,
      "7: peers[1].name: peer `rack` is defined at a.yaml:3 already",
    ],
    [
      RANGE.replace("router: { asn: 1 }", "router: { asn: 1, listen: [] }"),
      "1: warning: router.listen: nothing listens, so passive peers can never connect",
    ],
  ];
  for (const [text, ...expected] of rows)
    test(expected.join(" and "), () => {
      assert.deepEqual(
        problems(parse(text)).map((line) => line.replace(/^a\.yaml:/, "")),
        expected,
      );
    });

  test("a peer within the prefix of dynamic neighbours is fine, and so is a prefix within another", () => {
    assert.deepEqual(
      problems(
        parse(`${RANGE}  - { name: b, asn: 1, address: 10.0.1.5 }\n  - { name: c, asn: 1, prefix: 10.0.0.0/16 }\n`),
      ),
      [],
    );
  });
});

describe("what changes with a session key", () => {
  const rows: readonly (readonly [string, string[], string[]])[] = [
    ["allowOwnAs: 1", ["allowOwnAs"], []],
    ["allowAsSets: true", ["allowAsSets"], []],
    ["enforceFirstAs: true", ["enforceFirstAs"], []],
    ["maxPrefixesIn: 5", ["maxPrefixesIn"], []],
    ["maxPrefixesOut: 5", ["maxPrefixesOut"], []],
    ["defaultOnly: ifReachable", ["defaultOnly"], []],
    ["gracefulRestart: { staleTime: 9s }", ["gracefulRestart.staleTime"], []],
    ["gracefulRestart: { notification: true }", ["gracefulRestart.notification"], ["gracefulRestart.notification"]],
    ["gracefulRestart: off", ["gracefulRestart.mode"], ["gracefulRestart.mode"]],
    ["addPath: both", ["addPath.receive", "addPath.send"], ["addPath.receive", "addPath.send"]],
    ["multihop: 9", ["multihop"], ["multihop"]],
    ["ttlSecurity: 9", ["ttlSecurity"], ["ttlSecurity"]],
    ["interface: eth0", ["interface"], ["interface"]],
    [
      "localAs: { asn: 64512, replaceAs: true }",
      ["localAs.asn", "localAs.noPrepend", "localAs.replaceAs"],
      ["localAs.asn"],
    ],
  ];
  for (const [line, keys, resetKeys] of rows)
    test(`${line} ${resetKeys.length > 0 ? "resets the session" : "is taken over by the live session"}`, () => {
      assert.deepEqual(diffConfig(parsed(SAMPLE), parsed(`${SAMPLE}    ${line}\n`)).peersChanged, [
        { name: "c1", keys, reset: resetKeys.length > 0, resetKeys },
      ]);
    });
  test("announcing a local AS in place of ours is taken over by the live session", () => {
    const [a, b] = ["false", "true"].map((flag) =>
      parsed(`${SAMPLE}    localAs: { asn: 64512, replaceAs: ${flag} }\n`),
    );
    assert.deepEqual(diffConfig(a!, b!).peersChanged, [
      { name: "c1", keys: ["localAs.replaceAs"], reset: false, resetKeys: [] },
    ]);
  });
});

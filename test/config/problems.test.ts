import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parse, peer, problems, rule, SAMPLE } from "./samples.ts";

/** The text, and each problem as it is printed without the file's name. */
type Row = readonly [text: string, ...problems: string[]];

function claims(rows: readonly Row[]): void {
  for (const [text, ...expected] of rows)
    test(expected.join(" and ").slice(0, 150), () => {
      assert.deepEqual(
        problems(parse(text)).map((line) => line.replace(/^a\.yaml:/, "")),
        expected,
      );
    });
}

const R = "router: { asn: 1 }\n";

describe("unknown keys are named with the nearest valid one", () => {
  claims([
    [`${R}peer: []`, "2: peer: unknown key `peer`; did you mean `peers`?"],
    [`${R}Kernel: {}`, "2: Kernel: unknown key `Kernel`; did you mean `kernel`?"],
    [`${R}zebra: {}`, "2: zebra: unknown key `zebra`"],
    [
      "router:\n  asn: 1\n  clusterid: 1.1.1.1",
      "3: router.clusterid: unknown key `clusterid`; did you mean `clusterId`?",
    ],
    [`${R}kernel: { programm: true }`, "2: kernel.programm: unknown key `programm`; did you mean `program`?"],
    [`${R}limits: { route: 1 }`, "2: limits.route: unknown key `route`; did you mean `routes`?"],
    [peer("adress: 10.0.0.3"), "6: peers[0].adress: unknown key `adress`; did you mean `address`?"],
    [peer("rrClient: true"), "6: peers[0].rrClient: unknown key `rrClient`"],
    [
      peer("timers:\n  hold: 90s\n  keepalives: 3s"),
      "8: peers[0].timers.keepalives: unknown key `keepalives`; did you mean `keepalive`?",
    ],
    [
      peer("capabilities: { routerefresh: true }"),
      "6: peers[0].capabilities.routerefresh: unknown key `routerefresh`; did you mean `routeRefresh`?",
    ],
    [
      rule("{ match: { prefix: 10.0.0.0/8 }, action: accept }"),
      "4: policies.p[0].match.prefix: unknown key `prefix`; did you mean `prefixes`?",
    ],
    [
      rule("{ set: { localpref: 1 }, action: accept }"),
      "4: policies.p[0].set.localpref: unknown key `localpref`; did you mean `localPref`?",
    ],
    [rule("{ action: accept, when: now }"), "4: policies.p[0].when: unknown key `when`"],
    [
      `${R}static: [{ prefx: 10.0.0.0/8, prefix: 10.0.0.0/8, blackhole: true }]`,
      "2: static[0].prefx: unknown key `prefx`; did you mean `prefix`?",
    ],
    [peer("a: 1\nb: 2"), "6: peers[0].a: unknown key `a`", "7: peers[0].b: unknown key `b`"],
  ]);
});

describe("values that do not fit", () => {
  claims([
    ["router: { asn: 0 }", "1: router.asn: expected an AS number from 1 to 4294967295, plain or dotted, not `0`"],
    [
      "router: { asn: 4294967296 }",
      "1: router.asn: expected an AS number from 1 to 4294967295, plain or dotted, not `4294967296`",
    ],
    [
      "router: { asn: 1.65536 }",
      "1: router.asn: expected an AS number from 1 to 4294967295, plain or dotted, not `1.65536`",
    ],
    [
      "router: { asn: AS64512 }",
      "1: router.asn: expected an AS number from 1 to 4294967295, plain or dotted, not `AS64512`",
    ],
    ["router: { asn: [1] }", "1: router.asn: expected an AS number from 1 to 4294967295, plain or dotted"],
    [
      "router:\n  asn:\n",
      "2: router.asn: expected an AS number from 1 to 4294967295, plain or dotted, but nothing is written here",
    ],
    [
      "router: { asn: 1, id: 0.0.0.0 }",
      "1: router.id: expected a dotted quad such as 10.0.0.1, not 0.0.0.0, not `0.0.0.0`",
    ],
    [
      "router: { asn: 1, listen: [{ address: 10.0.0.300 }] }",
      "1: router.listen[0].address: expected an IP address, not `10.0.0.300`",
    ],
    [
      "router: { asn: 1, listen: [{ port: 1 }] }",
      "1: router.listen[0].address: missing key `address`: expected an IP address",
    ],
    ["router: 5", "1: router: expected router: a mapping of keys"],
    [`${R}peers: 5`, "2: peers[0]: expected a peer: a mapping of keys"],
    [
      `${R}peers: [{}]`,
      "2: peers[0].name: missing key `name`: expected a name: letters, digits and _ . : / @ % + -, at most 128",
      "2: peers[0].address: missing key `address`: expected an IP address, or `prefix` for any within one",
      "2: peers[0].asn: missing key `asn`: expected an AS number from 1 to 4294967295, plain or dotted",
    ],
    [`${R}policies: []`, "2: policies: expected a mapping from names to lists"],
    [
      `${R}policies: { 'a b': [] }`,
      "2: policies.a b: expected a name: letters, digits and _ . : / @ % + -, at most 128, not `a b`",
    ],
    [`${R}kernel: { program: yes }`, "2: kernel.program: expected true or false"],
    [`${R}kernel: { multipath: 0 }`, "2: kernel.multipath: expected a whole number from 1 to 256, not `0`"],
    [`${R}limits: { routes: 1.5 }`, "2: limits.routes: expected a whole number from 1 to 50000000, not `1.5`"],
    [peer("port: 65536"), "6: peers[0].port: expected a whole number from 1 to 65535, not `65536`"],
    [peer("families: [ipv4, ip6]"), "6: peers[0].families[1]: expected ipv4, ipv6, not `ip6`; did you mean `ipv6`?"],
    [peer("families: []"), "6: peers[0].families: expected ipv4, ipv6 or both"],
    [
      peer("nextHop: myself"),
      "6: peers[0].nextHop: expected auto, gateway, self, keep, not `myself`; did you mean `self`?",
    ],
    [
      peer("timers: { hold: 2s }"),
      "6: peers[0].timers.hold: expected 0, or whole seconds from 3s to 65535s (RFC 4271 §4.2)",
    ],
    [
      peer("timers: { hold: 3500ms }"),
      "6: peers[0].timers.hold: expected 0, or whole seconds from 3s to 65535s (RFC 4271 §4.2)",
    ],
    [
      peer("timers: { hold: 90 seconds }"),
      "6: peers[0].timers.hold: expected a duration such as 90s, 500ms or 2m, at most 24 days, not `90 seconds`",
    ],
    [peer("timers: { connectRetry: 0 }"), "6: peers[0].timers.connectRetry: expected at least 1s"],
    [peer("password: true"), "6: peers[0].password: expected a password; put quotes around it"],
    [peer("password: ''"), "6: peers[0].password: expected a password of 1 to 80 octets, not 0"],
    [peer(`password: ${"ä".repeat(41)}`), "6: peers[0].password: expected a password of 1 to 80 octets, not 82"],
    [
      peer("password: <hidden>"),
      "6: peers[0].password: the password was hidden when this was printed; write the real one",
    ],
    [
      peer("description: null"),
      "6: peers[0].description: expected a description; put quotes around it, but nothing is written here",
    ],
    [
      `${R}static: [{ prefix: 10.0.0.0 }]`,
      "2: static[0].prefix: expected a prefix such as 10.0.0.0/8 or 2001:db8::/32, not `10.0.0.0`",
    ],
    [
      `${R}static: [{ prefix: 10.0.0.1/8, blackhole: true }]`,
      "2: static[0].prefix: `10.0.0.1/8` has bits set beyond its length; the prefix is 10.0.0.0/8",
    ],
    [`${R}static: [{ prefix: 10.0.0.0/8 }]`, "2: static[0]: a static route needs via or blackhole: true"],
    [
      `${R}static:\n  - prefix: 10.0.0.0/8\n    blackhole: true\n    via: 10.0.0.1`,
      "5: static[0].via: a blackhole has no next hops: remove via or blackhole",
    ],
    [
      `${R}static: [{ prefix: 10.0.0.0/8, via: [{}] }]`,
      "2: static[0].via[0]: a next hop needs a gateway or an interface",
    ],
  ]);
});

describe("rules that do not fit", () => {
  claims([
    [
      rule("{}"),
      "4: policies.p[0].action: missing key `action`: expected accept, reject or continue, or `call` with a policy's name",
    ],
    [rule("accept"), "4: policies.p[0]: expected a rule: a mapping with match, set, and action or call"],
    [
      rule("{ action: acept }"),
      "4: policies.p[0].action: expected accept, reject, continue, not `acept`; did you mean `accept`?",
    ],
    [
      rule("{ match: { prefixes: [10.0.0.0/8 ge 4] }, action: accept }"),
      "4: policies.p[0].match.prefixes[0].ge: ge 4 is shorter than the prefix's own length",
    ],
    [
      rule("{ match: { prefixes: [10.0.0.0/8 ge 40] }, action: accept }"),
      "4: policies.p[0].match.prefixes[0].ge: ge 40 is longer than an address of 32 bits",
    ],
    [
      rule("{ match: { prefixes: [10.0.0.0/8 le 33] }, action: accept }"),
      "4: policies.p[0].match.prefixes[0].le: le 33 is longer than an address of 32 bits",
    ],
    [
      rule("{ match: { prefixes: [10.0.0.0/8 ge 24 le 16] }, action: accept }"),
      "4: policies.p[0].match.prefixes[0].le: le 16 is less than 24: nothing can match",
    ],
    [
      rule("{ match: { prefixes: [true] }, action: accept }"),
      "4: policies.p[0].match.prefixes[0]: expected a prefix, or a mapping with prefix, ge and le",
    ],
    [
      rule("{ match: { source: kernal }, action: accept }"),
      "4: policies.p[0].match.source[0]: expected direct, static, bgp, kernel, not `kernal`; did you mean `kernel`?",
    ],
    [
      rule("{ match: { communities: [65536:1] }, action: accept }"),
      "4: policies.p[0].match.communities[0]: expected a community such as 64512:100 or no-export, with * for any part, not `65536:1`",
    ],
    [
      rule("{ match: { communities: [noexport] }, action: accept }"),
      "4: policies.p[0].match.communities[0]: unknown community `noexport`; did you mean `no-export`?",
    ],
    [
      rule("{ match: { metric: about 5 }, action: accept }"),
      "4: policies.p[0].match.metric: expected a number, a comparison such as `< 1024` or `>= 10`, `none`, or a mapping with lt, le, gt, ge, eq, not `about 5`",
    ],
    [
      rule("{ match: { med: { gt: 5, lt: 6 } }, action: accept }"),
      "4: policies.p[0].match.med: no number meets this: nothing can match",
    ],
    [
      rule("{ match: { localPref: { over: 5 } }, action: accept }"),
      "4: policies.p[0].match.localPref.over: unknown key `over`",
    ],
    [
      rule("{ match: { not: { any: [{ sourc: bgp }] } }, action: accept }"),
      "4: policies.p[0].match.not[0].any[0].sourc: unknown key `sourc`; did you mean `source`?",
    ],
    [
      rule("{ match: { asPath: { startWith: 1 } }, action: accept }"),
      "4: policies.p[0].match.asPath.startWith: unknown key `startWith`; did you mean `startsWith`?",
    ],
    [
      rule("{ match: { peerType: external }, action: accept }"),
      "4: policies.p[0].match.peerType[0]: expected ebgp, ibgp, client, not `external`",
    ],
    [
      rule("{ match: { communitySets: [none] }, action: accept }"),
      "4: policies.p[0].match.communitySets[0]: there is no community set `none`",
    ],
    [
      rule("{ set: { removeCommunitySets: [none] }, action: accept }"),
      "4: policies.p[0].set.removeCommunitySets[0]: there is no community set `none`",
    ],
    [
      rule("{ set: { metric: 4294967295 }, action: accept }"),
      "4: policies.p[0].set.metric: expected a whole number from 0 to 4294967294, or an expression such as `2147483647 - metric` with metric, localPref, med or preference, not `4294967295`",
    ],
    [
      rule("{ set: { localPref: 5 - priority }, action: accept }"),
      "4: policies.p[0].set.localPref: expected a whole number from 0 to 4294967295, or an expression such as `2147483647 - metric` with metric, localPref, med or preference, not `5 - priority`",
    ],
    [
      rule('{ set: { addCommunities: ["1:*"] }, action: accept }'),
      "4: policies.p[0].set.addCommunities[0]: expected a community such as 64512:100 or no-export, not `1:*`",
    ],
    [
      rule("{ set: { addExtendedCommunities: 1:2 }, action: accept }"),
      "4: policies.p[0].set.addExtendedCommunities[0]: expected an extended community such as rt:64512:100, ro:10.0.0.1:5 or 0x and 16 digits, not `1:2`",
    ],
    [rule("{ action: accept, call: p }"), "4: policies.p[0].call: a rule has an action or a call, not both"],
    [rule("{ call: q }"), "4: policies.p[0].call: there is no policy `q`; did you mean `p`?"],
    [rule("{ call: p }"), "4: policies.p[0].call: a policy cannot call itself: p calls p"],
    [
      rule("{ set: { addLargeCommunities: 1:2 }, action: accept }"),
      "4: policies.p[0].set.addLargeCommunities[0]: expected a large community such as 64512:1:2, not `1:2`",
    ],
    [
      rule("{ set: { prepend: 0 }, action: accept }"),
      "4: policies.p[0].set.prepend: expected a count from 1 to 32, or a list of ASes, not `0`",
    ],
    [
      rule("{ set: { prepend: [1, x] }, action: accept }"),
      "4: policies.p[0].set.prepend: expected AS numbers, not `x`",
    ],
    [
      rule("{ set: { nextHop: me }, action: accept }"),
      "4: policies.p[0].set.nextHop: expected an IP address or self, not `me`",
    ],
    [
      rule("{ set: { device: a-very-long-interface }, action: accept }"),
      "4: policies.p[0].set.device: expected an interface's name of 1 to 15 characters",
    ],
    [
      rule("{ match: { prefixSets: pods }, action: accept }"),
      "4: policies.p[0].match.prefixSets[0]: there is no prefix set `pods`",
    ],
    [
      `${rule("{ match: { peers: [q] }, action: accept }")}peers: [{ name: p1, address: 10.0.0.1, asn: 65000 }]`,
      "4: warning: policies.p[0].match.peers[0]: there is no peer `q`",
    ],
  ]);
});

describe("what the whole contradicts", () => {
  const two = (first: string, second: string) =>
    `${R}peers:\n  - { name: a, address: 10.0.0.2, asn: 1, ${first} }\n  - { name: b, address: 10.0.0.2, asn: 1, ${second} }\n`;
  claims([
    ["kernel: {}", "1: router: missing key `asn`: our AS number, from 1 to 4294967295"],
    ["", "1: router: missing key `asn`: our AS number, from 1 to 4294967295"],
    [
      SAMPLE.replace("export: to-tor", "export: to-tro"),
      "22: peers[0].export: there is no policy `to-tro`; did you mean `to-tor`?",
    ],
    [
      SAMPLE.replace("export: accept", "export: acept"),
      "9: kernel.export: there is no policy `acept`; did you mean `accept`?",
    ],
    [
      SAMPLE.replace("  to-tor:", "  accept:").replace("export: to-tor", "export: reject"),
      "13: policies.accept: `accept` is built in and cannot be defined",
    ],
    [
      SAMPLE.replace("import: accept\n", "\n"),
      "17: warning: peers[0]: no import policy: routes of this eBGP peer are rejected (RFC 8212); write `import: accept` to take them",
    ],
    [
      SAMPLE.replace("export: to-tor\n", "\n"),
      "17: warning: peers[0]: no export policy: nothing is announced to this eBGP peer (RFC 8212); write `export: accept` to announce",
    ],
    [
      SAMPLE.replace("  clusterId: 10.99.0.1\n", ""),
      "26: warning: peers[1].routeReflectorClient: no clusterId is set, so the router id serves as cluster id",
    ],
    [
      SAMPLE.replace("asn: 64512\n    passive", "asn: 64513\n    import: accept\n    export: accept\n    passive"),
      "29: peers[1].routeReflectorClient: only an iBGP peer (AS 64512) can be a client",
    ],
    [
      `router: { asn: 2 }\npeers: [{ name: a, address: 10.0.0.1, asn: 1, import: accept, export: accept, clusterId: 1.1.1.1 }]`,
      "2: peers[0].clusterId: only an iBGP peer (AS 2) has a cluster id",
    ],
    [SAMPLE.replace("name: c1", "name: tor-a"), "23: peers[1].name: peer `tor-a` is defined at a.yaml:17 already"],
    [
      two("port: 179", "port: 179"),
      "4: peers[1].address: cannot be told from peer `a` (a.yaml:3): give them different localAddress",
    ],
    [
      two("port: 179", "port: 180"),
      "4: warning: peers[1].address: incoming connections cannot be told from those of peer `a` (a.yaml:3): give them different localAddress",
    ],
    [
      two("passive: true", "passive: true, port: 180"),
      "4: peers[1].address: cannot be told from peer `a` (a.yaml:3): give them different localAddress",
    ],
    [
      two("localAddress: 10.0.0.8, password: x", "localAddress: 10.0.0.9, password: y"),
      "4: peers[1].address: shares its address with peer `a` (a.yaml:3) but has another password",
    ],
    [
      two("localAddress: 10.0.0.8, password: x", "localAddress: 10.0.0.9"),
      "4: peers[1].address: shares its address with peer `a` (a.yaml:3) but has another password",
    ],
    [peer("localAddress: '::1'"), "6: peers[0].localAddress: `::1` is not of the family of the peer's address"],
    [
      `${R}peers: [{ name: a, address: 'fe80::1', asn: 1 }]`,
      "2: peers[0].address: a link-local address needs its interface: fe80::1%eth0",
    ],
    [`${R}peers: [{ name: a, address: 0.0.0.0, asn: 1 }]`, "2: peers[0].address: `0.0.0.0` is the unspecified address"],
    [
      `${R}peers: [{ name: a, address: 224.0.0.1, asn: 1 }]`,
      "2: warning: peers[0].address: `224.0.0.1` is no unicast address: nobody answers there",
    ],
    [
      peer("timers:\n  hold: 30s\n  keepalive: 30s"),
      "8: peers[0].timers.keepalive: keepalive must be shorter than hold",
    ],
    [
      peer("timers: { idleHoldMin: 10s, idleHoldMax: 5s }"),
      "6: peers[0].timers.idleHoldMin: idleHoldMin is longer than idleHoldMax",
    ],
    [
      peer("timers: { sendHold: 90s }"),
      "6: peers[0].timers.sendHold: sendHold must be longer than hold, or 0 (RFC 9687)",
    ],
    ["router: { asn: 23456 }", "1: warning: router.asn: 23456 is AS_TRANS (RFC 6793), not an AS of anyone"],
    [
      "router:\n  asn: 1\n  listen:\n    - { address: 0.0.0.0 }\n    - { address: 0.0.0.0, port: 179 }",
      "5: router.listen[1]: a second listener at 0.0.0.0 port 179",
    ],
    [
      `router: { asn: 1, listen: [] }\npeers: [{ name: a, address: 10.0.0.1, asn: 1, passive: true }]`,
      "1: warning: router.listen: nothing listens, so passive peers can never connect",
    ],
    [
      `${R}static: [{ prefix: 10.0.0.0/8, blackhole: true }, { prefix: 10.0.0.0/8, via: 10.0.0.1 }]`,
      "2: static[1].prefix: a static route of this prefix is defined at a.yaml:2 already",
    ],
    [
      `${rule("{ set: { table: 5 }, action: accept }")}peers: [{ name: a, address: 10.0.0.1, asn: 65000, export: p }]`,
      "4: policies.p[0].set.table: `table` belongs to kernel.export, but a peer uses this policy",
    ],
    [
      `${rule("{ call: q }")}  q: [{ set: { onlink: true, device: tunl0 }, action: accept }]\npeers: [{ name: a, address: 10.0.0.1, asn: 65000, export: p }]`,
      "5: policies.q[0].set.device: `device` belongs to kernel.export, but a peer uses this policy",
      "5: policies.q[0].set.onlink: `onlink` belongs to kernel.export, but a peer uses this policy",
    ],
    [
      `${rule("{ call: q }")}  q: [{ call: r }]\n  r: [{ action: accept }, { call: p }]\n`,
      "4: policies.p[0].call: a policy cannot call itself: p calls q calls r calls p",
      "5: policies.q[0].call: a policy cannot call itself: q calls r calls p calls q",
      "6: policies.r[1].call: a policy cannot call itself: r calls p calls q calls r",
    ],
    [
      `${R}policies:\n${Array.from({ length: 18 }, (_, i) => `  p${i}: [{ ${i < 17 ? `call: p${i + 1}` : "action: accept"} }]\n`).join("")}`,
      "3: policies.p0: calls go 17 policies deep; at most 16 may",
    ],
    [
      `${R}policies:\n${Array.from({ length: 17 }, (_, i) => `  p${i}: [{ action: accept }, ${i < 16 ? `{ call: p${i + 1} }, { call: p${i + 1} }` : "{ action: reject }"}]\n`).join("")}`,
      "3: policies.p0: with what it calls it has 327677 rules; at most 65536 may be",
      "4: policies.p1: with what it calls it has 163837 rules; at most 65536 may be",
      "5: policies.p2: with what it calls it has 81917 rules; at most 65536 may be",
    ],
    [
      `${rule("{ match: { not: { peerType: ebgp } }, action: accept }")}kernel: { export: p }`,
      "4: warning: policies.p[0].match.not[0].peerType: nothing matches in kernel.export: it runs for no session; `fromPeerType` may be meant",
    ],
    [
      `${rule("{ match: { any: [{ peers: b }] }, action: accept }")}peers: [{ name: a, address: 10.0.0.1, asn: 65000 }]`,
      "4: warning: policies.p[0].match.any[0].peers[0]: there is no peer `b`; did you mean `a`?",
    ],
    [
      rule("{ match: { interface: *.cali }, action: accept }"),
      "4: `*.cali` is YAML for what `&.cali` marks, and nothing does; put quotes around a value that begins with *",
    ],
    [rule("{ match: { localPref: > 100 }, action: accept }"), "4: put quotes around a comparison that begins with >"],
    [
      `${rule("{ set: { nextHop: self }, action: accept }")}peers: [{ name: a, address: 10.0.0.1, asn: 65000, import: p }]`,
      "4: policies.p[0].set.nextHop: `self` is for export, but a peer imports by this policy",
    ],
    [`${R}static: [{ prefix: '::/0', via: 10.0.0.1 }]`, "2: static[0].via[0]: an IPv6 prefix needs an IPv6 next hop"],
    [
      `${R}static: [{ prefix: '::/0', via: 'fe80::1' }]`,
      "2: static[0].via[0]: a link-local address needs its interface: fe80::1%eth0",
    ],
    [
      `${R}static: [{ prefix: '::/0', via: { gateway: 'fe80::1%a', interface: b } }]`,
      "2: static[0].via[0]: the gateway is on a, but interface is b",
    ],
    [
      `${R}static: [{ prefix: 0.0.0.0/0, via: 224.0.0.1 }]`,
      "2: warning: static[0].via[0]: `224.0.0.1` is no unicast address: the route is never of use",
    ],
    [
      `${rule("{ set: { med: 5, metric: 7 }, action: accept }")}kernel: { export: p }`,
      "4: warning: policies.p[0].set.med: `med` changes nothing in the kernel, which exports by this policy",
    ],
    [peer("passwordFile: /etc/key"), "6: peers[0].passwordFile: no password from `/etc/key`: it cannot be read"],
    [
      peer("password: x\npasswordFile: /etc/key"),
      "7: peers[0].passwordFile: password and passwordFile exclude each other",
    ],
  ]);

  test("a link-local gateway may name its interface beside it, and IPv4 may go by IPv6", () => {
    const via = "via: { gateway: 'fe80::1', interface: eth0 }";
    assert.deepEqual(problems(parse(`${R}static: [{ prefix: 0.0.0.0/0, ${via} }, { prefix: '::/0', ${via} }]`)), []);
  });

  test("faults of a peer do not hide the names it gets wrong", () => {
    assert.deepEqual(
      problems(
        parse(SAMPLE.replace("families: [ipv4]", "familys: [ipv4]").replace("export: to-tor", "export: to-tro")),
      ),
      [
        "a.yaml:20: peers[0].familys: unknown key `familys`; did you mean `families`?",
        "a.yaml:22: peers[0].export: there is no policy `to-tro`; did you mean `to-tor`?",
      ],
    );
  });

  test("a policy that fails is still known by its name", () => {
    assert.deepEqual(problems(parse(SAMPLE.replace("action: reject", "action: rejct"))), [
      "a.yaml:15: policies.to-tor[1].action: expected accept, reject, continue, not `rejct`; did you mean `reject`?",
    ]);
  });
});

describe("editors' slips", () => {
  claims([
    ["router:\n\tasn: 1\n", "2: a tab cannot indent; use spaces"],
    ["router:\n  asn: 1\n  asn: 2\n", "3: this key stands twice in one mapping"],
    ["router: { asn: 1 }\nrouter: { asn: 1 }\n", "2: this key stands twice in one mapping"],
    ["router: { asn: 1 }\n---\nrouter: { asn: 1 }\n", "2: a file holds one document; remove the `---` between"],
    ["- router\n", "1: expected a mapping of keys such as router, kernel, policies and peers"],
    ["just text\n", "1: expected a mapping of keys such as router, kernel, policies and peers"],
  ]);

  const slips: readonly (readonly [string, string, number])[] = [
    ["a key indented too little", "router:\n  asn: 1\npeers:\n  - name: a\n   address: 10.0.0.1\n", 5],
    ["a missing colon", "router:\n  asn 1\n  id: 1.1.1.1\n", 2],
    ["an unclosed bracket", "router: { asn: 1 }\npeers: [\n", 3],
    ["an unclosed quote", 'router: { asn: 1 }\nkernel: { export: "acc }\n', 3],
    ["a peer's key at the level of the list", "router: { asn: 1 }\npeers:\n  - name: a\naddress: 10.0.0.1\n", 3],
    ["an unknown tag", "router: !asn { asn: 1 }\n", 1],
    ["an unknown alias", "router: *a\n", 1],
  ];
  for (const [claim, text, line] of slips)
    test(`${claim} is found at its line`, () => {
      const result = parse(text);
      assert.equal(result.ok, false);
      assert.equal(result.ok === false && result.problems[0]!.line, line, problems(result).join("\n"));
    });

  test("anchors and merge keys may share settings", () => {
    const result = parse(
      `${R}peers:\n  - &base { name: a, address: 10.0.0.1, asn: 1 }\n  - { <<: *base, name: b, address: 10.0.0.2 }\n`,
    );
    assert.deepEqual(problems(result), []);
  });

  test("aliases that multiply are refused, not expanded", () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) => `x${i + 1}: &x${i + 1} [${Array(10).fill(`*x${i}`).join(", ")}]`,
    );
    assert.equal(parse(`x0: &x0 [1]\n${levels.join("\n")}\n`).ok, false);
  });

  test("very deep nesting is a problem, not an exception", () => {
    assert.equal(parse("[".repeat(100_000)).ok, false);
  });
});

test("every cut of a file is a problem or a configuration, never an exception", () => {
  for (let length = 0; length < SAMPLE.length; length++) {
    const result = parse(SAMPLE.slice(0, length));
    const lines = SAMPLE.slice(0, length).split("\n").length;
    if (!result.ok)
      for (const { line } of result.problems) assert.ok(line >= 1 && line <= lines, `line ${line} of ${lines}`);
  }
});

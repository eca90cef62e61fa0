/** docs/calico-policies.yaml says what Calico's BIRD does: each of its rules, by routes that it lets pass and stops. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { readRoute } from "../../src/config/hypothetical-route.ts";
import { parseConfig } from "../../src/config/parse.ts";
import { createPolicyTest, type Direction } from "../../src/control/policy-test.ts";

const path = "docs/calico-policies.yaml";
const parsed = parseConfig([{ path, text: readFileSync(path, "utf8") }]);
assert.ok(parsed.ok, JSON.stringify(parsed));
assert.deepEqual(parsed.warnings, []);
const { config } = parsed;

/** 2147483647, from which priorities are taken, and the normal priority. */
const M = 2147483647;
const P = 1024;
const NORMAL = M - P;

type Route = Readonly<Record<string, unknown>>;
/** What is expected of a route: rejected, or accepted with exactly these changes. */
type Expected = "reject" | Readonly<Record<string, unknown>>;
type Row = readonly [claim: string, route: Route, expected: Expected];

function judge(direction: Direction, peer: string | undefined, value: Route): Expected {
  const read = readRoute(value);
  assert.ok(read.ok, JSON.stringify(read));
  const found = config.peers.find((each) => each.name === peer);
  assert.equal(found?.name, peer);
  const { verdict, changes } = createPolicyTest(config, direction, found)(read.route);
  return verdict === "reject" ? verdict : Object.fromEntries(changes.map(({ attribute, after }) => [attribute, after]));
}

function claims(direction: Direction, peer: string | undefined, rows: readonly Row[]): void {
  for (const [claim, route, expected] of rows)
    test(claim, () => assert.deepEqual(judge(direction, peer, route), expected));
}

const own = (prefix: string, more: Route = {}) => ({ prefix, source: "kernel", metric: P, ...more });
const learned = (prefix: string, more: Route = {}) => ({ prefix, localPref: NORMAL, peer: "reflector", ...more });
const ELEVATED = M - 512;

describe("BGPFilter (in the import of an external peer)", () => {
  const from = (prefix: string, more: Route = {}) => ({ prefix, asPath: "65000", ...more });
  claims("import", "tor", [
    ["Equal: the prefix itself", from("172.16.1.0/24"), "reject"],
    ["Equal: not one within", from("172.16.1.0/25"), {}],
    ["Equal: not one around", from("172.16.0.0/23"), {}],
    ["In: the prefix itself", from("172.16.2.0/24"), "reject"],
    ["In: one within", from("172.16.2.128/32"), "reject"],
    ["In: not one around", from("172.16.2.0/23"), {}],
    ["In with prefixLength: too short", from("172.17.0.0/23"), {}],
    ["In with prefixLength: least", from("172.17.4.0/24"), "reject"],
    ["In with prefixLength: greatest", from("172.17.4.0/28"), "reject"],
    ["In with prefixLength: too long", from("172.17.4.0/29"), {}],
    ["source RemotePeers", from("172.18.0.0/24"), "reject"],
    ["interface: the glob fits", from("172.20.0.0/24", { interface: "eth0.mesh" }), "reject"],
    ["interface: another one", from("172.20.0.0/24", { interface: "mesh0" }), {}],
    ["interface: none matches nothing", from("172.20.0.0/24"), {}],
    ["peerType eBGP", from("172.18.1.0/24"), "reject"],
    ["peerType iBGP: not on an external session", from("172.18.2.0/24"), {}],
    ["communities, two parts", from("172.20.0.0/24", { communities: ["64512:1", "64512:666"] }), "reject"],
    ["communities, three parts", from("172.20.0.0/24", { largeCommunities: "64512:0:666" }), "reject"],
    ["communities: others", from("172.20.0.0/24", { communities: "64512:667", largeCommunities: "64512:1:666" }), {}],
    ["asPathPrefix: exactly this beginning", from("172.20.0.0/24", { asPath: "65010 65020 65030" }), "reject"],
    ["asPathPrefix: the path may end there", from("172.20.0.0/24", { asPath: "65010 65020" }), "reject"],
    ["asPathPrefix: not in the middle", from("172.20.0.0/24", { asPath: "65000 65010 65020" }), {}],
    ["asPathPrefix: not a part of it", from("172.20.0.0/24", { asPath: "65010" }), {}],
    [
      "priority: M - LOCAL_PREF; an accept ends everything, Calico's own rules too",
      from("172.20.0.0/24", { localPref: ELEVATED }),
      {},
    ],
    [
      "operations addCommunity",
      from("172.19.0.0/24"),
      { communities: ["64512:100"], largeCommunities: ["64512:0:100"] },
    ],
    ["operations prependASPath reads in the listed order", from("172.19.1.0/24"), { asPath: "65100 65101 65000" }],
    ["operations setPriority", from("172.19.2.0/24"), { localPref: M - 500, metric: 500 }],
    ["nothing decides: import accepts", from("203.0.113.0/24"), {}],
  ]);
  claims("import", "edge", [
    ["NotEqual: identical", from("0.0.0.0/0", { asPath: "65001" }), {}],
    ["NotEqual: another", from("10.0.0.0/8", { asPath: "65001" }), "reject"],
    ["NotEqual: the other family's", from("::/0", { asPath: "65001" }), "reject"],
  ]);
  claims("import", "lab", [
    ["NotIn: outside", from("10.0.0.0/24"), "reject"],
    ["NotIn: inside, and of the lengths", from("172.16.1.0/24"), {}],
    ["NotIn with prefixLength: inside but too short", from("172.16.0.0/12"), "reject"],
    ["NotIn with prefixLength: inside but too long", from("172.16.1.0/25"), "reject"],
  ]);
});

describe("BGPFilter (in the import of an internal peer)", () => {
  claims("import", "reflector", [
    ["peerType iBGP", learned("172.18.2.0/24"), "reject"],
    ["peerType eBGP: not on an internal session", learned("172.18.1.0/24"), {}],
    ["asPathPrefix: an empty path", learned("172.20.0.0/24"), {}],
  ]);
});

describe("import, step 2: preference", () => {
  claims("import", "Mesh_10_0_0_2", [
    ["a normal route keeps its preference", learned("10.65.2.0/26"), {}],
    ["one better is elevated", learned("10.65.2.3/32", { localPref: NORMAL + 1 }), { preference: 200 }],
    ["the best is elevated", learned("10.65.2.3/32", { localPref: M }), { preference: 200 }],
    ["LOCAL_PREF is unsigned", learned("10.65.2.3/32", { localPref: 4294967295 }), { preference: 200 }],
    ["one of an older release stays", learned("10.65.2.0/26", { localPref: 100 }), {}],
    ["the mesh uses no filters", learned("172.16.1.0/24"), {}],
  ]);
});

describe("export, step 1: metric and LOCAL_PREF", () => {
  const block = "10.65.1.0/26";
  const tags = { communities: ["64512:200", "64512:201"], largeCommunities: ["64512:0:201"] };
  const learnedTags = { communities: ["64512:200"] };
  claims(
    "export",
    "Mesh_10_0_0_2",
    [
      [
        "a local route without metric: the normal priority",
        { prefix: block, source: "static" },
        { metric: P, localPref: NORMAL, ...tags },
      ],
      ["a kernel route: its own metric", own(block), { localPref: NORMAL, ...tags }],
      [
        "a kernel route without RTA_PRIORITY: metric 0 is defined",
        own(block, { metric: 0 }),
        { localPref: M, ...tags },
      ],
      [
        "a kernel route of metric beyond M: LOCAL_PREF 0",
        own(block, { metric: 4294967294 }),
        { localPref: 0, ...tags },
      ],
      ["a learned route: metric from LOCAL_PREF, which stays", learned("10.65.2.0/26"), { metric: P, ...learnedTags }],
      [
        "a learned route of LOCAL_PREF 100",
        learned("10.65.2.0/26", { localPref: 100 }),
        { metric: M - 100, ...learnedTags },
      ],
      [
        "a learned route without LOCAL_PREF counts as 100",
        learned("10.65.2.0/26", { localPref: null }),
        { metric: M - 100, ...learnedTags },
      ],
      [
        "a learned route of LOCAL_PREF beyond M: metric 0",
        learned("10.65.2.0/26", { localPref: 4294967295 }),
        { metric: 0, ...learnedTags },
      ],
    ].map(([claim, route, expected]): Row => [claim as string, withoutNull(route as Route), expected as Expected]),
  );
});

function withoutNull(route: Route): Route {
  return Object.fromEntries(Object.entries(route).filter(([, value]) => value !== null));
}

describe("export, step 2: filters before Calico's rules", () => {
  const accepted = { localPref: NORMAL };
  claims("export", "tor", [
    ["a filter's reject ends it", own("172.16.1.0/24"), "reject"],
    ["a filter's accept ends it, also beyond all pools", own("172.19.1.0/24"), { ...accepted, asPath: "65100 65101" }],
    ["a filter sees the priority of step 1", own("172.20.0.0/24", { metric: 512 }), { localPref: ELEVATED }],
    ["nothing decides: Calico's rules, which reject what is of no pool", own("172.20.0.0/24"), "reject"],
  ]);
  claims("export", "Mesh_10_0_0_2", [["the mesh uses no filters", own("172.19.1.0/24"), "reject"]]);
});

describe("export, step 3: Calico's rules to an internal peer", () => {
  const normal = { localPref: NORMAL };
  const inPool = { ...normal, communities: ["64512:200"] };
  const inNode = { communities: ["64512:200", "64512:201"], largeCommunities: ["64512:0:201"] };
  claims("export", "Mesh_10_0_0_2", [
    ["a: a pool with disableBGPExport", own("10.66.1.0/26"), "reject"],
    ["a: and the pool's own prefix", own("10.66.0.0/16"), "reject"],
    ["b: vxlan.calico", own("10.65.2.0/26", { interface: "vxlan.calico" }), "reject"],
    ["b: wireguard.cali", own("10.65.2.0/26", { interface: "wireguard.cali" }), "reject"],
    ["b: tunl0", own("10.65.2.0/26", { interface: "tunl0" }), "reject"],
    ["b: a pod's interface is none", own("10.65.2.5/32", { interface: "cali123" }), inPool],
    ["b: no interface, no match", own("10.65.2.0/26"), inPool],
    ["c: bpfin.cali", own("10.65.2.0/26", { interface: "bpfin.cali" }), "reject"],
    ["d: all matching advertisements add theirs", own("10.65.1.0/26"), { ...normal, ...inNode }],
    [
      "d: on learned routes too",
      learned("10.65.1.64/26", { communities: "64512:1" }),
      { metric: P, communities: ["64512:1", "64512:200", "64512:201"], largeCommunities: ["64512:0:201"] },
    ],
    ["d: outside none is added", own("10.67.1.0/26"), normal],
    ["e: the block", own("10.65.1.0/26"), { ...normal, ...inNode }],
    ["e: a host route in the block", own("10.65.1.5/32"), "reject"],
    ["e: one that is better than normal", own("10.65.1.5/32", { metric: 512 }), { localPref: ELEVATED, ...inNode }],
    ["e: one without RTA_PRIORITY", own("10.65.1.5/32", { metric: 0 }), { localPref: M, ...inNode }],
    ["e: one just as good", own("10.65.1.5/32", { metric: P }), "reject"],
    ["e: a learned one that is better", learned("10.65.1.5/32", { localPref: ELEVATED }), { metric: 512, ...inNode }],
    ["e: borrowed, in another node's block: it falls to the pool", own("10.65.9.5/32"), inPool],
    ["e: an IPv6 block", own("fd00:65:0:1::/122"), normal],
    ["e: an IPv6 host route", own("fd00:65:0:1::5/128"), "reject"],
    ["e: an IPv6 host route that is better", own("fd00:65:0:1::5/128", { metric: 512 }), { localPref: ELEVATED }],
    ["f: a service range", { prefix: "10.96.0.0/16", source: "static" }, { metric: P, ...normal }],
    ["f: a service address", { prefix: "192.0.2.10/32", source: "static" }, { metric: P, ...normal }],
    ["f: and what is within the range", own("10.96.1.0/24"), normal],
    ["g: a load balancer's address, on a reflector", learned("198.51.100.7/32"), { metric: P }],
    ["g: an external address, on a reflector", learned("192.0.2.11/32"), { metric: P }],
    ["h: any exported pool", own("10.68.3.0/26"), normal],
    ["h: of IPv6 too", own("fd00:67:0:9::/122"), normal],
    ["4: everything else", own("203.0.113.0/24"), "reject"],
    ["4: the default route", learned("0.0.0.0/0"), "reject"],
    ["4: a connected network", { prefix: "10.0.0.0/24", source: "direct", interface: "eth0" }, "reject"],
  ]);
});

describe("export, step 3: Calico's rules to an external peer", () => {
  const inPool = { localPref: NORMAL, communities: ["64512:200"] };
  claims("export", "tor", [
    ["a: a pool with disableBGPExport", own("10.66.1.0/26"), "reject"],
    ["b: tunnel routes do go out", own("10.65.2.0/26", { interface: "vxlan.calico" }), inPool],
    ["c: bpfin.cali", own("10.65.2.0/26", { interface: "bpfin.cali" }), "reject"],
    ["e: a host route in the block", own("10.65.1.5/32"), "reject"],
    ["h: any exported pool", own("10.65.2.0/26"), inPool],
  ]);
});

describe("the kernel", () => {
  const hop = { nextHop: "10.0.0.2" };
  claims("kernel", undefined, [
    ["1: a service range, whatever the source", { prefix: "10.96.0.0/16", source: "static" }, "reject"],
    ["1: and what is within", learned("10.96.1.1/32", hop), "reject"],
    ["1: a load balancer's address", learned("198.51.100.7/32", hop), "reject"],
    ["2: a normal route", learned("10.65.2.0/26", hop), { metric: P }],
    ["2: an elevated one", learned("10.65.2.3/32", { ...hop, localPref: ELEVATED }), { metric: 512 }],
    ["2: one of LOCAL_PREF 100", learned("10.65.2.0/26", { ...hop, localPref: 100 }), { metric: 2147483547 }],
    ["2: an external one, which has none", { prefix: "10.65.2.0/26", asPath: "65000", ...hop }, { metric: 2147483547 }],
    ["2: a metric that a filter has set stays", learned("172.19.2.0/24", { ...hop, metric: 500 }), {}],
    ["2: a static route has no metric from it", { prefix: "10.65.1.0/26", source: "static" }, {}],
    ["3: a node of WireGuard", learned("10.65.3.0/26", { nextHop: "10.0.0.7" }), "reject"],
    ["3: another one, in another subnet", learned("10.65.3.0/26", { nextHop: "10.0.1.8" }), "reject"],
    ["4: a VXLAN pool is Felix's", learned("10.67.2.0/26", hop), "reject"],
    ["4: a VXLAN pool's blackhole too", { prefix: "10.67.1.0/26", source: "static" }, "reject"],
    ["4: a VXLAN pool of IPv6", learned("fd00:67:0:2::/122", { nextHop: "fd00::2" }), "reject"],
    ["4: IPIP Always: through the tunnel", learned("10.68.2.0/26", hop), { metric: P, device: "tunl0", onlink: true }],
    ["4: IPIP CrossSubnet, own subnet: plain", learned("10.69.2.0/26", hop), { metric: P }],
    [
      "4: IPIP CrossSubnet, beyond: through the tunnel",
      learned("10.69.2.0/26", { nextHop: "10.0.1.2" }),
      { metric: P, device: "tunl0", onlink: true },
    ],
    ["4: no encapsulation: plain", learned("10.65.2.0/26", { nextHop: "10.0.1.2" }), { metric: P }],
    ["4: of IPv6", learned("fd00:65:0:2::/122", { nextHop: "fd00::2" }), { metric: P }],
    [
      "5: a ToR's default route",
      { prefix: "0.0.0.0/0", asPath: "65000", nextHop: "10.0.0.254" },
      { metric: 2147483547 },
    ],
  ]);
});

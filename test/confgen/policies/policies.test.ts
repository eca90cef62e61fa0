/** calico-bgp.md 3.8, by routes that the generated policies let pass and stop. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Resource } from "../../../src/confgen/resources/model.ts";
import { claims, ELEVATED, generatedOf, judge, learned, M, NORMAL, own, P } from "../generated.ts";
import { bgpConfiguration, bgpPeer, blockAffinity, ipPool, node } from "../resource-builders.ts";

const MESH = "Mesh_10_0_0_2";
const MESH6 = "Mesh_fd00__2";
const TOR = "Global_10_0_0_254";

const cluster = (changes: Parameters<typeof bgpConfiguration>[1] = {}): Resource[] => [
  node("n1", { ipv4: "10.0.0.1/24", ipv6: "fd00::1/64" }),
  node("n2", { ipv4: "10.0.0.2/24", ipv6: "fd00::2/64" }),
  bgpPeer("tor", { address: "10.0.0.254", asn: 65000 }),
  bgpConfiguration("default", {
    prefixAdvertisements: [
      { cidr: "10.65.0.0/16", communities: ["64512:200"] },
      { cidr: "10.65.1.0/24", communities: ["64512:0:201", "64512:201"] },
      { cidr: "fd00:65::/48", communities: ["64512:600"] },
    ],
    ...changes,
  }),
  ipPool("plain", "10.65.0.0/16"),
  ipPool("withheld", "10.66.0.0/16", { disableBgpExport: true }),
  ipPool("vxlan", "10.67.0.0/16", { vxlanMode: "Always" }),
  ipPool("ipip", "10.68.0.0/16", { ipipMode: "Always" }),
  ipPool("plain6", "fd00:65::/48"),
  ipPool("withheld6", "fd00:66::/48", { disableBgpExport: true }),
  blockAffinity("n1", "10.65.1.0/26"),
  blockAffinity("n1", "10.65.3.0/26", { state: "pendingDeletion" }),
  blockAffinity("n1", "10.65.4.0/26", { state: "pending" }),
  blockAffinity("n1", "10.65.5.0/26", { state: "" }),
  blockAffinity("n1", "10.65.6.7/32"),
  blockAffinity("n1", "10.65.7.0/26", { type: "virtual" }),
  blockAffinity("n2", "10.65.2.0/26"),
  blockAffinity("n1", "fd00:65:0:1::/122"),
];

const { config } = generatedOf(cluster());

describe("import", () => {
  claims(config, "import", MESH, [
    ["a normal route keeps its preference", learned("10.65.2.0/26"), {}],
    ["one better than normal is elevated", learned("10.65.2.3/32", { localPref: NORMAL + 1 }), { preference: 200 }],
    ["LOCAL_PREF is unsigned", learned("10.65.2.3/32", { localPref: 4294967295 }), { preference: 200 }],
    ["one of an older release stays", learned("10.65.2.0/26", { localPref: 100 }), {}],
    ["whatever its prefix, it is taken", learned("203.0.113.0/24"), {}],
  ]);
});

describe("export, step 1: metric and LOCAL_PREF", () => {
  const tags = { communities: ["64512:200", "64512:201"], largeCommunities: ["64512:0:201"] };
  claims(config, "export", MESH, [
    [
      "a local route without metric has the normal one",
      { prefix: "10.65.1.0/26", source: "static" },
      { metric: P, localPref: NORMAL, ...tags },
    ],
    ["a kernel route has its own", own("10.65.1.0/26", { metric: 512 }), { localPref: ELEVATED, ...tags }],
    ["metric 0 is defined", own("10.65.1.0/26", { metric: 0 }), { localPref: M, ...tags }],
    [
      "of a learned route LOCAL_PREF stays",
      learned("10.65.2.0/26", { localPref: 100 }),
      { metric: M - 100, communities: ["64512:200"] },
    ],
  ]);
});

describe("export, step 3", () => {
  const normal = { localPref: NORMAL };
  const inPool = { ...normal, communities: ["64512:200"] };
  const inNode = { communities: ["64512:200", "64512:201"], largeCommunities: ["64512:0:201"] };
  claims(config, "export", MESH, [
    ["a: a pool with disableBGPExport", own("10.66.1.0/26"), "reject"],
    ["a: and the pool's own prefix", own("10.66.0.0/16"), "reject"],
    ["b: vxlan.calico", own("10.65.2.0/26", { interface: "vxlan.calico" }), "reject"],
    ["b: wireguard.cali", own("10.65.2.0/26", { interface: "wireguard.cali" }), "reject"],
    ["b: tunl0, where Felix writes IPIP routes", own("10.65.2.0/26", { interface: "tunl0" }), "reject"],
    ["b: a pod's interface is none", own("10.65.2.5/32", { interface: "cali123" }), inPool],
    ["c: bpfin.cali", own("10.65.2.0/26", { interface: "bpfin.cali" }), "reject"],
    ["d: all that hold it add theirs, standard and large", own("10.65.1.0/26"), { ...normal, ...inNode }],
    ["d: to learned routes too", learned("10.65.2.0/26"), { metric: P, communities: ["64512:200"] }],
    ["d: outside none is added", own("10.67.1.0/26"), normal],
    ["e: the block", own("10.65.1.0/26"), { ...normal, ...inNode }],
    ["e: a host route in the block", own("10.65.1.5/32"), "reject"],
    ["e: one that is better than normal", own("10.65.1.5/32", { metric: 512 }), { localPref: ELEVATED, ...inNode }],
    ["e: one just as good", own("10.65.1.5/32", { metric: P }), "reject"],
    ["e: a learned one that is better", learned("10.65.1.5/32", { localPref: ELEVATED }), { metric: 512, ...inNode }],
    ["e: an empty state counts as confirmed", own("10.65.5.5/32"), "reject"],
    ["e: pendingDeletion has no rules", own("10.65.3.5/32"), inPool],
    ["e: pending has none", own("10.65.4.5/32"), inPool],
    ["e: a virtual one has none", own("10.65.7.5/32"), inPool],
    ["e: another node's has none: a borrowed address falls to the pool", own("10.65.2.5/32"), inPool],
    ["e: a block of one address", own("10.65.6.7/32"), inPool],
    ["h: any exported pool", own("10.68.3.0/26"), normal],
    ["4: everything else", own("203.0.113.0/24"), "reject"],
    ["4: the default route", learned("0.0.0.0/0"), "reject"],
    ["4: a connected network", { prefix: "10.0.0.0/24", source: "direct", interface: "eth0" }, "reject"],
  ]);
  claims(config, "export", MESH6, [
    ["a: of IPv6", own("fd00:66::/122"), "reject"],
    ["d, e: an IPv6 block", own("fd00:65:0:1::/122"), { ...normal, communities: ["64512:600"] }],
    ["e: an IPv6 host route", own("fd00:65:0:1::5/128"), "reject"],
    [
      "e: an IPv6 host route that is better",
      own("fd00:65:0:1::5/128", { metric: 512 }),
      { localPref: ELEVATED, communities: ["64512:600"] },
    ],
    ["4: of IPv6", own("2001:db8::/64"), "reject"],
  ]);
  claims(config, "export", TOR, [
    ["a: to an external peer too", own("10.66.1.0/26"), "reject"],
    ["b: tunnel routes do go to an external peer", own("10.65.2.0/26", { interface: "vxlan.calico" }), inPool],
    ["c: bpfin.cali goes to nobody", own("10.65.2.0/26", { interface: "bpfin.cali" }), "reject"],
  ]);
});

test("the normal priority of each family is that of the BGPConfiguration", () => {
  const other = generatedOf(cluster({ normalPriority: { ipv4: 100, ipv6: 200 } })).config;
  const { metric, localPref } = judge(other, "export", MESH, { prefix: "10.67.1.0/26", source: "static" }) as never;
  assert.deepEqual([metric, localPref], [100, M - 100]);
  assert.equal(judge(other, "export", MESH6, own("fd00:65:0:1::5/128", { metric: 200 })), "reject");
  assert.deepEqual(judge(other, "export", MESH6, own("fd00:65:0:1::5/128", { metric: 199 })), {
    localPref: M - 199,
    communities: ["64512:600"],
  });
  assert.deepEqual(judge(other, "import", MESH, learned("10.65.2.3/32", { localPref: M - 100 })), {});
  assert.deepEqual(judge(other, "import", MESH6, learned("fd00:65::/64", { localPref: M - 199 })), { preference: 200 });
});

describe("programClusterRoutes decides whether tunl0 is Felix's", () => {
  const tunnel = own("10.65.2.0/26", { interface: "tunl0" });
  for (const [value, rejected] of [
    ["Enabled", false],
    ["EnabledIPIPOnly", false],
    ["EnabledNoEncapOnly", true],
    ["Disabled", true],
  ] as const)
    test(value, () => {
      const { config: each } = generatedOf(cluster({ programClusterRoutes: value }));
      assert.equal(judge(each, "export", MESH, tunnel) === "reject", rejected);
    });
});

describe("before 3.32 LOCAL_PREF stays what it is", () => {
  const { config: older } = generatedOf(cluster(), { version: 31 });
  const tags = { communities: ["64512:200", "64512:201"], largeCommunities: ["64512:0:201"] };
  claims(older, "import", MESH, [["nothing is elevated", learned("10.65.2.3/32", { localPref: M }), {}]]);
  claims(older, "export", MESH, [
    ["a local route has none", { prefix: "10.65.1.0/26", source: "static" }, tags],
    ["a better host route stays in its block", own("10.65.1.5/32", { metric: 512 }), "reject"],
    ["tunl0 is BIRD's", own("10.67.2.0/26", { interface: "tunl0" }), {}],
  ]);
});

describe("blocks of which one lies in another", () => {
  const nested = (...cidrs: string[]) =>
    generatedOf([
      node("n1", { ipv4: "10.0.0.1/24" }),
      node("n2", { ipv4: "10.0.0.2/24" }),
      ...cidrs.map((cidr) => blockAffinity("n1", cidr)),
    ]).config;
  // Rules are in order of the blocks' texts.
  claims(nested("10.65.0.0/24", "10.65.0.64/26"), "export", MESH, [
    ["the outer one first: the inner one is no block any more", own("10.65.0.64/26"), "reject"],
    ["the outer one itself", own("10.65.0.0/24"), { localPref: NORMAL }],
  ]);
  claims(nested("10.65.8.0/21", "10.65.10.0/26"), "export", MESH, [
    ["the inner one first", own("10.65.10.0/26"), { localPref: NORMAL }],
    ["and then the outer one", own("10.65.8.0/21"), { localPref: NORMAL }],
    ["between both", own("10.65.10.0/25"), "reject"],
  ]);
});

describe("an IPPool that was never valid", () => {
  const broken = { kind: "IPPool" as const, name: "a-broken", faults: ["ipipMode: nonsense"], cidr: "10.65.0.0/16" };
  const generated = generatedOf([...cluster(), broken]);
  claims(generated.config, "export", MESH, [
    ["its routes are not announced", own("10.65.2.5/32"), "reject"],
    ["blocks of it neither", own("10.65.1.0/26"), "reject"],
  ]);
  claims(generated.config, "kernel", undefined, [["nor programmed", learned("10.65.2.0/26"), "reject"]]);
  test("findings say so, and that a pool of the same CIDR is behind it", () =>
    assert.deepEqual(
      generated.findings
        .filter(({ resource }) => resource.startsWith("IPPool"))
        .map(({ code, resource }) => [code, resource]),
      [
        ["invalid", "IPPool/a-broken"],
        ["pool-duplicate", "IPPool/plain"],
      ],
    ));
});

test("of two pools with one CIDR the lowest name counts", () => {
  const pools = [ipPool("b", "10.70.0.0/16", { disableBgpExport: true }), ipPool("a", "10.70.0.0/16")];
  const generated = generatedOf([...cluster(), ...pools]);
  assert.deepEqual(judge(generated.config, "export", MESH, own("10.70.1.0/26")), { localPref: NORMAL });
});

test("the node's own prefixAdvertisements replace the default ones as a whole", () => {
  const perNode = bgpConfiguration("node.n1", {
    prefixAdvertisements: [{ cidr: "10.67.0.0/16", communities: ["1:2"] }],
  });
  const generated = generatedOf([...cluster(), perNode]);
  assert.deepEqual(judge(generated.config, "export", MESH, own("10.65.1.0/26")), { localPref: NORMAL });
  assert.deepEqual(judge(generated.config, "export", MESH, own("10.67.1.0/26")), {
    localPref: NORMAL,
    communities: ["1:2"],
  });
});

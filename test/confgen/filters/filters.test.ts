/** calico-bgp.md 1.4: BGPFilters, by routes at the sessions of a BGPPeer that lists them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CalicoVersion } from "../../../src/confgen/compile/input.ts";
import type { BgpFilterResource, FilterRule, Resource } from "../../../src/confgen/resources/model.ts";
import { claims, codesOf, ELEVATED, generatedOf, judge, learned, M, NORMAL, own, type Row } from "../generated.ts";
import { bgpFilter, bgpPeer, type Faulty, ipPool, node } from "../resource-builders.ts";

const TOR = "Global_10_0_0_254";
const INSIDE = "Global_10_0_0_3";
const TOR6 = "Global_2001_db8__fe";

const rule = (action: FilterRule["action"], more: Partial<Omit<FilterRule, "action">> = {}): FilterRule => ({
  action,
  operations: [],
  ...more,
});
const prefix = (
  operator: NonNullable<FilterRule["prefix"]>["operator"],
  cidr: string,
  lengths?: { readonly min: number; readonly max: number },
) => ({ prefix: { operator, cidr, ...(lengths && { lengths }) } });

type Lists = Partial<Omit<BgpFilterResource, "kind" | "name">>;

/** Every session lists the filters `f` and, after it, `g`. */
function withFilters(f: Lists | Faulty | undefined, g?: Lists, version: CalicoVersion = 33) {
  const resources: (Resource | Faulty)[] = [
    node("n1", { ipv4: "10.0.0.1/24", ipv6: "2001:db8::1/64" }),
    node("n2", { ipv4: "10.0.0.2/24" }),
    ipPool("pool", "10.65.0.0/16"),
  ];
  if (f) resources.push("kind" in f ? f : bgpFilter("f", f));
  if (g) resources.push(bgpFilter("g", g));
  const filters = g ? ["f", "g"] : ["f"];
  resources.push(
    bgpPeer("tor", { address: "10.0.0.254", asn: 65000, filters }),
    bgpPeer("inside", { address: "10.0.0.3", asn: 64512, filters }),
    bgpPeer("tor6", { address: "2001:db8::fe", asn: 65000, filters }),
  );
  return generatedOf(resources, { version });
}

/** One filter of one import rule that rejects; what is not rejected is accepted unchanged. */
function rejecting(name: string, conditions: Partial<FilterRule>, peer: string, rows: readonly Row[]): void {
  describe(name, () => claims(withFilters({ importV4: [rule("Reject", conditions)] }).config, "import", peer, rows));
}

const from = (text: string, more = {}) => ({ prefix: text, asPath: "65000", ...more });

describe("matchOperator and prefixLength", () => {
  rejecting("Equal", prefix("Equal", "172.16.1.0/24"), TOR, [
    ["the prefix itself", from("172.16.1.0/24"), "reject"],
    ["not one within", from("172.16.1.0/25"), {}],
    ["not one around", from("172.16.0.0/23"), {}],
  ]);
  rejecting("NotEqual", prefix("NotEqual", "172.16.1.0/24"), TOR, [
    ["identical", from("172.16.1.0/24"), {}],
    ["another", from("172.16.1.0/25"), "reject"],
  ]);
  rejecting("In", prefix("In", "172.16.1.0/24"), TOR, [
    ["the prefix itself", from("172.16.1.0/24"), "reject"],
    ["one within", from("172.16.1.128/32"), "reject"],
    ["not one around", from("172.16.0.0/23"), {}],
  ]);
  rejecting("In of one address", prefix("In", "172.16.1.1/32"), TOR, [
    ["the address", from("172.16.1.1/32"), "reject"],
    ["not one around", from("172.16.1.0/31"), {}],
  ]);
  rejecting("NotIn", prefix("NotIn", "172.16.0.0/12"), TOR, [
    ["outside", from("10.0.0.0/24"), "reject"],
    ["inside", from("172.16.1.0/24"), {}],
  ]);
  rejecting("In with prefixLength", prefix("In", "172.17.0.0/16", { min: 24, max: 28 }), TOR, [
    ["too short", from("172.17.0.0/23"), {}],
    ["least", from("172.17.4.0/24"), "reject"],
    ["greatest", from("172.17.4.0/28"), "reject"],
    ["too long", from("172.17.4.0/29"), {}],
    ["outside", from("172.18.4.0/24"), {}],
  ]);
  rejecting(
    "prefixLength is bounded by the CIDR and the family",
    prefix("In", "172.17.0.0/16", { min: 8, max: 64 }),
    TOR,
    [
      ["shorter than the CIDR", from("172.0.0.0/8"), {}],
      ["the CIDR", from("172.17.0.0/16"), "reject"],
      ["an address", from("172.17.0.1/32"), "reject"],
    ],
  );
  rejecting("prefixLength that ends with the CIDR", prefix("In", "172.17.0.0/16", { min: 0, max: 16 }), TOR, [
    ["the CIDR", from("172.17.0.0/16"), "reject"],
    ["one within", from("172.17.0.0/17"), {}],
  ]);
  rejecting("NotIn with prefixLength", prefix("NotIn", "172.16.0.0/12", { min: 16, max: 24 }), TOR, [
    ["inside, and of the lengths", from("172.16.1.0/24"), {}],
    ["inside but too short", from("172.16.0.0/12"), "reject"],
    ["inside but too long", from("172.16.1.0/25"), "reject"],
  ]);
  rejecting("lengths without room: nothing is in", prefix("In", "172.16.0.0/24", { min: 0, max: 20 }), TOR, [
    ["the CIDR", from("172.16.0.0/24"), {}],
  ]);
  rejecting("lengths without room: everything is not in", prefix("NotIn", "172.16.0.0/24", { min: 0, max: 20 }), TOR, [
    ["the CIDR", from("172.16.0.0/24"), "reject"],
  ]);
});

describe("conditions", () => {
  rejecting("source RemotePeers", { source: "RemotePeers" }, TOR, [["learned", from("172.16.0.0/16"), "reject"]]);
  rejecting("interface", { interface: "*.mesh" }, TOR, [
    ["the glob fits", from("172.16.0.0/16", { interface: "eth0.mesh" }), "reject"],
    ["another one", from("172.16.0.0/16", { interface: "mesh0" }), {}],
    ["none matches nothing, not even *", from("172.16.0.0/16"), {}],
  ]);
  rejecting("interface *: any, but one", { interface: "*" }, TOR, [
    ["some", from("172.16.0.0/16", { interface: "eth0" }), "reject"],
    ["none", from("172.16.0.0/16"), {}],
  ]);
  rejecting("peerType eBGP, external", { peerType: "eBGP" }, TOR, [["matches", from("172.16.0.0/16"), "reject"]]);
  rejecting("peerType eBGP, internal", { peerType: "eBGP" }, INSIDE, [["does not", from("172.16.0.0/16"), {}]]);
  rejecting("peerType iBGP, internal", { peerType: "iBGP" }, INSIDE, [["matches", from("172.16.0.0/16"), "reject"]]);
  rejecting("peerType iBGP, external", { peerType: "iBGP" }, TOR, [["does not", from("172.16.0.0/16"), {}]]);
  rejecting("communities, two parts", { community: "64512:666" }, TOR, [
    ["among others", from("172.16.0.0/16", { communities: ["64512:1", "64512:666"] }), "reject"],
    ["others only", from("172.16.0.0/16", { communities: "64512:667" }), {}],
  ]);
  rejecting("communities, three parts", { community: "64512:0:666" }, TOR, [
    ["there", from("172.16.0.0/16", { largeCommunities: "64512:0:666" }), "reject"],
    ["another", from("172.16.0.0/16", { largeCommunities: "64512:1:666" }), {}],
  ]);
  rejecting("asPathPrefix", { asPathPrefix: [65010, 65020] }, TOR, [
    ["exactly this beginning", from("172.16.0.0/16", { asPath: "65010 65020 65030" }), "reject"],
    ["the path may end there", from("172.16.0.0/16", { asPath: "65010 65020" }), "reject"],
    ["not in the middle", from("172.16.0.0/16", { asPath: "65000 65010 65020" }), {}],
    ["not a part of it", from("172.16.0.0/16", { asPath: "65010" }), {}],
  ]);
  rejecting("priority is 2147483647 - LOCAL_PREF", { priority: 512 }, INSIDE, [
    ["equal", from("172.16.0.0/16", { localPref: ELEVATED }), "reject"],
    ["less", from("172.16.0.0/16", { localPref: ELEVATED + 1 }), { preference: 200 }],
  ]);
  rejecting("all conditions must hold", { ...prefix("In", "172.16.0.0/12"), community: "1:1" }, TOR, [
    ["both", from("172.16.0.0/16", { communities: "1:1" }), "reject"],
    ["one", from("172.16.0.0/16"), {}],
    ["the other", from("10.0.0.0/16", { communities: "1:1" }), {}],
  ]);
  rejecting("no condition matches all", {}, TOR, [["anything", from("0.0.0.0/0"), "reject"]]);
});

describe("order", () => {
  const { config } = withFilters(
    { importV4: [rule("Accept", prefix("In", "172.16.0.0/16")), rule("Reject", prefix("In", "172.16.0.0/12"))] },
    { importV4: [rule("Accept", prefix("Equal", "172.17.0.0/16")), rule("Reject", { community: "1:1" })] },
  );
  const elevated = { localPref: ELEVATED };
  claims(config, "import", INSIDE, [
    ["the first match decides", from("172.16.1.0/24"), {}],
    ["also against later filters", from("172.17.0.0/16"), "reject"],
    [
      "an accept ends everything, Calico's own rules too",
      from("172.16.1.0/24", { ...elevated, communities: "1:1" }),
      {},
    ],
    ["the second filter comes after the first", from("10.0.0.0/8", { communities: "1:1" }), "reject"],
    ["nothing decides: Calico's rules", from("10.0.0.0/8", elevated), { preference: 200 }],
  ]);
});

describe("export", () => {
  const { config } = withFilters({
    exportV4: [
      rule("Reject", prefix("In", "10.65.9.0/24")),
      rule("Accept", { ...prefix("In", "192.0.2.0/24"), source: "RemotePeers" }),
      rule("Accept", { priority: 512 }),
    ],
  });
  claims(config, "export", TOR, [
    ["a reject ends it", own("10.65.9.0/26"), "reject"],
    ["an accept ends it, also beyond all pools", learned("192.0.2.0/24"), { metric: 1024 }],
    ["source RemotePeers: not of a local route", own("192.0.2.0/24"), "reject"],
    ["a filter sees the priority of step 1", own("203.0.113.0/24", { metric: 512 }), { localPref: ELEVATED }],
    ["nothing decides: Calico's rules accept", own("10.65.1.0/26"), { localPref: NORMAL }],
    ["nothing decides: Calico's rules reject", own("203.0.113.0/24"), "reject"],
  ]);
  test("the mesh uses no filters", () =>
    assert.equal(judge(config, "export", "Mesh_10_0_0_2", own("192.0.2.0/24")), "reject"));
});

describe("operations", () => {
  const operations = (...list: FilterRule["operations"]) =>
    withFilters({ importV4: [rule("Accept", { operations: list })] }).config;
  claims(operations({ addCommunity: "64512:100" }, { addCommunity: "64512:0:100" }), "import", TOR, [
    ["addCommunity", from("172.16.0.0/16"), { communities: ["64512:100"], largeCommunities: ["64512:0:100"] }],
  ]);
  claims(operations({ prependAsPath: [65100, 65101] }), "import", TOR, [
    ["prependASPath reads in the listed order", from("172.16.0.0/16"), { asPath: "65100 65101 65000" }],
  ]);
  claims(operations({ prependAsPath: [1, 2] }, { prependAsPath: [3, 4] }), "import", TOR, [
    ["a second prependASPath is in front of the first", from("172.16.0.0/16"), { asPath: "3 4 1 2 65000" }],
  ]);
  claims(operations({ setPriority: 500 }, { setPriority: 600 }), "import", TOR, [
    ["setPriority: the last counts", from("172.16.0.0/16"), { localPref: M - 600 }],
  ]);
  const many = Array.from({ length: 10 }, (_, i) => ({
    prependAsPath: Array.from({ length: 10 }, (_, j) => 100 * i + j + 1),
  }));
  const path = [...many].reverse().flatMap(({ prependAsPath }) => prependAsPath);
  claims(operations(...many), "import", TOR, [
    ["ten times ten ASes", from("172.16.0.0/16"), { asPath: [...path, 65000].join(" ") }],
  ]);
  const guarded = withFilters({
    importV4: [rule("Accept", { asPathPrefix: [65000], operations: many }), rule("Reject")],
  }).config;
  claims(guarded, "import", TOR, [
    ["their conditions count once, before them", from("172.16.0.0/16"), { asPath: [...path, 65000].join(" ") }],
  ]);
});

describe("families", () => {
  const { config } = withFilters({ importV4: [rule("Reject")], exportV6: [rule("Reject")] });
  const imports = (peer: string) => config.peers.find(({ name }) => name === peer)!;
  test("IPv4 rules count for IPv4 sessions", () =>
    assert.equal(judge(config, "import", TOR, from("10.0.0.0/8")), "reject"));
  test("and not for IPv6", () => assert.deepEqual(judge(config, "import", TOR6, from("2001:db8::/64")), {}));
  test("no rules of a direction: the session has the policy of all", () => {
    assert.equal(imports(TOR).export, "export-ipv4");
    assert.equal(imports(TOR6).import, "import-ipv6");
  });
});

describe("a filter", () => {
  test("that does not exist is skipped, with a finding", () => {
    const { config, findings } = withFilters(undefined, { importV4: [rule("Reject")] });
    assert.equal(judge(config, "import", TOR, from("10.0.0.0/8")), "reject");
    assert.deepEqual(codesOf(findings), ["warning filter-missing BGPFilter/f"]);
    assert.match(findings[0]!.message, /BGPPeer\/inside, BGPPeer\/tor, BGPPeer\/tor6/);
  });
  test("that was never valid closes the sessions that list it", () => {
    const broken: Faulty = { kind: "BGPFilter", name: "f", faults: ["importV4[0].action: missing"] };
    const { config, findings } = withFilters(broken, { importV4: [rule("Accept")] });
    for (const peer of [TOR, INSIDE])
      for (const direction of ["import", "export"] as const)
        assert.equal(judge(config, direction, peer, learned("10.65.0.0/26")), "reject");
    assert.notEqual(judge(config, "import", "Mesh_10_0_0_2", learned("10.65.0.0/26")), "reject");
    assert.deepEqual(codesOf(findings), ["error invalid BGPFilter/f"]);
  });
  test("whose present form is invalid counts in the last valid one", () => {
    const kept: Faulty = {
      kind: "BGPFilter",
      name: "f",
      faults: ["x"],
      value: bgpFilter("f", { importV4: [rule("Reject")] }),
    };
    const { config, findings } = withFilters(kept);
    assert.equal(judge(config, "import", TOR, from("10.0.0.0/8")), "reject");
    assert.deepEqual(codesOf(findings), ["error invalid-kept BGPFilter/f"]);
  });
  test("that compares by Equal with prefixLength, which BIRD refuses, closes the sessions", () => {
    const { config, findings } = withFilters({
      importV4: [rule("Accept", prefix("Equal", "10.0.0.0/8", { min: 8, max: 9 }))],
    });
    assert.equal(judge(config, "import", TOR, from("10.0.0.0/8")), "reject");
    assert.equal(judge(config, "export", TOR, own("10.65.0.0/26")), "reject");
    assert.deepEqual(codesOf(findings), ["error filter-unusable BGPFilter/f"]);
  });
  test("with more rules than can be used closes the sessions", () => {
    const { config, findings } = withFilters({ importV4: Array.from({ length: 10_001 }, () => rule("Accept")) });
    assert.equal(judge(config, "import", TOR, from("10.0.0.0/8")), "reject");
    assert.deepEqual(codesOf(findings), ["error filter-unusable BGPFilter/f"]);
  });
  test("that no session lists has no effect", () => {
    const { texts } = generatedOf([
      node("n1", { ipv4: "10.0.0.1/24" }),
      bgpFilter("f", { importV4: [rule("Reject")] }),
    ]);
    assert.doesNotMatch(texts.get("policies.yaml")!, /BGPFilter/);
  });
  test("that a BGPPeer lists by a text with + is not taken for two", () => {
    const { config } = generatedOf([
      node("n1", { ipv4: "10.0.0.1/24" }),
      bgpFilter("a", { importV4: [rule("Reject")] }),
      bgpFilter("b", { importV4: [rule("Reject")] }),
      bgpPeer("in", { address: "10.0.0.3", asn: 64512, filters: ["a+b"] }),
      bgpPeer("tor", { address: "10.0.0.254", asn: 65000, filters: ["a", "b"] }),
    ]);
    assert.equal(judge(config, "import", TOR, from("10.0.0.0/8")), "reject");
    assert.deepEqual(judge(config, "import", INSIDE, from("10.0.0.0/8")), {});
  });
  test("whose name ends in a number is no part of another", () => {
    const operations = Array.from({ length: 4 }, () => ({ prependAsPath: Array.from({ length: 10 }, () => 7) }));
    const { config } = generatedOf([
      node("n1", { ipv4: "10.0.0.1/24" }),
      bgpFilter("a", { importV4: [rule("Accept", { ...prefix("In", "172.16.0.0/12"), operations })] }),
      bgpFilter("a.0", { importV4: [rule("Reject")] }),
      bgpPeer("tor", { address: "10.0.0.254", asn: 65000, filters: ["a", "a.0"] }),
    ]);
    assert.notEqual(judge(config, "import", TOR, from("172.16.0.0/16")), "reject");
    assert.equal(judge(config, "import", TOR, from("10.0.0.0/8")), "reject");
  });
  test("with a name of any length has a policy", () => {
    const name = "a-filter-with-a-name.".repeat(12);
    const { config } = generatedOf([
      node("n1", { ipv4: "10.0.0.1/24" }),
      bgpFilter(name, { importV4: [rule("Reject")] }),
      bgpFilter("g", { importV4: [rule("Accept")] }),
      bgpPeer("tor", { address: "10.0.0.254", asn: 65000, filters: [name, "g"] }),
    ]);
    assert.equal(judge(config, "import", TOR, from("10.0.0.0/8")), "reject");
  });
});

describe("fields that a release did not know were ignored there", () => {
  const lists: Lists = {
    importV4: [
      rule("Reject", { ...prefix("In", "172.16.0.0/16", { min: 24, max: 24 }) }),
      rule("Accept", { ...prefix("In", "172.17.0.0/16"), community: "1:1", operations: [{ addCommunity: "2:2" }] }),
    ],
  };
  const rows = (narrow: boolean, operations: boolean): Row[] => [
    ["prefixLength", from("172.16.0.0/25"), narrow ? {} : "reject"],
    [
      "communities, operations",
      from("172.17.0.0/16", { communities: "1:1" }),
      operations ? { communities: ["1:1", "2:2"] } : {},
    ],
  ];
  for (const [version, narrow, operations, fields] of [
    [28, false, false, ["communities", "operations", "prefixLength"]],
    [29, true, false, ["communities", "operations"]],
    [31, true, false, ["communities", "operations"]],
    [32, true, true, []],
    [33, true, true, []],
  ] as const)
    describe(`3.${version}`, () => {
      const { config, findings } = withFilters(lists, undefined, version);
      claims(config, "import", TOR, rows(narrow, operations));
      test("findings name them", () =>
        assert.deepEqual(
          findings.map(({ code, message }) => [code, message.split(" ")[0]]),
          fields.map((field) => ["newer-field", field]),
        ));
    });
});

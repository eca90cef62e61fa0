/** BIRD's filter language: each row is a route that passes a filter, and what is left of it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readBirdConfig } from "./bird-config.ts";
import { type BirdRoute, judge } from "./bird-interpreter.ts";

const ROUTE: BirdRoute = {
  net: "10.1.2.0/24",
  source: "RTS_BGP",
  bgp_path: [65001, 65002],
  bgp_community: ["65000:100"],
  bgp_large_community: [],
  bgp_local_pref: 100,
  bgp_next_hop: "10.0.0.7",
  preference: 100,
};

/** The verdict of the filter `f`, or what it changes. */
function outcome(code: string, route: Partial<BirdRoute> = {}): unknown {
  const text = `router id 10.0.0.1; ${code.includes("filter f") ? code : `filter f { ${code} }`}`;
  const { functions, filters } = readBirdConfig(new Map([["f", text]]), "f");
  const before: BirdRoute = { ...ROUTE, ...route };
  const after = judge(filters.get("f")!, functions, before);
  const changes = Object.entries(after.route).filter(
    ([key, value]) => JSON.stringify(value) !== JSON.stringify(before[key as keyof BirdRoute]),
  );
  return changes.length === 0 ? after.verdict : [after.verdict, Object.fromEntries(changes)];
}

function rows(
  ...all: readonly (readonly [claim: string, code: string, expected: unknown, route?: Partial<BirdRoute>])[]
) {
  for (const [claim, code, expected, route] of all) test(claim, () => assert.deepEqual(outcome(code, route), expected));
}

describe("control", () => {
  rows(
    ["the end rejects", "", "reject"],
    ["else is taken where the condition does not hold", "if (preference = 1) then reject; else accept;", "accept"],
    ["an accept in a function ends the filter", "function g() { accept; } filter f { g(); reject; }", "accept"],
    ["the end of a function comes back", "function g() { } filter f { g(); accept; }", "accept"],
    [
      "a function is told what it is called with",
      "function 'a-b'(bool same) { if (same) then { accept; } } filter f { 'a-b'(false); 'a-b'(true); reject; }",
      "accept",
    ],
    [
      "&& looks at the second only after the first",
      "if (defined(krt_metric) && krt_metric < 1) then accept;",
      "reject",
    ],
    ["&& is tighter than ||", "if preference = 100 || preference = 1 && preference = 2 then accept;", "accept"],
  );
  test("reading what is not defined is an error", () =>
    assert.throws(() => outcome("if (krt_metric < 1) then accept;"), /krt_metric is read and not defined/));
});

describe("prefixes", () => {
  rows(
    ["= is identity", "if (net = 10.1.2.0/24) then accept;", "accept"],
    ["= is not for one around", "if (net = 10.1.0.0/16) then accept;", "reject"],
    ["!= is the contrary", "if (net != 10.1.0.0/16) then accept;", "accept"],
    ["~ takes it and all within", "if (net ~ 10.1.0.0/16) then accept;", "accept"],
    ["~ does not take what is wider", "if (net ~ 10.1.2.0/25) then accept;", "reject"],
    ["!~ is the contrary", "if (net !~ 10.2.0.0/16) then accept;", "accept"],
    ["a set has lengths", "if (net ~ [ 10.2.0.0/16+, 10.1.0.0/16{24,28} ]) then accept;", "accept"],
    ["a set without lengths is of prefixes alone", "if (net ~ [ 10.1.0.0/16 ]) then accept;", "reject"],
    ["an IPv6 prefix", "if (net ~ fd00::/8) then accept;", "accept", { net: "fd00:1::/64" }],
    ["an address is within a prefix", "if (bgp_next_hop ~ 10.0.0.0/24) then accept;", "accept"],
  );
});

describe("attributes", () => {
  rows(
    ["source is one of a set", "if (source ~ [ RTS_BGP, RTS_STATIC ]) then accept;", "accept"],
    ["source is a constant", "if (source = RTS_STATIC) then accept;", "reject"],
    ["names of interfaces are globs", 'if (ifname ~ "bpf*.cali") then accept;', "accept", { ifname: "bpfin.cali" }],
    ["of the whole name", 'if (ifname ~ "*.cali") then accept;', "reject", { ifname: "x.calico" }],
    ["a dot is a dot", 'if (ifname ~ "eth.") then accept;', "reject", { ifname: "eth0" }],
    ["an interface may be missing", "if (defined(ifname)) then accept;", "reject"],
    ["a community is in the list", "if (((65000, 100) ~ bgp_community)) then { accept; }", "accept"],
    ["or not", "if (((65000, 101) ~ bgp_community)) then { accept; }", "reject"],
    ["a path begins so", "if (bgp_path ~ [= 65001 * =]) then accept;", "accept"],
    ["a path is all that", "if (bgp_path ~ [= 65001 =]) then accept;", "reject"],
  );
});

describe("changes", () => {
  rows(
    [
      "numbers are computed with",
      "krt_metric = 2147483647 - bgp_local_pref; accept;",
      ["accept", { krt_metric: 2147483547 }],
    ],
    ["and wrap around", "krt_metric = 1 - bgp_local_pref; accept;", ["accept", { krt_metric: 4294967197 }]],
    [
      "communities are added once",
      "bgp_community.add((65000, 100)); bgp_community.add((65000, 2)); bgp_large_community.add((1, 2, 3)); accept;",
      ["accept", { bgp_community: ["65000:100", "65000:2"], bgp_large_community: ["1:2:3"] }],
    ],
    ["prepending goes in front", "bgp_path.prepend(1); accept;", ["accept", { bgp_path: [1, 65001, 65002] }]],
    ["a device", 'krt_tunnel="tunl0"; accept;', ["accept", { krt_tunnel: "tunl0" }]],
  );
});

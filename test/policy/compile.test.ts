import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseAddress } from "../../src/ip/address.ts";
import { prefixOf } from "../../src/ip/prefix.ts";
import { builtinPolicy } from "../../src/policy/builtin.ts";
import { parseCommunity, parseExtendedCommunity, parseLargeCommunity } from "../../src/policy/community-text.ts";
import { compilePolicy } from "../../src/policy/compile.ts";
import type { Edits } from "../../src/policy/edits.ts";
import {
  OPERANDS,
  PEER_TYPES,
  type Policy,
  type PolicyMatch,
  type PolicyRule,
  type PolicySet,
  READS,
  SOURCES,
} from "../../src/policy/types.ts";
import { expression, number, pattern, prefix, prefixMatch, type RouteText, route } from "./facts.ts";
import { apply, canonical, interpret, start } from "./naive.ts";

const rule = (match: PolicyMatch, action: PolicyRule["action"], set: PolicySet = {}): PolicyRule => ({
  match,
  set,
  action,
});
const policy = (...rules: PolicyRule[]): Policy => ({ name: "p", rules });

describe("a condition", () => {
  const rows: readonly (readonly [string, PolicyMatch, RouteText, boolean])[] = [
    ["no condition matches every route", {}, {}, true],
    ["prefixes: the route's own", { prefixes: [prefixMatch("10.1.2.0/24")] }, {}, true],
    ["prefixes: another", { prefixes: [prefixMatch("10.1.3.0/24")] }, {}, false],
    ["source: one of the list", { source: ["kernel", "static"] }, { source: "static" }, true],
    ["source: none of the list", { source: ["kernel", "static"] }, { source: "bgp" }, false],
    [
      "communities: any of them is enough",
      { communities: [pattern("1:1"), pattern("1:2")] },
      { communities: ["9:9", "1:2"] },
      true,
    ],
    ["communities: none of them", { communities: [pattern("1:1")] }, { communities: ["1:2"] }, false],
    ["communities: a route without any", { communities: [pattern("1:1")] }, {}, false],
    ["nextHops: the address", { nextHops: [prefix("10.0.0.1/32")] }, { nextHop: "10.0.0.1" }, true],
    ["nextHops: within the prefix", { nextHops: [prefix("10.0.0.0/30")] }, { nextHop: "10.0.0.3" }, true],
    ["nextHops: outside by one bit", { nextHops: [prefix("10.0.0.0/30")] }, { nextHop: "10.0.0.4" }, false],
    ["nextHops: a route without next hop", { nextHops: [prefix("0.0.0.0/0")] }, {}, false],
    ["nextHops: the other family", { nextHops: [prefix("::/0")] }, { nextHop: "10.0.0.4" }, false],
    ["peers: the session", { peers: ["tor-a"] }, { peer: "tor-a" }, true],
    ["peers: a local route has none", { peers: ["tor-a"] }, { peer: "" }, false],
    ["family: the same", { family: "ipv6" }, { prefix: "2001:db8::/32" }, true],
    ["family: the other", { family: "ipv6" }, {}, false],
    ["two conditions: both must hold", { family: "ipv4", source: ["kernel"] }, { source: "bgp" }, false],
  ];
  for (const [claim, match, text, expected] of rows)
    test(claim, () => {
      const compiled = compilePolicy(policy(rule(match, "accept")));
      assert.equal(compiled.evaluate(route(text)).accepted, expected);
      const { steps } = compiled.trace(route(text));
      assert.equal(steps[0]!.matched, expected);
      assert.equal(steps[0]!.because === "", expected);
    });
});

describe("a list of rules", () => {
  test("the first that matches decides", () => {
    const compiled = compilePolicy(policy(rule({ source: ["bgp"] }, "reject"), rule({}, "accept")));
    assert.equal(compiled.evaluate(route()).accepted, false);
    assert.equal(compiled.evaluate(route({ source: "kernel" })).accepted, true);
  });

  test("the end of the list rejects", () => {
    assert.equal(compilePolicy(policy(rule({}, "continue", { med: 1 }))).evaluate(route()).accepted, false);
    assert.equal(compilePolicy(policy()).evaluate(route()).accepted, false);
  });

  test("a rejected route has no edits", () => {
    const compiled = compilePolicy(policy(rule({}, "continue", { med: 1 }), rule({}, "reject")));
    assert.deepEqual({ ...compiled.evaluate(route()) }, { accepted: false, edits: undefined });
  });

  test("nothing to change is undefined edits", () => {
    assert.equal(compilePolicy("accept").evaluate(route()).edits, undefined);
  });

  const merges: readonly (readonly [string, Edits, Edits, Edits])[] = [
    ["the later value of a scalar wins", { localPref: 1, med: 5 }, { localPref: 2 }, { localPref: 2, med: 5 }],
    ["the later prepend stands in front", { prepend: [1, 2] }, { prepend: [3] }, { prepend: [3, 1, 2] }],
    [
      "an added community that is removed later is gone",
      { addCommunities: [1, 2] },
      { removeCommunities: [pattern("0:1")] },
      { addCommunities: [2], removeCommunities: [pattern("0:1")] },
    ],
    [
      "a removed community can be added again",
      { removeCommunities: [pattern("0:1")] },
      { addCommunities: [1] },
      { addCommunities: [1], removeCommunities: [pattern("0:1")] },
    ],
    ["replacing forgets additions before", { addCommunities: [1] }, { setCommunities: [2] }, { setCommunities: [2] }],
    [
      "additions after replacing join it",
      { setCommunities: [2] },
      { addCommunities: [3], removeCommunities: [pattern("0:2")] },
      { setCommunities: [3] },
    ],
    ["a removed MED stays removed", { med: null }, { metric: 3 }, { med: null, metric: 3 }],
    ["replacing by nothing clears", {}, { setCommunities: [] }, { setCommunities: [] }],
  ];
  for (const [claim, first, second, expected] of merges)
    test(`continue: ${claim}`, () => {
      const compiled = compilePolicy(policy(rule({}, "continue", first), rule({}, "accept", second)));
      assert.deepEqual(compiled.evaluate(route()).edits, expected);
    });

  test("rules after continue see the changed communities and next hop", () => {
    const nextHop = parseAddress("192.0.2.1")!;
    const compiled = compilePolicy(
      policy(
        rule({}, "continue", { addCommunities: [7], nextHop }),
        rule({ communities: [pattern("0:7")], nextHops: [prefix("192.0.2.0/24")] }, "accept"),
      ),
    );
    assert.equal(compiled.evaluate(route({ nextHop: "10.0.0.1" })).accepted, true);
  });

  test("equal changes are the same object each time: nothing is allocated per route", () => {
    const compiled = compilePolicy(
      policy(rule({ source: ["bgp"] }, "continue", { med: 1 }), rule({}, "accept", { localPref: 2 })),
    );
    const first = compiled.evaluate(route());
    const edits = first.edits;
    assert.deepEqual(edits, { med: 1, localPref: 2 });
    assert.equal(compiled.evaluate(route({ prefix: "10.0.0.0/8" })).edits, edits);
    assert.equal(compiled.evaluate(route()), first);
    assert.deepEqual(compiled.evaluate(route({ source: "kernel" })).edits, { localPref: 2 });
  });
});

describe("built-in policies", () => {
  const rows = [
    ["accept", "10.0.0.0/8", true],
    ["reject", "10.0.0.0/8", false],
    ["default-only", "0.0.0.0/0", true],
    ["default-only", "::/0", true],
    ["default-only", "0.0.0.0/1", false],
    ["default-only", "2001:db8::/32", false],
  ] as const;
  for (const [name, text, expected] of rows)
    test(`${name} ${expected ? "passes" : "stops"} ${text}`, () => {
      assert.equal(compilePolicy(name).evaluate(route({ prefix: text })).accepted, expected);
    });

  test("a name is looked up when it is not built in", () => {
    const own = policy(rule({}, "accept"));
    assert.equal(compilePolicy("p", (name) => (name === "p" ? own : undefined)).name, "p");
    assert.throws(() => compilePolicy("q"), RangeError);
  });
});

describe("what a policy reads", () => {
  const rows: readonly (readonly [string, PolicyMatch, number])[] = [
    ["nothing", {}, 0],
    ["prefix and family", { prefixes: [] }, READS.prefix | READS.family],
    ["source", { source: [] }, READS.source],
    ["peer", { peers: [] }, READS.peer],
    ["attributes for communities", { communities: [] }, READS.attributes],
    ["attributes for next hops", { nextHops: [] }, READS.attributes],
    ["family", { family: "ipv4" }, READS.family],
  ];
  for (const [claim, match, reads] of rows)
    test(claim, () => assert.equal(compilePolicy(policy(rule(match, "accept", { med: 1 }))).reads, reads));

  test("the sum over all rules", () => {
    const compiled = compilePolicy(policy(rule({ source: [] }, "reject"), rule({ peers: [] }, "accept")));
    assert.equal(compiled.reads, READS.source | READS.peer);
  });
});

describe("the content key", () => {
  const key = (...rules: PolicyRule[]) => compilePolicy({ name: `n${rules.length}`, rules }).contentKey;
  test("does not depend on the name", () => {
    const rules = [rule({}, "accept")];
    assert.equal(compilePolicy({ name: "a", rules }).contentKey, compilePolicy("accept").contentKey);
  });
  test("does not depend on the order within lists", () => {
    const [a, b] = [prefixMatch("10.0.0.0/8"), prefixMatch("2001:db8::/32", 48, 64)];
    assert.equal(
      key(rule({ prefixes: [a, b], source: ["bgp", "kernel"] }, "accept", { addCommunities: [1, 2] })),
      key(rule({ source: ["kernel", "bgp"], prefixes: [b, a] }, "accept", { addCommunities: [2, 1] })),
    );
  });
  const different: readonly (readonly [string, PolicyRule, PolicyRule])[] = [
    ["the action", rule({}, "accept"), rule({}, "reject")],
    [
      "ge",
      rule({ prefixes: [prefixMatch("10.0.0.0/8", 9, 32)] }, "accept"),
      rule({ prefixes: [prefixMatch("10.0.0.0/8", 10, 32)] }, "accept"),
    ],
    ["an empty list and none", rule({ source: [] }, "accept"), rule({}, "accept")],
    ["MED removed and MED 0", rule({}, "accept", { med: null }), rule({}, "accept", { med: 0 })],
    ["the order of prepended ASes", rule({}, "accept", { prepend: [1, 2] }), rule({}, "accept", { prepend: [2, 1] })],
    ["the next hop", rule({}, "accept", { nextHop: "self" }), rule({}, "accept", { nextHop: parseAddress("::1")! })],
    ["communities cleared and left", rule({}, "accept", { setCommunities: [] }), rule({}, "accept")],
  ];
  for (const [claim, a, b] of different) test(`tells apart: ${claim}`, () => assert.notEqual(key(a), key(b)));
});

describe("a trace", () => {
  const rows: readonly (readonly [PolicyMatch, RouteText, string])[] = [
    [{ source: ["kernel", "static"] }, {}, "source is bgp; the rule wants kernel, static"],
    [{ prefixes: [prefixMatch("10.0.0.0/8", 25, 32)] }, {}, "prefix is 10.1.2.0/24; the rule wants 10.0.0.0/8 ge 25"],
    [
      { communities: [pattern("1:1"), pattern("no-export")] },
      { communities: ["2:2"] },
      "communities is 2:2; the rule wants 1:1, no-export",
    ],
    [
      { nextHops: [prefix("10.0.0.0/8")] },
      { nextHop: "192.0.2.1" },
      "next hop is 192.0.2.1; the rule wants 10.0.0.0/8",
    ],
    [{ peers: ["a"] }, { peer: "" }, "peer is none (a local route); the rule wants a"],
    [{ family: "ipv6" }, {}, "family is ipv4; the rule wants ipv6"],
    [
      { family: "ipv4", peers: ["1", "2", "3", "4", "5", "6"] },
      {},
      "peer is tor-a; the rule wants 1, 2, 3, 4 or 2 more",
    ],
  ];
  for (const [match, text, because] of rows)
    test(because, () => {
      const { steps, verdict } = compilePolicy(policy(rule(match, "accept"), rule({}, "reject"))).trace(route(text));
      assert.deepEqual(steps, [
        { policy: "p", rule: 1, depth: 0, matched: false, because, changes: [] },
        { policy: "p", rule: 2, depth: 0, matched: true, because: "", changes: [], action: "reject" },
      ]);
      assert.equal(verdict.accepted, false);
    });
});

const few = fc.constantFrom(1, 2, 3);
const arbitraryAddress = fc.constantFrom("10.0.0.1", "10.0.0.2", "192.0.2.1", "2001:db8::1");
const arbitraryPrefix = fc.constantFrom(
  "0.0.0.0/0",
  "10.0.0.0/8",
  "10.1.0.0/16",
  "10.1.2.0/24",
  "10.1.2.3/32",
  "::/0",
  "2001:db8::/32",
);
const standard = fc.constantFrom("0:1", "0:2", "1:1", "no-export");
const large = fc.constantFrom("1:2:3", "1:2:4", "9:2:3");
const extended = fc.constantFrom("rt:1:2", "rt:1:3", "ro:1:2");
const patterns = (exact: fc.Arbitrary<string>, ...wild: string[]) =>
  fc.array(fc.oneof(exact, fc.constantFrom(...wild)).map(pattern), { maxLength: 2 });
const comparison = fc
  .oneof(
    fc.constant("none"),
    fc
      .tuple(fc.constantFrom("", "<", "<=", ">", ">="), fc.nat(4))
      .map(([sign, value]) => (sign === "<" && value === 0 ? "0" : `${sign} ${value}`)),
  )
  .map(number);
const optional = <T extends Record<string, fc.Arbitrary<unknown>>>(model: T) => fc.record(model, { requiredKeys: [] });
const asns = fc.array(few, { maxLength: 2 });
/** A few of the keys: a match of twenty conditions never holds. */
const fewOf = <T extends Record<string, fc.Arbitrary<unknown>>>(model: T, maxLength: number) =>
  fc
    .subarray(Object.keys(model), { maxLength })
    .chain((keys) => fc.record(Object.fromEntries(keys.map((key) => [key, model[key]!]))));

const arbitraryMatch: fc.Arbitrary<PolicyMatch> = fc.letrec<{ match: PolicyMatch }>((tie) => ({
  match: fewOf(
    {
      prefixes: fc.array(
        fc.tuple(arbitraryPrefix, fc.nat(32), fc.nat(32)).map(([text, ge, le]) => prefixMatch(text, ge, le)),
        { maxLength: 3 },
      ),
      source: fc.subarray([...SOURCES]),
      communities: patterns(standard, "0:*", "*:1", "*:*"),
      largeCommunities: patterns(large, "1:*:3", "*:2:*"),
      extendedCommunities: patterns(extended, "rt:1:*", "rt:*:2", "ro:*:*"),
      asPath: optional({
        startsWith: asns,
        contains: asns,
        originatedBy: asns,
        length: comparison,
        empty: fc.boolean(),
      }),
      nextHops: fc.array(
        arbitraryAddress.map((text) => prefixOf(parseAddress(text)!, 30)),
        { maxLength: 2 },
      ),
      interface: fc.array(fc.constantFrom("eth?", "*.cali", "bpf*.cali", "tunl0", "*"), { maxLength: 2 }),
      peers: fc.array(fc.constantFrom("a", "b"), { maxLength: 2 }),
      peerType: fc.subarray([...PEER_TYPES]),
      fromPeerType: fc.subarray([...PEER_TYPES]),
      med: comparison,
      localPref: comparison,
      preference: comparison,
      metric: comparison,
      family: fc.constantFrom("ipv4" as const, "ipv6" as const),
      not: fc.array(tie("match"), { maxLength: 1, depthIdentifier: "match" }),
      any: fc.array(tie("match"), { maxLength: 2, depthIdentifier: "match" }),
      all: fc.array(tie("match"), { maxLength: 2, depthIdentifier: "match" }),
    },
    3,
  ) as fc.Arbitrary<PolicyMatch>,
})).match;

const value = fc.oneof(
  few,
  fc
    .tuple(fc.constantFrom(...OPERANDS), fc.constantFrom("", " + 1", " - 1", "3 - "))
    .map(([operand, text]) => expression(text.endsWith("- ") && text !== " - 1" ? text + operand : operand + text)),
);
const items = <T>(texts: fc.Arbitrary<string>, parse: (text: string) => T | undefined) =>
  fc.array(
    texts.map((text) => parse(text)!),
    { maxLength: 2 },
  );
const arbitrarySet = fewOf(
  {
    localPref: value,
    med: fc.oneof(fc.constant(null), value),
    metric: value,
    preference: value,
    addCommunities: items(standard, parseCommunity),
    removeCommunities: patterns(standard, "0:*", "*:1"),
    setCommunities: items(standard, parseCommunity),
    addLargeCommunities: items(large, parseLargeCommunity),
    removeLargeCommunities: patterns(large, "1:*:3"),
    setLargeCommunities: items(large, parseLargeCommunity),
    addExtendedCommunities: items(extended, parseExtendedCommunity),
    removeExtendedCommunities: patterns(extended, "rt:*:*"),
    setExtendedCommunities: items(extended, parseExtendedCommunity),
    prepend: fc.array(few, { maxLength: 2 }),
    nextHop: fc.oneof(
      fc.constant("self" as const),
      arbitraryAddress.map((text) => parseAddress(text)!),
    ),
    table: few,
  },
  4,
) as fc.Arbitrary<PolicySet>;
const someMatch = fc.oneof({ weight: 1, arbitrary: fc.constant({}) }, { weight: 3, arbitrary: arbitraryMatch });
const arbitraryRule = fc.record({
  match: someMatch,
  set: arbitrarySet,
  action: fc.constantFrom("accept" as const, "reject" as const, "continue" as const, "continue" as const),
});
/** Calls `inner`, which calls nothing. */
const callingRule = fc.record({
  match: someMatch,
  set: arbitrarySet,
  action: fc.constant("call" as const),
  call: fc.constantFrom("inner", "default-only"),
});
const arbitraryRoute = optional({
  prefix: arbitraryPrefix,
  source: fc.constantFrom(...SOURCES),
  peer: fc.constantFrom("a", "b", ""),
  peerType: fc.constantFrom(...PEER_TYPES),
  fromPeerType: fc.constantFrom(...PEER_TYPES),
  interfaces: fc.subarray(["eth0", "vxlan.cali", "bpfin.cali", "tunl0"]),
  communities: fc.uniqueArray(standard, { maxLength: 3 }),
  largeCommunities: fc.uniqueArray(large, { maxLength: 2 }),
  extendedCommunities: fc.uniqueArray(extended, { maxLength: 2 }),
  asPath: fc.constantFrom("", "1", "1 2", "2 {1 3}", "{1 2} 3", "(7) 1 1"),
  nextHop: arbitraryAddress,
  med: fc.nat(4),
  localPref: fc.nat(4),
  preference: fc.nat(4),
  metric: fc.nat(4),
}).map((text) => route(text as RouteText));

test("any policy and any route: the compiled form does what the interpreter does, and traces the same", () => {
  let accepts = 0;
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 4, arbitrary: arbitraryRule }, { weight: 1, arbitrary: callingRule }), {
        maxLength: 6,
      }),
      fc.array(arbitraryRule, { maxLength: 3 }),
      fc.array(arbitraryRoute, { minLength: 1, maxLength: 5 }),
      (rules, innerRules, routes) => {
        const naive: Policy = { name: "p", rules };
        const inner: Policy = { name: "inner", rules: innerRules };
        const compiled = compilePolicy(naive, () => inner);
        for (const facts of routes) {
          const { accepted, edits } = compiled.evaluate(facts);
          const expected = interpret(naive, facts, (name) => builtinPolicy(name) ?? inner);
          assert.equal(accepted, expected !== undefined);
          accepts += Number(accepted);
          const changed = accepted ? apply(start(facts), edits ?? {}) : undefined;
          assert.deepEqual(canonical(changed), canonical(expected && apply(expected, {})));
          const traced = compiled.trace(facts);
          assert.equal(traced.verdict.accepted, accepted);
          assert.equal(traced.verdict.edits, edits);
          for (const step of traced.steps) assert.equal(step.matched, step.because === "");
        }
      },
    ),
    { seed: 8212, numRuns: 3000 },
  );
  assert.ok(accepts > 1000, `only ${accepts} routes were accepted`);
});

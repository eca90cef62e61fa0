import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseSelector } from "../../../src/confgen/selector/parse-selector.ts";

function matches(text: string, labels: Record<string, string>): boolean {
  const selector = parseSelector(text);
  if ("fault" in selector) assert.fail(selector.fault);
  return selector.matches(labels);
}

const A = { a: "x" };
const ZONED = { "topology.kubernetes.io/zone": "eu-1", rack: "r1", "calico-route-reflector": "" };

const TABLE: readonly [text: string, labels: Record<string, string>, expected: boolean, because: string][] = [
  ["a == 'x'", A, true, "a label equals its value"],
  ["a == 'y'", A, false, "a label does not equal another value"],
  ["b == ''", A, false, "a missing label is not the empty text"],
  ["a != 'x'", A, false, "!= is the opposite of =="],
  ["b != 'x'", A, true, "a missing label differs from every value"],
  ["a in {'w', 'x'}", A, true, "a value is in a set"],
  ["a in {'w'}", A, false, "a value is not in a set"],
  ["b in {'x'}", A, false, "a missing label is in no set"],
  ["a not in {'x'}", A, false, "not in is the opposite of in"],
  ["b not in {'x'}", A, true, "a missing label is in no set, so it is not in it"],
  ["a notin {'w'}", A, true, "not in may be one word"],
  ["a not\n in {'w'}", A, true, "not and in may stand on two lines"],
  ["a in {}", A, false, "nothing is in the empty set"],
  ["a not in {}", A, true, "everything is outside the empty set"],
  ["a in {'x',}", A, true, "a comma may stand after the last member"],
  ["rack contains '1'", ZONED, true, "contains finds a part"],
  ["rack contains ''", ZONED, true, "every value contains the empty text"],
  ["b contains ''", ZONED, false, "a missing label contains nothing"],
  ["rack starts with 'r'", ZONED, true, "starts with"],
  ["rack starts with '1'", ZONED, false, "starts with looks at the start"],
  ["rack ends with '1'", ZONED, true, "ends with"],
  ["rack ends with 'r'", ZONED, false, "ends with looks at the end"],
  ["rack startswith 'r' && rack endswith '1'", ZONED, true, "the words may be written as one"],
  ["has(a)", A, true, "has finds a label"],
  ["has(b)", A, false, "has does not find a label that is missing"],
  ["has(calico-route-reflector)", ZONED, true, "has finds an empty label"],
  ["!has(a)", A, false, "! turns has around"],
  ["! has( b )", A, true, "space stands anywhere"],
  ["has (a)", A, true, "space may stand before the parenthesis"],
  ["!!has(a)", A, true, "two ! cancel each other"],
  ["! ! ! has(a)", A, false, "three ! count as one"],
  ["!a == 'x'", A, false, "! negates the whole comparison"],
  ["!a == 'x' || a == 'x'", A, true, "! binds to one term only"],
  ["all()", {}, true, "all selects what has no label"],
  ["!all()", A, false, "not all selects nothing"],
  ["global()", A, true, "global selects everything here"],
  ["all ( )", A, true, "space in the empty parentheses"],
  ["", A, true, "a text without a condition selects everything"],
  [" \t\n", A, true, "and so does white space"],
  ["has(b) && has(c) || has(a)", A, true, "&& binds closer than ||, on the left"],
  ["has(a) || has(b) && has(c)", A, true, "&& binds closer than ||, on the right"],
  ["(has(a) || has(b)) && has(c)", A, false, "parentheses go before"],
  ["((((has(a)))))", A, true, "parentheses nest"],
  ["!(has(a) && has(b))", A, true, "! before parentheses"],
  ["has(a)&&!has(b)&&a=='x'", A, true, "no space is needed between symbols"],
  ['a == "x"', A, true, "strings in double quotes"],
  [`a == "it's"`, { a: "it's" }, true, "the other quote stands in a string"],
  ["a == 'a && b'", { a: "a && b" }, true, "symbols stand in a string"],
  ["a == 'x\\'", { a: "x\\" }, true, "a string has no escapes"],
  ["a == 'é'", { a: "é" }, true, "strings hold any character"],
  ["topology.kubernetes.io/zone == 'eu-1'", ZONED, true, "a label's name has dots and a slash"],
  ["in == 'x'", { in: "x" }, true, "a label may be called in"],
  ["not in {'x'}", { not: "x" }, true, "a label may be called not"],
  ["not not in {'x'}", { not: "y" }, true, "and be compared so"],
  ["has == 'x'", { has: "x" }, true, "a label may be called has"],
  ["contains contains 'x'", { contains: "xx" }, true, "a label may be called contains"],
  ["all == 'x'", { all: "x" }, true, "a label may be called all"],
  ["has(has)", { has: "" }, true, "and be asked for"],
  ["0a-_/. == 'x'", { "0a-_/.": "x" }, true, "every character of a name"],
  ["has(constructor)", {}, false, "an object's own machinery is no label"],
  ["constructor == 'x'", { constructor: "x" }, true, "a label may be called constructor"],
];

describe("a selector", () => {
  for (const [text, labels, expected, because] of TABLE)
    it(`${JSON.stringify(text)}: ${because}`, () => assert.equal(matches(text, labels), expected));

  it("keeps its text as written", () => {
    const selector = parseSelector("  has( a )");
    assert.ok(!("fault" in selector) && selector.text === "  has( a )");
  });
});

const FAULTS: readonly [text: string, fault: RegExp][] = [
  ["a", /^expected ==, !=, in, not in, contains, .* after the label `a` before the end at column 2 of `a`$/],
  ["a = 'x'", /^expected ==.*, not `=` at column 3 of/],
  ["a == x", /^expected a string in quotes, not `x` at column 6 of/],
  ["a == ", /^expected a string in quotes before the end at column 6/],
  ["a == 'x", /^a string without its closing quote at column 6/],
  ["a in 'x'", /^expected a set such as \{'a', 'b'\}, not `'` at column 6/],
  ["a in {'x' 'y'}", /^expected a string in quotes, a comma or \}, not `'` at column 11/],
  ["a in {'x'", /^expected a string in quotes, a comma or \} before the end at column 10/],
  ["has()", /^expected the name of a label, not `\)` at column 5/],
  ["has(a", /^expected `\)` before the end at column 6/],
  ["all(a)", /^expected `\)`, not `a` at column 5/],
  ["(has(a)", /^expected &&, \|\| or \) before the end at column 8/],
  ["has(a))", /^expected &&, \|\| or the end, not `\)` at column 7/],
  ["has(a) & has(b)", /^expected &&, \|\| or the end, not `&` at column 8/],
  ["has(a) has(b)", /^expected &&, \|\| or the end, not `has` at column 8/],
  ["has(a) &&", /^expected a condition before the end at column 10/],
  ["|| has(a)", /^expected a condition, not `\|` at column 1/],
  ["!", /^expected a condition before the end at column 2/],
  ["'x' == a", /^expected a condition, not `'` at column 1/],
  ["a inside {'x'}", /^expected ==, .* not `inside` at column 3/],
  ["a == 'x' b", /^expected &&, \|\| or the end, not `b` at column 10/],
  [`${"(".repeat(101)}has(a)${")".repeat(101)}`, /^more than 100 parentheses inside each other at column 101 of/],
  [`${"a".repeat(513)} == 'x'`, /^a label's name of more than 512 characters at column 1 of/],
  ["a == 'x' 😀", /not `😀` at column 10/],
];

describe("what is no selector", () => {
  for (const [text, expected] of FAULTS)
    it(`${text.slice(0, 40)} is told with its place`, () => {
      const selector = parseSelector(text);
      assert.ok("fault" in selector);
      assert.match(selector.fault, expected);
    });

  it("is bounded in its message", () => {
    const selector = parseSelector(`has(${"a".repeat(300)}) &`);
    assert.ok("fault" in selector && selector.fault.length < 220);
  });
});

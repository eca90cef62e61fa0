import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parse } from "yaml";
import { flowText, oneLine, type Plain, putComment, putValue, scalarText } from "../../../src/confgen/print/yaml.ts";
import { readYaml } from "../../../src/config/yaml-source.ts";

const SEED = 20261120;

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.constantFrom(
    "",
    "true",
    "No",
    "null",
    "~",
    "on",
    "1.10",
    "007",
    "0x1f",
    "1e3",
    "- a",
    "a: b",
    "a #b",
    "*.cali",
    "&a",
  ),
  fc.constantFrom(
    "> 1024",
    "fd00::/8 le 128",
    "10.0.0.0/8 ge 16 le 24",
    "64512:1",
    "{",
    "[",
    "'",
    '"',
    "\u2028",
    "\u0085",
  ),
  fc.constantFrom("2026-11-20", "12:30:45", ".inf", "!!str a", "%a", "@a", "`a", "---", "...", "? a", "a\tb", "<<"),
);
const scalar = fc.oneof(text, fc.integer({ min: 0, max: 4294967295 }), fc.boolean());
const plain = fc.letrec<{ value: Plain }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    scalar,
    fc.array(tie("value"), { maxLength: 6 }),
    fc.dictionary(
      text.filter((key) => key !== "__proto__" && key !== "<<"),
      tie("value"),
      { maxKeys: 5, noNullPrototype: true },
    ),
  ) as fc.Arbitrary<Plain>,
})).value;

describe("what is printed is read back", () => {
  test("on one line", () =>
    fc.assert(
      fc.property(plain, (value) => assert.deepEqual(parse(flowText(value)), value)),
      { seed: SEED, numRuns: 500 },
    ));
  test("behind a key or in a list, in one line or in blocks, with any comment", () =>
    fc.assert(
      fc.property(plain, plain, text, (value, item, comment) => {
        const out: string[] = [];
        putComment(out, comment);
        putValue(out, "key:", value, 0, comment);
        out.push("list:");
        putValue(out, "  -", item, 2, comment);
        putValue(out, "  -", { a: item, b: value }, 2, comment);
        assert.deepEqual(parse(out.join("\n")), { key: value, list: [item, { a: item, b: value }] });
      }),
      { seed: SEED, numRuns: 500 },
    ));
  test("also by the reader of configurations, which takes no number for a number", () =>
    fc.assert(
      fc.property(text, (value) => {
        const { value: read, problems } = readYaml(`key: ${scalarText(value)}`);
        assert.deepEqual([read, problems], [{ key: value }, []]);
      }),
      { seed: SEED, numRuns: 500 },
    ));
});

test("addresses, durations, names and lengths stand without quotes", () => {
  for (const bare of [
    "10.0.0.1",
    "10.0.0.0/8",
    "10.0.0.0/8 ge 16 le 24",
    "240s",
    "Mesh_10_0_0_2",
    "import-ipv4",
    "calico",
  ])
    assert.equal(scalarText(bare), bare);
});

test("lines are at most 120 characters long, where their parts are", () => {
  const out: string[] = [];
  const hops = Array.from({ length: 40 }, (_, i) => `10.0.0.${i}`);
  putValue(out, "    -", { match: { source: "bgp", nextHops: hops }, action: "reject" }, 4, "others");
  assert.ok(out.every((line) => line.length <= 120));
  assert.equal(out[0], "    # others");
  assert.deepEqual(parse(out.join("\n")), [{ match: { source: "bgp", nextHops: hops }, action: "reject" }]);
});

test("a comment is one line", () => assert.equal(oneLine("a\nb\r\u2028c"), "a b c"));

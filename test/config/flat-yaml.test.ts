import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseDocument } from "yaml";
import { readFlatYaml } from "../../src/config/flat-yaml.ts";
import { readYaml } from "../../src/config/yaml-source.ts";

/** As the whole language reads it, numbers as text. */
function wholly(text: string): unknown {
  const document = parseDocument(text, {
    customTags: (tags) => tags.filter((tag) => typeof tag === "string" || !/:(int|float)$/.test(tag.tag)),
    merge: true,
    stringKeys: true,
    logLevel: "error",
  });
  return document.errors.length > 0 ? undefined : document.toJS();
}

const piece = fc.constantFrom(
  ...[
    "name",
    "a1",
    "10.0.0.1",
    "fd00::1",
    "64512",
    "1.10",
    "007",
    "1e5",
    "0x1f",
    "true",
    "True",
    "false",
    "null",
    "Null",
  ],
  ...[
    "~",
    "y",
    "on",
    "-",
    "- ",
    ": ",
    ":",
    "#",
    " # x",
    '"',
    '"a b"',
    '"x: y # z"',
    "'q'",
    "\n",
    "\n\n",
    "# c\n",
    "{ a: b }",
  ],
  ...["  ", "\t", "é", "\\", "&a", "*a", "<<", "!!str", "---\n", "...\n", "?", ">=3", "|", "%", "\r", "key: value\n"],
);
const line = fc.tuple(
  fc.constantFrom("name", "asn", "a"),
  fc.constantFrom(": ", ":", " : "),
  piece,
  fc.constantFrom("\n", ""),
);
const good = fc
  .tuple(
    fc.constantFrom("a", "b", "name"),
    fc.constantFrom("x", "constructor", "toString", "10.0.0.1", "1e5", "true", "fd00::1", "-", "é", '"q # r"'),
  )
  .map(([key, value]) => `${key}: ${value}\n`);
const anyText = fc
  .array(
    fc.oneof(
      piece,
      line.map((parts) => parts.join("")),
      { arbitrary: good, weight: 4 },
    ),
    { maxLength: 5 },
  )
  .map((parts) => parts.join(""));

test("what is read as flat is what the whole language reads", () => {
  let read = 0;
  fc.assert(
    fc.property(anyText, (text) => {
      const flat = readFlatYaml(text);
      if (!flat) return;
      read++;
      assert.deepEqual({ ...flat.value }, wholly(text));
      assert.equal(flat.line, text.split("\n").findIndex((each) => /^[^#]/.test(each)) + 1);
    }),
    { numRuns: 20_000, seed: 1 },
  );
  assert.ok(read > 500, `${read} texts were flat`);
});

test("a peer file as it is generated is read as flat, with its lines", () => {
  const text = '# Node/n2\nname: Mesh_10_0_0_2\ngroup: mesh-ipv4\naddress: 10.0.0.2\ndisabled: "no key `a`: held"\n';
  assert.deepEqual(readFlatYaml(text), {
    value: { name: "Mesh_10_0_0_2", group: "mesh-ipv4", address: "10.0.0.2", disabled: "no key `a`: held" },
    line: 2,
  });
  const source = readYaml(text);
  assert.deepEqual([source.line([]), source.line(["address"]), source.keyLine(["group"])], [2, 4, 3]);
});

test("a key that stands twice is left to the whole language, which says so", () => {
  assert.match(readYaml("a: b\na: c\n").problems[0]!.message, /twice/);
});

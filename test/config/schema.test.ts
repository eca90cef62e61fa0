import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse as parseYaml } from "yaml";
import { configJsonSchema } from "../../src/config/json-schema.ts";
import { nearest } from "../../src/config/nearest.ts";
import { formatProblem, parseConfig } from "../../src/config/parse.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

type Json = { readonly [key: string]: unknown };

/** Mappings of the schema with their dotted place, lists and alternatives looked through. */
function mappings(schema: Json, path: string): [string, Json][] {
  const inner = [...((schema.anyOf as Json[] | undefined) ?? []), schema.items, schema.additionalProperties];
  const here = inner
    .filter((each): each is Json => typeof each === "object" && each !== null)
    .flatMap((each) => mappings(each, path));
  const properties = schema.properties as Readonly<Record<string, Json>> | undefined;
  if (!properties) return here;
  return [
    [path, schema],
    ...here,
    ...Object.entries(properties).flatMap(([key, each]) => mappings(each, `${path}.${key}`)),
  ];
}

describe("the JSON Schema", () => {
  const schema = configJsonSchema() as Json;
  const all = mappings(schema, "");
  test("describes every key, and allows no other", () => {
    assert.ok(all.length > 10);
    for (const [path, mapping] of all) {
      assert.equal(mapping.additionalProperties, false, path);
      for (const [key, value] of Object.entries(mapping.properties as Record<string, Json>))
        assert.equal(typeof value.description, "string", `${path}.${key}`);
    }
  });
  test("carries defaults", () => {
    const text = JSON.stringify(schema);
    for (const part of ['"default":"90s"', '"default":179', '"default":"accept"']) assert.ok(text.includes(part), part);
  });
  test("leaks no working notes of its making", () => {
    assert.ok(!/"(form|fallback|singleAllowed|short)"/.test(JSON.stringify(schema)));
  });
});

describe("documentation and examples", () => {
  const reference = readFileSync(join(ROOT, "docs/CONFIGURATION.md"), "utf8");
  test("the reference names every key", () => {
    const keys = new Set(
      mappings(configJsonSchema() as Json, "").flatMap(([, mapping]) => Object.keys(mapping.properties as object)),
    );
    const missing = [...keys].filter((key) => !new RegExp(`\`${key}\``).test(reference));
    assert.deepEqual(missing, []);
  });
  test("the YAML of the reference parses as a whole", () => {
    const blocks = [...reference.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1]!);
    assert.ok(blocks.length > 3);
    for (const block of blocks) assert.doesNotThrow(() => parseYaml(block));
    const files = blocks.map((text, i) => ({ path: `${i}.yaml`, text }));
    const result = parseConfig(files, { secrets: () => "key" });
    assert.deepEqual(result.ok ? result.warnings : result.problems, []);
  });
  const folder = join(ROOT, "examples");
  for (const entry of readdirSync(folder).filter((name) => name.endsWith(".yaml")))
    test(`examples/${entry} has neither faults nor warnings`, () => {
      const result = parseConfig([{ path: entry, text: readFileSync(join(folder, entry), "utf8") }]);
      assert.deepEqual((result.ok ? result.warnings : result.problems).map(formatProblem), []);
    });
});

describe("the nearest name", () => {
  const rows: readonly (readonly [string, string[], string | undefined])[] = [
    ["adress", ["address", "asn"], "address"],
    ["Address", ["address"], "address"],
    ["ans", ["asn", "name"], "asn"],
    ["xyz", ["address", "asn"], undefined],
    ["a", ["asn"], undefined],
    ["", ["asn"], undefined],
    ["to-tro", ["to-tor", "to-core"], "to-tor"],
  ];
  for (const [word, names, expected] of rows)
    test(`of ${word || "nothing"} is ${expected ?? "nothing"}`, () => assert.equal(nearest(word, names), expected));
});

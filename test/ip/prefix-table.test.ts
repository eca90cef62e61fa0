import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { FAMILIES, type Family, octetsOf } from "../../src/ip/address.ts";
import { createPrefixTable } from "../../src/ip/create-prefix-table.ts";
import { contains, formatPrefix, parsePrefix, prefixOf } from "../../src/ip/prefix.ts";
import type { PrefixTable } from "../../src/ip/prefix-table.ts";

function add(table: PrefixTable, text: string): number {
  const prefix = parsePrefix(text)!;
  return table.add(prefix.bytes, 0, prefix.length);
}

function find(table: PrefixTable, text: string): number {
  const prefix = parsePrefix(text)!;
  return table.find(prefix.bytes, 0, prefix.length);
}

function textOf(table: PrefixTable, row: number): string {
  const bytes = new Uint8Array(octetsOf(table.family));
  table.writeAddress(row, bytes, 0);
  return formatPrefix({ family: table.family, bytes, length: table.length(row) });
}

function match(table: PrefixTable, address: string, accept?: (row: number) => boolean, maxLength?: number): string {
  const length = 8 * octetsOf(table.family);
  const row = table.longestMatch(parsePrefix(`${address}/${length}`)!.bytes, 0, accept, maxLength);
  return row < 0 ? "none" : textOf(table, row);
}

describe("prefix table", () => {
  test("prefixes that share an address but not a length are different rows", () => {
    const table = createPrefixTable("ipv4", 100);
    const rows = Array.from({ length: 33 }, (_, length) => add(table, `0.0.0.0/${length}`));
    assert.equal(new Set(rows).size, 33);
    for (const [length, row] of rows.entries()) assert.equal(find(table, `0.0.0.0/${length}`), row);
  });

  test("a host route is not mistaken for the shorter prefix whose key has the same bits", () => {
    const table = createPrefixTable("ipv4", 10);
    for (const [shorter, host] of [
      ["0.0.0.0/0", "128.0.0.0/32"],
      ["10.0.0.0/8", "10.128.0.0/32"],
      ["10.0.0.0/31", "10.0.0.1/32"],
    ] as const) {
      const row = add(table, shorter);
      assert.equal(find(table, host), -1);
      assert.notEqual(add(table, host), row);
      assert.equal(find(table, shorter), row);
    }
  });

  test("bits beyond the length are ignored, and only the octets needed are read", () => {
    const table = createPrefixTable("ipv4", 10);
    const row = table.add(Uint8Array.of(9, 10, 0xff), 1, 9);
    assert.equal(textOf(table, row), "10.128.0.0/9");
    const six = createPrefixTable("ipv6", 10);
    assert.equal(textOf(six, six.add(Uint8Array.of(0x20, 0x01, 0x0d, 0xb8, 0xff), 0, 33)), "2001:db8:8000::/33");
  });

  test("the NLRI form is as long as the prefix needs", () => {
    const table = createPrefixTable("ipv4", 10);
    const out = new Uint8Array(8);
    for (const [text, nlri] of [
      ["0.0.0.0/0", [0]],
      ["10.0.0.0/8", [8, 10]],
      ["10.128.0.0/9", [9, 10, 128]],
      ["10.1.2.3/32", [32, 10, 1, 2, 3]],
    ] as const) {
      const end = table.writeNlri(add(table, text), out, 1);
      assert.deepEqual([...out.subarray(1, end)], nlri);
    }
  });

  test("at the bound nothing is added, and a removed row is used again", () => {
    for (const family of FAMILIES) {
      const table = createPrefixTable(family, 2);
      const [a, b, c] = family === "ipv4" ? ["1.0.0.0/8", "2.0.0.0/8", "3.0.0.0/8"] : ["1::/16", "2::/16", "3::/16"];
      const row = add(table, a!);
      add(table, b!);
      assert.equal(add(table, c!), -1);
      assert.equal(add(table, a!), row);
      table.remove(row);
      assert.equal(table.isLive(row), false);
      assert.equal(add(table, c!), row);
      assert.equal(table.size, 2);
    }
  });

  test("the owner's words are zero in a new row, also in one used before", () => {
    const table = createPrefixTable("ipv4", 4, 2);
    const row = add(table, "10.0.0.0/8");
    table.rows[row * table.stride + table.extraAt] = 7;
    table.rows[row * table.stride + table.extraAt + 1] = 8;
    table.remove(row);
    assert.equal(add(table, "11.0.0.0/8"), row);
    assert.equal(table.rows[row * table.stride + table.extraAt], 0);
    assert.equal(table.rows[row * table.stride + table.extraAt + 1], 0);
  });

  test("a length that the family does not have is not stored", () => {
    assert.equal(createPrefixTable("ipv4", 4).add(new Uint8Array(20), 0, 33), -1);
    assert.equal(createPrefixTable("ipv6", 4).add(new Uint8Array(20), 0, 129), -1);
    assert.equal(createPrefixTable("ipv4", 4).find(new Uint8Array(20), 0, 33), -1);
  });

  test("the longest match takes the most specific prefix that is accepted and not too long", () => {
    const table = createPrefixTable("ipv4", 10);
    for (const text of ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32"]) add(table, text);
    assert.equal(match(table, "10.1.2.3"), "10.1.2.3/32");
    assert.equal(match(table, "10.1.2.4"), "10.1.0.0/16");
    assert.equal(match(table, "10.2.2.4"), "10.0.0.0/8");
    assert.equal(match(table, "11.2.2.4"), "0.0.0.0/0");
    assert.equal(match(table, "10.1.2.3", undefined, 31), "10.1.0.0/16");
    assert.equal(
      match(table, "10.1.2.3", (row) => table.length(row) < 16),
      "10.0.0.0/8",
    );
    table.remove(find(table, "0.0.0.0/0"));
    assert.equal(match(table, "11.2.2.4"), "none");
  });
});

/** Few enough distinct prefixes that adds, removals and look-ups meet; lengths lean to the ends. */
function prefixes(family: Family) {
  const octets = octetsOf(family);
  const bits = 8 * octets;
  return fc
    .tuple(
      fc.uint8Array({ minLength: octets, maxLength: octets }).map((bytes) => bytes.map((octet) => octet & 0x81)),
      fc.oneof(fc.constantFrom(0, 1, 8, bits - 1, bits), fc.integer({ min: 0, max: bits })),
    )
    .map(([bytes, length]) => prefixOf({ family, bytes }, length));
}

for (const family of FAMILIES)
  test(`the ${family} table equals a Map after any adds and removals, longest match included`, () => {
    const step = fc.record({ remove: fc.boolean(), prefix: prefixes(family) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 600, minLength: 100 }), fc.array(prefixes(family)), (steps, probes) => {
        const table = createPrefixTable(family, 1000);
        const model = new Map<string, ReturnType<typeof prefixOf>>();
        for (const { remove, prefix } of steps) {
          const text = formatPrefix(prefix);
          const row = table.find(prefix.bytes, 0, prefix.length);
          assert.equal(row >= 0, model.has(text));
          if (row >= 0) assert.equal(textOf(table, row), text);
          if (!remove) {
            assert.equal(textOf(table, table.add(prefix.bytes, 0, prefix.length)), text);
            model.set(text, prefix);
          } else if (row >= 0) {
            table.remove(row);
            model.delete(text);
          }
        }
        assert.equal(table.size, model.size);
        for (const { bytes } of probes) {
          const covering = [...model.values()].filter((prefix) => contains(prefix, { family, bytes }));
          covering.sort((a, b) => b.length - a.length);
          const row = table.longestMatch(bytes, 0);
          assert.equal(row < 0 ? "none" : textOf(table, row), covering[0] ? formatPrefix(covering[0]) : "none");
        }
      }),
      { seed: 1, numRuns: 60 },
    );
  });

test("a hundred thousand prefixes are all found, and none is left after their removal", () => {
  const table = createPrefixTable("ipv4", 100_000);
  const bytes = new Uint8Array(4);
  const at = (i: number) => {
    bytes.set([i >> 16, i >> 8, i, 0]);
    return bytes;
  };
  for (let i = 0; i < 100_000; i++) assert.equal(table.add(at(i), 0, 24), i);
  for (let i = 0; i < 100_000; i++) assert.equal(table.find(at(i), 0, 24), i);
  for (let i = 0; i < 100_000; i += 2) table.remove(i);
  for (let i = 0; i < 100_000; i++) assert.equal(table.find(at(i), 0, 24), i % 2 === 0 ? -1 : i);
  for (let i = 1; i < 100_000; i += 2) table.remove(i);
  assert.equal(table.size, 0);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { createLineReader } from "../../src/io/datastore/kubernetes/lines.ts";

const STREAM = Buffer.from('{"a":"é"}\n\n{"b":"漢"}\n{"c"');

for (const octets of [1, 2, 3, 5, STREAM.length])
  test(`lines are whole from reads of ${octets} octets, and what has no end is held back`, () => {
    const lines: string[] = [];
    const reader = createLineReader(
      (line) => lines.push(line),
      100,
      () => new Error("too long"),
    );
    for (let at = 0; at < STREAM.length; at += octets) reader.push(STREAM.subarray(at, at + octets));
    assert.deepEqual(lines, ['{"a":"é"}', '{"b":"漢"}']);
    reader.push(Buffer.from("}\n"));
    assert.deepEqual(lines.at(-1), '{"c"}');
  });

test("a line beyond the bound is refused before it ends", () => {
  const reader = createLineReader(
    () => undefined,
    10,
    () => new Error("too long"),
  );
  reader.push(Buffer.from("0123456789"));
  assert.throws(() => reader.push(Buffer.from("0")), /too long/);
});

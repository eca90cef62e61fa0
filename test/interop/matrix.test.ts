import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { matrixTable, ROWS } from "../../interop/matrix.ts";

/** dist/test/interop/ → the checkout. */
const CHECKOUT = fileURLToPath(new URL("../../..", import.meta.url));

/** Tests of the laboratory itself, and of servers that are no speakers. */
const NO_SCENARIOS = ["kube-apiserver", "lab", "matrix", "requires"];

test("docs/INTEROP.md has the table of who is met in which scenario, as `npm run interop -- --table` prints it", () => {
  const shown = readFileSync(`${CHECKOUT}/docs/INTEROP.md`, "utf8");
  assert.ok(shown.includes(`\n${matrixTable()}\n`), matrixTable());
});

test("every file of scenarios has a row in the table, and every row a file", () => {
  const files = readdirSync(`${CHECKOUT}/test/interop`).flatMap((name) => /^(.*)\.test\.ts$/.exec(name)?.[1] ?? []);
  const named = new Set<string>(Object.values(ROWS).map((row) => row.file));
  assert.deepEqual(
    files.filter((file) => !named.has(file) && !NO_SCENARIOS.includes(file)),
    [],
  );
  for (const file of named) assert.ok(existsSync(`${CHECKOUT}/test/interop/${file}.test.ts`), file);
});

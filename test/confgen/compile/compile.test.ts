import assert from "node:assert/strict";
import { test } from "node:test";
import { compile } from "../../../src/confgen/compile/compile.ts";
import { formatProblem, parseConfig } from "../../../src/config/parse.ts";
import { inputOf, node } from "../resource-builders.ts";

test("a mesh of three nodes", () => {
  const input = inputOf([
    node("n1", { ipv4: "10.0.0.1/24", ipv6: "fd00::1/64" }),
    node("n2", { ipv4: "10.0.0.2/24", ipv6: "fd00::2/64" }),
    node("n3", { ipv4: "10.0.0.3/24" }),
  ]);
  const { generation, findings } = compile(input);
  assert.ok(generation);
  if (process.env.SHOW) for (const { path, text } of generation.files) console.log(`--- ${path}\n${text}`);
  const parsed = parseConfig(generation.files);
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.problems.map(formatProblem).join("\n"));
  assert.deepEqual(parsed.warnings, []);
  assert.deepEqual(findings, []);
});

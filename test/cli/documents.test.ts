import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { parseConfig } from "../../src/config/parse.ts";
import { call } from "./program.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

describe("the documents", () => {
  it("show a first configuration that is good, without a warning", () => {
    const blocks = [...read("README.md").matchAll(/```yaml\n([\s\S]*?)```/g)];
    assert.equal(blocks.length, 1);
    const parsed = parseConfig([{ path: "README.md", text: blocks[0]![1]! }]);
    assert.deepEqual(parsed.ok ? parsed.warnings : parsed.problems, []);
  });

  it("name every command, and no other", async () => {
    const words = async (...args: string[]) =>
      (await call(["--get-completions", "calidris", ...args, ""], { env: { SHELL: "/bin/bash" } })).stdout
        .trim()
        .split("\n");
    const real = [
      ...(await words()).filter((word) => !["show", "explain", "policy"].includes(word)),
      ...(await words("show")).map((word) => `show ${word}`),
      ...(await words("explain")).map((word) => `explain ${word}`),
      ...(await words("policy")).map((word) => `policy ${word}`),
    ];
    const [, commands] = /## Commands\n([\s\S]*?)\n## /.exec(read("docs/CLI.md"))!;
    const rows = [...commands!.matchAll(/^\| `((?:show |explain |policy )?[a-z]+)/gm)].map((match) => match[1]!);
    assert.deepEqual([...new Set(rows)].toSorted(), real.toSorted());
  });

  it("name only sources and tests that exist", () => {
    const names = [...read("docs/rfc.md").matchAll(/`([a-z0-9/-]+\.ts)`/g)].map((match) => match[1]!);
    const missing = names.filter((name) => !["src", "test"].some((folder) => existsSync(join(root, folder, name))));
    assert.deepEqual(missing, []);
  });

  it("link only to files that exist", () => {
    const documents = readdirSync(join(root, "docs")).map((name) => `docs/${name}`);
    for (const file of ["README.md", "bench/README.md", ...documents])
      for (const [, target] of read(file).matchAll(/\]\(([^)#]+)\)/g)) {
        if (!target!.includes("://")) assert.ok(existsSync(join(root, dirname(file), target!)), `${file}: ${target}`);
      }
  });
});

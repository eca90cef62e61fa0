import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
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
      ...(await words()).filter((word) => word !== "show" && word !== "explain"),
      ...(await words("show")).map((word) => `show ${word}`),
      ...(await words("explain")).map((word) => `explain ${word}`),
    ];
    const rows = [...read("docs/CLI.md").matchAll(/^\| `((?:show |explain )?[a-z]+)/gm)].map((match) => match[1]!);
    assert.deepEqual([...new Set(rows)].toSorted(), real.toSorted());
  });

  it("link only to files that exist", () => {
    for (const file of ["README.md", "docs/CLI.md"])
      for (const [, target] of read(file).matchAll(/\]\(([^)#]+)\)/g)) {
        if (!target!.includes("://")) read(join(dirname(file), target!));
      }
  });
});

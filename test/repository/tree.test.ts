import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";

/** Files that the repository holds, or would hold. */
function files(): string[] {
  const listed = spawnSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { encoding: "utf8" });
  return listed.stdout.split("\n").filter((file) => file !== "");
}

test("the tree is formatted, and lints clean", () => {
  const biome = spawnSync("node_modules/.bin/biome", ["check", "--max-diagnostics=20", "."], { encoding: "utf8" });
  assert.equal(biome.status, 0, biome.stdout + biome.stderr);
});

test("no file names a registry's host", () => {
  const lock = readFileSync("package-lock.json", "utf8");
  assert.doesNotMatch(lock, /"resolved"/);
  const npmrc = readFileSync(".npmrc", "utf8");
  assert.doesNotMatch(npmrc, /^registry/m);
});

test("no file carries a path of the machine it was written on, or a left-over mark", () => {
  const marks = new RegExp(["/wo" + "rk/", "TO" + "DO", "FIX" + "ME", "<<<<" + "<<<"].join("|"));
  const bad = files()
    .filter((file) => /\.(ts|js|md|json|yaml|c|sh)$/.test(file) && file !== "package-lock.json")
    .filter((file) => marks.test(readFileSync(file, "utf8")));
  assert.deepEqual(bad, []);
});

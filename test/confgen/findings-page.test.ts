/** docs/CONFGEN.md lists the codes of findings that the compiler gives, and no others. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const FOLDER = "src/confgen/compile";

test("each code of a finding is explained, and each that is explained is given", () => {
  const sources = readdirSync(FOLDER).map((name) => readFileSync(`${FOLDER}/${name}`, "utf8"));
  const given = new Set<string>();
  for (const source of sources) {
    for (const [, code] of source.matchAll(/\bcode: "([a-z-]+)"/g)) given.add(code!);
    for (const [, code] of source.matchAll(/\bsaid\(\s*"([a-z-]+)"/g)) given.add(code!);
  }
  const page = readFileSync("docs/CONFGEN.md", "utf8");
  const explained = [...page.matchAll(/^\| `([a-z-]+)` +\| (?:error|warning)/gm)].map(([, code]) => code!);
  assert.deepEqual([...explained].sort(), [...given].sort());
});

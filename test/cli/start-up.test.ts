import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { call } from "./program.ts";

/** Writes the name of every package that is loaded to standard error. */
const TELL = `
import { writeSync } from "node:fs";
export async function load(url, context, next) {
  const found = /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url);
  if (found) writeSync(2, "loads " + found[1] + "\\n");
  return next(url, context);
}`;
const REGISTER = `import { register } from "node:module"; register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(TELL)}`)});`;
const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(REGISTER)}` };

async function loaded(...args: string[]): Promise<Set<string>> {
  const { stderr } = await call(args, { env });
  return new Set([...stderr.matchAll(/^loads (.*)$/gm)].map((match) => match[1]!));
}

describe("start-up", () => {
  const heavy = ["zod", "koffi", "chokidar", "pino", "yaml", "binary-parser"];

  for (const line of ["--version", "show peers", "show routes", "explain peer a", "completion bash"])
    it(`of \`${line}\` loads none of the packages of the daemon`, async () => {
      const packages = await loaded(...line.split(" "), ...(line.startsWith("show") ? ["--socket", "/nowhere"] : []));
      assert.ok(packages.has("yargs"), "the probe sees what is loaded");
      assert.deepEqual(
        heavy.filter((name) => packages.has(name)),
        [],
      );
    });

  it("of `check` loads no native code", async () => {
    const packages = await loaded("check", "/nowhere");
    assert.ok(packages.has("zod"));
    assert.equal(packages.has("koffi"), false);
  });
});

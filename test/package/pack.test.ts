import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
/** Compiled, this file stands in dist/test/package. */
const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };

describe("the npm package", () => {
  const folder = mkdtempSync(join(tmpdir(), "calidris-pack-"));
  const app = join(folder, "app");
  const installed = join(app, "node_modules", "calidris");
  let packed: string[] = [];

  before(async () => {
    const pack = await run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], { cwd: root });
    const [archive] = JSON.parse(pack.stdout) as { filename: string; files: { path: string }[] }[];
    packed = archive!.files.map((file) => file.path);
    mkdirSync(app);
    writeFileSync(join(app, "package.json"), '{"private":true}\n');
    const options = ["--prefer-offline", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--no-save"];
    await run("npm", ["install", "--prefix", app, ...options, join(folder, archive!.filename)], { cwd: app });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("holds the compiled sources, the schema, documents and examples, and nothing else", () => {
    const expected = /^(dist\/(src|schema)\/|docs\/.*\.md$|examples\/.*\.yaml$|package\.json$|README|LICENSE)/;
    const left = packed.filter((path) => !expected.test(path) || /\.tsbuildinfo$|\.d\.ts$/.test(path));
    assert.deepEqual(left, []);
    for (const path of ["dist/src/cli/main.js", "dist/schema/config.schema.json", "LICENSE", "examples/tor.yaml"])
      assert.ok(packed.includes(path), `${path} is missing from the package`);
  });

  it("installs a command that says its version", async () => {
    const command = join(app, "node_modules", ".bin", "calidris");
    assert.ok(existsSync(command), "the package brings no calidris command");
    const { stdout } = await run(command, ["--version"], { cwd: app });
    assert.match(stdout, new RegExp(`\\b${manifest.version.replaceAll(".", "\\.")}\\b`));
  });

  it("offers the JSON Schema to others, and no library", async () => {
    const evaluate = (code: string) => run(process.execPath, ["--input-type=module", "-e", code], { cwd: app });
    const schema = `import s from "calidris/schema.json" with { type: "json" }; process.stdout.write(typeof s.$schema)`;
    assert.equal((await evaluate(schema)).stdout, "string");
    for (const path of ["calidris", "calidris/dist/src/cli/main.js", "calidris/package.json"])
      await assert.rejects(evaluate(`await import(${JSON.stringify(path)})`), /ERR_PACKAGE_PATH_NOT_EXPORTED/);
  });

  it("installs no tool that only development needs", () => {
    for (const name of ["typescript", "fast-check", "@biomejs"])
      assert.equal(existsSync(join(app, "node_modules", name)), false, `${name} was installed`);
    assert.ok(existsSync(installed));
  });
});

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** A command that hangs is ended, and the test says which it was. */
const run = (file: string, args: readonly string[], options: { readonly cwd: string }) =>
  promisify(execFile)(file, args, { ...options, timeout: 300_000, maxBuffer: 64 << 20 });
/** Compiled, this file stands in dist/test/package. */
const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");
const read = (file: string) => JSON.parse(readFileSync(join(root, file), "utf8"));
const manifest = read("package.json") as { version: string; bin: object; dependencies: object };

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

describe("the npm package", () => {
  const folder = mkdtempSync(join(tmpdir(), "calidris-pack-"));
  const app = join(folder, "app");
  const installed = join(app, "node_modules", "calidris");
  let packed: string[] = [];

  async function pack(...folders: string[]): Promise<Packed[]> {
    const options = ["--json", "--ignore-scripts", "--offline", "--pack-destination", folder];
    return JSON.parse((await run("npm", ["pack", ...options, ...folders], { cwd: root })).stdout) as Packed[];
  }

  /** An application that depends on the archive alone, with the lock file's versions of what that needs in turn. */
  async function writeApp(archive: string): Promise<void> {
    const { dependencies, bin, version } = manifest;
    const locked = read("package-lock.json").packages as Record<string, { dev?: true; integrity?: string }>;
    const needed = Object.entries(locked).filter(([path, entry]) => path !== "" && entry.dev !== true);
    // Packed from what this checkout runs on, so that no registry is asked; what is not here is for another platform.
    const present = needed.filter(([path]) => existsSync(join(root, path, "package.json")));
    const archives = await pack(...present.map(([path]) => realpathSync(join(root, path))));
    const local = present.map(([path, { integrity: _, ...entry }], index) => {
      return [path, { ...entry, resolved: `file:../${archives[index]!.filename}` }];
    });
    const wanted = { dependencies: { calidris: `file:../${archive}` } };
    const own = { version, bin, dependencies, resolved: `file:../${archive}` };
    const packages = { "": wanted, "node_modules/calidris": own, ...Object.fromEntries([...needed, ...local]) };
    mkdirSync(app);
    writeFileSync(join(app, "package.json"), JSON.stringify({ private: true, ...wanted }));
    writeFileSync(join(app, "package-lock.json"), JSON.stringify({ lockfileVersion: 3, requires: true, packages }));
  }

  before(async () => {
    const [archive] = await pack();
    packed = archive!.files.map((file) => file.path);
    await writeApp(archive!.filename);
    const options = ["--offline", "--cache", join(folder, "cache"), "--ignore-scripts", "--omit=dev"];
    await run("npm", ["ci", ...options, "--no-audit", "--no-fund", "--no-update-notifier"], { cwd: app });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("holds the compiled sources, the schema, documents and examples, and nothing else", () => {
    const expected = /^(dist\/(src|schema)\/|docs\/.*\.(md|yaml)$|examples\/.*\.yaml$|package\.json$|README|LICENSE)/;
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

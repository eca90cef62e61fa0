import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");

/** A small checkout with this one's scripts and packages. */
function checkout(t: TestContext, tests: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "calidris-scripts-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(join(root, "scripts"), join(folder, "scripts"), { recursive: true });
  for (const file of ["package.json", "package-lock.json", "tsconfig.base.json"])
    copyFileSync(join(root, file), join(folder, file));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "tsconfig.json"), '{ "files": [], "references": [{ "path": "./test" }] }');
  const options = '"compilerOptions": { "types": ["node"] }';
  mkdirSync(join(folder, "test", "ip"), { recursive: true });
  writeFileSync(
    join(folder, "test", "tsconfig.json"),
    `{ "extends": "../tsconfig.base.json", "include": ["**/*.ts"], ${options} }`,
  );
  for (const [name, text] of Object.entries(tests)) writeFileSync(join(folder, "test", name), text);
  return folder;
}

function begin(folder: string, args: readonly string[], more: Readonly<Record<string, string>> = {}) {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env; // else the inner runner would speak to the outer one
  return spawn(process.execPath, ["scripts/run.js", ...args], {
    cwd: folder,
    env: { ...env, NODE_ENV: "production", CALIDRIS_CACHE: join(folder, ".cache"), ...more },
  });
}

async function finished(child: ReturnType<typeof begin>): Promise<{ code: number | null; text: string }> {
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => {
      text += chunk;
    });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, text };
}

const run = (folder: string, ...args: string[]) => finished(begin(folder, args));

const passing = 'import { it } from "node:test";\nit("passes", () => undefined);\n';
const failing = 'import { it } from "node:test";\nit("fails", () => { throw new Error("as it should"); });\n';

describe("scripts/run.js", () => {
  it("builds, runs the tests and ends with node's summary", async (t) => {
    const folder = checkout(t, { "a.test.ts": passing, "ip/b.test.ts": passing });
    const { code, text } = await run(folder, "test");
    assert.equal(code, 0, text);
    assert.match(text, /tests 2\n(.*\n)*.*pass 2\n(.*\n)*.*fail 0\n(.*\n)*.*duration_ms [\d.]+\n$/);
    assert.match((await run(folder, "test:unit")).text, /tests 1\n/);
    assert.match((await run(folder, "test", "test/a.test.ts")).text, /tests 1\n/);
  });

  it("fails with a failing test, with a source that does not compile, and where nothing matches", async (t) => {
    const folder = checkout(t, { "a.test.ts": failing });
    const failed = await run(folder, "test");
    assert.equal(failed.code, 1);
    assert.match(failed.text, /as it should/);
    assert.equal((await run(folder, "test", "no-such")).code, 1);
    writeFileSync(join(folder, "test", "a.test.ts"), "const n: number = '';\n");
    const broken = await run(folder, "test");
    assert.equal(broken.code, 1);
    assert.match(broken.text, /a\.test\.ts\(1,7\)/);
  });

  it("does not run what was compiled from a source that is gone", async (t) => {
    const folder = checkout(t, { "a.test.ts": passing, "old.test.ts": failing });
    assert.equal((await run(folder, "test")).code, 1);
    rmSync(join(folder, "test", "old.test.ts"));
    const { code, text } = await run(folder, "test");
    assert.equal(code, 0, text);
    assert.equal(existsSync(join(folder, "dist", "test", "old.test.js")), false);
  });

  it("lets runs of one checkout wait for each other, and takes no notice of what a dead one left", async (t) => {
    const folder = checkout(t, { "a.test.ts": passing });
    mkdirSync(join(folder, ".cache"));
    const lock = join(folder, ".cache", "build.lock");
    writeFileSync(lock, "4194305"); // above the largest process id
    // Held by us until a run says that it waits: no run begins to build before.
    const holder = spawn("flock", ["--exclusive", lock, "sh", "-c", "echo held; cat"]);
    t.after(() => holder.kill());
    await once(holder.stdout, "data");
    const waiting: Promise<unknown>[] = [];
    const runs = [1, 2, 3].map(() => {
      const child = begin(folder, ["test"]);
      waiting.push(Promise.race([once(child.stderr, "data"), once(child, "exit")]));
      return finished(child);
    });
    await Promise.all(waiting);
    assert.equal(existsSync(join(folder, "dist")), false);
    holder.stdin.end();
    for (const { code, text } of await Promise.all(runs)) {
      assert.equal(code, 0, text);
      assert.match(text, /^Waiting for process 4194305, /);
    }
    assert.equal((await run(folder, "test")).code, 0);
  });

  it("gives tests a temporary folder that goes with the run, also with one that is ended", async (t) => {
    const leaves = `import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { it } from "node:test";
it("leaves a folder", () => console.log("left", mkdtempSync(tmpdir() + "/left-")));
it("ends", () => new Promise((resolve) => setTimeout(resolve, process.env.STAYS === "1" ? 600_000 : 0)));
`;
    const folder = checkout(t, { "a.test.ts": leaves });
    const temporary = join(folder, "tmp");
    mkdirSync(temporary);
    const done = await finished(begin(folder, ["test"], { TMPDIR: temporary }));
    assert.equal(done.code, 0, done.text);
    assert.match(done.text, new RegExp(`left ${temporary}/calidris-run-\\w+/left-`));
    assert.deepEqual(readdirSync(temporary), []);
    const ended = begin(folder, ["test"], { TMPDIR: temporary, STAYS: "1" });
    const closed = finished(ended);
    let text = "";
    await new Promise<void>((resolve) => {
      ended.once("exit", () => resolve());
      ended.stdout.on("data", (chunk) => {
        text += chunk;
        if (text.includes("left ")) resolve();
      });
    });
    assert.notDeepEqual(readdirSync(temporary), []);
    ended.kill("SIGTERM");
    assert.notEqual((await closed).code, 0);
    assert.deepEqual(readdirSync(temporary), []);
  });

  it("names its commands when it is asked for another, and what is missing when it is not built", async (t) => {
    const folder = checkout(t, { "a.test.ts": passing });
    assert.match((await run(folder, "dance")).text, /^Usage: .*test\|test:unit\|demo/);
    const bench = await run(folder, "bench");
    assert.equal(bench.code, 1);
    assert.match(bench.text, /dist\/bench\/main\.js was not built/);
  });
});

import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import type { GeneratedFile } from "../../src/confgen/generation.ts";
import { type GenerationsOptions, openGenerations } from "../../src/io/system/generations.ts";
import { temporaryFolder } from "./folder.ts";

const file = (path: string, text: string, secret = false): GeneratedFile => ({ path, text, secret });
const stamped = (stamp: string, paths: readonly string[]) => paths.map((path) => file(path, stamp));
const PATHS = ["groups.yaml", "peers/a.yaml", "peers/b.yaml", "peers/c.yaml", "router.yaml"];

async function opened(t: TestContext, out: string, options: GenerationsOptions = {}) {
  const generations = await openGenerations(out, options);
  t.after(() => generations.close());
  return generations;
}

/** What `current` holds now, by path. */
function current(out: string): Record<string, string> {
  const folder = realpathSync(join(out, "current"));
  const names = readdirSync(folder, { recursive: true, withFileTypes: true });
  const paths = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(paths.sort().map((path) => [path.slice(folder.length + 1), readFileSync(path, "utf8")]));
}

const asRecord = (files: readonly GeneratedFile[]) => Object.fromEntries(files.map(({ path, text }) => [path, text]));

describe("generations", () => {
  it("come into force as a whole, and what a file system holds of the last one is read at the next start", async (t) => {
    const out = join(temporaryFolder(t), "deep", "out");
    const first = await openGenerations(out);
    assert.deepEqual(first.previous, []);
    const files = [file("peers/a.yaml", "secret", true), file("router.yaml", "router")];
    assert.deepEqual(await first.write(files), {
      number: 1,
      isNew: true,
      written: ["peers/a.yaml", "router.yaml"],
      removed: [],
    });
    await first.close();
    assert.deepEqual((await opened(t, out)).previous, files);
  });

  it("are not written where nothing differs, even by another process later", async (t) => {
    const out = temporaryFolder(t);
    const first = await openGenerations(out);
    await first.write(stamped("1", PATHS));
    assert.equal((await first.write(stamped("1", PATHS))).isNew, false);
    await first.close();
    const inode = statSync(join(out, "current", "router.yaml")).ino;
    const second = await opened(t, out);
    assert.deepEqual(await second.write(stamped("1", PATHS)), { number: 1, isNew: false, written: [], removed: [] });
    assert.equal(statSync(join(out, "current", "router.yaml")).ino, inode);
  });

  it("share unchanged files as hard links, through any number of generations", async (t) => {
    const out = temporaryFolder(t);
    const generations = await opened(t, out);
    const inodes = new Set<number>();
    for (let i = 1; i <= 8; i++) {
      await generations.write([
        ...stamped(`${i}`, ["peers/a.yaml"]),
        ...stamped("same", ["peers/b.yaml", "router.yaml"]),
      ]);
      inodes.add(statSync(join(out, "current", "peers", "b.yaml")).ino);
      assert.equal(current(out)["peers/a.yaml"], `${i}`);
    }
    assert.equal(inodes.size, 1);
  });

  it("keep the last two beside the current one, unchanged", async (t) => {
    const out = temporaryFolder(t);
    const generations = await opened(t, out);
    for (let i = 1; i <= 6; i++) await generations.write(stamped(`${i}`, PATHS));
    assert.deepEqual(readdirSync(join(out, "generations")).sort(), ["4", "5", "6"]);
    for (const number of ["4", "5", "6"])
      assert.equal(readFileSync(join(out, "generations", number, "peers", "a.yaml"), "utf8"), number);
  });

  it("hold passwords in files that their owner alone reads, whatever the umask", async (t) => {
    const out = temporaryFolder(t);
    const before = process.umask(0);
    t.after(() => process.umask(before));
    const generations = await opened(t, out);
    const mode = (path: string) => statSync(join(out, "current", path)).mode & 0o777;
    await generations.write([file("a.yaml", "x", true), file("b.yaml", "x"), file("peers/c.yaml", "x")]);
    assert.deepEqual([mode("a.yaml"), mode("b.yaml"), mode("peers"), mode("")], [0o600, 0o640, 0o750, 0o750]);
    // The same text may stand in a file that had no secret before.
    assert.deepEqual((await generations.write([file("a.yaml", "x"), file("b.yaml", "x", true)])).written, [
      "a.yaml",
      "b.yaml",
    ]);
    assert.deepEqual([mode("a.yaml"), mode("b.yaml")], [0o640, 0o600]);
  });

  it("have one writer", async (t) => {
    const out = temporaryFolder(t);
    const first = await openGenerations(out);
    await assert.rejects(openGenerations(out), new RegExp(`another process \\(${process.pid}\\) writes there`));
    await first.close();
    await opened(t, out);
  });

  it("leave the lock to another writer only when what is being written is written", async (t) => {
    const out = temporaryFolder(t);
    const generations = await openGenerations(out);
    const written = generations.write(stamped("1", PATHS));
    await generations.close();
    assert.deepEqual(current(out), asRecord(stamped("1", PATHS)));
    await written;
  });

  it("are not made where `current` is somebody else's", async (t) => {
    const [directory, link] = [temporaryFolder(t), temporaryFolder(t)];
    mkdirSync(join(directory, "current"));
    await assert.rejects(openGenerations(directory), /current is not a symbolic link: move it away/);
    symlinkSync("/etc", join(link, "current"));
    await assert.rejects(openGenerations(link), /leads to \/etc, which is no generation/);
  });

  it("are not made where there is something else, of which nothing is touched", async (t) => {
    const [link, others] = [temporaryFolder(t), temporaryFolder(t)];
    symlinkSync("/etc", join(link, "current"));
    await assert.rejects(openGenerations(link), /is no generation/);
    assert.deepEqual(readdirSync(link), ["current"]);
    mkdirSync(join(others, "generations", "7"), { recursive: true });
    await assert.rejects(openGenerations(others), /generations holds something else \(7\): give another folder/);
    assert.deepEqual(readdirSync(join(others, "generations")), ["7"]);
    assert.deepEqual(readdirSync(others), ["generations"]);
  });

  it("say which folder cannot be made, and why", async (t) => {
    const out = temporaryFolder(t);
    writeFileSync(join(out, "file"), "");
    await assert.rejects(openGenerations(join(out, "file")), /file.generations: .* what is above it is no folder/);
    // Here Node's own way to make folders one below the other does not end.
    await assert.rejects(openGenerations("/proc/none/of/these"), /\/proc\/none: .* takes no folders/);
  });

  it("begin anew where `current` leads nowhere", async (t) => {
    const out = temporaryFolder(t);
    await (await openGenerations(out)).close();
    symlinkSync("generations/7", join(out, "current"));
    const generations = await opened(t, out);
    assert.deepEqual(generations.previous, []);
    await generations.write(stamped("1", PATHS));
    assert.deepEqual(current(out), asRecord(stamped("1", PATHS)));
  });

  it("leave the last one in force when a write fails, and the next write is whole", async (t) => {
    const out = temporaryFolder(t);
    const generations = await opened(t, out);
    for (const stamp of ["1", "2", "3", "4"]) await generations.write(stamped(stamp, PATHS));
    // A folder stands where a file is wanted.
    await assert.rejects(generations.write([...stamped("5", PATHS), file("router.yaml/x", "5")]));
    assert.deepEqual(current(out), asRecord(stamped("4", PATHS)));
    await generations.write(stamped("6", PATHS));
    assert.deepEqual(current(out), asRecord(stamped("6", PATHS)));
  });
});

describe("a fault of the file system", () => {
  const paths = ["groups.yaml", "peers/a.yaml"];
  const states = ["1", "2", "3", "4"].map((stamp) => stamped(stamp, paths));
  const last = stamped("last", paths);

  /** False: there are fewer steps. */
  async function failsOnce(t: TestContext, step: number): Promise<boolean> {
    const out = temporaryFolder(t);
    let steps = 0;
    const onStep = (name: string) => {
      if (++steps === step) throw new Error(`no space left: ${name}`);
    };
    const generations = await opened(t, out, { onStep });
    for (const state of states) await generations.write(state).catch(() => undefined);
    if (steps < step) return false;
    await generations.write(last);
    assert.deepEqual(current(out), asRecord(last), `after a fault at step ${step}`);
    assert.ok(readdirSync(join(out, "generations")).length <= 3);
    return true;
  }

  it("at any one step does not keep the same process from writing the next generation", async (t) => {
    for (let step = 1; await failsOnce(t, step); step++);
  });
});

describe("a crash", () => {
  /** Few of many stay as they are, some change, some come and go. */
  const states = [1, 2, 3, 4, 5, 6].map((i) => [
    ...stamped(`${i}`, ["groups.yaml", "router.yaml"]),
    ...stamped("same", ["peers/a.yaml", "peers/b.yaml"]),
    ...stamped(`${i}`, i % 2 === 0 ? ["peers/c.yaml"] : ["peers/d.yaml", "peers/e.yaml"]),
  ]);

  async function crashAt(t: TestContext, step: number): Promise<boolean> {
    const out = temporaryFolder(t);
    let steps = 0;
    const generations = await openGenerations(out, {
      onStep: (name) => {
        if (++steps === step) throw new Error(`crash before: ${name}`);
      },
    });
    let reached = 0;
    let crashed = false;
    try {
      for (const state of states) {
        await generations.write(state);
        reached++;
      }
    } catch {
      crashed = true;
    }
    await generations.close();
    const before = reached === 0 ? undefined : asRecord(states[reached - 1]!);
    const after = crashed ? asRecord(states[reached]!) : before;
    const found = existsSync(join(out, "current")) ? current(out) : undefined;
    if (!isDeepStrictEqual(found, after)) assert.deepEqual(found, before, `after ${step} steps`);
    // The next process finds what was in force, writes on, and leaves nothing behind.
    const next = await opened(t, out);
    assert.deepEqual(next.previous.length > 0 ? asRecord(next.previous) : undefined, found);
    await next.write(states.at(-1)!);
    await next.write(states[0]!);
    assert.deepEqual(current(out), asRecord(states[0]!));
    const names = readdirSync(join(out, "generations"));
    assert.ok(names.length <= 3 && names.every((name) => /^\d+$/.test(name)), names.join());
    assert.deepEqual(readdirSync(out).sort(), [".lock", "current", "generations"]);
    return crashed;
  }

  it("between any two steps leaves the generation before or the one after, whole", async (t) => {
    let step = 1;
    while (await crashAt(t, step)) step++;
    assert.ok(step > 40, `${step} steps`);
  });

  it("of the process, killed while it writes as fast as it can, leaves one that is whole", async (t) => {
    const out = temporaryFolder(t);
    for (let round = 0; round < 6; round++) {
      const child = helper("write", out);
      await once(child, "message"); // the first generation is there
      for (let i = 0; i < round * 3; i++) await once(child, "message");
      child.kill("SIGKILL");
      await once(child, "exit");
      assert.equal(new Set(Object.values(current(out))).size, 1);
      assert.equal(Object.keys(current(out)).length, 20);
    }
  });
});

describe("a reader", () => {
  it("never sees a mix of two, while 200 generations come into force", async (t) => {
    const out = temporaryFolder(t);
    const generations = await opened(t, out);
    const paths = [...PATHS, ...Array.from({ length: 15 }, (_, i) => `peers/p${i}.yaml`)];
    await generations.write(stamped("0", paths));
    const reader = helper("read", out);
    t.after(() => reader.kill());
    await once(reader, "message");
    for (let i = 1; i <= 200; i++) await generations.write(stamped(`${i}`, paths));
    reader.send("end");
    const [outcome] = (await once(reader, "message")) as [{ looks: number; seen: number; mixed: string[] }];
    assert.deepEqual(outcome.mixed, []);
    assert.ok(outcome.seen >= 2, `${outcome.seen} generations in ${outcome.looks} looks`);
  });

  it("finds what it began to read two switches later", async (t) => {
    const out = temporaryFolder(t);
    const generations = await opened(t, out);
    await generations.write(stamped("1", PATHS));
    const folder = realpathSync(join(out, "current"));
    await generations.write(stamped("2", PATHS));
    await generations.write(stamped("3", PATHS));
    assert.equal(readFileSync(join(folder, "peers", "c.yaml"), "utf8"), "1");
    assert.equal(readlinkSync(join(out, "current")), "generations/3");
  });
});

/** Another process that reads, or writes, without an end. */
function helper(role: "read" | "write", out: string): ChildProcess {
  return fork(fileURLToPath(new URL("generation-process.js", import.meta.url)), [role, out], { stdio: "inherit" });
}

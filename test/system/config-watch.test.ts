import assert from "node:assert/strict";
import { appendFileSync, chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { type ConfigFile, type FileProblem, readConfigFiles } from "../../src/io/system/config-files.ts";
import { type ConfigWatchOptions, watchConfig } from "../../src/io/system/config-watch.ts";
import { temporaryFolder } from "./folder.ts";

/** A watch whose reports are awaited one by one. */
async function observe(t: TestContext, path: string, options: Partial<ConfigWatchOptions> = {}) {
  const sets: (readonly ConfigFile[])[] = [];
  const problems: (readonly FileProblem[])[] = [];
  let wake: () => void = () => undefined;
  const watch = await watchConfig(path, {
    settleMs: 10,
    onChange: (files) => {
      sets.push(files);
      wake();
    },
    onProblem: (list) => {
      problems.push(list);
      wake();
    },
    ...options,
  });
  t.after(() => watch.close());
  const next = async <T>(list: T[]): Promise<T> => {
    while (list.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return list.shift()!;
  };
  const texts = async () => Object.fromEntries((await next(sets)).map((file) => [file.path, file.text]));
  return { watch, sets, problems, texts, problem: () => next(problems) };
}

describe("readConfigFiles", () => {
  it("reads a directory's own and its peers' YAML files in order, and nothing hidden or other", async (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, "peers"));
    mkdirSync(join(folder, "other"));
    for (const name of ["b.yaml", "a.yaml", "peers/c.yaml", ".#a.yaml", "a.yaml~", "x.txt", "other/d.yaml"])
      writeFileSync(join(folder, name), name);
    const { files, problems } = await readConfigFiles(folder);
    assert.deepEqual(
      files.map((file) => file.text),
      ["a.yaml", "b.yaml", "peers/c.yaml"],
    );
    assert.deepEqual(problems, []);
  });

  it("says what cannot be read, and why", async (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, "dir.yaml"));
    symlinkSync("nowhere", join(folder, "gone.yaml"));
    symlinkSync("loop.yaml", join(folder, "loop.yaml"));
    const { problems } = await readConfigFiles(folder);
    assert.deepEqual(
      problems.map(({ path, message }) => [path.slice(folder.length + 1), message.replace(/: ELOOP.*/, ": ELOOP")]),
      [
        ["dir.yaml", "cannot read the file: it is a directory"],
        ["gone.yaml", "cannot read the file: there is none"],
        ["loop.yaml", "cannot read the file: ELOOP"],
      ],
    );
    assert.match((await readConfigFiles(join(folder, "none"))).problems[0]!.message, /there is none/);
  });
});

describe("watchConfig", () => {
  it("reports a single file at the start, and again when it is written in place", async (t) => {
    const file = join(temporaryFolder(t), "c.yaml");
    writeFileSync(file, "one");
    const { texts } = await observe(t, file);
    assert.deepEqual(await texts(), { [file]: "one" });
    appendFileSync(file, " two");
    assert.deepEqual(await texts(), { [file]: "one two" });
  });

  it("sees the renames by which editors save", async (t) => {
    const folder = temporaryFolder(t);
    const file = join(folder, "c.yaml");
    writeFileSync(file, "one");
    const { texts } = await observe(t, file);
    await texts();
    for (const text of ["two", "three"]) {
      renameSync(file, `${file}~`);
      writeFileSync(join(folder, ".c.yaml.swp"), text);
      renameSync(join(folder, ".c.yaml.swp"), file);
      assert.deepEqual(await texts(), { [file]: text });
    }
  });

  it("gives changes of several files as one set", async (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, "peers"));
    const { texts, sets } = await observe(t, folder, { settleMs: 30 });
    assert.deepEqual(await texts(), {});
    writeFileSync(join(folder, "a.yaml"), "a");
    writeFileSync(join(folder, "peers", "b.yaml"), "b");
    assert.deepEqual(Object.values(await texts()), ["a", "b"]);
    rmSync(join(folder, "a.yaml"));
    assert.deepEqual(Object.values(await texts()), ["b"]);
    assert.equal(sets.length, 0);
  });

  it("sees a peers directory that is made later, and one that is made anew", async (t) => {
    const folder = temporaryFolder(t);
    const { texts } = await observe(t, folder);
    await texts();
    for (const text of ["first", "second"]) {
      mkdirSync(join(folder, "peers"));
      writeFileSync(join(folder, "peers", "p.yaml"), text);
      assert.deepEqual(Object.values(await texts()), [text]);
      appendFileSync(join(folder, "peers", "p.yaml"), "+");
      assert.deepEqual(Object.values(await texts()), [`${text}+`]);
      rmSync(join(folder, "peers"), { recursive: true });
      assert.deepEqual(await texts(), {});
    }
  });

  it("sees Kubernetes swap a ConfigMap's ..data link", async (t) => {
    const folder = temporaryFolder(t);
    const publish = (version: number, text: string) => {
      mkdirSync(join(folder, `..v${version}`));
      writeFileSync(join(folder, `..v${version}`, "c.yaml"), text);
      symlinkSync(`..v${version}`, join(folder, "..data_tmp"));
      renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
      if (version > 1) rmSync(join(folder, `..v${version - 1}`), { recursive: true });
    };
    publish(1, "one");
    symlinkSync("..data/c.yaml", join(folder, "c.yaml"));
    const { texts, problems } = await observe(t, folder);
    assert.deepEqual(Object.values(await texts()), ["one"]);
    for (const [version, text] of [
      [2, "two"],
      [3, "three"],
      [4, "four"],
    ] as const) {
      publish(version, text);
      assert.deepEqual(Object.values(await texts()), [text]);
    }
    assert.deepEqual(problems, []);
  });

  it("sees the configured directory itself swapped as a link, and changes in the new one", async (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, "current");
    for (const version of ["r1", "r2"]) {
      mkdirSync(join(folder, version));
      writeFileSync(join(folder, version, "c.yaml"), version);
    }
    symlinkSync("r1", path);
    const { texts } = await observe(t, path);
    assert.deepEqual(await texts(), { [join(path, "c.yaml")]: "r1" });
    symlinkSync("r2", join(folder, "next"));
    renameSync(join(folder, "next"), path);
    assert.deepEqual(await texts(), { [join(path, "c.yaml")]: "r2" });
    appendFileSync(join(folder, "r2", "c.yaml"), "!");
    assert.deepEqual(await texts(), { [join(path, "c.yaml")]: "r2!" });
  });

  it("reports an unreadable file once, changes nothing, and goes on when it is readable again", async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, "a.yaml"), "a");
    const { texts, problem, sets, watch } = await observe(t, folder);
    await texts();
    symlinkSync("missing", join(folder, "b.yaml"));
    assert.equal((await problem())[0]!.path, join(folder, "b.yaml"));
    await watch.reread();
    assert.equal(sets.length, 0);
    writeFileSync(join(folder, "missing"), "b");
    assert.deepEqual(Object.values(await texts()), ["a", "b"]);
  });

  it("says nothing where the content stays the same", async (t) => {
    const file = join(temporaryFolder(t), "c.yaml");
    writeFileSync(file, "one");
    const { watch, sets } = await observe(t, file, { known: [{ path: file, text: "one" }] });
    writeFileSync(file, "one");
    chmodSync(file, 0o600);
    await watch.reread();
    assert.equal(sets.length, 0);
  });

  it("tells that a secret's file changed, vanished or came, without taking it for configuration", async (t) => {
    const [folder, secrets] = [temporaryFolder(t), temporaryFolder(t)];
    const key = join(secrets, "key");
    writeFileSync(join(folder, "c.yaml"), "c");
    writeFileSync(key, "k1");
    const { watch, texts, problems } = await observe(t, folder);
    await texts();
    await watch.watchAlso([key]);
    const changes: (() => void)[] = [
      () => undefined,
      () => writeFileSync(key, "k2"),
      () => rmSync(key),
      () => writeFileSync(key, "k3"),
    ];
    for (const change of changes) {
      change();
      assert.deepEqual(Object.values(await texts()), ["c"]);
    }
    assert.deepEqual(problems, []);
  });
});

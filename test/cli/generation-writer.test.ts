import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createGenerationWriter } from "../../src/cli/generation-writer.ts";
import type { GeneratedFile } from "../../src/confgen/generation.ts";
import type { GeneratorOutput } from "../../src/confgen/generator-ports.ts";
import type { Generations } from "../../src/io/system/generations.ts";

const output = (text: string): GeneratorOutput => ({
  generation: { files: [{ path: "router.yaml", text, secret: false }] },
  config: undefined as never,
  warnings: [],
});

/** A disk on which each write waits until it is let go, or fails. */
function disk(given = true, refusals: string[] = []) {
  const asked: string[] = [];
  const waiting: ((fault?: Error) => void)[] = [];
  let isClosed = false;
  const generations: Generations = {
    previous: [],
    write: (files: readonly GeneratedFile[]) =>
      new Promise((resolve, reject) => {
        asked.push(files[0]!.text);
        waiting.push((fault) =>
          fault ? reject(fault) : resolve({ number: asked.length, isNew: true, written: ["router.yaml"], removed: [] }),
        );
      }),
    async close() {
      isClosed = true;
    },
  };
  const logged: string[] = [];
  const later: (() => void)[] = [];
  const writer = createGenerationWriter(
    given ? generations : undefined,
    async () => {
      if (refusals.length > 0) throw new Error(refusals.shift());
      return generations;
    },
    (level, event) => void logged.push(`${level} ${event}`),
    (_delayMs, run) => {
      later.push(run);
      return () => later.splice(later.indexOf(run), 1);
    },
  );
  /** Lets the write at hand end, and what follows upon it begin. */
  const end = async (fault?: Error) => {
    waiting.shift()!(fault);
    await new Promise(setImmediate);
  };
  return { writer, asked, logged, later, end, isClosed: () => isClosed };
}

describe("generations on their way to the disk", () => {
  test("of those that come while one is written only the newest follows", async () => {
    const { writer, asked, end } = disk();
    for (const text of ["1", "2", "3", "4"]) writer.write(output(text));
    assert.deepEqual(asked, ["1"]);
    await end();
    assert.deepEqual(asked, ["1", "4"]);
    await end();
    assert.deepEqual(asked, ["1", "4"]);
  });

  test("what cannot be written is said once and tried again, the newest then", async () => {
    const { writer, asked, logged, later, end } = disk();
    writer.write(output("1"));
    await end(new Error("no space left"));
    assert.equal(later.length, 1);
    later.shift()!();
    await end(new Error("no space left"));
    writer.write(output("2"));
    await end();
    assert.deepEqual(asked, ["1", "1", "2"]);
    assert.deepEqual(logged, [
      "error generation not written",
      "info generation written",
      "info generations written again",
    ]);
    assert.equal(later.length, 0);
  });

  test("a folder that cannot be opened is tried again, and has the newest generation then", async () => {
    const { writer, asked, logged, later, end } = disk(false, ["read-only", "read-only", "another process"]);
    writer.write(output("1"));
    for (let i = 0; i < 3; i++) {
      await new Promise(setImmediate);
      if (i === 1) writer.write(output("2"));
      else later.shift()!();
    }
    await new Promise(setImmediate);
    while (later.length > 0) {
      later.shift()!();
      await new Promise(setImmediate);
    }
    await end();
    assert.deepEqual(asked, ["2"]);
    assert.deepEqual(logged, [
      "error generation not written",
      "error generation not written",
      "info generation written",
      "info generations written again",
    ]);
  });

  test("the end waits for what is being written, and writes what waits", async () => {
    const { writer, asked, end, isClosed } = disk();
    writer.write(output("1"));
    writer.write(output("2"));
    const closed = writer.close();
    await end();
    assert.equal(isClosed(), false);
    await end();
    await closed;
    assert.deepEqual([asked, isClosed()], [["1", "2"], true]);
  });

  test("the end is not kept by a disk that refuses", async () => {
    const { writer, later, end, isClosed } = disk();
    writer.write(output("1"));
    const closed = writer.close();
    await end(new Error("read-only"));
    await end(new Error("read-only"));
    await closed;
    assert.deepEqual([later.length, isClosed()], [0, true]);
  });
});

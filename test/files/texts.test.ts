/** Texts that are known are not read again, and never stand for another file's. */
import assert from "node:assert/strict";
import { linkSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { createFileTexts } from "../../src/io/files/texts.ts";
import { temporaryFolder } from "../system/folder.ts";

/** As who copies a file with its times leaves it. */
const COPIED = new Date("2020-01-01T00:00:00Z");

function put(path: string, text: string): number {
  writeFileSync(path, text);
  utimesSync(path, COPIED, COPIED);
  return statSync(path).ino;
}

describe("texts of files", () => {
  it("are those of the file that is there, also where it has inode, size and time of one that went", async (t) => {
    const folder = temporaryFolder(t);
    const texts = createFileTexts(1000);
    const inodes = new Set<number>();
    let reused = 0;
    for (let i = 10; i < 40; i++) {
      const path = join(folder, `${i}.yaml`);
      const inode = put(path, `text ${i}`);
      if (inodes.has(inode)) reused++;
      inodes.add(inode);
      assert.equal(texts.known(path)?.text ?? `text ${i}`, `text ${i}`);
      assert.equal((await texts.read(path)).text, `text ${i}`);
      rmSync(path);
    }
    t.diagnostic(`${reused} inodes were used again`);
  });

  it("are known by another link of the same file", async (t) => {
    const folder = temporaryFolder(t);
    const texts = createFileTexts(1000);
    const [first, second] = [join(folder, "a"), join(folder, "b")];
    put(first, "one");
    await texts.read(first);
    linkSync(first, second);
    assert.equal(texts.known(second)?.text, "one");
  });

  it("are read again when they were forgotten, and refused beyond the bound", async (t) => {
    const path = join(temporaryFolder(t), "a");
    const texts = createFileTexts(5);
    put(path, "one");
    await texts.read(path);
    texts.clear();
    assert.equal(texts.known(path), undefined);
    put(path, "longer than five");
    await assert.rejects(texts.read(path), /larger than 5 octets/);
  });
});

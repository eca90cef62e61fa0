import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openRestartFile } from "../../src/io/system/restart-file.ts";
import { temporaryFolder } from "./folder.ts";

function place(t: TestContext) {
  const folder = temporaryFolder(t);
  const path = join(folder, "control.state");
  const faults: unknown[] = [];
  const open = () => openRestartFile(path, (_level, _event, fields) => void faults.push(fields));
  return { folder, path, faults, open };
}

test("without a restart file nothing is remembered, and nothing is removed", async (t) => {
  const { faults, open } = place(t);
  const memory = open();
  assert.equal(memory.previous, undefined);
  memory.forget();
  await memory.flush();
  assert.deepEqual(faults, []);
});

test("a saved text is there whole, for its owner only, the newest one winning", async (t) => {
  const { folder, path, open } = place(t);
  const memory = open();
  for (let i = 0; i < 50; i++) memory.save(`text ${i}\nwith a second line\n`);
  await memory.flush();
  assert.deepEqual(readdirSync(folder), ["control.state"], "no draft is left");
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const { previous } = open();
  assert.equal(previous?.text, "text 49\nwith a second line\n");
  assert.ok(previous.ageMs >= 0);
});

test("a file of another boot, or that is not ours, says nothing", async (t) => {
  const { path, open } = place(t);
  const memory = open();
  memory.save("x\n");
  await memory.flush();
  const [first, ...rest] = readFileSync(path, "utf8").split("\n");
  const [boot, at] = first!.split(" ");
  for (const other of [`another-boot ${at}`, `${boot} ${Number(at) + 1e9}`, `${boot} soon`, "", "x".repeat(100)]) {
    writeFileSync(path, [other, ...rest].join("\n"));
    assert.equal(open().previous, undefined, other);
  }
});

test("it is removed when it is to be forgotten, also while a save is under way", async (t) => {
  const { path, open } = place(t);
  const memory = open();
  memory.save("x\n");
  memory.forget();
  await memory.flush();
  assert.equal(existsSync(path), false);
  memory.save("y\n");
  await memory.flush();
  assert.equal(open().previous?.text, "y\n");
});

test("a folder that cannot be written is reported once", async () => {
  const faults: unknown[] = [];
  const memory = openRestartFile("/proc/calidris/control.state", (_level, _event, fields) => void faults.push(fields));
  for (let i = 0; i < 3; i++) {
    memory.save("x\n");
    await memory.flush();
  }
  assert.equal(faults.length, 1);
});

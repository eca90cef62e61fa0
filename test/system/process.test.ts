import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { systemClock } from "../../src/io/system/clock.ts";
import { onSignals } from "../../src/io/system/signals.ts";
import { readState, takeLock, writeState } from "../../src/io/system/state-file.ts";
import { temporaryFolder } from "./folder.ts";

describe("systemClock", () => {
  it("runs after a delay, runs soon, and not after a cancel", async () => {
    const clock = systemClock();
    const seen: string[] = [];
    await new Promise<void>((resolve) => {
      clock.after(1, () => seen.push("cancelled"))();
      clock.soon(() => seen.push("soon"));
      clock.after(2 ** 40, () => seen.push("too early"))();
      clock.after(5, () => {
        seen.push("after");
        resolve();
      });
    });
    assert.deepEqual(seen, ["soon", "after"]);
    const before = clock.nowMs();
    assert.ok(clock.nowMs() >= before);
    assert.ok(clock.wallMs() > 1.7e12);
  });
});

describe("onSignals", () => {
  it("tells reload, dump and stop apart, and a second stop from the first", async (t) => {
    // Waiting for a signal alone does not keep a process alive.
    const alive = setInterval(() => undefined, 1000);
    t.after(() => clearInterval(alive));
    const seen: unknown[] = [];
    const done = new Promise<void>((resolve) => {
      const off = onSignals({
        reload: () => seen.push("reload"),
        dump: () => seen.push("dump"),
        stop: (signal, again) => {
          seen.push([signal, again]);
          if (!again) return;
          off();
          resolve();
        },
      });
    });
    for (const signal of ["SIGHUP", "SIGUSR1", "SIGTERM"] as const) {
      const before = seen.length;
      process.kill(process.pid, signal);
      while (seen.length === before) await new Promise(setImmediate);
    }
    process.kill(process.pid, "SIGINT");
    await done;
    assert.deepEqual(seen, ["reload", "dump", ["SIGTERM", false], ["SIGINT", true]]);
    assert.equal(process.listenerCount("SIGHUP"), 0);
  });
});

describe("state files", () => {
  it("lets one process hold a lock and names it to the others; the kernel frees it when the holder dies", async (t) => {
    const path = join(temporaryFolder(t), "run", "lock");
    const module = new URL("../../src/io/system/state-file.js", import.meta.url).href;
    const holder = spawn(process.execPath, [
      "--input-type=module",
      "-e",
      `import { takeLock } from ${JSON.stringify(module)}; takeLock(${JSON.stringify(path)}); console.log("held"); setInterval(() => {}, 1000);`,
    ]);
    await new Promise((resolve) => holder.stdout.once("data", resolve));
    assert.throws(() => takeLock(path), new RegExp(`process ${holder.pid} holds ${path}`));
    const gone = new Promise((resolve) => holder.once("exit", resolve));
    holder.kill("SIGKILL");
    await gone;
    const lock = takeLock(path);
    assert.equal(readFileSync(path, "utf8"), `${process.pid}\n`);
    assert.throws(() => takeLock(path), /Another daemon runs already/);
    lock.release();
    takeLock(path).release();
  });

  it("saves state for its owner only and reads it back; damage counts as none", (t) => {
    const path = join(temporaryFolder(t), "lib", "state.json");
    assert.equal(readState(path), undefined);
    writeState(path, { epoch: 7 });
    writeState(path, { epoch: 8 });
    assert.deepEqual(readState(path), { epoch: 8 });
    assert.equal(statSync(path).mode & 0o777, 0o600);
    writeFileSync(path, '{"epoch":');
    assert.equal(readState(path), undefined);
  });
});

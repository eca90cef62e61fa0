import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { systemClock } from "../../src/io/system/clock.ts";
import { onSignals } from "../../src/io/system/signals.ts";

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

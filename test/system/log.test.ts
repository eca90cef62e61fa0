import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import type { Log } from "../../src/daemon/ports.ts";
import { createLog, textLine } from "../../src/io/system/log.ts";
import { temporaryFolder } from "./folder.ts";

async function written(t: TestContext, format: "auto" | "json" | "text", run: (log: Log) => void): Promise<string[]> {
  const path = join(temporaryFolder(t), "log");
  const fd = openSync(path, "w");
  t.after(() => closeSync(fd));
  const { log, flush } = createLog({ format, fd });
  run(log);
  await flush();
  return readFileSync(path, "utf8").split("\n").slice(0, -1);
}

describe("createLog", () => {
  it("writes JSON where there is no terminal: time, level, event and the fields", async (t) => {
    const [line] = await written(t, "auto", (log) => log("warn", "sessionDown", { peer: "tor-a", code: 4 }));
    const { time, ...rest } = JSON.parse(line!);
    assert.deepEqual(rest, { level: "warn", event: "sessionDown", peer: "tor-a", code: 4 });
    assert.match(time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });

  it("writes one readable line per event as text", async (t) => {
    const [line] = await written(t, "text", (log) =>
      log("info", "sessionUp", { peer: "tor-a", reason: "all is well", list: [1, 2] }),
    );
    assert.match(line!, /^\d\d:\d\d:\d\d\.\d{3} info {2}sessionUp peer=tor-a reason="all is well" list=\[1,2\]$/);
  });

  it("keeps to one line and lets no control character through", () => {
    const line = textLine(JSON.stringify({ time: "", level: "info", event: "e", text: "a\n\x1b[31mb\u009b\u202e" }));
    assert.equal(line.split("\n").length, 2);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    assert.doesNotMatch(line.trimEnd(), /[\x00-\x1f\x7f-\x9f\u202e]/);
  });

  it("leaves out levels below its own, and secrets", async (t) => {
    const lines = await written(t, "json", (log) => {
      log("debug", "quiet", {});
      log("info", "peer", { password: "hunter2", peer: { md5Key: "hunter2", name: "a" } });
    });
    assert.equal(lines.length, 1);
    assert.doesNotMatch(lines[0]!, /hunter2/);
  });

  it("survives fields that cannot be written", async (t) => {
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    const hostile = {
      get trap() {
        throw new Error("trap");
      },
    };
    const lines = await written(t, "json", (log) => {
      log("info", "circular", circular);
      log("info", "hostile", { hostile });
      log("info", "big", { n: 10n });
      log("info", "last", {});
    });
    assert.equal(JSON.parse(lines.at(-1)!).event, "last");
  });
});

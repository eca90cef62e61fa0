import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { requires } from "../../interop/requires.ts";
import type { PeerAnswer, StatusAnswer } from "../../src/control/answers.ts";
import { ControlError } from "../../src/control/control-error.ts";
import type { PreviewAnswer } from "../../src/control/preview-answer.ts";
import { callControl } from "../../src/io/system/control-client.ts";
import { call, type Finished, OWN_NETWORK, start } from "./program.ts";

const CONFIG = `router: { id: 10.0.0.1, asn: 65000, listen: [{ address: 127.0.0.1, port: 1179 }] }
static:
  - { prefix: 192.0.2.0/24, blackhole: true }
peers:
  - { name: tor-a, address: 127.0.0.2, asn: 65001, import: accept, export: accept, password: hush-hush-1 }
`;

/** Asks until the answer is as wanted; the test's own time limit ends it otherwise. */
async function until<T>(ask: () => Promise<T>, isGood: (answer: T) => boolean): Promise<T> {
  for (;;) {
    try {
      const answer = await ask();
      if (isGood(answer)) return answer;
    } catch (error) {
      if (!(error instanceof ControlError)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const skip = await requires("netns");

describe("calidris run", { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), "calidris-run-"));
  const config = join(folder, "config");
  const socket = join(folder, "control.sock");
  const file = join(config, "calidris.yaml");
  let daemon: ChildProcess;
  let log = "";
  let ended: Promise<number | null>;
  const status = () => callControl(socket, { command: "status" }) as Promise<StatusAnswer>;

  before(async () => {
    mkdirSync(config);
    writeFileSync(file, CONFIG);
    daemon = start(["run", "--config", config, "--socket", socket], { before: OWN_NETWORK });
    for (const stream of [daemon.stdout!, daemon.stderr!])
      stream.on("data", (chunk: Buffer) => {
        log += chunk.toString();
      });
    ended = new Promise((resolve) => daemon.once("close", resolve));
    await until(status, () => true);
  });
  after(() => {
    daemon.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });

  it("answers on its control socket and writes its routes into the kernel", async () => {
    await until(status, (answer) => answer.kernel.installed === 1);
    const shown = await call(["show", "routes", "--socket", socket]);
    assert.match(shown.stdout, /192\.0\.2\.0\/24 +best +static .* installed/);
  });

  it("says why a session is down", async () => {
    const [peer] = (await callControl(socket, { command: "peers" })) as PeerAnswer[];
    assert.equal(peer!.authentication, "md5");
    assert.ok((peer!.reason ?? "") !== "");
    assert.equal((await call(["show", "peers", "--check", "--socket", socket])).code, 5);
  });

  it("tells what a configuration would do to it, and whether a password is another, without telling passwords", async () => {
    const next = join(folder, "next.yaml");
    const preview = async (text: string, ...more: string[]) => {
      writeFileSync(next, text);
      return call(["preview", next, "--socket", socket, ...more]);
    };
    assert.match((await preview(CONFIG)).stdout, /^Nothing changes/);
    const moved = await preview(CONFIG.replace("192.0.2.0/24", "198.51.100.0/24"));
    assert.match(moved.stdout, /kernel: 2 prefixes change\n.*[+-] .*\n/);
    assert.match(moved.stdout, /\+ 198\.51\.100\.0\/24 blackhole/);
    assert.match(moved.stdout, /No session is touched/);
    const rekeyed = await preview(CONFIG.replace("hush-hush-1", "hush-hush-2"), "-o", "json");
    const { sessions } = JSON.parse(rekeyed.stdout) as PreviewAnswer;
    assert.deepEqual(
      sessions.map(({ peer, keys }) => [peer, keys]),
      [["tor-a", ["password"]]],
    );
    const state = await callControl(socket, { command: "running" });
    assert.ok(!JSON.stringify(state).includes("hush"));
    const refused = await preview(CONFIG.replace("asn: 65001", "asm: 65001"));
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /next\.yaml:5: .*`asm`/);
  });

  it("takes a changed file without being told, and keeps the old state where the new one is bad", async () => {
    writeFileSync(file, CONFIG.replace("192.0.2.0/24", "198.51.100.0/24"));
    await until(status, (answer) => answer.configuration.generation === 2);
    writeFileSync(file, CONFIG.replace("asn: 65001", "asm: 65001"));
    // A look between truncation and writing finds the file empty, which is refused too.
    const refused = await until(status, (answer) => /asm/.test(answer.configuration.rejected ?? ""));
    assert.match(refused.configuration.rejected!, /calidris\.yaml:5: .*`asm`.*`asn`/);
    assert.equal(refused.configuration.generation, 2);
    const shown = await call(["show", "status", "--socket", socket]);
    assert.match(shown.stdout, /refused; this one stays in force/);
  });

  it("logs as the file says, from the moment it says so", async () => {
    const lines = () => log.split("\n").filter((line) => line.includes('"configuration applied"')).length;
    const before = lines();
    writeFileSync(file, `${CONFIG}log: { level: off }\n`);
    await until(status, (answer) => answer.configuration.generation === 3);
    assert.equal(lines(), before, "nothing is logged of it");
    writeFileSync(file, CONFIG);
    await until(status, (answer) => answer.configuration.generation === 4);
    assert.equal(lines(), before + 1);
  });

  it("never shows a password, in no answer and no line of the log", async () => {
    const answers: Finished[] = [];
    for (const words of ["show peers", "show routes", "show status", "explain peer tor-a"])
      for (const format of ["table", "json", "yaml"])
        answers.push(await call([...words.split(" "), "-o", format, "--socket", socket]));
    assert.doesNotMatch(answers.map((each) => each.stdout + each.stderr).join(""), /hush/);
    assert.doesNotMatch(log, /hush/);
    assert.ok(answers.every((each) => each.code === 0));
  });

  it("refuses a second daemon on its socket", async () => {
    const second = await call(["run", "--config", config, "--socket", socket], { before: OWN_NETWORK });
    assert.notEqual(second.code, 0);
  });

  it("logs one line of JSON per event, and ends in order", async () => {
    daemon.kill("SIGTERM");
    assert.equal(await ended, 0, log);
    const events = log
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { event: string }).event);
    assert.ok(events.includes("started") && events.includes("stopping"), log);
    assert.equal(existsSync(socket), false);
  });
});

describe("calidris demo", { skip }, () => {
  const base = mkdtempSync(join(tmpdir(), "calidris-demo-test-"));
  // No other speaker is looked for, so that the outcome does not depend on the machine.
  const env = { XDG_RUNTIME_DIR: base, PATH: `${dirname(process.execPath)}:/usr/bin:/bin` };
  const folder = join(base, `calidris-demo-${process.getuid!()}`);
  after(() => rmSync(base, { recursive: true, force: true }));

  /** Processes that were given the demonstration's folder. */
  const left = () => {
    const found: string[] = [];
    for (const pid of readdirSync("/proc")) {
      if (!/^\d+$/.test(pid)) continue;
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
        if (line.includes(folder)) found.push(line);
      } catch {
        // It has ended meanwhile.
      }
    }
    return found;
  };

  it("shows a session, a route in the kernel and a ping, and leaves nothing behind", async () => {
    const found = await call(["demo", "--once"], { env });
    assert.equal(found.code, 0, found.stdout + found.stderr);
    for (const words of [
      /session .* Established/,
      /received 203\.0\.113\.0\/24/,
      /read back by netlink/,
      /ping .* answered in/,
    ])
      assert.match(found.stdout, words);
    for (const line of found.stdout.trim().split("\n")) assert.match(line, /^\d\d:\d\d:\d\d {2}\S/);
    assert.equal(existsSync(folder), false);
    assert.deepEqual(left(), []);
  });

  for (const signal of ["SIGINT", "SIGTERM", "SIGKILL"] as const)
    it(`leaves nothing behind after ${signal}`, async () => {
      const child = start(["demo", "--once"], { env });
      const closed = new Promise((resolve) => child.once("close", resolve));
      await new Promise<void>((resolve) => child.stdout.once("data", () => resolve()));
      child.kill(signal);
      await closed;
      await until(
        async () => existsSync(folder) || left().length > 0,
        (isLeft) => !isLeft,
      );
    });
});

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { requires } from "../../interop/requires.ts";
import type { StatusAnswer } from "../../src/control/answers.ts";
import { callControl } from "../../src/io/system/control-client.ts";
import { call, OWN_NETWORK, start } from "./program.ts";

const skip = await requires("netns");

/** The daemon in a shell that says how it ended, and how often the kernel then names the prefix. */
const WITNESS = [
  ...OWN_NETWORK,
  ...["sh", "-c", 'setpriv --pdeathsig SIGKILL "$@"; echo "ended $? $(grep -c 192.0.2.0 /proc/net/fib_trie)"', "sh"],
];

describe("calidris shutdown", { skip }, () => {
  const peers =
    "peers: [{ name: a, address: 127.0.0.2, asn: 65001, gracefulRestart: on, import: accept, export: accept }]";
  for (const [claim, kernel, words, left] of [
    ["takes the kernel's routes along, though peers keep ours over a restart", "", [], false],
    ["leaves them where the file says so", "kernel: { keepOnExit: true }\n", [], true],
    ["drains first, and ends by itself", "", ["--drain", "300ms", "--text", "moving"], false],
  ] as const)
    it(`ends the daemon with 0, and ${claim}`, { timeout: 60_000 }, async () => {
      const folder = mkdtempSync(join(tmpdir(), "calidris-shutdown-"));
      const socket = join(folder, "control.sock");
      const file = join(folder, "calidris.yaml");
      writeFileSync(
        file,
        `router: { id: 10.0.0.1, asn: 65000, listen: [{ address: 127.0.0.1, port: 1179 }] }\n${kernel}static: [{ prefix: 192.0.2.0/24, blackhole: true }]\n${peers}\n`,
      );
      const daemon = start(["run", "--config", file, "--socket", socket], { before: WITNESS });
      try {
        let said = "";
        daemon.stdout.on("data", (chunk: Buffer) => {
          said += chunk.toString();
        });
        const ended = new Promise((resolve) => daemon.once("close", resolve));
        for (let installed = 0; installed < 1; ) {
          const status = callControl(socket, { command: "status" }) as Promise<StatusAnswer>;
          installed = (await status.catch(() => undefined))?.kernel.installed ?? 0;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        const order = await call(["shutdown", ...words, "--socket", socket]);
        assert.deepEqual([order.code, order.stderr], [0, ""]);
        assert.match(order.stdout, words.length > 0 ? /drains, and ends in 0.3 s/ : /the daemon ends/);
        await ended;
        const [, code, count] = /ended (\d+) (\d+)/.exec(said)!;
        assert.deepEqual([Number(code), Number(count) > 0], [0, left], said);
      } finally {
        daemon.kill("SIGKILL");
        rmSync(folder, { recursive: true, force: true });
      }
    });
});

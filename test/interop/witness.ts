/** Witnesses that nothing happened: every change of a node's kernel routes, and every lost packet of a stream. */
import assert from "node:assert/strict";
import type { LabNode } from "../../interop/lab.ts";
import { tool } from "../../interop/packages.ts";
import { signalTo } from "../../interop/peers/bird.ts";

let made = 0;

/** Notes every change of the kernel's routes until asked for them. */
export async function monitor(node: LabNode): Promise<() => Promise<string[]>> {
  const name = `monitor-${++made}`;
  const folder = await node.folder(name);
  const ip = await tool("ip", "iproute2");
  const running = await node.spawn(name, folder, ["stdbuf", "-oL", ...ip, "monitor", "route"]);
  // It listens when it tells of a route of ours.
  const mark = async (prefix: string) => {
    for (let seen = false; !seen; seen = (await running.log()).includes(prefix)) {
      await node.ip("route", "add", "blackhole", prefix, "proto", "99");
      await node.ip("route", "del", "blackhole", prefix, "proto", "99");
    }
  };
  await mark("10.255.255.1");
  return async () => {
    await mark("10.255.255.2");
    signalTo(running.pid, "SIGTERM");
    await running.exited;
    const lines = (await running.log()).split("\n").map((line) => line.trim());
    return lines.filter((line) => line !== "" && !line.includes("10.255.255."));
  };
}

/** Those changes that are about one of the prefixes. */
export function about(changes: readonly string[], prefixes: readonly string[]): string[] {
  return changes.filter((line) => prefixes.some((prefix) => line.includes(`${prefix} `)));
}

/** Packets every 10 ms from one address to another. The bound ends a stream that nobody asks about. */
export interface Stream {
  /** Ends it: all that was sent has come back. */
  assertWhole(): Promise<void>;
}

const BOUND = 30_000;

export async function stream(node: LabNode, from: string, to: string): Promise<Stream> {
  const name = `stream-${++made}`;
  const folder = await node.folder(name);
  const command = [...node.pingCommand, "-n", "-q", "-i", "0.01", "-c", `${BOUND}`, "-I", from, to];
  const running = await node.spawn(name, folder, command);
  return {
    assertWhole: async () => {
      signalTo(running.pid, "SIGINT");
      await running.exited;
      const said = await running.log();
      const [sent, received] = (/(\d+) packets transmitted, (\d+) received/.exec(said)?.slice(1) ?? []).map(Number);
      assert.ok(sent !== undefined && received !== undefined && sent > 0, `ping from ${from} to ${to} said: ${said}`);
      // An answer to the very last one may have been on its way when it was ended.
      assert.ok(received >= sent - 1, `from ${from} to ${to}: ${sent} packets sent, ${received} came back`);
    },
  };
}

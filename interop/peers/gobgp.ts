/** GoBGP from Debian's package, driven by its command line. It has no routes in the kernel. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LabNode, Running } from "../lab.ts";
import { SHARED } from "../overlay.ts";
import { poll } from "../process.ts";
import { signalTo } from "./bird.ts";
import { gobgpConfig, ribCommand } from "./gobgp-config.ts";
import { parseGobgpNotifications, parseGobgpRoutes, parseGobgpSessions } from "./gobgp-output.ts";
import { type Speaker, type SpeakerPlan, staticsChanged } from "./speaker.ts";

export function gobgp(node: LabNode): Speaker {
  let running: Running | undefined;
  let current: SpeakerPlan | undefined;
  let logBefore = "";

  const ask = async (...words: string[]): Promise<string> => {
    if (running === undefined) throw new Error(`GoBGP does not run on ${node.name}`);
    const { stdout } = await node.execIn(running.pid, ["/usr/bin/gobgp", ...words]);
    // It exits with 0 whatever went wrong.
    if (/^(Error|rpc error|invalid|usage)/im.test(stdout.slice(0, 60)))
      throw new Error(`gobgp ${words.join(" ")}: ${stdout.trim().slice(0, 400)}`);
    return stdout;
  };
  const end = async (signal: "SIGTERM" | "SIGKILL") => {
    if (running === undefined) return;
    signalTo(running.pid, signal);
    await running.exited;
    running = undefined;
  };
  const remoteOf = (session: string) => current!.sessions.find((one) => one.name === session)!.remote;
  const log = async () => (await running?.log())?.slice(logBefore.length) ?? "";

  return {
    kind: "gobgp",
    node,
    start: async (plan, options = {}) => {
      const folder = await node.folder("gobgp");
      await writeFile(join(folder, "gobgpd.toml"), gobgpConfig(plan));
      current = plan;
      const argv = ["/usr/bin/gobgpd", "-f", `${SHARED}/gobgpd.toml`, "--api-hosts", "127.0.0.1:50051"];
      const recovery = options.recover === true ? ["--graceful-restart"] : [];
      running = await node.spawn("gobgpd", folder, [...argv, "--pprof-disable", ...recovery], { program: "gobgp" });
      logBefore = "";
      await poll(`GoBGP on ${node.name} to answer`, async () => (await ask("-j", "neighbor")) !== "", {
        everyMs: 40,
        explain: running.log,
      });
      for (const route of plan.statics ?? []) await ask(...ribCommand("add", route, plan));
      for (const session of plan.sessions) await ask("neighbor", session.remote, "enable");
    },
    apply: async (plan) => {
      const { gone, added } = staticsChanged(current!, plan);
      current = plan;
      for (const route of gone) await ask(...ribCommand("del", route, plan));
      for (const route of added) await ask(...ribCommand("add", route, plan));
    },
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    crash: () => end("SIGKILL"),
    pids: () => (running === undefined ? [] : [running.pid]),
    sessions: async () => parseGobgpSessions(await ask("-j", "neighbor"), current!),
    routes: async (family) => parseGobgpRoutes(await ask("-j", "global", "rib", "-a", family), current!),
    refresh: async (session) => {
      await ask("neighbor", remoteOf(session), "softresetin");
    },
    disable: async (session, text) => {
      await ask("neighbor", remoteOf(session), "shutdown", ...(text === undefined ? [] : ["--reason", text]));
    },
    enable: async (session) => {
      await ask("neighbor", remoteOf(session), "enable");
    },
    reset: async (session) => {
      await ask("neighbor", remoteOf(session), "reset");
    },
    notifications: async () => parseGobgpNotifications(await log(), current!),
    log,
    report: async () => {
      const shown = await Promise.all(
        [["neighbor"], ["global", "rib", "-a", "ipv4"], ["global", "rib", "-a", "ipv6"]].map((words) =>
          ask(...words).catch(String),
        ),
      );
      return [...shown, (await running?.log())?.slice(-3000) ?? "(not running)"].join("\n");
    },
  };
}

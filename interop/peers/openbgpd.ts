/** OpenBGPD from Debian's package, driven by bgpctl. This version has no routes in Linux's kernel. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LabNode, Running } from "../lab.ts";
import { SHARED } from "../overlay.ts";
import { poll } from "../process.ts";
import { signalTo } from "./bird.ts";
import { isOfFamily, openbgpdConfig } from "./openbgpd-config.ts";
import { parseOpenbgpdNotifications, parseOpenbgpdRoutes, parseOpenbgpdSessions } from "./openbgpd-output.ts";
import type { Speaker, SpeakerPlan } from "./speaker.ts";

/** Its file must be nobody else's; its children go into the home folder of their user. */
const BEFORE = `mkdir -p /run/openbgpd "$(sed -n 's/^_bgpd:.*:\\(.*\\):[^:]*$/\\1/p' /etc/passwd)"
install -m 600 ${SHARED}/bgpd.conf /etc/bgpd.conf`;

export function openbgpd(node: LabNode): Speaker {
  let running: Running | undefined;
  let current: SpeakerPlan | undefined;

  const ask = async (...words: string[]): Promise<string> => {
    if (running === undefined) throw new Error(`OpenBGPD does not run on ${node.name}`);
    return (await node.execIn(running.pid, ["/usr/sbin/bgpctl", ...words])).stdout;
  };
  const write = async (plan: SpeakerPlan) => {
    const folder = await node.folder("openbgpd");
    await writeFile(join(folder, "bgpd.conf"), openbgpdConfig(plan));
    current = plan;
    return folder;
  };
  const children = async (): Promise<number[]> => {
    const { pid } = running!;
    const threads = await readdir(`/proc/${pid}/task`);
    const lists = await Promise.all(threads.map((tid) => readFile(`/proc/${pid}/task/${tid}/children`, "utf8")));
    return lists.flatMap((list) => list.split(" ").filter(Boolean).map(Number));
  };
  const end = async (signal: "SIGTERM" | "SIGKILL") => {
    if (running === undefined) return;
    // The engines hold the sockets; without their parent they would still say goodbye.
    if (signal === "SIGKILL") for (const pid of await children()) signalTo(pid, signal);
    signalTo(running.pid, signal);
    await running.exited;
    running = undefined;
  };
  const remoteOf = (session: string) => current!.sessions.find((one) => one.name === session)!.remote;
  const log = async () => (await running?.log()) ?? "";
  const reload = async (plan: SpeakerPlan) => {
    await write(plan);
    await node.execIn(running!.pid, ["sh", "-ec", BEFORE]);
    await ask("reload");
  };

  return {
    kind: "openbgpd",
    node,
    start: async (plan) => {
      const folder = await write(plan);
      const script = `${BEFORE}\nexec /usr/sbin/bgpd -d -v -f /etc/bgpd.conf`;
      running = await node.spawn("bgpd", folder, ["sh", "-ec", script], { program: "openbgpd" });
      await poll(`OpenBGPD on ${node.name} to answer`, async () => (await ask("-j", "show", "neighbor")) !== "", {
        everyMs: 40,
        explain: running.log,
      });
    },
    apply: reload,
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    crash: () => end("SIGKILL"),
    pids: () => (running === undefined ? [] : [running.pid]),
    sessions: async () => parseOpenbgpdSessions(await ask("-j", "show", "neighbor")),
    routes: async (family) => parseOpenbgpdRoutes(await ask("-j", "show", "rib", "detail")).filter(isOfFamily(family)),
    refresh: async (session) => {
      await ask("neighbor", remoteOf(session), "refresh");
    },
    disable: async (session, text) => {
      await ask("neighbor", remoteOf(session), "down", ...(text === undefined ? [] : [text]));
    },
    enable: async (session) => {
      await ask("neighbor", remoteOf(session), "up");
    },
    retry: async (session) => {
      await ask("neighbor", remoteOf(session), "up");
    },
    reset: async (session) => {
      await ask("neighbor", remoteOf(session), "clear");
    },
    drain: () => reload({ ...current!, isDraining: true }),
    notifications: async () => parseOpenbgpdNotifications(await log()),
    log,
    report: async () => {
      const shown = await Promise.all(
        [
          ["show", "neighbor"],
          ["show", "rib", "detail"],
        ].map((words) => ask(...words).catch(String)),
      );
      return [...shown, (await log()).slice(-3000)].join("\n");
    },
  };
}

/** ExaBGP from Debian's package: announces what it is told, and tells what it hears. It selects nothing and has no FIB. */
import { constants } from "node:fs";
import { open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LabNode, Running } from "../lab.ts";
import { SHARED } from "../overlay.ts";
import { poll } from "../process.ts";
import { signalTo } from "./bird.ts";
import { exabgpConfig, routeCommands } from "./exabgp-config.ts";
import { type Exabgp, followExabgp } from "./exabgp-output.ts";
import { type FamilyName, familiesOf, type Speaker, type SpeakerPlan, staticsChanged } from "./speaker.ts";

/** ExaBGP gives its helper the events, and takes its output as commands. A pipe that is open for both never ends. */
const HELPER = `exec 3<&0
mkfifo ${SHARED}/commands
cat <&3 >> ${SHARED}/events.json &
exec cat <> ${SHARED}/commands
`;

const SETTINGS = [
  "exabgp.daemon.user=root",
  "exabgp.daemon.drop=false",
  "exabgp.api.cli=false",
  "exabgp.log.destination=stdout",
];

export interface ExabgpSpeaker extends Speaker {
  /** Runs a command of its API: `neighbor A announce route ...`. */
  command(...lines: string[]): Promise<void>;
  seen(): Promise<Exabgp>;
}

export function exabgp(node: LabNode): ExabgpSpeaker {
  let running: Running | undefined;
  let current: SpeakerPlan | undefined;
  let folder = "";

  const events = () => readFile(join(folder, "events.json"), "utf8").catch(() => "");
  const seen = async () => followExabgp(await events(), current!);
  const answers = async () => (await events()).split("\n").filter((line) => /^(done|error)/.test(line));
  const command = async (...lines: string[]) => {
    for (const line of lines) {
      const before = (await answers()).length;
      await writeFile(join(folder, "commands"), `${line}\n`);
      const answer = await poll(`ExaBGP on ${node.name} to do: ${line}`, async () => (await answers())[before], {
        everyMs: 10,
        explain: () => running?.log() ?? "",
      });
      if (answer !== "done") throw new Error(`ExaBGP on ${node.name} refused: ${line}`);
    }
  };
  const end = async (signal: "SIGTERM" | "SIGKILL") => {
    if (running === undefined) return;
    signalTo(running.pid, signal);
    await running.exited;
    running = undefined;
    // The helper ends when it finds nobody to write to; it may have ended already, and then nobody reads.
    const pipe = await open(join(folder, "commands"), constants.O_WRONLY | constants.O_NONBLOCK).catch(() => undefined);
    await pipe?.write("\n");
    await pipe?.close();
  };

  return {
    kind: "exabgp",
    node,
    command,
    seen,
    start: async (plan) => {
      folder = await node.folder("exabgp");
      await rm(join(folder, "commands"), { force: true });
      await rm(join(folder, "events.json"), { force: true });
      await writeFile(join(folder, "helper.sh"), HELPER);
      await writeFile(join(folder, "exabgp.conf"), exabgpConfig(plan, `${SHARED}/helper.sh`));
      current = plan;
      const program = ["/usr/bin/python3", "/usr/sbin/python3-exabgp", `${SHARED}/exabgp.conf`];
      running = await node.spawn("exabgp", folder, ["env", ...SETTINGS, ...program], { program: "exabgp" });
      await poll(
        `ExaBGP on ${node.name} to take commands`,
        async () => (await node.exec(["test", "-p", join(folder, "commands")], { anyExit: true })).code === 0,
        {
          everyMs: 30,
          explain: running.log,
        },
      );
      for (const route of plan.statics ?? []) await command(...routeCommands("announce", route, plan));
    },
    apply: async (plan) => {
      const { gone, added } = staticsChanged(current!, plan);
      for (const route of gone) await command(...routeCommands("withdraw", route, plan));
      for (const route of added) await command(...routeCommands("announce", route, plan));
      current = plan;
    },
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    crash: () => end("SIGKILL"),
    pids: () => (running === undefined ? [] : [running.pid]),
    sessions: async () => (await seen()).sessions,
    routes: async (family: FamilyName) => {
      const own = (current?.statics ?? []).map((route) => ({ prefix: route.prefix, best: true, source: "static" }));
      return [...(await seen()).routes, ...own].filter((route) => route.prefix.includes(":") === (family === "ipv6"));
    },
    refresh: async (session) => {
      const plan = current!.sessions.find((one) => one.name === session)!;
      for (const family of familiesOf(plan))
        await command(`neighbor ${plan.remote} announce route-refresh ${family} unicast`);
    },
    notifications: async () => (await seen()).notifications,
    log: events,
    report: async () => `${(await events()).slice(-3000)}\n${(await running?.log())?.slice(-3000) ?? "(not running)"}`,
  };
}

/** BIRD 2, and BIRD 1.6 with its daemon per family, from Debian's packages. */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LabNode, Running } from "../lab.ts";
import { SHARED } from "../overlay.ts";
import { poll } from "../process.ts";
import { type BirdDialect, birdConfig } from "./bird-config.ts";
import { parseBirdNotifications, parseProtocols, parseRoutes } from "./bird-output.ts";
import { type FamilyName, familiesOf, type Speaker, type SpeakerPlan } from "./speaker.ts";

interface Daemon {
  /** Also the name of its configuration and socket. */
  readonly program: string;
  readonly families: readonly FamilyName[];
  /** Its command line. */
  readonly client: string;
}

const DAEMONS = {
  1: [
    { program: "bird", families: ["ipv4"], client: "birdc" },
    { program: "bird6", families: ["ipv6"], client: "birdc6" },
  ],
  2: [{ program: "bird", families: ["ipv4", "ipv6"], client: "birdcl" }],
} as const satisfies Record<1 | 2, readonly Daemon[]>;

export function bird2(node: LabNode): Speaker {
  return bird(node, 2);
}

export function bird1(node: LabNode): Speaker {
  return bird(node, 1);
}

function bird(node: LabNode, version: 1 | 2): Speaker {
  const kind = version === 1 ? "bird1" : "bird2";
  /** A family without a session needs no daemon of BIRD 1.6. */
  let daemons: readonly Daemon[] = [];
  const daemonsFor = (plan: SpeakerPlan) => {
    const used = new Set(plan.sessions.flatMap(familiesOf));
    return DAEMONS[version].filter((daemon: Daemon) => daemon.families.some((family) => used.has(family)));
  };
  const running = new Map<string, Running>();
  let current: SpeakerPlan | undefined;

  const ask = async (daemon: Daemon, ...words: string[]): Promise<string> => {
    const argv = [`/usr/sbin/${daemon.client}`, "-s", `${SHARED}/${daemon.program}.ctl`, ...words];
    const one = running.get(daemon.program);
    if (one === undefined) throw new Error(`${daemon.program} does not run on ${node.name}`);
    return (await node.execIn(one.pid, argv)).stdout;
  };
  const write = async (plan: SpeakerPlan) => {
    const folder = await node.folder(kind);
    current = plan;
    for (const daemon of daemons) {
      const dialect: BirdDialect = { version, families: daemon.families };
      await writeFile(join(folder, `${daemon.program}.conf`), birdConfig(plan, dialect));
    }
    return folder;
  };
  const end = async (signal: "SIGTERM" | "SIGKILL") => {
    for (const one of running.values()) signalTo(one.pid, signal);
    await Promise.all([...running.values()].map((one) => one.exited));
    running.clear();
  };

  const askOwner = async (session: string, ...words: string[]) => {
    const owner = daemons.find((daemon) => familiesOf(planned(session)).some((one) => daemon.families.includes(one)))!;
    await ask(owner, ...words);
  };
  const planned = (session: string) => current!.sessions.find((one) => one.name === session)!;
  const log = async () => (await Promise.all([...running.values()].map((one) => one.log()))).join("\n");

  return {
    kind,
    node,
    start: async (plan, options = {}) => {
      daemons = daemonsFor(plan);
      const folder = await write(plan);
      for (const daemon of daemons) {
        const { program } = daemon;
        await rm(join(folder, `${program}.ctl`), { force: true });
        const argv = [
          `/usr/sbin/${program}`,
          "-f",
          "-c",
          `${SHARED}/${program}.conf`,
          "-s",
          `${SHARED}/${program}.ctl`,
          ...(options.recover === true ? ["-R"] : []),
        ];
        running.set(program, await node.spawn(program, folder, argv, { program: kind }));
      }
      for (const daemon of daemons)
        await poll(
          `${kind} on ${node.name} to answer`,
          async () => (await ask(daemon, "show", "status")).includes("up and"),
          {
            everyMs: 20,
            explain: () => running.get(daemon.program)!.log(),
          },
        );
    },
    apply: async (plan) => {
      await write(plan);
      for (const daemon of daemons) {
        const answer = await ask(daemon, "configure");
        if (!/Reconfigur/.test(answer))
          throw new Error(`${kind} on ${node.name} refused its configuration:\n${answer}`);
      }
    },
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    crash: () => end("SIGKILL"),
    refresh: (session) => askOwner(session, "reload", "in", session),
    disable: (session, text) => askOwner(session, "disable", session, ...(text === undefined ? [] : [`"${text}"`])),
    enable: (session) => askOwner(session, "enable", session),
    notifications: async () => parseBirdNotifications(await log()),
    log,
    pids: () => [...running.values()].map((one) => one.pid),
    sessions: async () => {
      const texts = await Promise.all(daemons.map((daemon) => ask(daemon, "show", "protocols")));
      return texts.flatMap(parseProtocols);
    },
    routes: async (family) => {
      const daemon = daemons.find((one) => one.families.includes(family));
      if (daemon === undefined) return [];
      const table = version === 1 ? [] : ["table", family === "ipv4" ? "master4" : "master6"];
      return parseRoutes(await ask(daemon, "show", "route", ...table, "all"));
    },
    report: async () => {
      const parts: string[] = [];
      for (const daemon of daemons) {
        const words = [
          ["show", "protocols", "all"],
          ["show", "route", "all"],
        ];
        for (const word of words) parts.push(await ask(daemon, ...word).catch(String));
        parts.push((await running.get(daemon.program)?.log())?.slice(-3000) ?? "(not running)");
      }
      return parts.join("\n");
    },
  };
}

/** A process that is gone already needs no signal. */
export function signalTo(pid: number, signal: NodeJS.Signals): void {
  // What ended before it was seen; to signal 0 would be to signal ourselves.
  if (pid === 0) return;
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

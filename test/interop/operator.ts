/**
 * A daemon of ours and a BIRD 2 as an operator meets them: configuration files written by hand, signals, logs, and answers
 * from their own control sockets. For scenarios that the speakers' common plan cannot express.
 */
import { readFileSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { createLab, type Lab, type LabNode, type LabPlan, type Running } from "../../interop/lab.ts";
import { SHARED } from "../../interop/overlay.ts";
import { signalTo } from "../../interop/peers/bird.ts";
import { MAIN } from "../../interop/peers/calidris.ts";
import { poll } from "../../interop/process.ts";
import { PEERS, requires } from "../../interop/requires.ts";
import type {
  ControlRequest,
  ExplainAnswer,
  PeerAnswer,
  PeerRouteAnswer,
  RouteAnswer,
  StatusAnswer,
} from "../../src/control/answers.ts";
import { streamControl } from "../../src/io/system/control-client.ts";

const skip = await requires(...PEERS);

/** Scenarios of one file that run at once; most of their time is waiting for timers. */
export const CONCURRENCY = 4;

export interface LogLine {
  readonly level: number | string;
  readonly event?: string;
  readonly msg?: string;
  readonly [field: string]: unknown;
}

export interface StartOptions {
  /** Put before the command line: `setpriv ...`. */
  readonly prefix?: readonly string[];
  /** Return once started, answering or not. */
  readonly unanswered?: boolean;
  readonly socket?: string;
  /** Further words of the command line. */
  readonly words?: readonly string[];
}

export interface Operator {
  readonly node: LabNode;
  readonly config: string;
  readonly socket: string;
  /** Writes a file of the configuration folder as an editor does: a new one, renamed. Text that is no string is written as JSON. */
  write(name: string, content: string | object): Promise<void>;
  remove(name: string): Promise<void>;
  start(options?: StartOptions): Promise<Running>;
  signal(signal: NodeJS.Signals): void;
  /** Ends the process and waits for it. */
  end(signal: "SIGTERM" | "SIGKILL"): Promise<number>;
  /** The command line of this checkout in the node; `code` and both outputs. */
  cli(...words: string[]): Promise<{ code: number; stdout: string; stderr: string }>;
  log(): Promise<string>;
  status(): Promise<StatusAnswer>;
  peers(): Promise<readonly PeerAnswer[]>;
  peer(name: string): Promise<PeerAnswer>;
  routes(): Promise<readonly RouteAnswer[]>;
  route(prefix: string): Promise<RouteAnswer | undefined>;
  out(peer: string): Promise<readonly PeerRouteAnswer[]>;
  explain(prefix: string, peer?: string): Promise<ExplainAnswer>;
  report(): Promise<string>;
  /** Polls, and shows the daemon's side when the time is over. */
  until<T>(what: string, ask: () => Promise<T | undefined | false>): Promise<T>;
  untilEstablished(...names: string[]): Promise<void>;
  /** Waits until the log holds a line that matches. */
  untilLogged(pattern: RegExp): Promise<void>;
}

function operator(node: LabNode, folder: string): Operator {
  const config = join(folder, "config");
  let socket = join(folder, "control.sock");
  let running: Running | undefined;

  async function ask<T>(request: ControlRequest): Promise<T[]> {
    const parts: T[] = [];
    for await (const part of streamControl(socket, request)) parts.push(part as T);
    return parts;
  }
  const one = async <T>(request: ControlRequest): Promise<T> => (await ask<T>(request)).at(-1)!;
  const many = async <T>(request: ControlRequest): Promise<T[]> => (await ask<T[]>(request)).flat();
  const log = async () => (await running?.log()) ?? "";

  const self: Operator = {
    node,
    config,
    get socket() {
      return socket;
    },
    async write(name, content) {
      const path = join(config, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(`${path}.new`, typeof content === "string" ? content : JSON.stringify(content, null, 1));
      await rename(`${path}.new`, path);
    },
    remove: (name) => rm(join(config, name)),
    async start(options = {}) {
      if (options.socket !== undefined) socket = options.socket;
      const command = [process.execPath, MAIN, "run", "--config", config, "--socket", socket];
      running = await node.spawn("calidris", folder, [
        ...(options.prefix ?? []),
        ...command,
        ...["--log-format", "json"],
        ...(options.words ?? []),
      ]);
      if (options.unanswered !== true)
        await poll("the daemon to answer", async () => (await self.status()).version !== "", {
          everyMs: 40,
          explain: log,
        });
      return running;
    },
    signal(signal) {
      signalTo(running!.pid, signal);
      // nsenter, its parent, stops with it, and reaps it only when it goes on too.
      const parent = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${running!.pid}/status`, "utf8"))?.[1];
      if (signal === "SIGCONT") signalTo(Number(parent), signal);
    },
    async end(signal) {
      signalTo(running!.pid, signal);
      return running!.exited;
    },
    cli: (...words) => node.exec([process.execPath, MAIN, ...words], { anyExit: true }),
    log,
    status: () => one({ command: "status" }),
    peers: () => one({ command: "peers" }),
    peer: async (name) => (await one<PeerAnswer[]>({ command: "peers", peer: name }))[0]!,
    routes: () => many({ command: "routes" }),
    route: async (prefix) => (await many<RouteAnswer>({ command: "routes" })).find((each) => each.prefix === prefix),
    out: (peer) => many({ command: "routesOut", peer }),
    explain: (target, peer) => one({ command: "explainRoute", target, peer }),
    async report() {
      const kernel = await Promise.all([node.ip("-4", "route"), node.ip("-6", "route")]);
      const shown = [self.status(), self.peers(), self.routes()].map((answer) =>
        answer.then((value) => JSON.stringify(value), String),
      );
      return [...kernel, ...(await Promise.all(shown)), (await log()).slice(-6000)].join("\n");
    },
    until: (what, question) => poll(what, question, { everyMs: 50 }),
    async untilEstablished(...names) {
      await self.until(`${names.join(", ")} established`, async () => {
        const peers = await self.peers();
        return names.every((name) => peers.find((peer) => peer.name === name)?.state === "established");
      });
    },
    async untilLogged(pattern) {
      await self.until(`${pattern} in the log`, async () => pattern.test(await log()));
    },
  };
  return self;
}

/** A BIRD 2 with a configuration of the test's own words; what every one needs is put before. */
export interface Bird {
  start(config: string): Promise<void>;
  configure(config: string): Promise<void>;
  ask(...words: string[]): Promise<string>;
  log(): Promise<string>;
  /** Prefixes of its tables, by family, that a protocol gave. */
  learned(protocol: string): Promise<string[]>;
  /** `show route all` of one prefix. */
  route(prefix: string): Promise<string>;
  until(what: string, holds: () => Promise<boolean>): Promise<void>;
  /** Waits until exactly these prefixes came from the protocol. */
  untilLearned(protocol: string, ...prefixes: string[]): Promise<void>;
  /** When the session came up: the same after a change tells that it was not reset. */
  since(protocol: string): Promise<string>;
  report(): Promise<string>;
  end(): Promise<void>;
}

function birdOn(node: LabNode): Bird {
  let running: Running | undefined;
  const sinceWhen = new Map<string, string>();
  const write = async (config: string) => {
    const folder = await node.folder("bird");
    const text = `log stderr all;\ntimeformat protocol iso long ms;\nprotocol device { scan time 1; }\n${config}\n`;
    await writeFile(join(folder, "bird.conf"), text);
    return folder;
  };
  const ask = async (...words: string[]) => {
    const argv = ["/usr/sbin/birdcl", "-s", `${SHARED}/bird.ctl`, ...words];
    return (await node.execIn(running!.pid, argv)).stdout;
  };
  const self: Bird = {
    async start(config) {
      const folder = await write(config);
      const argv = ["/usr/sbin/bird", "-f", "-c", `${SHARED}/bird.conf`, "-s", `${SHARED}/bird.ctl`];
      running = await node.spawn("bird", folder, argv, { program: "bird2" });
      await poll("BIRD to answer", async () => (await ask("show", "status")).includes("up and"), {
        everyMs: 40,
        explain: running.log,
      });
    },
    async configure(config) {
      await write(config);
      const answer = await ask("configure");
      if (!/Reconfigur/.test(answer)) throw new Error(`BIRD refused its configuration:\n${answer}`);
    },
    ask,
    log: () => running!.log(),
    async learned(protocol) {
      const text = await ask("show", "route", "protocol", protocol);
      return [...text.matchAll(/^([0-9a-f.:]+\/\d+)\s/gm)].map((match) => match[1]!).sort();
    },
    route: (prefix) => ask("show", "route", "for", prefix, "all").catch(String),
    report: async () =>
      `${await ask("show", "protocols", "all")}${await ask("show", "route", "all")}${(await running!.log()).slice(-6000)}`,
    until: async (what, holds) => {
      await poll(`BIRD on ${node.name}: ${what}`, holds, { everyMs: 50 });
    },
    async untilLearned(protocol, ...prefixes) {
      const wanted = prefixes.toSorted().join(" ");
      await self.until(
        `exactly ${wanted} from ${protocol}`,
        async () => (await self.learned(protocol)).join(" ") === wanted,
      );
    },
    async since(protocol) {
      const line = (await ask("show", "protocols", protocol)).split("\n").find((text) => text.startsWith(protocol));
      const shown = line?.match(/\d{4}-\d\d-\d\d [\d:.]+/)?.[0];
      if (shown === undefined) return `(no session ${line})`;
      // It reckons the time of day anew whenever it is asked, to the millisecond before or after.
      const before = sinceWhen.get(protocol);
      if (before !== undefined && Math.abs(Date.parse(before) - Date.parse(shown)) <= 5) return before;
      sinceWhen.set(protocol, shown);
      return shown;
    },
    async end() {
      signalTo(running!.pid, "SIGTERM");
      await running!.exited;
    },
  };
  return self;
}

export interface Stage {
  readonly lab: Lab;
  /** The daemon of a node. */
  daemon(node: string, name?: string): Promise<Operator>;
  bird(node: string): Bird;
}

/** A test in a lab of its own. */
export function staged(name: string, plan: LabPlan, body: (stage: Stage) => Promise<void>): void {
  test(name, { skip, timeout: 300_000 }, async () => {
    const lab = await createLab(plan);
    const daemons: Operator[] = [];
    const birds: Bird[] = [];
    try {
      await body({
        lab,
        daemon: async (node, folder = "daemon") => {
          const made = operator(lab.node(node), await lab.node(node).folder(folder));
          await mkdir(made.config, { recursive: true });
          daemons.push(made);
          return made;
        },
        bird: (node) => {
          const made = birdOn(lab.node(node));
          birds.push(made);
          return made;
        },
      });
    } catch (error) {
      // What each side saw belongs to the failure.
      const reports = await Promise.all([...daemons, ...birds].map((one) => one.report().catch(String)));
      if (error instanceof Error) error.message += `\n${reports.join("\n")}`;
      throw error;
    } finally {
      await lab.close();
    }
  });
}

/** Timers with which a session comes back within a second or two. */
export const QUICK = { hold: "9s", connectRetry: "1s", connectDelay: "0s", idleHoldMin: "1s", idleHoldMax: "2s" };

/** BIRD's counterpart of `QUICK`. */
export const BIRD_QUICK = "hold time 9; connect delay time 1; connect retry time 1; error wait time 1, 2;";

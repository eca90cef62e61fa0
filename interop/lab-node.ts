/** One node of a laboratory: processes in its network namespace, directly, over an unpacked package, or in a container. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gone, startContainer } from "./containers.ts";
import type { KernelRoute, Lab, LabNode, Running, SpawnOptions } from "./lab.ts";
import { overlaid } from "./overlay.ts";
import { unpacked } from "./packages.ts";
import { ended, type RunOptions, run } from "./process.ts";

/** What a node is made of; each list is the beginning of a command line. */
export interface NodeParts {
  readonly name: string;
  readonly folder: string;
  readonly ip: readonly string[];
  readonly ping: readonly string[];
  readonly ss: readonly string[];
  readonly enter: readonly string[];
  /** Without the node's network. */
  readonly enterLab: readonly string[];
  /** The lab's first process. */
  readonly pid: number;
  readonly isContained: boolean;
  readonly isRoot: boolean;
  lab(): Lab;
}

export function createNode(parts: NodeParts): LabNode {
  const { name, ip, enter } = parts;
  const exec = (argv: readonly string[], options?: RunOptions) => run([...enter, ...argv], options);
  const user = parts.isRoot ? [] : ["-U", "--preserve-credentials"];
  const beside = (pid: number) => ["nsenter", "-t", `${pid}`, ...user, "-m", "-n", "-p", "-r", "-w"];
  return {
    name,
    get lab() {
      return parts.lab();
    },
    exec,
    folder: async (sub) => {
      const path = join(parts.folder, name, sub);
      await mkdir(path, { recursive: true });
      return path;
    },
    spawn: async (title, shared, argv, options = {}) => {
      const logFile = join(shared, `${title}.log`);
      if (parts.isContained) return contain(parts, title, shared, logFile, argv, options);
      const command = options.program === undefined ? argv : overlaid(await unpacked(options.program), shared, argv);
      return launch([...enter, ...command], logFile, options);
    },
    spawnIn: (pid, title, shared, argv) => launch([...beside(pid), ...argv], join(shared, `${title}.log`), {}),
    execIn: (pid, argv, options) => run([...beside(pid), ...argv], options),
    ip: async (...args) => (await exec([...ip, ...args])).stdout,
    routes: async (family) => {
      const { stdout } = await exec([...ip, `-${family}`, "-j", "-d", "route", "show", "table", "main"]);
      return JSON.parse(stdout.trim() === "" ? "[]" : stdout) as KernelRoute[];
    },
    setLink: async (device, state) => {
      await exec([...ip, "link", "set", device, state]);
    },
    connections: async (port) => {
      const filter = ["state", "established", `( sport = :${port} or dport = :${port} )`];
      const { stdout } = await exec([...parts.ss, "-Htn", ...filter]);
      return stdout
        .split("\n")
        .flatMap((line) => /\S+\s+\S+$/.exec(line.trim()) ?? [])
        .sort();
    },
    resetConnections: async (port) => {
      await exec([...parts.ss, "-K", "state", "established", `( sport = :${port} or dport = :${port} )`]);
    },
    pingCommand: parts.ping,
    ping: async (address, from) => {
      const source = from === undefined ? [] : ["-I", from];
      const { code } = await exec([...parts.ping, "-n", "-c1", "-W1", ...source, address], { anyExit: true });
      return code === 0;
    },
  };
}

async function contain(
  parts: NodeParts,
  title: string,
  shared: string,
  logFile: string,
  argv: readonly string[],
  options: SpawnOptions,
): Promise<Running> {
  const program = options.program === undefined ? {} : { program: options.program };
  const lab = { enter: parts.enterLab, labPid: parts.pid, labFolder: parts.folder, node: parts.name };
  const pid = await startContainer({ ...lab, ...program, title, shared, logFile, argv });
  return { pid, exited: gone(pid), log: () => readFile(logFile, "utf8").catch(() => "") };
}

async function launch(argv: readonly string[], logFile: string, options: SpawnOptions): Promise<Running> {
  const [file, ...args] = argv;
  const log = createWriteStream(logFile, { flags: "a" });
  await once(log, "open");
  const child = spawn(file!, args, {
    stdio: ["ignore", log, log],
    env: options.env ?? process.env,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const exited = ended(child);
  log.close();
  const pid = await childOf(child, exited);
  return { pid, exited, log: () => readFile(logFile, "utf8").catch(() => "") };
}

/** nsenter forks to enter the process namespace; what matters is its child. */
async function childOf(child: ChildProcess, exited: Promise<number>): Promise<number> {
  let isOver = false;
  void exited.then(() => {
    isOver = true;
  });
  const file = `/proc/${child.pid}/task/${child.pid}/children`;
  while (!isOver) {
    const pid = Number((await readFile(file, "utf8").catch(() => "")).split(" ")[0]);
    if (pid > 0) return pid;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return 0;
}

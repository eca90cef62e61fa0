/**
 * `calidris node` with a session, over a datastore that fails: what an operator can see of it. The neighbour is a daemon of
 * ours with a configuration by hand, on another address of the same loopback.
 */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { poll } from "../../interop/process.ts";
import type { PeerAnswer } from "../../src/control/answers.ts";
import { callControl } from "../../src/io/system/control-client.ts";
import type { PlainResource } from "../contract/datastore-resources.ts";
import { kernelRoutes } from "./own-network.ts";
import { call, start } from "./program.ts";

export const NODE = "n1";
export const ADDRESSES = ["10.0.0.1/32", "10.0.0.2/32"];
const FAR = `router: { id: 10.0.0.2, asn: 64512, listen: [{ address: 10.0.0.2 }] }
kernel: { program: false }
peers:
  - { name: n1, address: 10.0.0.1, localAddress: 10.0.0.2, asn: 64512, multihop: true, import: accept }
`;

const apiVersion = "projectcalico.org/v3";

export function block(n: number): PlainResource {
  const cidr = `10.244.${n}.0/26`;
  const name = `${NODE}-10-244-${n}-0-26`;
  return { apiVersion, kind: "BlockAffinity", metadata: { name }, spec: { cidr, node: NODE, state: "confirmed" } };
}

const bgpNode = (name: string, ipv4Address: string): PlainResource => ({
  apiVersion,
  kind: "Node",
  metadata: { name },
  spec: { bgp: { ipv4Address } },
});

/** What every datastore holds at first. */
export const RESOURCES: readonly PlainResource[] = [
  bgpNode(NODE, "10.0.0.1/24"),
  bgpNode("n2", "10.0.0.2/24"),
  {
    apiVersion,
    kind: "BGPConfiguration",
    metadata: { name: "default" },
    spec: { asNumber: 64512, nodeToNodeMeshEnabled: true, bindMode: "NodeIP", logSeverityScreen: "Info" },
  },
  {
    apiVersion,
    kind: "IPPool",
    metadata: { name: "pool" },
    spec: { cidr: "10.244.0.0/16", ipipMode: "Never", vxlanMode: "Never", blockSize: 26, nodeSelector: "all()" },
  },
  block(0),
];

export interface LogLine {
  readonly level: string;
  readonly event: string;
  readonly datastore?: string;
  readonly reason?: string;
  readonly retryInMs?: number;
  readonly [field: string]: unknown;
}

export interface World {
  readonly folder: string;
  readonly out: string;
  readonly child: ChildProcess;
  readonly lines: readonly LogLine[];
  /** The first line from that place on that fits, once it is there. */
  line(what: string, from: number, fits: (line: LogLine) => boolean): Promise<LogLine>;
  established(): Promise<void>;
  /** What must not change while the datastore is away. */
  running(): Promise<object>;
  /** The generation on disk holds this text. */
  untilWritten(text: string): Promise<void>;
  generated(): Promise<Readonly<Record<string, string>>>;
  /** The files of a fresh start, in another folder. */
  fresh(): Promise<Readonly<Record<string, string>>>;
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  close(): Promise<void>;
}

export interface WorldOptions {
  /** Options of `node` and `confgen` that name the datastore. */
  readonly datastore: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** In place of a folder of its own. */
  readonly out?: string;
}

/** The neighbour, which stays while several daemons come and go. */
export async function startFar(): Promise<{ peer(): Promise<PeerAnswer>; close(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "calidris-far-"));
  const socket = join(folder, "far.sock");
  await mkdir(join(folder, "config"));
  await writeFile(join(folder, "config/calidris.yaml"), FAR);
  const child = start([
    "run",
    "--config",
    join(folder, "config"),
    "--socket",
    socket,
    "--state",
    join(folder, "state"),
  ]);
  let log = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (log += chunk));
  const peer = async () => {
    const [found] = (await callControl(socket, { command: "peers" })) as PeerAnswer[];
    return found!;
  };
  await poll("the neighbour to answer", async () => (await peer()).name === "n1", { explain: () => log });
  return {
    peer,
    async close() {
      await end(child, "SIGKILL");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export type Far = Awaited<ReturnType<typeof startFar>>;

export async function startNode(far: Far, { datastore, env = {}, out }: WorldOptions): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), "calidris-node-"));
  const generations = out ?? join(folder, "lib");
  const socket = join(folder, "control.sock");
  const environment = { ...env, CALICO_ENDPOINT_STATUS_PATH_PREFIX: folder };
  const named = ["--node", NODE, ...datastore];
  const places = ["--socket", socket, "--state", join(folder, "state"), "--bird-socket", "none"];
  const child = start(["node", ...named, "--out", generations, ...places], { env: environment });
  const lines: LogLine[] = [];
  const waiting = new Set<() => void>();
  let rest = "";
  let isOver = false;
  const heard = () => {
    for (const look of [...waiting]) look();
  };
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      const parts = `${rest}${chunk}`.split("\n");
      rest = parts.pop()!;
      for (const part of parts) lines.push(readLine(part));
      heard();
    });
  child.once("close", () => {
    isOver = true;
    heard();
  });
  const log = () => lines.map((line) => JSON.stringify(line)).join("\n");
  const current = join(generations, "current");

  return {
    folder,
    out: generations,
    child,
    lines,
    line(what, from, fits) {
      return new Promise((resolve, reject) => {
        const look = () => {
          const found = lines.slice(from).find(fits);
          if (found === undefined && !isOver) return;
          waiting.delete(look);
          if (found) resolve(found);
          else reject(new Error(`It ended before it said ${what}:\n${log()}`));
        };
        waiting.add(look);
        look();
      });
    },
    established: () =>
      poll("the session", async () => (await far.peer()).state === "established", { explain: log }).then(
        () => undefined,
      ),
    async running() {
      const [peer] = (await callControl(socket, { command: "peers" })) as PeerAnswer[];
      const { state, established, lost } = peer!;
      const { established: farEstablished, lost: farLost } = await far.peer();
      const present = await readlink(current).catch(() => undefined);
      return { state, established, lost, farEstablished, farLost, present, routes: await kernelRoutes() };
    },
    untilWritten: (text) =>
      poll(`${text} in the files`, async () => (await readFile(join(current, "static.yaml"), "utf8")).includes(text), {
        explain: log,
      }).then(() => undefined),
    generated: () => readAll(current),
    async fresh() {
      const other = await mkdtemp(join(folder, "fresh-"));
      const { code, stderr } = await call(["confgen", ...named, "--out", other, "--once"], { env: environment });
      assert.equal(code, 0, stderr);
      return readAll(join(other, "current"));
    },
    stop: (signal = "SIGTERM") => end(child, signal),
    async close() {
      await end(child, "SIGKILL");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function readLine(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return { level: "none", event: text };
  }
}

/** Texts and modes by their paths. */
async function readAll(folder: string): Promise<Readonly<Record<string, string>>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const read = async (path: string) =>
    [path.slice(folder.length + 1), `${(await stat(path)).mode.toString(8)} ${await readFile(path, "utf8")}`] as const;
  return Object.fromEntries(await Promise.all(paths.sort().map(read)));
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const over = new Promise<number | null>((resolve) => child.once("close", resolve));
  child.kill(signal);
  return over;
}

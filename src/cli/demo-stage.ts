/**
 * The demonstration itself: first process of its own network and process namespaces, so that nothing outlives it. Ends
 * when standard input does.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { PeerAnswer, RouteAnswer } from "../control/answers.ts";
import { pingOnce } from "../io/net/icmp-echo.ts";
import { type Links, openLinks } from "../io/netlink/links.ts";
import { callControl } from "../io/system/control-client.ts";
import { parseAddress } from "../ip/address.ts";
import { formatPrefix } from "../ip/prefix.ts";
import { DEADLINE_MS, type DemoPlan, NET } from "./demo-plan.ts";

/** RTPROT_BIRD, the protocol that our routes carry. */
const OUR_PROTOCOL = 12;
const POLL_MS = 50;
const PING_MS = 1000;
/** The processes get so long to end; ours is the end of the rest. */
const END_MS = 2000;

const plan = JSON.parse(process.argv[2]!) as DemoPlan;
const startedAt = performance.now();
const stop = new AbortController();
let neighbour: ChildProcess | undefined;
let daemon: ChildProcess | undefined;
/** What went wrong in a process that we started. */
let broken: string | undefined;

process.stdin.resume();
process.stdin.once("end", () => end(0));
process.on("SIGTERM", () => end(0));
process.on("SIGINT", () => end(0));

try {
  await play();
  if (plan.once) end(0);
} catch (error) {
  if (!stop.signal.aborted)
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${lastLines()}`);
  end(1);
}

/** Our end is the end of every process in the namespaces, and of the namespaces. */
function end(code: number): void {
  if (stop.signal.aborted) return;
  stop.abort();
  // The neighbour clears up behind its speaker. The daemon could make files in the folder again while it is removed.
  neighbour?.stdin?.end();
  daemon?.kill("SIGKILL");
  const last = () => {
    rmSync(plan.folder, { recursive: true, force: true });
    process.exit(code);
  };
  setTimeout(last, END_MS);
  void Promise.all([neighbour, daemon].map(exited)).then(last);
}

async function exited(child: ChildProcess | undefined): Promise<void> {
  if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  await once(child, "exit");
}

async function play(): Promise<void> {
  const links = openLinks();
  await links.setUp("lo");
  await startNeighbour(links);
  startDaemon();
  line(`calidris: started at ${NET.ours.address}, AS ${NET.ours.asn}`);

  await until("the session is Established", async () => {
    const [peer] = (await callControl(plan.socket, { command: "peers" }, stop.signal)) as PeerAnswer[];
    return peer?.state === "established" ? peer : undefined;
  });
  line(`session with the neighbour Established, each segment signed with a TCP-MD5 key`);

  const route = await until(`${NET.route} is in the kernel`, async () => {
    const request = { command: "routes", target: NET.route };
    const [found] = (await callControl(plan.socket, request, stop.signal)) as RouteAnswer[];
    return found?.kernel.state === "installed" ? found : undefined;
  });
  const best = route.paths.find((path) => path.best);
  line(`received ${NET.route}, AS path ${best?.asPath}, and installed it`);
  const hop = await until(`netlink shows ${NET.route}`, () => readBack(links));
  line(`the kernel's table, read back by netlink: ${NET.route} via ${hop} proto bird`);
  const milliseconds = await until(`${NET.host} answers`, () => pingOnce(parseAddress(NET.host)!.bytes, PING_MS));
  line(`ping ${NET.host}: answered in ${milliseconds.toFixed(1)} ms, along that route`);
  links.close();
  if (!plan.once) next();
}

/** Starts the other side and joins it to ours. */
async function startNeighbour(links: Links): Promise<void> {
  const script = fileURLToPath(new URL("./demo-neighbour.js", import.meta.url));
  neighbour = spawn("unshare", ["--net", process.execPath, script, JSON.stringify(plan)], {
    stdio: ["pipe", "pipe", openSync(join(plan.folder, "neighbour.log"), "a")],
  });
  const child = neighbour;
  child.once("exit", (code) => {
    broken ??= `the neighbour's side ended (exit code ${code})`;
  });
  child.stdin!.on("error", () => undefined);
  return new Promise((resolve, reject) => {
    const join = async () => {
      await links.createVethPair(NET.ours.device, NET.neighbour.device, { pid: child.pid! });
      await links.addAddress(NET.ours.device, parseAddress(NET.ours.address)!, NET.length);
      await links.setUp(NET.ours.device);
      line("two network namespaces, joined by a veth pair made by our own netlink code");
      child.stdin!.write("joined\n");
    };
    child.once("error", reject);
    child.once("exit", () => reject(new Error("The neighbour's side ended at once")));
    createInterface({ input: child.stdout! }).on("line", (text) => {
      const message = JSON.parse(text) as { ready?: true; speaker?: string; note?: string; failed?: string };
      if (message.ready) join().catch(reject);
      if (message.note !== undefined) line(`neighbour: ${message.note}`);
      if (message.speaker !== undefined)
        line(`neighbour: ${message.speaker} at ${NET.neighbour.address}, AS ${NET.neighbour.asn}`);
      if (message.speaker !== undefined) resolve();
      if (message.failed === undefined) return;
      broken ??= message.failed;
      reject(new Error(message.failed));
    });
  });
}

function startDaemon(): void {
  const folder = join(plan.folder, "config");
  mkdirSync(folder);
  writeFileSync(
    join(folder, "calidris.yaml"),
    `# Changes to this file take effect at once.
router: { id: ${NET.ours.address}, asn: ${NET.ours.asn} }
static:
  - { prefix: ${NET.own}, blackhole: true }
policies:
  own: [{ match: { source: [static] }, action: accept }, { action: reject }]
peers:
  - name: neighbour
    address: ${NET.neighbour.address}
    asn: ${NET.neighbour.asn}
    password: ${NET.password}
    import: accept
    export: own
    timers: { connectDelay: 0s, connectRetry: 2s, idleHoldMin: 1s, idleHoldMax: 2s }
`,
    { mode: 0o600 },
  );
  const main = fileURLToPath(new URL("./main.js", import.meta.url));
  const log = openSync(join(plan.folder, "calidris.log"), "a");
  const argv = [main, "run", "--config", folder, "--socket", plan.socket, "--log-format", "text"];
  daemon = spawn(process.execPath, argv, { stdio: ["ignore", log, log] });
  daemon.once("error", (error) => {
    broken ??= error.message;
  });
  daemon.once("exit", (code, signal) => {
    broken ??= `calidris run ended (${signal ?? `exit code ${code}`})`;
  });
}

/** The gateway and device of our route as the kernel tells them. */
async function readBack(links: Links): Promise<string | undefined> {
  const routes = await links.listRoutes("ipv4");
  const found = routes.find((route) => route.protocol === OUR_PROTOCOL && formatPrefix(route.prefix) === NET.route);
  const gateway = found?.hops[0]?.gateway;
  return gateway ? `${[...gateway.bytes].join(".")} dev ${NET.ours.device}` : undefined;
}

/** Asks until there is an answer. Rejects at the deadline, or when a process that we started has ended. */
async function until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  for (let problem = ""; ; ) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      problem = `: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (broken !== undefined) throw new Error(`The demonstration failed: ${broken}`);
    if (performance.now() - startedAt > DEADLINE_MS)
      throw new Error(`The demonstration failed: waited ${DEADLINE_MS / 1000} s until ${what}${problem}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function line(text: string): void {
  const now = new Date();
  const time = [now.getHours(), now.getMinutes(), now.getSeconds()].map((n) => String(n).padStart(2, "0")).join(":");
  process.stdout.write(`${time}  ${text}\n`);
}

function next(): void {
  const commands = [
    "show peers",
    "show routes",
    "show routes out neighbour",
    `explain route ${NET.route}`,
    `explain route ${NET.own} to neighbour`,
    "explain peer neighbour",
  ];
  process.stdout.write("\nTry, in another terminal:\n");
  for (const command of commands) process.stdout.write(`  ${plan.command} ${command}\n`);
  process.stdout.write(`Or change ${join(plan.folder, "config", "calidris.yaml")} and look again.\n`);
  process.stdout.write("\nCtrl-C ends the demonstration and removes everything.\n");
}

/** For whoever has to find out why it failed. */
function lastLines(): string {
  return ["neighbour.log", "neighbour/speaker.log", "calidris.log"]
    .map((name) => {
      try {
        const text = readFileSync(join(plan.folder, name), "utf8").trim();
        return text === "" ? "" : `--- ${name}\n${text.split("\n").slice(-8).join("\n")}\n`;
      } catch {
        return "";
      }
    })
    .join("");
}

/**
 * The other side of the demonstration: started in a network namespace of its own, told by a line on standard input that
 * its end of the link is there. Ends, with all that it started, when standard input does.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, openSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { openLinks } from "../io/netlink/links.ts";
import { parseAddress } from "../ip/address.ts";
import { type DemoPlan, NET } from "./demo-plan.ts";
import { findSpeakers, type Speaker } from "./demo-speakers.ts";

const plan = JSON.parse(process.argv[2]!) as DemoPlan;
let children: readonly ChildProcess[] = [];
let speaker: Speaker | undefined;

process.stdin.once("data", () => void start().catch(fail));
process.stdin.once("end", () => process.exit(0));
process.on("exit", stopSpeaker);
say({ ready: true });

async function start(): Promise<void> {
  const links = openLinks();
  await links.setUp("lo");
  await links.addAddress(NET.neighbour.device, parseAddress(NET.neighbour.address)!, NET.length);
  await links.setUp(NET.neighbour.device);
  // The whole network answers: on the loopback device every address of it is local.
  await links.addAddress("lo", parseAddress(NET.host)!, NET.length);
  links.close();
  const folder = join(plan.folder, "neighbour");
  mkdirSync(folder);
  const log = openSync(join(folder, "speaker.log"), "a");
  const candidates = findSpeakers();
  startSpeaker([...candidates, ourselves(candidates.length > 0)], folder, log);
}

/** Starts the first of them; the next one when it cannot run here. */
function startSpeaker([first, ...others]: readonly Speaker[], folder: string, log: number): void {
  if (!first) return;
  let isOver = false;
  speaker = first;
  const next = (why: string) => {
    if (isOver) return;
    isOver = true;
    stopSpeaker();
    if (others.length === 0) return fail(new Error(`${first.title}: ${why}`));
    say({ note: `${first.title} ${why}; trying the next` });
    startSpeaker(others, folder, log);
  };
  children = first.commands(folder).map(([file, ...args]) => {
    const child = spawn(file!, args, { stdio: ["ignore", log, log] });
    child.once("error", (error) => next(`cannot be started: ${error.message}`));
    child.once("exit", (code, signal) => next(`ended (${signal ?? `exit code ${code}`})`));
    return child;
  });
  say({ speaker: first.title });
  if (first.afterwards) void untilDone(first.afterwards);
}

function stopSpeaker(): void {
  for (const child of children) {
    child.kill("SIGKILL");
    if (!speaker?.litter) continue;
    const litter = speaker.litter.replace("NAME", basename(child.spawnfile)).replace("PID", String(child.pid));
    rmSync(litter, { recursive: true, force: true });
    try {
      rmdirSync(dirname(litter)); // only when nothing of others is in it
    } catch {}
  }
  children = [];
}

/** A second instance of this daemon, where no other speaker is found. */
function ourselves(others: boolean): Speaker {
  const why = others ? "none of the others could run" : "no BIRD 2, FRR or GoBGP found";
  return {
    title: `a second instance of calidris (${why})`,
    commands(folder) {
      const config = join(folder, "calidris.yaml");
      writeFileSync(
        config,
        `router: { id: ${NET.neighbour.address}, asn: ${NET.neighbour.asn} }
kernel: { program: false, learn: false }
policies:
  own: [{ match: { prefixes: [${NET.route}] }, action: accept }, { action: reject }]
peers:
  - name: calidris
    address: ${NET.ours.address}
    asn: ${NET.ours.asn}
    password: ${NET.password}
    import: accept
    export: own
`,
        { mode: 0o600 },
      );
      const main = fileURLToPath(new URL("./main.js", import.meta.url));
      return [[process.execPath, main, "run", "--config", config, "--socket", join(folder, "control.sock")]];
    },
  };
}

async function untilDone([file, ...args]: readonly string[]): Promise<void> {
  while (spawnSync(file!, args, { stdio: "ignore" }).status !== 0)
    await new Promise((resolve) => setTimeout(resolve, 200));
}

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

function fail(error: Error): void {
  say({ failed: error.message });
}

/**
 * The other side of the demonstration: started in a network namespace of its own, told by a line on standard input that
 * its end of the link is there. Ends, with all that it started, when standard input does.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openLinks } from "../io/netlink/links.ts";
import { parseAddress } from "../ip/address.ts";
import { type DemoPlan, NET } from "./demo-plan.ts";
import { findSpeaker, type Speaker } from "./demo-speakers.ts";

const plan = JSON.parse(process.argv[2]!) as DemoPlan;
const children: ChildProcess[] = [];

process.stdin.once("data", () => void start().catch(fail));
process.stdin.once("end", () => process.exit(0));
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});
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
  const found = findSpeaker();
  const speaker = found ?? ourselves();
  const log = openSync(join(folder, "speaker.log"), "a");
  for (const [file, ...args] of speaker.commands(folder)) {
    const child = spawn(file!, args, { stdio: ["ignore", log, log] });
    child.once("error", fail);
    child.once("exit", (code, signal) => fail(new Error(`${file} ended (${signal ?? `exit code ${code}`})`)));
    children.push(child);
  }
  say({ speaker: speaker.title });
  if (speaker.afterwards) await untilDone(speaker.afterwards);
}

/** A second instance of this daemon, where no other speaker is found. */
function ourselves(): Speaker {
  return {
    title: "a second instance of calidris (no BIRD 2, FRR or GoBGP found)",
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

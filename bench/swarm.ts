/** The swarm: compiled once into the cache folder, run in a lab of two nodes beside a speaker. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createLab, type Lab } from "../interop/lab.ts";
import { overlaid } from "../interop/overlay.ts";
import { cacheFolder, machineTool, unpacked } from "../interop/packages.ts";
import { createSpeaker, type SpeakerKind } from "../interop/peers/kinds.ts";
import { run } from "../interop/process.ts";
import { clientAddress, type Metric, SPEAKER_ADDRESS, speakerPlan, swarmArguments, type Work } from "./works.ts";

/** Beside the sources, as C is not copied by the compiler: dist/bench/ → bench/. */
const SOURCE = fileURLToPath(new URL("../../bench/swarm.c", import.meta.url));

/** The program, compiled where its source is newer than what the cache holds. */
export async function swarmProgram(): Promise<string> {
  const source = await readFile(SOURCE);
  const folder = join(cacheFolder(), "bench");
  await mkdir(folder, { recursive: true });
  const program = join(folder, `swarm-${createHash("sha256").update(source).digest("hex").slice(0, 12)}`);
  if (existsSync(program)) return program;
  const fresh = `swarm.${process.pid}`;
  const compiler = machineTool("cc") ?? machineTool("gcc");
  if (compiler !== undefined) await run([compiler, "-O2", "-o", join(folder, fresh), SOURCE]);
  else {
    const inside = ["sh", "-c", `cd /run/lab && gcc -O2 -o ${fresh} -x c -`];
    const command = overlaid(await unpacked("gcc"), folder, inside);
    await run(process.getuid!() === 0 ? command : ["unshare", "--user", "--map-root-user", ...command], {
      input: source.toString("utf8"),
    });
  }
  await rename(join(folder, fresh), program);
  return program;
}

export type Measured = Readonly<Partial<Record<Metric, number>>> & { readonly fault?: string };

/** One run: a fresh lab, a fresh speaker, the whole work. A speaker that does not manage it is a result, not an error. */
export async function measure(work: Work, kind: SpeakerKind, timeoutSeconds: number): Promise<Measured> {
  const program = await swarmProgram();
  const lab = await benchLab(work);
  try {
    const speaker = createSpeaker(kind, lab.node("speaker"));
    await speaker.start(speakerPlan(work));
    const pids = await Promise.all(speaker.pids().map(pidInLab));
    const { code, stdout, stderr } = await lab
      .node("swarm")
      .exec([program, ...swarmArguments(work, pids, timeoutSeconds)], {
        timeoutMs: (timeoutSeconds * 2 + 60) * 1000,
        anyExit: true,
      });
    if (code === 0) return JSON.parse(stdout) as Measured;
    const words = stderr.trim() || stdout.trim() || `exit ${code}`;
    return { fault: `${words.split("\n").at(-1)}\n${(await speaker.report()).slice(-1500)}` };
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) };
  } finally {
    await lab.close();
  }
}

const SWARM_LINK = "02:00:00:00:00:02";

/**
 * Two nodes and a veth. The clients' addresses are a local range of the swarm's node, and the speaker knows them all by
 * heart: a thousand neighbours would otherwise reach the limit of the machine's neighbour table.
 */
function benchLab(work: Work): Promise<Lab> {
  const neighbours = Array.from(
    { length: work.clients },
    (_, index) => `neigh add ${clientAddress(index)} lladdr ${SWARM_LINK} dev bench0 nud permanent`,
  );
  return createLab({
    nodes: ["speaker", "swarm"],
    links: { bench0: { speaker: [`${SPEAKER_ADDRESS}/16`], swarm: ["10.99.0.2/16"] } },
    batch: { speaker: neighbours },
    setup: {
      swarm: [
        `link set bench0 address ${SWARM_LINK}`,
        ...["10.99.1.0/24", "10.99.2.0/23", "10.99.4.0/22", "10.99.8.0/21"].map(
          (range) => `route add local ${range} dev lo`,
        ),
      ],
    },
  });
}

/** The swarm reads /proc of the lab, where processes have other numbers. */
async function pidInLab(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const numbers = /^NSpid:\s+(.*)$/m.exec(status)![1]!.split(/\s+/);
  return Number(numbers.at(-1));
}

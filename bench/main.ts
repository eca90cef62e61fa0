/**
 * The benchmark: each work on each speaker, in turn and several times, on this machine in one run. Exit code 1 when a bound
 * is missed by more than twice.
 */
import { writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { versionOf } from "../interop/packages.ts";
import { DUT, type SpeakerKind } from "../interop/peers/kinds.ts";
import { requires } from "../interop/requires.ts";
import { CONFGEN_WORK, type ConfgenFigure, confgenFailed, confgenLines, measureConfgen } from "./confgen.ts";
import { measurePolicies, POLICY_WORK, type PolicyFigure, policyFailed, policyLines } from "./policy.ts";
import { table, type Verdict, verdicts, type WorkResult } from "./report.ts";
import { type Measured, measure, swarmProgram } from "./swarm.ts";
import { QUICK_WORKS, WORKS, type Work, withAddPath } from "./works.ts";

/** Works that need no speaker beside ours. */
const OWN_WORKS = [POLICY_WORK, CONFGEN_WORK];

const USAGE = `Usage: npm run bench -- [options]
  --quick            smaller works, under five minutes
  --work NAME,...    ${[...WORKS.map((work) => work.name), ...OWN_WORKS].join(", ")}; a part of a name selects all that begin with it
  --add-path         path identifiers both ways on every session (RFC 7911)
  --peers KIND,...   speakers beside ours: bird2 (the reference), bird1, frr; default bird2
  --repeat N         runs of each speaker, in turn; default 3
  --timeout SECONDS  for one run; default 180
  --json FILE        all figures as JSON; - is standard output
`;

interface Options {
  readonly works: readonly Work[];
  /** Of OWN_WORKS. */
  readonly policies: boolean;
  readonly confgen: boolean;
  /** The reference first, the speaker under test last. */
  readonly speakers: readonly SpeakerKind[];
  readonly repeat: number;
  readonly timeoutSeconds: number;
  readonly json: string | undefined;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      work: { type: "string" },
      "add-path": { type: "boolean", default: false },
      peers: { type: "string", default: "bird2" },
      repeat: { type: "string", default: "3" },
      timeout: { type: "string", default: "180" },
      json: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  const wanted = values.work?.split(",");
  const all = values.quick ? QUICK_WORKS : WORKS;
  const isWanted = (work: string) => wanted?.some((name) => work.startsWith(name)) ?? true;
  const selected = all.filter((work) => isWanted(work.name));
  const works = values["add-path"] ? selected.map(withAddPath) : selected;
  const policies = isWanted(POLICY_WORK);
  const confgen = isWanted(CONFGEN_WORK);
  if (works.length === 0 && !policies && !confgen)
    throw new Error(
      `No work begins with "${values.work}"; there are ${[...all.map((work) => work.name), ...OWN_WORKS].join(", ")}`,
    );
  const peers = values.peers.split(",").filter((name) => name !== "") as SpeakerKind[];
  return {
    works,
    policies,
    confgen,
    speakers: [...new Set([...peers, DUT])],
    repeat: Number(values.repeat),
    timeoutSeconds: Number(values.timeout),
    json: values.json,
  };
}

async function nameOf(kind: SpeakerKind): Promise<string> {
  if (kind === "calidris") return "Calidris";
  return `${kind === "frr" ? "FRR" : "BIRD"} ${(await versionOf(kind)).replace(/-.*/, "")}`;
}

/** Every speaker once, then every speaker again: what the machine does meanwhile meets all of them. */
async function runWork(work: Work, options: Options, say: (line: string) => void): Promise<WorkResult> {
  const runs = Object.fromEntries(options.speakers.map((kind) => [kind, [] as Measured[]]));
  for (let round = 0; round < options.repeat; round++) {
    for (const kind of options.speakers) {
      const measured = await measure(work, kind, options.timeoutSeconds);
      runs[kind]!.push(measured);
      say(
        `  ${kind} run ${round + 1}: ${measured.fault ?? `${measured.converged_s?.toFixed(2)} s, ${measured.cpu_s} s CPU`}`,
      );
    }
  }
  return { work, runs };
}

function sentence(verdict: Verdict): string {
  const { work, metric, value, limit, state } = verdict;
  return `${state.toUpperCase().padEnd(7)}  ${work} ${metric}: ${value?.toFixed(2) ?? "no result"}, bound ${limit.toFixed(2)}`;
}

async function main(): Promise<number> {
  const options = readOptions();
  const missing =
    options.works.length > 0 && (await requires("netns", "debian-packages", "overlay", "iproute2", "c-compiler"));
  if (missing !== false) {
    console.error(`Cannot measure here: the benchmark ${missing}`);
    return 1;
  }
  const say = options.json === "-" ? console.error : console.log;
  if (options.works.length > 0) await swarmProgram();
  const policies: readonly PolicyFigure[] = options.policies ? measurePolicies() : [];
  if (options.policies) say(`${policyLines(policies).join("\n")}\n`);
  const confgen: readonly ConfgenFigure[] = options.confgen ? await measureConfgen() : [];
  if (options.confgen) say(`${confgenLines(confgen).join("\n")}\n`);
  const names = new Map<SpeakerKind, string>();
  const [reference, subject] = [options.speakers[0]!, options.speakers.at(-1)!];
  const results: WorkResult[] = [];
  const judged: Verdict[] = [];
  for (const work of options.works) {
    say(`${work.name}: ${work.title}`);
    const result = await runWork(work, options, say);
    for (const kind of options.speakers) names.set(kind, await nameOf(kind));
    results.push(result);
    if (subject !== reference) judged.push(...verdicts(result, subject, reference));
    say(`\n${table(result, names, reference)}\n`);
  }
  for (const verdict of judged) say(sentence(verdict));
  const data = {
    at: new Date().toISOString(),
    machine: { cpus: cpus().length, model: cpus()[0]?.model, node: process.version },
    speakers: Object.fromEntries(names),
    works: results.map(({ work, runs }) => ({ name: work.name, title: work.title, runs })),
    policies,
    confgen,
    verdicts: judged,
  };
  if (options.json === "-") console.log(JSON.stringify(data, null, 2));
  else if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(data, null, 2)}\n`);
  return judged.some((verdict) => verdict.state === "failed") || policyFailed(policies) || confgenFailed(confgen)
    ? 1
    : 0;
}

process.exitCode = await main();

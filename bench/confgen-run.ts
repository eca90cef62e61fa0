/** One measurement of the generator, told to the parent process. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCompile, generatorSettings } from "../src/cli/confgen.ts";
import type { DatastoreEvent, StoredObject } from "../src/confgen/datastore/datastore.ts";
import { createGenerator } from "../src/confgen/generator.ts";
import type { GeneratorOutput, Source } from "../src/confgen/generator-ports.ts";
import { createParseCache, formatProblem, parseConfig } from "../src/config/parse.ts";
import type { createRouter, Router } from "../src/daemon/router.ts";
import type { Fib } from "../src/fib/fib.ts";
import { openFilesDatastore } from "../src/io/datastore/files.ts";
import { systemClock } from "../src/io/system/clock.ts";
import { watchConfig } from "../src/io/system/config-watch.ts";
import { openGenerations } from "../src/io/system/generations.ts";
import type { ConfgenFigure } from "./confgen.ts";
import { type Cluster, clusterObjects, nodeObject, OWN, tor } from "./confgen-cluster.ts";

const settings = generatorSettings({ node: OWN, version: 33, missingPassword: "hold" }, {});
const folder = mkdtempSync(join(tmpdir(), "calidris-bench-"));
const out = join(folder, "out");
const clock = systemClock();

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function at(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

/** Says all objects of a cluster at once, as after a list; nothing of it is kept. */
function inMemory(cluster: Cluster): Source & { say(stored: StoredObject): void } {
  let onEvent: (event: DatastoreEvent) => void = () => undefined;
  return {
    name: "memory",
    say: (stored) => onEvent({ type: "set", stored }),
    open(options) {
      onEvent = options.onEvent;
      for (const stored of clusterObjects(cluster)) if (isOurs(stored)) onEvent({ type: "set", stored });
      const synced = (wanted: { secrets: readonly string[]; services: boolean }) => onEvent({ type: "synced", wanted });
      synced({ secrets: [], services: false });
      return { want: synced, close: async () => undefined };
    },
  };
}

function isOurs({ kind, object }: StoredObject): boolean {
  return kind !== "BlockAffinity" || (object!.spec as { node: string }).node === OWN;
}

/** The generator with its files; `taken` resolves after the next round. */
async function begin(source: Source) {
  const generations = await openGenerations(out);
  let last: GeneratorOutput | undefined;
  let wake: () => void = () => undefined;
  const generator = createGenerator({
    settings,
    compile: createCompile(),
    sources: [source],
    clock,
    log: (level, event, fields) => level === "error" && console.error(event, fields),
    folder: join(out, "current"),
    async onGeneration(output) {
      last = output;
      await generations.write(output.generation.files);
    },
    onRound: () => wake(),
  });
  const taken = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
    });
  return { generator, generations, taken, last: () => last! };
}

async function start(): Promise<ConfgenFigure[]> {
  const [beganMs, beganCpu] = [performance.now(), cpuMs()];
  const { taken } = await begin(inMemory({ nodes: 5000, affinities: 5000 }));
  await taken();
  const ms = performance.now() - beganMs;
  const mib = process.memoryUsage().rss / 2 ** 20;
  return [
    { name: "start_ms", title: "start with 5000 nodes, files written", value: ms, unit: "ms", bound: 3000 },
    { name: "start_cpu_ms", title: "processor time of it", value: cpuMs() - beganCpu, unit: "ms" },
    { name: "start_mib", title: "memory after it", value: mib, unit: "MiB", bound: 150 },
  ];
}

async function change(): Promise<ConfgenFigure[]> {
  const source = inMemory({ nodes: 1000, affinities: 5000 });
  const { taken } = await begin(source);
  await taken();
  const [waits, costs, peerWaits] = [[] as number[], [] as number[], [] as number[]];
  const one = async (stored: StoredObject) => {
    await pause(50);
    const [beganMs, beganCpu] = [performance.now(), cpuMs()];
    const done = taken();
    source.say(stored);
    await done;
    return [performance.now() - beganMs, cpuMs() - beganCpu] as const;
  };
  // The first few pay for what is compiled by the engine, and for folders that are made anew.
  for (let i = 0; i < 20; i++) await one(nodeObject(1000 + i));
  for (let i = 0; i < 100; i++) {
    const [waited, cost] = await one(nodeObject(1020 + i));
    waits.push(waited);
    costs.push(cost);
  }
  for (let i = 0; i < 50; i++) peerWaits.push((await one(tor(65001 + i)))[0]);
  return [
    {
      name: "add_node_cpu_ms",
      title: "processor time for a node more in a mesh of 1000",
      value: at(costs, 0.5),
      unit: "ms",
      bound: 20,
    },
    { name: "add_node_ms", title: "until its file is in force, p50", value: at(waits, 0.5), unit: "ms" },
    { name: "add_node_p99_ms", title: "the same, p99", value: at(waits, 0.99), unit: "ms" },
    {
      name: "peer_p99_ms",
      title: "a changed BGPPeer until its file is in force, p99",
      value: at(peerWaits, 0.99),
      unit: "ms",
    },
  ];
}

/** 10,000 changes in 5 s. */
async function burst(): Promise<ConfgenFigure[]> {
  const nodes = 1000;
  const source = inMemory({ nodes, affinities: 5000 });
  const { taken, last } = await begin(source);
  await taken();
  const final = new Map<number, StoredObject>();
  const beganCpu = cpuMs();
  for (let step = 0; step < 500; step++) {
    for (let i = 0; i < 20; i++) {
      const index = 1 + ((step * 7919 + i * 104_729) % (nodes + 200));
      const stored = nodeObject(index, index + 5000 * (step & 1));
      final.set(index, stored);
      source.say(stored);
    }
    await pause(10);
  }
  const endedMs = performance.now();
  const ended = [...final.values()];
  const expected = await fresh([...[...clusterObjects({ nodes, affinities: 5000 })].filter(isOurs), ...ended]);
  const differing = () => {
    const now = new Map(last().generation.files.map(({ path, text }) => [path, text]));
    return expected.filter(({ path, text }) => now.get(path) !== text).length + Math.abs(now.size - expected.length);
  };
  for (let rounds = 0; rounds < 20 && differing() > 0; rounds++) await Promise.race([taken(), pause(500)]);
  return [
    {
      name: "burst_differs",
      title: "after 10,000 changes in 5 s, against a fresh start",
      value: differing(),
      unit: "files that differ",
      bound: 0,
    },
    {
      name: "burst_settled_ms",
      title: "from the last of them to the final generation",
      value: performance.now() - endedMs,
      unit: "ms",
    },
    { name: "burst_cpu_ms", title: "processor time for all of them", value: cpuMs() - beganCpu, unit: "ms" },
  ];
}

/** The files of a fresh start. */
async function fresh(objects: readonly StoredObject[]) {
  const { createResourceTable } = await import("../src/confgen/resources/admission.ts");
  const table = createResourceTable();
  for (const stored of objects) table.apply(stored);
  return createCompile()({ ...settings, resources: table.view }).generation!.files;
}

/** Nodes come and change, one at a time, until each has been applied. The first 20 are not counted. */
async function timed(
  changes: number,
  pauseMs: number,
  say: (stored: StoredObject) => void,
  onceApplied: (resolve: () => void) => void,
): Promise<{ readonly waits: readonly number[]; readonly costs: readonly number[] }> {
  const [waits, costs] = [[] as number[], [] as number[]];
  for (let i = 0; i < changes; i++) {
    await pause(pauseMs);
    const [beganMs, beganCpu] = [performance.now(), cpuMs()];
    const done = new Promise<void>(onceApplied);
    say(i % 2 === 0 ? nodeObject(1000 + i) : nodeObject(1 + (i % 900), 9000 + i));
    await done;
    if (i < 20) continue;
    waits.push(performance.now() - beganMs);
    costs.push(cpuMs() - beganCpu);
  }
  return { waits, costs };
}

/** Files of resources, the generator, its files, and a daemon that follows them: all in this one process. */
async function live(): Promise<ConfgenFigure[]> {
  const store = join(folder, "store");
  mkdirSync(store);
  const write = (stored: StoredObject) => {
    const file = join(store, `${stored.kind}-${stored.name}.json`);
    writeFileSync(`${file}.tmp`, `${JSON.stringify(stored.object)}\n`);
    renameSync(`${file}.tmp`, file);
  };
  for (const stored of clusterObjects({ nodes: 1000, affinities: 5000 })) write(stored);
  const { taken } = await begin({ name: "files", open: (options) => openFilesDatastore(store, options) });
  await taken();
  const { createRouter } = await import("../src/daemon/router.ts");
  let applied: () => void = () => undefined;
  let router: Router | undefined;
  const cache = createParseCache();
  await watchConfig(join(out, "current"), {
    onChange(files) {
      const parsed = parseConfig(files, { cache });
      if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join("\n"));
      if (router) router.handle({ from: "config", config: parsed.config });
      else
        router = silentRouter(createRouter, parsed.config, (event) => event === "configuration applied" && applied());
    },
    onProblem: (problems) => console.error(problems),
  });
  const { waits, costs } = await timed(120, 80, write, (resolve) => {
    applied = resolve;
  });
  return [
    {
      name: "live_p50_ms",
      title: "a changed file of 6000 until a daemon with 1000 peers runs by it, p50",
      value: at(waits, 0.5),
      unit: "ms",
    },
    {
      name: "live_cpu_ms",
      title: "processor time for it, generator and daemon together, p50",
      value: at(costs, 0.5),
      unit: "ms",
    },
    { name: "live_p99_ms", title: "the same, p99", value: at(waits, 0.99), unit: "ms", bound: 200 },
  ];
}

/** As `calidris node` has it: an object that changed reaches the router in memory, and the files follow. */
async function sidecar(): Promise<ConfgenFigure[]> {
  const { createRouter } = await import("../src/daemon/router.ts");
  const { createGenerationWriter } = await import("../src/cli/generation-writer.ts");
  const source = inMemory({ nodes: 1000, affinities: 5000 });
  const open = () => openGenerations(out);
  const writer = createGenerationWriter(await open(), open, () => undefined, clock.after);
  let applied: () => void = () => undefined;
  let router: Router | undefined;
  createGenerator({
    settings,
    compile: createCompile(),
    sources: [source],
    clock,
    log: (level, event, fields) => level === "error" && console.error(event, fields),
    folder: join(out, "current"),
    onGeneration(output) {
      writer.write(output);
      if (router) router.handle({ from: "config", config: output.config });
      else
        router = silentRouter(createRouter, output.config, (event) => event === "configuration applied" && applied());
    },
  });
  while (!router) await pause(50);
  const { waits, costs } = await timed(220, 50, source.say, (resolve) => {
    applied = resolve;
  });
  return [
    {
      name: "node_p50_ms",
      title: "a changed Node until the router of the same process runs by it, p50",
      value: at(waits, 0.5),
      unit: "ms",
    },
    { name: "node_cpu_ms", title: "processor time for it, until then", value: at(costs, 0.5), unit: "ms" },
    { name: "node_p99_ms", title: "the same, p99", value: at(waits, 0.99), unit: "ms", bound: 200 },
  ];
}

/** A router whose connections lead nowhere, and that writes no route. */
function silentRouter(
  create: typeof createRouter,
  config: Parameters<typeof createRouter>[1],
  onLog: (event: string) => void,
): Router {
  const nothing = () => undefined;
  const counters = { installed: 0, pending: 0, shadowed: 0, failed: 0, written: 0, errors: 0 };
  const fib: Fib = {
    startProgramming: nothing,
    want: nothing,
    unwant: nothing,
    status: nothing,
    counters: () => ({ ...counters, foreignRepairs: 0, resyncs: 0, adopted: 0 }),
    backlog: () => 0,
    prune: nothing,
    close: async () => undefined,
  };
  const router = create(
    {
      clock,
      random: Math.random,
      log: (_level, event) => onLog(event),
      transport: {
        listen: nothing,
        connect: nothing,
        write: () => true,
        pending: () => 0,
        accepted: () => 0,
        hasUnread: () => false,
        setTtl: nothing,
        setInterface: nothing,
        setKey: () => true,
        health: nothing,
        refused: nothing,
        pauseReading: nothing,
        resumeReading: nothing,
        close: nothing,
      },
      fib,
      restart: { previous: undefined, save: nothing, forget: nothing },
      version: "bench",
      ended: nothing,
      sha256: settings.sha256,
    } as Parameters<typeof createRouter>[0],
    config,
    OWN,
  );
  router.handle({ from: "kernel", event: { kind: "synced" } });
  return router;
}

const RUNS: Readonly<Record<string, () => Promise<ConfgenFigure[]>>> = { start, change, burst, sidecar, live };
const figures = await RUNS[process.argv[2]!]!();
rmSync(folder, { recursive: true, force: true });
process.send!(figures, () => process.exit(0));

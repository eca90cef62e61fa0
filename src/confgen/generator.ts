/**
 * Follows the datastores and gives out configuration generations: resources are admitted as they come, compiled soon after,
 * and a generation is given where its files differ from the last one.
 *
 * What makes a generation is the view of the resources alone, so any order of changes ends in the files of a fresh start. No
 * fault takes away what was given: not a datastore that is away, nor our own Node that is missing, nor a compiled
 * configuration that the daemon would refuse.
 */
import { createParseCache, formatProblem, parseConfig } from "../config/parse.ts";
import type { Datastore, DatastoreEvent, Interest } from "./datastore/datastore.ts";
import { createDatastoreLog, type DatastoreLog } from "./datastore-log.ts";
import { isTrue } from "./environment.ts";
import type { Finding } from "./finding.ts";
import { createFindingLog } from "./finding-log.ts";
import type { Compilation, Generation } from "./generation.ts";
import type {
  GeneratorOptions,
  GeneratorOutput,
  GeneratorStatus,
  Round,
  Source,
  SourceState,
} from "./generator-ports.ts";
import { covers, createInterest } from "./interest.ts";
import { createResourceTable } from "./resources/admission.ts";

export interface Generator {
  status(): GeneratorStatus;
  close(): Promise<void>;
}

/** From the first change after quiet until it is compiled: what belongs together comes together. */
const FIRST_MS = 10;
/** Least pause between two rounds; it is as long as a round took where that is more, so half of the time is left to others. */
const PAUSE_MS = 20;
/** Until a generation that could not be taken is given again. */
const AGAIN_MS = 2000;

interface Followed {
  readonly name: string;
  /** Its status, and since when. */
  readonly said: DatastoreLog;
  /** All that every node needs has been read once. */
  isSynced: boolean;
  /** What it has read, as far as it said. */
  synced: Interest | undefined;
  datastore: Datastore | undefined;
}

export function createGenerator(options: GeneratorOptions): Generator {
  const { clock, log, settings } = options;
  const table = createResourceTable();
  const cache = createParseCache();
  const findings = createFindingLog(log);
  const interest = createInterest(clock);
  const sources = options.sources.map((source) => follow(source));
  let cancel: (() => void) | undefined;
  /** When the planned round is due. */
  let dueMs = Number.POSITIVE_INFINITY;
  let isRunning = false;
  let isDirty = true;
  let isClosed = false;
  let notBeforeMs = Number.NEGATIVE_INFINITY;
  let given: Generation | undefined;
  let refused: Generation | undefined;
  let refusedFor: readonly string[] = [];
  let held: string | undefined;
  let generations = 0;
  let lastMs: number | undefined;

  function follow({ name }: Source): Followed {
    return {
      name,
      isSynced: false,
      said: createDatastoreLog(name, clock, log, meanwhile),
      synced: undefined,
      datastore: undefined,
    };
  }

  function meanwhile(): string {
    return given ? "the running configuration stays" : "nothing of it comes into force before all has been read";
  }

  function onEvent(source: Followed, event: DatastoreEvent): void {
    if (isClosed) return;
    switch (event.type) {
      case "set":
        if (table.apply(event.stored)) changed();
        return;
      case "delete":
        if (table.remove(event.kind, event.name)) changed();
        return;
      case "synced":
        if (!source.isSynced) log("info", "datastore read", { datastore: source.name });
        source.isSynced = true;
        source.synced = event.wanted;
        changed();
        return;
      case "status":
        source.said.take(event.status);
    }
  }

  function changed(): void {
    isDirty = true;
    plan(FIRST_MS);
  }

  /** A round in so many milliseconds, unless one is due before that or runs, and never before the pause is over. */
  function plan(delayMs: number): void {
    if (isClosed || isRunning || !sources.every((source) => source.isSynced)) return;
    const atMs = Math.max(clock.nowMs() + delayMs, notBeforeMs);
    if (cancel && dueMs <= atMs) return;
    // The one that gives up waiting for Secrets must not hold up what comes before it.
    cancel?.();
    dueMs = atMs;
    cancel = clock.after(atMs - clock.nowMs(), () => {
      cancel = undefined;
      void run();
    });
  }

  async function run(): Promise<void> {
    isRunning = true;
    isDirty = false;
    const startMs = clock.nowMs();
    const outcome = await round();
    isRunning = false;
    if (isClosed) return;
    const endMs = clock.nowMs();
    notBeforeMs = endMs + (outcome === "undelivered" ? AGAIN_MS : Math.max(PAUSE_MS, endMs - startMs));
    options.onRound?.({ outcome, findings: findings.present });
    if (isDirty || outcome === "undelivered") plan(0);
    else if (outcome === "waiting" && interest.remainingMs() > 0) plan(interest.remainingMs());
  }

  async function round(): Promise<Round["outcome"]> {
    let compilation: Compilation;
    try {
      compilation = options.compile({ ...settings, resources: table.view });
    } catch (error) {
      return refuse([`the compiler failed: ${traceOf(error)}`], []);
    }
    const asked = interest.ask(compilation);
    if (asked !== "same") for (const { datastore } of sources) datastore?.want(interest.asked);
    // What a datastore has said at once is not in this compilation yet.
    if (asked === "more" || !isComplete()) {
      held = "Secrets or Services are being read for the first time";
      return "waiting";
    }
    let output: ReturnType<typeof outputOf>;
    try {
      output = outputOf(compilation);
    } catch (error) {
      return refuse([`reading the configuration failed: ${traceOf(error)}`], compilation.findings);
    }
    if (typeof output === "string") return output;
    try {
      await options.onGeneration(output);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const before = held;
      held = `the generation could not be taken: ${reason}`;
      // Once for each reason: a full disk stays full.
      if (held !== before) log("error", "generation not taken", { reason, retryInMs: AGAIN_MS });
      return "undelivered";
    }
    given = output.generation;
    generations++;
    lastMs = clock.nowMs();
    held = undefined;
    return "delivered";
  }

  /**
   * Whether what the resources refer to has been read. At the start it is waited for without a bound where it is Services:
   * without them routes that were announced before would be withdrawn. Else a refusal to read one of them must not keep all
   * other changes from the daemon: what depends on it is held closed.
   */
  function isComplete(): boolean {
    const missing = sources.filter(({ synced }) => synced && !covers(synced, interest.asked));
    if (missing.length === 0) {
      interest.satisfied();
      return true;
    }
    if (given === undefined && interest.asked.services && missing.some(({ synced }) => !synced!.services)) return false;
    return interest.remainingMs() <= 0;
  }

  function outputOf(compilation: Compilation): GeneratorOutput | "nothing" | "unchanged" | "refused" {
    const { generation } = compilation;
    findings.set(compilation.findings);
    if (!generation) {
      held = `there is nothing to configure node ${settings.node} with`;
      return "nothing";
    }
    if (given && isSame(given, generation)) {
      held = undefined;
      return "unchanged";
    }
    if (refused && isSame(refused, generation)) return refuse(refusedFor, compilation.findings);
    const files = generation.files.map(({ path, text }) => ({ path: `${options.folder}/${path}`, text }));
    const parsed = parseConfig(files, { cache });
    if (parsed.ok) {
      refused = undefined;
      return { generation, config: parsed.config, warnings: parsed.warnings };
    }
    refused = generation;
    refusedFor = parsed.problems.filter(({ severity }) => severity === "error").map(formatProblem);
    return refuse(refusedFor, compilation.findings);
  }

  /** A fault of ours, never the operator's: the daemon goes on with what it has. */
  function refuse(faults: readonly string[], others: readonly Finding[]): "refused" {
    held = `what was compiled is no valid configuration: ${faults[0]}`;
    const fault = (message: string): Finding => ({
      severity: "error",
      code: "configuration-refused",
      resource: `Node/${settings.node}`,
      message: `${message}; the last configuration stays`,
    });
    findings.set([...others, ...faults.map(fault)]);
    return "refused";
  }

  for (const [i, source] of sources.entries())
    source.datastore = options.sources[i]!.open({
      node: settings.node,
      podCidrs: isTrue(settings.environment.USE_POD_CIDR),
      onEvent: (event) => onEvent(source, event),
    });

  return {
    status: () => ({
      sources: sources.map(({ name, isSynced, said }): SourceState => {
        const { status, sinceMs } = said;
        return { name, isSynced, status, sinceMs };
      }),
      ...(heldNow() !== undefined && { held: heldNow()! }),
      findings: findings.present,
      generations,
      ...(lastMs !== undefined && { lastMs }),
    }),
    async close() {
      isClosed = true;
      cancel?.();
      for (const { said } of sources) said.close();
      await Promise.all(sources.map(({ datastore }) => datastore?.close()));
    },
  };

  function heldNow(): string | undefined {
    const unread = sources.filter(({ isSynced }) => !isSynced).map(({ name }) => name);
    return unread.length > 0 ? `not read yet: ${unread.join(", ")}` : held;
  }
}

function traceOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Files that did not change are the same objects, so this is mostly a look at pointers. */
function isSame(a: Generation, b: Generation): boolean {
  if (a === b) return true;
  return (
    a.files.length === b.files.length &&
    a.files.every((file, i) => {
      const other = b.files[i]!;
      return file === other || (file.path === other.path && file.text === other.text && file.secret === other.secret);
    })
  );
}

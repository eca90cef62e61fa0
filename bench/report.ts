/** Medians, ratios and verdicts of a run, as a table and as data. */
import type { SpeakerKind } from "../interop/peers/kinds.ts";
import type { Measured } from "./swarm.ts";
import { type Bound, METRICS, type Metric, type Work } from "./works.ts";

/**
 * Machines are noisy: a median is near its bound up to here, and a run is a failure only far beyond it. That is told from
 * the best runs of both speakers, which noise can lengthen but never shorten.
 */
const WARN_BEYOND = 1.25;
const FAIL_BEYOND = 2;

export interface WorkResult {
  readonly work: Work;
  readonly runs: Readonly<Partial<Record<SpeakerKind, readonly Measured[]>>>;
}

export interface Verdict {
  readonly work: string;
  readonly metric: Metric;
  readonly speaker: SpeakerKind;
  readonly value: number | null;
  readonly limit: number;
  readonly state: "met" | "missed" | "warning" | "failed";
}

function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return undefined;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

type Statistic = (values: readonly number[]) => number | undefined;

const best: Statistic = (values) => (values.length === 0 ? undefined : Math.min(...values));

function of(statistic: Statistic, runs: readonly Measured[] | undefined, metric: Metric): number | undefined {
  return statistic((runs ?? []).flatMap((run) => (run.fault === undefined ? (run[metric] ?? []) : [])));
}

/** Verdicts on every bound for the speaker under test; without a single good run a bound has failed. */
export function verdicts(result: WorkResult, subject: SpeakerKind, reference: SpeakerKind): Verdict[] {
  return result.work.bounds.flatMap((bound) => {
    const [limit, bestLimit] = [median, best].map((statistic) =>
      limitOf(bound, of(statistic, result.runs[reference], bound.metric)),
    );
    if (limit === undefined || bestLimit === undefined) return [];
    const [value, bestValue] = [median, best].map((statistic) => of(statistic, result.runs[subject], bound.metric));
    const isFailed = bestValue === undefined || bestValue > bestLimit * FAIL_BEYOND;
    const { metric } = bound;
    const state = isFailed ? "failed" : stateOf(value!, limit);
    return [{ work: result.work.name, metric, speaker: subject, value: value ?? null, limit, state }];
  });
}

function limitOf(bound: Bound, base: number | undefined): number | undefined {
  if ("value" in bound.atMost) return bound.atMost.value;
  return base === undefined ? undefined : base * bound.atMost.timesReference;
}

function stateOf(value: number, limit: number): Verdict["state"] {
  if (value > limit * WARN_BEYOND) return "warning";
  return value > limit ? "missed" : "met";
}

const TITLES: Readonly<Record<Metric, string>> = {
  converged_s: "WALL s",
  cpu_s: "CPU s",
  peak_mib: "PEAK MiB",
  flap_p50_ms: "FLAP p50 ms",
  flap_p99_ms: "p99 ms",
  flap_cpu_ms_each: "CPU ms",
};

/** Medians by speaker, each with its ratio to the reference. */
export function table(result: WorkResult, names: ReadonlyMap<SpeakerKind, string>, reference: SpeakerKind): string {
  const metrics = METRICS.filter((metric) => result.work.flaps > 0 || !metric.startsWith("flap"));
  const head = ["SPEAKER", "RUNS", ...metrics.flatMap((metric) => [TITLES[metric], "RATIO"])];
  const rows = [...names].map(([kind, name]) => {
    const runs = result.runs[kind] ?? [];
    const good = runs.filter((run) => run.fault === undefined).length;
    const cells = metrics.flatMap((metric) => {
      const value = of(median, runs, metric);
      const base = of(median, result.runs[reference], metric);
      const ratio = value === undefined || base === undefined || base === 0 ? "-" : (value / base).toFixed(2);
      return [value === undefined ? "-" : value.toFixed(2), kind === reference ? "1" : ratio];
    });
    return [name, good === runs.length ? `${good}` : `${good} of ${runs.length}`, ...cells];
  });
  return aligned([head, ...rows]);
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join("  ");
  return rows.map(line).join("\n");
}

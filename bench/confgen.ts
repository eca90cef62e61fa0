/** What the configuration generator costs: at the start, for a change, and until the daemon has it. */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface ConfgenFigure {
  readonly name: string;
  readonly title: string;
  readonly value: number;
  readonly unit: "ms" | "MiB" | "files that differ";
  /** Not to be more. */
  readonly bound?: number;
}

export const CONFGEN_WORK = "confgen";

/** Each in a process of its own: what it needs of memory is part of it. */
const RUNS = ["start", "change", "burst", "sidecar", "live"] as const;

export async function measureConfgen(): Promise<readonly ConfgenFigure[]> {
  const figures: ConfgenFigure[] = [];
  for (const run of RUNS) figures.push(...(await measured(run)));
  return figures;
}

function measured(run: (typeof RUNS)[number]): Promise<readonly ConfgenFigure[]> {
  const child = fork(fileURLToPath(new URL("confgen-run.js", import.meta.url)), [run], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    // As the command does for itself, the second until the first generation is made.
    execArgv: ["--semi-space-growth-factor=1", ...(run === "start" ? ["--optimize-for-size"] : [])],
  });
  return new Promise((resolve, reject) => {
    child.once("message", (figures) => resolve(figures as readonly ConfgenFigure[]));
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`${CONFGEN_WORK} ${run} ended with ${code}`)));
  });
}

/** Machines are noisy: only this many times its bound is a failure. */
const FAIL_BEYOND = 2;

export function confgenFailed(figures: readonly ConfgenFigure[]): boolean {
  return figures.some(({ value, bound }) => bound !== undefined && value > FAIL_BEYOND * bound);
}

export function confgenLines(figures: readonly ConfgenFigure[]): string[] {
  return [
    `${CONFGEN_WORK}: Calico's datastore to the running configuration`,
    ...figures.map(({ title, value, unit, bound }) => {
      const said = bound === undefined ? "" : `, bound ${bound}: ${value <= bound ? "met" : "missed"}`;
      return `  ${value.toFixed(value < 10 ? 1 : 0).padStart(7)} ${unit}  ${title}${said}`;
    }),
  ];
}

/** Child processes of the laboratory: run to the end, or keep and end by pid. */
import { type ChildProcess, spawn } from "node:child_process";

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Killed after this long; default 120 s. */
  readonly timeoutMs?: number;
  /** A non-zero exit is an answer, not an error. */
  readonly anyExit?: boolean;
}

/** Runs a command to its end. Throws with the command and its last words when it fails. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const [file, ...args] = argv;
  const child = spawn(file!, args, {
    stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    env: options.env ?? process.env,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  let stdout = "";
  let stderr = "";
  child.stdout!.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  if (options.input !== undefined) {
    child.stdin!.on("error", () => {});
    child.stdin!.end(options.input);
  }
  // Not spawn's own timeout: its timer outlives a command that could not be started.
  const timer = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs ?? 120_000);
  const code = await ended(child).finally(() => clearTimeout(timer));
  if (code !== 0 && options.anyExit !== true) {
    const words = (stderr.trim() || stdout.trim()).split("\n").slice(-8).join("\n  ");
    throw new Error(`\`${argv.join(" ").slice(0, 300)}\` exited ${code}:\n  ${words}`);
  }
  return { code, stdout, stderr };
}

/** The exit code, 128 + n for a signal, -1 where the command could not be started. */
export function ended(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(code ?? (signal === null ? -1 : 137)));
  });
}

export interface PollOptions {
  readonly deadlineMs?: number;
  readonly everyMs?: number;
  /** Called for the message when the deadline passes. */
  readonly explain?: () => Promise<string> | string;
}

/** Where things work it costs nothing; a machine that is busy otherwise may be many times slower than an idle one. */
const DEADLINE_MS = Number(process.env.INTEROP_DEADLINE_MS ?? 90_000);

/** Asks until the answer is not undefined or false. The deadline only ends a test that hangs; it is no bound. */
export async function poll<T>(
  what: string,
  ask: () => Promise<T | undefined | false>,
  options: PollOptions = {},
): Promise<T> {
  const until = performance.now() + (options.deadlineMs ?? DEADLINE_MS);
  let fault: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
      fault = undefined;
    } catch (error) {
      fault = error;
    }
    if (performance.now() > until) break;
    await new Promise((resolve) => setTimeout(resolve, options.everyMs ?? 150));
  }
  const more = options.explain === undefined ? "" : `\n${await options.explain()}`;
  throw new Error(`Waited in vain for: ${what}${fault === undefined ? "" : ` (${String(fault)})`}${more}`);
}

/** Runs compiled test files with a readable report; returns the exit code. */
export function runTests(files: readonly string[], env: NodeJS.ProcessEnv, filter?: string): Promise<number> {
  const pattern = filter === undefined ? [] : [`--test-name-pattern=${filter}`];
  const argv = ["--test", "--test-reporter=spec", ...pattern, ...files];
  return ended(spawn(process.execPath, argv, { stdio: "inherit", env: { ...process.env, ...env } }));
}

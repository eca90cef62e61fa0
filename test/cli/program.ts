/** The compiled command line as a child process. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts a program in a network of its own; it ends with us, in whatever way that is. */
export const OWN_NETWORK = [
  ...["unshare", ...(process.getuid!() === 0 ? [] : ["--user", "--map-root-user"]), "--net"],
  ...["setpriv", "--pdeathsig", "SIGKILL"],
];

export interface CallOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** A command line that starts the program. */
  readonly before?: readonly string[];
  /** Written to its standard input. */
  readonly input?: string;
}

/** Nothing of the caller's environment that changes what is printed. */
function environment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const env = { ...process.env };
  for (const name of ["CALIDRIS_SOCKET", "COLUMNS", "NO_COLOR", "SHELL", "XDG_RUNTIME_DIR"]) delete env[name];
  return { ...env, ...extra };
}

export function start(args: readonly string[], { env, before = [], input }: CallOptions = {}) {
  const [file, ...rest] = [...before, process.execPath, MAIN, ...args];
  const child = spawn(file!, rest, { env: environment(env), stdio: ["pipe", "pipe", "pipe"] });
  // It may end before it has read anything.
  child.stdin.on("error", () => {}).end(input ?? "");
  return child;
}

export function call(args: readonly string[], options?: CallOptions): Promise<Finished> {
  const child = start(args, options);
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
}

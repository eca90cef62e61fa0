/** `calidris demo`: makes the namespaces, watches over the demonstration, and clears up behind it. */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { callControl } from "../io/system/control-client.ts";
import type { DemoPlan } from "./demo-plan.ts";
import { CliError, EXIT } from "./exit-codes.ts";
import { demoFolder } from "./socket-path.ts";

/** Later than the demonstration's own deadline. */
const KILL_AFTER_MS = 57_000;
/** The time it gets to end by itself. */
const GRACE_MS = 3000;
const PARENT_CHECK_MS = 1000;

export async function runDemo(options: { readonly once: boolean }): Promise<void> {
  const isRoot = process.getuid?.() === 0;
  const namespaces = findNamespaces(isRoot);
  const folder = await makeFolder();
  const socket = join(folder, "control.sock");
  const isUsual = folder === demoFolder();
  const plan: DemoPlan = {
    folder,
    socket,
    once: options.once,
    command: isUsual ? ownCommand() : `CALIDRIS_SOCKET=${socket} ${ownCommand()}`,
  };
  try {
    process.exitCode = await play(namespaces, plan);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Options of unshare that work here. Throws with what to do where none do. */
function findNamespaces(isRoot: boolean): readonly string[] {
  const plain = ["--net", "--pid", "--fork", "--kill-child"];
  const mapped = ["--user", "--map-root-user", ...plain];
  for (const options of isRoot ? [plain, mapped] : [mapped]) {
    const { status, error } = spawnSync("unshare", [...options, "true"], { stdio: "ignore" });
    if (error) throw new CliError(EXIT.error, `The demonstration needs \`unshare\` of util-linux: ${error.message}`);
    if (status === 0) return options;
  }
  throw new CliError(
    EXIT.error,
    isRoot
      ? "The demonstration needs network namespaces, which are not allowed here: give this container CAP_SYS_ADMIN"
      : "The demonstration needs network namespaces, which are not allowed here: run it with sudo, or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1)",
  );
}

/** The folder where other commands look; another one while that is somebody else's, or a demonstration runs there. */
async function makeFolder(): Promise<string> {
  const usual = demoFolder();
  try {
    mkdirSync(usual, { mode: 0o700 });
    return usual;
  } catch {
    const isOurs = statSync(usual, { throwIfNoEntry: false })?.uid === process.getuid?.();
    const answered = await callControl(join(usual, "control.sock"), { command: "status" }).then(
      () => true,
      () => false,
    );
    if (!isOurs || answered) return mkdtempSync(join(tmpdir(), "calidris-demo-"));
    // Left over from one that was killed together with all that it had started.
    rmSync(usual, { recursive: true, force: true });
    mkdirSync(usual, { mode: 0o700 });
    return usual;
  }
}

/** As this program was called. */
function ownCommand(): string {
  const called = process.argv[1] ?? "calidris";
  if (basename(called) !== "main.js") return basename(called);
  const near = relative(process.cwd(), called);
  return `node ${near.length < called.length ? near : called}`;
}

/** Runs the stage; its exit code. It ends when its standard input does, so also when we are killed. */
async function play(namespaces: readonly string[], plan: DemoPlan): Promise<number> {
  const stage = fileURLToPath(new URL("./demo-stage.js", import.meta.url));
  // In a session of its own: Ctrl-C reaches us alone, and we end it in order.
  const child = spawn("unshare", [...namespaces, process.execPath, stage, JSON.stringify(plan)], {
    stdio: ["pipe", "inherit", "inherit"],
    detached: true,
  });
  child.stdin!.on("error", () => undefined);
  let isInterrupted = false;
  let grace: NodeJS.Timeout | undefined;
  const end = () => {
    isInterrupted = true;
    child.stdin!.end();
    // unshare takes the stage with it, and the stage is the first process of its namespace.
    grace ??= setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, end);
  const deadline = plan.once ? setTimeout(() => child.kill("SIGKILL"), KILL_AFTER_MS) : undefined;
  // Whoever started us may have been killed without a word.
  const parent = process.ppid;
  const watch = setInterval(() => process.ppid !== parent && end(), PARENT_CHECK_MS);
  const code = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => resolve(status ?? EXIT.error));
  });
  for (const timer of [deadline, grace, watch]) clearTimeout(timer);
  for (const signal of signals) process.off(signal, end);
  if (!isInterrupted) return code;
  return plan.once ? EXIT.error : EXIT.ok;
}

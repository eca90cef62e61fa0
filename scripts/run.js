// node scripts/run.js COMMAND [arguments]: brings dependencies and the build up to date, then runs the command.
//
//   demo          the demonstration             test:unit    tests of the pure parts
//   test          the whole suite               test:matrix  every speaker, containers included
//   interop       scenarios with other daemons  bench        benchmarks
//
// test and test:unit take file names or parts of them to run only those. Environment: CALIDRIS_CACHE is the folder for
// downloads (default: .cache in the checkout); CI=true turns skipped suites into failures.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { cache, fail, filesUnder, prepare, root } from "./prepare.js";

// Folders of test/ that need no system call beyond a file.
const unit = ["ip", "bgp", "policy", "rib", "fib", "config", "confgen", "control", "daemon", "layers"];

const programs = {
  demo: () => ["dist/src/cli/main.js", "demo"],
  interop: () => ["dist/interop/main.js"],
  "test:matrix": () => ["dist/interop/main.js", "--matrix"],
  bench: () => ["dist/bench/main.js"],
};

const [command, ...args] = process.argv.slice(2);
if (command === "test") start(testArguments(args), { TMPDIR: scratchFolder() });
else if (command === "test:unit") start(testArguments(args, unit), { TMPDIR: scratchFolder() });
else if (command !== undefined && Object.hasOwn(programs, command)) {
  prepare();
  const [file, ...fixed] = programs[command]();
  if (!existsSync(join(root, file))) fail(`Cannot run ${command}: ${file} was not built (its source is missing)`);
  // The demonstration's folder has its usual place, where other commands look for it.
  start([file, ...fixed, ...args], command === "demo" ? {} : { TMPDIR: scratchFolder() });
} else {
  fail(`Usage: node scripts/run.js ${["test", "test:unit", ...Object.keys(programs)].join("|")} [arguments]`);
}

function testArguments(patterns, folders) {
  prepare();
  const all = filesUnder(join(root, "dist", "test")).filter((file) => file.endsWith(".test.js"));
  const options = patterns.filter((pattern) => pattern.startsWith("-"));
  const names = patterns.filter((pattern) => !pattern.startsWith("-")).map((name) => name.replace(/\.ts$/, ".js"));
  const chosen = all.filter(
    (file) =>
      (folders === undefined || folders.includes(file.split("/")[0])) &&
      (names.length === 0 || names.some((name) => `dist/test/${file}`.includes(name) || `test/${file}`.includes(name))),
  );
  // Without a file the runner would search the whole folder, and find nothing to be a success.
  if (chosen.length === 0) fail(`No test file matches ${names.join(" ") || "the command"}`);
  const files = chosen.map((file) => `dist/test/${file}`);
  // Two files at a time; each has 20 minutes, the budget of the whole suite.
  return ["--test", "--test-concurrency=2", "--test-timeout=1200000", "--test-reporter=spec", ...options, ...files];
}

// The temporary folder of the run, gone when it ends: tests that are interrupted clear up nothing. Those of runs that were
// killed go a day later.
function scratchFolder() {
  const old = Date.now() - 24 * 3600_000;
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith("calidris-run-"))) {
    const folder = join(tmpdir(), name);
    const found = statSync(folder, { throwIfNoEntry: false });
    if (found && found.uid === process.getuid() && found.mtimeMs < old)
      rmSync(folder, { recursive: true, force: true });
  }
  const folder = mkdtempSync(join(tmpdir(), "calidris-run-"));
  // A process that is still ending may write once more.
  process.on("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

// Standard streams, signals and the exit code are the command's own.
function start(nodeArguments, environment) {
  const child = spawn(process.execPath, ["--enable-source-maps", ...nodeArguments], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, CALIDRIS_CACHE: cache, ...environment },
  });
  // Ctrl-C reaches the child by the terminal; a signal sent to us alone is passed on.
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  process.on("SIGINT", () => undefined);
  child.on("error", (error) => fail(`Cannot start node: ${error.message}`));
  child.on("exit", (code, signal) => {
    process.exit(signal ? 128 + constants.signals[signal] : (code ?? 1));
  });
}

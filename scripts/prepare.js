// Brings dependencies and the build of this checkout up to date. Plain JavaScript on node: modules only, because it
// runs before anything is installed.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  constants,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

// Downloads and whatever else is worth keeping between runs. CALIDRIS_CACHE moves it out of the checkout.
export const cache = process.env.CALIDRIS_CACHE || join(root, ".cache");

const minimum = [20, 19];
const sources = ["src", "test", "bench", "interop"];

export function prepare() {
  checkNode();
  withLock(() => {
    installDependencies();
    removeOrphans();
    build();
  });
}

function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > minimum[0] || (major === minimum[0] && minor >= minimum[1])) return;
  fail(`Node ${minimum.join(".")} or newer is needed; this is ${process.version}`);
}

// Two runs in one checkout must not install or build at once: the second waits for the first. The lock is the kernel's and
// belongs to our descriptor, which flock(1) only inherits: it is free when we end, in whatever way.
function withLock(work) {
  const path = join(cache, "build.lock");
  mkdirSync(cache, { recursive: true });
  const lock = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o666);
  try {
    if (!takeLock(lock, "--nonblock")) {
      console.error(
        `Waiting for process ${readFileSync(path, "utf8") || "?"}, which installs or builds here (${path})`,
      );
      if (!takeLock(lock, "--exclusive")) fail(`Cannot lock ${path}`);
    }
    ftruncateSync(lock);
    writeSync(lock, String(process.pid), 0);
    work();
  } finally {
    closeSync(lock);
  }
}

function takeLock(descriptor, how) {
  const { status, error } = spawnSync("flock", [how, "3"], { stdio: ["ignore", 2, 2, descriptor] });
  // Without util-linux nobody else here has a lock either.
  return error?.code === "ENOENT" || status === 0;
}

function installDependencies() {
  const modules = join(root, "node_modules");
  const stamp = join(modules, ".calidris-lock-hash");
  const hash = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8").trim() === hash) return;
  if (isComplete(modules)) return;
  console.error("Installing dependencies (npm ci)");
  // NODE_ENV=production or npm's own "omit" would leave out the compiler.
  const env = { ...process.env };
  delete env.NODE_ENV;
  delete env.npm_config_omit;
  delete env.npm_config_production;
  run("npm", ["ci", "--include=dev", "--include=optional", "--ignore-scripts", "--no-audit", "--no-fund"], env);
  writeFileSync(stamp, `${hash}\n`);
}

// npm's own record of what it installed: packages brought by hand, or linked from elsewhere, are good when they are
// the ones of the lock file.
function isComplete(modules) {
  try {
    const hidden = JSON.parse(readFileSync(join(modules, ".package-lock.json"), "utf8")).packages;
    const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
    return Object.entries(wanted).every(
      ([name, entry]) => name === "" || entry.optional || hidden[name]?.version === entry.version,
    );
  } catch {
    return false;
  }
}

// A compiled test whose source is gone would still run.
function removeOrphans() {
  for (const folder of sources) {
    const compiled = join(root, "dist", folder);
    for (const file of filesUnder(compiled)) {
      const match = /^(.*?)\.(js|js\.map|d\.ts|d\.ts\.map)$/.exec(file);
      if (!match) continue;
      const base = join(root, folder, match[1]);
      if (existsSync(`${base}.ts`) || existsSync(`${base}.js`) || existsSync(`${base}.d.ts`)) continue;
      rmSync(join(compiled, file));
    }
  }
}

// Paths below the folder, in a stable order; none when it does not exist.
export function filesUnder(folder, prefix = "") {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) =>
    entry.isDirectory() ? filesUnder(join(folder, entry.name), `${prefix}${entry.name}/`) : [`${prefix}${entry.name}`],
  );
}

// tsc -b looks at times and hashes itself; when nothing changed it takes a fraction of a second.
function build() {
  run(process.execPath, [join("node_modules", "typescript", "bin", "tsc"), "-b", "--pretty", "false"], process.env);
  writeSchema();
}

// The JSON Schema of the configuration is made from the compiled definition, when that is newer.
function writeSchema() {
  const folder = join(root, "dist", "src", "config");
  if (!existsSync(join(folder, "json-schema.js"))) return;
  const schema = join(root, "dist", "schema", "config.schema.json");
  const newest = Math.max(...filesUnder(folder).map((file) => statSync(join(folder, file)).mtimeMs));
  if (existsSync(schema) && statSync(schema).mtimeMs > newest) return;
  run(process.execPath, ["scripts/schema.js"], process.env);
}

function run(command, args, env) {
  // Standard output belongs to the command that is run afterwards.
  const result = spawnSync(command, args, { cwd: root, env, stdio: ["ignore", 2, 2] });
  if (result.error) fail(`Cannot run ${command}: ${result.error.message}`);
  if (result.status !== 0)
    fail(`${command} ${args.join(" ")} ended with ${result.signal ?? `exit code ${result.status}`}`);
}

export function fail(message) {
  console.error(message);
  process.exit(1);
}

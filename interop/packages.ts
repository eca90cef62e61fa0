/**
 * Programs from Debian's packages, downloaded and unpacked into a cache folder. Nothing is installed: apt works on a state
 * of its own (package lists, archives) with the machine's sources and the machine's list of installed packages, so that what
 * is downloaded is exactly what the machine lacks.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { run } from "./process.ts";

/** What can be unpacked; each gets a folder of its own, so bird and bird2 live side by side. */
const TREES = {
  bird2: { packages: ["bird2"], accounts: ["bird"] },
  bird1: { packages: ["bird"], accounts: ["bird"] },
  frr: { packages: ["frr"], accounts: ["frr", "frrvty"] },
  iproute2: { packages: ["iproute2"], accounts: [] },
  ping: { packages: ["iputils-ping"], accounts: [] },
  gcc: { packages: ["gcc", "libc6-dev"], accounts: [] },
  gobgp: { packages: ["gobgpd"], accounts: ["gobgp"] },
  openbgpd: { packages: ["openbgpd"], accounts: ["_bgpd", "_openbgpd"] },
  exabgp: { packages: ["exabgp"], accounts: ["exabgp"] },
  podman: { packages: ["podman", "crun"], accounts: [] },
  etcd: { packages: ["etcd-server"], accounts: [] },
  openssl: { packages: ["openssl"], accounts: [] },
  // Whole roots for containers: with all dependencies, as if nothing were installed.
  "bird2-root": { packages: ["bird2", "coreutils", "dash"], accounts: ["bird"], isRoot: true },
  "bird1-root": { packages: ["bird", "coreutils", "dash"], accounts: ["bird"], isRoot: true },
  "frr-root": { packages: ["frr", "coreutils", "dash"], accounts: ["frr", "frrvty"], isRoot: true },
  "node-root": { packages: ["libstdc++6", "coreutils", "dash"], accounts: [], isRoot: true },
} as const satisfies Record<string, TreeRecipe>;

interface TreeRecipe {
  readonly packages: readonly string[];
  /** Users, each with a group of its own. */
  readonly accounts: readonly string[];
  readonly isRoot?: boolean;
}

export type TreeName = keyof typeof TREES;

/** Raised when what is done with the packages changes, so that old folders are made anew. */
const RECIPE = 6;
const LISTS_VALID_MS = 24 * 3600_000;

/** `CALIDRIS_CACHE`, else `.cache` in the working directory, which npm sets to the repository's root. */
export function cacheFolder(): string {
  return resolve(process.env.CALIDRIS_CACHE ?? ".cache");
}

const made = new Map<TreeName, Promise<string>>();

/** The folder of an unpacked program, made first where it is missing. Safe to call from many processes at once. */
export function unpacked(name: TreeName): Promise<string> {
  let tree = made.get(name);
  if (tree === undefined) {
    tree = make(name);
    made.set(name, tree);
  }
  return tree;
}

async function make(name: TreeName): Promise<string> {
  const cache = cacheFolder();
  // The recipe is part of the name: checkouts of different ages may share a cache, and no folder in use is ever replaced.
  const tree = join(cache, "trees", `${name}-${await stampOf(name)}`);
  if (existsSync(tree)) return tree;
  await mkdir(join(cache, "trees"), { recursive: true });
  const unlock = await lock(join(cache, "packages.lock"));
  try {
    if (existsSync(tree)) return tree;
    const archives = await download(cache, name);
    const fresh = `${tree}.new`;
    await rm(fresh, { recursive: true, force: true });
    await mkdir(fresh, { recursive: true });
    for (const archive of archives) await run(["dpkg", "-x", archive, fresh]);
    await mergeIntoUsr(fresh);
    await run(["find", fresh, "-perm", "/6000", "-type", "f", "-exec", "chmod", "ug-s", "{}", "+"]);
    if (isWholeRoot(name)) await completeRoot(fresh);
    await addAccounts(fresh, TREES[name].accounts);
    await rename(fresh, tree);
    return tree;
  } finally {
    unlock();
  }
}

/** The version of an unpacked program's package, as Debian counts it. */
export async function versionOf(name: TreeName): Promise<string> {
  const archives = await readdir(join(cacheFolder(), "archives", name));
  const own = archives.find((archive) => archive.startsWith(`${TREES[name].packages[0]}_`));
  return own === undefined ? "?" : own.split("_")[1]!.replace(/%3a/i, ":");
}

function isWholeRoot(name: TreeName): boolean {
  return (TREES[name] as TreeRecipe).isRoot === true;
}

/** What the install scripts of Debian's base packages would have made. */
async function completeRoot(root: string): Promise<void> {
  for (const folder of [
    "dev",
    "proc",
    "sys",
    "run",
    "tmp",
    "root",
    "etc/pam.d",
    "var/tmp",
    "usr/bin",
    "usr/sbin",
    "usr/lib",
  ])
    await mkdir(join(root, folder), { recursive: true });
  for (const folder of ["bin", "sbin", "lib", "lib64"])
    if (existsSync(join(root, "usr", folder))) await symlink(`usr/${folder}`, join(root, folder));
  await rm(join(root, "usr/bin/sh"), { force: true });
  await symlink("dash", join(root, "usr/bin/sh"));
  await rm(join(root, "var/run"), { recursive: true, force: true });
  await symlink("/run", join(root, "var/run"));
  await writeFile(join(root, "etc/passwd"), "root:x:0:0::/root:/bin/sh\n");
  await writeFile(join(root, "etc/group"), "root:x:0:\n");
  await writeFile(join(root, "etc/pam.d/other"), "auth required pam_permit.so\naccount required pam_permit.so\n");
}

async function stampOf(name: TreeName): Promise<string> {
  const release = await readFile("/etc/os-release", "utf8");
  const version = /^VERSION_ID=.*$/m.exec(release)?.[0] ?? "";
  const user = process.getuid!() === 0 ? "root" : "user";
  const text = [RECIPE, user, process.arch, version, ...TREES[name].packages].join(" ");
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}

/** Holds a file lock until the returned function is called, or this process ends in whatever way. */
export async function lock(file: string): Promise<() => void> {
  const child = spawn("flock", ["-x", file, "sh", "-c", "echo locked; cat"], { stdio: ["pipe", "pipe", "inherit"] });
  await new Promise<void>((done, fail) => {
    child.once("error", fail);
    child.once("exit", (code) => fail(new Error(`flock ${file} exited ${code}`)));
    child.stdout.once("data", () => done());
  });
  return () => child.stdin.end();
}

/** Downloads packages with what the machine lacks of their dependencies; returns the archives' paths. */
async function download(cache: string, name: TreeName): Promise<string[]> {
  const archives = join(cache, "archives", name);
  const apt = join(cache, "apt");
  for (const folder of [join(archives, "partial"), join(apt, "state/lists/partial"), join(apt, "cache")])
    await mkdir(folder, { recursive: true });
  await writeFile(join(apt, "clean.conf"), HOOKS_OFF);
  await writeFile(join(apt, "nothing-installed"), "");
  const options = [
    ...["-c", join(apt, "clean.conf")],
    ...["-o", `Dir::State=${join(apt, "state")}`],
    ...["-o", `Dir::State::status=${isWholeRoot(name) ? join(apt, "nothing-installed") : "/var/lib/dpkg/status"}`],
    ...["-o", `Dir::Cache=${join(apt, "cache")}`],
    ...["-o", `Dir::Cache::Archives=${archives}`],
    ...["-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=true", "-o", "Acquire::Retries=3"],
  ];
  const update = () => run(["apt-get", ...options, "-qq", "update"], { timeoutMs: 300_000 });
  const fetch = () =>
    run(
      [
        ...["apt-get", ...options, "install", "--download-only", "--reinstall", "--no-install-recommends", "-qq", "-y"],
        ...TREES[name].packages,
      ],
      { timeoutMs: 600_000 },
    );
  if (await areListsOld(apt)) {
    await update();
    await writeFile(join(apt, "updated"), "");
    await fetch();
  } else {
    // Lists of yesterday may name archives that are gone.
    await fetch().catch(() => update().then(fetch));
  }
  const files = await readdir(archives);
  return files.filter((file) => file.endsWith(".deb")).map((file) => join(archives, file));
}

/** Image builders leave hooks in apt's configuration that empty the machine's own archive folder. */
const HOOKS_OFF = `#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
APT::Keep-Downloaded-Packages "true";
`;

async function areListsOld(apt: string): Promise<boolean> {
  const updated = await stat(join(apt, "updated")).catch(() => undefined);
  return updated === undefined || Date.now() - updated.mtimeMs > LISTS_VALID_MS;
}

/** Debian's root has /lib, /bin and /sbin as links into /usr; a real folder laid over them would hide the loader. */
async function mergeIntoUsr(tree: string): Promise<void> {
  for (const folder of ["lib", "lib64", "bin", "sbin"]) {
    if (!existsSync(join(tree, folder))) continue;
    await run(["mkdir", "-p", join(tree, "usr", folder)]);
    await run(["cp", "-a", `${join(tree, folder)}/.`, `${join(tree, "usr", folder)}/`]);
    await rm(join(tree, folder), { recursive: true });
  }
}

/**
 * Users and groups that a package's install script would have made. Where we are not root there is only one user in the
 * namespace, so all of them are that one.
 */
async function addAccounts(tree: string, accounts: readonly string[]): Promise<void> {
  if (accounts.length === 0) return;
  await mkdir(join(tree, "etc"), { recursive: true });
  const read = (file: string) => readFile(join(tree, file), "utf8").catch(() => readFile(join("/", file), "utf8"));
  let passwd = await read("etc/passwd");
  let group = await read("etc/group");
  for (const [index, account] of accounts.entries()) {
    const id = process.getuid!() === 0 ? 810 + index : 0;
    if (!new RegExp(`^${account}:`, "m").test(passwd))
      passwd += `${account}:x:${id}:${id}::/nonexistent:/usr/sbin/nologin\n`;
    if (!new RegExp(`^${account}:`, "m").test(group)) group += `${account}:x:${id}:${accounts[0]}\n`;
  }
  await writeFile(join(tree, "etc/passwd"), passwd);
  await writeFile(join(tree, "etc/group"), group);
}

/** A tool of the machine, or undefined. Looks where root's tools are too. */
export function machineTool(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/sbin", "/usr/bin", "/bin"];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** A command line for a tool: the machine's, else one from an unpacked folder with its libraries. */
export async function tool(name: string, from: TreeName): Promise<string[]> {
  const own = machineTool(name);
  if (own !== undefined) return [own];
  const tree = await unpacked(from);
  const path = ["usr/sbin", "usr/bin"].map((folder) => join(tree, folder, name)).find((file) => existsSync(file));
  if (path === undefined) throw new Error(`Package ${from} has no ${name}`);
  const libraries = await readdir(join(tree, "usr/lib"), { withFileTypes: true }).catch(() => []);
  const folders = libraries
    .filter((entry) => entry.name.includes("-linux-gnu"))
    .map((e) => join(tree, "usr/lib", e.name));
  return ["env", `LD_LIBRARY_PATH=${folders.join(":")}`, path];
}

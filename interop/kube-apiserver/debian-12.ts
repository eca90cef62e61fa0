/**
 * Packages and sources of Debian 12, whatever Debian the machine is: apt with package lists of its own, a list of sources
 * of its own, and nothing counted as installed.
 */
import { mkdir, readdir, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cacheFolder } from "../packages.ts";
import { run } from "../process.ts";

const KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg";
const MIRROR = process.env.DEBIAN_MIRROR ?? "http://deb.debian.org/debian";

/** Downloads the packages themselves, without what they depend on. */
export async function downloadPackages(folder: string, packages: readonly string[]): Promise<void> {
  const options = await ownApt();
  await mkdir(folder, { recursive: true });
  await run(["apt-get", ...options, "-qq", "download", ...packages], { cwd: folder, timeoutMs: 600_000 });
}

/** Downloads a source package and unpacks its upstream archive (without Debian's patches) as `to`. */
export async function downloadSource(folder: string, name: string, to: string): Promise<void> {
  const options = await ownApt();
  await mkdir(folder, { recursive: true });
  await run(["apt-get", ...options, "-qq", "source", "--download-only", name], { cwd: folder, timeoutMs: 900_000 });
  const archive = (await readdir(folder)).find((file) => /\.orig\.tar\.\w+$/.test(file));
  if (archive === undefined) throw new Error(`The source package ${name} has no upstream archive`);
  const unpacked = join(folder, "unpacked");
  await mkdir(unpacked, { recursive: true });
  await run(["tar", "-xf", join(folder, archive), "-C", unpacked, "--strip-components=1"], { timeoutMs: 600_000 });
  await mkdir(dirname(to), { recursive: true });
  await rename(unpacked, to);
}

let options: Promise<string[]> | undefined;

/** Options that keep apt away from the machine's state; the package lists are read once per process. */
function ownApt(): Promise<string[]> {
  options ??= prepare();
  return options;
}

async function prepare(): Promise<string[]> {
  const apt = join(cacheFolder(), "apt-debian-12");
  for (const part of ["state/lists/partial", "cache/archives/partial", "parts"])
    await mkdir(join(apt, part), { recursive: true });
  const lines = ["deb", "deb-src"].map((type) => `${type} [signed-by=${KEYS}] ${MIRROR} bookworm main\n`);
  await writeFile(join(apt, "sources.list"), lines.join(""));
  await writeFile(join(apt, "nothing-installed"), "");
  const own = [
    ...["-o", `Dir::State=${join(apt, "state")}`, "-o", `Dir::State::status=${join(apt, "nothing-installed")}`],
    ...["-o", `Dir::Cache=${join(apt, "cache")}`, "-o", `Dir::Etc::SourceList=${join(apt, "sources.list")}`],
    ...["-o", `Dir::Etc::SourceParts=${join(apt, "parts")}`, "-o", "APT::Sandbox::User=root"],
    ...["-o", "Debug::NoLocking=true", "-o", "Acquire::Retries=3", "-o", "Acquire::Languages=none"],
  ];
  await run(["apt-get", ...own, "-qq", "update"], { timeoutMs: 300_000 });
  return own;
}

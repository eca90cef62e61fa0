/**
 * Speakers in containers: podman from its unpacked package, on whole roots made of packages. The containers join the lab's
 * own networks, so plans and scenarios are the same as without.
 */
import { existsSync, realpathSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SHARED } from "./overlay.ts";
import { type TreeName, unpacked } from "./packages.ts";
import { poll, run } from "./process.ts";

/** Packages with a whole root of their own; what has none brings its program along and runs on a bare root. */
export type Program = "bird1" | "bird2" | "frr" | "gobgp" | "openbgpd" | "exabgp";

/** dist/interop/ → the checkout, which our own daemon needs to see. */
const CHECKOUT = fileURLToPath(new URL("../..", import.meta.url));

/** Where the packages really are: `node_modules` may be a link. */
const MODULES = realpathSync(`${CHECKOUT}/node_modules`);

export interface ContainerSpec {
  /** Command that enters the lab: podman's mounts and processes stay in there. */
  readonly enter: readonly string[];
  /** The lab's first process, as the machine counts. */
  readonly labPid: number;
  readonly labFolder: string;
  readonly node: string;
  readonly title: string;
  readonly shared: string;
  readonly logFile: string;
  readonly program?: Program;
  readonly argv: readonly string[];
}

/** What a lab needs once before its first container: podman's locks and the newer cgroup tree are hidden from it. */
export const CONTAINER_MOUNTS = `umount -l /sys/fs/cgroup/unified 2>/dev/null || true
mount -t tmpfs tmpfs /dev/shm
`;

/** Starts a container; returns its first process as the machine counts. */
export async function startContainer(spec: ContainerSpec): Promise<number> {
  const podman = await podmanCommand(spec.labFolder);
  const root = await unpacked(`${spec.program ?? "node"}-root` as TreeName);
  const own = spec.program === undefined ? volumes(process.execPath, CHECKOUT, MODULES) : [];
  const name = `${spec.node}-${spec.title}`;
  const capabilities = spec.program === "frr" ? "NET_ADMIN,NET_RAW,SYS_ADMIN" : "NET_ADMIN,NET_RAW";
  const command = [
    ...[...spec.enter, ...podman, "run", "--detach", "--replace", "--name", name, "--cgroups=disabled"],
    ...["--network", `ns:/run/netns/${spec.node}`, "--cap-add", capabilities],
    ...["--log-driver", "k8s-file", "--log-opt", `path=${spec.logFile}`],
    ...["--volume", `${spec.shared}:${SHARED}`, "--volume", `${spec.shared}:${spec.shared}`, ...own],
    ...["--rootfs", `${root}:O`, ...spec.argv],
  ];
  await run(command);
  const { stdout } = await run([...spec.enter, ...podman, "inspect", "--format", "{{.State.Pid}}", name]);
  const pid = Number(stdout);
  const found = pid === 0 ? undefined : await machinePid(spec.labPid, pid).catch(() => undefined);
  if (found !== undefined) return found;
  throw new Error(`Container ${name} ended at once:\n${await readFile(spec.logFile, "utf8").catch(() => "")}`);
}

function volumes(...paths: readonly string[]): string[] {
  const seen = [...new Set(paths.map((path) => path.replace(/\/$/, "")))].filter((path) => existsSync(path));
  return seen.flatMap((path) => ["--volume", `${path}:${path}:ro`]);
}

const commands = new Map<string, Promise<string[]>>();

/** Of a lab; its containers start at the same time, and none may see a file of another one half written. */
function podmanCommand(labFolder: string): Promise<string[]> {
  let command = commands.get(labFolder);
  if (command === undefined) {
    command = setUpPodman(labFolder);
    commands.set(labFolder, command);
  }
  return command;
}

/** podman with its helpers, all out of the unpacked package, keeping its state in the lab. */
async function setUpPodman(labFolder: string): Promise<string[]> {
  const tree = await unpacked("podman");
  const folder = join(labFolder, "podman");
  const runtime = join(folder, "crun");
  const config = join(folder, "containers.conf");
  const library = (await readdir(join(tree, "usr/lib"))).find((entry) => entry.includes("-linux-gnu")) ?? "";
  const libraries = join(tree, "usr/lib", library);
  await mkdir(folder, { recursive: true });
  // podman gives its runtime an environment without the library path.
  await writeFile(runtime, `#!/bin/sh\nLD_LIBRARY_PATH=${libraries} exec ${tree}/usr/bin/crun "$@"\n`);
  await chmod(runtime, 0o755);
  await writeFile(
    config,
    `[containers]
default_ulimits = ["nofile=20000:20000", "nproc=10000:10000"]
[engine]
runtime = "crun"
cgroup_manager = "cgroupfs"
events_logger = "none"
conmon_path = ["${tree}/usr/bin/conmon"]
[engine.runtimes]
crun = ["${runtime}"]
`,
  );
  const state = ["--root", join(folder, "root"), "--runroot", "/run/podman", "--storage-driver", "vfs"];
  const environment = [`LD_LIBRARY_PATH=${libraries}`, `CONTAINERS_CONF=${config}`];
  return ["env", ...environment, join(tree, "usr/bin/podman"), ...state];
}

/** The number that a process of the lab, known there as `inner`, has on the machine. */
async function machinePid(labPid: number, inner: number): Promise<number> {
  const namespace = await readlink(`/proc/${labPid}/root/proc/${inner}/ns/pid`);
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    if ((await readlink(`/proc/${pid}/ns/pid`).catch(() => "")) !== namespace) continue;
    const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
    if (/^NSpid:.*\s1$/m.test(status)) return Number(pid);
  }
  throw new Error(`No process ${inner} in the lab`);
}

/** Resolves when a process that is not our child has ended. */
export async function gone(pid: number): Promise<number> {
  await poll(`process ${pid} to end`, async () => !(await isAlive(pid)), { everyMs: 50, deadlineMs: 2 ** 31 });
  return 0;
}

async function isAlive(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return status !== "" && !/^State:\s+[ZX]/m.test(status);
}

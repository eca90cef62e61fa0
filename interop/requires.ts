/** Capabilities of the machine that a test needs, and the one way to do without. */
import { existsSync } from "node:fs";
import { access } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { kubeApiserverBinary } from "./kube-apiserver/build.ts";
import { overlaid } from "./overlay.ts";
import { machineTool, tool, unpacked } from "./packages.ts";
import { run } from "./process.ts";

const isRoot = process.getuid?.() === 0;
const OWN_NAMESPACES = [
  "unshare",
  ...(isRoot ? [] : ["--user", "--map-root-user"]),
  "--mount",
  "--net",
  "--pid",
  "--fork",
];

/**
 * The folder of outside cases: CALIDRIS_CASES, else `shared/cases` beside the checkout or beside a folder above it.
 * Undefined when there is none.
 */
export function casesFolder(): string | undefined {
  const given = process.env.CALIDRIS_CASES;
  if (given !== undefined) return given;
  for (let at = dirname(fileURLToPath(import.meta.url)); at !== dirname(at); at = dirname(at)) {
    const here = join(at, "shared", "cases");
    if (existsSync(here)) return here;
  }
  return undefined;
}

/** Each rejects, with the reason, where the capability is missing. */
const CAPABILITIES = {
  root: async () => {
    if (!isRoot) throw new Error("not run as root");
  },
  /** Network, mount and process namespaces, as root or in a user namespace. */
  netns: async () => {
    await run([...OWN_NAMESPACES, "sh", "-c", "mount -t tmpfs tmpfs /run"]);
  },
  ipv6: async () => {
    await access("/proc/sys/net/ipv6");
  },
  /** An address of our own to talk to ourselves over IPv6. */
  "ipv6-loopback": async () => {
    await new Promise<void>((resolve, reject) => {
      const probe = createServer();
      probe.once("error", reject).listen(0, "::1", () => probe.close(() => resolve()));
    });
  },
  /** Test data of others (CALIDRIS_CASES); it is no part of the repository. */
  "outside-cases": async () => {
    const folder = casesFolder();
    if (folder === undefined) throw new Error("no folder shared/cases beside the checkout; set CALIDRIS_CASES");
    await access(folder);
  },
  "debian-packages": async () => {
    for (const program of ["apt-get", "dpkg", "flock"])
      if (machineTool(program) === undefined) throw new Error(`no ${program}`);
  },
  /** Peers that run over the machine's root. */
  overlay: async () => {
    const tree = await unpacked("ping");
    const command = `mkdir -p /run/o && exec "$@"`;
    const inside = overlaid(tree, "/run/o", ["true"]);
    await run([...OWN_NAMESPACES, "sh", "-c", `mount -t tmpfs tmpfs /run && ${command}`, "sh", ...inside]);
  },
  iproute2: async () => {
    await tool("ip", "iproute2");
  },
  "c-compiler": async () => {
    if (machineTool("cc") === undefined && machineTool("gcc") === undefined) await unpacked("gcc");
  },
  /** TCP-MD5 (RFC 2385). The kernel counts rejected segments only where it was built with it. */
  "kernel-md5": async () => {
    const { stdout } = await run(["cat", "/proc/net/netstat"]);
    if (!stdout.includes("TCPMD5NotFound")) throw new Error("kernel without TCP-MD5");
  },
  /** Built where the cache has none, which takes some minutes. */
  "kube-apiserver": async () => {
    await kubeApiserverBinary();
    await unpacked("etcd");
  },
  podman: async () => {
    await unpacked("podman");
  },
} as const satisfies Record<string, () => Promise<void>>;

export type Capability = keyof typeof CAPABILITIES;

const answers = new Map<Capability, Promise<string | undefined>>();

/**
 * For `test(name, { skip: await requires("netns") }, ...)`: false, or why the test is skipped. Under `CI=true` nothing may
 * be skipped, so a missing capability throws.
 */
export async function requires(...capabilities: Capability[]): Promise<string | false> {
  const missing: string[] = [];
  for (const capability of capabilities) {
    const fault = await faultOf(capability);
    if (fault !== undefined) missing.push(`${capability} (${fault})`);
  }
  if (missing.length === 0) return false;
  const reason = `needs ${missing.join(", ")}`;
  if (process.env.CI === "true") throw new Error(`Under CI=true nothing is skipped: ${reason}`);
  return reason;
}

function faultOf(capability: Capability): Promise<string | undefined> {
  let answer = answers.get(capability);
  if (answer === undefined) {
    answer = CAPABILITIES[capability]().then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)).trim().split("\n").at(-1)!.trim(),
    );
    answers.set(capability, answer);
  }
  return answer;
}

/** What every scenario with real peers needs. */
export const PEERS: readonly Capability[] = ["netns", "debian-packages", "overlay", "iproute2", "kernel-md5", "ipv6"];

/** What they need beyond that where the speakers run in containers. */
export const CONTAINERS: readonly Capability[] = ["root", "podman"];

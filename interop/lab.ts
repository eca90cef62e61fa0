/**
 * A laboratory: nodes (network namespaces) joined by links, inside mount, process and network namespaces of its own. Labs
 * do not see each other, may use the same addresses at once, and vanish as a whole, processes included, when closed or when
 * the process that made them ends in whatever way.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CONTAINER_MOUNTS, type Program } from "./containers.ts";
import { createNode } from "./lab-node.ts";
import { tool } from "./packages.ts";
import { ended, type Finished, type RunOptions, run } from "./process.ts";

/** A link's end: the node, and the addresses with prefix length that its device gets. */
export type LinkEnds = Readonly<Record<string, readonly string[]>>;

export interface LabPlan {
  readonly nodes: readonly string[];
  /** By device name, the same at every end. Two ends are a veth pair, more a bridge. */
  readonly links: Readonly<Record<string, LinkEnds>>;
  /** Run once in a node: `ip` command lines, for routes and dummies. */
  readonly setup?: Readonly<Record<string, readonly string[]>>;
  /** The same, after it and in one `ip -batch`: for thousands of lines. */
  readonly batch?: Readonly<Record<string, readonly string[]>>;
  /** Speakers run in containers; default as `INTEROP_CONTAINERS` says. Needs root. */
  readonly isContained?: boolean;
}

/** A route as `ip -j route` prints it. */
export interface KernelRoute {
  readonly dst: string;
  readonly gateway?: string;
  readonly via?: { readonly family: string; readonly host: string };
  readonly dev?: string;
  readonly protocol?: string;
  readonly metric?: number;
  readonly type?: string;
  readonly prefsrc?: string;
  readonly nexthops?: readonly { readonly gateway?: string; readonly dev: string; readonly weight?: number }[];
  readonly flags: readonly string[];
}

export interface Running {
  /** As the machine counts, not the lab. */
  readonly pid: number;
  readonly exited: Promise<number>;
  log(): Promise<string>;
}

export interface SpawnOptions {
  /** A package to run it from: laid over the machine's programs, or as a container. */
  readonly program?: Program;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

export interface LabNode {
  readonly name: string;
  readonly lab: Lab;
  /** A folder of this node on the machine; /run/lab inside an overlay. */
  folder(name: string): Promise<string>;
  exec(argv: readonly string[], options?: RunOptions): Promise<Finished>;
  /** Starts a process that lives until it ends itself, is ended, or the lab closes. Its output is kept in `shared/name.log`. */
  spawn(name: string, shared: string, argv: readonly string[], options?: SpawnOptions): Promise<Running>;
  /** Starts a process where another one runs: its root, mounts, network. */
  spawnIn(pid: number, name: string, shared: string, argv: readonly string[]): Promise<Running>;
  /** Runs a command where a running process is: its root, mounts, network. */
  execIn(pid: number, argv: readonly string[], options?: RunOptions): Promise<Finished>;
  ip(...args: string[]): Promise<string>;
  /** Routes of the main table. */
  routes(family: 4 | 6): Promise<KernelRoute[]>;
  setLink(device: string, state: "up" | "down"): Promise<void>;
  /** Established TCP connections to or from a port, one line each with both ends. */
  connections(port: number): Promise<string[]>;
  /** Ends every TCP connection to or from a port at once, with a RST to the other side. */
  resetConnections(port: number): Promise<void>;
  /** The beginning of a command line: ping's. */
  readonly pingCommand: readonly string[];
  /** True when an echo came back within a second. */
  ping(address: string, from?: string): Promise<boolean>;
}

export interface Lab {
  readonly folder: string;
  node(name: string): LabNode;
  /** Ends every process in the lab and removes its folder. */
  close(): Promise<void>;
}

/** Reports the lab's first process as the machine counts it, waits for its input to end, and removes the folder $1. */
const HOLDER = `read -r pid rest < /proc/self/stat
mount -t proc proc /proc 2>/dev/null || true
mount -t tmpfs tmpfs /run && mkdir -p /run/netns
eval "$2"
echo "$pid"
cat
while read -r id parent device root at rest; do
  case $at in "$1"/*) umount -l "$at";; esac
done < /proc/self/mountinfo
rm -rf "$1"
`;

export async function createLab(plan: LabPlan): Promise<Lab> {
  const folder = await mkdtemp(join(tmpdir(), "calidris-lab-"));
  const isRoot = process.getuid!() === 0;
  const isContained = plan.isContained ?? process.env.INTEROP_CONTAINERS === "1";
  const user = isRoot ? [] : ["--user", "--map-root-user"];
  const holder = spawn(
    "unshare",
    [
      ...user,
      ..."--mount --net --pid --fork --kill-child --propagation private sh -c".split(" "),
      HOLDER,
      "lab",
      folder,
      isContained ? CONTAINER_MOUNTS : "",
    ],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  const holderEnd = ended(holder);
  const [line] = (await Promise.race([once(holder.stdout!, "data"), holderEnd.then(() => ["0"])])) as [Buffer];
  const pid = Number(line.toString());
  if (pid === 0) throw new Error("Cannot make the lab's namespaces");
  const enter = ["nsenter", "-t", `${pid}`, ...(isRoot ? [] : ["-U", "--preserve-credentials"]), "-m", "-p"];
  const ip = await tool("ip", "iproute2");
  const ping = await tool("ping", "ping");
  const ss = await tool("ss", "iproute2");

  const nodes = new Map(
    plan.nodes.map((name) => {
      const net = `--net=/proc/${pid}/root/run/netns/${name}`;
      return [
        name,
        createNode({
          name,
          folder,
          ip,
          ping,
          ss,
          pid,
          isContained,
          enterLab: enter,
          enter: [...enter, net],
          isRoot,
          lab: () => lab,
        }),
      ];
    }),
  );
  const lab: Lab = {
    folder,
    node: (name) => {
      const node = nodes.get(name);
      if (node === undefined) throw new Error(`No node ${name} in the lab`);
      return node;
    },
    close: async () => {
      holder.stdin!.end();
      await holderEnd;
      // Processes of the lab may have written while the holder removed it.
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    const inLab = [...enter, `--net=/proc/${pid}/ns/net`];
    await run([...inLab, "sh", "-e"], { input: setupScript(plan, ip.join(" ")) });
    return lab;
  } catch (error) {
    await lab.close();
    throw error;
  }
}

/** Shell commands that build the plan. Duplicate address detection is off: it would delay IPv6 by two seconds. */
function setupScript(plan: LabPlan, ip: string): string {
  const lines: string[] = [];
  const sysctl = (node: string, key: string, value: number) =>
    lines.push(`nsenter --net=/run/netns/${node} sh -c 'echo ${value} > /proc/sys/net/${key}'`);
  for (const node of plan.nodes) {
    lines.push(`${ip} netns add ${node}`, `${ip} -n ${node} link set lo up`);
    sysctl(node, "ipv4/ip_forward", 1);
    sysctl(node, "ipv6/conf/all/forwarding", 1);
    sysctl(node, "ipv6/conf/default/accept_dad", 0);
    // Both next hops of an ECMP route are used by the flow, as on a router.
    sysctl(node, "ipv4/fib_multipath_hash_policy", 1);
  }
  for (const [device, ends] of Object.entries(plan.links)) {
    const names = Object.keys(ends);
    if (names.length === 2) {
      const [a, b] = names;
      lines.push(`${ip} link add ${device} netns ${a} type veth peer name ${device} netns ${b}`);
    } else {
      lines.push(`${ip} link add ${device} type bridge forward_delay 0`, `${ip} link set ${device} up`);
      for (const [index, node] of names.entries()) {
        lines.push(`${ip} link add ${device}-${index} type veth peer name ${device} netns ${node}`);
        lines.push(`${ip} link set ${device}-${index} master ${device} up`);
      }
    }
    for (const [node, addresses] of Object.entries(ends)) {
      // Link-local addresses that the plan gives are the only ones, so tests can name them.
      if (addresses.some((address) => address.startsWith("fe80:")))
        lines.push(`${ip} -n ${node} link set ${device} addrgenmode none`);
      for (const address of addresses)
        lines.push(`${ip} -n ${node} addr add ${address} dev ${device}${address.includes(":") ? " nodad" : ""}`);
      lines.push(`${ip} -n ${node} link set ${device} up`);
    }
  }
  for (const [node, commands] of Object.entries(plan.setup ?? {}))
    for (const command of commands) lines.push(`${ip} -n ${node} ${command}`);
  for (const [node, commands] of Object.entries(plan.batch ?? {}))
    lines.push(`${ip} -n ${node} -batch - <<'EOF'`, ...commands, "EOF");
  return lines.join("\n");
}

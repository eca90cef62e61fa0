/** Two network namespaces with two links between them: that of this process, and one beside it. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { createRequire } from "node:module";
import { type Links, openLinks } from "../../src/io/netlink/links.ts";
import { parseAddress } from "../../src/ip/address.ts";

const koffi = createRequire(import.meta.url)("koffi") as typeof import("koffi");
const setns = koffi.load(null).func("int setns(int fd, int type)");
const CLONE_NEWNET = 0x40000000;

export interface TwoHosts {
  /** Of this process's namespace. */
  readonly here: Links;
  /** Runs where sockets and names are the other namespace's; the function must not wait. */
  away<T>(run: () => T): T;
  close(): void;
}

/** Links net0 and net1: 10.0.N.1, fd00:N::1 and fe80::1 here, .2 there. */
export async function openTwoHosts(): Promise<TwoHosts> {
  const child: ChildProcess = spawn("unshare", ["--net", "sh", "-c", "echo; exec sleep 600"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise((resolve) => child.stdout!.once("data", resolve));
  const [own, other] = ["self", child.pid].map((pid) => openSync(`/proc/${pid}/ns/net`, "r"));
  const enter = (fd: number) => {
    if (setns(fd, CLONE_NEWNET) !== 0) throw new Error(`Cannot enter a network namespace: errno ${koffi.errno()}`);
  };
  function away<T>(run: () => T): T {
    enter(other!);
    try {
      return run();
    } finally {
      enter(own!);
    }
  }
  const here = openLinks();
  const there = away(() => openLinks());
  for (const links of [here, there]) await links.setUp("lo");
  for (const [i, name] of ["net0", "net1"].entries()) {
    await here.createVethPair(name, name, { pid: child.pid! });
    for (const [host, links] of [
      [1, here],
      [2, there],
    ] as const) {
      for (const [text, length] of [
        [`10.0.${i}.${host}`, 24],
        [`fd00:${i}::${host}`, 64],
        [`fe80::${host}`, 64],
      ] as const)
        await links.addAddress(name, parseAddress(text)!, length);
      await links.setUp(name);
    }
  }
  return {
    here,
    away,
    close() {
      here.close();
      there.close();
      closeSync(own!);
      closeSync(other!);
      child.kill("SIGKILL");
    },
  };
}

/** BIRD 1.6 as Calico runs it: a daemon for each family, with the files that confd wrote. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LabNode, Running } from "../../interop/lab.ts";
import { SHARED } from "../../interop/overlay.ts";
import { poll } from "../../interop/process.ts";

/**
 * What only Calico's fork of BIRD knows, and Debian's refuses: the device of a tunnel in the kernel's filter. It has no part in
 * what neighbours are told. In its place stands a statement that changes nothing.
 */
function withoutTunnels(text: string): string {
  return text.replace(/krt_tunnel *= *"[^"]*";/g, "preference = preference;");
}

export interface CalicoBird {
  /** `show protocols all` of a session. */
  session(name: string): Promise<string>;
  report(): Promise<string>;
}

const DAEMONS = [
  { program: "bird", client: "birdc", file: "bird.cfg" },
  { program: "bird6", client: "birdc6", file: "bird6.cfg" },
] as const;

/** `files` by their names in /etc/calico/confd/config. */
export async function startCalicoBird(node: LabNode, files: ReadonlyMap<string, string>): Promise<CalicoBird> {
  const folder = await node.folder("calico-bird");
  for (const [name, text] of files) {
    const isMain = DAEMONS.some(({ file }) => file === name);
    await writeFile(join(folder, name), `${isMain ? "log stderr all;\n" : ""}${withoutTunnels(text)}`);
  }
  const running = new Map<string, Running>();
  const ask = async (client: string, program: string, ...words: string[]) => {
    const argv = [`/usr/sbin/${client}`, "-s", `${SHARED}/${program}.ctl`, ...words];
    return (await node.execIn(running.get(program)!.pid, argv)).stdout;
  };
  for (const { program, file } of DAEMONS) {
    const argv = [`/usr/sbin/${program}`, "-f", "-c", `${SHARED}/${file}`, "-s", `${SHARED}/${program}.ctl`];
    running.set(program, await node.spawn(program, folder, argv, { program: "bird1" }));
  }
  for (const { program, client } of DAEMONS)
    await poll(`${program} to answer`, async () => (await ask(client, program, "show", "status")).includes("up and"), {
      everyMs: 20,
      explain: () => running.get(program)!.log(),
    });
  const both = async (...words: string[]) =>
    (await Promise.all(DAEMONS.map(({ program, client }) => ask(client, program, ...words).catch(() => "")))).join(
      "\n",
    );
  return {
    session: (name) => both("show", "protocols", "all", name),
    report: async () => `${await both("show", "protocols", "all")}\n${await both("show", "route", "all")}`,
  };
}

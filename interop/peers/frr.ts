/** FRR's zebra and bgpd from Debian's package, driven by vtysh. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LabNode, Running } from "../lab.ts";
import { SHARED } from "../overlay.ts";
import { poll } from "../process.ts";
import { signalTo } from "./bird.ts";
import { frrConfig, staticCommands } from "./frr-config.ts";
import { parseFrrNotifications, parseFrrRoutes, parseFrrSessions } from "./frr-output.ts";
import type { Speaker, SpeakerPlan } from "./speaker.ts";

const PROGRAMS = "/usr/lib/frr";

export function frr(node: LabNode): Speaker {
  let running: Running[] = [];
  let current: SpeakerPlan | undefined;

  const ask = async (...commands: string[]): Promise<string> => {
    const zebra = running[0];
    if (zebra === undefined) throw new Error(`FRR does not run on ${node.name}`);
    const words = commands.flatMap((command) => ["-c", command]);
    return (await node.execIn(zebra.pid, ["/usr/bin/vtysh", ...words])).stdout;
  };
  const end = async (signal: "SIGTERM" | "SIGKILL") => {
    for (const one of running.toReversed()) signalTo(one.pid, signal);
    await Promise.all(running.map((one) => one.exited));
    running = [];
  };

  const startBgpd = async (zebra: Running, folder: string) => {
    const bgpd = await node.spawnIn(zebra.pid, "bgpd", folder, [
      ...[`${PROGRAMS}/bgpd`, "-f", `${SHARED}/frr.conf`, "--log", "stdout"],
    ]);
    running = [zebra, bgpd];
    await poll("bgpd to answer", async () => (await ask("show bgp summary json")).startsWith("{"), {
      everyMs: 30,
      explain: bgpd.log,
    });
  };
  const configure = (...lines: string[]) => ask("configure terminal", `router bgp ${current!.asn}`, ...lines);
  const planned = (session: string) => current!.sessions.find((one) => one.name === session)!;
  const log = async () => (await running[1]?.log()) ?? "";

  return {
    kind: "frr",
    node,
    start: async (plan, options = {}) => {
      const folder = await node.folder("frr");
      await writeFile(join(folder, "frr.conf"), frrConfig(plan));
      current = plan;
      // The overlay belongs to zebra; bgpd joins it, as both meet at zebra's socket.
      const [zebraBefore] = running;
      if (zebraBefore !== undefined && options.recover === true) {
        await startBgpd(zebraBefore, folder);
        return;
      }
      const before = "mkdir -p /run/frr /etc/frr && chown frr:frr /run/frr && touch /etc/frr/vtysh.conf";
      const zebra = await node.spawn(
        "zebra",
        folder,
        ["sh", "-c", `${before} && exec ${PROGRAMS}/zebra --log stdout`],
        {
          program: "frr",
        },
      );
      running = [zebra];
      await poll("zebra to answer", async () => (await ask("show version")) !== "", {
        everyMs: 30,
        explain: zebra.log,
      });
      await startBgpd(zebra, folder);
    },
    apply: async (plan) => {
      await ask("configure terminal", ...staticCommands(current!, plan));
      current = plan;
    },
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    crash: async () => {
      const [zebra, bgpd] = running;
      signalTo(bgpd!.pid, "SIGKILL");
      await bgpd!.exited;
      running = [zebra!];
    },
    refresh: async (session) => {
      await ask(`clear bgp ${planned(session).remote} soft in`);
    },
    disable: async (session, text) => {
      await configure(`neighbor ${planned(session).remote} shutdown${text === undefined ? "" : ` message ${text}`}`);
    },
    enable: async (session) => {
      await configure(`no neighbor ${planned(session).remote} shutdown`);
    },
    reset: async (session) => {
      await ask(`clear bgp ${planned(session).remote}`);
    },
    drain: async () => {
      await configure("bgp graceful-shutdown");
    },
    notifications: async () => parseFrrNotifications(await log(), current!),
    log,
    pids: () => running.map((one) => one.pid),
    sessions: async () => parseFrrSessions(await ask("show bgp neighbors json"), current!),
    routes: async (family) => parseFrrRoutes(await ask(`show bgp ${family} unicast json detail`), current!),
    report: async () => {
      const shown = await ask(
        "show running-config",
        "show bgp summary",
        "show bgp ipv4 unicast",
        "show bgp ipv6 unicast",
      ).catch(String);
      const logs = await Promise.all(running.map((one) => one.log()));
      return [shown, ...logs.map((log) => log.slice(-3000))].join("\n");
    },
  };
}

/** This project's daemon, asked by its own command line. */
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { LabNode, Running } from "../lab.ts";
import { poll } from "../process.ts";
import { signalTo } from "./bird.ts";
import { calidrisConfig } from "./calidris-config.ts";
import type { FamilyName, RouteState, SessionState, Speaker, SpeakerPlan } from "./speaker.ts";

/** The command line of this checkout, after a build. */
export const MAIN = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));

/** What the adapter reads of `show peers -o json`. */
interface ShownPeer {
  readonly name: string;
  readonly state: SessionState["state"];
  readonly reason: string | null;
}

/** What the adapter reads of `show routes -o json`. */
interface ShownRoute {
  readonly prefix: string;
  readonly family: FamilyName;
  readonly paths: readonly {
    readonly best: boolean;
    readonly source: string;
    readonly peer: string | null;
    readonly nextHop: string | null;
    readonly asPath: string;
    readonly localPref: number | null;
    readonly med: number | null;
    readonly originatorId: string | null;
    readonly clusterList: readonly string[];
    readonly communities: readonly string[];
    readonly rejected: object | null;
  }[];
}

export function calidris(node: LabNode, main = MAIN): Speaker {
  let running: Running | undefined;
  let folder = "";
  const show = async (...words: string[]): Promise<string> => {
    const argv = [process.execPath, main, "show", ...words, "--socket", join(folder, "control.sock")];
    return (await node.exec(argv)).stdout;
  };
  const write = async (plan: SpeakerPlan) => {
    folder = await node.folder("calidris");
    const config = join(await node.folder("calidris/config"), "calidris.yaml");
    await writeFile(`${config}.new`, calidrisConfig(plan));
    await rename(`${config}.new`, config);
  };
  const end = async (signal: "SIGTERM" | "SIGKILL") => {
    if (running === undefined) return;
    signalTo(running.pid, signal);
    await running.exited;
    running = undefined;
  };
  return {
    kind: "calidris",
    node,
    start: async (plan) => {
      await write(plan);
      const socket = join(folder, "control.sock");
      await rm(socket, { force: true });
      const argv = [process.execPath, main, "run", "--config", join(folder, "config"), "--socket", socket];
      running = await node.spawn("calidris", folder, argv);
      await poll(
        `calidris on ${node.name} to answer`,
        async () => (await show("peers", "-o", "json")).startsWith("["),
        {
          explain: running.log,
        },
      );
    },
    apply: async (plan) => {
      await write(plan);
      if (running !== undefined) signalTo(running.pid, "SIGHUP");
    },
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    pids: () => (running === undefined ? [] : [running.pid]),
    sessions: async () => {
      const peers = JSON.parse(await show("peers", "-o", "json")) as ShownPeer[];
      return peers.map(({ name, state, reason }) => ({ name, state, info: reason ?? "" }));
    },
    routes: async (family) => {
      const routes = JSON.parse(await show("routes", "-o", "json")) as ShownRoute[];
      return routes.filter((route) => route.family === family).flatMap(routeStates);
    },
    report: async () => {
      const words = [
        ["peers", "-o", "wide"],
        ["routes", "-o", "wide"],
      ];
      const shown = await Promise.all(words.map((word) => show(...word).catch(String)));
      return [...shown, (await running?.log())?.slice(-4000) ?? "(not running)"].join("\n");
    },
  };
}

function routeStates(route: ShownRoute): RouteState[] {
  return route.paths
    .filter((path) => path.rejected === null)
    .map((path) => ({
      prefix: route.prefix,
      best: path.best,
      source: path.peer ?? path.source,
      asPath: path.asPath
        .split(/[\s{}()]+/)
        .filter((word) => word !== "")
        .map(Number),
      ...(path.nextHop === null ? {} : { nextHop: path.nextHop }),
      ...(path.localPref === null ? {} : { localPref: path.localPref }),
      ...(path.med === null ? {} : { med: path.med }),
      ...(path.originatorId === null ? {} : { originatorId: path.originatorId }),
      ...(path.clusterList.length === 0 ? {} : { clusterList: path.clusterList }),
      communities: path.communities,
    }));
}

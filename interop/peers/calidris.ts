/** This project's daemon, asked by its control socket: a command line for each question would keep the machine busy. */
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ControlRequest, PeerAnswer, RouteAnswer } from "../../src/control/answers.ts";
import { streamControl } from "../../src/io/system/control-client.ts";
import type { LabNode, Running } from "../lab.ts";
import { poll } from "../process.ts";
import { signalTo } from "./bird.ts";
import { calidrisConfig } from "./calidris-config.ts";
import type { NotificationSeen, RouteState, Speaker, SpeakerPlan } from "./speaker.ts";

/** The command line of this checkout, after a build, or of another build that is to be tried. */
export const MAIN = process.env.CALIDRIS_MAIN ?? fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));

export function calidris(node: LabNode, main = MAIN): Speaker {
  let running: Running | undefined;
  let folder = "";
  const show = async (...words: string[]): Promise<string> => {
    const argv = [process.execPath, main, "show", ...words, "--socket", join(folder, "control.sock")];
    return (await node.exec(argv)).stdout;
  };
  const ask = async <T>(request: ControlRequest): Promise<T[]> => {
    const answers: T[] = [];
    for await (const part of streamControl(join(folder, "control.sock"), request)) answers.push(...(part as T[]));
    return answers;
  };
  const command = (...words: string[]) =>
    node.exec([process.execPath, main, ...words, "--socket", join(folder, "control.sock")]);
  const log = async () => (await running?.log()) ?? "";
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
      await poll(`calidris on ${node.name} to answer`, async () => (await ask({ command: "peers" })) !== undefined, {
        explain: running.log,
      });
    },
    apply: async (plan) => {
      await write(plan);
      if (running !== undefined) signalTo(running.pid, "SIGHUP");
    },
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    crash: () => end("SIGKILL"),
    refresh: async (session) => {
      await command("refresh", session, "--in");
    },
    disable: async (session, text) => {
      await command("disable", session, ...(text === undefined ? [] : ["--text", text]));
    },
    enable: async (session) => {
      await command("enable", session);
    },
    shutdown: async (text) => {
      await command("shutdown", ...(text === undefined ? [] : ["--text", text]));
      await running!.exited;
      running = undefined;
    },
    reset: async (session) => {
      await command("restart", session);
    },
    drain: async () => {
      await command("drain");
    },
    notifications: async () => parseLog(await log()),
    log,
    pids: () => (running === undefined ? [] : [running.pid]),
    sessions: async () => {
      const peers = await ask<PeerAnswer>({ command: "peers" });
      return peers.map(({ name, state, reason, families }) => ({
        name,
        state,
        info: reason ?? "",
        isAllSent: families.every((family) => !family.active || family.endOfRibSent),
      }));
    },
    routes: async (family) => {
      const routes = await ask<RouteAnswer>({ command: "routes" });
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

function routeStates(route: RouteAnswer): RouteState[] {
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
      ...(path.stale === null ? {} : { isStale: true }),
      ...(path.pathId === 0 ? {} : { pathId: String(path.pathId) }),
      communities: path.communities,
    }));
}

/** Sessions that ended by the peer's NOTIFICATION: `the peer sent ... (6/2): "text"`. */
function parseLog(log: string): NotificationSeen[] {
  return log.split("\n").flatMap((line) => {
    if (!line.includes("the peer sent")) return [];
    const { peer, reason } = JSON.parse(line) as { peer: string; reason: string };
    const [code, subcode] = (/\((\d+)\/(\d+)\)/.exec(reason)?.slice(1) ?? []).map(Number);
    const text = /"(.*)"/.exec(reason)?.[1];
    return [{ session: peer, code: code ?? 0, subcode: subcode ?? 0, ...(text === undefined ? {} : { text }) }];
  });
}

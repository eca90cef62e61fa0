/** The sockets on which the daemon answers: its own, and BIRD's where they are asked for. */
import { join } from "node:path";
import type { BirdContext } from "../control/bird/commands.ts";
import type { BirdView } from "../control/bird/facts.ts";
import { ControlError } from "../control/control-error.ts";
import type { RequestHandler } from "../control/handler.ts";
import type { Log } from "../daemon/ports.ts";
import { serveBird } from "../io/system/bird-socket.ts";
import { localTime } from "../io/system/clock.ts";
import { serveControl } from "../io/system/control-server.ts";
import type { SocketServer } from "../io/system/unix-socket.ts";
import type { Family } from "../ip/address.ts";
import { createGate } from "./gate.ts";
import { version } from "./version.ts";

export interface Sockets {
  readonly all: readonly SocketServer[];
  /** The daemon stands: from now on it answers. */
  answer(handler: RequestHandler, view: BirdView): void;
}

/** Names as BIRD 1.6 has them, with a daemon for each family. */
const BIRD_SOCKETS = { ipv4: "bird.ctl", ipv6: "bird6.ctl" } as const;
/** The reporter of node status wants a `v` in front. */
const BIRD_VERSION = `v${version}+calidris`;

/** Throws where one of them cannot be served; those before it are closed then. `waitingFor`: why there is no configuration; undefined where there is one. */
export async function serveSockets(
  options: { readonly socket: string; readonly birdSockets: string | undefined },
  log: Log,
  waitingFor: () => string | undefined,
): Promise<Sockets> {
  const startedAtMs = Date.now();
  const answering = createGate<RequestHandler>();
  const answer: RequestHandler = async (request, output) => {
    const why = waitingFor();
    if (why !== undefined) throw new ControlError("waiting", `there is no configuration yet: ${why}`);
    return (await answering.opened)(request, output);
  };
  let view: BirdView = waitingView(startedAtMs, () => waitingFor() ?? "the daemon is starting");
  const context = (family: Family): BirdContext => ({
    get view() {
      return view;
    },
    family,
    version: BIRD_VERSION,
    localTime,
    wallMs: Date.now,
  });
  const all: SocketServer[] = [];
  try {
    all.push(await serveControl(options.socket, answer, { log }));
    const folder = options.birdSockets;
    if (folder !== undefined)
      for (const family of ["ipv4", "ipv6"] as const)
        all.push(await serveBird(join(folder, BIRD_SOCKETS[family]), context(family), { log }));
  } catch (error) {
    for (const server of all) await server.close();
    throw error;
  }
  return {
    all,
    answer(handler, birdView) {
      answering.open(handler);
      view = birdView;
    },
  };
}

/**
 * Alive, as a probe of liveness wants to hear, and not ready: a reader of protocols gets a line that it does not know, as
 * from a BIRD that has no configuration yet it would get no connection.
 */
function waitingView(startedAtMs: number, waitingFor: () => string): BirdView {
  return {
    waitingFor,
    daemon: () => ({ routerId: "0.0.0.0", startedAtMs, configuredAtMs: startedAtMs, recovery: undefined }),
    protocols: () => [],
  };
}

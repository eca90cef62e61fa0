/** The only wiring of the daemon: the router, given the operating system. */
import { createHash } from "node:crypto";
import { hostname } from "node:os";
import type { Config, LogThreshold } from "../config/model.ts";
import { createControlHandler } from "../control/handler.ts";
import { createBirdView } from "../daemon/bird-view.ts";
import type { RouterEvent } from "../daemon/events.ts";
import type { Log } from "../daemon/ports.ts";
import { createQueries } from "../daemon/queries.ts";
import { createRouter, type Router } from "../daemon/router.ts";
import { openTransport } from "../io/net/transport.ts";
import { openNetlinkFib } from "../io/netlink/open-fib.ts";
import { systemClock } from "../io/system/clock.ts";
import { createLog } from "../io/system/log.ts";
import { openRestartFile } from "../io/system/restart-file.ts";
import { onSignals } from "../io/system/signals.ts";
import type { ConfigSink, ConfigSource } from "./config-source.ts";
import { EXIT } from "./exit-codes.ts";
import { createGate } from "./gate.ts";
import { serveSockets } from "./serve-sockets.ts";
import { version } from "./version.ts";

export interface RunOptions {
  readonly socket: string;
  /** Says to the next process that this one ran. */
  readonly state: string;
  /** Where bird.ctl and bird6.ctl are served; undefined: nowhere. */
  readonly birdSockets: string | undefined;
  readonly logFormat: "auto" | "json" | "text";
  /** Goes before what the configuration says. */
  readonly logLevel: LogThreshold | undefined;
}

/** Wait for NOTIFICATIONs to be flushed when we end. */
const FLUSH_MS = 500;

/** Runs until a signal ends it. Throws where the daemon cannot start. */
export async function runDaemon(options: RunOptions, openSource: (log: Log) => ConfigSource): Promise<void> {
  const { log, setLevel, flush, flushNow } = createLog({ format: options.logFormat });
  const logAs = (config: Config) => setLevel(options.logLevel ?? config.log.level ?? "info");
  let router: Router | undefined;
  process.on("uncaughtException", (error) => {
    dump(log, router, error);
    flushNow();
    process.exit(EXIT.software);
  });
  // From here on a signal waits for the daemon to stand, and does not kill it in the middle of its start.
  const stopped = createGate<"signal" | "shutdown">();
  const source = openSource(log);
  onSignals({
    reload: () => source.reread(),
    dump() {
      dump(log, router, undefined);
      if (source.state) log("info", "generator", source.state());
    },
    stop: (_signal, again) => (again ? process.exit(EXIT.error) : stopped.open("signal")),
  });

  const first = createGate<Config>();
  const present = await source.begin();
  if (present) first.open(present);
  let isFirst = present === undefined;
  const clock = systemClock();
  const early: RouterEvent[] = [];
  const deliver = (event: RouterEvent) => {
    if (router) router.handle(event);
    else early.push(event);
  };

  // The sockets first: where another daemon has them, nothing of the network or the kernel has been touched.
  const servers = await serveSockets(options, log, () => (isFirst ? source.waitingFor() : undefined));
  // Not within the source's call: a fault of the daemon ends the process, and a source would take it for one of its own.
  const deliverSoon = (event: RouterEvent) => queueMicrotask(() => deliver(event));
  const sink: ConfigSink = {
    changed(config) {
      logAs(config);
      if (isFirst) first.open(config);
      else deliverSoon({ from: "config", config });
      isFirst = false;
    },
    rejected: (reason) => deliverSoon({ from: "config", rejected: reason }),
  };
  // Without a configuration it is waited for, and those who ask are told so. With one, changes are followed once it runs.
  if (!present) await source.follow(sink);
  if (!present && (await Promise.race([first.opened, stopped.opened])) === "signal") {
    await closeAll([source, ...servers.all]);
    await flush();
    process.exit(EXIT.ok);
  }
  const initial = await first.opened;
  logAs(initial);
  const restart = openRestartFile(options.state, log);
  const transport = openTransport({ onEvent: (event) => deliver({ from: "transport", event }), log });
  const fib = await openNetlinkFib({
    clock,
    log,
    program: initial.kernel.program,
    onEvent: (event) => deliver({ from: "kernel", event }),
  });
  router = createRouter(
    {
      clock,
      random: Math.random,
      log,
      transport,
      fib,
      restart,
      version,
      ended: () => stopped.open("shutdown"),
      sha256: (bytes) => createHash("sha256").update(bytes).digest(),
    },
    initial,
    hostname(),
  );
  for (const event of early.splice(0)) router.handle(event);
  servers.answer(
    createControlHandler(createQueries(router), clock.soon, (command) => deliver({ from: "admin", ...command })),
    createBirdView(router),
  );
  if (present) await source.follow(sink);

  const how = await stopped.opened;
  const graceful = how !== "shutdown" && router.mayReturn;
  log("info", "stopping", { graceful });
  const { keepOnExit, keepOnShutdown } = router.core.config.kernel;
  const keep = how === "shutdown" ? keepOnShutdown : keepOnExit;
  router.stop(graceful);
  await closeAll([source, ...servers.all]);
  await Promise.race([transport.shutdown(), new Promise((resolve) => setTimeout(resolve, FLUSH_MS))]);
  await fib.close(!keep);
  await restart.flush();
  await flush();
  process.exit(EXIT.ok);
}

async function closeAll(parts: readonly { close(): Promise<void> }[]): Promise<void> {
  for (const part of parts) await part.close();
}

/** State summary for whoever has to find out what happened. */
function dump(log: Log, router: Router | undefined, error: Error | undefined): void {
  const level = error ? "error" : "info";
  const event = error ? "fatal" : "state";
  const reason = error ? { reason: error.stack ?? error.message } : {};
  if (!router) {
    log(level, event, reason);
    return;
  }
  const { core } = router;
  log(level, event, {
    ...reason,
    generation: core.generation,
    peers: [...core.peers.values()].map((peer) => `${peer.config.name}:${peer.active ? "established" : "down"}`),
    prefixes: core.ribs.ipv4.prefixes.size + core.ribs.ipv6.prefixes.size,
    sets: core.sets.size,
    waiting: core.scheduler.waiting,
    slices: core.scheduler.stats,
  });
  // What led here, from which a run can be reproduced: src/daemon/recorder.ts reads the lines back.
  if (error) for (const recorded of router.parts.recorder.lines()) log(level, "recorded", { recorded });
}

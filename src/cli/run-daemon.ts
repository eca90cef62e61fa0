/** The only wiring of the daemon: the router, given the operating system. */
import { createHash } from "node:crypto";
import { hostname } from "node:os";
import type { Config, LogThreshold } from "../config/model.ts";
import { createParseCache, formatProblem, type ParsedConfig, parseConfig } from "../config/parse.ts";
import { createControlHandler } from "../control/handler.ts";
import type { RouterEvent } from "../daemon/events.ts";
import type { Log } from "../daemon/ports.ts";
import { createQueries } from "../daemon/queries.ts";
import { createRouter, type Router } from "../daemon/router.ts";
import { openTransport } from "../io/net/transport.ts";
import { openNetlinkFib } from "../io/netlink/open-fib.ts";
import { systemClock } from "../io/system/clock.ts";
import { type ConfigFile, readConfigFiles } from "../io/system/config-files.ts";
import { type ConfigWatch, watchConfig } from "../io/system/config-watch.ts";
import { serveControl } from "../io/system/control-server.ts";
import { createLog } from "../io/system/log.ts";
import { openRestartFile } from "../io/system/restart-file.ts";
import { onSignals } from "../io/system/signals.ts";
import { readSecret } from "./check-configuration.ts";
import { EXIT } from "./exit-codes.ts";
import { version } from "./version.ts";

export interface RunOptions {
  readonly config: string;
  readonly socket: string;
  /** Says to the next process that this one ran. */
  readonly state: string;
  readonly logFormat: "auto" | "json" | "text";
  /** Goes before what the configuration says. */
  readonly logLevel: LogThreshold | undefined;
}

/** Wait for NOTIFICATIONs to be flushed when we end. */
const FLUSH_MS = 500;

/** Runs until a signal ends it. Throws where the daemon cannot start. */
export async function runDaemon(options: RunOptions): Promise<void> {
  const { log, setLevel, flush, flushNow } = createLog({ format: options.logFormat });
  const logAs = (config: Config) => setLevel(options.logLevel ?? config.log.level ?? "info");
  let router: Router | undefined;
  let watch: ConfigWatch | undefined;
  process.on("uncaughtException", (error) => {
    dump(log, router, error);
    flushNow();
    process.exit(EXIT.software);
  });
  // From here on a signal waits for the daemon to stand, and does not kill it in the middle of its start.
  const stopped = createGate<"signal" | "shutdown">();
  onSignals({
    reload: () => void watch?.reread(),
    dump: () => dump(log, router, undefined),
    stop: (_signal, again) => (again ? process.exit(EXIT.error) : stopped.open("signal")),
  });

  const cache = createParseCache();
  const first = await readConfigFiles(options.config);
  const initial = loadFirst(first.files, first.problems, cache);
  logAs(initial.config);
  for (const warning of initial.warnings) log("warn", "configuration", { problem: formatProblem(warning) });
  const clock = systemClock();
  const early: RouterEvent[] = [];
  const deliver = (event: RouterEvent) => {
    if (router) router.handle(event);
    else early.push(event);
  };

  // The socket first: where another daemon has it, nothing of the network or the kernel has been touched.
  const answering = createGate<ReturnType<typeof createControlHandler>>();
  const control = await serveControl(
    options.socket,
    async (request, stream) => (await answering.opened)(request, stream),
    { log },
  );
  const restart = openRestartFile(options.state, log);
  const transport = openTransport({ onEvent: (event) => deliver({ from: "transport", event }), log });
  const fib = await openNetlinkFib({
    clock,
    log,
    program: initial.config.kernel.program,
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
    initial.config,
    hostname(),
  );
  for (const event of early.splice(0)) router.handle(event);
  answering.open(
    createControlHandler(createQueries(router), clock.soon, (command) => deliver({ from: "admin", ...command })),
  );

  let secretFiles = initial.secretFiles;
  const onChange = (files: readonly ConfigFile[]) => {
    const parsed = parseConfig(files, { cache, secrets: readSecret });
    // A refused configuration may wait for its secrets, and the one that runs still has its own.
    secretFiles = parsed.ok ? parsed.secretFiles : [...new Set([...secretFiles, ...parsed.secretFiles])];
    void watch?.watchAlso(secretFiles);
    if (parsed.ok) {
      logAs(parsed.config);
      for (const warning of parsed.warnings) log("warn", "configuration", { problem: formatProblem(warning) });
      deliver({ from: "config", config: parsed.config });
      return;
    }
    const problems = parsed.problems.map(formatProblem);
    for (const problem of problems) log("error", "configuration refused", { problem });
    deliver({ from: "config", rejected: problems.join("\n") });
  };
  watch = await watchConfig(options.config, {
    known: first.files,
    onChange,
    onProblem(problems) {
      const reasons = problems.map((problem) => `${problem.path}: ${problem.message}`);
      for (const reason of reasons) log("error", "configuration unreadable", { reason });
      deliver({ from: "config", rejected: reasons.join("\n") });
    },
  });
  await watch.watchAlso(secretFiles);

  const how = await stopped.opened;
  const graceful = how !== "shutdown" && router.mayReturn;
  log("info", "stopping", { graceful });
  const { keepOnExit, keepOnShutdown } = router.core.config.kernel;
  const keep = how === "shutdown" ? keepOnShutdown : keepOnExit;
  router.stop(graceful);
  await watch.close();
  await control.close();
  await Promise.race([transport.shutdown(), new Promise((resolve) => setTimeout(resolve, FLUSH_MS))]);
  await fib.close(!keep);
  await restart.flush();
  await flush();
  process.exit(EXIT.ok);
}

/** A value that is waited for, and comes once. */
function createGate<T>(): { readonly opened: Promise<T>; readonly open: (value: T) => void } {
  let open: (value: T) => void = () => {};
  const opened = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

function loadFirst(
  files: readonly ConfigFile[],
  problems: readonly { readonly path: string; readonly message: string }[],
  cache: ReturnType<typeof createParseCache>,
): ParsedConfig & { readonly ok: true } {
  if (problems.length > 0) throw new Error(problems.map((p) => `${p.path}: ${p.message}`).join("\n"));
  const parsed = parseConfig(files, { cache, secrets: readSecret });
  if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join("\n"));
  return parsed;
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

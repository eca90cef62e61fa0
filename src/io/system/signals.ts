export interface SignalHandlers {
  /** SIGHUP: read the configuration again, keep the sessions. */
  readonly reload: () => void;
  /** SIGTERM or SIGINT; `again` when it is not the first. */
  readonly stop: (signal: "SIGTERM" | "SIGINT", again: boolean) => void;
  /** SIGUSR1: write the state summary to the log. Node would open its debugger otherwise. */
  readonly dump: () => void;
}

/** Hears the signals of a daemon; returns what stops it. */
export function onSignals(handlers: SignalHandlers): () => void {
  let stopping = false;
  const stop = (signal: NodeJS.Signals) => {
    const again = stopping;
    stopping = true;
    handlers.stop(signal as "SIGTERM" | "SIGINT", again);
  };
  const table: readonly (readonly [NodeJS.Signals, (signal: NodeJS.Signals) => void])[] = [
    ["SIGHUP", () => handlers.reload()],
    ["SIGTERM", stop],
    ["SIGINT", stop],
    ["SIGUSR1", () => handlers.dump()],
  ];
  for (const [signal, run] of table) process.on(signal, run);
  return () => {
    for (const [signal, run] of table) process.off(signal, run);
  };
}

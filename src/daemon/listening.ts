/** Where connections are accepted. What the system refuses is asked for again: a port in use or an address may come free. */
import type { Config } from "../config/model.ts";
import { formatAddress } from "../ip/address.ts";
import type { Clock, Endpoint, Log, Transport } from "./ports.ts";
import { listeners } from "./settings.ts";

const RETRY_MS = 5_000;
/** A refusal follows in the next turn; a place that is silent for so long does listen. */
const ANSWER_MS = 100;

export interface Listening {
  /** Follows a configuration: its listeners, and the keys of its peers. */
  configure(config: Config): void;
  /** The transport could not listen there. */
  failed(local: Endpoint, reason: string): void;
  /** Every configured place; `failure` says why nobody can connect to it. */
  state(): readonly { readonly local: Endpoint; readonly failure: string | undefined }[];
  stop(): void;
}

export function createListening(options: {
  readonly clock: Clock;
  readonly log: Log;
  readonly transport: Transport;
}): Listening {
  const { clock, log, transport } = options;
  /** By address and port. */
  const failures = new Map<string, string>();
  /** Refused since the system was last asked. */
  const refused = new Set<string>();
  let current: Config | undefined;
  let cancel: (() => void) | undefined;

  function ask(): void {
    cancel?.();
    refused.clear();
    if (!current) return;
    transport.listen(listeners(current));
    if (failures.size > 0) cancel = clock.after(ANSWER_MS, settle);
  }

  function settle(): void {
    for (const at of [...failures.keys()]) {
      if (refused.has(at)) continue;
      failures.delete(at);
      log("info", "listening", { at });
    }
    cancel = failures.size > 0 ? clock.after(RETRY_MS, ask) : undefined;
  }

  return {
    configure(config) {
      current = config;
      const wanted = new Set(config.router.listen.map(nameOf));
      for (const at of [...failures.keys()]) if (!wanted.has(at)) failures.delete(at);
      ask();
    },
    failed(local, reason) {
      const at = nameOf(local);
      refused.add(at);
      // Once per reason, not every five seconds.
      if (failures.get(at) !== reason) log("error", "listen failed", { at, reason });
      failures.set(at, reason);
      cancel ??= clock.after(ANSWER_MS, settle);
    },
    state: () => (current?.router.listen ?? []).map((local) => ({ local, failure: failures.get(nameOf(local)) })),
    stop: () => cancel?.(),
  };
}

function nameOf(local: Endpoint): string {
  return `${formatAddress(local.address)} port ${local.port}`;
}

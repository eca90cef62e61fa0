/** Where connections are accepted. What the system refuses is asked for again: a port in use or an address may come free. */
import type { Config, ListenConfig } from "../config/model.ts";
import { formatAddress } from "../ip/address.ts";
import type { Clock, Log, Transport } from "./ports.ts";
import { listeners } from "./settings.ts";

const RETRY_MS = 5_000;
/** A refusal follows in the next turn; a place that is silent for so long does listen. */
const ANSWER_MS = 100;

export interface Listening {
  /** Follows a configuration: its listeners, and the keys of its peers. */
  configure(config: Config): void;
  /** Devices came or went: listeners that are bound to one, and keys of a VRF, are looked at again. */
  linksChanged(): void;
  /** The transport could not listen there. */
  failed(place: Place, reason: string): void;
  /** Every configured place; `failure` says why nobody can connect to it. */
  state(): readonly { readonly listen: ListenConfig; readonly failure: string | undefined }[];
  stop(): void;
}

/** Of a configured listener. */
export interface Place {
  readonly local: Omit<ListenConfig, "interface">;
  readonly interface?: string;
}

export function createListening(options: {
  readonly clock: Clock;
  readonly log: Log;
  readonly transport: Transport;
}): Listening {
  const { clock, log, transport } = options;
  /** By address, port and interface. */
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
    linksChanged() {
      if (current && dependsOnLinks(current)) ask();
    },
    failed(place, reason) {
      const at = nameOf({ ...place.local, ...(place.interface === undefined ? {} : { interface: place.interface }) });
      refused.add(at);
      // Once per reason, not every five seconds.
      if (failures.get(at) !== reason) log("error", "listen failed", { at, reason });
      failures.set(at, reason);
      cancel ??= clock.after(ANSWER_MS, settle);
    },
    state: () => (current?.router.listen ?? []).map((listen) => ({ listen, failure: failures.get(nameOf(listen)) })),
    stop: () => cancel?.(),
  };
}

function dependsOnLinks({ router, peers, dynamicPeers }: Config): boolean {
  if (router.listen.some((listen) => listen.interface !== undefined || listen.address.zone !== undefined)) return true;
  const keyed = [...peers, ...dynamicPeers.map(({ template }) => template)];
  return keyed.some((peer) => peer.interface !== undefined && peer.password !== undefined);
}

function nameOf(listen: ListenConfig): string {
  const place = `${formatAddress(listen.address)} port ${listen.port}`;
  return listen.interface === undefined ? place : `${place} on ${listen.interface}`;
}

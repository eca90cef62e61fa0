/** Who may connect to which listener: peers, and ranges of dynamic ones. */
import type { Address } from "../ip/address.ts";
import type { Config, ListenConfig, PeerConfig } from "./model.ts";

/** Of a peer or of a range of dynamic ones: what decides who may connect to a listener, and how. */
export type Caller = Pick<PeerConfig, "interface" | "localAddress" | "password" | "disabled" | "ttlSecurity"> & {
  readonly name: string;
  readonly remote: Address;
  /** Of a range. */
  readonly prefixLength?: number;
};

/** Peers, then ranges, in the order of the configuration. */
export function callersOf({ peers, dynamicPeers }: Pick<Config, "peers" | "dynamicPeers">): Caller[] {
  const hosts = peers.map((peer): Caller => ({ ...peer, remote: peer.address }));
  const ranges = dynamicPeers.map(
    ({ name, prefix, template }): Caller => ({
      ...template,
      name,
      remote: { family: prefix.family, bytes: prefix.bytes },
      prefixLength: prefix.length,
    }),
  );
  return [...hosts, ...ranges];
}

/** The device by which a connection of the caller has to come in. */
export function deviceOf({ remote, interface: device }: Caller): string | undefined {
  return device ?? remote.zone;
}

export function mayReach(listen: ListenConfig, caller: Caller): boolean {
  if (caller.remote.family !== listen.address.family) return false;
  const at = listen.interface ?? listen.address.zone;
  const from = deviceOf(caller);
  return at === undefined || from === undefined || at === from;
}

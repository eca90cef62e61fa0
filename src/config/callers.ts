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
  const callers = peers.map((peer) => callerOf(peer.name, peer.address, peer));
  for (const { name, prefix, template } of dynamicPeers)
    callers.push({
      ...callerOf(name, { family: prefix.family, bytes: prefix.bytes }, template),
      prefixLength: prefix.length,
    });
  return callers;
}

function callerOf(name: string, remote: Address, session: Omit<Caller, "name" | "remote">): Caller {
  const { interface: device, localAddress, password, ttlSecurity } = session;
  return {
    name,
    remote,
    disabled: session.disabled,
    ...(device !== undefined && { interface: device }),
    ...(localAddress !== undefined && { localAddress }),
    ...(password !== undefined && { password }),
    ...(ttlSecurity !== undefined && { ttlSecurity }),
  };
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

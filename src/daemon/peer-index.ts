import { type Address, sameAddress } from "../ip/address.ts";
import type { PeerRuntime } from "./peer.ts";
import type { IncomingConnection } from "./ports.ts";
import { addressOf } from "./settings.ts";

/** Configured peers by address: thousands of connections may come in at once, and each asks whose it is. */
export interface PeerIndex {
  add(peer: PeerRuntime): void;
  remove(peer: PeerRuntime): void;
  /** Peers of the address. */
  at(address: Address): readonly PeerRuntime[];
  /** The peer with the most specific match of (remote address and zone, local address, interface). */
  match(incoming: IncomingConnection): PeerRuntime | undefined;
}

export function createPeerIndex(): PeerIndex {
  const byAddress = new Map<string, PeerRuntime[]>();
  const at = (address: Address): readonly PeerRuntime[] => byAddress.get(keyOf(address)) ?? [];
  return {
    add(peer) {
      const key = keyOf(addressOf(peer.config));
      const known = byAddress.get(key);
      if (known) known.push(peer);
      else byAddress.set(key, [peer]);
    },
    remove(peer) {
      const key = keyOf(addressOf(peer.config));
      const left = (byAddress.get(key) ?? []).filter((other) => other !== peer);
      if (left.length > 0) byAddress.set(key, left);
      else byAddress.delete(key);
    },
    at,
    match(incoming) {
      let best: PeerRuntime | undefined;
      let bestScore = -1;
      for (const peer of at(incoming.remote.address)) {
        const score = scoreOf(peer, incoming);
        if (score <= bestScore) continue;
        best = peer;
        bestScore = score;
      }
      return best;
    },
  };
}

/** Higher is more specific; below 0 the connection is not for the peer. */
function scoreOf({ config }: PeerRuntime, { local, interface: device }: IncomingConnection): number {
  const { localAddress } = config;
  if (localAddress && !sameOctets(localAddress, local.address)) return -1;
  if (config.interface !== undefined && config.interface !== device) return -1;
  return (localAddress ? 2 : 0) + (config.interface === undefined ? 0 : 1);
}

/** A link-local local address has the zone of the interface, written or not. */
function sameOctets(a: Address, b: Address): boolean {
  return sameAddress({ family: a.family, bytes: a.bytes }, { family: b.family, bytes: b.bytes });
}

function keyOf(address: Address): string {
  return `${address.bytes.join(".")}%${address.zone ?? ""}`;
}

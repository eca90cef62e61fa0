import { type Address, sameAddress } from "../ip/address.ts";
import type { PeerRuntime } from "./peer.ts";
import type { Endpoint } from "./ports.ts";

/** Configured peers by address: thousands of connections may come in at once, and each asks whose it is. */
export interface PeerIndex {
  add(peer: PeerRuntime): void;
  remove(peer: PeerRuntime): void;
  /** The configured peer with the most specific match of (remote address and zone, local address). */
  match(local: Endpoint, remote: Endpoint): PeerRuntime | undefined;
}

export function createPeerIndex(): PeerIndex {
  const byAddress = new Map<string, PeerRuntime[]>();
  return {
    add(peer) {
      const key = keyOf(peer.config.address);
      const known = byAddress.get(key);
      if (known) known.push(peer);
      else byAddress.set(key, [peer]);
    },
    remove(peer) {
      const key = keyOf(peer.config.address);
      const left = (byAddress.get(key) ?? []).filter((other) => other !== peer);
      if (left.length > 0) byAddress.set(key, left);
      else byAddress.delete(key);
    },
    match(local, remote) {
      let best: PeerRuntime | undefined;
      for (const peer of byAddress.get(keyOf(remote.address)) ?? []) {
        const { localAddress } = peer.config;
        if (localAddress && !sameAddress(localAddress, local.address)) continue;
        if (!best || (localAddress && !best.config.localAddress)) best = peer;
      }
      return best;
    },
  };
}

function keyOf(address: Address): string {
  return `${address.bytes.join(".")}%${address.zone ?? ""}`;
}

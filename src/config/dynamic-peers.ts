/** Dynamic neighbours: from a connection's address to the peer that it makes. */
import { type Address, formatAddress } from "../ip/address.ts";
import { contains } from "../ip/prefix.ts";
import type { DynamicPeersConfig, PeerConfig } from "./model.ts";

/** The entry that an address without a peer of its own belongs to: the most specific prefix wins. */
export function dynamicEntryFor(
  entries: readonly DynamicPeersConfig[],
  address: Address,
): DynamicPeersConfig | undefined {
  let best: DynamicPeersConfig | undefined;
  for (const entry of entries)
    if (contains(entry.prefix, address) && (!best || entry.prefix.length > best.prefix.length)) best = entry;
  return best;
}

/** The peer that a neighbour at `address` is. */
export function dynamicPeer(entry: DynamicPeersConfig, address: Address): PeerConfig {
  return { ...entry.template, name: dynamicName(entry.name, address), address };
}

export function dynamicName(entry: string, address: Address): string {
  return `${entry}-${formatAddress(address)}`;
}

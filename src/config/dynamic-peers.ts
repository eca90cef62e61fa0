/** Dynamic neighbours: from a connection's address to the peer that it makes. */
import { type Address, formatAddress } from "../ip/address.ts";
import type { DynamicPeersConfig, PeerConfig } from "./model.ts";

/** The peer that a neighbour at `address` is. */
export function dynamicPeer(entry: DynamicPeersConfig, address: Address): PeerConfig {
  return { ...entry.template, name: dynamicName(entry.name, address), address };
}

export function dynamicName(entry: string, address: Address): string {
  return `${entry}-${formatAddress(address)}`;
}

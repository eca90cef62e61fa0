import { formatAddress } from "../ip/address.ts";
import type { Reporter } from "./join.ts";
import type { PeerConfig } from "./model.ts";
import type { LocatedPeer } from "./peer-groups.ts";

/** Two peers at one address: connections must tell them apart, and TCP-MD5 keys go by remote address. */
export function checkPair(peer: PeerConfig, other: PeerConfig, { file, path }: LocatedPeer, reporter: Reporter): void {
  const where = `peer \`${other.name}\` (${other.origin.file}:${other.origin.line})`;
  const at = [...path, "address"];
  if (peer.password !== other.password && peer.interface === other.interface)
    reporter.error(file, at, `shares its address with ${where} but has another password`);
  const local = (each: PeerConfig) =>
    `${each.localAddress ? formatAddress(each.localAddress) : ""} ${each.interface ?? ""}`;
  if (local(peer) !== local(other)) return;
  if (peer.port === other.port || (peer.passive && other.passive))
    reporter.error(file, at, `cannot be told from ${where}: give them different localAddress`);
  else
    reporter.warning(
      file,
      at,
      `incoming connections cannot be told from those of ${where}: give them different localAddress`,
    );
}

/** What a request names: a peer by name, address or description, and a prefix or an address. */

import { nearest } from "../config/nearest.ts";
import { type Family, parseAddress } from "../ip/address.ts";
import { formatPrefix, type Prefix, parsePrefix, prefixOf } from "../ip/prefix.ts";
import type { PeerAnswer } from "./answers.ts";
import { ControlError } from "./control-error.ts";

/** `isAddress`: a host prefix that stands for longest match. */
export interface Target {
  readonly prefix: Prefix;
  readonly isAddress: boolean;
}

/** Throws ControlError `usage` with what was probably meant. */
export function parseTarget(text: string): Target {
  const address = parseAddress(text);
  if (address) return { prefix: prefixOf(address, address.bytes.length * 8), isAddress: true };
  const prefix = parsePrefix(text);
  if (prefix) return { prefix, isAddress: false };
  const slash = text.indexOf("/");
  const base = slash < 0 ? undefined : parseAddress(text.slice(0, slash));
  const length = Number(text.slice(slash + 1));
  if (base && base.zone === undefined && /^\d+$/.test(text.slice(slash + 1)) && length <= base.bytes.length * 8) {
    const meant = formatPrefix(prefixOf(base, length));
    throw new ControlError("usage", `\`${text}\` has bits beyond its length; did you mean \`${meant}\`?`);
  }
  throw new ControlError("usage", `\`${text}\` is neither a prefix (10.0.0.0/8) nor an address (10.1.2.3)`);
}

export function isFamily(value: unknown): value is Family {
  return value === "ipv4" || value === "ipv6";
}

/** The peer of that name, else of that address, else of that description. Throws ControlError with near names. */
export function findPeer(word: string, peers: readonly PeerAnswer[]): PeerAnswer {
  const named = peers.find((peer) => peer.name === word);
  if (named) return named;
  const address = parseAddress(word);
  for (const same of [
    peers.filter((peer) => address !== undefined && sameText(peer.address, word)),
    peers.filter((peer) => peer.description === word),
  ]) {
    if (same.length === 1) return same[0]!;
    if (same.length > 1) {
      const names = same.map((peer) => peer.name).join(", ");
      throw new ControlError("usage", `\`${word}\` is more than one peer: ${names}; use a name`);
    }
  }
  throw new ControlError("notFound", `no peer "${word}"${suggestion(word, peers)}`);
}

/** Addresses compare by value, so `2001:DB8::0:1` finds `2001:db8::1`. */
function sameText(address: string, word: string): boolean {
  const [a, b] = [parseAddress(address), parseAddress(word)];
  if (!a || !b || a.family !== b.family || (b.zone !== undefined && b.zone !== a.zone)) return false;
  return a.bytes.every((octet, i) => octet === b.bytes[i]);
}

function suggestion(word: string, peers: readonly PeerAnswer[]): string {
  if (peers.length === 0) return "; none are configured";
  const ofRange = peers.filter((peer) => peer.dynamic?.range === word);
  if (ofRange.length > 0) return `: it is a range of dynamic neighbours, of which there are ${listed(ofRange)}`;
  const words = peers.flatMap((peer) => [peer.name, peer.address, ...(peer.description ? [peer.description] : [])]);
  const near = nearest(word, words);
  const peer = near === undefined ? undefined : peers.find((p) => [p.name, p.address, p.description].includes(near));
  if (peer) return `; did you mean "${peer.name}" (${peer.address})?`;
  return `; there are ${listed(peers)}`;
}

function listed(peers: readonly PeerAnswer[]): string {
  const shown = peers.slice(0, 8).map((p) => p.name);
  return `${shown.join(", ")}${peers.length > shown.length ? ` and ${peers.length - shown.length} more` : ""}`;
}

/** Paths as a daemon holds them, written as the UPDATEs that would make another hold them too. */
import { attributeEnd, attributeValue } from "../bgp/attribute-octets.ts";
import { ATTRIBUTE } from "../bgp/iana.ts";
import { copy, writeU32 } from "../bgp/octets.ts";
import { beginUpdate, endAttributes, endMultiprotocol, endUpdate, mpReachHeader } from "../bgp/update-writer.ts";
import { octetsOfHex, type RunningPage } from "../control/running-state.ts";
import type { Family } from "../ip/address.ts";
import { parsePrefix } from "../ip/prefix.ts";

/** Whole messages for one peer. */
export interface FedUpdates {
  readonly peer: string;
  readonly messages: readonly Uint8Array[];
}

/** Room for one more NLRI: path identifier, length and address. */
const NLRI_OCTETS = 4 + 1 + 16;

/**
 * The page's paths, by peer. AS numbers have four octets whatever the session agreed on: the sets were widened when they
 * came in. `pathIds` tells whether a peer's NLRI carry identifiers, `maxOctets` how long its messages may be.
 */
export function updatesOf(
  page: Extract<RunningPage, { readonly paths: unknown }>,
  pathIds: (peer: string, family: Family) => boolean,
  maxOctets: (peer: string) => number,
): FedUpdates[] {
  const byPeer = new Map<string, Map<number, (readonly [prefix: string, pathId: number])[]>>();
  for (const [prefix, peer, pathId, set] of page.paths) {
    const sets = byPeer.get(peer) ?? new Map<number, (readonly [string, number])[]>();
    byPeer.set(peer, sets);
    const list = sets.get(set) ?? [];
    sets.set(set, list);
    list.push([prefix, pathId]);
  }
  return [...byPeer].map(([peer, sets]) => ({
    peer,
    messages: [...sets].flatMap(([set, paths]) =>
      messagesOf(page.family, octetsOfHex(page.sets[set]!), paths, pathIds(peer, page.family), maxOctets(peer)),
    ),
  }));
}

function messagesOf(
  family: Family,
  set: Uint8Array,
  paths: readonly (readonly [prefix: string, pathId: number])[],
  withId: boolean,
  maxOctets: number,
): Uint8Array[] {
  const messages: Uint8Array[] = [];
  const out = new Uint8Array(maxOctets + set.length + 64);
  const head = writeHead(family, set, out);
  let at = head.nlri;
  const end = () => {
    if (at === head.nlri) return;
    if (family === "ipv6") {
      endMultiprotocol(out, head.reach, at);
      endAttributes(out, 0, at);
    }
    endUpdate(out, 0, at);
    messages.push(out.slice(0, at));
    at = head.nlri;
  };
  for (const [prefix, pathId] of paths) {
    if (at + NLRI_OCTETS > maxOctets) end();
    if (withId) at = writeU32(out, at, pathId);
    at = writeNlri(prefix, out, at);
  }
  end();
  return messages;
}

/** Everything before the prefixes. */
function writeHead(
  family: Family,
  set: Uint8Array,
  out: Uint8Array,
): { readonly reach: number; readonly nlri: number } {
  let at = beginUpdate(out, 0);
  if (family === "ipv4") {
    at = copy(set, 0, set.length, out, at);
    endAttributes(out, 0, at);
    return { reach: 0, nlri: at };
  }
  let hop = -1;
  for (let p = 0; p < set.length; p = attributeEnd(set, p)) {
    if (set[p + 1] === ATTRIBUTE.nextHop.code) hop = p;
    else at = copy(set, p, attributeEnd(set, p) - p, out, at);
  }
  const value = hop < 0 ? new Uint8Array(16) : set.subarray(attributeValue(set, hop), attributeEnd(set, hop));
  return { reach: at, nlri: mpReachHeader(out, at, family, value, value.length) };
}

function writeNlri(text: string, out: Uint8Array, at: number): number {
  const prefix = parsePrefix(text);
  if (!prefix) throw new Error(`Cannot read the daemon's state: ${text} is no prefix`);
  out[at] = prefix.length;
  return copy(prefix.bytes, 0, (prefix.length + 7) >> 3, out, at + 1);
}

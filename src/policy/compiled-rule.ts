import type { Address, Family } from "../ip/address.ts";
import type { Prefix } from "../ip/prefix.ts";
import { type Edits, hasAfter, normalEdits } from "./edits.ts";
import { createPrefixSet, type PrefixSet } from "./prefix-set.ts";
import { type PolicyRule, READS, type RouteFacts, type RouteSource } from "./types.ts";

/** One rule with its conditions in the order of their cost. A condition that is not there is undefined. */
export class CompiledRule {
  readonly action: PolicyRule["action"];
  /** Undefined: changes nothing. */
  readonly edits: Edits | undefined;
  readonly reads: number;
  readonly #family: Family | undefined;
  readonly #sources: readonly RouteSource[] | undefined;
  readonly #peers: ReadonlySet<string> | undefined;
  readonly #prefixes: PrefixSet | undefined;
  readonly #communities: readonly number[] | undefined;
  readonly #nextHops: readonly Prefix[] | undefined;

  constructor({ match, set, action }: PolicyRule) {
    this.action = action;
    this.edits = normalEdits(set);
    this.#family = match.family;
    this.#sources = match.source;
    this.#peers = match.peers && new Set(match.peers);
    this.#prefixes = match.prefixes && createPrefixSet(match.prefixes);
    this.#communities = match.communities;
    this.#nextHops = match.nextHops;
    this.reads =
      (match.family === undefined ? 0 : READS.family) |
      (match.source === undefined ? 0 : READS.source) |
      (match.peers === undefined ? 0 : READS.peer) |
      (match.prefixes === undefined ? 0 : READS.prefix | READS.family) |
      (match.communities === undefined && match.nextHops === undefined ? 0 : READS.attributes);
  }

  /** `pending`: what earlier rules changed, as `continue` goes on with the changed route. */
  matches(route: RouteFacts, pending: Edits | undefined): boolean {
    if (this.#family !== undefined && this.#family !== route.family) return false;
    if (this.#sources !== undefined && !this.#sources.includes(route.source)) return false;
    if (this.#peers !== undefined && !this.#peers.has(route.fromPeer)) return false;
    if (
      this.#prefixes !== undefined &&
      !this.#prefixes.has(route.family, route.prefixBytes, route.prefixAt, route.prefixLength)
    )
      return false;
    if (this.#communities !== undefined && !anyCommunity(this.#communities, route, pending)) return false;
    return this.#nextHops === undefined || nextHopWithin(this.#nextHops, nextHopOf(route, pending));
  }
}

/** Routes carry few communities and rules name few, so two loops beat a set. */
export function anyCommunity(wanted: readonly number[], route: RouteFacts, pending: Edits | undefined): boolean {
  const had = route.attributes.communities;
  for (let i = 0; i < wanted.length; i++) {
    const has = had.includes(wanted[i]!);
    if (pending === undefined ? has : hasAfter(pending, wanted[i]!, has)) return true;
  }
  return false;
}

/** `self` is no address yet, so nothing matches it. */
export function nextHopOf(route: RouteFacts, pending: Edits | undefined): Address | undefined {
  const changed = pending?.nextHop;
  if (changed === undefined) return route.attributes.nextHop;
  return changed === "self" ? undefined : changed;
}

export function nextHopWithin(prefixes: readonly Prefix[], address: Address | undefined): boolean {
  if (address === undefined) return false;
  for (let i = 0; i < prefixes.length; i++) {
    const prefix = prefixes[i]!;
    if (prefix.family === address.family && startsWith(address.bytes, prefix.bytes, prefix.length)) return true;
  }
  return false;
}

function startsWith(bytes: Uint8Array, base: Uint8Array, length: number): boolean {
  const whole = length >> 3;
  for (let i = 0; i < whole; i++) if (bytes[i] !== base[i]) return false;
  const rest = length & 7;
  return rest === 0 || (bytes[whole]! ^ base[whole]!) >> (8 - rest) === 0;
}

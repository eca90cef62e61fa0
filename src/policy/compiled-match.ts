import type { Address, Family } from "../ip/address.ts";
import type { Prefix } from "../ip/prefix.ts";
import { matchesAsPath } from "./as-path.ts";
import { CommunityMatcher } from "./community-match.ts";
import { operandValue } from "./current-values.ts";
import type { Edits } from "./edits.ts";
import { anyGlob } from "./glob.ts";
import { inRange } from "./number-text.ts";
import { createPrefixSet, type PrefixSet } from "./prefix-set.ts";
import {
  type AsPathMatch,
  type NumberMatch,
  OPERANDS,
  type Operand,
  type PeerType,
  type PolicyMatch,
  READS,
  type RouteFacts,
  type RouteSource,
} from "./types.ts";

/** The conditions of one match in the order of their cost. A condition that is not there is undefined. */
export class CompiledMatch {
  readonly reads: number;
  readonly #family: Family | undefined;
  readonly #sources: readonly RouteSource[] | undefined;
  readonly #peers: ReadonlySet<string> | undefined;
  readonly #prefixes: PrefixSet | undefined;
  readonly #communities: CommunityMatcher | undefined;
  readonly #nextHops: readonly Prefix[] | undefined;
  /** What few rules have, behind one look. */
  readonly #rare: RareConditions | undefined;

  constructor(match: PolicyMatch) {
    this.#family = match.family;
    this.#sources = match.source;
    this.#peers = match.peers && new Set(match.peers);
    this.#prefixes = match.prefixes && createPrefixSet(match.prefixes);
    this.#communities = match.communities && new CommunityMatcher("standard", match.communities);
    this.#nextHops = match.nextHops;
    this.#rare = isRare(match) ? new RareConditions(match) : undefined;
    this.reads =
      (match.family === undefined ? 0 : READS.family) |
      (match.source === undefined ? 0 : READS.source) |
      (match.peers === undefined ? 0 : READS.peer) |
      (match.prefixes === undefined ? 0 : READS.prefix | READS.family) |
      (match.communities === undefined && match.nextHops === undefined ? 0 : READS.attributes) |
      (this.#rare?.reads ?? 0);
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
    if (this.#communities !== undefined && !this.#communities.matches(route.attributes, pending)) return false;
    if (this.#nextHops !== undefined && !nextHopWithin(this.#nextHops, nextHopOf(route, pending))) return false;
    return this.#rare === undefined || this.#rare.match(route, pending);
  }
}

function isRare(match: PolicyMatch): boolean {
  return RARE_KEYS.some((key) => match[key] !== undefined);
}

const RARE_KEYS = [
  ...OPERANDS,
  "largeCommunities",
  "extendedCommunities",
  "asPath",
  "interface",
  "peerType",
  "fromPeerType",
  "not",
  "any",
  "all",
] as const satisfies readonly (keyof PolicyMatch)[];

const OPERAND_READS: Readonly<Record<Operand, number>> = {
  metric: READS.metric,
  localPref: READS.localPref,
  med: READS.attributes,
  preference: READS.preference,
};

/** What a value of the route is read from. */
export function readsOf(operand: Operand): number {
  return OPERAND_READS[operand];
}

class RareConditions {
  readonly reads: number;
  readonly #peerType: readonly PeerType[] | undefined;
  readonly #fromPeerType: readonly PeerType[] | undefined;
  readonly #numbers: readonly { readonly operand: Operand; readonly range: NumberMatch }[];
  readonly #interface: readonly string[] | undefined;
  readonly #asPath: AsPathMatch | undefined;
  readonly #large: CommunityMatcher | undefined;
  readonly #extended: CommunityMatcher | undefined;
  readonly #all: readonly CompiledMatch[];
  readonly #any: readonly CompiledMatch[] | undefined;
  readonly #not: readonly CompiledMatch[];

  constructor(match: PolicyMatch) {
    const compiled = (list: readonly PolicyMatch[] | undefined) => list?.map((each) => new CompiledMatch(each));
    this.#peerType = match.peerType;
    this.#fromPeerType = match.fromPeerType;
    this.#numbers = OPERANDS.flatMap((operand) => {
      const range = match[operand];
      return range === undefined ? [] : [{ operand, range }];
    });
    this.#interface = match.interface;
    this.#asPath = match.asPath;
    this.#large = match.largeCommunities && new CommunityMatcher("large", match.largeCommunities);
    this.#extended = match.extendedCommunities && new CommunityMatcher("extended", match.extendedCommunities);
    this.#all = compiled(match.all) ?? [];
    this.#any = compiled(match.any);
    this.#not = compiled(match.not) ?? [];
    const attributes = this.#asPath ?? this.#large ?? this.#extended;
    this.reads =
      (match.peerType === undefined ? 0 : READS.peerType) |
      (match.fromPeerType === undefined ? 0 : READS.fromPeerType) |
      (match.interface === undefined ? 0 : READS.interface) |
      (attributes === undefined ? 0 : READS.attributes) |
      this.#numbers.reduce((reads, { operand }) => reads | readsOf(operand), 0) |
      [...this.#all, ...(this.#any ?? []), ...this.#not].reduce((reads, each) => reads | each.reads, 0);
  }

  match(route: RouteFacts, pending: Edits | undefined): boolean {
    if (this.#peerType !== undefined && !hasType(this.#peerType, route.peerType)) return false;
    if (this.#fromPeerType !== undefined && !hasType(this.#fromPeerType, route.fromPeerType)) return false;
    for (let i = 0; i < this.#numbers.length; i++) {
      const { operand, range } = this.#numbers[i]!;
      if (!inRange(range, operandValue(operand, route, pending))) return false;
    }
    if (this.#interface !== undefined && !anyGlob(this.#interface, route.interfaces)) return false;
    const { attributes } = route;
    if (this.#asPath !== undefined && !matchesAsPath(this.#asPath, attributes.asPath, pending?.prepend)) return false;
    if (this.#large !== undefined && !this.#large.matches(attributes, pending)) return false;
    if (this.#extended !== undefined && !this.#extended.matches(attributes, pending)) return false;
    for (let i = 0; i < this.#all.length; i++) if (!this.#all[i]!.matches(route, pending)) return false;
    for (let i = 0; i < this.#not.length; i++) if (this.#not[i]!.matches(route, pending)) return false;
    return this.#any === undefined || anyOf(this.#any, route, pending);
  }
}

function anyOf(list: readonly CompiledMatch[], route: RouteFacts, pending: Edits | undefined): boolean {
  for (let i = 0; i < list.length; i++) if (list[i]!.matches(route, pending)) return true;
  return false;
}

/** A client is an iBGP peer too. */
export function hasType(wanted: readonly PeerType[], type: PeerType | undefined): boolean {
  if (type === undefined) return false;
  return wanted.includes(type) || (type === "client" && wanted.includes("ibgp"));
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

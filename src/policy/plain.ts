/** A policy as the plain values that its file would hold. */
import { type Address, formatAddress } from "../ip/address.ts";
import { formatPrefix } from "../ip/prefix.ts";
import { formatCommunity, formatExtendedWords, formatLargeCommunity } from "./community-text.ts";
import { formatPrefixMatch } from "./content-key.ts";
import { formatExpression, plainNumberMatch } from "./number-text.ts";
import type { AsPathMatch, Expression, Policy, PolicyMatch, PolicySet } from "./types.ts";

type Plain = Readonly<Record<string, unknown>>;

export function plainPolicy({ rules }: Policy): Plain[] {
  return rules.map(({ match, set, action, call }) =>
    defined({
      match: nonEmpty(plainMatch(match)),
      set: nonEmpty(plainSet(set)),
      ...(action === "call" ? { call } : { action }),
    }),
  );
}

export function plainMatch(match: PolicyMatch): Plain {
  return defined({
    prefixes: match.prefixes?.map(formatPrefixMatch),
    source: match.source,
    communities: match.communities?.map(({ text }) => text),
    largeCommunities: match.largeCommunities?.map(({ text }) => text),
    extendedCommunities: match.extendedCommunities?.map(({ text }) => text),
    asPath: match.asPath && plainAsPath(match.asPath),
    nextHops: match.nextHops?.map(formatPrefix),
    interface: match.interface,
    peers: match.peers,
    peerType: match.peerType,
    fromPeerType: match.fromPeerType,
    med: match.med && plainNumberMatch(match.med),
    localPref: match.localPref && plainNumberMatch(match.localPref),
    preference: match.preference && plainNumberMatch(match.preference),
    metric: match.metric && plainNumberMatch(match.metric),
    family: match.family,
    not: match.not?.map(plainMatch),
    any: match.any?.map(plainMatch),
    all: match.all?.map(plainMatch),
  });
}

export function plainAsPath({ length, ...rest }: AsPathMatch): Plain {
  return defined({ ...rest, length: length && plainNumberMatch(length) });
}

export function plainSet(set: PolicySet): Plain {
  const large = (list: PolicySet["addLargeCommunities"]) => list?.map(formatLargeCommunity);
  const extended = (list: PolicySet["addExtendedCommunities"]) => list?.map(formatExtendedWords);
  return defined({
    preference: plainValue(set.preference),
    localPref: plainValue(set.localPref),
    med: plainValue(set.med),
    metric: plainValue(set.metric),
    setCommunities: set.setCommunities?.map(formatCommunity),
    removeCommunities: set.removeCommunities?.map(({ text }) => text),
    addCommunities: set.addCommunities?.map(formatCommunity),
    setLargeCommunities: large(set.setLargeCommunities),
    removeLargeCommunities: set.removeLargeCommunities?.map(({ text }) => text),
    addLargeCommunities: large(set.addLargeCommunities),
    setExtendedCommunities: extended(set.setExtendedCommunities),
    removeExtendedCommunities: set.removeExtendedCommunities?.map(({ text }) => text),
    addExtendedCommunities: extended(set.addExtendedCommunities),
    prepend: set.prepend,
    nextHop: set.nextHop === "self" ? set.nextHop : optionalAddress(set.nextHop),
    device: set.device,
    onlink: set.onlink,
    preferredSource: optionalAddress(set.preferredSource),
    table: set.table,
  });
}

function plainValue(value: number | Expression | null | undefined): unknown {
  if (value === null) return "none";
  return typeof value === "object" ? formatExpression(value) : value;
}

function optionalAddress(address: Address | undefined): string | undefined {
  return address && formatAddress(address);
}

function nonEmpty(value: Plain): Plain | undefined {
  return Object.keys(value).length > 0 ? value : undefined;
}

function defined(value: Plain): Plain {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined));
}

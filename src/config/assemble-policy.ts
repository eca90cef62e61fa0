/** Policies with the named sets that they refer to filled in. */
import type { CommunityPattern } from "../bgp/community-pattern.ts";
import type { Policy, PolicyMatch, PolicyRule, PolicySet } from "../policy/types.ts";
import { given } from "./assemble-peer.ts";
import { type Joined, type Reporter, unknownName } from "./join.ts";
import type { CommunitySetEntry, Located } from "./parse-file.ts";
import type { MatchInput, RuleInput } from "./policy-schema.ts";
import type { KeyPath } from "./yaml-source.ts";

export function asPolicy(
  name: string,
  policy: Located<readonly RuleInput[] | undefined>,
  joined: Joined,
  asn: number,
  reporter: Reporter,
): Policy {
  const sets = createSets(policy.file, joined, reporter);
  const rules = (policy.value ?? []).map((rule, i): PolicyRule => {
    const at = [...policy.path, i];
    return {
      match: asMatch(rule.match ?? {}, [...at, "match"], sets),
      set: asSet(rule.set ?? {}, asn, [...at, "set"], sets),
      action: rule.action ?? "call",
      ...(rule.call !== undefined && { call: rule.call }),
    };
  });
  return { name, rules };
}

interface Sets {
  prefixes(names: readonly string[], at: KeyPath): NonNullable<PolicyMatch["prefixes"]>;
  communities(names: readonly string[], at: KeyPath): readonly CommunitySetEntry[];
}

/** Names that nothing has are reported, and stand for nothing. */
function createSets(file: string, joined: Joined, reporter: Reporter): Sets {
  const find = <T>(
    what: string,
    known: ReadonlyMap<string, Located<readonly T[] | undefined>>,
    names: readonly string[],
    at: KeyPath,
  ): readonly T[] =>
    names.flatMap((name, i) => {
      const found = known.get(name);
      if (!found) reporter.error(file, [...at, i], unknownName(what, name, known.keys()));
      return found?.value ?? [];
    });
  return {
    prefixes: (names, at) => find("prefix set", joined.prefixSets, names, at),
    communities: (names, at) => find("community set", joined.communitySets, names, at),
  };
}

function asMatch(input: MatchInput, at: KeyPath, sets: Sets): PolicyMatch {
  const { prefixSets, communitySets, asPath, not, any, all, ...rest } = given(input);
  const several = (list: readonly MatchInput[] | undefined, key: string) =>
    list?.map((each, i) => asMatch(each, [...at, key, i], sets));
  const match = given({
    ...rest,
    asPath: asPath && given(asPath),
    prefixes: prefixSets
      ? [...(rest.prefixes ?? []), ...sets.prefixes(prefixSets, [...at, "prefixSets"])]
      : rest.prefixes,
    not: several(not, "not"),
    any: several(any, "any"),
    all: several(all, "all"),
  }) as PolicyMatch;
  return communitySets ? withCommunities(match, sets.communities(communitySets, [...at, "communitySets"])) : match;
}

/** A set may hold communities of several kinds, and one of any kind is enough. */
function withCommunities(match: PolicyMatch, entries: readonly CommunitySetEntry[]): PolicyMatch {
  const kinds = COMMUNITY_KEYS.flatMap(({ kind, match: key }): PolicyMatch[] => {
    const patterns = ofKind(entries, kind);
    return patterns.length > 0 ? [{ [key]: patterns }] : [];
  });
  const condition = kinds.length > 1 ? { any: kinds } : (kinds[0] ?? { communities: [] });
  const free = Object.keys(condition).every((key) => match[key as keyof PolicyMatch] === undefined);
  return free ? { ...match, ...condition } : { ...match, all: [...(match.all ?? []), condition] };
}

const COMMUNITY_KEYS = [
  { kind: "standard", match: "communities", remove: "removeCommunities" },
  { kind: "large", match: "largeCommunities", remove: "removeLargeCommunities" },
  { kind: "extended", match: "extendedCommunities", remove: "removeExtendedCommunities" },
] as const;

function ofKind(entries: readonly CommunitySetEntry[], kind: CommunitySetEntry["kind"]): CommunityPattern[] {
  return entries.flatMap((entry) => (entry.kind === kind ? entry.pattern : []));
}

function asSet(input: NonNullable<RuleInput["set"]>, asn: number, at: KeyPath, sets: Sets): PolicySet {
  const { prepend, removeCommunitySets, ...rest } = given(input);
  const set: PolicySet = rest;
  if (prepend !== undefined) set.prepend = typeof prepend === "number" ? new Array<number>(prepend).fill(asn) : prepend;
  const entries = removeCommunitySets && sets.communities(removeCommunitySets, [...at, "removeCommunitySets"]);
  for (const { kind, remove } of entries ? COMMUNITY_KEYS : []) {
    const patterns = ofKind(entries!, kind);
    if (patterns.length > 0) set[remove] = [...(set[remove] ?? []), ...patterns];
  }
  return set;
}

import { z } from "zod";
import type { CommunityPattern } from "../bgp/community-pattern.ts";
import { type Address, FAMILIES, type Family, parseAddress } from "../ip/address.ts";
import type { Prefix } from "../ip/prefix.ts";
import { GREATEST, MAX_U32, parseExpression, parseNumberMatch, rangeOf } from "../policy/number-text.ts";
import {
  type Expression,
  type NumberMatch,
  PEER_TYPES,
  type PeerType,
  type RouteSource,
  SOURCES,
} from "../policy/types.ts";
import {
  address,
  addressOrPrefix,
  anyCommunityPattern,
  asn,
  choice,
  community,
  communityPattern,
  extendedCommunity,
  extendedCommunityPattern,
  flag,
  integer,
  integerWithin,
  interfaceName,
  largeCommunity,
  largeCommunityPattern,
  listOf,
  name,
  parseAsn,
  prefix,
  scalar,
  unsigned32,
} from "./scalars.ts";

export const family = choice(FAMILIES);

const prefixEntry = z
  .strictObject(
    {
      prefix: prefix.describe("Prefix that contains the routes."),
      ge: integer(0, 128).optional().describe("Least length that matches. Default: the prefix's own length."),
      le: integer(0, 128)
        .optional()
        .describe("Greatest length that matches. Default: the prefix's own length, or the family's longest with ge."),
    },
    { error: () => "expected a prefix, or a mapping with prefix, ge and le" },
  )
  .transform((entry, context) => {
    const longest = entry.prefix.bytes.length * 8;
    const ge = entry.ge ?? entry.prefix.length;
    const le = entry.le ?? (entry.ge === undefined ? entry.prefix.length : longest);
    const problem = (key: string, message: string) =>
      context.issues.push({ code: "custom", message, input: entry, path: [key] });
    if (ge < entry.prefix.length) problem("ge", `ge ${ge} is shorter than the prefix's own length`);
    else if (ge > longest) problem("ge", `ge ${ge} is longer than an address of ${longest} bits`);
    else if (le > longest) problem("le", `le ${le} is longer than an address of ${longest} bits`);
    else if (le < ge) problem("le", `le ${le} is less than ${ge}: nothing can match`);
    return { prefix: entry.prefix, ge, le };
  });

/** `10.0.0.0/8`, `10.0.0.0/8 ge 16 le 24`, or a mapping. */
export const prefixMatch = z
  .preprocess((value) => (typeof value === "string" ? prefixWords(value) : value), prefixEntry)
  .meta({
    short: { type: "string" },
    description: "A prefix, exact unless ge or le follow: `10.0.0.0/8 ge 16 le 24`.",
  });

function prefixWords(text: string): unknown {
  const parts = /^(\S+)(?:\s+ge\s+(\d+))?(?:\s+le\s+(\d+))?$/.exec(text.trim());
  if (!parts) return { prefix: text };
  const [, base, ge, le] = parts;
  return { prefix: base, ...(ge !== undefined && { ge }), ...(le !== undefined && { le }) };
}

const U32_FORM = { type: "integer", minimum: 0, maximum: MAX_U32 };
const A_COMPARISON = "a number, a comparison such as `< 1024` or `>= 10`, `none`, or a mapping with lt, le, gt, ge, eq";

const comparisons = z
  .strictObject(
    {
      eq: unsigned32.optional().describe("Equal."),
      lt: unsigned32.optional().describe("Less."),
      le: unsigned32.optional().describe("Less or equal."),
      gt: unsigned32.optional().describe("Greater."),
      ge: unsigned32.optional().describe("Greater or equal."),
    },
    { error: () => `expected ${A_COMPARISON}` },
  )
  .transform(rangeOf);

/** `1024`, `< 1024`, `none`, or a mapping of comparisons that all must hold. */
const numberMatch = z
  .union([z.string(), z.number(), comparisons], { error: () => `expected ${A_COMPARISON}` })
  .transform((value, context): NumberMatch => {
    const fail = (message: string) => {
      context.issues.push({ code: "custom", message, input: value });
      return z.NEVER;
    };
    const parsed = typeof value === "object" ? value : parseNumberMatch(String(value));
    if (!parsed) return fail(`expected ${A_COMPARISON}, not \`${String(value)}\``);
    return parsed !== "none" && parsed.min > parsed.max ? fail("no number meets this: nothing can match") : parsed;
  });

const asns = (what: string) => listOf(asn, what);

const asPath = z.strictObject(
  {
    startsWith: asns("ASes").optional().describe("The path begins with these ASes, the neighbour's first."),
    contains: asns("ASes").optional().describe("Any of these ASes is in the path."),
    originatedBy: asns("ASes").optional().describe("The last AS of the path is one of these."),
    length: numberMatch.optional().describe("Number of ASes; a set counts as one."),
    empty: flag.optional().describe("The path is empty, or is not."),
  },
  { error: () => "expected a mapping with startsWith, contains, originatedBy, length or empty" },
);

/** Patterns and sets of interface names. */
export const interfaceGlob = scalar("an interface's name with * and ? as wildcards, 1 to 15 characters", (text) =>
  /^[^\s/]{1,15}$/.test(text) ? text : undefined,
);

const anotherMatch: z.ZodType<MatchInput> = z.lazy(() => match);

export interface MatchInput {
  readonly prefixes?: z.output<typeof prefixMatch>[] | undefined;
  readonly prefixSets?: string[] | undefined;
  readonly source?: RouteSource[] | undefined;
  readonly communities?: CommunityPattern[] | undefined;
  readonly largeCommunities?: CommunityPattern[] | undefined;
  readonly extendedCommunities?: CommunityPattern[] | undefined;
  readonly communitySets?: string[] | undefined;
  readonly asPath?: z.output<typeof asPath> | undefined;
  readonly nextHops?: Prefix[] | undefined;
  readonly interface?: string[] | undefined;
  readonly peers?: string[] | undefined;
  readonly peerType?: PeerType[] | undefined;
  readonly fromPeerType?: PeerType[] | undefined;
  readonly med?: NumberMatch | undefined;
  readonly localPref?: NumberMatch | undefined;
  readonly preference?: NumberMatch | undefined;
  readonly metric?: NumberMatch | undefined;
  readonly family?: Family | undefined;
  readonly not?: MatchInput[] | undefined;
  readonly any?: MatchInput[] | undefined;
  readonly all?: MatchInput[] | undefined;
}

const match = z
  .strictObject(
    {
      prefixes: listOf(prefixMatch, "prefixes").optional().describe("The route's prefix is one of these."),
      prefixSets: listOf(name("a prefix set's name"), "prefix sets")
        .optional()
        .describe("The route's prefix is in one of these sets; together with `prefixes`, any of both."),
      source: listOf(choice(SOURCES), "sources").optional().describe("Where the route comes from."),
      communities: listOf(communityPattern, "communities")
        .optional()
        .describe("The route has any of these communities."),
      largeCommunities: listOf(largeCommunityPattern, "large communities")
        .optional()
        .describe("The route has any of these large communities."),
      extendedCommunities: listOf(extendedCommunityPattern, "extended communities")
        .optional()
        .describe("The route has any of these extended communities."),
      communitySets: listOf(name("a community set's name"), "community sets")
        .optional()
        .describe("The route has any community of these sets, of whatever kind."),
      asPath: asPath.optional().describe("The AS path; all that is said must hold."),
      nextHops: listOf(addressOrPrefix, "addresses")
        .optional()
        .describe("The next hop is one of these, or within one."),
      interface: listOf(interfaceGlob, "interfaces")
        .optional()
        .describe("Packets leave by one of these interfaces; `*` and `?` are wildcards."),
      peers: listOf(name("a peer's name"), "peers").optional().describe("The route came from one of these peers."),
      peerType: listOf(choice(PEER_TYPES), "kinds of peer")
        .optional()
        .describe("Kind of the session that the policy runs for; ibgp holds for clients too."),
      fromPeerType: listOf(choice(PEER_TYPES), "kinds of peer")
        .optional()
        .describe("Kind of the peer that the route came from; ibgp holds for clients too."),
      med: numberMatch.optional().describe("MULTI_EXIT_DISC compares so; `none`: there is none."),
      localPref: numberMatch.optional().describe("LOCAL_PREF compares so; 100 where the route has none."),
      preference: numberMatch.optional().describe("Preference compares so."),
      metric: numberMatch.optional().describe("Kernel metric compares so; `none`: there is none."),
      family: family.optional().describe("Address family of the route."),
      not: listOf(anotherMatch, "matches").optional().describe("None of these holds."),
      any: listOf(anotherMatch, "matches").optional().describe("One of these holds."),
      all: listOf(anotherMatch, "matches").optional().describe("All of these hold."),
    },
    { error: () => "expected a mapping of conditions" },
  )
  .meta({ id: "policyMatch" });

/** A count of our own AS, or the ASes themselves. */
const prepend = z
  .union([z.number(), z.string(), z.array(z.union([z.number(), z.string()]))], {
    error: () => "expected how often to prepend our own AS, or a list of ASes",
  })
  .transform((value, context): number | number[] => {
    const fail = (message: string) => {
      context.issues.push({ code: "custom", message, input: value });
      return z.NEVER;
    };
    if (!Array.isArray(value)) {
      const count = Number(value);
      return Number.isInteger(count) && count >= 1 && count <= MOST_PREPENDS
        ? count
        : fail(`expected a count from 1 to ${MOST_PREPENDS}, or a list of ASes, not \`${value}\``);
    }
    if (value.length < 1 || value.length > MOST_PREPENDS) return fail(`expected 1 to ${MOST_PREPENDS} ASes`);
    const asns = value.map((each) => parseAsn(String(each)));
    const wrong = asns.indexOf(undefined);
    return wrong < 0 ? (asns as number[]) : fail(`expected AS numbers, not \`${value[wrong]}\``);
  });

/** Longer paths than this are refused by many speakers. */
const MOST_PREPENDS = 32;

/** A number, or an expression; both are checked against what the value may be. */
const value = (greatest: number) =>
  scalar<number | Expression>(
    `a whole number from 0 to ${greatest}, or an expression such as \`2147483647 - metric\` with metric, localPref, med or preference`,
    (text) => integerWithin(text, 0, greatest) ?? parseExpression(text),
    { anyOf: [{ ...U32_FORM, maximum: greatest }, { type: "string" }] },
  );
const medValue = scalar<number | Expression | null>(
  "a whole number from 0 to 4294967295, an expression such as `metric`, or none",
  (text) => (text === "none" ? null : (integerWithin(text, 0, MAX_U32) ?? parseExpression(text))),
  { anyOf: [U32_FORM, { type: "string" }] },
);
const nextHopValue = scalar<Address | "self">("an IP address or self", (text) =>
  text === "self" ? text : parseAddress(text),
);

const set = z.strictObject({
  preference: value(GREATEST.preference).optional().describe("Wins before BGP's own steps; higher is better."),
  localPref: value(GREATEST.localPref).optional().describe("LOCAL_PREF."),
  med: medValue.optional().describe("MULTI_EXIT_DISC, or `none` to remove it."),
  addCommunities: listOf(community, "communities").optional().describe("Communities to add."),
  removeCommunities: listOf(communityPattern, "communities").optional().describe("Communities to remove."),
  setCommunities: listOf(community, "communities").optional().describe("Replaces all communities."),
  addLargeCommunities: listOf(largeCommunity, "large communities").optional().describe("Large communities to add."),
  removeLargeCommunities: listOf(largeCommunityPattern, "large communities")
    .optional()
    .describe("Large communities to remove."),
  setLargeCommunities: listOf(largeCommunity, "large communities")
    .optional()
    .describe("Replaces all large communities."),
  addExtendedCommunities: listOf(extendedCommunity, "extended communities")
    .optional()
    .describe("Extended communities to add."),
  removeExtendedCommunities: listOf(extendedCommunityPattern, "extended communities")
    .optional()
    .describe("Extended communities to remove."),
  setExtendedCommunities: listOf(extendedCommunity, "extended communities")
    .optional()
    .describe("Replaces all extended communities."),
  removeCommunitySets: listOf(name("a community set's name"), "community sets")
    .optional()
    .describe("Removes all communities of these sets, of whatever kind."),
  prepend: prepend.optional().describe("A count of our own AS, or a list of ASes, put in front of the AS path."),
  nextHop: nextHopValue.optional().describe("An address, or `self` (export only): our end of the session."),
  metric: value(GREATEST.metric).optional().describe("Kernel metric."),
  device: interfaceName("an interface's name").optional().describe("Kernel export only: interface of the route."),
  onlink: flag.optional().describe("Kernel export only: the gateway is on the link although no address covers it."),
  preferredSource: address.optional().describe("Kernel export only: source address of packets sent along the route."),
  table: integer(1, 0xffffffff).optional().describe("Kernel export only: routing table."),
});

export const rule = z
  .strictObject(
    {
      match: match.optional().describe("All conditions must hold. Default: every route matches."),
      set: set.optional().describe("Changes made to a route that matches and is not rejected."),
      action: choice(["accept", "reject", "continue"])
        .optional()
        .describe("accept and reject decide; continue makes the changes and goes on with the next rule."),
      call: name("a policy's name")
        .optional()
        .describe(
          "In place of action: makes the changes and runs another policy; its end comes back to the next rule.",
        ),
    },
    { error: () => "expected a rule: a mapping with match, set, and action or call" },
  )
  .superRefine(({ action, call }, context) => {
    const problem = (message: string, key: string) => context.addIssue({ code: "custom", message, path: [key] });
    if (action === undefined && call === undefined)
      problem("missing key `action`: expected accept, reject or continue, or `call` with a policy's name", "action");
    if (action !== undefined && call !== undefined) problem("a rule has an action or a call, not both", "call");
  });

export const communitySetEntry = anyCommunityPattern;

export type RuleInput = z.output<typeof rule>;

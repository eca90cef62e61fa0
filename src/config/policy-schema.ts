import { z } from "zod";
import { type Address, FAMILIES, parseAddress } from "../ip/address.ts";
import { SOURCES } from "../policy/types.ts";
import {
  address,
  addressOrPrefix,
  choice,
  community,
  flag,
  integer,
  integerWithin,
  interfaceName,
  largeCommunity,
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

const match = z.strictObject({
  prefixes: listOf(prefixMatch, "prefixes").optional().describe("The route's prefix is one of these."),
  prefixSets: listOf(name("a prefix set's name"), "prefix sets")
    .optional()
    .describe("The route's prefix is in one of these sets; together with `prefixes`, any of both."),
  source: listOf(choice(SOURCES), "sources").optional().describe("Where the route comes from."),
  communities: listOf(community, "communities").optional().describe("The route has any of these communities."),
  nextHops: listOf(addressOrPrefix, "addresses").optional().describe("The next hop is one of these, or within one."),
  peers: listOf(name("a peer's name"), "peers").optional().describe("The route came from one of these peers."),
  family: family.optional().describe("Address family of the route."),
});

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

const U32_FORM = { type: "integer", minimum: 0, maximum: 0xffffffff };
const medValue = scalar(
  "a whole number from 0 to 4294967295, or none",
  (text) => (text === "none" ? null : integerWithin(text, 0, 0xffffffff)),
  { anyOf: [{ const: "none" }, U32_FORM] },
);
const nextHopValue = scalar<Address | "self">("an IP address or self", (text) =>
  text === "self" ? text : parseAddress(text),
);

const set = z.strictObject({
  preference: unsigned32.optional().describe("Wins before BGP's own steps; higher is better."),
  localPref: unsigned32.optional().describe("LOCAL_PREF."),
  med: medValue.optional().describe("MULTI_EXIT_DISC, or `none` to remove it."),
  addCommunities: listOf(community, "communities").optional().describe("Communities to add."),
  removeCommunities: listOf(community, "communities").optional().describe("Communities to remove."),
  setCommunities: listOf(community, "communities").optional().describe("Replaces all communities."),
  addLargeCommunities: listOf(largeCommunity, "large communities").optional().describe("Large communities to add."),
  prepend: prepend.optional().describe("A count of our own AS, or a list of ASes, put in front of the AS path."),
  nextHop: nextHopValue.optional().describe("An address, or `self` (export only): our end of the session."),
  metric: unsigned32.optional().describe("Kernel metric."),
  device: interfaceName("an interface's name").optional().describe("Kernel export only: interface of the route."),
  onlink: flag.optional().describe("Kernel export only: the gateway is on the link although no address covers it."),
  preferredSource: address.optional().describe("Kernel export only: source address of packets sent along the route."),
  table: integer(1, 0xffffffff).optional().describe("Kernel export only: routing table."),
});

export const rule = z.strictObject(
  {
    match: match.optional().describe("All conditions must hold. Default: every route matches."),
    set: set.optional().describe("Changes made to a route that matches and is not rejected."),
    action: choice(["accept", "reject", "continue"]).describe(
      "accept and reject decide; continue makes the changes and goes on with the next rule.",
    ),
  },
  { error: () => "expected a rule: a mapping with match, set and action" },
);

export type RuleInput = z.output<typeof rule>;

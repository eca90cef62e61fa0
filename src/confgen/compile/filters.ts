/** BGPFilters as policies that sessions call (calico-bgp.md 1.4, 3.12). */
import { encodeUtf8 } from "../../bgp/text.ts";
import type { Family } from "../../ip/address.ts";
import type { Finding } from "../finding.ts";
import type { BgpFilterResource, FilterOperation, FilterRule } from "../resources/model.ts";
import { longest } from "./cidrs.ts";
import { newerField } from "./cluster.ts";
import type { Edits, Match, Policy, Rule } from "./document.ts";
import type { CalicoVersion, CompileInput } from "./input.ts";
import { communityEdits, type Direction, MOST_METRIC } from "./policies.ts";

/** As many ASes as one rule may put in front of a path. */
const MOST_PREPENDS = 32;
/** Of one direction and family: far below what policies may come to with all they call. */
const MOST_RULES = 10_000;

export function filterRules(filter: BgpFilterResource, direction: Direction, family: Family): readonly FilterRule[] {
  if (direction === "import") return family === "ipv4" ? filter.importV4 : filter.importV6;
  return family === "ipv4" ? filter.exportV4 : filter.exportV6;
}

/** Why the filter cannot be used at all, so that what it stands before is held closed. */
export function filterFault(filter: BgpFilterResource, version: CalicoVersion): string | undefined {
  for (const [list, rules] of Object.entries(listsOf(filter))) {
    if (rules.length > MOST_RULES) return `${list} has ${rules.length} rules; at most ${MOST_RULES} can be used`;
    const at =
      version < 29 ? -1 : rules.findIndex(({ prefix }) => prefix?.lengths && prefix.operator.endsWith("Equal"));
    if (at >= 0)
      return `${list}[${at}] compares by ${rules[at]!.prefix!.operator} with prefixLength, which has no meaning: write In or NotIn`;
  }
  return undefined;
}

function listsOf({ importV4, importV6, exportV4, exportV6 }: BgpFilterResource) {
  return { importV4, importV6, exportV4, exportV6 };
}

/** Fields that the release did not know, and so ignored. */
export function newerFields(filter: BgpFilterResource, version: CalicoVersion): Finding[] {
  const rules = Object.values(listsOf(filter)).flat();
  const fields: [field: string, since: CalicoVersion, used: (rule: FilterRule) => boolean][] = [
    ["prefixLength", 29, ({ prefix }) => prefix?.lengths !== undefined],
    ["peerType", 32, ({ peerType }) => peerType !== undefined],
    ["communities", 32, ({ community }) => community !== undefined],
    ["asPathPrefix", 32, ({ asPathPrefix }) => asPathPrefix !== undefined],
    ["priority", 32, ({ priority }) => priority !== undefined],
    ["operations", 32, ({ operations }) => operations.length > 0],
  ];
  return fields
    .filter(([, since, used]) => version < since && rules.some(used))
    .map(([field, since]) => newerField(`BGPFilter/${filter.name}`, field, since, version));
}

/** What sessions call. Long names are shortened as upstream does it. */
function filterPolicyName(name: string, direction: Direction, family: Family, sha256: CompileInput["sha256"]) {
  return `filter-${direction}-${family}-${shortened(name, 45, sha256)}`;
}

/** Beyond `most` characters: the first 28, and the first 16 hexadecimal digits of SHA-256 of the whole. */
export function shortened(name: string, most: number, sha256: CompileInput["sha256"]): string {
  if (name.length <= most) return name;
  const digest = sha256(encodeUtf8(name, 4 * name.length)).subarray(0, 8);
  return `${name.slice(0, 28)}_${[...digest].map((octet) => octet.toString(16).padStart(2, "0").toUpperCase()).join("")}`;
}

/** First match decides; the end of the list comes back to the caller. */
export function filterPolicies(
  filter: BgpFilterResource,
  direction: Direction,
  family: Family,
  { version, sha256 }: Pick<CompileInput, "version" | "sha256">,
): readonly Policy[] {
  const list = filterRules(filter, direction, family);
  const rules: Rule[] = [];
  const more: Policy[] = [];
  const name = filterPolicyName(filter.name, direction, family, sha256);
  for (const [i, rule] of list.entries()) {
    const match = matchOf(rule, family, version);
    if (!match) continue;
    const compiled = decide(rule, version, () => `${name}:${i}`, more, `BGPFilter/${filter.name}`);
    rules.push({ ...(Object.keys(match).length > 0 && { match }), ...compiled });
  }
  if (list.length === 0) return [];
  const field = `${direction}V${family.slice(-1)}`;
  return [{ name, comment: `BGPFilter/${filter.name}, ${field}.`, rules }, ...more];
}

/** Undefined: the conditions hold for no route. */
function matchOf(rule: FilterRule, family: Family, version: CalicoVersion): Match | undefined {
  const { prefix, source, interface: device, peerType, community, asPathPrefix, priority } = rule;
  const prefixes = prefix === undefined ? {} : prefixMatch(prefix, family, version);
  if (!prefixes) return undefined;
  return {
    ...prefixes,
    ...(source && { source: "bgp" }),
    ...(device !== undefined && { interface: device }),
    ...(version >= 32 && {
      ...(peerType && { peerType: peerType === "eBGP" ? ("ebgp" as const) : ("ibgp" as const) }),
      ...(community !== undefined && communityMatch(community)),
      ...(asPathPrefix && asPathPrefix.length > 0 && { asPath: { startsWith: asPathPrefix } }),
      ...(priority !== undefined && { localPref: MOST_METRIC - priority }),
    }),
  };
}

function communityMatch(community: string): Match {
  return community.split(":").length === 3 ? { largeCommunities: community } : { communities: community };
}

/** Undefined: no prefix meets it. */
function prefixMatch(
  { cidr, operator, lengths }: NonNullable<FilterRule["prefix"]>,
  family: Family,
  version: CalicoVersion,
): Match | undefined {
  if (operator === "Equal") return { prefixes: cidr };
  if (operator === "NotEqual") return { not: { prefixes: cidr } };
  const own = Number(cidr.slice(cidr.indexOf("/") + 1));
  const bounded = version >= 29 ? lengths : undefined;
  const min = Math.max(own, bounded?.min ?? own);
  const max = Math.min(longest(family), bounded?.max ?? longest(family));
  // Lengths that leave no room: nothing is in such a set, and everything is not.
  if (min > max) return operator === "In" ? undefined : {};
  const ge = min > own ? ` ge ${min}` : "";
  const prefixes = max === own ? cidr : `${cidr}${ge} le ${max}`;
  return operator === "In" ? { prefixes } : { not: { prefixes } };
}

/** The end of a rule that matches: rejected, or accepted after its operations. */
function decide(
  { action, operations }: FilterRule,
  version: CalicoVersion,
  nameOf: () => string,
  more: Policy[],
  origin: string,
): Pick<Rule, "set" | "action" | "call"> {
  if (action === "Reject") return { action: "reject" };
  if (version < 32 || operations.length === 0) return { action: "accept" };
  const sets = editsOf(operations);
  const [only] = sets;
  if (sets.length === 1 && only) return { ...(Object.keys(only).length > 0 && { set: only }), action: "accept" };
  // Too much for one rule. A policy of its own, so that the conditions are not looked at again after the first change.
  const name = nameOf();
  const rules = sets.map((set): Rule => ({ set, action: "continue" }));
  more.push({ name, comment: `${origin}: operations of one rule.`, rules: [...rules, { action: "accept" }] });
  return { call: name };
}

/** Operations on different attributes do not touch each other, so that only the order among prependASPath counts. */
function editsOf(operations: readonly FilterOperation[]): Edits[] {
  const communities: string[] = [];
  const edits: Edits[] = [];
  let prepend: readonly number[] = [];
  let localPref: number | undefined;
  for (const operation of operations) {
    if ("addCommunity" in operation) communities.push(operation.addCommunity);
    else if ("setPriority" in operation) localPref = MOST_METRIC - operation.setPriority;
    else if (operation.prependAsPath.length + prepend.length <= MOST_PREPENDS)
      prepend = [...operation.prependAsPath, ...prepend];
    else {
      edits.push({ prepend });
      prepend = operation.prependAsPath;
    }
  }
  edits.push({
    ...communityEdits(communities),
    ...(prepend.length > 0 && { prepend }),
    ...(localPref !== undefined && { localPref }),
  });
  return edits;
}

import { formatAddress } from "../ip/address.ts";
import { formatPrefix } from "../ip/prefix.ts";
import { splitSet } from "./compiled-rule.ts";
import { normalEdits } from "./edits.ts";
import { formatExpression, plainNumberMatch } from "./number-text.ts";
import type { AsPathMatch, NumberMatch, Policy, PolicyMatch, PolicyRule, PolicySet, PrefixMatch } from "./types.ts";

/**
 * Text that is equal for policies that do the same by the same rules, whatever their name and the order within lists.
 * Called policies are part of it; a name that `lookup` does not know, or that calls itself, stands for itself.
 */
export function contentKey(policy: Policy, lookup: (name: string) => Policy | undefined = () => undefined): string {
  return keyOf(policy, lookup, []);
}

function keyOf(policy: Policy, lookup: (name: string) => Policy | undefined, callers: readonly Policy[]): string {
  const inside = [...callers, policy];
  const rules = policy.rules.map((rule) => {
    const { call } = rule;
    if (call === undefined) return ruleKey(rule);
    const called = lookup(call);
    return `${ruleKey(rule)}${called && !inside.includes(called) ? keyOf(called, lookup, inside) : JSON.stringify(call)}`;
  });
  return `[${rules.join(",")}]`;
}

/** Many policies may call one of thousands of prefixes, so what is worked out for a rule is kept with it. */
const RULE_KEYS = new WeakMap<PolicyRule, string>();

function ruleKey(rule: PolicyRule): string {
  let key = RULE_KEYS.get(rule);
  if (key === undefined) {
    key = JSON.stringify([matchKey(rule.match), setKey(rule.set), rule.action]);
    RULE_KEYS.set(rule, key);
  }
  return key;
}

function matchKey(match: PolicyMatch): unknown {
  return keyed({
    prefixes: sorted(match.prefixes?.map(formatPrefixMatch)),
    source: sorted(match.source),
    communities: sorted(match.communities?.map(({ text }) => text)),
    largeCommunities: sorted(match.largeCommunities?.map(({ text }) => text)),
    extendedCommunities: sorted(match.extendedCommunities?.map(({ text }) => text)),
    asPath: match.asPath && asPathKey(match.asPath),
    nextHops: sorted(match.nextHops?.map(formatPrefix)),
    interface: sorted(match.interface),
    peers: sorted(match.peers),
    peerType: sorted(match.peerType),
    fromPeerType: sorted(match.fromPeerType),
    med: numberKey(match.med),
    localPref: numberKey(match.localPref),
    preference: numberKey(match.preference),
    metric: numberKey(match.metric),
    family: match.family,
    not: matchesKey(match.not),
    any: matchesKey(match.any),
    all: matchesKey(match.all),
  });
}

function asPathKey({ startsWith, contains, originatedBy, length, empty }: AsPathMatch): unknown {
  return keyed({
    startsWith,
    contains: sorted(contains?.map(String)),
    originatedBy: sorted(originatedBy?.map(String)),
    length: numberKey(length),
    empty,
  });
}

function numberKey(match: NumberMatch | undefined): unknown {
  return match && plainNumberMatch(match);
}

function matchesKey(list: readonly PolicyMatch[] | undefined): unknown {
  return sorted(list?.map((each) => JSON.stringify(matchKey(each))));
}

/** Without the keys whose value is undefined. */
function keyed(value: Readonly<Record<string, unknown>>): unknown {
  return Object.entries(value).filter(([, each]) => each !== undefined);
}

function sorted(list: readonly string[] | undefined): string[] | undefined {
  return list && [...new Set(list)].sort();
}

function setKey(set: PolicySet): unknown[] {
  const { constant, computed } = splitSet(set);
  const edits: Record<string, unknown> = { ...normalEdits(constant) };
  for (const { set: key, expression } of computed) edits[key] = formatExpression(expression);
  return Object.entries(edits)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => [key, editKey(key, value)]);
}

function editKey(key: string, value: unknown): unknown {
  if (typeof value === "object" && value !== null && "bytes" in value) return formatAddress(value as never);
  if (key === "prepend" || !Array.isArray(value)) return value;
  return sorted(value.map((each: unknown) => (isPattern(each) ? each.text : String(each))));
}

function isPattern(value: unknown): value is { readonly text: string } {
  return typeof value === "object" && value !== null && "text" in value;
}

/** `10.0.0.0/8`, `10.0.0.0/8 ge 16 le 24`: the configuration's own form. */
export function formatPrefixMatch({ prefix, ge, le }: PrefixMatch): string {
  const text = formatPrefix(prefix);
  const longest = prefix.bytes.length * 8;
  if (ge === prefix.length && le === ge) return text;
  if (ge === prefix.length) return `${text} le ${le}`;
  return le === longest ? `${text} ge ${ge}` : `${text} ge ${ge} le ${le}`;
}

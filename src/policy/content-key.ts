import { formatAddress } from "../ip/address.ts";
import { formatPrefix } from "../ip/prefix.ts";
import { type Edits, normalEdits } from "./edits.ts";
import type { Policy, PolicyMatch, PrefixMatch } from "./types.ts";

/** Text that is equal for policies that do the same by the same rules, whatever their name and the order within lists. */
export function contentKey(policy: Policy): string {
  return JSON.stringify(policy.rules.map(({ match, set, action }) => [matchKey(match), editsKey(set), action]));
}

function matchKey(match: PolicyMatch): unknown[] {
  return [
    sorted(match.prefixes?.map(formatPrefixMatch)),
    sorted(match.source),
    sorted(match.communities?.map(String)),
    sorted(match.nextHops?.map(formatPrefix)),
    sorted(match.peers),
    match.family ?? null,
  ];
}

function sorted(list: readonly string[] | undefined): string[] | null {
  return list === undefined ? null : [...new Set(list)].sort();
}

function editsKey(set: Edits): unknown[] {
  const edits = normalEdits(set) ?? {};
  return Object.entries(edits)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => [key, editKey(key, value)]);
}

function editKey(key: string, value: unknown): unknown {
  if (typeof value === "object" && value !== null && "bytes" in value) return formatAddress(value as never);
  if (key !== "prepend" && Array.isArray(value)) return sorted(value.map(String));
  return value;
}

/** `10.0.0.0/8`, `10.0.0.0/8 ge 16 le 24`: the configuration's own form. */
export function formatPrefixMatch({ prefix, ge, le }: PrefixMatch): string {
  const text = formatPrefix(prefix);
  const longest = prefix.bytes.length * 8;
  if (ge === prefix.length && le === ge) return text;
  if (le === longest) return `${text} ge ${ge}`;
  return ge === prefix.length ? `${text} le ${le}` : `${text} ge ${ge} le ${le}`;
}

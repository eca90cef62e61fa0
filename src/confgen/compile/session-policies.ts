/** Which policies a session has: Calico's own, behind those of the BGPFilters that its BGPPeer lists. */
import { FAMILIES, type Family } from "../../ip/address.ts";
import type { Finding } from "../finding.ts";
import type { BgpFilterResource } from "../resources/model.ts";
import type { Policy } from "./document.ts";
import { faultFinding } from "./faults.ts";
import { filterFault, filterPolicies, filterRules, newerFields, shortened } from "./filters.ts";
import type { CompileInput } from "./input.ts";
import { firstOf } from "./origin.ts";
import { basePolicy, type Direction, type FamilyPolicies } from "./policies.ts";
import type { Session } from "./session.ts";

/** Of a policy's name, which may have 128 characters. */
const LONGEST_LIST = 90;
/** Of all filters of a session in one direction, with room for Calico's own rules: policies may come to 65536. */
const MOST_RULES = 60_000;

export interface PolicyNames {
  readonly import: string;
  readonly export: string;
}

export interface SessionPolicies {
  /** Of filters, and of sessions with filters; in order of names. */
  readonly policies: readonly Policy[];
  readonly namesOf: (session: Session) => PolicyNames;
}

const CLOSED: PolicyNames = { import: "reject", export: "reject" };

export function sessionPolicies(
  sessions: readonly Session[],
  families: ReadonlyMap<Family, FamilyPolicies>,
  input: CompileInput,
  findings: Finding[],
): SessionPolicies {
  const filters = resolveFilters(sessions, input, findings);
  const policies = new Map<string, Policy>();
  const base = { ipv4: baseNames("ipv4"), ipv6: baseNames("ipv6") };
  const byList = { ipv4: new Map<string, PolicyNames>(), ipv6: new Map<string, PolicyNames>() };
  for (const { family, filters: list } of sessions) {
    const key = keyOf(list);
    if (list.length === 0 || byList[family].has(key)) continue;
    const usable = list.flatMap((name) => filters.get(name) ?? []);
    byList[family].set(key, namesOf(usable, family, families.get(family)!, input, policies, findings));
  }
  return {
    policies: [...policies.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    namesOf: ({ family, filters: list }) => (list.length === 0 ? base[family] : byList[family].get(keyOf(list))!),
  };
}

/** No line ends within a name; a BGPPeer may list any other text, whether or not a filter can have that name. */
function keyOf(list: readonly string[]): string {
  return list.join("\n");
}

function baseNames(family: Family): PolicyNames {
  return { import: basePolicy("import", family), export: basePolicy("export", family) };
}

/** By name: a filter, or `closed` where it was never valid; those that do not exist are left out, as upstream does it. */
function resolveFilters(
  sessions: readonly Session[],
  input: CompileInput,
  findings: Finding[],
): ReadonlyMap<string, BgpFilterResource | "closed"> {
  const users = new Map<string, Set<string>>();
  for (const { filters, origin } of sessions)
    for (const name of filters) {
      const known = users.get(name);
      if (known) known.add(firstOf(origin));
      else users.set(name, new Set([firstOf(origin)]));
    }
  const resolved = new Map<string, BgpFilterResource | "closed">();
  for (const [name, by] of users) {
    const resource = `BGPFilter/${name}`;
    const entry = input.resources.BGPFilter.get(name);
    if (!entry) {
      const message = `It does not exist, but ${inWords(by)} lists it: it is skipped`;
      findings.push({ severity: "warning", code: "filter-missing", resource, message });
      continue;
    }
    const closed = `the sessions of ${inWords(by)} exchange no routes`;
    const fault = faultFinding("BGPFilter", name, entry, closed);
    if (fault) findings.push(fault);
    const unusable = entry.value && filterFault(entry.value, input.version);
    if (unusable !== undefined)
      findings.push({ severity: "error", code: "filter-unusable", resource, message: `${unusable}; ${closed}` });
    if (entry.value) findings.push(...newerFields(entry.value, input.version));
    resolved.set(name, !entry.value || unusable !== undefined ? "closed" : entry.value);
  }
  return resolved;
}

function inWords(names: ReadonlySet<string>): string {
  const sorted = [...names].sort();
  const rest = sorted.length - 3;
  return rest <= 0 ? sorted.join(", ") : `${sorted.slice(0, 3).join(", ")} and ${rest} more`;
}

/** Adds what the list of filters needs to `policies`. */
function namesOf(
  filters: readonly (BgpFilterResource | "closed")[],
  family: Family,
  own: FamilyPolicies,
  input: CompileInput,
  policies: Map<string, Policy>,
  findings: Finding[],
): PolicyNames {
  const valid = filters.filter((filter) => filter !== "closed");
  if (valid.length < filters.length) return CLOSED;
  const policyOf = (direction: Direction, before: readonly string[], after: string): string => {
    const called = valid.filter((filter) => filterRules(filter, direction, family).length > 0);
    if (called.length === 0) return basePolicy(direction, family);
    const count = called.reduce((sum, filter) => sum + filterRules(filter, direction, family).length, 0);
    if (count > MOST_RULES) {
      const message = `With the others of its list it has ${count} ${direction} rules of ${family}, and at most ${MOST_RULES} can be used: the sessions that list them ${direction} no routes`;
      findings.push({ severity: "error", code: "filter-unusable", resource: `BGPFilter/${called[0]!.name}`, message });
      return "reject";
    }
    const names: string[] = [];
    for (const filter of called) {
      const made = filterPolicies(filter, direction, family, input);
      for (const policy of made) policies.set(policy.name, policy);
      names.push(made[0]!.name);
    }
    const list = called.map((filter) => filter.name);
    const name = `${basePolicy(direction, family)}+${shortened(list.join("+"), LONGEST_LIST, input.sha256)}`;
    const rules = [...before, ...names, after].map((call) => ({ call }));
    policies.set(name, { name, comment: `Sessions with the filters ${list.join(", ")}.`, rules });
    return name;
  };
  return {
    import: policyOf("import", [], basePolicy("import", family)),
    export: policyOf("export", own.beforeFilters === undefined ? [] : [own.beforeFilters], own.afterFilters),
  };
}

/** Families that the node has an address of, or a session. */
export function familiesOf(sessions: readonly Session[], addresses: { readonly [F in Family]?: unknown }): Family[] {
  return FAMILIES.filter(
    (family) => addresses[family] !== undefined || sessions.some((session) => session.family === family),
  );
}

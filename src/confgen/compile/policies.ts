/** Import and export policies of sessions, and the prefix sets they use (calico-bgp.md 3.8). */
import type { Family } from "../../ip/address.ts";
import type { PrefixAdvertisement } from "../resources/model.ts";
import { familyOf, notWithinEarlier, within } from "./cidrs.ts";
import type { ClusterFacts } from "./cluster.ts";
import type { Edits, Policy, PrefixSet, Rule } from "./document.ts";
import type { CalicoVersion } from "./input.ts";
import { ownershipOf, type Pool } from "./pools.ts";
import type { ServiceRoutes } from "./services.ts";
import type { Block } from "./statics.ts";

/** What LOCAL_PREF and kernel metric of a route add up to, since 3.32. */
export const MOST_METRIC = 2_147_483_647;
/** Preference of routes better than normal: as that of static routes, and better than a kernel route's. */
const ELEVATED = 200;
const LOCAL_SOURCES = ["direct", "static", "kernel"];

export type Direction = "import" | "export";

/** The policy of sessions without filters. */
export function basePolicy(direction: Direction, family: Family): string {
  return `${direction}-${family}`;
}

/** Sets and policies, in order of their use. */
export interface FamilyPolicies {
  readonly prefixSets: readonly PrefixSet[];
  readonly policies: readonly Policy[];
  /** What the export of a session begins with, before its filters; absent before 3.32. */
  readonly beforeFilters?: string;
  /** And what it ends with. */
  readonly afterFilters: string;
}

export interface PolicyParts {
  readonly facts: ClusterFacts;
  readonly version: CalicoVersion;
  readonly pools: readonly Pool[];
  readonly blocks: readonly Block[];
  readonly services: ServiceRoutes;
}

export function familyPolicies(family: Family, parts: PolicyParts): FamilyPolicies {
  const { facts, version } = parts;
  const prefixSets: PrefixSet[] = [];
  const rules = exportRules(family, parts, prefixSets);
  const afterFilters = `calico-export-${family}`;
  const base = basePolicy("export", family);
  const priority = version >= 32 ? prioritiesOf(family, facts.normalPriority[family]) : undefined;
  const policies: Policy[] = [
    importPolicy(family, facts, version),
    ...(priority ? [priority] : []),
    { name: afterFilters, comment: "What is announced.", rules },
    {
      name: base,
      comment: "Sessions without filters.",
      rules: [...(priority ? [{ call: priority.name }] : []), { call: afterFilters }],
    },
  ];
  return { prefixSets, policies, ...(priority && { beforeFilters: priority.name }), afterFilters };
}

function importPolicy(family: Family, facts: ClusterFacts, version: CalicoVersion): Policy {
  const elevated: Rule = {
    match: { localPref: `> ${MOST_METRIC - facts.normalPriority[family]}` },
    set: { preference: ELEVATED },
    action: "continue",
    comment: "better than normal: before static and kernel routes",
  };
  return {
    name: basePolicy("import", family),
    comment: "What is taken, after filters.",
    rules: [...(version >= 32 ? [elevated] : []), { action: "accept" }],
  };
}

/** Between a route's metric and its LOCAL_PREF. */
function prioritiesOf(family: Family, normal: number): Policy {
  const localPref = `${MOST_METRIC} - metric`;
  return {
    name: `priority-${family}`,
    comment: "A learned route's metric is what its LOCAL_PREF says; of any other, LOCAL_PREF is what its metric says.",
    rules: [
      { match: { source: "bgp" }, set: { metric: `${MOST_METRIC} - localPref` }, action: "continue" },
      { match: { source: LOCAL_SOURCES, metric: "none" }, set: { metric: normal }, action: "continue" },
      { match: { source: LOCAL_SOURCES }, set: { localPref }, action: "continue" },
    ],
  };
}

/** Rules a to h; the end of the list rejects. */
function exportRules(family: Family, parts: PolicyParts, sets: PrefixSet[]): Rule[] {
  const { facts, version, services } = parts;
  const pools = parts.pools.filter((pool) => pool.family === family);
  const blocks = parts.blocks.filter(({ cidr }) => familyOf(cidr) === family);
  const named = (name: string, comment: string, entries: PrefixSet["entries"]): string[] => {
    if (entries.length === 0) return [];
    sets.push({ name: `${name}-${family}`, comment, entries });
    return [`${name}-${family}`];
  };
  const matched = (names: readonly string[], action: "accept" | "reject", comment?: string): Rule[] =>
    names.map((prefixSets) => ({ match: { prefixSets }, action, ...(comment !== undefined && { comment }) }));
  const cidrs = (list: readonly { readonly cidr: string; readonly origin: string }[]) =>
    list.filter(({ cidr }) => familyOf(cidr) === family).map(({ cidr, origin }) => ({ match: within(cidr), origin }));

  const withheld = pools.filter(({ exported }) => !exported);
  const tunnels = ["*.cali", "*.calico", ...(ownershipOf(facts).ipip ? [] : ["tunl0"])];
  const exact = notWithinEarlier(blocks);
  const inBlocks = named("within-blocks", "Blocks of this node, and all within them.", cidrs(blocks));
  const blocksThemselves = named(
    "blocks",
    "Blocks of this node.",
    exact.map(({ cidr, origin }) => ({ match: cidr, origin })),
  );
  const better: Rule[] = inBlocks.map((prefixSets) => ({
    match: { prefixSets, metric: `< ${facts.normalPriority[family]}` },
    action: "accept",
    comment: "within them, only what is better than normal",
  }));
  const reflector = facts.clusterId !== undefined;
  return [
    ...matched(named("withheld-pools", "IPPools that are not announced.", cidrs(withheld)), "reject"),
    { match: { peerType: "ibgp", interface: tunnels }, action: "reject", comment: "Felix's tunnels" },
    { match: { interface: "bpf*.cali" }, action: "reject", comment: "the eBPF data plane's" },
    ...advertisementRules(facts.prefixAdvertisements, family),
    ...matched(blocksThemselves, "accept", "our blocks as a whole"),
    ...(version >= 32 ? better : []),
    ...matched(inBlocks, "reject"),
    ...matched(named("service-routes", "Services that this node announces.", cidrs(services.routes)), "accept"),
    ...(reflector
      ? [
          ...matched(
            named("load-balancer-cidrs", "Services that others announce.", cidrs(services.loadBalancer)),
            "accept",
            "as a reflector",
          ),
          ...matched(
            named("external-cidrs", "Services that others announce.", cidrs(services.external)),
            "accept",
            "as a reflector",
          ),
        ]
      : []),
    ...matched(
      named("pools", "IPPools that are announced.", cidrs(pools.filter(({ exported }) => exported))),
      "accept",
      "anything else of a pool",
    ),
  ];
}

/** Every one that holds a prefix adds its communities. */
function advertisementRules(advertisements: readonly PrefixAdvertisement[], family: Family): Rule[] {
  return advertisements
    .filter(({ cidr }) => familyOf(cidr) === family)
    .toSorted((a, b) => (a.cidr < b.cidr ? -1 : a.cidr > b.cidr ? 1 : 0))
    .flatMap(({ cidr, communities }): Rule[] => {
      const set = communityEdits(communities);
      return Object.keys(set).length === 0
        ? []
        : [{ match: { prefixes: within(cidr) }, set, action: "continue", comment: "prefixAdvertisements" }];
    });
}

/** Two parts: a standard community; three: a large one. */
export function communityEdits(values: readonly string[]): Edits {
  const sorted = [...new Set(values)].sort();
  const standard = sorted.filter((value) => value.split(":").length === 2);
  const large = sorted.filter((value) => value.split(":").length === 3);
  return {
    ...(standard.length > 0 && { addCommunities: standard }),
    ...(large.length > 0 && { addLargeCommunities: large }),
  };
}

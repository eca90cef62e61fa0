/** What only the whole configuration shows of policies: who uses them, and whom they call. */
import { BUILTIN_POLICIES, builtinPolicy } from "../policy/builtin.ts";
import { MOST_CALL_DEPTH, MOST_UNFOLDED_RULES } from "../policy/compile.ts";
import type { KernelEdits, Policy, PolicyMatch } from "../policy/types.ts";
import { type Joined, type Reporter, unknownName } from "./join.ts";
import type { Config, DynamicPeersConfig } from "./model.ts";
import type { KeyPath } from "./yaml-source.ts";

/** A message when no policy has the name. */
export function unknownPolicy(name: string, joined: Joined): string | undefined {
  if (builtinPolicy(name) || joined.policies.has(name)) return undefined;
  return unknownName("policy", name, [...joined.policies.keys(), ...BUILTIN_POLICIES.map((policy) => policy.name)]);
}

export function checkPolicies(
  joined: Joined,
  config: Config,
  sessions: readonly DynamicPeersConfig["template"][],
  reporter: Reporter,
): void {
  const byName = new Map(config.policies.map((policy) => [policy.name, policy]));
  const calls = checkCalls(byName, joined, reporter);
  const used = (names: readonly (string | undefined)[]) => reached(new Set(names), calls);
  const imports = used(sessions.map((peer) => peer.import));
  const exports = used(sessions.map((peer) => peer.export));
  const kernel = used([config.kernel.export]);
  for (const policy of config.policies) {
    const { file, path } = joined.policies.get(policy.name)!;
    if (builtinPolicy(policy.name)) reporter.error(file, path, `\`${policy.name}\` is built in and cannot be defined`);
    const fail: Say = (at, message) => reporter.error(file, [...path, ...at], message);
    const warn: Say = (at, message) => reporter.warning(file, [...path, ...at], message);
    if (imports.has(policy.name) || exports.has(policy.name)) checkKernelOnly(policy, fail);
    if (imports.has(policy.name)) checkNoSelf(policy, fail);
    if (config.kernel.export === policy.name) warnOfBgpEdits(policy, warn);
    for (const [at, match] of matchesOf(policy)) {
      for (const [j, name] of (match.peers ?? []).entries())
        if (!isPeerName(name, joined)) warn([...at, "peers", j], unknownName("peer", name, joined.peerNames));
      if (kernel.has(policy.name) && match.peerType)
        warn(
          [...at, "peerType"],
          "nothing matches in kernel.export: it runs for no session; `fromPeerType` may be meant",
        );
    }
  }
}

type Say = (at: KeyPath, message: string) => void;

/** Names of the policies that each calls. Calls that lead nowhere, or round in a circle, are reported. */
function checkCalls(
  byName: ReadonlyMap<string, Policy>,
  joined: Joined,
  reporter: Reporter,
): ReadonlyMap<string, readonly string[]> {
  const calls = new Map<string, readonly string[]>();
  for (const [name, { rules }] of byName)
    calls.set(
      name,
      rules.flatMap(({ call }) => call ?? []),
    );
  let endless = false;
  for (const { name, rules } of byName.values()) {
    const { file, path } = joined.policies.get(name)!;
    for (const [i, { call }] of rules.entries()) {
      if (call === undefined) continue;
      const say = (message: string) => reporter.error(file, [...path, i, "call"], message);
      const unknown = unknownPolicy(call, joined);
      if (unknown) say(unknown);
      const circle = wayBack(call, name, calls);
      if (circle) say(`a policy cannot call itself: ${[name, ...circle].join(" calls ")}`);
      endless ||= circle !== undefined;
    }
  }
  if (!endless) checkExtent(byName, calls, joined, reporter);
  return calls;
}

/** The way from one policy to another by calls, both included. */
function wayBack(
  from: string,
  to: string,
  calls: ReadonlyMap<string, readonly string[]>,
): readonly string[] | undefined {
  const ways = new Map<string, readonly string[]>([[from, [from]]]);
  for (const [name, way] of ways) {
    if (name === to) return way;
    for (const next of calls.get(name) ?? []) if (!ways.has(next)) ways.set(next, [...way, next]);
  }
  return undefined;
}

/** Called policies count as often as they are called, for so often they stand in the compiled form. */
function checkExtent(
  byName: ReadonlyMap<string, Policy>,
  calls: ReadonlyMap<string, readonly string[]>,
  joined: Joined,
  reporter: Reporter,
): void {
  const known = new Map<string, { readonly rules: number; readonly depth: number }>();
  const extent = (name: string): { readonly rules: number; readonly depth: number } => {
    const before = known.get(name);
    if (before) return before;
    const called = (calls.get(name) ?? []).map(extent);
    const own = (byName.get(name) ?? builtinPolicy(name))?.rules.length ?? 0;
    const found = {
      rules: called.reduce((sum, each) => sum + each.rules, own),
      depth: Math.max(-1, ...called.map((each) => each.depth)) + 1,
    };
    known.set(name, found);
    return found;
  };
  for (const name of byName.keys()) {
    const { rules, depth } = extent(name);
    const { file, path } = joined.policies.get(name)!;
    if (depth > MOST_CALL_DEPTH)
      reporter.error(file, path, `calls go ${depth} policies deep; at most ${MOST_CALL_DEPTH} may`);
    else if (rules > MOST_UNFOLDED_RULES)
      reporter.error(file, path, `with what it calls it has ${rules} rules; at most ${MOST_UNFOLDED_RULES} may be`);
  }
}

function reached(
  names: ReadonlySet<string | undefined>,
  calls: ReadonlyMap<string, readonly string[]>,
): ReadonlySet<string | undefined> {
  const all = new Set(names);
  for (const name of all) for (const next of (name !== undefined && calls.get(name)) || []) all.add(next);
  return all;
}

/** Dynamic neighbours are named after their entry. */
function isPeerName(name: string, { peerNames, dynamicPeers }: Joined): boolean {
  return peerNames.has(name) || dynamicPeers.some(({ value }) => name.startsWith(`${value.name}-`));
}

/** Every match of the policy, those within others included, with its place. */
function matchesOf({ rules }: Policy): [KeyPath, PolicyMatch][] {
  const within = (at: KeyPath, match: PolicyMatch): [KeyPath, PolicyMatch][] => [
    [at, match],
    ...(["not", "any", "all"] as const).flatMap((key) =>
      (match[key] ?? []).flatMap((each, i) => within([...at, key, i], each)),
    ),
  ];
  return rules.flatMap(({ match }, i) => within([i, "match"], match));
}

const KERNEL_EDITS: readonly string[] = [
  "device",
  "onlink",
  "preferredSource",
  "table",
] satisfies (keyof KernelEdits)[];

/** All that a kernel route can have of a rule's changes, and what later rules may compute with. */
const USED_BY_KERNEL: readonly string[] = [...KERNEL_EDITS, "metric", "nextHop", "preference"];

/** Every key that a rule sets, with its place in the policy. */
function editsOf({ rules }: Policy): [KeyPath, string][] {
  return rules.flatMap(({ set }, i) => Object.keys(set).map((key): [KeyPath, string] => [[i, "set", key], key]));
}

function warnOfBgpEdits(policy: Policy, warn: Say): void {
  for (const [at, key] of editsOf(policy))
    if (!USED_BY_KERNEL.includes(key))
      warn(at, `\`${key}\` changes nothing in the kernel, which exports by this policy`);
}

function checkKernelOnly(policy: Policy, fail: Say): void {
  for (const [at, key] of editsOf(policy))
    if (KERNEL_EDITS.includes(key)) fail(at, `\`${key}\` belongs to kernel.export, but a peer uses this policy`);
}

function checkNoSelf({ rules }: Policy, fail: Say): void {
  for (const [i, { set }] of rules.entries())
    if (set.nextHop === "self") fail([i, "set", "nextHop"], "`self` is for export, but a peer imports by this policy");
}

/** One node's view of Calico's resources, compiled to the files of its configuration. */
import type { Finding } from "../finding.ts";
import type { Compilation } from "../generation.ts";
import { createPrintMemo, type PrintMemo, printGeneration } from "../print/generation.ts";
import { type ClusterFacts, clusterFacts } from "./cluster.ts";
import type { ConfigDocument, Peer, PeerGroup } from "./document.ts";
import { groupName, peerGroups } from "./groups.ts";
import type { CompileInput } from "./input.ts";
import { KERNEL_POLICY, kernelPolicy, wireguardHops } from "./kernel.ts";
import { familyPolicies } from "./policies.ts";
import { poolsOf } from "./pools.ts";
import { rejectCidrs, routerSection } from "./router-section.ts";
import { createServiceMemo, type ServiceMemo, serviceRoutes } from "./services.ts";
import type { Session } from "./session.ts";
import { familiesOf, type SessionPolicies, sessionPolicies } from "./session-policies.ts";
import { compileSessions, createSessionsMemo, type SessionsMemo } from "./sessions.ts";
import { blocksOf, staticRoutes } from "./statics.ts";

/** What one compilation leaves to the next, of the same node. */
export interface CompileMemo {
  readonly sessions: SessionsMemo;
  readonly services: ServiceMemo;
  readonly print: PrintMemo;
  groups: readonly PeerGroup[];
}

export function createCompileMemo(): CompileMemo {
  return { sessions: createSessionsMemo(), services: createServiceMemo(), print: createPrintMemo(), groups: [] };
}

/**
 * Depends on the input alone: a memo changes how long it takes, and which files are the same objects as before, never what
 * they hold. Throws nothing for whatever admission let through.
 */
export function compile(input: CompileInput, memo: CompileMemo = createCompileMemo()): Compilation {
  const cluster = clusterFacts(input);
  if (!cluster.facts) return { findings: inOrder(cluster.findings), secrets: [], services: false };
  const { facts } = cluster;
  const { sessions, secrets, findings: ofSessions } = compileSessions(input, facts, memo.sessions);
  const findings: Finding[] = [...cluster.findings, ...ofSessions];
  const services = serviceRoutes(input, facts, memo.services, findings);
  const document = documentOf(input, facts, sessions, services, memo, findings);
  return {
    generation: printGeneration(document, memo.print),
    findings: inOrder(findings),
    secrets,
    services: services.active,
  };
}

function documentOf(
  input: CompileInput,
  facts: ClusterFacts,
  sessions: readonly Session[],
  services: ReturnType<typeof serviceRoutes>,
  memo: CompileMemo,
  findings: Finding[],
): ConfigDocument {
  const { resources, version } = input;
  const pools = poolsOf(resources, findings);
  const blocks = blocksOf(input, facts, findings);
  const aggregated = blocks.filter((block) => block.aggregated);
  const parts = { facts, version, pools, blocks: aggregated, services };
  const families = new Map(
    familiesOf(sessions, facts.addresses).map((family) => [family, familyPolicies(family, parts)]),
  );
  const filtered = sessionPolicies(sessions, families, input, findings);
  const rejects = rejectCidrs(services);
  const hops = wireguardHops(facts, resources, version);
  memo.groups = sameGroups(peerGroups(sessions, facts), memo.groups);
  return {
    router: routerSection(facts, resources),
    logLevel: facts.logLevel,
    exceptInterfaces: [...facts.ignoredInterfaces, "cali*", "kube-ipvs*"],
    kernelExport: KERNEL_POLICY,
    statics: staticRoutes(blocks, services, sessions, findings),
    prefixSets: [...[...families.values()].flatMap(({ prefixSets }) => prefixSets), ...rejects],
    policies: [
      ...[...families.values()].flatMap(({ policies }) => policies),
      ...filtered.policies,
      kernelPolicy(facts, version, pools, hops, rejects.length > 0),
    ],
    groups: memo.groups,
    peers: peersOf(sessions, memo.groups, filtered),
  };
}

function peersOf(sessions: readonly Session[], groups: readonly PeerGroup[], policies: SessionPolicies): Peer[] {
  const byName = new Map(groups.map((group) => [group.name, group]));
  return sessions.map((session) => {
    const names = policies.namesOf(session);
    const group = byName.get(groupName(session.kind, session.family))!;
    return { session, group, import: names.import, export: names.export };
  });
}

/** Those of before where they say the same, so that what is printed with them need not be looked at again. */
function sameGroups(groups: readonly PeerGroup[], before: readonly PeerGroup[]): readonly PeerGroup[] {
  return groups.map((group) => {
    const known = before.find(({ name }) => name === group.name);
    return known && JSON.stringify(known) === JSON.stringify(group) ? known : group;
  });
}

function inOrder(findings: readonly Finding[]): readonly Finding[] {
  const key = ({ resource, code, message }: Finding) => `${resource}\n${code}\n${message}`;
  return findings.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

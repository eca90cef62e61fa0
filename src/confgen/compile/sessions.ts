/** All BGP sessions of our node, of the mesh, of BGPPeers and of pods (calico-bgp.md 3.3 to 3.5, 3.7). */
import { FAMILIES } from "../../ip/address.ts";
import type { Finding } from "../finding.ts";
import type { SessionContext } from "./candidate.ts";
import type { ClusterFacts } from "./cluster.ts";
import type { CompileInput } from "./input.ts";
import { meshCandidates } from "./mesh.ts";
import { createNodeIndex, type UpdatedNodeIndex } from "./node-index.ts";
import { createPasswords } from "./passwords.ts";
import { peerCandidates } from "./peers.ts";
import { createRowMemo, type RowMemo } from "./row-memo.ts";
import type { Session } from "./session.ts";
import { choose } from "./session-conflicts.ts";
import { checkWorkloads } from "./workloads.ts";

export interface Sessions {
  /** In order of names, which are all different. */
  readonly sessions: readonly Session[];
  readonly findings: readonly Finding[];
  /** `namespace/name` of the Secrets that our sessions need, sorted. */
  readonly secrets: readonly string[];
}

/** What compilations in a row remember of each other: the results do not depend on it. */
export interface SessionsMemo {
  readonly index: UpdatedNodeIndex;
  readonly rows: RowMemo;
  sessions: readonly Session[];
}

export function createSessionsMemo(): SessionsMemo {
  return { index: createNodeIndex(), rows: createRowMemo(), sessions: [] };
}

/**
 * `facts` are those of the same input. With the memo of the last compilation a session that did not change is the same
 * object as before, and so is the list where no session changed.
 */
export function compileSessions(
  input: CompileInput,
  facts: ClusterFacts,
  memo: SessionsMemo = createSessionsMemo(),
): Sessions {
  const findings = memo.index.update(input.resources, input.node);
  const passwords = createPasswords(input, findings);
  const own = memo.index.named(input.node)?.addresses ?? {};
  const context: SessionContext = {
    input,
    facts,
    own,
    index: memo.index,
    passwords,
    memo: memo.rows,
    stamp: stampOf(input, facts, own),
    findings,
  };
  const explicit = peerCandidates(context);
  const mesh = meshCandidates(context);
  checkWorkloads(context);
  findings.push(...ownAddressFindings(context));
  const chosen = choose(explicit, mesh);
  findings.push(...chosen.findings);
  memo.rows.sweep();
  memo.sessions = inOrder(chosen.sessions, memo.sessions);
  return { sessions: memo.sessions, findings: findings.sort(compareFindings), secrets: passwords.secrets() };
}

function stampOf({ version }: CompileInput, facts: ClusterFacts, own: SessionContext["own"]): string {
  const { asn, defaultAsn, defaultListenPort, clusterId, held } = facts;
  return JSON.stringify([version, own.ipv4, own.ipv6, asn, defaultAsn, defaultListenPort, clusterId, held]);
}

/** Other nodes that have an address of ours. */
function ownAddressFindings({ index, own, facts }: SessionContext): Finding[] {
  return FAMILIES.flatMap((family) =>
    (own[family] === undefined ? [] : index.at(own[family]))
      .filter(({ name }) => name !== facts.own.name)
      .map(({ name }) => ({
        severity: "warning" as const,
        code: "address-twice",
        resource: `Node/${name}`,
        message: `Its address ${own[family]} is our own one too: no session goes to it`,
      })),
  );
}

function compareFindings(a: Finding, b: Finding): number {
  return compareTexts(a.resource, b.resource) || compareTexts(a.code, b.code) || compareTexts(a.message, b.message);
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * The sessions by name; those that are as they were before are the same objects. Most are: the rest is sorted into the order
 * they are in already.
 */
function inOrder(sessions: readonly Session[], before: readonly Session[]): readonly Session[] {
  const wanted = new Map<string, Session>();
  for (const session of sessions) wanted.set(session.name, session);
  const ordered: Session[] = [];
  for (const old of before) {
    const session = wanted.get(old.name);
    if (!session) continue;
    wanted.delete(old.name);
    ordered.push(session === old || sameSession(session, old) ? old : session);
  }
  if (wanted.size > 0) {
    ordered.push(...wanted.values());
    ordered.sort((a, b) => compareTexts(a.name, b.name));
  }
  return ordered.length === before.length && ordered.every((session, i) => session === before[i]) ? before : ordered;
}

function sameSession(a: Session, b: Session): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

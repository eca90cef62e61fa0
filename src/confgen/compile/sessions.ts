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
import { compareTexts, createSessionOrder, type SessionOrder } from "./session-order.ts";
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
  readonly order: SessionOrder;
}

export function createSessionsMemo(): SessionsMemo {
  return { index: createNodeIndex(), rows: createRowMemo(), order: createSessionOrder() };
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
  const chosen = choose(explicit, mesh, memo.index.hasTwins);
  findings.push(...chosen.findings);
  memo.rows.sweep();
  const sessions = memo.order.of(chosen.sessions);
  return { sessions, findings: findings.sort(compareFindings), secrets: passwords.secrets() };
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

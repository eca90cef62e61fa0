/** Sessions in one line each, so that a table shows what a claim is about and nothing else. */
import assert from "node:assert/strict";
import { clusterFacts } from "../../../src/confgen/compile/cluster.ts";
import type { CompileInput } from "../../../src/confgen/compile/input.ts";
import type { Session } from "../../../src/confgen/compile/session.ts";
import { compileSessions, type Sessions, type SessionsMemo } from "../../../src/confgen/compile/sessions.ts";

/** What differs from an internal session that connects from our address: `Mesh_10_0_0_2 as 64512 passive`. */
export function brief(session: Session): string {
  const parts = [session.name];
  if (session.port !== undefined) parts.push(`port ${session.port}`);
  parts.push(`as ${session.asn}`);
  if (!session.internal) parts.push("external");
  if (session.localAsn !== undefined) parts.push(`local as ${session.localAsn}`);
  if (session.passive) parts.push("passive");
  if (session.reflectorClient) parts.push("client");
  if (session.sourceAddress === undefined) parts.push("from any");
  if (session.nextHop !== "auto") parts.push(`next hop ${session.nextHop}`);
  if (session.restartTime !== undefined) parts.push(`restart ${session.restartTime}`);
  if (session.keepaliveTime !== undefined) parts.push(`keepalive ${session.keepaliveTime}`);
  if (session.ttlSecurity !== undefined) parts.push(`hops ${session.ttlSecurity}`);
  if (session.allowOwnAs > 0) parts.push(`own as ${session.allowOwnAs}`);
  if (session.password !== undefined) parts.push(`password ${session.password}`);
  if (session.filters.length > 0) parts.push(`filters ${session.filters.join(",")}`);
  if (session.reachableBy !== undefined) parts.push(`via ${session.reachableBy}`);
  if (session.held !== undefined) parts.push(`held: ${session.held}`);
  return parts.join(" ");
}

/** The sessions of the input, where there is something to configure. */
export function sessionsOf(input: CompileInput, memo?: SessionsMemo): Sessions {
  const { facts } = clusterFacts(input);
  assert.ok(facts);
  return compileSessions(input, facts, memo);
}

export function briefs(input: CompileInput): string[] {
  return sessionsOf(input).sessions.map(brief);
}

/** Codes and what they are about: `password-missing BGPPeer/a`. */
export function codes({ findings }: Pick<Sessions, "findings">): string[] {
  return findings.map(({ code, resource }) => `${code} ${resource}`);
}

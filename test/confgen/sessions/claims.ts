/** Tables whose rows are claims about the sessions that come of resources. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CompileInput } from "../../../src/confgen/compile/input.ts";
import type { Resource } from "../../../src/confgen/resources/model.ts";
import { bgpConfiguration, bgpPeer, type Faulty, inputOf, node, type PeerOptions } from "../resource-builders.ts";
import { brief, codes, sessionsOf } from "./brief.ts";

export interface Claim {
  readonly claim: string;
  readonly resources: readonly (Resource | Faulty)[];
  readonly changes?: Partial<CompileInput>;
  readonly sessions: readonly string[];
  /** Of the findings; absent: they are not looked at. */
  readonly codes?: readonly string[];
}

export function checkClaims(claims: readonly Claim[]): void {
  for (const { claim, resources, changes, sessions, codes: wanted } of claims)
    test(claim, () => {
      const result = sessionsOf(inputOf(resources, changes));
      assert.deepEqual(result.sessions.map(brief), sessions);
      if (wanted) assert.deepEqual(codes(result), wanted);
    });
}

export const noMesh = bgpConfiguration("default", { nodeToNodeMesh: false });

/** Our node. */
export const n1 = node("n1", { ipv4: "10.0.0.2/24", ipv6: "fd00::2/64", labels: { rack: "a" } });

/** A BGPPeer with a router outside of the cluster, unless the options say another peer. */
export function torPeer(name: string, options: PeerOptions): Resource {
  return bgpPeer(name, { address: "10.0.9.1", asn: 65000, ...options });
}

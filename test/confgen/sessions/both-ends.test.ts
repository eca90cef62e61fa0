import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Session } from "../../../src/confgen/compile/session.ts";
import type { NodeResource, Resource } from "../../../src/confgen/resources/model.ts";
import { FAMILIES } from "../../../src/ip/address.ts";
import { bgpConfiguration, bgpPeer, inputOf } from "../resource-builders.ts";
import { sessionsOf } from "./brief.ts";
import { configurationOf, fairPeerOf, NAMES, nodeOf } from "./clusters.ts";

/** Nodes that all have addresses of their own. */
const nodes: fc.Arbitrary<NodeResource[]> = fc
  .uniqueArray(fc.integer({ min: 1, max: 130 }), { minLength: NAMES.length, maxLength: NAMES.length })
  .chain((tails) => fc.tuple(...NAMES.map((name, i) => nodeOf(name, fc.constant(tails[i]!)))));

/** A configuration without passwords: what is held down at one end is at the other too. */
const configuration = configurationOf("default").map(({ meshPassword: _, ...rest }) => rest);

interface Link {
  readonly from: NodeResource;
  readonly to: NodeResource;
  readonly session: Session;
  readonly back: Session | undefined;
}

/** Every session from one of the nodes to another, with what the other has to it. */
function linksOf(resources: readonly Resource[], among: readonly NodeResource[]): Link[] {
  const ofNode = new Map(
    among
      .filter(({ bgp }) => bgp)
      .map((each) => [each, sessionsOf(inputOf(resources, { node: each.name })).sessions] as const),
  );
  const links: Link[] = [];
  for (const [from, sessions] of ofNode)
    for (const session of sessions)
      for (const [to, theirs] of ofNode)
        for (const family of FAMILIES)
          if (to.bgp?.[family]?.address === session.address && session.family === family) {
            const back = theirs.find(({ address }) => address === from.bgp?.[family]?.address);
            links.push({ from, to, session, back });
          }
  return links;
}

const asnOf = (each: NodeResource, defaultAsn: number | undefined) => each.bgp?.asn ?? defaultAsn ?? 64512;

test("of each pair of the mesh both ends have the session, in the right ASes, and exactly one connects", () => {
  fc.assert(
    fc.property(nodes, configuration, (cluster, config) => {
      for (const { from, session, back } of linksOf([...cluster, config], cluster)) {
        assert.ok(back, `${session.name} of ${from.name}`);
        assert.equal(back.asn, asnOf(from, config.asn));
        assert.equal(back.internal, session.internal);
        assert.notEqual(back.passive, session.passive);
      }
    }),
    { seed: 7, numRuns: 300 },
  );
});

test("a session between nodes by any BGPPeers and the mesh has its counterpart, in the right AS, and one end connects", () => {
  const peers = fc.tuple(fairPeerOf("a"), fairPeerOf("b"), fairPeerOf("c"));
  fc.assert(
    fc.property(nodes, configuration, peers, fc.integer({ min: 0, max: 3 }), (cluster, config, all, count) => {
      for (const { from, to, session, back } of linksOf([...cluster, config, ...all.slice(0, count)], cluster)) {
        assert.ok(back, `${session.name} of ${from.name}`);
        assert.equal(session.asn, asnOf(to, config.asn));
        assert.equal(back.asn, asnOf(from, config.asn));
        assert.ok(!session.passive || !back.passive);
      }
    }),
    { seed: 8, numRuns: 300 },
  );
});

test("a session to a node by its address and AS has its counterpart, and one end connects", () => {
  const where = fc.oneof(
    fc.constant({}),
    fc.constantFrom(...NAMES).map((name) => ({ node: name })),
    fc.constantFrom("all()", "has(x)").map((nodeSelector) => ({ nodeSelector })),
  );
  fc.assert(
    fc.property(nodes, configuration, where, fc.constantFrom(...FAMILIES), (cluster, config, local, family) => {
      const target = cluster[0]!;
      const address = target.bgp?.[family]?.address;
      fc.pre(address !== undefined);
      const peer = bgpPeer("a", { ...local, address: address!, asn: asnOf(target, config.asn) });
      for (const { from, session, back } of linksOf([...cluster, config, peer], cluster)) {
        assert.ok(back, `${session.name} of ${from.name}`);
        assert.equal(back.asn, asnOf(from, config.asn));
        assert.ok(!session.passive || !back.passive);
      }
    }),
    { seed: 9, numRuns: 300 },
  );
});

test("what a BGPPeer says for both ends is the same at both", () => {
  fc.assert(
    fc.property(nodes, fairPeerOf("a"), (cluster, peer) => {
      const off = bgpConfiguration("default", { nodeToNodeMesh: false });
      for (const { session, back } of linksOf([...cluster, off, peer], cluster)) {
        assert.equal(back?.ttlSecurity, session.ttlSecurity);
        assert.equal(back?.restartTime, session.restartTime);
        assert.deepEqual(back?.filters, session.filters);
      }
    }),
    { seed: 10, numRuns: 200 },
  );
});

test("of reflectors with one cluster id neither is the other's client, and nodes are no one's reflectors", () => {
  fc.assert(
    fc.property(nodes, fairPeerOf("a"), (cluster, peer) => {
      const off = bgpConfiguration("default", { nodeToNodeMesh: false });
      for (const { from, to, session } of linksOf([...cluster, off, peer], cluster)) {
        const [ours, theirs] = [from.bgp?.clusterId, to.bgp?.clusterId];
        assert.equal(session.reflectorClient, ours !== undefined && session.internal && ours !== theirs);
      }
    }),
    { seed: 11, numRuns: 200 },
  );
});

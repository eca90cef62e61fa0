import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AttributeEdits } from "../../src/bgp/path-attributes.ts";
import { type CompiledPolicy, READS, type RouteFacts, type Verdict } from "../../src/policy/types.ts";
import { createImporter, type Importer, type ImportSession } from "../../src/rib/import.ts";
import { REJECT } from "../../src/rib/types.ts";
import { type Attributes, addressOf, createWorld, intern, type World } from "./world.ts";

/** A policy that counts how often it was asked. */
function policy(reads: number, decide: (route: RouteFacts) => AttributeEdits | boolean, contentKey = "p") {
  const counted = {
    asked: 0,
    name: "test",
    reads,
    setsMed: false,
    contentKey,
    evaluate(route: RouteFacts): Verdict {
      counted.asked++;
      const decided = decide(route);
      return typeof decided === "boolean"
        ? { accepted: decided, edits: undefined }
        : { accepted: true, edits: decided };
    },
    trace(route: RouteFacts) {
      const verdict = counted.evaluate(route);
      return {
        verdict,
        steps: [
          { policy: "test", rule: 1, depth: 0, matched: true, because: "", changes: [], action: "accept" as const },
        ],
      };
    },
  };
  return counted satisfies CompiledPolicy;
}

const session: ImportSession = {
  peerName: "tor-a",
  family: "ipv4",
  external: true,
  client: false,
  policy: policy(0, () => true),
  localAs: 64512,
  allowedOwnAs: 0,
  routerId: 0x01010101,
  clusterId: 0x02020202,
  firstAs: 0,
};

const NLRI = Uint8Array.of(10, 1, 0, 0);

function setUp(): { world: World; importer: Importer } {
  const world = createWorld();
  return { world, importer: createImporter(world.sets, world.nextHops) };
}

function evaluate(changes: Partial<ImportSession>, attributes: Attributes, prepare?: (world: World) => void): number {
  const { world, importer } = setUp();
  prepare?.(world);
  const set = intern(world, attributes);
  const result = importer.evaluate(importer.open({ ...session, ...changes }), set, NLRI, 0, 16);
  return result === set ? 1 : result;
}

const ACCEPTED = 1;

describe("import checks", () => {
  const internal = { external: false };
  for (const { claim, changes = {}, attributes, expect, prepare } of [
    { claim: "our AS in AS_PATH is a loop", attributes: { asPath: [1, 64512, 2] }, expect: REJECT.asLoop },
    {
      claim: "our AS within the allowed count is none",
      changes: { allowedOwnAs: 1 },
      attributes: { asPath: [1, 64512] },
      expect: ACCEPTED,
    },
    {
      claim: "our AS beyond the allowed count is one",
      changes: { allowedOwnAs: 1 },
      attributes: { asPath: [64512, 1, 64512] },
      expect: REJECT.asLoop,
    },
    {
      claim: "our AS is found in a long path",
      attributes: { asPath: [...new Array<number>(200).fill(9), 64512] },
      expect: REJECT.asLoop,
    },
    {
      claim: "our ORIGINATOR_ID is a loop",
      changes: internal,
      attributes: { originatorId: "1.1.1.1" },
      expect: REJECT.originatorLoop,
    },
    {
      claim: "another ORIGINATOR_ID is none",
      changes: internal,
      attributes: { originatorId: "1.1.1.2" },
      expect: ACCEPTED,
    },
    {
      claim: "our cluster id is a loop",
      changes: internal,
      attributes: { clusterList: [5, 0x02020202] },
      expect: REJECT.clusterLoop,
    },
    {
      claim: "cluster ids mean nothing to who reflects nothing",
      changes: { ...internal, clusterId: 0 },
      attributes: { clusterList: [5, 0x02020202] },
      expect: ACCEPTED,
    },
    {
      claim: "another first AS is rejected where it is enforced",
      changes: { firstAs: 65001 },
      attributes: { asPath: [65002, 65001] },
      expect: REJECT.firstAs,
    },
    {
      claim: "the right first AS is accepted",
      changes: { firstAs: 65001 },
      attributes: { asPath: [65001] },
      expect: ACCEPTED,
    },
    { claim: "a loopback next hop is a martian", attributes: { nextHop: "127.0.0.1" }, expect: REJECT.martianNextHop },
    {
      claim: "the unspecified IPv6 next hop is a martian",
      attributes: { nextHop: "::" },
      expect: REJECT.martianNextHop,
    },
    {
      claim: "a next hop of our own is rejected",
      attributes: { nextHop: "10.0.0.7" },
      expect: REJECT.ownNextHop,
      prepare: (world: World) => world.nextHops.ownAddressChanged(addressOf("10.0.0.7"), false),
    },
    {
      claim: "an external peer without policy is rejected (RFC 8212)",
      changes: { policy: undefined },
      attributes: {},
      expect: REJECT.noPolicy,
    },
    {
      claim: "an internal peer without policy is accepted",
      changes: { ...internal, policy: undefined },
      attributes: {},
      expect: ACCEPTED,
    },
    {
      claim: "what the policy rejects is rejected",
      changes: { policy: policy(0, () => false) },
      attributes: {},
      expect: REJECT.policy,
    },
  ])
    test(claim, () => assert.equal(evaluate(changes, attributes, prepare), expect));
});

describe("import results", () => {
  test("the result is retained for the caller and belongs to the edited set", () => {
    const { world, importer } = setUp();
    const { sets } = world;
    const set = intern(world, { asPath: [1] });
    const handle = importer.open({ ...session, policy: policy(0, () => ({ preference: 200, localPref: 7 })) });
    const result = importer.evaluate(handle, set, NLRI, 0, 16);
    assert.deepEqual([sets.preference(result), sets.localPref(result), sets.references(result)], [200, 7, 1]);
    assert.equal(importer.evaluate(handle, set, NLRI, 0, 16), result);
    assert.equal(sets.references(result), 2);
  });

  test("an edited next hop is the set's", () => {
    const { world, importer } = setUp();
    const set = intern(world, { asPath: [1] });
    const handle = importer.open({ ...session, policy: policy(0, () => ({ nextHop: addressOf("10.0.0.77") })) });
    const result = importer.evaluate(handle, set, NLRI, 0, 16);
    assert.deepEqual(world.nextHops.address(world.sets.nextHop(result)), addressOf("10.0.0.77"));
  });

  test("is asked once per set by sessions that import alike, whatever their names", () => {
    const { world, importer } = setUp();
    const asked = policy(READS.attributes, () => true);
    const set = intern(world, { asPath: [1] });
    for (const peerName of ["a", "b", "c"]) {
      const handle = importer.open({ ...session, peerName, policy: asked });
      importer.evaluate(handle, set, NLRI, 0, 16);
      importer.evaluate(handle, set, NLRI, 0, 16);
    }
    assert.equal(asked.asked, 1);
  });

  test("is asked per peer where the policy reads the peer", () => {
    const { world, importer } = setUp();
    const asked = policy(READS.peer, (route) => route.fromPeer === "a");
    const set = intern(world, { asPath: [1] });
    const results = ["a", "b"].map((peerName) =>
      importer.evaluate(importer.open({ ...session, peerName, policy: asked }), set, NLRI, 0, 16),
    );
    assert.deepEqual(results, [set, REJECT.policy]);
  });

  test("is asked every time where the policy reads the prefix", () => {
    const { world, importer } = setUp();
    const asked = policy(READS.prefix, (route) => route.prefixLength === 16);
    const set = intern(world, { asPath: [1] });
    const handle = importer.open({ ...session, policy: asked });
    assert.equal(handle.readsPrefix, true);
    assert.equal(importer.evaluate(handle, set, NLRI, 0, 16), set);
    assert.equal(importer.evaluate(handle, set, NLRI, 0, 17), REJECT.policy);
  });

  test("of one policy does not stand for another, nor for another session's checks", () => {
    const { world, importer } = setUp();
    const set = intern(world, { asPath: [1, 2] });
    const results = [session, { ...session, policy: policy(0, () => false, "other") }, { ...session, localAs: 2 }].map(
      (each) => importer.evaluate(importer.open(each), set, NLRI, 0, 16),
    );
    assert.deepEqual(results, [set, REJECT.policy, REJECT.asLoop]);
  });

  test("is asked again after our addresses changed, and after the last session that shared it closed", () => {
    const { world, importer } = setUp();
    const asked = policy(0, () => true);
    const set = intern(world, { asPath: [1] });
    const handle = importer.open({ ...session, policy: asked });
    importer.evaluate(handle, set, NLRI, 0, 16);
    importer.forget();
    importer.evaluate(handle, set, NLRI, 0, 16);
    assert.equal(asked.asked, 2);
    importer.close(handle);
    importer.evaluate(importer.open({ ...session, policy: asked }), set, NLRI, 0, 16);
    assert.equal(asked.asked, 3);
    assert.equal(world.sets.usage().remembered, 1);
  });

  test("leaves nothing behind when the sets are released", () => {
    const { world, importer } = setUp();
    const handle = importer.open({ ...session, policy: policy(0, () => ({ preference: 200 })) });
    for (let i = 0; i < 50; i++) {
      const set = intern(world, { med: i });
      world.sets.release(importer.evaluate(handle, set, NLRI, 0, 16));
      world.sets.release(set);
    }
    assert.deepEqual([world.sets.size, world.sets.usage().remembered], [0, 0]);
  });

  test("attributes are decoded only for policies that read them", () => {
    const { world, importer } = setUp();
    const seen: number[] = [];
    for (const reads of [0, READS.attributes]) {
      const asked = policy(reads, (route) => seen.push(route.attributes.asPath.length) > 0, `reads ${reads}`);
      importer.evaluate(importer.open({ ...session, policy: asked }), intern(world, { asPath: [1] }), NLRI, 0, 16);
    }
    assert.deepEqual(seen, [0, 1]);
  });

  test("a trace tells the check that failed, or the policy's steps, and retains nothing", () => {
    const { world, importer } = setUp();
    const handle = importer.open({ ...session, policy: policy(0, () => ({ med: 4 })) });
    const [looped, fine] = [intern(world, { asPath: [64512] }), intern(world, { asPath: [1] })];
    assert.deepEqual(importer.trace(handle, looped, NLRI, 0, 16), {
      rejected: REJECT.asLoop,
      steps: [],
      edits: undefined,
    });
    const { rejected, steps, edits } = importer.trace(handle, fine, NLRI, 0, 16);
    assert.deepEqual([rejected, steps.length, edits], [0, 1, { med: 4 }]);
    assert.equal(world.sets.size, 2);
  });
});

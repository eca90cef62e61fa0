import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AttributeEdits } from "../../src/bgp/path-attributes.ts";
import { type CompiledPolicy, READS, type RouteFacts, type Verdict } from "../../src/policy/types.ts";
import { createImporter, type Importer, type ImportSession } from "../../src/rib/import.ts";
import { importKey } from "../../src/rib/import-checks.ts";
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
  routerAs: 64512,
  localAs: 64512,
  prependAs: 0,
  allowedOwnAs: 0,
  routerId: 0x01010101,
  clusterId: 0x02020202,
  firstAs: 0,
  gracefulShutdown: false,
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
  return result > 0 ? (result === set ? ACCEPTED : CHANGED) : result;
}

const ACCEPTED = 1;
/** Accepted as another set. */
const CHANGED = 2;

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
      claim: "the AS of the session is a loop as well as our own",
      changes: { localAs: 65010 },
      attributes: { asPath: [1, 65010] },
      expect: REJECT.asLoop,
    },
    {
      claim: "our own AS is a loop where the session has another",
      changes: { localAs: 65010 },
      attributes: { asPath: [1, 64512] },
      expect: REJECT.asLoop,
    },
    {
      claim: "the allowed count is of each of both",
      changes: { localAs: 65010, allowedOwnAs: 1 },
      attributes: { asPath: [64512, 65010, 1] },
      expect: ACCEPTED,
    },
    {
      claim: "what is put in front is no loop, and the first AS is that of the peer",
      changes: { localAs: 65010, prependAs: 65010, firstAs: 65001, policy: undefined, external: false },
      attributes: { asPath: [65001] },
      expect: CHANGED,
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

  test("are found without writing the policy's content out: thousands of sessions may have one of thousands of prefixes", () => {
    const content = "10.0.0.0/8,".repeat(1000);
    const key = importKey({ ...session, policy: policy(READS.prefix, () => true, content) });
    assert.ok(key.length < 200, `${key.length} characters`);
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

describe("a session of another AS than ours (RFC 7705)", () => {
  test("puts its AS in front before the policy sees the path, and holds nothing on to what it made", () => {
    const { world, importer } = setUp();
    const paths: unknown[] = [];
    const asked = policy(READS.attributes, (route) => {
      paths.push(route.attributes.asPath);
      return { med: 7 };
    });
    const handle = importer.open({ ...session, localAs: 65010, prependAs: 65010, policy: asked });
    const set = intern(world, { asPath: [65001, 9] });
    const result = importer.evaluate(handle, set, NLRI, 0, 16);
    const expected = [{ kind: "sequence", asns: [65010, 65001, 9] }];
    assert.deepEqual(paths, [expected]);
    const { asPath, med } = world.sets.attributes(result);
    assert.deepEqual([asPath, med, world.sets.asPathLength(result)], [expected, 7, 3]);
    importer.trace(handle, set, NLRI, 0, 16);
    assert.deepEqual(paths, [expected, expected]);
    world.sets.release(result);
    world.sets.release(set);
    assert.equal(world.sets.size, 0);
  });
});

describe("GRACEFUL_SHUTDOWN (RFC 8326)", () => {
  const LEAVING = 0xffff0000;
  const yields = { ...session, gracefulShutdown: true };

  for (const [claim, changes, given, pref] of [
    ["makes a route the last choice", {}, [LEAVING], 0],
    ["does nothing where it is switched off, or from an internal peer", { gracefulShutdown: false }, [LEAVING], 100],
    ["has the last word over the policy", { policy: policy(0, () => ({ localPref: 200 })) }, [5, LEAVING], 0],
    [
      "counts as the policy has left the communities",
      { policy: policy(0, () => ({ setCommunities: [] })) },
      [LEAVING],
      100,
    ],
    ["counts where the policy adds it", { policy: policy(0, () => ({ addCommunities: [LEAVING] })) }, [], 0],
    ["is not taken for another community", {}, [0xffff0001], 100],
  ] as readonly (readonly [string, Partial<ImportSession>, number[], number])[])
    test(claim, () => {
      const { world, importer } = setUp();
      const set = intern(world, { asPath: [1], communities: given });
      const result = importer.evaluate(importer.open({ ...yields, ...changes }), set, NLRI, 0, 16);
      assert.equal(world.sets.localPref(result), pref);
      world.sets.release(result);
      world.sets.release(set);
      assert.equal(world.sets.size, 0);
    });
});

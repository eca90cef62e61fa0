import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createQueries } from "../../src/daemon/queries.ts";
import { attribute } from "../bgp/wire.ts";
import { nlri, update } from "./speaker.ts";
import { createWorld, header, peer } from "./world.ts";

const OPEN = "import: accept, export: accept";
/** The router is AS 64512. */
const config = (localAs: string, more = "", others = "") => `${header()}
peers:
${peer("a", "10.0.0.11", 65001, `${OPEN}, localAs: ${localAs}${more}`)}${peer("b", "10.0.0.12", 65002, OPEN)}${peer("i", "10.0.0.13", 64512)}${others}`;

function between(localAs: string, more = "") {
  const world = createWorld(config(localAs, more));
  const a = world.speaker("10.0.0.11", { asn: 65001 });
  const b = world.speaker("10.0.0.12", { asn: 65002 });
  const i = world.speaker("10.0.0.13", { asn: 64512 });
  const path = (to: typeof a, prefix: string) => to.routes.get(prefix)?.asPath;
  return { world, a, b, i, path };
}

/** What the router said it is in its OPEN: the two octets, and those of capability 65. */
function saidAs(messages: readonly Uint8Array[]): [number, number] {
  const open = Buffer.from(messages.find((m) => m[18] === 1)!);
  const at = open.indexOf(Buffer.from([65, 4]));
  return [open.readUInt16BE(20), open.readUInt32BE(at + 2)];
}

describe("an AS of the session's own (RFC 7705)", () => {
  for (const { claim, localAs, toA, fromA } of [
    {
      claim: "goes in front of ours to the peer, and in front of what it sends",
      localAs: "65010",
      toA: "65010 64512 65002",
      fromA: "65010 65001",
    },
    {
      claim: "with noPrepend is not put in front of what the peer sends",
      localAs: "{ asn: 65010, noPrepend: true }",
      toA: "65010 64512 65002",
      fromA: "65001",
    },
    {
      claim: "with replaceAs stands for ours to the peer",
      localAs: "{ asn: 65010, replaceAs: true }",
      toA: "65010 65002",
      fromA: "65010 65001",
    },
    {
      claim: "with both is as if the router were of that AS, as in BIRD",
      localAs: "{ asn: 65010, noPrepend: true, replaceAs: true }",
      toA: "65010 65002",
      fromA: "65001",
    },
    { claim: "that is ours changes nothing", localAs: "64512", toA: "64512 65002", fromA: "65001" },
  ])
    test(claim, () => {
      const { world, a, b, i, path } = between(localAs);
      a.announce("10.1.0.0/16");
      b.announce("10.2.0.0/16");
      world.run(1000);
      assert.equal(path(a, "10.2.0.0/16"), toA);
      assert.equal(path(b, "10.1.0.0/16"), `64512 ${fromA}`);
      assert.equal(path(i, "10.1.0.0/16"), fromA);
    });

  test("stands in OPEN in both places, and in what is shown", () => {
    const { world, a } = between("4200000010");
    assert.deepEqual(saidAs(a.messages), [23456, 4200000010]);
    const answer = createQueries(world.router)
      .peers()
      .find(({ name }) => name === "a")!;
    assert.deepEqual([answer.localAsn, answer.kind], [4200000010, "external"]);
  });

  for (const [claim, asPath] of [
    ["that AS", [65001, 65010]],
    ["our own AS", [65001, 64512]],
  ] as const)
    test(`a route with ${claim} in its path is a loop, and allowOwnAs takes it`, () => {
      const { world, a, path, b } = between("65010");
      a.announce("10.1.0.0/16", { asPath });
      world.run(1000);
      assert.equal(path(b, "10.1.0.0/16"), undefined);
      world.configure(config("65010", ", allowOwnAs: 1"));
      world.run(1000);
      assert.equal(path(b, "10.1.0.0/16"), `64512 65010 ${asPath.join(" ")}`);
      assert.equal(a.established, 1, "no reset");
    });

  test("that is the peer's makes the session internal: nothing is put in front either way", () => {
    const world = createWorld(
      `${header()}peers:\n${peer("a", "10.0.0.11", 65001, "localAs: 65001")}${peer("b", "10.0.0.12", 65002, OPEN)}`,
    );
    const a = world.speaker("10.0.0.11", { asn: 65001 });
    const b = world.speaker("10.0.0.12", { asn: 65002 });
    assert.deepEqual(saidAs(a.messages), [65001, 65001]);
    a.announce("10.1.0.0/16", { localPref: 150 });
    b.announce("10.2.0.0/16");
    world.run(1000);
    assert.deepEqual(
      [a.routes.get("10.2.0.0/16")!.asPath, a.routes.get("10.2.0.0/16")!.localPref],
      ["65002", 100],
      "LOCAL_PREF goes to an internal peer",
    );
    assert.equal(b.routes.get("10.1.0.0/16")!.asPath, "64512");
    const [path] = createQueries(world.router).route({
      family: "ipv4",
      bytes: Uint8Array.of(10, 1, 0, 0),
      length: 16,
    })!.paths;
    assert.equal(path!.localPref, 150);
  });

  test("other than ours makes a peer of our AS external", () => {
    const world = createWorld(
      `${header()}peers:\n${peer("a", "10.0.0.11", 64512, `localAs: 65010, allowOwnAs: 1, ${OPEN}`)}${peer("b", "10.0.0.12", 65002, OPEN)}`,
    );
    const a = world.speaker("10.0.0.11", { asn: 64512 });
    const b = world.speaker("10.0.0.12", { asn: 65002 });
    b.announce("10.2.0.0/16");
    a.announce("10.1.0.0/16");
    world.run(1000);
    assert.equal(a.routes.get("10.2.0.0/16")!.asPath, "65010 64512 65002");
    assert.equal(b.routes.get("10.1.0.0/16")!.asPath, "64512 65010 64512");
  });

  test("its switches change in place; another AS resets", () => {
    const { world, a, b, path } = between("65010");
    a.announce("10.1.0.0/16");
    b.announce("10.2.0.0/16");
    world.run(1000);
    world.configure(config("{ asn: 65010, noPrepend: true, replaceAs: true }"));
    world.run(1000);
    assert.deepEqual([path(a, "10.2.0.0/16"), path(b, "10.1.0.0/16")], ["65010 65002", "64512 65001"]);
    assert.equal(a.established, 1);
    world.configure(config("65011"));
    world.run(1000);
    assert.deepEqual(
      a.notifications.map((n) => [n.code, n.subcode]),
      [[6, 6]],
    );
    assert.equal(b.established, 1);
  });
});

describe("the first AS", () => {
  test("other than the peer's is refused where that is enforced, before ours goes in front", () => {
    const { world, a, b, path } = between("65010", ", enforceFirstAs: true");
    a.announce("10.1.0.0/16");
    a.announce("10.3.0.0/16", { asPath: [65009, 65001] });
    a.announce("10.4.0.0/16", { asPath: [] });
    world.run(1000);
    assert.deepEqual(
      ["10.1.0.0/16", "10.3.0.0/16", "10.4.0.0/16"].map((prefix) => path(b, prefix)),
      ["64512 65010 65001", undefined, undefined],
    );
    world.configure(config("65010"));
    world.run(1000);
    assert.equal(path(b, "10.3.0.0/16"), "64512 65010 65009 65001");
  });
});

describe("an AS_SET (RFC 9774)", () => {
  test("is taken where it is allowed, which the peer is asked for again when that changes", () => {
    const set = [0x50, 2, 0, 12, 2, 1, 0, 0, 0xfd, 0xe9, 1, 1, 0, 0, 0, 7];
    const { world, a, b, path } = between("64512");
    const refreshes = () => a.messages.filter((m) => m[18] === 5).length;
    world.configure(config("64512", ", allowAsSets: true"));
    world.run(1000);
    assert.equal(refreshes(), 1);
    a.send(updateWith(set));
    world.run(1000);
    assert.equal(path(b, "10.1.0.0/16"), "64512 65001 {7}");
    world.configure(config("64512"));
    world.run(1000);
    assert.equal(refreshes(), 2);
    a.send(updateWith(set));
    world.run(1000);
    assert.equal(path(b, "10.1.0.0/16"), undefined);
    assert.equal(a.established, 1);
  });
});

function updateWith(asPath: readonly number[]): Uint8Array {
  return update([], [attribute(0x40, 1, [0]), [...asPath], attribute(0x40, 3, [10, 0, 0, 11])], nlri("10.1.0.0/16"));
}

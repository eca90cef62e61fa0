import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createWorld, header, peer } from "./world.ts";

const EXTERNAL = "import: accept, export: accept";
const BOTH = "families: [ipv4, ipv6]";

describe("two-octet peers (RFC 6793)", () => {
  const CONFIG = `${header(4_200_000_000, "")}
peers:
${peer("old", "10.0.0.11", 65001, EXTERNAL)}${peer("new", "10.0.0.12", 65002, EXTERNAL)}`;

  test("a two-octet peer hears AS_TRANS in AS_PATH and the truth in AS4_PATH", () => {
    const world = createWorld(CONFIG);
    const old = world.speaker("10.0.0.11", { asn: 65001, fourOctetAs: false });
    const young = world.speaker("10.0.0.12", { asn: 65002 });
    young.announce("10.9.0.0/16", { asPath: [65002, 4_200_000_007] });
    world.run(1000);
    const heard = old.routes.get("10.9.0.0/16")!;
    assert.equal(heard.asPath, "23456 65002 23456");
    assert.equal(
      heard.attributes.get(17),
      `0203${[4_200_000_000, 65002, 4_200_000_007].map((n) => n.toString(16).padStart(8, "0")).join("")}`,
    );
  });

  test("its AS_PATH and AS4_PATH are merged for the others, who see no AS4_PATH", () => {
    const world = createWorld(CONFIG);
    const old = world.speaker("10.0.0.11", { asn: 65001, fourOctetAs: false });
    const young = world.speaker("10.0.0.12", { asn: 65002 });
    old.announce("10.9.0.0/16", {
      asPath: [65001, 65005, 23456, 23456],
      extra: [[0xc0, 17, 10, 2, 2, ...hex(4_200_000_007), ...hex(4_200_000_008)]],
    });
    world.run(1000);
    const heard = young.routes.get("10.9.0.0/16")!;
    assert.equal(heard.asPath, "4200000000 65001 65005 4200000007 4200000008");
    assert.equal(heard.attributes.has(17), false);
  });

  test("its OPEN gets our AS_TRANS, and the session is up", () => {
    const world = createWorld(CONFIG);
    const old = world.speaker("10.0.0.11", { asn: 65001, fourOctetAs: false });
    assert.equal(old.up, true);
    assert.deepEqual([old.messages[0]![20], old.messages[0]![21]], [23456 >> 8, 23456 & 255]);
  });
});

function hex(asn: number): number[] {
  return [asn >>> 24, (asn >>> 16) & 255, (asn >>> 8) & 255, asn & 255];
}

describe("the initial table", () => {
  const statics = Array.from({ length: 40 }, (_, i) => `  - { prefix: 10.50.${i}.0/24, blackhole: true }`).join("\n");
  const CONFIG = `${header()}
static:
${statics}
  - { prefix: "2001:db8:50::/48", blackhole: true }
peers:
${peer("both", "10.0.0.11", 65001, `${EXTERNAL}, ${BOTH}`)}${peer("four", "10.0.0.12", 65002, EXTERNAL)}`;

  test("ends with one End-of-RIB for each family of the session, after all of its routes", () => {
    const world = createWorld(CONFIG);
    const both = world.speaker("10.0.0.11", { asn: 65001, families: ["ipv4", "ipv6"] });
    const four = world.speaker("10.0.0.12", { asn: 65002 });
    for (const speaker of [both, four]) {
      const { log } = speaker.table;
      assert.equal(log.filter((line) => line === "eor ipv4").length, 1);
      assert.ok(log.lastIndexOf("+10.50.39.0/24") < log.indexOf("eor ipv4"));
      assert.equal(log.slice(log.indexOf("eor ipv4")).filter((line) => line.startsWith("+10.")).length, 0);
    }
    assert.equal(both.table.log.filter((line) => line === "eor ipv6").length, 1);
    assert.ok(both.table.log.indexOf("+2001:db8:50::/48") < both.table.log.indexOf("eor ipv6"));
    assert.equal(four.table.log.includes("eor ipv6"), false);
  });

  test("many prefixes of the same attributes share a message", () => {
    const world = createWorld(CONFIG);
    const four = world.speaker("10.0.0.12", { asn: 65002 });
    assert.ok(four.routes.size >= 40);
    assert.ok(
      four.messages.filter((m) => m[18] === 2).length <= 4,
      "two connected routes, all static ones, End-of-RIB",
    );
  });

  test("nothing is sent a second time while nothing changes", () => {
    const world = createWorld(CONFIG);
    const four = world.speaker("10.0.0.12", { asn: 65002 });
    four.forget();
    world.configure(CONFIG);
    world.kernel({ kind: "batch" });
    four.announce("10.9.0.0/16");
    four.announce("10.9.0.0/16");
    world.run(600_000);
    assert.deepEqual(four.table.log, []);
    assert.equal(four.established, 1);
  });

  test("route refresh brings everything again, with End-of-RIB neither needed nor harmful", () => {
    const world = createWorld(CONFIG);
    const four = world.speaker("10.0.0.12", { asn: 65002 });
    const before = [...four.routes.keys()].sort();
    four.forget();
    four.refresh("ipv4");
    world.run(1000);
    const again = four.table.log.filter((line) => line.startsWith("+")).map((line) => line.slice(1));
    assert.deepEqual(again.sort(), before);
    four.forget();
    four.refresh("ipv6");
    world.run(1000);
    assert.deepEqual(four.table.log, [], "a family that is not on the session");
  });
});

/** RFC 7606 on a live session: what becomes of the session and of the routes, row by row of bgp-protocol.md 5.1 and 5.2. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { attribute, bytes, message, u16, u32 } from "../bgp/wire.ts";
import { nlri, type Speaker, update } from "./speaker.ts";
import { createWorld, header, peer, type World } from "./world.ts";

const ORIGIN = attribute(0x40, 1, [0]);
const AS_PATH = attribute(0x40, 2, [2, 1], u32(65001));
const NEXT_HOP = attribute(0x40, 3, [10, 0, 0, 11]);
const LOCAL_PREF = attribute(0x40, 5, u32(100));
const GLOBAL = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x11];
const REACH6 = attribute(0x80, 14, [0, 2, 1, 16], GLOBAL, [0], nlri("2001:db8:90::/48"));

type Outcome = "discard" | "withdraw" | readonly [number, number];
interface Row {
  readonly claim: string;
  /** The peer is internal; LOCAL_PREF goes with it then. */
  readonly internal?: boolean;
  /** Takes the place of the sound attribute of its type, or comes beside them. */
  readonly bad: readonly number[];
  readonly outcome: Outcome;
}

const W: Outcome = "withdraw";
const D: Outcome = "discard";
const ROWS: readonly Row[] = [
  { claim: "ORIGIN of two octets", bad: attribute(0x40, 1, [0, 0]), outcome: W },
  { claim: "ORIGIN 3", bad: attribute(0x40, 1, [3]), outcome: W },
  { claim: "ORIGIN flagged optional", bad: attribute(0xc0, 1, [0]), outcome: W },
  { claim: "AS_PATH with an unknown segment type", bad: attribute(0x40, 2, [5, 1], u32(65001)), outcome: W },
  { claim: "AS_PATH with a segment of no AS", bad: attribute(0x40, 2, [2, 0]), outcome: W },
  { claim: "AS_PATH whose segment overruns it", bad: attribute(0x40, 2, [2, 2], u32(65001)), outcome: W },
  { claim: "AS_PATH with one stray octet", bad: attribute(0x40, 2, [2, 1], u32(65001), [2]), outcome: W },
  { claim: "AS_PATH with AS 0 (RFC 7607)", bad: attribute(0x40, 2, [2, 2], u32(65001), u32(0)), outcome: W },
  { claim: "AS_PATH with a confederation segment", bad: attribute(0x40, 2, [3, 1], u32(65001)), outcome: W },
  {
    claim: "AS_PATH with an AS_SET (RFC 9774)",
    bad: attribute(0x40, 2, [2, 1], u32(65001), [1, 1], u32(7)),
    outcome: W,
  },
  { claim: "NEXT_HOP of five octets", bad: attribute(0x40, 3, [10, 0, 0, 11, 0]), outcome: W },
  { claim: "MED of three octets", bad: attribute(0x80, 4, [0, 0, 1]), outcome: W },
  { claim: "MED flagged transitive", bad: attribute(0xc0, 4, u32(1)), outcome: W },
  {
    claim: "LOCAL_PREF of three octets from an internal peer",
    internal: true,
    bad: attribute(0x40, 5, [0, 0, 1]),
    outcome: W,
  },
  { claim: "LOCAL_PREF of any length from an external peer", bad: attribute(0x40, 5, [0, 0, 1]), outcome: D },
  { claim: "ATOMIC_AGGREGATE with a value", bad: attribute(0x40, 6, [1]), outcome: D },
  {
    claim: "AGGREGATOR of six octets on a four-octet session",
    bad: attribute(0xc0, 7, u16(65001), u32(1)),
    outcome: D,
  },
  { claim: "COMMUNITIES of five octets", bad: attribute(0xc0, 8, u32(1), [1]), outcome: W },
  { claim: "COMMUNITIES without any", bad: attribute(0xc0, 8), outcome: W },
  {
    claim: "ORIGINATOR_ID of three octets from an internal peer",
    internal: true,
    bad: attribute(0x80, 9, [1, 1, 1]),
    outcome: W,
  },
  { claim: "ORIGINATOR_ID from an external peer", bad: attribute(0x80, 9, u32(0x01010101)), outcome: D },
  {
    claim: "CLUSTER_LIST of six octets from an internal peer",
    internal: true,
    bad: attribute(0x80, 10, u32(1), [1, 1]),
    outcome: W,
  },
  { claim: "CLUSTER_LIST without any from an internal peer", internal: true, bad: attribute(0x80, 10), outcome: W },
  { claim: "CLUSTER_LIST from an external peer", bad: attribute(0x80, 10, u32(1)), outcome: D },
  { claim: "EXTENDED COMMUNITIES of nine octets", bad: attribute(0xc0, 16, u32(1), u32(1), [1]), outcome: W },
  { claim: "AS4_PATH from a four-octet peer", bad: attribute(0xc0, 17, [2, 1], u32(7)), outcome: D },
  { claim: "AS4_AGGREGATOR from a four-octet peer", bad: attribute(0xc0, 18, u32(7), u32(7)), outcome: D },
  { claim: "IPv6 EXTENDED COMMUNITIES of eight octets", bad: attribute(0xc0, 25, u32(1), u32(1)), outcome: W },
  { claim: "LARGE COMMUNITIES of eleven octets", bad: attribute(0xc0, 32, u32(1), u32(1), [1, 1, 1]), outcome: W },
  { claim: "an attribute nobody knows that is not optional", bad: attribute(0x40, 99, [1]), outcome: W },
  { claim: "an attribute that overruns the field", bad: [0xc0, 8, 200, 0, 0, 0, 1], outcome: W },
  { claim: "MP_REACH twice", bad: [...REACH6, ...REACH6], outcome: [3, 1] },
  { claim: "MP_REACH of four octets", bad: attribute(0x80, 14, [0, 2, 1, 16]), outcome: [3, 9] },
  {
    claim: "MP_REACH with a next hop of five octets",
    bad: attribute(0x80, 14, [0, 2, 1, 5, 1, 2, 3, 4, 5, 0], nlri("2001:db8:90::/48")),
    outcome: [3, 9],
  },
  {
    claim: "MP_REACH with a prefix of 129 bits",
    bad: attribute(0x80, 14, [0, 2, 1, 16], GLOBAL, [0, 129], GLOBAL, [0]),
    outcome: [3, 9],
  },
  { claim: "MP_UNREACH of two octets", bad: attribute(0x80, 15, [0, 2]), outcome: [3, 9] },
  {
    claim: "MP_UNREACH with a prefix that overruns it",
    bad: attribute(0x80, 15, [0, 2, 1, 48, 0x20, 1]),
    outcome: [3, 9],
  },
];

function live(internal: boolean): { world: World; a: Speaker; b: Speaker } {
  const world = createWorld(`${header()}
peers:
${peer("a", "10.0.0.11", internal ? 64512 : 65001, "import: accept, export: accept, families: [ipv4, ipv6]")}${peer("b", "10.0.0.12", 65002, "import: accept, export: accept")}`);
  const a = world.speaker("10.0.0.11", { asn: internal ? 64512 : 65001, families: ["ipv4", "ipv6"] });
  const b = world.speaker("10.0.0.12", { asn: 65002 });
  a.send(update([], sound(internal), [...nlri("10.9.0.0/16"), ...nlri("10.8.0.0/16")]));
  world.run(1000);
  return { world, a, b };
}

const sound = (internal: boolean) => [ORIGIN, AS_PATH, NEXT_HOP, ...(internal ? [LOCAL_PREF] : [])];

function assertOutcome(outcome: Outcome, { world, a, b }: ReturnType<typeof live>): void {
  const held = ["10.9.0.0/16", "10.8.0.0/16"].map((prefix) => b.routes.has(prefix));
  const runtime = world.router.core.peers.get("a")!;
  if (outcome === "discard" || outcome === "withdraw") {
    assert.deepEqual(a.notifications, []);
    assert.deepEqual([a.up, a.established], [true, 1]);
    assert.deepEqual(held, outcome === "withdraw" ? [false, true] : [true, true]);
    assert.deepEqual(
      [runtime.treatedAsWithdraw, runtime.attributesDiscarded],
      outcome === "withdraw" ? [1, 0] : [0, 1],
    );
    return;
  }
  assert.deepEqual(
    a.notifications.map((n) => [n.code, n.subcode]),
    [outcome],
  );
  assert.equal(a.up, false);
  assert.deepEqual(held, [false, false]);
}

describe("a malformed attribute", () => {
  for (const { claim, internal = false, bad, outcome } of ROWS)
    test(`${claim}: ${typeof outcome === "string" ? outcome : `reset ${outcome.join("/")}`}`, () => {
      const session = live(internal);
      const attributes = [...sound(internal).filter((good) => good[1] !== bad[1]), bad];
      session.a.send(update([], attributes, nlri("10.9.0.0/16")));
      session.world.run(1000);
      assertOutcome(outcome, session);
    });
});

describe("a message", () => {
  const rows: readonly (readonly [string, boolean, Uint8Array, Outcome])[] = [
    ["without ORIGIN", false, update([], [AS_PATH, NEXT_HOP], nlri("10.9.0.0/16")), W],
    ["without AS_PATH", false, update([], [ORIGIN, NEXT_HOP], nlri("10.9.0.0/16")), W],
    ["without NEXT_HOP", false, update([], [ORIGIN, AS_PATH], nlri("10.9.0.0/16")), W],
    ["without LOCAL_PREF from an internal peer", true, update([], [ORIGIN, AS_PATH, NEXT_HOP], nlri("10.9.0.0/16")), W],
    ["with withdrawals longer than itself", false, message(2, bytes(u16(200), [0, 0])), [3, 1]],
    ["with attributes longer than itself", false, message(2, bytes(u16(0), u16(200))), [3, 1]],
    ["with a prefix of 33 bits", false, update([], [ORIGIN, AS_PATH, NEXT_HOP], [33, 10, 9, 0, 0, 0]), [3, 10]],
    ["with a withdrawn prefix of 33 bits", false, update([33, 10, 9, 0, 0, 0], [], []), [3, 10]],
    ["with a fault and no route to withdraw", false, update([], [attribute(0x40, 1, [9])], []), [3, 6]],
  ];
  for (const [claim, internal, octets, outcome] of rows)
    test(`${claim}: ${typeof outcome === "string" ? outcome : `reset ${outcome[0]}`}`, () => {
      const session = live(internal);
      session.a.send(octets);
      session.world.run(1000);
      if (typeof outcome !== "string") assert.equal(session.a.notifications[0]?.code, 3);
      assertOutcome(typeof outcome === "string" ? outcome : [3, session.a.notifications[0]!.subcode], session);
    });

  test("that is treated as withdraw takes the prefixes of MP_REACH too, and its withdrawals count", () => {
    const session = live(false);
    const { world, a, b } = session;
    a.send(update([], [REACH6, ORIGIN, AS_PATH], []));
    world.run(1000);
    assert.equal(world.forwards("2001:db8:90::/48"), "2001:db8::11");
    a.send(update(nlri("10.8.0.0/16"), [REACH6, attribute(0x40, 1, [9]), AS_PATH], []));
    world.run(1000);
    assert.equal(world.forwards("2001:db8:90::/48"), undefined);
    assert.deepEqual([b.routes.has("10.8.0.0/16"), b.routes.has("10.9.0.0/16")], [false, true]);
    assert.equal(a.established, 1);
  });

  test("with an attribute twice keeps the first", () => {
    const { world, a, b } = live(false);
    a.send(
      update(
        [],
        [ORIGIN, AS_PATH, NEXT_HOP, attribute(0xc0, 8, u32(1)), attribute(0xc0, 8, u32(2))],
        nlri("10.9.0.0/16"),
      ),
    );
    world.run(1000);
    assert.deepEqual(b.routes.get("10.9.0.0/16")!.communities, ["0:1"]);
  });

  test("with an unknown optional attribute: transitive is passed on with Partial, the other is not", () => {
    const { world, a, b } = live(false);
    a.send(
      update([], [ORIGIN, AS_PATH, NEXT_HOP, attribute(0xc0, 99, [7]), attribute(0x80, 98, [8])], nlri("10.9.0.0/16")),
    );
    world.run(1000);
    const heard = b.routes.get("10.9.0.0/16")!.attributes;
    assert.deepEqual([heard.get(99), heard.has(98)], ["07", false]);
    const last = b.messages.findLast((m) => Buffer.from(m).includes(Buffer.from([99, 1, 7])))!;
    const at = Buffer.from(last).indexOf(Buffer.from([99, 1, 7]));
    assert.equal(last[at - 1]! & 0xe0, 0xe0);
  });
});

/**
 * RFC 7606 on live sessions: each case of attribute-cases.ts from each kind of peer, and what becomes of the session, of the
 * Adj-RIB-In, of what another peer hears, and of the evidence that is kept.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ParsingClass } from "../../src/bgp/parsing-class.ts";
import { formatHex } from "../../src/bgp/text.ts";
import { among, byAttribute, type Case, casesFor, SESSIONS, soundAttributes } from "../bgp/attribute-cases.ts";
import { nlri, type Speaker, update } from "./speaker.ts";
import { createWorld, header, peer, type World } from "./world.ts";

const TIMERS = "timers: { idleHoldMin: 1s, idleHoldMax: 1s }";
const STEADY = "10.8.0.0/16";
const TRIED = "10.9.0.0/16";

interface Live {
  readonly world: World;
  readonly session: ParsingClass;
  readonly a: Speaker;
  readonly b: Speaker;
}

function live(session: ParsingClass): Live {
  const asn = session.internal ? 64512 : 65001;
  const world = createWorld(`${header()}
peers:
${peer("a", "10.0.0.11", asn, `import: accept, export: accept, families: [ipv4, ipv6], ${TIMERS}`)}${peer("b", "10.0.0.12", 65002, "import: accept, export: accept")}`);
  const a = world.speaker("10.0.0.11", { asn, families: ["ipv4", "ipv6"], fourOctetAs: session.fourOctetAs });
  return { world, session, a, b: world.speaker("10.0.0.12", { asn: 65002 }) };
}

/** Brings the peer up if it is down, and both prefixes into the table. */
function prepare({ world, session, a, b }: Live): void {
  for (let attempt = 0; attempt < 5 && !a.up; attempt++) {
    world.run(1300);
    a.connect();
    world.run(20);
  }
  a.send(update([], soundAttributes(session), [...nlri(STEADY), ...nlri(TRIED)]));
  // Beyond the second in which no more evidence is kept.
  world.run(1100);
  assert.deepEqual([a.up, b.routes.has(STEADY), b.routes.has(TRIED)], [true, true, true]);
  a.notifications.length = 0;
}

const received = ({ world }: Live) => world.router.core.ribs.ipv4.received(world.router.core.peers.get("a")!.id);

function check(one: Case, all: Live): void {
  const { claim, treatment, subcode, raw, type } = one;
  const { world, session, a, b } = all;
  prepare(all);
  const runtime = world.router.core.peers.get("a")!;
  const before = [runtime.attributesDiscarded, runtime.treatedAsWithdraw, runtime.updatesRefused];
  a.send(update([], among(session, one), nlri(TRIED)));
  world.run(100);
  const after = [runtime.attributesDiscarded, runtime.treatedAsWithdraw, runtime.updatesRefused];
  const kind = ["discard", "withdraw", "reset"].indexOf(treatment);
  assert.deepEqual(
    after.map((count, i) => count - before[i]!),
    [0, 1, 2].map((i) => Number(i === kind)),
    claim,
  );

  if (treatment === "reset") {
    assert.deepEqual(
      a.notifications.map((n) => [n.code, n.subcode]),
      [[3, subcode]],
      claim,
    );
    if (raw.length === 1 && subcode !== 1) assert.equal(a.notifications[0]!.data, hexOf(raw[0]!), claim);
    assert.deepEqual([a.up, received(all), b.routes.size], [false, 0, LOCAL], claim);
  } else {
    assert.deepEqual([a.up, a.notifications], [true, []], claim);
    const held = treatment !== "withdraw";
    assert.deepEqual([received(all), b.routes.has(STEADY), b.routes.has(TRIED)], [held ? 2 : 1, true, held], claim);
    if (held && type !== 2 && type !== 3) assertHeard(one, b);
  }
  if (treatment !== "none") assertEvidence(one, all);
}

/** What the other peer is told: the attribute as it came, with Partial, or nothing of it. */
function assertHeard({ claim, type, heard, partial, treatment }: Case, b: Speaker): void {
  const { attributes } = b.routes.get(TRIED)!;
  if (type === 1 && heard === undefined) return;
  assert.equal(attributes.get(type), heard, claim);
  if (heard === undefined || treatment !== "none" || partial === undefined) return;
  const flags = flagsOf(b.messages.findLast((one) => one[18] === 2 && one.length > 23)!, type);
  assert.equal((flags & 0x20) !== 0, partial, `${claim}: flags ${flags}`);
}

/** Flags of an attribute in an UPDATE without withdrawals. */
function flagsOf(message: Uint8Array, type: number): number {
  const end = 23 + ((message[21]! << 8) | message[22]!);
  for (let at = 23; at < end; ) {
    if (message[at + 1] === type) return message[at]!;
    at += (message[at]! & 0x10) !== 0 ? 4 + ((message[at + 2]! << 8) | message[at + 3]!) : 3 + message[at + 2]!;
  }
  return -1;
}

function assertEvidence({ claim, treatment, subcode, raw, type }: Case, { world }: Live): void {
  const fault = world.router.core.peers.get("a")!.lastFault!;
  assert.deepEqual([fault.code, fault.subcode], [3, subcode], claim);
  assert.ok(fault.why.length > 0, claim);
  if (fault.of === "attribute") {
    assert.equal(fault.attribute, type, claim);
    assert.equal(formatHex(fault.octets), hexOf(subcode === 1 ? raw.at(-1)! : raw[0]!), claim);
  } else assert.ok(formatHex(fault.octets).startsWith("ff".repeat(16)), claim);
  const { event, fields } = world.log.findLast(({ fields }) => `${fault.of}Octets` in fields)!;
  assert.equal(
    event,
    { discard: "attribute discarded", withdraw: "treat as withdraw", reset: "UPDATE refused" }[treatment as "reset"],
  );
  assert.deepEqual([fields.reason, fields.type ?? 0], [fault.why, fault.attribute], claim);
  assert.ok(formatHex(fault.octets).startsWith(String(fields[`${fault.of}Octets`]).replace("…", "")), claim);
}

const hexOf = (octets: readonly number[]) => Buffer.from(octets).toString("hex");
/** The router's connected subnets. */
const LOCAL = 2;

for (const [name, session] of SESSIONS)
  describe(`the router, to ${name}`, () => {
    const all = live(session);
    for (const [attribute, cases] of byAttribute(casesFor(session)))
      test(`${attribute}, in each of ${cases.length} ways, does what its RFC says`, () => {
        for (const one of cases) check(one, all);
      });
  });

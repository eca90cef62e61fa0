/** Malformed UPDATEs on the wire: what our neighbour behind us makes of it, and what we can show to whoever made them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe } from "node:test";
import { speakersOf } from "../../interop/matrix.ts";
import { type RawSpeaker, startRaw } from "../../interop/peers/raw.ts";
import { type Speaker, untilEstablished, untilGone, untilRoute } from "../../interop/peers/speaker.ts";
import { poll } from "../../interop/process.ts";
import type { PeerAnswer } from "../../src/control/answers.ts";
import { streamControl } from "../../src/io/system/control-client.ts";
import { attribute, bytes, message, u16, u32, updateBody } from "../bgp/wire.ts";
import { CONCURRENCY, onLink, type Speakers, scenario, v4 } from "./scenario.ts";

const ORIGIN = attribute(0x40, 1, [0]);
const AS_PATH = attribute(0x40, 2, [2, 2], u32(65001), u32(65009));
const NEXT_HOP = attribute(0x40, 3, [10, 0, 0, 1]);
const SOUND = [ORIGIN, AS_PATH, NEXT_HOP];
const nlri = (third: number) => [24, 10, 30, third];
const AGGREGATOR = attribute(0xc0, 7, u32(65009), [10, 0, 0, 1]);

const open = message(
  1,
  bytes([4], u16(65001), u16(90), [10, 0, 0, 1], [14, 2, 12, 1, 4, 0, 1, 0, 1, 65, 4], u32(65001)),
);
const update = (attributes: readonly (readonly number[])[], prefix: readonly number[]) =>
  message(2, updateBody({ attributes, nlri: prefix }));

/** Attributes in place of sound ones of their types, and what is said about them. */
const WITHDRAWN: readonly (readonly [bad: number[], why: RegExp])[] = [
  [attribute(0x40, 1, [7]), /^ORIGIN: value 7/],
  [attribute(0x40, 2, [2, 3], u32(65001)), /^AS_PATH: a segment of 3 ASes/],
  [attribute(0x40, 2, [2, 2], u32(65001), u32(0)), /^AS_PATH: AS 0/],
  [attribute(0x40, 3, [10, 0, 0]), /^NEXT_HOP: length 3, must be 4/],
  [attribute(0xc0, 4, u32(1)), /^MULTI_EXIT_DISC: flags 0xc0, must be 0x80/],
  [attribute(0xc0, 8, [1, 2, 3]), /^COMMUNITIES: length 3/],
  [[0xc0, 32, 200, 1], /^LARGE_COMMUNITY: length 200 where the attributes end after 1/],
];

async function us(dut: Speaker): Promise<PeerAnswer> {
  const answers: PeerAnswer[] = [];
  const socket = join(await dut.node.folder("calidris"), "control.sock");
  for await (const part of streamControl(socket, { command: "peers", peer: "raw" }))
    answers.push(...(part as PeerAnswer[]));
  return answers[0]!;
}

describe("malformed UPDATEs", { concurrency: CONCURRENCY }, () => {
  for (const kind of speakersOf("malformed"))
    scenario(
      `${kind} behind us loses the routes of a malformed UPDATE and no others, and the session stays until it must not`,
      {
        nodes: ["raw", "dut", "behind"],
        links: {
          net0: { raw: onLink(1, 0), dut: onLink(2, 0) },
          net1: { dut: onLink(1, 1), behind: onLink(2, 1) },
        },
        kinds: { dut: "dut", behind: kind },
      },
      malformed,
    );
});

async function malformed({ dut, behind }: Speakers<"dut" | "behind">): Promise<void> {
  await Promise.all([
    dut.start({
      routerId: v4(2, 0),
      asn: 65002,
      sessions: [
        { name: "raw", local: v4(2, 0), remote: v4(1, 0), asn: 65001, passive: true },
        { name: "behind", local: v4(1, 1), remote: v4(2, 1), asn: 65003 },
      ],
    }),
    behind.start({
      routerId: v4(2, 1),
      asn: 65003,
      sessions: [{ name: "near", local: v4(2, 1), remote: v4(1, 1), asn: 65002 }],
    }),
  ]);
  const raw = await startRaw(dut.node.lab.node("raw"), { local: v4(1, 0), remote: v4(2, 0), open });
  await raw.until("established", ({ up }) => up);
  await untilEstablished(behind, "near");
  await withdrawn(raw, dut, behind);
  await discarded(raw, dut, behind);
  await reset(raw, dut, behind);
}

async function withdrawn(raw: RawSpeaker, dut: Speaker, behind: Speaker): Promise<void> {
  for (const [bad, why] of WITHDRAWN) {
    await raw.send(update(SOUND, [...nlri(0), ...nlri(1)]));
    await untilRoute(behind, "10.30.0.0/24");
    const malformed = update([...SOUND.filter((sound) => sound[1] !== bad[1]), bad], nlri(0));
    await raw.send(malformed);
    await untilGone(behind, "10.30.0.0/24");
    // Evidence is kept once a second at most, so it may take more than one.
    const { errors, state } = await poll(`evidence of ${why}`, async () => {
      await raw.send(malformed);
      const answer = await us(dut);
      return why.test(answer.errors.last!.why) ? answer : undefined;
    });
    assert.equal(state, "established");
    const hex = Buffer.from(bad).toString("hex");
    if (errors.last!.of === "attribute") assert.equal(errors.last!.hex, hex);
    else assert.ok(errors.last!.hex.includes(hex));
  }
  assert.ok((await us(dut)).errors.treatedAsWithdraw >= 2 * WITHDRAWN.length);
  assert.deepEqual((await untilRoute(behind, "10.30.1.0/24")).asPath, [65002, 65001, 65009]);
  const { up, connections } = await raw.state();
  assert.deepEqual([up, connections], [true, 1]);
}

/** What is discarded, repeated or unknown does not cost the route. */
async function discarded(raw: RawSpeaker, dut: Speaker, behind: Speaker): Promise<void> {
  const twice = [attribute(0xc0, 8, u16(7), u16(7)), attribute(0xc0, 8, u16(8), u16(8))];
  const unknown = [attribute(0xc0, 240, [1, 2, 3]), attribute(0x80, 241, [4])];
  await raw.send(update([...SOUND, attribute(0xc0, 7, u16(65009), [10, 0, 0, 1]), ...twice, ...unknown], nlri(2)));
  const route = await untilRoute(behind, "10.30.2.0/24");
  assert.deepEqual(route.communities, ["7:7"]);
  await raw.send(update([...SOUND, AGGREGATOR], [...nlri(2), ...nlri(3)]));
  await untilRoute(behind, "10.30.3.0/24");
  // A family that was not agreed on, and one that nobody here reads.
  const other = [attribute(0x80, 14, [0, 25, 70, 4, 10, 0, 0, 1, 0, 1, 2, 3]), attribute(0x80, 15, [0, 1, 133, 9])];
  await raw.send(update([...other, ...SOUND], nlri(4)));
  await untilRoute(behind, "10.30.4.0/24");
  const { errors } = await us(dut);
  assert.equal(errors.attributesDiscarded, 1);
}

/** Prefixes that cannot be read leave no other way. */
async function reset(raw: RawSpeaker, dut: Speaker, behind: Speaker): Promise<void> {
  const bad = attribute(0x80, 14, [0, 1, 1, 5, 1, 2, 3, 4, 5, 0], nlri(9));
  await raw.send(update([bad, ...SOUND], nlri(9)));
  const { messages } = await raw.until("closed", ({ up }) => !up);
  const notification = Buffer.from(messages.at(-1)!, "hex");
  assert.deepEqual([...notification.subarray(18, 21)], [3, 3, 9]);
  assert.deepEqual([...notification.subarray(21)], bad);
  await untilGone(behind, "10.30.1.0/24");
  const { errors, lastDown } = await us(dut);
  assert.equal(errors.refused, 1);
  assert.match(lastDown!.text, /MP_REACH_NLRI: a next hop of 5 octets/);
}

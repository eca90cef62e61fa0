/** Route refresh on the wire, asked of us and by us, in its plain and its enhanced form. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe } from "node:test";
import { speakersOf } from "../../interop/matrix.ts";
import { hasFeatures, type SpeakerKind } from "../../interop/peers/features.ts";
import { type Speaker, untilEstablished, untilRoute } from "../../interop/peers/speaker.ts";
import { poll } from "../../interop/process.ts";
import type { PeerAnswer } from "../../src/control/answers.ts";
import { streamControl } from "../../src/io/system/control-client.ts";
import { CONCURRENCY, onLink, prefixes, type Speakers, scenario, v4 } from "./scenario.ts";

/** OpenBGPD 7.7 logs that the family was not negotiated, and sends nothing; ExaBGP 4.2 ends the session. */
const UNASKED: readonly SpeakerKind[] = ["openbgpd", "exabgp"];

describe("route refresh", { concurrency: CONCURRENCY }, () => {
  for (const kind of speakersOf("refresh")) {
    const enhanced = hasFeatures(kind, ["enhancedRefresh"]);
    const asked = !UNASKED.includes(kind);
    scenario(
      `${kind} asks us${asked ? ", and we ask it" : ""}: ${enhanced ? "BoRR, the table, EoRR" : "the table"}, and nobody loses a route`,
      {
        nodes: ["dut", "other"],
        links: { net0: { dut: onLink(1), other: onLink(2) } },
        kinds: { dut: "dut", other: kind },
      },
      (speakers) => refreshed(speakers, enhanced, asked),
    );
  }
});

async function peerOf(dut: Speaker): Promise<PeerAnswer> {
  const answers: PeerAnswer[] = [];
  const socket = join(await dut.node.folder("calidris"), "control.sock");
  for await (const part of streamControl(socket, { command: "peers" })) answers.push(...(part as PeerAnswer[]));
  return answers[0]!;
}

async function refreshed({ dut, other }: Speakers<"dut" | "other">, enhanced: boolean, asked: boolean): Promise<void> {
  const session = { families: ["ipv4"] as const };
  await Promise.all([
    dut.start({
      routerId: v4(1),
      asn: 65001,
      sessions: [{ name: "other", local: v4(1), remote: v4(2), asn: 65002, ...session }],
      statics: [{ prefix: prefixes(1)[0] }],
    }),
    other.start({
      routerId: v4(2),
      asn: 65002,
      sessions: [{ name: "dut", local: v4(2), remote: v4(1), asn: 65001, ...session }],
      statics: [{ prefix: prefixes(2)[0] }],
    }),
  ]);
  await untilEstablished(dut, "other");
  await untilRoute(dut, prefixes(2)[0]);
  await untilRoute(other, prefixes(1)[0]);
  assert.equal((await peerOf(dut)).negotiated!.enhancedRouteRefresh, enhanced);

  const counts = async (holds: (peer: PeerAnswer) => boolean) =>
    poll(
      "ROUTE-REFRESH messages",
      async () => {
        const peer = await peerOf(dut);
        return holds(peer) ? peer : undefined;
      },
      { explain: async () => JSON.stringify((await peerOf(dut)).messages) },
    );
  const marks = enhanced ? 2 : 0;
  await poll("to be sure that the other end has said all", async () => (await peerOf(dut)).families[0]!.endOfRibSent);
  await other.refresh("dut");
  // OpenBGPD asks twice.
  await counts(({ messages }) => messages.received.routeRefresh >= 1 && messages.sent.routeRefresh === marks);
  const after = await peerOf(dut);
  assert.deepEqual([after.established, after.lost, after.families[0]!.refresh.sending], [1, 0, false]);
  await untilRoute(other, prefixes(1)[0]);

  if (!asked) return;
  await dut.refresh("other");
  await counts(
    ({ messages }) => messages.received.routeRefresh === 1 + marks && messages.sent.routeRefresh === marks + 1,
  );
  await poll("the end of the refresh", async () => !(await peerOf(dut)).families[0]!.refresh.receiving);
  await untilRoute(dut, prefixes(2)[0]);
  assert.deepEqual([(await peerOf(dut)).established, (await peerOf(dut)).lost], [1, 0]);
}

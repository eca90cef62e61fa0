import assert from "node:assert/strict";
import { describe } from "node:test";
import { speakersOf } from "../../interop/matrix.ts";
import { hasFeatures, type SpeakerKind } from "../../interop/peers/features.ts";
import {
  type Speaker,
  type SpeakerPlan,
  untilEstablished,
  untilRoute,
  untilSessions,
  withStatics,
} from "../../interop/peers/speaker.ts";
import { poll } from "../../interop/process.ts";
import { bothFamilies, CONCURRENCY, onLink, prefixes, type Speakers, scenario, statics, v4 } from "./scenario.ts";

type Pair = Speakers<"dut" | "peer">;
const GRACEFUL_SHUTDOWN = "65535:0";

describe("the end of a session that is meant", { concurrency: CONCURRENCY }, () => {
  const pair = (kind: SpeakerKind) =>
    ({
      nodes: ["dut", "peer"],
      links: { net0: { dut: onLink(1), peer: onLink(2) } },
      kinds: { dut: "dut", peer: kind },
    }) as const;
  for (const kind of speakersOf("shutdownText"))
    scenario(`${kind} reads why we end a session, and it is back when we want it`, pair(kind), weSay);
  for (const kind of speakersOf("shutdownTextTheirs"))
    scenario(`we read why ${kind} ends a session`, pair(kind), theySay);
  for (const kind of speakersOf("gracefulShutdown"))
    scenario(`GRACEFUL_SHUTDOWN to ${kind} while we drain, and from it: its routes come last`, pair(kind), drained);
});

const OURS: SpeakerPlan = {
  routerId: v4(1),
  asn: 65001,
  sessions: bothFamilies("peer", 1, 2, 65002),
  statics: statics(1),
};
const THEIRS: SpeakerPlan = {
  routerId: v4(2),
  asn: 65002,
  sessions: bothFamilies("dut", 2, 1, 65001),
  statics: statics(2),
};

async function startBoth({ dut, peer }: Pair): Promise<void> {
  await Promise.all([dut.start(OURS), peer.start(THEIRS)]);
  await Promise.all([untilEstablished(dut, "peer4", "peer6"), untilEstablished(peer, "dut4", "dut6")]);
}

/** Waits until a speaker has been told Cease 6/2 with the text, on one session. */
async function untilTold(speaker: Speaker, session: string, text: string): Promise<void> {
  await poll(
    `${speaker.kind} to be told "${text}"`,
    async () => {
      const told = (await speaker.notifications()).filter((one) => one.code === 6 && one.subcode === 2);
      return told.some((one) => one.session === session && one.text === text);
    },
    { explain: () => speaker.report() },
  );
}

async function weSay({ dut, peer }: Pair): Promise<void> {
  await startBoth({ dut, peer });
  const text = "new cable in rack 7, back at noon";
  await dut.disable!("peer4", text);
  await untilTold(peer, "dut4", text);
  await untilSessions(dut, "one down, one up", (all) => {
    const state = (name: string) => all.find((one) => one.name === name)!.state;
    return state("peer4") !== "established" && state("peer6") === "established";
  });
  await dut.enable!("peer4");
  await peer.retry?.("dut4");
  await Promise.all([untilEstablished(dut, "peer4"), untilEstablished(peer, "dut4")]);
}

async function theySay({ dut, peer }: Pair): Promise<void> {
  await startBoth({ dut, peer });
  const text = "moving to the other row";
  await peer.disable!("dut4", text);
  await untilTold(dut, "peer4", text);
  await peer.enable!("dut4");
  await Promise.all([untilEstablished(dut, "peer4"), untilEstablished(peer, "dut4")]);
}

async function drained({ dut, peer }: Pair): Promise<void> {
  await startBoth({ dut, peer });
  for (const prefix of prefixes(1))
    await untilRoute(peer, prefix, (route) => !(route.communities ?? []).includes(GRACEFUL_SHUTDOWN));
  await dut.drain!();
  for (const prefix of prefixes(1))
    await untilRoute(peer, prefix, (route) => route.communities!.includes(GRACEFUL_SHUTDOWN));
  assert.ok((await dut.sessions()).every((session) => session.state === "established"));

  for (const prefix of prefixes(2)) await untilRoute(dut, prefix, (route) => route.localPref !== 0);
  if (hasFeatures(peer.kind, ["gracefulShutdown"])) await peer.drain!();
  else await peer.apply(withStatics(THEIRS, statics(2, { communities: [GRACEFUL_SHUTDOWN] })));
  for (const prefix of prefixes(2)) {
    const route = await untilRoute(dut, prefix, ({ localPref }) => localPref === 0);
    assert.ok(route.communities!.includes(GRACEFUL_SHUTDOWN));
  }
}

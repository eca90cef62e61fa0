/** Graceful restart for sessions that end by a NOTIFICATION (RFC 8538). */
import assert from "node:assert/strict";
import { describe } from "node:test";
import { speakersOf } from "../../interop/matrix.ts";
import { hasFeatures, type SpeakerKind } from "../../interop/peers/features.ts";
import {
  type Speaker,
  type SpeakerPlan,
  untilEstablished,
  untilGone,
  untilRoute,
  untilSessions,
} from "../../interop/peers/speaker.ts";
import { poll } from "../../interop/process.ts";
import {
  bothFamilies,
  CONCURRENCY,
  onLink,
  prefixes,
  type Speakers,
  scenario,
  statics,
  untilKernel,
  v4,
  v6,
} from "./scenario.ts";
import { about, monitor } from "./witness.ts";

type Pair = Speakers<"dut" | "peer">;
const RESTART = { gracefulRestart: { mode: "on", notification: true } } as const;

describe("a session that ends by a NOTIFICATION", { concurrency: CONCURRENCY }, () => {
  const pair = (kind: SpeakerKind) =>
    ({
      nodes: ["dut", "peer"],
      links: { net0: { dut: onLink(1), peer: onLink(2) } },
      kinds: { dut: "dut", peer: kind },
    }) as const;
  for (const kind of speakersOf("resetOurs"))
    scenario(`we reset our session with ${kind}: it forwards on; we disable it: a hard reset`, pair(kind), weReset);
  for (const kind of speakersOf("resetTheirs"))
    scenario(`${kind} resets its session with us: we forward on`, pair(kind), theyReset);
});

async function startBoth({ dut, peer }: Pair): Promise<void> {
  const ours: SpeakerPlan = {
    routerId: v4(1),
    asn: 65001,
    sessions: bothFamilies("peer", 1, 2, 65002, RESTART),
    statics: statics(1),
  };
  const theirs: SpeakerPlan = {
    routerId: v4(2),
    asn: 65002,
    sessions: bothFamilies("dut", 2, 1, 65001, RESTART),
    statics: statics(2),
  };
  await Promise.all([dut.start(ours), peer.start(theirs)]);
  await bothUp({ dut, peer });
  for (const [family, gateway] of [v4(2), v6(2)].entries()) await untilKernel(dut, prefixes(2)[family]!, gateway);
  for (const prefix of prefixes(1)) await untilRoute(peer, prefix);
  if (hasFeatures(peer.kind, ["kernel"]))
    await poll("our routes in its kernel", async () => {
      const [four, six] = await Promise.all([peer.node.routes(4), peer.node.routes(6)]);
      return prefixes(1).every((prefix) => [...four, ...six].some((route) => route.dst === prefix));
    });
}

async function bothUp({ dut, peer }: Pair): Promise<void> {
  await Promise.all([untilEstablished(dut, "peer4", "peer6"), untilEstablished(peer, "dut4", "dut6")]);
}

/** Times that our side has seen a session end. */
async function ends(speaker: Speaker): Promise<number> {
  return (await speaker.log()).split("\n").filter((line) => line.includes('"session down"')).length;
}

async function untilBackFrom({ dut, peer }: Pair, reset: () => Promise<void>): Promise<void> {
  const before = await ends(dut);
  await reset();
  await poll("the session to end", async () => (await ends(dut)) > before, { explain: () => dut.report() });
  await peer.retry?.("dut4");
  await bothUp({ dut, peer });
}

async function weReset({ dut, peer }: Pair): Promise<void> {
  await startBoth({ dut, peer });
  const [theirWitness, ourWitness] = await Promise.all([monitor(peer.node), monitor(dut.node)]);
  await untilBackFrom({ dut, peer }, () => dut.reset!("peer4"));
  await untilSessions(dut, "all said", (all) => all.every((one) => one.isAllSent !== false));
  for (const prefix of prefixes(1)) await untilRoute(peer, prefix);
  assert.deepEqual(about(await theirWitness(), prefixes(1)), []);
  const ourEvents = about(await ourWitness(), prefixes(2));
  if (hasFeatures(peer.kind, ["forwardingKept"])) assert.deepEqual(ourEvents, []);

  await dut.disable!("peer4", "for good");
  await untilGone(peer, prefixes(1)[0]);
  await untilGone(dut, prefixes(2)[0]);
  await untilRoute(peer, prefixes(1)[1]);
}

async function theyReset({ dut, peer }: Pair): Promise<void> {
  await startBoth({ dut, peer });
  const witness = await monitor(dut.node);
  await untilBackFrom({ dut, peer }, () => peer.reset!("dut4"));
  for (const prefix of prefixes(2)) await untilRoute(dut, prefix, (route) => route.isStale !== true);
  const events = about(await witness(), prefixes(2));
  if (hasFeatures(peer.kind, ["forwardingKept"])) assert.deepEqual(events, []);
}

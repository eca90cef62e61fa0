/** NOTIFICATIONs between speakers that restart gracefully (RFC 8538): which take routes away, and which do not. */
import assert from "node:assert/strict";
import { describe } from "node:test";
import { speakersOf } from "../../interop/matrix.ts";
import { hasFeatures, type SpeakerKind } from "../../interop/peers/features.ts";
import {
  type SpeakerPlan,
  untilEstablished,
  untilGone,
  untilRoute,
  untilSessions,
  withStatics,
} from "../../interop/peers/speaker.ts";
import {
  bothFamilies,
  CONCURRENCY,
  onLink,
  ownHosts,
  prefixes,
  type Speakers,
  scenario,
  statics,
  untilKernel,
  v4,
  v6,
} from "./scenario.ts";
import { about, monitor } from "./witness.ts";

const KINDS: readonly SpeakerKind[] = [...speakersOf("restartNotified"), "calidris"];
const RESTART = { gracefulRestart: { mode: "on", notification: true } } as const;

describe("NOTIFICATIONs where both ends know RFC 8538", { concurrency: CONCURRENCY }, () => {
  for (const kind of KINDS)
    scenario(
      `${kind} hears a reset: routes of both ends stay; it hears that it is disabled: ours go at once`,
      {
        nodes: ["dut", "peer"],
        links: { net0: { dut: onLink(1), peer: onLink(2) } },
        setup: { dut: ownHosts(1), peer: ownHosts(2) },
        kinds: { dut: "dut", peer: kind },
      },
      resetThenDisabled,
    );
});

async function resetThenDisabled({ dut, peer }: Speakers<"dut" | "peer">): Promise<void> {
  const dutPlan: SpeakerPlan = {
    routerId: v4(1),
    asn: 65001,
    sessions: bothFamilies("peer", 1, 2, 65002, RESTART),
    statics: statics(1),
  };
  const peerPlan: SpeakerPlan = {
    routerId: v4(2),
    asn: 65002,
    sessions: bothFamilies("dut", 2, 1, 65001, RESTART),
    statics: statics(2),
  };
  await Promise.all([dut.start(dutPlan), peer.start(peerPlan)]);
  const names = ["peer4", "peer6"];
  const up = async () => {
    await Promise.all([untilEstablished(dut, ...names), untilEstablished(peer, "dut4", "dut6")]);
    await untilSessions(dut, "End-of-RIB sent", (all) => all.every((one) => one.isAllSent !== false));
    for (const prefix of prefixes(1)) await untilRoute(peer, prefix);
    for (const prefix of prefixes(2)) await untilRoute(dut, prefix, (route) => route.isStale !== true);
  };
  await up();
  const hasKernel = hasFeatures(peer.kind, ["kernel"]);
  for (const [family, gateway] of [v4(2), v6(2)].entries()) await untilKernel(dut, prefixes(2)[family]!, gateway);
  if (hasKernel)
    for (const [family, gateway] of [v4(1), v6(1)].entries()) await untilKernel(peer, prefixes(1)[family]!, gateway);

  // Who does not forward says so (F) when the session is back, and its routes go.
  const witnesses = await Promise.all((hasKernel ? [dut, peer] : []).map((speaker) => monitor(speaker.node)));
  for (const name of names) await dut.reset!(name);
  // Whether the peer reads 6/4 or meets our next connection first: to it we have restarted.
  await up();
  // What the peer has of us after the reset, it has from after the reset.
  const marks = [{ prefix: "10.98.1.0/24" }, { prefix: "fd98:1::/64" }];
  await dut.apply(withStatics(dutPlan, [...statics(1), ...marks]));
  for (const { prefix } of marks) await untilRoute(peer, prefix);
  for (const witness of witnesses) {
    const seen = about(await witness(), [...prefixes(1), ...prefixes(2)]);
    assert.equal(seen.length, 0, `${seen.join("\n")}\n${await peer.log()}\n${await dut.log()}`);
  }

  for (const name of names) await dut.disable!(name, "for good");
  for (const prefix of prefixes(1)) await untilGone(peer, prefix);
  for (const prefix of prefixes(2)) {
    await untilGone(dut, prefix);
    await untilKernel(dut, prefix);
  }
  const subcodes = (await peer.notifications()).map(({ code, subcode }) => `${code}/${subcode}`);
  assert.ok(
    subcodes.some((one) => one === "6/9" || one === "6/2"),
    subcodes.join(" "),
  );
}

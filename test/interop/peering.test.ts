import assert from "node:assert/strict";
import { describe } from "node:test";
import { speakersOf } from "../../interop/matrix.ts";
import { hasFeatures } from "../../interop/peers/features.ts";
import {
  type Speaker,
  type SpeakerPlan,
  untilEstablished,
  untilGone,
  untilRoute,
  withStatics,
} from "../../interop/peers/speaker.ts";
import {
  bothFamilies,
  CONCURRENCY,
  hosts,
  onLink,
  ownHosts,
  prefixes,
  scenario,
  statics,
  untilKernel,
  untilPing,
  v4,
  v6,
} from "./scenario.ts";

describe("two speakers on a link", { concurrency: CONCURRENCY }, () => {
  for (const relation of ["eBGP", "iBGP"] as const) {
    for (const kind of speakersOf(relation === "eBGP" ? "peeringExternal" : "peeringInternal")) {
      scenario(
        `${kind} as ${relation} peer: routes of both families go both ways, forward packets and are withdrawn`,
        {
          nodes: ["dut", "peer"],
          links: { net0: { dut: onLink(1), peer: onLink(2) } },
          setup: { dut: ownHosts(1), peer: ownHosts(2) },
          kinds: { dut: "dut", peer: kind },
        },
        ({ dut, peer }) => exchange(dut, peer, relation === "eBGP" ? 65002 : 65001),
      );
    }
  }
});

async function exchange(dut: Speaker, peer: Speaker, peerAsn: number): Promise<void> {
  const dutPlan: SpeakerPlan = {
    routerId: v4(1),
    asn: 65001,
    sessions: bothFamilies("peer", 1, 2, peerAsn),
    statics: statics(1),
  };
  const peerPlan: SpeakerPlan = {
    routerId: v4(2),
    asn: peerAsn,
    sessions: bothFamilies("dut", 2, 1, 65001),
    statics: statics(2),
  };
  await Promise.all([dut.start(dutPlan), peer.start(peerPlan)]);
  await Promise.all([untilEstablished(dut, "peer4", "peer6"), untilEstablished(peer, "dut4", "dut6")]);

  const isExternal = peerAsn !== 65001;
  for (const [family, gateway] of [v4(2), v6(2)].entries()) {
    const route = await untilRoute(dut, prefixes(2)[family]!);
    assert.deepEqual(route.asPath ?? [], isExternal ? [65002] : []);
    assert.equal(route.nextHop, gateway);
    if (!isExternal) assert.equal(route.localPref, 100);
    await untilKernel(dut, prefixes(2)[family]!, gateway);
  }
  for (const [family, gateway] of [v4(1), v6(1)].entries()) {
    const route = await untilRoute(peer, prefixes(1)[family]!);
    assert.deepEqual(route.asPath ?? [], isExternal ? [65001] : []);
    assert.equal(route.nextHop, gateway);
  }
  if (hasFeatures(peer.kind, ["kernel"]))
    for (const family of [0, 1] as const) {
      await untilPing(dut, hosts(2)[family], hosts(1)[family]);
      await untilPing(peer, hosts(1)[family], hosts(2)[family]);
    }

  await Promise.all([dut.apply(withStatics(dutPlan, [])), peer.apply(withStatics(peerPlan, []))]);
  for (const family of [0, 1] as const) {
    await untilGone(dut, prefixes(2)[family]);
    await untilKernel(dut, prefixes(2)[family]);
    await untilGone(peer, prefixes(1)[family]);
  }
  await Promise.all([dut.apply(dutPlan), peer.apply(peerPlan)]);
  await untilKernel(dut, prefixes(2)[0], v4(2));
  await untilKernel(dut, prefixes(2)[1], v6(2));
  for (const prefix of prefixes(1)) await untilRoute(peer, prefix);
  const sessions = await dut.sessions();
  assert.ok(
    sessions.every((session) => session.state === "established"),
    "announcing and withdrawing resets no session",
  );
}

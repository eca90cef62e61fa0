import { describe } from "node:test";
import { speakersOf } from "../../interop/matrix.ts";
import {
  type Speaker,
  type SpeakerPlan,
  untilEstablished,
  untilRoute,
  untilSessions,
} from "../../interop/peers/speaker.ts";
import { poll } from "../../interop/process.ts";
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

/** How a session ends, and what begins it again. */
const CUTS = {
  "a peer that is killed": {
    cut: (peer: Speaker) => peer.kill(),
    mend: (peer: Speaker, plan: SpeakerPlan) => peer.start(plan),
    isBrief: false,
  },
  "a peer that is stopped": {
    cut: (peer: Speaker) => peer.stop(),
    mend: (peer: Speaker, plan: SpeakerPlan) => peer.start(plan),
    isBrief: false,
  },
  "a TCP connection that is reset": {
    cut: reset,
    mend: async () => {},
    // It may be back before anybody asks.
    isBrief: true,
  },
  "a link that goes down": {
    cut: (peer: Speaker) => peer.node.setLink("net0", "down"),
    mend: (peer: Speaker) => relinked(peer),
    isBrief: false,
  },
} as const;

describe("a session that is cut", { concurrency: CONCURRENCY }, () => {
  for (const kind of speakersOf("sessionCut"))
    for (const [what, { cut, mend, isBrief }] of Object.entries(CUTS))
      scenario(
        `${what} (${kind}): its routes leave the table and the kernel, and all comes back`,
        {
          nodes: ["dut", "peer"],
          links: { net0: { dut: onLink(1), peer: onLink(2) } },
          setup: { dut: ownHosts(1), peer: ownHosts(2) },
          kinds: { dut: "dut", peer: kind },
        },
        ({ dut, peer }) => cutAndMend(dut, peer, { cut, mend, isBrief }),
      );
});

/** The kernel forgets IPv6 addresses of a link that goes down. */
async function relinked(peer: Speaker): Promise<void> {
  const { node } = peer;
  await node.setLink("net0", "up");
  for (const address of onLink(2)) {
    const more = address.includes(":") ? ["nodad"] : [];
    await node.ip("addr", "replace", address, "dev", "net0", ...more);
  }
}

/** Returns when every connection has been replaced by another one. */
async function reset(peer: Speaker): Promise<void> {
  const { node } = peer;
  const before = new Set(await node.connections(179));
  await node.resetConnections(179);
  await poll("new connections", async () => {
    const now = await node.connections(179);
    return now.length >= before.size && !now.some((one) => before.has(one));
  });
}

interface Cut {
  readonly cut: (peer: Speaker) => Promise<void>;
  readonly mend: (peer: Speaker, plan: SpeakerPlan) => Promise<void>;
  readonly isBrief: boolean;
}

async function cutAndMend(dut: Speaker, peer: Speaker, { cut, mend, isBrief }: Cut): Promise<void> {
  const peerPlan: SpeakerPlan = {
    routerId: v4(2),
    asn: 65002,
    holdSeconds: 6,
    sessions: bothFamilies("dut", 2, 1, 65001),
    statics: statics(2),
  };
  const dutPlan: SpeakerPlan = {
    routerId: v4(1),
    asn: 65001,
    holdSeconds: 6,
    sessions: bothFamilies("peer", 1, 2, 65002),
    statics: statics(1),
  };
  const whole = async () => {
    await Promise.all([untilEstablished(dut, "peer4", "peer6"), untilEstablished(peer, "dut4", "dut6")]);
    await untilKernel(dut, prefixes(2)[0], v4(2));
    await untilKernel(dut, prefixes(2)[1], v6(2));
    for (const prefix of prefixes(1)) await untilRoute(peer, prefix);
    for (const family of [0, 1] as const) await untilPing(dut, hosts(2)[family], hosts(1)[family]);
  };
  await Promise.all([dut.start(dutPlan), peer.start(peerPlan)]);
  await whole();
  await cut(peer);
  if (!isBrief) {
    await untilSessions(dut, "both sessions lost", (all) => all.every((one) => one.state !== "established"));
    for (const prefix of prefixes(2)) await untilKernel(dut, prefix);
  }
  await mend(peer, peerPlan);
  await whole();
}

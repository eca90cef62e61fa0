/** Long-lived graceful restart (RFC 9494), on both sides of the session. */
import { describe } from "node:test";
import { speakersOf } from "../../interop/matrix.ts";
import {
  type RouteState,
  type SessionPlan,
  untilEstablished,
  untilGone,
  untilRoute,
} from "../../interop/peers/speaker.ts";
import { CONCURRENCY, onLink, prefixes, type Speakers, scenario, untilKernel, v4 } from "./scenario.ts";

const LONG_LIVED = { mode: "on", restartSeconds: 3, longLivedSeconds: 600 } as const;

describe("long-lived graceful restart", { concurrency: CONCURRENCY }, () => {
  for (const kind of speakersOf("longLived"))
    scenario(
      `${kind} stays away: we keep its routes as the last choice, ${kind} on our other side too, and who does not know them has none; then we stay away`,
      {
        nodes: ["left", "dut", "right", "other"],
        links: {
          net0: { left: onLink(2, 0), dut: onLink(1, 0) },
          net1: { dut: onLink(1, 1), right: onLink(3, 1) },
          net2: { dut: onLink(1, 2), other: onLink(4, 2) },
        },
        kinds: { left: kind, dut: "dut", right: kind, other: "frr" },
      },
      stayAway,
    );
});

const isStale = ({ communities = [] }: RouteState) =>
  communities.some((one) => one === "65535:6" || one === "llgr-stale");
const isFresh = (route: RouteState) => !isStale(route);

async function stayAway({ left, dut, right, other }: Speakers<"left" | "dut" | "right" | "other">): Promise<void> {
  const ofLeft = prefixes(2)[0];
  const ours = prefixes(1)[0];
  const session = (name: string, local: string, remote: string, asn: number, more: Partial<SessionPlan> = {}) => ({
    name,
    local,
    remote,
    asn,
    gracefulRestart: LONG_LIVED,
    ...more,
  });
  const leftPlan = {
    routerId: v4(2, 0),
    asn: 65002,
    sessions: [session("dut", v4(2, 0), v4(1, 0), 65001)],
    statics: [{ prefix: ofLeft }],
  };
  const dutPlan = {
    routerId: v4(1, 0),
    asn: 65001,
    sessions: [
      session("left", v4(1, 0), v4(2, 0), 65002),
      session("right", v4(1, 1), v4(3, 1), 65003),
      { name: "other", local: v4(1, 2), remote: v4(4, 2), asn: 65004 },
    ],
    statics: [{ prefix: ours }],
  };
  await Promise.all([
    left.start(leftPlan),
    dut.start(dutPlan),
    right.start({ routerId: v4(3, 1), asn: 65003, sessions: [session("dut", v4(3, 1), v4(1, 1), 65001)] }),
    other.start({
      routerId: v4(4, 2),
      asn: 65004,
      sessions: [{ name: "dut", local: v4(4, 2), remote: v4(1, 2), asn: 65001 }],
    }),
  ]);
  await untilEstablished(dut, "left", "right", "other");
  await untilRoute(right, ofLeft, isFresh);
  await untilRoute(other, ofLeft, isFresh);

  await left.kill();
  await untilRoute(right, ofLeft, isStale);
  await untilGone(other, ofLeft);
  await untilKernel(dut, ofLeft, v4(2, 0));
  await left.start(leftPlan);
  await untilRoute(other, ofLeft, isFresh);
  await untilRoute(right, ofLeft, isFresh);

  await untilRoute(right, ours, isFresh);
  await dut.kill();
  await untilRoute(right, ours, isStale);
  await dut.start(dutPlan);
  await untilRoute(right, ours, isFresh);
}

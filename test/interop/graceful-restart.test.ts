import assert from "node:assert/strict";
import { describe } from "node:test";
import { speakersOf } from "../../interop/matrix.ts";
import { hasFeatures, type SpeakerKind } from "../../interop/peers/features.ts";
import {
  familyOf,
  type Speaker,
  type SpeakerPlan,
  untilEstablished,
  untilGone,
  untilRoute,
  untilSessions,
  withStatics,
} from "../../interop/peers/speaker.ts";
import { poll } from "../../interop/process.ts";
import {
  bothFamilies,
  CONCURRENCY,
  hosts,
  onLink,
  ownHosts,
  PASSWORD,
  prefixes,
  type Speakers,
  scenario,
  statics,
  untilKernel,
  untilPing,
  v4,
  v6,
} from "./scenario.ts";
import { about, monitor, stream } from "./witness.ts";

/**
 * A way for packets beside the speaker's, of last resort: for speakers that have none, and for FRR, which takes an IPv6 route
 * of its kernel away for a moment when it writes it again. Its metric is the worst distance there is in FRR.
 */
function fallback(n: number, v4Gateway: string, v6Gateway: string): string[] {
  const [four, six] = prefixes(n);
  const metric = "metric 4278190081";
  return [`route add ${four} via ${v4Gateway} ${metric}`, `route add ${six} via ${v6Gateway} ${metric}`];
}

const CHAIN = {
  nodes: ["left", "dut", "right"],
  links: { net0: { left: onLink(2, 0), dut: onLink(1, 0) }, net1: { dut: onLink(1, 1), right: onLink(3, 1) } },
  setup: {
    left: [...ownHosts(2), ...fallback(3, v4(1, 0), v6(1, 0))],
    right: [...ownHosts(3), ...fallback(2, v4(1, 1), v6(1, 1))],
  },
} as const;

const NEIGHBOURS: readonly SpeakerKind[] = [...speakersOf("restartSurvived"), "calidris"];

describe("graceful restart", { concurrency: CONCURRENCY }, () => {
  for (const kind of NEIGHBOURS)
    scenario(
      `our restarts between ${kind} and bird2: no kernel route of theirs changes and no packet is lost, until shutdown`,
      // Not FRR at both ends: for its first two minutes it says that it restarts itself, and is not waited for.
      { ...CHAIN, kinds: { left: kind, dut: "dut", right: "bird2" } },
      weRestart,
    );
  for (const kind of speakersOf("restartHelped"))
    scenario(
      `${kind} restarts: we forward all the while, and drop at its End-of-RIB what it does not announce again`,
      {
        nodes: ["dut", "peer"],
        links: { net0: { dut: onLink(1), peer: onLink(2) } },
        setup: { dut: ownHosts(1), peer: [...ownHosts(2), ...fallback(1, v4(1), v6(1))] },
        kinds: { dut: "dut", peer: kind },
      },
      peerRestarts,
    );
});

const FAMILIES = [0, 1] as const;
const DUT_ASN = 65001;

function chainPlan(name: "left" | "right", kind: SpeakerKind): SpeakerPlan {
  const [n, link] = name === "left" ? [2, 0] : [3, 1];
  // Passive: when BIRD's connection and ours cross, BIRD takes the second for one more restart, and drops what is stale.
  // OpenBGPD's listener on Linux does not answer what is signed.
  const passive = kind !== "openbgpd";
  const common = { asn: DUT_ASN, password: PASSWORD, passive, gracefulRestart: { mode: "aware" } } as const;
  return {
    routerId: `10.255.0.${n}`,
    asn: 65000 + n,
    sessions: [
      { name: "dut4", local: v4(n, link), remote: v4(1, link), ...common },
      { name: "dut6", local: v6(n, link), remote: v6(1, link), ...common },
    ],
    statics: statics(n),
  };
}

const DUT_PLAN: SpeakerPlan = {
  routerId: "10.255.0.1",
  asn: DUT_ASN,
  sessions: (["left", "right"] as const).flatMap((name) => {
    const [n, link] = name === "left" ? [2, 0] : [3, 1];
    const common = { asn: 65000 + n, password: PASSWORD, gracefulRestart: { mode: "on" } } as const;
    return [
      { name: `${name}4`, local: v4(1, link), remote: v4(n, link), ...common },
      { name: `${name}6`, local: v6(1, link), remote: v6(n, link), ...common },
    ];
  }),
};

async function weRestart({ left, dut, right }: Speakers<"left" | "dut" | "right">): Promise<void> {
  await Promise.all([
    dut.start(DUT_PLAN),
    left.start(chainPlan("left", left.kind)),
    right.start(chainPlan("right", right.kind)),
  ]);
  let plan = DUT_PLAN;
  let restarts = 0;
  /** The peers have our End-of-RIB when they have what we announced after it. */
  const settled = async () => {
    await untilEstablished(dut, "left4", "left6", "right4", "right6");
    await untilSessions(dut, "End-of-RIB sent", (all) => all.every((one) => one.isAllSent !== false));
    const marks = [`10.98.${++restarts}.0/24`, `fd98:${restarts}::/64`];
    plan = withStatics(
      plan,
      marks.map((prefix) => ({ prefix })),
    );
    await dut.apply(plan);
    for (const neighbour of [left, right]) for (const mark of marks) await untilRoute(neighbour, mark);
    for (const family of FAMILIES) {
      await untilRoute(left, prefixes(3)[family], (route) => route.isStale !== true);
      await untilRoute(right, prefixes(2)[family], (route) => route.isStale !== true);
    }
  };
  await settled();
  const hasKernel = hasFeatures(left.kind, ["kernel"]);
  for (const family of FAMILIES) {
    await untilKernel(dut, prefixes(2)[family], [v4(2, 0), v6(2, 0)][family]!);
    await untilKernel(dut, prefixes(3)[family], [v4(3, 1), v6(3, 1)][family]!);
    await untilPing(left, hosts(3)[family], hosts(2)[family]);
  }
  const witnesses = await Promise.all([left, dut, right].map((speaker) => monitor(speaker.node)));
  const streams = await Promise.all(FAMILIES.map((family) => stream(left.node, hosts(2)[family], hosts(3)[family])));

  for (const end of [dut.crash, dut.stop, dut.crash]) {
    await end();
    for (const neighbour of [left, right]) {
      await untilSessions(neighbour, "our end seen", (all) => all.every((one) => one.state !== "established"));
      for (const prefix of prefixes(neighbour === left ? 3 : 2)) await untilRoute(neighbour, prefix);
    }
    await dut.start(plan, { recover: true });
    await settled();
  }
  const all = [...prefixes(2), ...prefixes(3)];
  for (const witness of witnesses) {
    const seen = about(await witness(), all);
    assert.equal(seen.length, 0, `${seen.join("\n")}\n${await left.log()}\n${await right.log()}\n${await dut.log()}`);
  }
  for (const one of streams) await one.assertWhole();

  // Once more before the one before is over: a peer must drop what was stale already (RFC 4724 section 4.2).
  for (const again of [1, 2, 3]) {
    await dut.crash();
    await dut.start(plan, { recover: again > 1 });
  }
  await settled();

  const after = await monitor(left.node);
  await dut.shutdown!("gone for good");
  for (const prefix of prefixes(3)) {
    await poll(
      `${left.kind} to have nothing of ours for ${prefix}`,
      async () =>
        !(await left.routes(familyOf(prefix))).some((one) => one.prefix === prefix && one.source.startsWith("dut")),
      { explain: () => left.report() },
    );
    if (hasKernel) await untilBgpGone(left, prefix);
  }
  const deleted = about(await after(), prefixes(3));
  if (hasKernel) assert.ok(deleted.length >= 2 && deleted.every((line) => line.startsWith("Deleted")), `${deleted}`);
}

/** Only the way of last resort is left. */
async function untilBgpGone(speaker: Speaker, prefix: string): Promise<void> {
  await poll(`kernel of ${speaker.node.name}: no route of a speaker to ${prefix}`, async () => {
    const routes = await speaker.node.routes(prefix.includes(":") ? 6 : 4);
    return routes.filter((route) => route.dst === prefix && route.type !== "blackhole").length === 1;
  });
}

async function peerRestarts({ dut, peer }: Speakers<"dut" | "peer">): Promise<void> {
  const kept = statics(2);
  const dropped = [{ prefix: "10.2.99.0/24" }, { prefix: "fdaa:2:99::/64" }];
  const restart = { gracefulRestart: { mode: "on" } } as const;
  const peerPlan: SpeakerPlan = {
    routerId: v4(2),
    asn: 65002,
    sessions: bothFamilies("dut", 2, 1, DUT_ASN, restart),
    statics: [...kept, ...dropped],
  };
  const dutPlan: SpeakerPlan = {
    routerId: v4(1),
    asn: DUT_ASN,
    sessions: bothFamilies("peer", 1, 2, 65002, { gracefulRestart: { mode: "aware" } }),
    statics: statics(1),
  };
  await Promise.all([dut.start(dutPlan), peer.start(peerPlan)]);
  await Promise.all([untilEstablished(dut, "peer4", "peer6"), untilEstablished(peer, "dut4", "dut6")]);
  const installed = async () => {
    for (const [family, gateway] of [v4(2), v6(2)].entries())
      for (const routes of [kept, dropped]) await untilKernel(dut, routes[family]!.prefix, gateway);
  };
  await installed();
  for (const prefix of prefixes(1)) await untilRoute(peer, prefix);
  for (const family of FAMILIES) await untilPing(dut, hosts(2)[family], hosts(1)[family]);
  const witness = await monitor(dut.node);
  const streams = await Promise.all(FAMILIES.map((family) => stream(dut.node, hosts(1)[family], hosts(2)[family])));

  await peer.crash();
  await untilSessions(dut, "the end seen", (all) => all.every((one) => one.state !== "established"));
  await installed();
  await peer.start({ ...peerPlan, statics: kept }, { recover: true });
  await Promise.all([untilEstablished(dut, "peer4", "peer6"), untilEstablished(peer, "dut4", "dut6")]);
  for (const { prefix } of dropped) {
    await untilGone(dut, prefix);
    await untilKernel(dut, prefix);
  }
  for (const prefix of prefixes(1)) await untilRoute(peer, prefix);

  const changes = await witness();
  assert.deepEqual(about(changes, prefixes(2)), []);
  const gone = about(changes, ["10.2.99.0/24", "fdaa:2:99::/64"]);
  assert.ok(gone.length === 2 && gone.every((line) => line.startsWith("Deleted")), `${gone}`);
  for (const one of streams) await one.assertWhole();
}

import { describe } from "node:test";
import type { SpeakerKind } from "../../interop/peers/kinds.ts";
import { type SpeakerPlan, untilEstablished, withStatics } from "../../interop/peers/speaker.ts";
import {
  bothFamilies,
  CONCURRENCY,
  hosts,
  onLink,
  ownHosts,
  prefixes,
  type Speakers,
  scenario,
  statics,
  untilKernel,
  untilPing,
  v4,
  v6,
} from "./scenario.ts";

const PAIRS: readonly (readonly [SpeakerKind, SpeakerKind])[] = [
  ["bird2", "frr"],
  ["bird1", "bird2"],
];

describe("equal paths from two neighbours", { concurrency: CONCURRENCY }, () => {
  for (const [a, b] of PAIRS)
    scenario(
      `${a} and ${b} announce one prefix: the kernel gets both next hops, one when one is withdrawn or dies`,
      {
        nodes: ["dut", "a", "b"],
        links: { net0: { dut: onLink(1, 0), a: onLink(2, 0) }, net1: { dut: onLink(1, 1), b: onLink(3, 1) } },
        setup: { dut: ownHosts(1), a: [...ownHosts(2), ...ownHosts(5)], b: [...ownHosts(3), ...ownHosts(5)] },
        kinds: { dut: "dut", a, b },
      },
      equalPaths,
    );
});

async function equalPaths({ dut, a, b }: Speakers<"dut" | "a" | "b">): Promise<void> {
  const toB = [
    { ...bothFamilies("b", 1, 3, 65003)[0]!, local: v4(1, 1), remote: v4(3, 1) },
    { ...bothFamilies("b", 1, 3, 65003)[1]!, local: v6(1, 1), remote: v6(3, 1) },
  ];
  const fromB = toB.map((one) => ({
    ...one,
    name: one.name.replace("b", "dut"),
    local: one.remote,
    remote: one.local,
    asn: 65001,
  }));
  const planA: SpeakerPlan = {
    routerId: v4(2, 0),
    asn: 65002,
    sessions: bothFamilies("dut", 2, 1, 65001),
    statics: statics(5),
  };
  const planB: SpeakerPlan = { routerId: v4(3, 1), asn: 65003, sessions: fromB, statics: statics(5) };
  await Promise.all([
    dut.start({
      routerId: v4(1, 0),
      asn: 65001,
      multipath: 4,
      sessions: [...bothFamilies("a", 1, 2, 65002), ...toB],
      statics: statics(1),
    }),
    a.start(planA),
    b.start(planB),
  ]);
  await untilEstablished(dut, "a4", "a6", "b4", "b6");
  const viaA = [v4(2, 0), v6(2, 0)] as const;
  const viaB = [v4(3, 1), v6(3, 1)] as const;
  const both = async () => {
    for (const family of [0, 1] as const) await untilKernel(dut, prefixes(5)[family], viaA[family], viaB[family]);
  };
  await both();
  for (const family of [0, 1] as const) await untilPing(dut, hosts(5)[family], hosts(1)[family]);

  await a.apply(withStatics(planA, []));
  for (const family of [0, 1] as const) await untilKernel(dut, prefixes(5)[family], viaB[family]);
  await a.apply(planA);
  await both();

  await b.kill();
  for (const family of [0, 1] as const) await untilKernel(dut, prefixes(5)[family], viaA[family]);
  for (const family of [0, 1] as const) await untilPing(dut, hosts(5)[family], hosts(1)[family]);
  await b.start(planB);
  await both();
}

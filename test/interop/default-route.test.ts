import { describe } from "node:test";
import { speakersOf } from "../../interop/matrix.ts";
import { untilEstablished, untilSessions } from "../../interop/peers/speaker.ts";
import {
  CONCURRENCY,
  hosts,
  onLink,
  ownHosts,
  PASSWORD,
  prefixes,
  type Speakers,
  scenario,
  untilKernel,
  untilPing,
  v4,
  v6,
} from "./scenario.ts";

describe("next hops behind a default route", { concurrency: CONCURRENCY }, () => {
  for (const kind of speakersOf("defaultRoute"))
    scenario(
      `${kind} two hops away: routes go by the default gateway, follow it when it changes and rest while there is none`,
      {
        // Two routers without BGP stand between us and the peer; its routes' next hop is a second address of its own.
        nodes: ["dut", "gw1", "gw2", "far"],
        links: {
          net0: { dut: onLink(1, 0), gw1: onLink(2, 0), gw2: onLink(3, 0) },
          net1: { gw1: onLink(2, 1), gw2: onLink(3, 1), far: [...onLink(1, 1), `${v4(9, 1)}/24`, `${v6(9, 1)}/64`] },
        },
        setup: {
          dut: [
            ...ownHosts(1),
            `route add ${v4(1, 1)} via ${v4(2, 0)}`,
            `route add ${v6(1, 1)} via ${v6(2, 0)}`,
            `route add default via ${v4(2, 0)}`,
            `route add default via ${v6(2, 0)}`,
          ],
          gw1: toFar(),
          gw2: toFar(),
          far: [...ownHosts(6), `route add default via ${v4(2, 1)}`, `route add default via ${v6(2, 1)}`],
        },
        kinds: { dut: "dut", far: kind },
      },
      behindDefault,
    );
});

function toFar(): string[] {
  return [
    ...[`route add ${prefixes(6)[0]} via ${v4(1, 1)}`, `route add ${prefixes(6)[1]} via ${v6(1, 1)}`],
    ...[`route add ${prefixes(1)[0]} via ${v4(1, 0)}`, `route add ${prefixes(1)[1]} via ${v6(1, 0)}`],
  ];
}

async function behindDefault({ dut, far }: Speakers<"dut" | "far">): Promise<void> {
  const common = { asn: 65001, password: PASSWORD, multihop: true };
  await Promise.all([
    dut.start({
      routerId: v4(1, 0),
      asn: 65001,
      sessions: [
        { name: "far4", local: v4(1, 0), remote: v4(1, 1), ...common },
        { name: "far6", local: v6(1, 0), remote: v6(1, 1), ...common },
      ],
    }),
    far.start({
      routerId: v4(1, 1),
      asn: 65001,
      kernel: false,
      sessions: [
        { name: "dut4", local: v4(1, 1), remote: v4(1, 0), ...common },
        { name: "dut6", local: v6(1, 1), remote: v6(1, 0), ...common },
      ],
      statics: [
        { prefix: prefixes(6)[0], via: v4(9, 1) },
        { prefix: prefixes(6)[1], via: v6(9, 1) },
      ],
    }),
  ]);
  await untilEstablished(dut, "far4", "far6");
  const { node } = dut;
  const installed = async (gateway: number) => {
    await untilKernel(dut, prefixes(6)[0], v4(gateway, 0));
    await untilKernel(dut, prefixes(6)[1], v6(gateway, 0));
    for (const family of [0, 1] as const) await untilPing(dut, hosts(6)[family], hosts(1)[family]);
  };
  await installed(2);

  await node.ip("route", "replace", "default", "via", v4(3, 0));
  await node.ip("-6", "route", "replace", "default", "via", v6(3, 0));
  await installed(3);

  await node.ip("route", "del", "default");
  await node.ip("-6", "route", "del", "default");
  for (const prefix of prefixes(6)) await untilKernel(dut, prefix);
  await untilSessions(dut, "sessions stay", (all) => all.every((one) => one.state === "established"));

  await node.ip("route", "add", "default", "via", v4(2, 0));
  await node.ip("-6", "route", "add", "default", "via", v6(2, 0));
  await installed(2);
}

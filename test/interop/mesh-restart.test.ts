import assert from "node:assert/strict";
import { describe } from "node:test";
import { type Speaker, type SpeakerPlan, untilRoute, untilSessions } from "../../interop/peers/speaker.ts";
import {
  bothFamilies,
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
import { about, monitor, stream } from "./witness.ts";

const MEMBERS = [1, 2, 3, 4] as const;
const FAMILIES = [0, 1] as const;
type Name = "m1" | "m2" | "m3" | "m4";

describe("a mesh that restarts as a whole", () => {
  scenario(
    "four of ours are killed at once, and ended at once: no kernel route changes and no packet is lost",
    {
      nodes: ["m1", "m2", "m3", "m4"],
      links: { net0: { m1: onLink(1), m2: onLink(2), m3: onLink(3), m4: onLink(4) } },
      setup: { m1: ownHosts(1), m2: ownHosts(2), m3: ownHosts(3), m4: ownHosts(4) },
      kinds: { m1: "calidris", m2: "calidris", m3: "calidris", m4: "calidris" },
    },
    meshRestarts,
  );
});

function planOf(n: number): SpeakerPlan {
  const others = MEMBERS.filter((other) => other !== n);
  return {
    routerId: v4(n),
    asn: 65001,
    sessions: others.flatMap((other) =>
      bothFamilies(`m${other}v`, n, other, 65001, { gracefulRestart: { mode: "on" } }),
    ),
    statics: statics(n),
  };
}

async function meshRestarts(nodes: Speakers<Name>): Promise<void> {
  const members = MEMBERS.map((n): [Speaker, number] => [nodes[`m${n}`], n]);
  const each = <T>(act: (member: Speaker, n: number) => Promise<T>) =>
    Promise.all(members.map(([member, n]) => act(member, n)));
  const start = (recover: boolean) => each((member, n) => member.start(planOf(n), { recover }));
  const settled = () =>
    each(async (member, n) => {
      await untilSessions(member, "up, and all told", (all) =>
        all.every((one) => one.state === "established" && one.isAllSent !== false),
      );
      for (const other of MEMBERS)
        if (other !== n)
          for (const prefix of prefixes(other)) await untilRoute(member, prefix, (route) => route.isStale !== true);
    });
  await start(false);
  await settled();
  await each(async (member, n) => {
    for (const other of MEMBERS) {
      if (other === n) continue;
      for (const family of FAMILIES) {
        await untilKernel(member, prefixes(other)[family], [v4(other), v6(other)][family]!);
        await untilPing(member, hosts(other)[family], hosts(n)[family]);
      }
    }
  });
  const witnesses = await each((member) => monitor(member.node));
  const streams = await Promise.all(
    [
      [1, 2],
      [3, 4],
      [4, 1],
    ].flatMap(([from, to]) =>
      FAMILIES.map((family) => stream(nodes[`m${from}` as Name].node, hosts(from!)[family], hosts(to!)[family])),
    ),
  );
  for (const end of ["crash", "stop", "crash"] as const) {
    await each((member) => member[end]());
    await start(true);
    await settled();
  }
  const all = MEMBERS.flatMap((n) => prefixes(n));
  for (const witness of witnesses) assert.deepEqual(about(await witness(), all), []);
  for (const one of streams) await one.assertWhole();
}

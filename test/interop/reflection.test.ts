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
  withStatics,
} from "../../interop/peers/speaker.ts";
import { poll } from "../../interop/process.ts";
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
  ["frr", "bird1"],
  ["gobgp", "bird2"],
  ["openbgpd", "frr"],
  ["exabgp", "gobgp"],
];
const able = speakersOf("reflected");

const ASN = 65001;
const REFLECTOR: SpeakerPlan = {
  routerId: v4(1),
  asn: ASN,
  clusterId: "10.0.0.1",
  sessions: ["a", "b", "c"].flatMap((client, index) =>
    bothFamilies(client, 1, index + 2, ASN, { reflectorClient: true }),
  ),
};

describe("clients of our reflector", { concurrency: CONCURRENCY }, () => {
  for (const [a, b] of PAIRS.filter((pair) => pair.every((kind) => able.includes(kind)))) {
    const plan = {
      nodes: ["dut", "a", "b", "c"],
      links: { net0: { dut: onLink(1), a: onLink(2), b: onLink(3), c: onLink(4) } },
      setup: { a: [...ownHosts(2), ...ownHosts(5)], b: [...ownHosts(3), ...ownHosts(5)], c: ownHosts(4) },
      kinds: { dut: "dut", a, b, c: "bird2" },
    } as const;
    scenario(`${a} and ${b} get each other's routes with originator, cluster list and next hop kept`, plan, reflected);
    scenario(`a best path moves from ${a} to ${b} and back, and nobody keeps a stale route`, plan, moved);
  }
});

type Nodes = Speakers<"dut" | "a" | "b" | "c">;

function client(n: number): SpeakerPlan {
  return { routerId: v4(n), asn: ASN, sessions: bothFamilies("rr", n, 1, ASN), statics: statics(n) };
}

async function startAll({ dut, a, b, c }: Nodes): Promise<void> {
  await Promise.all([dut.start(REFLECTOR), a.start(client(2)), b.start(client(3)), c.start(client(4))]);
  await untilEstablished(dut, "a4", "a6", "b4", "b6", "c4", "c6");
  await Promise.all([a, b, c].map((speaker) => untilEstablished(speaker, "rr4", "rr6")));
}

async function reflected(nodes: Nodes): Promise<void> {
  await startAll(nodes);
  const { a, b, c } = nodes;
  const numbered: [Speaker, number][] = [
    [a, 2],
    [b, 3],
    [c, 4],
  ];
  for (const [from, n] of numbered) {
    for (const [to] of numbered) {
      if (to === from) continue;
      for (const [family, nextHop] of [v4(n), v6(n)].entries()) {
        const route = await untilRoute(to, prefixes(n)[family]!);
        assert.equal(route.nextHop, nextHop);
        assert.equal(route.originatorId, v4(n));
        assert.deepEqual(route.clusterList, ["10.0.0.1"]);
        assert.equal(route.localPref, 100);
        assert.deepEqual(route.asPath ?? [], []);
      }
    }
  }
  for (const family of [0, 1] as const) {
    await untilKernel(nodes.dut, prefixes(2)[family], [v4(2), v6(2)][family]!);
    if (![a, b].every(({ kind }) => hasFeatures(kind, ["kernel"]))) continue;
    await untilPing(a, hosts(3)[family], hosts(2)[family]);
    await untilPing(b, hosts(2)[family], hosts(3)[family]);
    await untilPing(c, hosts(2)[family], hosts(4)[family]);
  }
  await a.apply(withStatics(client(2), []));
  for (const prefix of prefixes(2)) {
    await untilGone(nodes.dut, prefix);
    await untilGone(b, prefix);
    await untilGone(c, prefix);
  }
}

/** Routes to a prefix by who gave them; a speaker's own static one apart. */
async function sourcesOf(speaker: Speaker, prefix: string): Promise<string> {
  const routes = await speaker.routes(prefix.includes(":") ? "ipv6" : "ipv4");
  return routes
    .filter((route) => route.prefix === prefix)
    .map((route) => (route.source.startsWith("rr") ? `rr:${route.nextHop}` : "own"))
    .sort()
    .join(" ");
}

async function untilSources(speaker: Speaker, prefix: string, wanted: string): Promise<void> {
  await poll(
    `${speaker.kind} on ${speaker.node.name}: routes to ${prefix} from exactly: ${wanted}`,
    async () => (await sourcesOf(speaker, prefix)) === wanted,
    { explain: () => speaker.report() },
  );
}

/** Both a and b announce one prefix; a's path is shorter. */
async function moved(nodes: Nodes): Promise<void> {
  await startAll(nodes);
  const { dut, a, b, c } = nodes;
  const withShared = client(2);
  const planA = withStatics(withShared, [...statics(2), ...statics(5)]);
  const planB = withStatics(client(3), [...statics(3), ...statics(5, { prepend: [64999] })]);
  await Promise.all([a.apply(planA), b.apply(planB)]);
  const isForwarding = [a, b].every(({ kind }) => hasFeatures(kind, ["kernel"]));
  const near = [v4(2), v6(2)] as const;
  const far = [v4(3), v6(3)] as const;
  for (let round = 0; round < 2; round++) {
    for (const family of [0, 1] as const) {
      const prefix = prefixes(5)[family];
      await untilRoute(dut, prefix, (best, all) => best.source.startsWith("a") && all.length === 2);
      await untilKernel(dut, prefix, near[family]);
      // b hears of a's path; a hears of none, for the only other one is not the best.
      await untilSources(c, prefix, `rr:${near[family]}`);
      await untilSources(b, prefix, `own rr:${near[family]}`);
      await untilSources(a, prefix, "own");
    }
    if (isForwarding) await untilPing(c, hosts(5)[0], hosts(4)[0]);
    await a.apply(withStatics(planA, statics(2)));
    for (const family of [0, 1] as const) {
      const prefix = prefixes(5)[family];
      await untilRoute(dut, prefix, (best, all) => best.source.startsWith("b") && all.length === 1);
      await untilKernel(dut, prefix, far[family]);
      await untilSources(c, prefix, `rr:${far[family]}`);
      await untilSources(a, prefix, `rr:${far[family]}`);
      // What b was told of a's path is withdrawn, although the prefix lives on.
      await untilSources(b, prefix, "own");
    }
    if (isForwarding) await untilPing(c, hosts(5)[0], hosts(4)[0]);
    await a.apply(planA);
  }
  const sessions = await dut.sessions();
  assert.ok(sessions.every((session) => session.state === "established"));
}

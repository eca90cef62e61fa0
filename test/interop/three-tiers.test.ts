import assert from "node:assert/strict";
import { describe } from "node:test";
import type { SpeakerKind } from "../../interop/peers/features.ts";
import {
  type FamilyName,
  type SessionPlan,
  type Speaker,
  type SpeakerPlan,
  untilEstablished,
} from "../../interop/peers/speaker.ts";
import { poll } from "../../interop/process.ts";
import {
  hosts,
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

const CORES = ["core1", "core2"] as const;
const TORS = ["tor1", "tor2", "tor3"] as const;
const NODES = ["n1", "n2", "n3"] as const;
type Name = (typeof CORES)[number] | (typeof TORS)[number] | (typeof NODES)[number];

/** A host's number on every link that it is on. */
const NUMBERS: Readonly<Record<Name, number>> = {
  ...{ core1: 1, core2: 2, tor1: 11, tor2: 12, tor3: 13, n1: 21, n2: 22, n3: 23 },
};

/** Links by number: each core with every ToR, and each ToR with the nodes of its rack. tor1 and tor2 share a rack. */
const LINKS: readonly (readonly Name[])[] = [
  ["core1", ...TORS],
  ["core2", ...TORS],
  ["tor1", "n1", "n2"],
  ["tor2", "n1", "n2"],
  ["tor3", "n3"],
];

const RACK_OF_TOR: Readonly<Record<(typeof TORS)[number], readonly Name[]>> = {
  ...{ tor1: ["n1", "n2"], tor2: ["n1", "n2"], tor3: ["n3"] },
};

type Kinds = Readonly<Record<Name, SpeakerKind | "dut">>;

/**
 * ToRs of one rack are of a kind: whether a default is made anew or passed on shows in its path, and one of each is no ECMP.
 * Who runs where; the second and third with every tier in other hands only in the matrix.
 */
const CASTS: Readonly<Record<string, Kinds>> = {
  "cores FRR, ToRs ours, nodes BIRD and ours": {
    ...{ core1: "frr", core2: "frr", tor1: "dut", tor2: "dut", tor3: "dut", n1: "bird2", n2: "dut", n3: "bird1" },
  },
  "cores ours, ToRs FRR and BIRD, nodes ours and FRR": {
    ...{ core1: "dut", core2: "dut", tor1: "frr", tor2: "frr", tor3: "bird1", n1: "dut", n2: "frr", n3: "dut" },
  },
  "cores BIRD and ours, ToRs ours and FRR, nodes ours": {
    ...{ core1: "bird2", core2: "dut", tor1: "dut", tor2: "dut", tor3: "frr", n1: "dut", n2: "dut", n3: "dut" },
  },
};

const casts = Object.entries(CASTS).slice(0, process.env.INTEROP_MATRIX === "1" ? undefined : 1);

describe("three tiers by eBGP, the default downwards", { concurrency: 2 }, () => {
  for (const [title, kinds] of casts)
    scenario(
      `${title}: a node holds its own and the default, a ToR its rack, the core all, and nothing circles`,
      {
        nodes: [...CORES, ...TORS, ...NODES],
        links: Object.fromEntries(
          LINKS.map((ends, link) => [
            `net${link}`,
            Object.fromEntries(
              ends.map((name) => [
                name,
                [`${v4(NUMBERS[name], link)}/24`, `${v6(NUMBERS[name], link)}/64`, `fe80::${NUMBERS[name]}/64`],
              ]),
            ),
          ]),
        ),
        setup: Object.fromEntries(NODES.map((name) => [name, ownHosts(NUMBERS[name])])),
        kinds,
      },
      threeTiers,
    );
});

/** The cores share one, so that what a ToR has from one of them is no way up for another. */
function asnOf(name: Name): number {
  return CORES.some((core) => core === name) ? 65001 : 65000 + NUMBERS[name];
}

function sessionsOf(name: Name): SessionPlan[] {
  const own = NUMBERS[name];
  return LINKS.flatMap((ends, link) => {
    const [above, ...below] = ends;
    if (!ends.includes(name)) return [];
    const others = name === above ? below : [above!];
    return others.flatMap((other) => {
      const common = { asn: asnOf(other), exports: exportsOf(name, name === above) };
      return [
        { name: `${other}l${link}v4`, local: v4(own, link), remote: v4(NUMBERS[other], link), ...common },
        { name: `${other}l${link}v6`, local: v6(own, link), remote: v6(NUMBERS[other], link), ...common },
      ];
    });
  });
}

/** Down goes the default, a core's always and a ToR's only while it has one from above; up goes what is below. */
function exportsOf(name: Name, isDown: boolean): NonNullable<SessionPlan["exports"]> {
  if (CORES.some((core) => core === name)) return "default";
  if (NODES.some((node) => node === name)) return "own";
  return isDown ? "defaultIfReachable" : "allButDefault";
}

function planOf(name: Name): SpeakerPlan {
  const own = NUMBERS[name];
  return {
    routerId: `10.255.0.${own}`,
    asn: asnOf(name),
    multipath: 4,
    holdSeconds: 6,
    sessions: sessionsOf(name),
    ...(NODES.some((node) => node === name) ? { statics: statics(own) } : {}),
  };
}

const DEFAULTS: Readonly<Record<FamilyName, string>> = { ipv4: "0.0.0.0/0", ipv6: "::/0" };

/** Prefixes that sessions gave, once each. */
async function learned(speaker: Speaker, family: FamilyName): Promise<string> {
  const routes = await speaker.routes(family);
  const ours = routes.filter((route) => /l\dv[46]$/.test(route.source)).map((route) => route.prefix);
  return [...new Set(ours)].sort().join(" ");
}

async function untilLearned(speaker: Speaker, family: FamilyName, ...wanted: string[]): Promise<void> {
  await poll(
    `${speaker.kind} on ${speaker.node.name} to have learned exactly ${wanted.join(", ")}`,
    async () => (await learned(speaker, family)) === wanted.toSorted().join(" "),
    { explain: () => speaker.report() },
  );
}

async function threeTiers(speakers: Speakers<Name>): Promise<void> {
  const all = Object.entries(speakers) as [Name, Speaker][];
  await Promise.all(all.map(([name, speaker]) => speaker.start(planOf(name))));
  await Promise.all(
    all.map(([name, speaker]) => untilEstablished(speaker, ...sessionsOf(name).map((session) => session.name))),
  );
  const { n1, n2, n3, tor1 } = speakers;
  const of = (names: readonly Name[], family: FamilyName) =>
    names.map((name) => prefixes(NUMBERS[name])[family === "ipv4" ? 0 : 1]);
  for (const family of ["ipv4", "ipv6"] as const) {
    for (const name of NODES) await untilLearned(speakers[name], family, DEFAULTS[family]);
    for (const tor of TORS)
      await untilLearned(speakers[tor], family, DEFAULTS[family], ...of(RACK_OF_TOR[tor], family));
    for (const core of CORES) await untilLearned(speakers[core], family, ...of(NODES, family));
  }
  const defaults = async (node: Speaker, ...tors: (typeof TORS)[number][]) => {
    const link = (tor: (typeof TORS)[number]) => LINKS.findIndex((ends) => ends[0] === tor);
    await untilKernel(node, "default", ...tors.map((tor) => v4(NUMBERS[tor], link(tor))));
  };
  await defaults(n1, "tor1", "tor2");
  await defaults(n2, "tor1", "tor2");
  await defaults(n3, "tor3");

  const pings = async () => {
    for (const family of [0, 1] as const)
      for (const [from, to] of [
        [n1, n3],
        [n3, n2],
        [n2, n1],
      ] as const)
        await untilPing(from, hostOf(to, family), hostOf(from, family));
  };
  await pings();
  // Nobody has these: they die at a core, told by it or not, and never run out of hops.
  for (const unknown of ["10.99.0.1", "fdaa:99::1"]) {
    const said = await unreachable(n1, unknown);
    const cores = CORES.flatMap((_, link) => [v4(NUMBERS[CORES[link]!], link), v6(NUMBERS[CORES[link]!], link)]);
    assert.ok(
      cores.some((core) => said.includes(`From ${core} `)),
      `a core refuses packets to ${unknown}: ${said}`,
    );
    assert.doesNotMatch(said, /time (to live )?exceeded/i);
  }

  // tor1 loses both cores: it has no way up, and nodes are to know.
  await tor1.node.setLink("net0", "down");
  await tor1.node.setLink("net1", "down");
  await untilLearned(tor1, "ipv4", ...of(RACK_OF_TOR.tor1, "ipv4"));
  await untilLearned(tor1, "ipv6", ...of(RACK_OF_TOR.tor1, "ipv6"));
  await defaults(n1, "tor2");
  await defaults(n2, "tor2");
  await pings();
  await restoreLinks(tor1);
  await defaults(n1, "tor1", "tor2");
  await defaults(n2, "tor1", "tor2");
  for (const family of ["ipv4", "ipv6"] as const)
    await untilLearned(tor1, family, DEFAULTS[family], ...of(RACK_OF_TOR.tor1, family));
  await pings();
}

function hostOf(speaker: Speaker, family: 0 | 1): string {
  return hosts(NUMBERS[speaker.node.name as Name])[family];
}

/** What ping says of an address that nobody has. */
async function unreachable(from: Speaker, address: string): Promise<string> {
  const source = hostOf(from, address.includes(":") ? 1 : 0);
  return poll(`an answer about ${address}`, async () => {
    const { stdout } = await from.node.exec([...from.node.pingCommand, "-n", "-c1", "-W1", "-I", source, address], {
      anyExit: true,
    });
    return /^From .*$/m.exec(stdout)?.[0];
  });
}

/** The kernel forgets IPv6 addresses of a link that goes down. */
async function restoreLinks({ node }: Speaker): Promise<void> {
  for (const link of [0, 1]) {
    await node.setLink(`net${link}`, "up");
    for (const address of [`${v6(NUMBERS.tor1, link)}/64`, `fe80::${NUMBERS.tor1}/64`])
      await node.ip("addr", "replace", address, "dev", `net${link}`, "nodad");
  }
}

/**
 * Calico's own cases on the wire: BIRD 1.6 with the files that confd writes, and ours with what it generates from the same
 * resources, each among the same kernel routes and neighbours, tell every neighbour the same.
 */
import assert from "node:assert/strict";
import { describe } from "node:test";
import type { LabNode, LabPlan } from "../../interop/lab.ts";
import { poll } from "../../interop/process.ts";
import { type BirdPeer, readBirdConfig } from "../confgen/cases/bird-config.ts";
import { CASES, type Case, expectedFiles, SKIP } from "../confgen/cases/case-list.ts";
import { startedAt } from "../confgen/cases/generated-case.ts";
import { documentsAfter } from "../confgen/cases/stored-case.ts";
import { announcedTo } from "./calico-announced.ts";
import { type CalicoBird, startCalicoBird } from "./calico-bird.ts";
import {
  DEVICES,
  type FamilyName,
  letOut,
  neighbourCommands,
  neighbourConfig,
  nodeCommands,
  ownAddressOf,
  type Surroundings,
  surroundingsOf,
  UPLINK,
} from "./calico-surroundings.ts";
import { type Bird, type Operator, staged } from "./operator.ts";

/** The case, and the step whose files are taken. */
const SHOWN: readonly (readonly [name: string, step: number])[] = [
  ["mesh/ipip-always", 0],
  ["mesh/ipip-off", 0],
  ["mesh/bgp-export", 0],
  ["mesh/communities", 1],
  ["mesh/static-routes", 0],
  ["mesh_password", 1],
  ["explicit_peering/global", 0],
  ["explicit_peering/route_reflector", 0],
  ["explicit_peering/keepnexthop", 0],
  ["explicit_peering/local-as", 0],
  ["bgpfilter/single_filter/global_peer", 0],
  ["bgpfilter/multi_filter/global_peer", 0],
  ["bgpfilter/import_only/global_peer", 0],
  ["bgpfilter/match_operators", 0],
  ["bgpfilter/communities_and_operations", 0],
  ["bgpfilter/peer_type", 0],
  ["ttl_security/global", 0],
  ["mesh/restart-time", 3],
  ["reverse_peering/auto", 0],
];

/** One of the two that are compared: its node, and the neighbours around it. */
interface Side {
  readonly around: Bird;
  /** Routes that came from the session so far. */
  received(peer: string): Promise<number>;
}

describe("Calico's own cases on the wire (BIRD 1.6 without krt_tunnel)", { concurrency: 2, skip: SKIP }, () => {
  for (const [name, step] of SHOWN) {
    const each = CASES.find((one) => one.name === name);
    if (each) onTheWire(each, step);
    if (each && name.endsWith("communities_and_operations")) onTheWire(each, step, true);
  }
});

function onTheWire(each: Case, at: number, external = false): void {
  const files = external
    ? withExternalNeighbours(expectedFiles(each, each.steps[at]!))
    : expectedFiles(each, each.steps[at]!);
  const all = (["ipv4", "ipv6"] as const).flatMap((family) => {
    const config = readBirdConfig(files, family === "ipv4" ? "bird.cfg" : "bird6.cfg");
    const own = ownAddressOf(documentsAfter(each)[at]!.get(`Node/${each.nodeName}`)!, family);
    return own && config.peers.length > 0 ? [{ config, surroundings: surroundingsOf(family, config, own) }] : [];
  });
  const families = all.map(({ surroundings }) => surroundings.family).join(" and ");
  const planned = all.map(({ surroundings }) => surroundings);
  const count = Math.max(...planned.map(({ peers }) => peers.length));
  staged(
    `${each.name}, ${families}${external ? ", external neighbours" : ""}: ours tells every neighbour what BIRD 1.6 tells it`,
    planOf(planned, count),
    async ({ lab, bird, daemon }) => {
      const calico = await startCalicoBird(lab.node("bird"), files);
      const ours = await daemon("ours");
      for (const { path, text } of startedAt(each, "kdd", at).files)
        await ours.write(path, external && path !== "router.yaml" ? text.replaceAll("asn: 64512", "asn: 65123") : text);
      const around = await Promise.all(
        ["bird", "ours"].map((side) =>
          Promise.all(
            Array.from({ length: count }, async (_, number) => {
              const neighbour = bird(`${side}${number}`);
              const config = all.map(({ config: { listen }, surroundings }) =>
                neighbourConfig(surroundings, number, listen?.port ?? 179),
              );
              await neighbour.start(`router id 10.254.0.1;\n${config.join("\n")}`);
              return neighbour;
            }),
          ),
        ),
      );
      await ours.start();
      for (const { config, surroundings } of all) {
        let told = 0;
        const explained = async (error: Error): Promise<never> => {
          throw new Error(`${error.message}\n${await calico.report()}`);
        };
        for (const [number, peer] of surroundings.peers.entries()) {
          const sides = { bird: birdSide(around[0]![number]!, calico), ours: ourSide(around[1]![number]!, ours) };
          told += await untilSame(sides, peer, surroundings, letOut(config, peer, surroundings)).catch(explained);
        }
        const written = await untilSameKernel(lab.node("bird"), lab.node("ours"), surroundings.family).catch(explained);
        assert.ok(told + written > 0, "there was nothing to see");
      }
    },
  );
}

/** What confd would write if the neighbours' Nodes had another AS. */
function withExternalNeighbours(files: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map(
    [...files].map(([name, text]) => [
      name,
      text
        .replace(/^( *neighbor \S+) as 64512;/gm, "$1 as 65123;")
        .replaceAll("calico_export_to_bgp_peers(true)", "calico_export_to_bgp_peers(false)"),
    ]),
  );
}

function planOf(all: readonly Surroundings[], count: number): LabPlan {
  const devices = DEVICES.flatMap((device, at) => [
    `link add ${device} type vxlan id ${10 + at} dstport ${14789 + at}`,
    `link set ${device} up`,
  ]);
  const batch: Record<string, string[]> = {};
  const links: Record<string, Record<string, string[]>> = {};
  for (const side of ["bird", "ours"]) {
    const neighbours = Array.from({ length: count }, (_, at) => `${side}${at}`);
    batch[side] = [...renamed(side), ...devices, ...all.flatMap(nodeCommands)];
    for (const [at, name] of neighbours.entries())
      batch[name] = [...renamed(side), ...all.flatMap((each) => neighbourCommands(each, at))];
    links[`to-${side}`] = Object.fromEntries([side, ...neighbours].map((name) => [name, []]));
  }
  return { nodes: Object.keys(batch), links, batch };
}

/** The link is named by its side, and in the case its device has a name of its own. */
function renamed(side: string): string[] {
  return [`link set to-${side} down`, `link set to-${side} name ${UPLINK}`, `link set ${UPLINK} up`];
}

function birdSide(around: Bird, calico: CalicoBird): Side {
  return {
    around,
    received: async (peer) => {
      const text = await calico.session(peer);
      // received, rejected, filtered, ignored, accepted
      return Number(/Import updates: +(\d+)/.exec(text)?.[1] ?? 0);
    },
  };
}

function ourSide(around: Bird, ours: Operator): Side {
  return {
    around,
    received: async (peer) => (await ours.peer(peer)).families.reduce((sum, { received }) => sum + received, 0),
  };
}

/** So often the two must agree in a row: what is still on its way is there by then. */
const AGREEMENTS = 4;

async function untilSame(
  sides: Readonly<Record<"bird" | "ours", Side>>,
  peer: BirdPeer,
  surroundings: Surroundings,
  wanted: readonly string[],
): Promise<number> {
  const { announced, kernel } = surroundings;
  const given = announced[peer.name]!.length;
  for (const [name, side] of Object.entries(sides))
    await poll(
      `${name} to have ${given} routes of ${peer.name}`,
      async () => (await side.received(peer.name)) >= given,
      {
        explain: () => side.around.report(),
      },
    );
  const own = new Set(kernel.map(({ prefix }) => prefix));
  const both = async () => {
    const [theirs, ours] = await Promise.all(
      [sides.bird, sides.ours].map((side) => announcedTo(side.around, peer.name)),
    );
    return [new Map([...theirs!].map(([prefix, paths]) => [prefix, withOwnAsFirst(paths, peer)])), ours!] as const;
  };
  let agreed = 0;
  await poll(
    `${peer.name} to be told the same by both`,
    async () => {
      const [theirs, ours] = await both();
      const told = [...theirs.keys()].filter((prefix) => own.has(prefix));
      agreed = isSame(told, wanted) && JSON.stringify([...theirs]) === JSON.stringify([...ours]) ? agreed + 1 : 0;
      return agreed >= AGREEMENTS;
    },
    {
      explain: async () => {
        const [theirs, ours] = await both();
        const told = [...theirs.keys()].filter((prefix) => own.has(prefix));
        return `${differences(theirs, ours)}\nBIRD tells of the kernel's: ${told}\nwanted: ${wanted}`;
      },
    },
  );
  return (await both())[0].size;
}

/**
 * BIRD 1.6 puts its own AS into the path before its filter runs, so what the filter prepends stands in front of it. With ours
 * our AS is the first that an external neighbour sees, whatever a policy prepends (RFC 4271 section 5.1.2).
 */
function withOwnAsFirst(paths: string, { asn, localAs }: BirdPeer): string {
  if (asn === localAs) return paths;
  return paths.replace(/as_path ([\d ]+);/g, (_, text: string) => {
    const path = text.split(" ").map(Number);
    return `as_path ${[localAs, ...path.toSpliced(path.indexOf(localAs), 1)].join(" ")};`;
  });
}

/** What is in the kernel of BIRD 1.6 and ours stands there in the same words. */
async function untilSameKernel(bird: LabNode, ours: LabNode, family: FamilyName): Promise<number> {
  const both = () => Promise.all([written(bird, family), written(ours, family)]);
  await poll(
    `the same ${family} routes in both kernels`,
    async () => {
      const [theirs, mine] = await both();
      return JSON.stringify([...theirs]) === JSON.stringify([...mine]);
    },
    { explain: async () => differences(...(await both())) },
  );
  return (await both())[0].size;
}

async function written(node: LabNode, family: FamilyName): Promise<ReadonlyMap<string, string>> {
  const text = await node.ip(family === "ipv4" ? "-4" : "-6", "route", "show", "proto", "bird");
  const lines = text.split("\n").map((line) => line.trim().replace(/ +/g, " "));
  return new Map(
    lines
      .filter(Boolean)
      .toSorted()
      .map((line) => [/^(?:blackhole )?(\S+)/.exec(line)![1]!, line]),
  );
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.toSorted().join() === other.toSorted().join();
}

function differences(theirs: ReadonlyMap<string, string>, ours: ReadonlyMap<string, string>): string {
  const prefixes = [...new Set([...theirs.keys(), ...ours.keys()])];
  return prefixes
    .filter((prefix) => theirs.get(prefix) !== ours.get(prefix))
    .map((prefix) => `${prefix}\n  BIRD: ${theirs.get(prefix)}\n  ours: ${ours.get(prefix)}`)
    .join("\n");
}

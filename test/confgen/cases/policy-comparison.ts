/** BIRD's filters and our policies judge the same routes: all that they would do otherwise, in words. */
import type { Config, PeerConfig } from "../../../src/config/model.ts";
import { isInternal } from "../../../src/config/own-as.ts";
import type { Family } from "../../../src/ip/address.ts";
import { type BirdConfig, type BirdPeer, readBirdConfig } from "./bird-config.ts";
import type { Code } from "./bird-filter.ts";
import { type BirdRoute, type Judgement, judge } from "./bird-interpreter.ts";
import { createOurJudge, createOurJudgeOf } from "./our-policy.ts";
import { prefixOfText } from "./texts.ts";

type Judge = (route: BirdRoute) => Judgement;
/** What somebody can see of a route behind the filter. */
type Visible = (judgement: Judgement) => unknown;

/** A filter of BIRD's and the policy of ours that stands for it. */
interface Stage {
  readonly name: string;
  readonly bird: Judge;
  readonly ours: Judge;
  readonly visible: Visible;
  /** Absent: routes of every family. */
  readonly family?: Family;
}

const common = ({ verdict, route }: Judgement) =>
  verdict === "reject"
    ? [verdict]
    : [
        verdict,
        `path ${route.bgp_path.join(" ")}`,
        `communities ${[...route.bgp_community, ...route.bgp_large_community].toSorted().join(" ")}`,
      ];

const accepted = (judgement: Judgement, values: () => readonly unknown[]) =>
  judgement.verdict === "reject" ? common(judgement) : [...common(judgement), ...values()];

/** The kernel metric at import is seen later only: by the kernel's filter and by exports. */
const seenAtImport: Visible = (judgement) =>
  accepted(judgement, () => [
    `local preference ${judgement.route.bgp_local_pref}`,
    `preference ${judgement.route.preference}`,
  ]);
const seenByInternal: Visible = (judgement) =>
  accepted(judgement, () => [`local preference ${judgement.route.bgp_local_pref}`]);
const seenByKernel: Visible = ({ verdict, route }) =>
  verdict === "reject"
    ? [verdict]
    : [verdict, `metric ${route.krt_metric ?? "none"}`, `device ${route.krt_tunnel || "none"}`];

export interface Comparison {
  /** Routes judged. */
  readonly judged: number;
  readonly differences: readonly string[];
}

/** Also what becomes of a received route afterwards: in the kernel, and towards the other peers. */
export function comparePolicies(bird: BirdConfig, ours: Config, routes: readonly BirdRoute[]): Comparison {
  const peers = bird.peers.flatMap((peer) => {
    const found = ours.peers.find(({ name }) => name === peer.name);
    return found ? [{ theirs: peer, found }] : [];
  });
  const exports = peers.map(({ theirs, found }) => exportStage(bird, ours, theirs, found));
  const kernel = kernelStage(bird, ours);
  const count = { judged: 0 };
  const differences = [kernel, ...exports, ...exportsWithoutFilters(bird, ours)].flatMap((stage) =>
    differencesOf(stage, relevant(stage, kernel, routes), count),
  );
  for (const { theirs, found } of peers) {
    const stage = importStage(bird, ours, theirs, found);
    const received = routes.filter(({ source }) => source === "RTS_BGP");
    differences.push(...differencesOf(stage, received, count));
    differences.push(...differencesBehind(stage, [kernel, ...exports], received, count));
  }
  return { judged: count.judged, differences };
}

/** Nobody writes the kernel's own routes back to it. */
function relevant(stage: Stage, kernel: Stage, routes: readonly BirdRoute[]): readonly BirdRoute[] {
  const { family } = stage;
  if (family !== undefined) return routes.filter(({ net }) => prefixOfText(net).family === family);
  return stage === kernel ? routes.filter(({ source }) => source === "RTS_BGP" || source === "RTS_STATIC") : routes;
}

/** What every export does after the filters, whether some session's filters let anything through to it or not. */
const PROBE = (internal: boolean) => `router id 0.0.0.0; filter probe {
  if (defined(source) && source = RTS_BGP && defined(bgp_local_pref)) then {
    krt_metric = 2147483647 - bgp_local_pref;
  } else {
    if (!defined(krt_metric)) then { krt_metric = 1024; }
    bgp_local_pref = 2147483647 - krt_metric;
  }
  calico_export_to_bgp_peers(${internal});
  reject;
}`;

function exportsWithoutFilters({ functions }: BirdConfig, ours: Config): Stage[] {
  const stages: Stage[] = [];
  for (const family of ["ipv4", "ipv6"] as const) {
    const name = `export-${family}`;
    if (!ours.policies.some((policy) => policy.name === name)) continue;
    for (const internal of [true, false]) {
      const code = readBirdConfig(new Map([["probe", PROBE(internal)]]), "probe").filters.get("probe")!;
      stages.push({
        name: `${name}, ${internal ? "internal" : "external"}`,
        family,
        bird: (route) => judge(code, functions, route),
        ours: createOurJudgeOf(ours, name, internal ? "ibgp" : "ebgp"),
        visible: internal ? seenByInternal : common,
      });
    }
  }
  return stages;
}

function importStage({ functions }: BirdConfig, ours: Config, theirs: BirdPeer, peer: PeerConfig): Stage {
  return {
    name: `import from ${peer.name}`,
    bird: (route) => judge(theirs.import, functions, route),
    ours: createOurJudge(ours, "import", peer),
    visible: seenAtImport,
  };
}

function exportStage({ functions }: BirdConfig, ours: Config, theirs: BirdPeer, peer: PeerConfig): Stage {
  return {
    name: `export to ${peer.name}`,
    bird: (route) => judge(theirs.export, functions, route),
    ours: createOurJudge(ours, "export", peer),
    visible: isInternal(ours.router, peer) ? seenByInternal : common,
  };
}

function kernelStage({ functions, filters, kernel }: BirdConfig, ours: Config): Stage {
  const code: Code = filters.get(kernel.export)!;
  return {
    name: "kernel",
    bird: (route) => judge(code, functions, route),
    ours: createOurJudge(ours, "kernel", undefined),
    visible: seenByKernel,
  };
}

/** As many as help to find the cause. */
const MOST = 5;

function differencesOf(stage: Stage, routes: readonly BirdRoute[], count: { judged: number }): string[] {
  const differences: string[] = [];
  for (const route of routes) {
    count.judged++;
    note(differences, stage.name, route, stage.visible(stage.bird(route)), stage.visible(stage.ours(route)));
  }
  return differences;
}

/** Each side goes on with what its own import left of the route. */
function differencesBehind(
  imports: Stage,
  stages: readonly Stage[],
  received: readonly BirdRoute[],
  count: { judged: number },
): string[] {
  const differences: string[] = [];
  for (const [at, route] of received.entries()) {
    // It takes long, and all kinds are among these.
    if (at % 3 !== 0) continue;
    const [theirs, ours] = [imports.bird(route), imports.ours(route)];
    if (theirs.verdict === "reject" || ours.verdict === "reject") continue;
    // A route that its import left as it was is judged above.
    if (JSON.stringify(theirs.route) === JSON.stringify(route) && JSON.stringify(ours.route) === JSON.stringify(route))
      continue;
    for (const stage of stages) {
      count.judged++;
      const [seen, wanted] = [stage.visible(stage.ours(ours.route)), stage.visible(stage.bird(theirs.route))];
      note(differences, `${stage.name} after ${imports.name}`, route, wanted, seen);
    }
  }
  return differences;
}

function note(differences: string[], stage: string, route: BirdRoute, bird: unknown, ours: unknown): void {
  const [wanted, found] = [JSON.stringify(bird), JSON.stringify(ours)];
  if (wanted === found || differences.length >= MOST) return;
  differences.push(`${stage} of ${JSON.stringify(route)}: BIRD ${wanted}, ours ${found}`);
}

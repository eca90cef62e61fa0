/** Why a route is as it is: what each path lost by, what stopped it on its way to the kernel or to a peer. */
import {
  type ExplainAnswer,
  type ExportAnswer,
  type KernelAnswer,
  type PathAnswer,
  type ToPeerAnswer,
  type TraceAnswer,
  traceAnswer,
} from "../control/answers.ts";
import type { Family } from "../ip/address.ts";
import { formatPrefix, type Prefix } from "../ip/prefix.ts";
import type { PrefixRow } from "../ip/prefix-table.ts";
import { explainOrder, explainSelection } from "../rib/decision.ts";
import { type PathRow, REJECT } from "../rib/types.ts";
import { pathAnswer, REJECT_REASON } from "./answer-paths.ts";
import { waitReason } from "./answer-status.ts";
import { STOP, STOP_REASON } from "./export-context.ts";
import type { ExportGroup } from "./exporter.ts";
import type { PeerRuntime } from "./peer.ts";
import type { Router } from "./router.ts";

/** What explanations share with the other answers. */
export interface RouteReader {
  find(prefix: Prefix): PrefixRow;
  /** Paths that forward the prefix together. */
  sharedPaths(family: Family, row: PrefixRow): Set<PathRow>;
  kernelAnswer(family: Family, row: PrefixRow, prefix: Prefix): KernelAnswer;
  /** What the peer was last sent: with path identifiers each is the row of its path, else there is one at most. */
  announcedTo(peer: PeerRuntime, family: Family, row: PrefixRow): readonly PathAnswer[];
}

export function createExplain(router: Router, reader: RouteReader): (prefix: Prefix, peer?: string) => ExplainAnswer {
  const { core, parts } = router;
  const { exporter, forwarding, imports } = parts;
  const { find, sharedPaths, kernelAnswer, announcedTo } = reader;

  function explainTo(peer: PeerRuntime, family: Family, row: PrefixRow): ToPeerAnswer {
    const { name } = peer.config;
    const outlet = peer.outlets[family];
    if (!outlet) {
      return { peer: name, ...stopped(...withoutOutlet(peer, family)), paths: null };
    }
    const best = row < 0 ? 0 : core.ribs[family].best(row);
    if (outlet.group.origin) return { peer: name, ...explainOrigin(peer, outlet.group, family, row), paths: null };
    if (outlet.group.context.addPath !== "none" && best !== 0)
      return { peer: name, ...explainPathsTo(peer, outlet.group, family, row) };
    return { peer: name, ...explainPathTo(peer, outlet.group, family, row, best, 0), paths: null };
  }

  /** A peer that gets the default route that we originate, whatever our table holds. */
  function explainOrigin(peer: PeerRuntime, group: ExportGroup, family: Family, row: PrefixRow): ExportAnswer {
    const { origin, context } = group;
    const decision = origin!.decide(row);
    if (decision > 0 && origin!.source() === peer.id) return stopped("source", STOP_REASON[STOP.noWayBack]!.reason);
    const [path] = decision > 0 ? announcedTo(peer, family, row) : [];
    const { step, reason } = STOP_REASON[decision] ?? { step: "export", reason: "it is about to be sent" };
    if (!path) return stopped(step, reason);
    return { announced: true, path, originated: ORIGINATED[context.originates!], stoppedBy: null, trace: [] };
  }

  /** What becomes of one path, 0 being none, which is sent under an identifier, or without one under 0. */
  function explainPathTo(
    peer: PeerRuntime,
    group: ExportGroup,
    family: Family,
    row: PrefixRow,
    path: PathRow,
    pathId: number,
  ): ExportAnswer {
    if (path === 0) return stopped("selection", STOP_REASON[STOP.noBest]!.reason);
    if (core.ribs[family].pathPeer(path) === peer.id) return stopped("source", STOP_REASON[STOP.ownRoute]!.reason);
    const decision = exporter.decide(group, row, path);
    const trace = exporter.trace(group, row, path).map(traceAnswer);
    if (decision <= 0) {
      const why = STOP_REASON[decision] ?? { step: "export", reason: `code ${decision}` };
      const rule = trace.findLast((step) => step.action === "reject");
      const { name: policy } = group.context.policy;
      const where = rule ? `at rule ${rule.rule} of "${rule.policy}"` : `: no rule of "${policy}" accepts it`;
      const named = decision === STOP.policy ? `${why.reason}${rule ? " " : ""}${where}` : why.reason;
      return stopped(why.step, named, trace);
    }
    const sent = announcedTo(peer, family, row).find((each) => each.pathId === pathId);
    const isLeftOut = group.context.room && !group.updates.announced(pathId === 0 ? row : path);
    const why = STOP_REASON[isLeftOut ? STOP.limit : STOP.ownNextHop]!;
    if (!sent) return stopped(why.step, why.reason, trace);
    return { announced: true, path: sent, originated: null, stoppedBy: null, trace };
  }

  /** Each usable path, the best one first. */
  function explainPathsTo(
    peer: PeerRuntime,
    group: ExportGroup,
    family: Family,
    row: PrefixRow,
  ): Omit<ToPeerAnswer, "peer"> {
    const rib = core.ribs[family];
    const { addPath } = group.context;
    const limit = typeof addPath === "number" ? addPath : Number.POSITIVE_INFINITY;
    const shared = sharedPaths(family, row);
    const paths = explainOrder(rib, row).map((path, place) => ({
      of: pathAnswer(core, family, row, path, shared),
      ...(place < limit
        ? explainPathTo(peer, group, family, row, path, path)
        : stopped("ADD-PATH", `it is not among the best ${limit}`)),
    }));
    const first = paths.find((path) => path.announced) ?? paths[0]!;
    const { announced, path, stoppedBy } = first;
    return { announced, path, originated: null, stoppedBy, trace: [], paths };
  }

  /** The step and the reason why nothing of the family goes to the peer. */
  function withoutOutlet({ negotiated }: PeerRuntime, family: Family): [step: string, reason: string] {
    if (!negotiated) return ["session", "the session is not Established"];
    if (!negotiated[family]) return ["session", `${family} is not active on the session`];
    return ["recovery", waitReason(parts.recovery, family)];
  }

  function explain(prefix: Prefix, peerName?: string): ExplainAnswer {
    const { family } = prefix;
    const row = find(prefix);
    const rib = core.ribs[family];
    const peer = peerName === undefined ? undefined : core.peers.get(peerName);
    const to = peer ? explainTo(peer, family, row) : null;
    if (row < 0) {
      const kernel: KernelAnswer = { state: "notWanted", reason: "no such prefix in the table", metric: null };
      return {
        prefix: formatPrefix(prefix),
        family,
        best: null,
        importTrace: [],
        losers: [],
        kernel,
        kernelTrace: [],
        to,
      };
    }
    const shared = sharedPaths(family, row);
    const selection = explainSelection(rib, row);
    const answer = (path: PathRow) => pathAnswer(core, family, row, path, shared);
    const lost = selection.losers.map((loser) => ({
      path: answer(loser.path),
      step: loser.step,
      bestValue: loser.bestValue,
      value: loser.value,
      trace: [],
    }));
    return {
      prefix: formatPrefix(prefix),
      family,
      best: selection.best === 0 ? null : answer(selection.best),
      importTrace: selection.best === 0 ? [] : imports.trace(family, row, selection.best).map(traceAnswer),
      losers: [...lost, ...selection.ineligible.map(({ path, because }) => unusable(family, row, path, because))],
      kernel: kernelAnswer(family, row, prefix),
      kernelTrace: selection.best === 0 ? [] : forwarding.trace(family, row, selection.best).map(traceAnswer),
      to,
    };
  }

  /** A path that never took part in the selection: rejected, or of an unreachable next hop. */
  function unusable(family: Family, row: PrefixRow, path: PathRow, because: string): ExplainAnswer["losers"][number] {
    const code = core.ribs[family].pathSetOut(path);
    return {
      path: pathAnswer(core, family, row, path, new Set()),
      step: code <= 0 ? "rejected" : "unreachable",
      bestValue: "",
      value: code <= 0 ? (REJECT_REASON[code] ?? because) : because,
      trace: code === REJECT.policy ? imports.trace(family, row, path).map(traceAnswer) : [],
    };
  }

  return explain;
}

function stopped(step: string, reason: string, trace: readonly TraceAnswer[] = []): ExportAnswer {
  return { announced: false, path: null, originated: null, stoppedBy: { step, reason }, trace };
}

const ORIGINATED = {
  always: "originated by us for this peer (export: default-only), whatever our own table holds",
  ifReachable: "originated by us for this peer (export: default-only), as long as we have a default route ourselves",
} as const;

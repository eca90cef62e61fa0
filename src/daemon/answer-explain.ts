/** Why a route is as it is: what each path lost by, what stopped it on its way to the kernel or to a peer. */
import type { ExplainAnswer, KernelAnswer, PathAnswer, TraceAnswer } from "../control/answers.ts";
import type { Family } from "../ip/address.ts";
import { formatPrefix, type Prefix } from "../ip/prefix.ts";
import type { PrefixRow } from "../ip/prefix-table.ts";
import type { TraceStep } from "../policy/types.ts";
import { explainSelection } from "../rib/decision.ts";
import { type PathRow, REJECT } from "../rib/types.ts";
import { pathAnswer, REJECT_REASON } from "./answer-paths.ts";
import { STOP, STOP_REASON } from "./export-context.ts";
import type { PeerRuntime } from "./peer.ts";
import type { Router } from "./router.ts";

/** What explanations share with the other answers. */
export interface RouteReader {
  find(prefix: Prefix): PrefixRow;
  /** Paths that forward the prefix together. */
  sharedPaths(family: Family, row: PrefixRow): Set<PathRow>;
  kernelAnswer(family: Family, row: PrefixRow, prefix: Prefix): KernelAnswer;
  /** What the peer was last sent. */
  announcedTo(peer: PeerRuntime, family: Family, row: PrefixRow): PathAnswer | undefined;
}

export function createExplain(router: Router, reader: RouteReader): (prefix: Prefix, peer?: string) => ExplainAnswer {
  const { core, parts } = router;
  const { exporter, forwarding, imports } = parts;
  const { find, sharedPaths, kernelAnswer, announcedTo } = reader;

  function explainTo(peer: PeerRuntime, family: Family, row: PrefixRow): ExplainAnswer["to"] {
    const name = peer.config.name;
    const outlet = peer.outlets[family];
    const stop = (step: string, reason: string, trace: readonly TraceAnswer[] = []) => ({
      peer: name,
      announced: false,
      path: null,
      originated: null,
      stoppedBy: { step, reason },
      trace,
    });
    if (!outlet) {
      const up = peer.negotiated !== undefined;
      return stop("session", up ? `${family} is not active on the session` : "the session is not Established");
    }
    const rib = core.ribs[family];
    const best = row < 0 ? 0 : rib.best(row);
    const { origin, context } = outlet.group;
    if (origin) {
      const decision = origin.decide(row);
      if (decision > 0 && origin.source() === peer.id) return stop("source", STOP_REASON[STOP.noWayBack]!.reason);
      const path = decision > 0 ? announcedTo(peer, family, row) : undefined;
      const { step, reason } = STOP_REASON[decision] ?? { step: "export", reason: "it is about to be sent" };
      if (!path) return stop(step, reason);
      return {
        peer: name,
        announced: true,
        path,
        originated: ORIGINATED[context.originates!],
        stoppedBy: null,
        trace: [],
      };
    }
    if (best === 0) return stop("selection", STOP_REASON[STOP.noBest]!.reason);
    if (rib.pathPeer(best) === peer.id) return stop("source", STOP_REASON[STOP.ownRoute]!.reason);
    const decision = exporter.decide(outlet.group, row);
    const trace = exporter.trace(outlet.group, row, best).map(traceAnswer);
    if (decision <= 0) {
      const why = STOP_REASON[decision] ?? { step: "export", reason: `code ${decision}` };
      const rule = trace.find((step) => step.action === "reject");
      const { name: policy } = outlet.group.context.policy;
      const where = rule ? `at rule ${rule.rule} of "${rule.policy}"` : `: no rule of "${policy}" accepts it`;
      const named = decision === STOP.policy ? `${why.reason}${rule ? " " : ""}${where}` : why.reason;
      return stop(why.step, named, trace);
    }
    const path = announcedTo(peer, family, row);
    const { room } = outlet.group.context;
    const why = STOP_REASON[room && !outlet.group.updates.announced(row) ? STOP.limit : STOP.ownNextHop]!;
    if (!path) return stop(why.step, why.reason, trace);
    return { peer: name, announced: true, path, originated: null, stoppedBy: null, trace };
  }

  function explain(prefix: Prefix, peerName?: string): ExplainAnswer {
    const { family } = prefix;
    const row = find(prefix);
    const rib = core.ribs[family];
    const peer = peerName === undefined ? undefined : core.peers.get(peerName);
    const to = peer ? explainTo(peer, family, row) : null;
    if (row < 0) {
      const kernel: KernelAnswer = { state: "notWanted", reason: "no such prefix in the table", metric: null };
      return { prefix: formatPrefix(prefix), family, best: null, losers: [], kernel, kernelTrace: [], to };
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

const ORIGINATED = {
  always: "originated by us for this peer (export: default-only), whatever our own table holds",
  ifReachable: "originated by us for this peer (export: default-only), as long as we have a default route ourselves",
} as const;

function traceAnswer(step: TraceStep): TraceAnswer {
  return {
    policy: step.policy,
    rule: step.rule,
    matched: step.matched,
    because: step.because,
    action: step.action ?? null,
  };
}

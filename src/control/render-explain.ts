/** Explanations of a route, in sentences. */
import type { ExplainAnswer, ExportAnswer, PathAnswer, ToPeerAnswer, TraceAnswer } from "./answers.ts";
import { viaText } from "./render-routes.ts";

type Loser = ExplainAnswer["losers"][number];

/** What each step compares, and which value stays. */
const STEP_WORDS: Record<string, { readonly what: string; readonly rule: string }> = {
  preference: { what: "preference", rule: "the higher stays" },
  longLivedStale: { what: "staleness", rule: "what is fresh stays (RFC 9494)" },
  localPref: { what: "local preference", rule: "the higher stays" },
  asPathLength: { what: "AS path length", rule: "the shorter stays" },
  origin: { what: "origin", rule: "IGP before EGP before INCOMPLETE" },
  med: { what: "MED", rule: "the lower stays, among paths of one neighbour AS" },
  external: { what: "kind of session", rule: "external before internal" },
  cost: { what: "cost of reaching the next hop", rule: "the lower stays" },
  bgpId: { what: "router id", rule: "the lower stays" },
  clusterListLength: { what: "cluster list length", rule: "the shorter stays" },
  peerAddress: { what: "peer address", rule: "the lower stays" },
  pathId: { what: "path id", rule: "the lower stays" },
};

/** Paragraphs: the best path, each that lost and why, the kernel, and what a peer gets. */
export function explainRoute(answer: ExplainAnswer): string[] {
  const { best, losers, kernel, to } = answer;
  const lines = [answer.prefix, ""];
  if (best) lines.push(`Best: ${origin(best)}`, ...attributes(best), ...imported(answer.importTrace));
  else lines.push("No path is usable, so there is no route.");
  for (const loser of losers) lines.push("", ...lost(loser));
  lines.push("", ...inKernel(answer, kernel));
  if (to) lines.push("", ...toPeer(to));
  return lines;
}

function origin(path: PathAnswer): string {
  if (path.peer === null) return `a ${path.source} route`;
  const from = path.peerAddress === null ? `from ${path.peer}` : `from ${path.peer} (${path.peerAddress})`;
  return path.pathId === 0 ? from : `${from}, path id ${path.pathId}`;
}

function attributes(path: PathAnswer): string[] {
  const lines = [`  goes to ${viaText(path)}${path.nextHop === null ? "" : `, next hop ${path.nextHop}`}`];
  const words = [`preference ${path.preference}`];
  if (path.peer !== null) {
    words.push(path.asPath === "" ? "empty AS path" : `AS path ${path.asPath}`, `origin ${path.origin}`);
    if (path.localPref !== null) words.push(`local preference ${path.localPref}`);
    if (path.med !== null) words.push(`MED ${path.med}`);
  }
  if (path.metric !== null && path.metric !== 0) words.push(`metric ${path.metric}`);
  lines.push(`  ${words.join(", ")}`);
  const communities = [...path.communities, ...path.largeCommunities, ...path.extendedCommunities];
  if (communities.length > 0) lines.push(`  communities ${communities.join(" ")}`);
  lines.push(...staleLine(path));
  if (path.originatorId !== null)
    lines.push(`  reflected: originator ${path.originatorId}, clusters ${path.clusterList.join(" ") || "none"}`);
  return lines;
}

function staleLine({ stale, peer }: PathAnswer): string[] {
  if (!stale) return [];
  const { since, keptUntil, longLived } = stale;
  if (!longLived) return [`  stale since ${since}, kept until ${keptUntil} while ${peer} restarts`];
  return [`  long-lived stale since ${since}, kept until ${keptUntil}: ${peer} has not come back in time (RFC 9494)`];
}

/** Nothing where the policy has nothing to tell. */
function imported(trace: readonly TraceAnswer[]): string[] {
  return isTelling(trace) ? ["  imported by", ...traceLines(trace).map((line) => `  ${line}`)] : [];
}

/** More than that a built-in policy accepts everything. */
function isTelling(trace: readonly TraceAnswer[]): boolean {
  return trace.some(({ policy }) => policy !== "accept");
}

function lost(loser: Loser): string[] {
  const { path, step, value, bestValue } = loser;
  if (step === "rejected") return [`Rejected: ${origin(path)}: ${value}`, ...traceLines(loser.trace)];
  if (step === "unreachable") return [`Unusable: ${origin(path)}: ${value}`];
  const { what, rule } = STEP_WORDS[step] ?? { what: step, rule: "" };
  const lines = [`Lost: ${origin(path)}: ${what} ${value} against ${bestValue} (${rule})`];
  lines.push(...staleLine(path));
  if (path.multipath) lines.push("  used beside the best path all the same (multipath)");
  return lines;
}

function inKernel({ kernelTrace }: ExplainAnswer, kernel: ExplainAnswer["kernel"]): string[] {
  switch (kernel.state) {
    case "installed": {
      const told = isTelling(kernelTrace) ? traceLines(kernelTrace) : [];
      return [`Kernel: installed${metric(kernel.metric)}`, ...told];
    }
    case "pending":
      return [`Kernel: not yet installed: ${kernel.reason}`];
    case "shadowed":
      return [`Kernel: not installed: ${kernel.reason}`];
    case "failed":
      return [`Kernel: refused: ${kernel.reason}`];
    case "notWanted": {
      const isRejected = kernelTrace.some((step) => step.action === "reject");
      return [`Kernel: not written: ${kernel.reason}`, ...(isRejected ? traceLines(kernelTrace) : [])];
    }
  }
}

function metric(value: number | null): string {
  return value === null || value === 0 ? "" : `, metric ${value}`;
}

function toPeer(to: ToPeerAnswer): string[] {
  const { peer, paths } = to;
  if (paths === null) return toPeerOf(`To ${peer}`, to);
  return paths.flatMap((path) => toPeerOf(`To ${peer}, the path ${origin(path.of)}`, path));
}

function toPeerOf(head: string, to: ExportAnswer): string[] {
  if (!to.announced) {
    const { step, reason } = to.stoppedBy ?? { step: "export", reason: "unknown" };
    return [`${head}: not announced, stopped by ${step}: ${reason}`, ...traceLines(to.trace)];
  }
  const lines = [`${head}: announced`];
  if (to.originated !== null) lines.push(`  ${to.originated}`);
  if (to.path) {
    const words = [`next hop ${to.path.nextHop ?? "-"}`, `AS path ${to.path.asPath || "empty"}`];
    if (to.path.localPref !== null) words.push(`local preference ${to.path.localPref}`);
    if (to.path.med !== null) words.push(`MED ${to.path.med}`);
    if (to.path.pathId !== 0) words.push(`path id ${to.path.pathId}`);
    lines.push(`  ${words.join(", ")}`);
  }
  return [...lines, ...traceLines(to.trace)];
}

/** Each rule that was looked at, in order; those of a called policy stand further in. */
export function traceLines(trace: readonly TraceAnswer[]): string[] {
  return trace.map((step) => {
    const rule = `${"  ".repeat(step.depth + 1)}${step.policy}, rule ${step.rule}`;
    if (!step.matched) return `${rule}: does not match: ${step.because}`;
    const what = step.action === "call" ? `calls ${step.calls}` : (step.action ?? "continue");
    const changes = step.changes.length > 0 ? `, sets ${step.changes.join(", ")}` : "";
    return `${rule}: matches${changes}: ${what}`;
  });
}

/** The router's answers (control/view.ts). They are computed when asked for; tables are read in pages. */
import type {
  ExplainAnswer,
  KernelAnswer,
  PathAnswer,
  PeerRouteAnswer,
  RouteAnswer,
  StatusAnswer,
  TraceAnswer,
} from "../control/answers.ts";
import type { RouterView } from "../control/view.ts";
import { FAMILIES, type Family, formatAddress, formatQuad } from "../ip/address.ts";
import { formatPrefix, type Prefix } from "../ip/prefix.ts";
import type { PrefixRow } from "../ip/prefix-table.ts";
import type { TraceStep } from "../policy/types.ts";
import { explainSelection } from "../rib/decision.ts";
import { type PathRow, REJECT } from "../rib/types.ts";
import { attributesAnswer, formatRow, pathAnswer, REJECT_REASON, setAnswer } from "./answer-paths.ts";
import { peerAnswer, seconds, wallTime } from "./answer-peer.ts";
import { announcedAttributes, STOP, STOP_REASON } from "./export-context.ts";
import type { PeerRuntime } from "./peer.ts";
import type { Router } from "./router.ts";

const MAX_MULTIPATH = 64;

export function createQueries(router: Router): RouterView {
  const { core, parts } = router;
  const { exporter, forwarding, imports } = parts;
  const scratch = new Int32Array(MAX_MULTIPATH);

  function find(prefix: Prefix): PrefixRow {
    return core.ribs[prefix.family].prefixes.find(prefix.bytes, 0, prefix.length);
  }

  function sharedPaths(family: Family, row: PrefixRow): Set<PathRow> {
    return new Set(scratch.subarray(0, core.ribs[family].multipath(row, scratch)));
  }

  function pathsOf(family: Family, row: PrefixRow): PathAnswer[] {
    const rib = core.ribs[family];
    const shared = sharedPaths(family, row);
    const out: PathAnswer[] = [];
    for (let path = rib.firstPath(row); path !== 0; path = rib.nextPath(path))
      out.push(pathAnswer(core, family, row, path, shared));
    return out.sort((a, b) => Number(b.best) - Number(a.best) || Number(b.multipath) - Number(a.multipath));
  }

  function kernelAnswer(family: Family, row: PrefixRow, prefix: Prefix): KernelAnswer {
    const wish = forwarding.judge(family, row);
    if (typeof wish === "string") return { state: "notWanted", reason: wish, metric: null };
    const status = core.fib.status(prefix);
    if (!status) return { state: "pending", reason: "not written yet", metric: wish.metric };
    const reason =
      status.state === "installed"
        ? null
        : status.state === "shadowed"
          ? `a route of protocol ${status.shadowedBy} has the same prefix and metric; ours is written when it goes`
          : (status.error ?? "waiting to be written");
    return { state: status.state, reason, metric: wish.metric };
  }

  function routeAnswer(family: Family, row: PrefixRow): RouteAnswer {
    const prefix = prefixOfRow(family, row);
    return {
      prefix: formatPrefix(prefix),
      family,
      paths: pathsOf(family, row),
      kernel: kernelAnswer(family, row, prefix),
    };
  }

  function prefixOfRow(family: Family, row: PrefixRow): Prefix {
    const { prefixes } = core.ribs[family];
    const bytes = new Uint8Array(family === "ipv4" ? 4 : 16);
    prefixes.writeAddress(row, bytes, 0);
    return { family, bytes, length: prefixes.length(row) };
  }

  /** Visits rows from the cursor on until `count` answers were made or a bounded number of rows looked at. */
  function page<T>(family: Family, cursor: number, count: number, make: (row: PrefixRow) => T | undefined) {
    const { prefixes } = core.ribs[family];
    const rows: T[] = [];
    let row = cursor;
    for (let looked = 0; row < prefixes.highWater && rows.length < count && looked < PAGE_ROWS; row++, looked++) {
      if (!prefixes.isLive(row)) continue;
      const made = make(row);
      if (made !== undefined) rows.push(made);
    }
    return { rows, next: row < prefixes.highWater ? row : -1 };
  }

  function announcedTo(peer: PeerRuntime, family: Family, row: PrefixRow): PathAnswer | undefined {
    const outlet = peer.outlets[family];
    const announced = outlet?.joined?.updates.announcedTo(outlet.member, row);
    if (!outlet?.joined || !announced) return undefined;
    const answer = setAnswer(core, announced.source, announced.set);
    const { context } = outlet.joined;
    const { nextHop, attributes } = announcedAttributes(context, exporter.tables, announced.set, announced.source);
    return { ...answer, nextHop, ...(attributes ? attributesAnswer(attributes) : {}) };
  }

  function received(peer: PeerRuntime, family: Family, row: PrefixRow): PeerRouteAnswer | undefined {
    const path = core.ribs[family].pathOf(row, peer.id, 0);
    if (path === 0) return undefined;
    return {
      prefix: formatRow(core, family, row),
      family,
      path: pathAnswer(core, family, row, path, sharedPaths(family, row)),
    };
  }

  function sent(peer: PeerRuntime, family: Family, row: PrefixRow): PeerRouteAnswer | undefined {
    const path = announcedTo(peer, family, row);
    return path && { prefix: formatRow(core, family, row), family, path };
  }

  function explainTo(peer: PeerRuntime, family: Family, row: PrefixRow): ExplainAnswer["to"] {
    const name = peer.config.name;
    const outlet = peer.outlets[family];
    const stop = (step: string, reason: string, trace: readonly TraceAnswer[] = []) => ({
      peer: name,
      announced: false,
      path: null,
      stoppedBy: { step, reason },
      trace,
    });
    if (!outlet) {
      const up = peer.negotiated !== undefined;
      return stop("session", up ? `${family} is not active on the session` : "the session is not Established");
    }
    const rib = core.ribs[family];
    const best = row < 0 ? 0 : rib.best(row);
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
    if (!path) return stop("next hop", STOP_REASON[STOP.ownNextHop]!.reason, trace);
    return { peer: name, announced: true, path, stoppedBy: null, trace };
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

  function status(): StatusAnswer {
    const now = core.clock.nowMs();
    const peers = [...core.peers.values()];
    return {
      version: core.version,
      routerId: formatQuad(core.routerId),
      asn: core.config.router.asn,
      clusterId: core.config.router.clusterId === undefined ? null : formatQuad(core.config.router.clusterId),
      since: wallTime(core, core.startedAtMs),
      uptimeSeconds: seconds(now - core.startedAtMs),
      configuration: {
        generation: core.generation,
        appliedAt: wallTime(core, core.appliedAtMs),
        rejected: core.rejected ?? null,
      },
      listeners: parts.listening.state().map(({ local, failure }) => ({
        address: formatAddress(local.address),
        port: local.port,
        failure: failure ?? null,
      })),
      peers: { total: peers.length, established: peers.filter((p) => p.active).length },
      rib: FAMILIES.map((family) => ({
        family,
        prefixes: core.ribs[family].prefixes.size,
        paths: core.ribs[family].pathCount,
      })),
      attributeSets: core.sets.size,
      kernel: { programming: core.config.kernel.program, ...core.fib.counters() },
      updateGroups: [...exporter.groups()].map((group) => ({
        family: group.context.family,
        members: peers.filter((p) => p.outlets[group.context.family]?.joined === group).map((p) => p.config.name),
        routes: group.updates.announcedRows,
        messagesEncoded: group.updates.counters.messagesEncoded,
        messagesSent: group.updates.counters.messagesSent,
      })),
    };
  }

  return {
    status,
    peers: () =>
      [...core.peers.values()].map((peer) =>
        peerAnswer(core, peer, (family) => {
          const group = peer.outlets[family]?.joined?.updates;
          return group ? group.announcedRows - group.announcedFrom(peer.id) : 0;
        }),
      ),
    routes: (family, cursor, count) =>
      page(family, cursor, count, (row) =>
        core.ribs[family].firstPath(row) === 0 ? undefined : routeAnswer(family, row),
      ),
    route(prefix) {
      const row = find(prefix);
      return row < 0 || core.ribs[prefix.family].firstPath(row) === 0 ? undefined : routeAnswer(prefix.family, row);
    },
    lookup(host) {
      const rib = core.ribs[host.family];
      const used = rib.prefixes.longestMatch(host.bytes, 0, (r) => rib.best(r) !== 0);
      const row = used >= 0 ? used : rib.prefixes.longestMatch(host.bytes, 0, (r) => rib.firstPath(r) !== 0);
      return row < 0 ? undefined : routeAnswer(host.family, row);
    },
    routesIn(name, family, cursor, count) {
      const peer = core.peers.get(name);
      return peer ? page(family, cursor, count, (row) => received(peer, family, row)) : { rows: [], next: -1 };
    },
    routesOut(name, family, cursor, count) {
      const peer = core.peers.get(name);
      return peer ? page(family, cursor, count, (row) => sent(peer, family, row)) : { rows: [], next: -1 };
    },
    routeIn(name, prefix) {
      const peer = core.peers.get(name);
      const row = find(prefix);
      return peer && row >= 0 ? received(peer, prefix.family, row) : undefined;
    },
    routeOut(name, prefix) {
      const peer = core.peers.get(name);
      const row = find(prefix);
      return peer && row >= 0 ? sent(peer, prefix.family, row) : undefined;
    },
    explain,
  };
}

/** Rows looked at for one page: a page of a peer with few routes must not walk a whole table at once. */
const PAGE_ROWS = 50_000;

function traceAnswer(step: TraceStep): TraceAnswer {
  return {
    policy: step.policy,
    rule: step.rule,
    matched: step.matched,
    because: step.because,
    action: step.action ?? null,
  };
}

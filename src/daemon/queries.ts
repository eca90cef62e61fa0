/** The router's answers (control/view.ts). They are computed when asked for; tables are read in pages. */
import type { KernelAnswer, PathAnswer, PeerRouteAnswer, RouteAnswer } from "../control/answers.ts";
import type { RouterView } from "../control/view.ts";
import type { Family } from "../ip/address.ts";
import { formatPrefix, type Prefix } from "../ip/prefix.ts";
import type { PrefixRow } from "../ip/prefix-table.ts";
import { LOCAL_PEER, type PathRow } from "../rib/types.ts";
import { createExplain } from "./answer-explain.ts";
import { attributesAnswer, formatRow, pathAnswer, setAnswer } from "./answer-paths.ts";
import { peerAnswer } from "./answer-peer.ts";
import { statusAnswer, waitReason } from "./answer-status.ts";
import { announcedAttributes } from "./export-context.ts";
import type { PeerRuntime } from "./peer.ts";
import type { Router } from "./router.ts";
import { runningKernelRoutes, runningPaths, runningState } from "./running-state.ts";

const MAX_MULTIPATH = 64;

export function createQueries(router: Router): RouterView {
  const { core, parts } = router;
  const { exporter, forwarding } = parts;
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
    const wait = parts.recovery.isHeld(family) ? waitReason(parts.recovery, family) : "not written yet";
    if (!status) return { state: "pending", reason: wait, metric: wish.metric };
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
  function page<T>(family: Family, cursor: number, count: number, make: (row: PrefixRow) => readonly T[]) {
    const { prefixes } = core.ribs[family];
    const rows: T[] = [];
    let row = cursor;
    for (let looked = 0; row < prefixes.highWater && rows.length < count && looked < PAGE_ROWS; row++, looked++)
      if (prefixes.isLive(row)) rows.push(...make(row));
    return { rows, next: row < prefixes.highWater ? row : -1 };
  }

  /** Each path that the peer was sent; with path identifiers these are rows of paths. */
  function announcedTo(peer: PeerRuntime, family: Family, row: PrefixRow): PathAnswer[] {
    const { joined, member } = peer.outlets[family] ?? {};
    if (!joined || !member) return [];
    const { context, origin, updates } = joined;
    const answer = (groupRow: number, pathId: number): PathAnswer[] => {
      const announced = updates.announcedTo(member, groupRow);
      if (!announced) return [];
      const { nextHop, attributes } = announcedAttributes(context, exporter.tables, announced.set, announced.source);
      const words = attributes ? attributesAnswer(attributes) : {};
      // The source of a default route that we originate only says who may not have it.
      const source = origin ? LOCAL_PEER.static : announced.source;
      return [{ ...setAnswer(core, source, announced.set), pathId, nextHop, ...words }];
    };
    if (context.addPath === "none") return answer(row, 0);
    const rib = core.ribs[family];
    const answers: PathAnswer[] = [];
    for (let path = rib.firstPathRow(row); path !== 0; path = rib.nextPathRow(path))
      answers.push(...answer(path, path));
    return answers.sort((a, b) => a.pathId - b.pathId);
  }

  function received(peer: PeerRuntime, family: Family, row: PrefixRow): PeerRouteAnswer[] {
    const rib = core.ribs[family];
    const found: PathRow[] = [];
    for (let path = rib.firstPath(row); path !== 0; path = rib.nextPath(path))
      if (rib.pathPeer(path) === peer.id) found.push(path);
    if (found.length === 0) return [];
    const prefix = formatRow(core, family, row);
    const shared = sharedPaths(family, row);
    return found
      .sort((a, b) => rib.pathId(a) - rib.pathId(b))
      .map((path) => ({ prefix, family, path: pathAnswer(core, family, row, path, shared) }));
  }

  function sent(peer: PeerRuntime, family: Family, row: PrefixRow): PeerRouteAnswer[] {
    return announcedTo(peer, family, row).map((path) => ({ prefix: formatRow(core, family, row), family, path }));
  }

  return {
    status: () => statusAnswer(router),
    peers: () =>
      [...core.peers.values()].map((peer) =>
        peerAnswer(core, parts.keys, peer, (family) => {
          const group = peer.outlets[family]?.joined?.updates;
          return group ? group.announcedRows - group.announcedFrom(peer.id) : 0;
        }),
      ),
    routes: (family, cursor, count) =>
      page(family, cursor, count, (row) => (core.ribs[family].firstPath(row) === 0 ? [] : [routeAnswer(family, row)])),
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
      return peer && row >= 0 ? received(peer, prefix.family, row) : [];
    },
    routeOut(name, prefix) {
      const peer = core.peers.get(name);
      const row = find(prefix);
      return peer && row >= 0 ? sent(peer, prefix.family, row) : [];
    },
    running: () => runningState(router),
    runningKernelRoutes: (family, cursor) => runningKernelRoutes(core, family, cursor),
    runningPaths: (family, cursor) => runningPaths(core, family, cursor),
    explain: createExplain(router, { find, sharedPaths, kernelAnswer, announcedTo }),
  };
}

/** Rows looked at for one page: a page of a peer with few routes must not walk a whole table at once. */
const PAGE_ROWS = 50_000;

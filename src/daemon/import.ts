/**
 * Import as the sessions use it: each peer's way of importing per family, and the walk that imports again after a
 * configuration or our addresses changed. While that walk runs a prefix is imported whole or not at all, so that no prefix
 * sees two policies mixed (DESIGN §4).
 */
import { LONG_LIVED_CLASS, type ParsingClass } from "../bgp/parsing-class.ts";
import type { Negotiated } from "../bgp/session/types.ts";
import { FAMILIES, type Family } from "../ip/address.ts";
import type { PrefixRow } from "../ip/prefix-table.ts";
import type { TraceStep } from "../policy/types.ts";
import { createImporter, type ImportHandle } from "../rib/import.ts";
import { FIRST_PEER, type PathRow, type PeerId, type SetHandle } from "../rib/types.ts";
import type { Core } from "./core.ts";
import type { PeerRuntime } from "./peer.ts";
import { PRIORITY } from "./scheduler.ts";
import { clusterIdOf, isExternal, localAsOf, receivedAs } from "./settings.ts";
import { createWalk } from "./walks.ts";

export interface Import {
  /** A set retained for the caller, a negative REJECT code, or 0 at a bound. */
  evaluate(peer: PeerRuntime, set: SetHandle, family: Family, bytes: Uint8Array, at: number, length: number): number;
  readsPrefix(peer: PeerRuntime, family: Family): boolean;
  /** The walk that imports again has not come by this prefix yet: then all its paths are imported now. */
  announced(family: Family, bytes: Uint8Array, at: number, length: number): void;
  /** A walk is under way: `announced` is to be called for each prefix. */
  readonly walking: boolean;
  parsingClass(negotiated: Negotiated, internal: boolean, ifindex: number, allowAsSets: boolean): ParsingClass;
  /** The configuration changed: peers whose way of importing did are imported again. */
  configured(): void;
  /** All that the peer sent is imported again. */
  again(peer: PeerRuntime): void;
  /** Our addresses changed: all is imported again. */
  forget(): void;
  /** Next hops resolve through other interfaces, or interfaces have other names: policies that read them run again. */
  interfacesMoved(): void;
  removed(peer: PeerRuntime): void;
  trace(family: Family, row: PrefixRow, path: PathRow): readonly TraceStep[];
}

export function createImport(core: Core): Import {
  const { sets, ribs } = core;
  const importer = createImporter(sets, core.nextHops);
  const handles = new Map<PeerId, Record<Family, ImportHandle>>();
  const classes = new Map<string, ParsingClass>();
  /** By what alters attributes: path identifiers do not, so sets are shared with sessions without them. */
  const classIds = new Map<string, number>();
  /** Peers whose paths are to be imported again by the walk. */
  const dirty = new Set<PeerId>();
  const octets = new Uint8Array(16);

  const walk = createWalk(
    core.scheduler,
    "import again",
    PRIORITY.refresh,
    (family, cursor, rows) => ribs[family].walkPrefixes(cursor, rows, (row) => importPrefix(family, row)),
    () => dirty.clear(),
  );

  function importPrefix(family: Family, row: PrefixRow): void {
    const rib = ribs[family];
    rib.prefixes.writeAddress(row, octets, 0);
    const length = rib.prefixes.length(row);
    for (let path = rib.firstPath(row); path !== 0; path = rib.nextPath(path)) {
      const peer = rib.pathPeer(path);
      if (!dirty.has(peer)) continue;
      const handle = handles.get(peer)?.[family];
      if (!handle) continue;
      const result = importer.evaluate(handle, rib.pathSetIn(path), octets, 0, length);
      if (result === 0) continue;
      rib.setPathResult(path, result);
      if (result > 0) sets.release(result);
    }
  }

  function open(peer: PeerRuntime, family: Family): ImportHandle {
    const { config } = core;
    const external = isExternal(config, peer.config);
    return importer.open({
      peerName: peer.config.name,
      family,
      external,
      client: peer.config.routeReflectorClient,
      policy: peer.config.import === undefined ? undefined : core.policies.get(peer.config.import),
      routerAs: config.router.asn,
      localAs: localAsOf(config, peer.config),
      prependAs: receivedAs(config, peer.config),
      allowedOwnAs: peer.config.allowOwnAs,
      routerId: core.routerId,
      clusterId: clusterIdOf(config, peer.config, core.routerId),
      firstAs: external && peer.config.enforceFirstAs ? peer.config.asn : 0,
      gracefulShutdown: external && config.router.gracefulShutdown,
    });
  }

  function handleOf(peer: PeerRuntime, family: Family): ImportHandle {
    let pair = handles.get(peer.id);
    if (!pair) {
      pair = { ipv4: open(peer, "ipv4"), ipv6: open(peer, "ipv6") };
      handles.set(peer.id, pair);
    }
    return pair[family];
  }

  return {
    evaluate: (peer, set, family, bytes, at, length) =>
      importer.evaluate(handleOf(peer, family), set, bytes, at, length),
    readsPrefix: (peer, family) => handleOf(peer, family).readsPrefix,
    announced(family, bytes, at, length) {
      const row = ribs[family].prefixes.find(bytes, at, length);
      if (row >= walk.visited(family)) importPrefix(family, row);
    },
    get walking() {
      return walk.running;
    },
    parsingClass(negotiated, internal, ifindex, allowAsSets) {
      const { fourOctetAs } = negotiated;
      const scope = negotiated.ipv6 ? ifindex : 0;
      const key = `${internal}|${fourOctetAs}|${scope}|${allowAsSets}|${negotiated.longLived}`;
      const { addPath } = negotiated;
      const [addPathIpv4, addPathIpv6] = [addPath.ipv4.receive, addPath.ipv6.receive];
      const wholeKey = `${key}|${addPathIpv4}|${addPathIpv6}`;
      let known = classes.get(wholeKey);
      if (!known) {
        const id = classIds.get(key) ?? (classIds.size + 1) | (negotiated.longLived ? LONG_LIVED_CLASS : 0);
        classIds.set(key, id);
        known = { id, internal, fourOctetAs, allowAsSets, ifindex: scope, addPathIpv4, addPathIpv6 };
        classes.set(wholeKey, known);
      }
      return known;
    },
    configured() {
      for (const peer of core.peers.values()) {
        const old = handles.get(peer.id);
        if (!old) continue;
        const next = { ipv4: open(peer, "ipv4"), ipv6: open(peer, "ipv6") };
        if (FAMILIES.some((family) => next[family].key !== old[family].key)) dirty.add(peer.id);
        for (const family of FAMILIES) importer.close(old[family]);
        handles.set(peer.id, next);
      }
      if (dirty.size > 0) walk.request();
    },
    again(peer) {
      dirty.add(peer.id);
      walk.request();
    },
    forget() {
      importer.forget();
      for (const id of handles.keys()) dirty.add(id);
      if (dirty.size > 0) walk.request();
    },
    interfacesMoved() {
      let moved = false;
      for (const [id, pair] of handles)
        if (FAMILIES.some((family) => pair[family].readsInterface)) {
          dirty.add(id);
          moved = true;
        }
      if (moved) walk.request();
    },
    removed(peer) {
      const pair = handles.get(peer.id);
      handles.delete(peer.id);
      if (pair) for (const family of FAMILIES) importer.close(pair[family]);
    },
    trace(family, row, path) {
      const rib = ribs[family];
      const handle = rib.pathPeer(path) >= FIRST_PEER ? handles.get(rib.pathPeer(path))?.[family] : undefined;
      if (!handle) return [];
      rib.prefixes.writeAddress(row, octets, 0);
      return importer.trace(handle, rib.pathSetIn(path), octets, 0, rib.prefixes.length(row)).steps;
    },
  };
}

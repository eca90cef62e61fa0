/**
 * What each router should hold, worked out the slow way: the oracle's elimination for selection, and export to each peer
 * by itself with attributes as objects. Nothing here knows of update groups, memos or octets.
 */

import { formatExtendedCommunity } from "../../src/bgp/format.ts";
import type { AsSegment, AttributeEdits, PathAttributes } from "../../src/bgp/path-attributes.ts";
import type { PeerConfig } from "../../src/config/model.ts";
import type { PeerRuntime } from "../../src/daemon/peer.ts";
import { type Address, FAMILIES, type Family, formatAddress, octetsOf } from "../../src/ip/address.ts";
import { formatPrefix } from "../../src/ip/prefix.ts";
import type { PrefixRow } from "../../src/ip/prefix-table.ts";
import {
  formatExtendedWords,
  parseCommunity,
  parseExtendedCommunity,
  parseLargeCommunity,
} from "../../src/policy/community-text.ts";
import { explainOrder, explainSelection } from "../../src/rib/decision.ts";
import { FIRST_PEER } from "../../src/rib/types.ts";
import { addressOf, type SimRouter, type Simulation } from "./simulation.ts";
import { announcedAses, isExternal, type SimSession, sessionAddress, sessionOf } from "./topology.ts";

type Table = Map<string, string>;

/** What `to` should have received from `from`: prefix and path identifier to attributes in words. */
export function expectedIn(sim: Simulation, from: SimRouter, to: SimRouter): Table {
  const table: Table = new Map();
  const { core } = from.router;
  const peer = configured(from, to);
  const families = sessionOf(sim.topology, from.index, to.index).families ?? FAMILIES;
  if (peer.export === "default-only") {
    for (const family of families) {
      const route = originated(sim, from, to, family);
      if (route) table.set(...route);
    }
    return table;
  }
  for (const family of families)
    core.ribs[family].walkPrefixes(0, Number.MAX_SAFE_INTEGER, (row) => {
      const prefix = prefixText(from, family, row);
      for (const [path, id] of sentPaths(from, to, family, row)) {
        const exported = exportOf(sim, from, to, peer, family, row, path);
        if (exported) table.set(`${prefix} ${id}`, describe(exported));
      }
    });
  return table;
}

/** The default route that is originated always, or while there is one that does not come from the peer. */
function originated(sim: Simulation, from: SimRouter, to: SimRouter, family: Family): [string, string] | undefined {
  const { core } = from.router;
  const rib = core.ribs[family];
  const row = rib.prefixes.find(new Uint8Array(octetsOf(family)), 0, 0);
  if (configured(from, to).defaultOnly === "ifReachable") {
    const { best } = explainSelection(rib, row);
    if (best === 0 || rib.pathPeer(best) === peerOf(from, to)?.id) return undefined;
  }
  let path = rib.firstPathRow(row);
  while (path !== 0 && rib.pathId(path) !== 0xffff_ffff) path = rib.nextPathRow(path);
  const external = isExternal(sim.topology, from.index, to.index);
  const asns = external ? announcedAses(sim.topology, from.index, to.index) : [];
  const route = { hop: addressOf(family, from.index), path: asns.join(" "), pref: external ? "-" : "100" };
  const words = `hop ${formatAddress(route.hop)} path [${route.path}] origin 0 med - pref ${route.pref} com  orig - clusters `;
  return [`${prefixText(from, family, row)} ${sendsPaths(from, to) ? path : 0}`, words];
}

function sendsPaths(from: SimRouter, to: SimRouter): boolean {
  return configured(from, to).addPath.send !== "none" && configured(to, from).addPath.receive;
}

/** The paths of a prefix that may be sent, each with its identifier: several where both ends want that (RFC 7911). */
function sentPaths(from: SimRouter, to: SimRouter, family: Family, row: PrefixRow): [path: number, id: number][] {
  const rib = from.router.core.ribs[family];
  const { send } = configured(from, to).addPath;
  if (send === "none" || !sendsPaths(from, to)) {
    const { best } = explainSelection(rib, row);
    return best === 0 ? [] : [[best, 0]];
  }
  const order = explainOrder(rib, row);
  return (send === "all" ? order : order.slice(0, send)).map((path) => [path, path]);
}

function configured(one: SimRouter, other: SimRouter): PeerConfig {
  return peerOf(one, other)!.config;
}

/** What the router has of the other one: a peer of that name, or one of the range of that name. */
export function peerOf({ router }: SimRouter, { index }: SimRouter): PeerRuntime | undefined {
  return [...router.core.peers.values()].find(({ config, range }) => (range ?? config.name) === `r${index}`);
}

/** What `to` has in its Adj-RIB-In of `from`. */
export function actualIn(from: SimRouter, to: SimRouter): Table {
  const table: Table = new Map();
  const { core } = to.router;
  const peer = peerOf(to, from)!;
  for (const family of FAMILIES) {
    const rib = core.ribs[family];
    rib.walkPrefixes(0, Number.MAX_SAFE_INTEGER, (row) => {
      for (let path = rib.firstPath(row); path !== 0; path = rib.nextPath(path))
        if (rib.pathPeer(path) === peer.id)
          table.set(
            `${prefixText(to, family, row)} ${rib.pathId(path)}`,
            describe(core.sets.attributes(rib.pathSetIn(path))),
          );
    });
  }
  return table;
}

/** Of the words of a table, those of a route in whose path the router stands itself. */
export function cameBack(router: SimRouter, words: string): boolean {
  const path = /path \[([^\]]*)\]/.exec(words)![1]!;
  return path.split(/\D+/).includes(String(router.router.core.config.router.asn));
}

/** What the kernel should hold: best paths of static and BGP, with their gateways. */
export function expectedFib(router: SimRouter): Table {
  const table: Table = new Map();
  const { core } = router.router;
  for (const family of FAMILIES) {
    const rib = core.ribs[family];
    rib.walkPrefixes(0, Number.MAX_SAFE_INTEGER, (row) => {
      const { best } = explainSelection(rib, row);
      if (best === 0) return;
      const source = core.peerTable.facts(rib.pathPeer(best))!.source;
      if (source === "static") table.set(prefixText(router, family, row), "blackhole");
      if (source !== "bgp") return;
      const shared = new Int32Array(64);
      const count = rib.multipath(row, shared);
      const gateways = [...shared.subarray(0, count)].map((path) =>
        formatAddress(core.sets.attributes(rib.pathSetOut(path)).nextHop!),
      );
      table.set(prefixText(router, family, row), [...new Set(gateways)].sort().join(" "));
    });
  }
  return table;
}

export function actualFib(router: SimRouter): Table {
  const table: Table = new Map();
  for (const [prefix, forwarding] of router.fib) {
    const gateways = forwarding.hops.map((hop) => (hop.gateway ? formatAddress(hop.gateway) : "link"));
    table.set(prefix, forwarding.kind === "blackhole" ? "blackhole" : gateways.sort().join(" "));
  }
  return table;
}

function prefixText(router: SimRouter, family: Family, row: PrefixRow): string {
  const { prefixes } = router.router.core.ribs[family];
  const bytes = new Uint8Array(octetsOf(family));
  prefixes.writeAddress(row, bytes, 0);
  return formatPrefix({ family, bytes, length: prefixes.length(row) });
}

function exportOf(
  sim: Simulation,
  from: SimRouter,
  to: SimRouter,
  peer: PeerConfig,
  family: Family,
  row: PrefixRow,
  path: number,
): PathAttributes | undefined {
  const { core } = from.router;
  const session = sessionOf(sim.topology, from.index, to.index);
  const rib = core.ribs[family];
  const source = core.peerTable.facts(rib.pathPeer(path))!;
  if (source.id === peerOf(from, to)!.id) return undefined;
  const external = isExternal(sim.topology, from.index, to.index);
  const fromInternal = source.id >= FIRST_PEER && !source.external;
  if (!external && fromInternal && !source.client && !peer.routeReflectorClient) return undefined;

  const set = rib.pathSetOut(path);
  const received = core.sets.attributes(set);
  const before = external && source.id >= FIRST_PEER ? without(received, "med") : received;
  const policy = core.policies.get(peer.export ?? "accept")!;
  const bytes = new Uint8Array(octetsOf(family));
  rib.prefixes.writeAddress(row, bytes, 0);
  const verdict = policy.evaluate({
    family,
    prefixBytes: bytes,
    prefixAt: 0,
    prefixLength: rib.prefixes.length(row),
    source: source.source,
    fromPeer: source.id >= FIRST_PEER ? source.name : "",
    fromPeerType: source.id < FIRST_PEER ? undefined : source.external ? "ebgp" : source.client ? "client" : "ibgp",
    peerType: external ? "ebgp" : peer.routeReflectorClient ? "client" : "ibgp",
    interfaces: core.nextHops.interfaces(core.sets.nextHop(set)),
    attributes: received,
    preference: core.sets.preference(set),
    localPref: core.sets.localPref(set),
    metric: core.sets.metric(set),
  });
  if (!verdict.accepted) return undefined;
  const edited = applyEdits(before, verdict.edits ?? {}, core.config.router.asn);
  const nextHop = nextHopOf(session, from, family, source.id >= FIRST_PEER ? received.nextHop : undefined);
  // A peer's address of the other family is not known to its neighbour.
  if (formatAddress(nextHop) === sessionAddress(session, to.index)) return undefined;
  return external
    ? toExternal(edited, nextHop, announcedAses(sim.topology, from.index, to.index))
    : toInternal(edited, nextHop, fromInternal ? { id: source.bgpId >>> 0, cluster: core.routerId } : undefined);
}

/** All routers share one network, so a learned next hop is passed on to everybody, unless it is to be `from` itself. */
function nextHopOf(session: SimSession, from: SimRouter, family: Family, learned: Address | undefined): Address {
  if (session.nextHopSelf === from.index) return addressOf(family, from.index);
  return learned ?? addressOf(family, from.index);
}

function applyEdits(attributes: PathAttributes, edits: AttributeEdits, _asn: number): PathAttributes {
  let out = attributes;
  if (edits.med === null) out = without(out, "med");
  else if (edits.med !== undefined) out = { ...out, med: edits.med };
  if (edits.localPref !== undefined) out = { ...out, localPref: edits.localPref };
  out = {
    ...out,
    communities: listAfter(out.communities.map(halves), edits, "").map((text) => parseCommunity(text)!),
    largeCommunities: listAfter(largeTexts(out), edits, "Large").flatMap((text) => parseLargeCommunity(text)!),
    extendedCommunities: listAfter(extendedTexts(out), edits, "Extended").map((text) => octetsOfText(text)),
  };
  if (edits.prepend) out = { ...out, asPath: prepend(out.asPath, edits.prepend) };
  return out;
}

/** Communities as texts, with wildcards at the end of what is removed. */
function listAfter(had: readonly string[], edits: AttributeEdits, kind: "" | "Large" | "Extended"): string[] {
  const text = (item: number | readonly number[]) => {
    if (typeof item === "number") return halves(item);
    return item.length === 3 ? item.join(":") : formatExtendedWords(item as never);
  };
  const base = edits[`set${kind}Communities`]?.map(text) ?? had;
  const removed = (edits[`remove${kind}Communities`] ?? []).map((pattern) => pattern.text.replace("*", ""));
  const kept = base.filter((each) => !removed.some((start) => each.startsWith(start)));
  return [...new Set([...kept, ...(edits[`add${kind}Communities`] ?? []).map(text)])];
}

/** Never by name, which no wildcard would find. */
function halves(community: number): string {
  return `${community >>> 16}:${community & 0xffff}`;
}

function largeTexts({ largeCommunities: list }: PathAttributes): string[] {
  return list.flatMap((_, i) => (i % 3 === 0 ? list.slice(i, i + 3).join(":") : []));
}

function extendedTexts({ extendedCommunities }: PathAttributes): string[] {
  return extendedCommunities.map(formatExtendedCommunity);
}

function octetsOfText(text: string): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  for (const [i, word] of parseExtendedCommunity(text)!.entries()) view.setUint32(4 * i, word);
  return bytes;
}

function prepend(path: readonly AsSegment[], asns: readonly number[]): readonly AsSegment[] {
  const [first, ...rest] = path;
  if (first?.kind === "sequence") return [{ kind: "sequence", asns: [...asns, ...first.asns] }, ...rest];
  return [{ kind: "sequence", asns }, ...path];
}

function toExternal(attributes: PathAttributes, nextHop: Address, asns: readonly number[]): PathAttributes {
  const bare = without(without(attributes, "localPref"), "originatorId");
  return { ...bare, clusterList: [], asPath: prepend(attributes.asPath, asns), nextHop };
}

function toInternal(
  attributes: PathAttributes,
  nextHop: Address,
  reflected: { readonly id: number; readonly cluster: number } | undefined,
): PathAttributes {
  const out = { ...attributes, nextHop, localPref: attributes.localPref ?? 100 };
  if (!reflected) return out;
  return {
    ...out,
    originatorId: attributes.originatorId ?? reflected.id,
    clusterList: [reflected.cluster, ...attributes.clusterList],
  };
}

function without<K extends keyof PathAttributes>(attributes: PathAttributes, key: K): PathAttributes {
  const { [key]: _, ...rest } = attributes;
  return rest as PathAttributes;
}

function describe(a: PathAttributes): string {
  const path = a.asPath.map((s) => `${s.kind === "sequence" ? "" : s.kind}${s.asns.join(" ")}`).join("|");
  const hop = a.nextHop ? formatAddress(a.nextHop) : "-";
  const standard = [...a.communities].sort((x, y) => x - y);
  const communities = [...standard, ...largeTexts(a).sort(), ...extendedTexts(a).sort()].join(",");
  return `hop ${hop} path [${path}] origin ${a.origin} med ${a.med ?? "-"} pref ${a.localPref ?? "-"} com ${communities} orig ${a.originatorId ?? "-"} clusters ${a.clusterList.join(",")}`;
}

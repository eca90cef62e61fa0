/**
 * Beside a BIRD that runs: the configuration compiled for this node is tried on a copy of our router that is given what
 * BIRD was told, and what the copy announces and would write is compared with what BIRD does. Nothing is changed.
 */
import { encodeAttributes } from "../../bgp/path-attributes.ts";
import type { Config, PeerConfig } from "../../config/model.ts";
import { isInternal } from "../../config/own-as.ts";
import type { AnnouncedBrief, AnnouncedMove, KernelMove, Moves, PeerMoves } from "../../control/preview-answer.ts";
import type { ShadowAnswer, ShadowPeer } from "../../control/shadow-answer.ts";
import { IPV6_DEFAULT_METRIC, RT_TABLE_MAIN } from "../../fib/rtnetlink.ts";
import { FAMILIES, type Family, formatAddress } from "../../ip/address.ts";
import { formatPrefix } from "../../ip/prefix.ts";
import { formatRow } from "../answer-paths.ts";
import { forwardingText } from "../forwarding-text.ts";
import { announcedBrief, takeSnapshot } from "../preview-snapshot.ts";
import { createReplica, type Replica } from "../replica.ts";
import type { BirdPeer, BirdRoute } from "./bird-reading.ts";
import { type Birds, type KernelSnapshot, ourPeer, shadowPages, shadowState } from "./shadow-state.ts";

/** `limit`: rows told of each list. */
export function compareWithBird(config: Config, birds: Birds, kernel: KernelSnapshot, limit: number): ShadowAnswer {
  const replica = createReplica(shadowState(config, birds, kernel), config, () => false);
  for (const page of shadowPages(config, birds, kernel)) replica.take(page);
  replica.complete();
  const unseen: string[] = [];
  const exports = exportsOf(replica, config, birds, limit, unseen);
  const routes = kernelMoves(replica, birds, kernel, limit);
  const peers = peersOf(config, birds);
  return {
    same: peers.length === 0 && routes.moves.count === 0 && exports.moves.length === 0,
    peers,
    exports: exports.moves,
    kernel: routes.moves,
    unseen,
    compared: {
      peers: config.peers.filter(({ families }) => families.some((family) => birds[family])).length,
      announcements: exports.compared,
      kernelRoutes: routes.compared,
    },
  };
}

function peersOf(config: Config, birds: Birds): ShadowPeer[] {
  const found: ShadowPeer[] = [];
  for (const family of FAMILIES) {
    const bird = birds[family];
    if (!bird) continue;
    const matched = new Set<string>();
    for (const peer of bird.peers) {
      const ours = ourPeer(config, peer);
      if (ours) matched.add(ours.name);
      const text = ours
        ? differences(config, peer, ours)
        : `${peer.address}, AS ${peer.asn}: we would have no such session`;
      if (text !== "") found.push({ name: peer.name, difference: ours ? "differs" : "missing", text });
    }
    for (const { name, address, asn, families } of config.peers)
      if (families.includes(family) && !matched.has(name))
        found.push({
          name,
          difference: "extra",
          text: `${formatAddress(address)}, AS ${asn}: BIRD has no such session`,
        });
  }
  return found;
}

function differences(config: Config, bird: BirdPeer, ours: PeerConfig): string {
  const rows: readonly (readonly [string, string, string])[] = [
    ["name", bird.name, ours.name],
    ["address", bird.address, formatAddress(ours.address)],
    ["AS", String(bird.asn), String(ours.asn)],
    ...(bird.established ? establishedRows(config, bird, ours) : []),
  ];
  const parts = rows.flatMap(([what, theirs, own]) => (theirs === own ? [] : `${what} ${theirs} -> ${own}`));
  if (ours.disabled) parts.push(`held down: ${ours.disabledReason ?? "disabled"}`);
  return parts.join(", ");
}

/** BIRD tells these of Established sessions only. */
function establishedRows(config: Config, bird: BirdPeer, ours: PeerConfig): (readonly [string, string, string])[] {
  const yes = (value: boolean) => (value ? "yes" : "no");
  const client = ours.routeReflectorClient && isInternal(config.router, ours);
  return [
    ["reflector client", yes(bird.reflectorClient), yes(client)],
    ...(bird.localAddress !== undefined && ours.localAddress
      ? [["source address", bird.localAddress, formatAddress(ours.localAddress)] as const]
      : []),
  ];
}

function exportsOf(
  replica: Replica,
  config: Config,
  birds: Birds,
  limit: number,
  unseen: string[],
): { readonly moves: PeerMoves[]; readonly compared: number } {
  const snapshot = takeSnapshot(replica);
  const moves: PeerMoves[] = [];
  let compared = 0;
  for (const family of FAMILIES)
    for (const peer of birds[family]?.peers ?? []) {
      const ours = ourPeer(config, peer);
      if (!ours) continue;
      const theirs = birds[family]!.exports.get(peer.name);
      const heard = snapshot.heard.get(ours.name);
      if (!theirs || !heard) {
        unseen.push(`${peer.name}: ${whyUnseen(replica, peer, ours)}`);
        continue;
      }
      const announced = new Map<string, AnnouncedBrief[]>();
      for (const [at, id] of heard.table.entries())
        if (id !== 0) push(announced, replica.hearing.prefix(at), announcedBrief(replica.hearing.attributes(id)));
      compared += theirs.length;
      const move = compareAnnounced(ours.name, birdAnnounces(config, ours, theirs), announced, limit);
      if (move.added + move.removed + move.changed > 0) moves.push(move);
    }
  return { moves, compared };
}

function whyUnseen(replica: Replica, bird: BirdPeer, ours: PeerConfig): string {
  if (!bird.established) return `its session is ${bird.state}, so there is nothing to compare`;
  if (ours.disabled) return `we would hold it down: ${ours.disabledReason ?? "disabled"}`;
  const failure = replica.router.core.peers.get(ours.name)?.session.lastFailure?.reason.text;
  return `our session would not come up${failure === undefined ? "" : `: ${failure}`}`;
}

/** What BIRD tells a peer, by prefix. LOCAL_PREF goes to internal peers only, though BIRD shows it for all. */
function birdAnnounces(config: Config, ours: PeerConfig, routes: readonly BirdRoute[]): Map<string, AnnouncedBrief[]> {
  const announced = new Map<string, AnnouncedBrief[]>();
  const internal = isInternal(config.router, ours);
  for (const { prefix, attributes } of routes) {
    if (!attributes) continue;
    const { localPref: _, ...external } = attributes;
    push(announced, prefix, announcedBrief(encodeAttributes(internal ? attributes : external)));
  }
  return announced;
}

function compareAnnounced(
  peer: string,
  theirs: ReadonlyMap<string, AnnouncedBrief[]>,
  ours: ReadonlyMap<string, AnnouncedBrief[]>,
  limit: number,
): PeerMoves {
  const rows: AnnouncedMove[] = [];
  const counts = { added: 0, removed: 0, changed: 0 };
  for (const prefix of [...new Set([...theirs.keys(), ...ours.keys()])].sort()) {
    const was = [...(theirs.get(prefix) ?? [])];
    const is = (ours.get(prefix) ?? []).filter((brief) => !removeEqual(was, brief));
    for (let i = 0; i < Math.max(was.length, is.length); i++) {
      const [before, after] = [was[i] ?? null, is[i] ?? null];
      counts[before === null ? "added" : after === null ? "removed" : "changed"]++;
      if (rows.length < limit) rows.push({ prefix, before, after });
    }
  }
  return { peer, ...counts, rows };
}

function removeEqual(list: AnnouncedBrief[], brief: AnnouncedBrief): boolean {
  const key = keyOf(brief);
  const at = list.findIndex((other) => keyOf(other) === key);
  if (at >= 0) list.splice(at, 1);
  return at >= 0;
}

/** Communities are sets: their order says nothing. No MED counts as 0 (RFC 4271 §9.1.2.2), which BIRD writes out. */
function keyOf({ communities, largeCommunities, med, ...rest }: AnnouncedBrief): string {
  return JSON.stringify({
    ...rest,
    med: med ?? 0,
    communities: [...communities].sort(),
    largeCommunities: [...largeCommunities].sort(),
  });
}

function kernelMoves(
  replica: Replica,
  birds: Birds,
  kernel: KernelSnapshot,
  limit: number,
): { readonly moves: Moves<KernelMove>; readonly compared: number } {
  const { core, parts } = replica.router;
  const rows: KernelMove[] = [];
  let [count, compared] = [0, 0];
  for (const family of FAMILIES) {
    if (!birds[family]) continue;
    const wished = new Map<string, string>();
    const { prefixes } = core.ribs[family];
    for (let row = 0; row < prefixes.highWater; row++) {
      const wish = prefixes.isLive(row) ? parts.forwarding.judge(family, row) : "";
      if (typeof wish !== "string") wished.set(formatRow(core, family, row), forwardingText(core.interfaces, wish));
    }
    const there = new Map(
      kernel.own
        .filter(({ prefix, kind }) => prefix.family === family && kind !== "other")
        .map(({ prefix, kind, hops, metric }) => {
          const way = kind === "blackhole" ? [] : hops;
          const told = {
            kind: kind === "blackhole" ? kind : "unicast",
            hops: way,
            metric,
            table: RT_TABLE_MAIN,
          } as const;
          return [formatPrefix(prefix), forwardingText(core.interfaces, told)] as const;
        }),
    );
    compared += there.size;
    for (const prefix of [...new Set([...there.keys(), ...wished.keys()])].sort()) {
      const [before, after] = [there.get(prefix) ?? null, wished.get(prefix) ?? null];
      if (before === after || (before !== null && withDefault(family, before) === withDefault(family, after))) continue;
      count++;
      if (rows.length < limit) rows.push({ prefix, before, after });
    }
  }
  return { moves: { count, rows }, compared };
}

/** A route of IPv6 without a metric gets the kernel's default. */
function withDefault(family: Family, text: string | null): string | null {
  if (text === null || family === "ipv4" || text.includes(" metric ")) return text;
  return `${text} metric ${IPV6_DEFAULT_METRIC}`;
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

/** The router as plain values, for a copy of it in another process (control/running-state.ts). */
import { encodeOpen } from "../bgp/open.ts";
import { formatHex } from "../bgp/text.ts";
import { formatConfig } from "../config/format.ts";
import type { DynamicPeersConfig } from "../config/model.ts";
import {
  type PlainEndpoint,
  passwordDigest,
  plainKernelAddress,
  plainKernelRoute,
  type RunningPath,
  type RunningSession,
  type RunningSlice,
  type RunningState,
} from "../control/running-state.ts";
import { FAMILIES, type Family, formatAddress } from "../ip/address.ts";
import { FIRST_PEER } from "../rib/types.ts";
import { formatRow } from "./answer-paths.ts";
import type { Core } from "./core.ts";
import type { PeerRuntime } from "./peer.ts";
import type { Endpoint } from "./ports.ts";
import type { Router } from "./router.ts";

export function runningState({ core, parts: { recovery } }: Router): RunningState {
  const nowMs = core.clock.nowMs();
  const sessions = [...core.peers.values()].flatMap((peer) => sessionOf(peer, nowMs));
  return {
    version: core.version,
    routerId: core.routerId,
    config: printedConfig(core),
    links: core.interfaces.links(),
    addresses: core.interfaces.addresses().map(plainKernelAddress),
    sessions,
    recovering: FAMILIES.some((family) => recovery.isDeferred(family) || recovery.isHeld(family)),
    draining: core.drain !== undefined,
  };
}

/** The running configuration with digests in place of passwords. */
function printedConfig(core: Core): RunningState["config"] {
  const salt = formatHex(Uint8Array.from({ length: 16 }, () => Math.floor(core.random() * 256)));
  const secrets: Record<string, string> = {};
  const hidden = <T extends DynamicPeersConfig["template"]>(peer: T): T => {
    if (peer.password === undefined) return peer;
    const digest = passwordDigest(core.sha256, salt, peer.password);
    if (peer.passwordFile !== undefined) secrets[peer.passwordFile] = digest;
    return { ...peer, password: digest };
  };
  const { peers, dynamicPeers, ...rest } = core.config;
  const text = formatConfig(
    {
      ...rest,
      peers: peers.map(hidden),
      dynamicPeers: dynamicPeers.map((entry) => ({ ...entry, template: hidden(entry.template) })),
    },
    { secrets: "show" },
  );
  return { text, secrets, salt };
}

/** A session that there is, or whose routes are kept while the peer restarts. */
function sessionOf(peer: PeerRuntime, nowMs: number): RunningSession[] {
  const { config, active, lastSession, endOfRib, stale, longLived } = peer;
  const kept = [stale, longLived.ipv4, longLived.ipv6].flatMap((state) => state?.sinceMs ?? []);
  if (!lastSession || (!active && kept.length === 0)) return [];
  const { local, remote, open, bare } = lastSession;
  return [
    {
      peer: config.name,
      local: plainEndpoint(local),
      remote: plainEndpoint(remote),
      open: formatHex(encodeOpen(open)),
      bare,
      endOfRib: FAMILIES.filter((family) => endOfRib[family].received),
      lostMs: active ? null : nowMs - Math.min(...kept),
    },
  ];
}

function plainEndpoint({ address, port }: Endpoint): PlainEndpoint {
  return { address: formatAddress(address), port };
}

/** Paths in one slice, about: a prefix is never divided. About a millisecond. */
const PATHS_PER_SLICE = 512;
/** Rows looked at in one slice. */
const ROWS_PER_SLICE = 20_000;

/** Paths of peers from the row on. */
export function runningPaths(core: Core, family: Family, cursor: number): RunningSlice {
  const rib = core.ribs[family];
  const sets: Record<number, string> = {};
  const paths: RunningPath[] = [];
  let row = cursor;
  for (let looked = 0; row < rib.prefixes.highWater; row++, looked++) {
    if (paths.length >= PATHS_PER_SLICE || looked >= ROWS_PER_SLICE) break;
    if (!rib.prefixes.isLive(row)) continue;
    const prefix = formatRow(core, family, row);
    for (let path = rib.firstPath(row); path !== 0; path = rib.nextPath(path)) {
      const owner = rib.pathPeer(path);
      if (owner < FIRST_PEER) continue;
      const set = rib.pathSetIn(path);
      sets[set] ??= formatHex(
        core.sets.arena().subarray(core.sets.offset(set), core.sets.offset(set) + core.sets.octets(set)),
      );
      paths.push([prefix, core.peerTable.facts(owner)!.name, rib.pathId(path), set]);
    }
  }
  return { page: { family, sets, paths }, next: row < rib.prefixes.highWater ? row : -1 };
}

/** Kernel routes of other protocols from the row on. */
export function runningKernelRoutes(core: Core, family: Family, cursor: number): RunningSlice {
  const { routes, next } = core.nextHops.kernelRoutes(family, cursor, PATHS_PER_SLICE);
  return { page: { kernel: routes.map(plainKernelRoute) }, next };
}

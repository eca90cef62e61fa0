/** What a running BIRD knows, as the state of a daemon of ours: a replica built from it decides as we would. */
import { AS_TRANS } from "../../bgp/iana.ts";
import { encodeOpen } from "../../bgp/open.ts";
import { encodeAttributes } from "../../bgp/path-attributes.ts";
import { formatHex } from "../../bgp/text.ts";
import type { Config, PeerConfig } from "../../config/model.ts";
import { isInternal } from "../../config/own-as.ts";
import {
  plainKernelAddress,
  plainKernelRoute,
  type RunningPage,
  type RunningPath,
  type RunningSession,
  type RunningState,
} from "../../control/running-state.ts";
import type { KernelAddress, KernelLink, KernelRoute } from "../../fib/fib.ts";
import { type Family, formatAddress, parseQuad } from "../../ip/address.ts";
import type { BirdPeer, BirdRoute, BirdStatus } from "./bird-reading.ts";

/** One BIRD process: it has one family. */
export interface BirdSnapshot {
  readonly status: BirdStatus;
  readonly peers: readonly BirdPeer[];
  readonly routes: readonly BirdRoute[];
  /** By peer, of those that are Established. */
  readonly exports: ReadonlyMap<string, readonly BirdRoute[]>;
}

export type Birds = { readonly [F in Family]?: BirdSnapshot };

export interface KernelSnapshot {
  readonly links: readonly KernelLink[];
  readonly addresses: readonly KernelAddress[];
  /** Of every protocol but `bird`. */
  readonly foreign: readonly KernelRoute[];
  /** Of protocol `bird`. */
  readonly own: readonly KernelRoute[];
}

/** What a peer that BIRD has stands for in our configuration: the same name, else the same address. */
export function ourPeer(config: Config, bird: BirdPeer): PeerConfig | undefined {
  return (
    config.peers.find(({ name }) => name === bird.name) ??
    config.peers.find(({ address }) => formatAddress(address) === bird.address)
  );
}

export function shadowState(config: Config, birds: Birds, kernel: KernelSnapshot): RunningState {
  const [first] = Object.values(birds);
  return {
    version: `BIRD ${first?.status.version ?? ""}`,
    routerId: config.router.id ?? parseQuad(first?.status.routerId ?? "") ?? 0,
    config: { text: "", secrets: {}, salt: "" },
    links: kernel.links,
    addresses: kernel.addresses.map(plainKernelAddress),
    sessions: familiesOf(birds).flatMap(([family, bird]) =>
      bird.peers.flatMap((peer) => sessionOf(config, family, peer) ?? []),
    ),
    recovering: false,
    draining: false,
  };
}

/** The kernel's routes, then what BIRD's peers told it. */
export function shadowPages(config: Config, birds: Birds, kernel: KernelSnapshot): RunningPage[] {
  return [
    { kernel: kernel.foreign.map(plainKernelRoute) },
    ...familiesOf(birds).map(([family, bird]) => pathsOf(config, family, bird)),
  ];
}

function familiesOf(birds: Birds): [Family, BirdSnapshot][] {
  return (["ipv4", "ipv6"] as const).flatMap((family): [Family, BirdSnapshot][] => {
    const bird = birds[family];
    return bird ? [[family, bird]] : [];
  });
}

/** The peer as BIRD sees it: what it offered stands in BIRD's words. */
function sessionOf(config: Config, family: Family, bird: BirdPeer): RunningSession | undefined {
  const peer = ourPeer(config, bird);
  if (!peer || !bird.established) return undefined;
  const has = (word: string) => bird.capabilities.includes(word);
  const open = encodeOpen({
    version: 4,
    asn: bird.asn > 0xffff ? AS_TRANS : bird.asn,
    holdSeconds: 240,
    identifier: parseQuad(bird.identifier ?? "") ?? 1,
    capabilities: {
      families: [family],
      routeRefresh: has("refresh"),
      enhancedRouteRefresh: has("enhanced-refresh"),
      extendedMessage: false,
      ...(has("AS4") && { fourOctetAs: bird.asn }),
      addPath: addPathOf(family, has("add-path-rx"), has("add-path-tx")),
    },
  });
  return {
    peer: peer.name,
    local: { address: bird.localAddress ?? formatAddress(peer.localAddress ?? peer.address), port: 179 },
    remote: { address: formatAddress(peer.address), port: peer.port },
    open: formatHex(open),
    bare: false,
    endOfRib: [family],
    lostMs: null,
  };
}

function addPathOf(family: Family, receives: boolean, sends: boolean) {
  if (!receives && !sends) return [];
  return [{ family, mode: receives && sends ? "both" : receives ? "receive" : "send" } as const];
}

/** A route of a peer whose path has been filtered is not in BIRD's table, hence not here. */
function pathsOf(config: Config, family: Family, bird: BirdSnapshot): RunningPage {
  const peers = new Map(
    bird.peers.flatMap((peer) => {
      const ours = ourPeer(config, peer);
      return ours && peer.established ? [[peer.name, ours] as const] : [];
    }),
  );
  const sets: Record<number, string> = {};
  const numbers = new Map<string, number>();
  const seen = new Map<string, number>();
  const paths: RunningPath[] = [];
  for (const { prefix, protocol, attributes } of bird.routes) {
    const peer = peers.get(protocol);
    if (!peer || !attributes) continue;
    // What came without a LOCAL_PREF has BIRD's own in its table.
    const { localPref: _, ...external } = attributes;
    const octets = formatHex(encodeAttributes(isInternal(config.router, peer) ? attributes : external));
    const set = numbers.get(octets) ?? numbers.size + 1;
    numbers.set(octets, set);
    sets[set] = octets;
    const key = `${prefix} ${peer.name}`;
    const pathId = (seen.get(key) ?? 0) + 1;
    seen.set(key, pathId);
    paths.push([prefix, peer.name, pathId, set]);
  }
  return { family, sets, paths };
}

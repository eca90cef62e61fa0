/** What a node is to do, apart from policies: the same form for BIRD's configuration and for ours, to be compared. */

import type { Config, PeerConfig } from "../../../src/config/model.ts";
import { isInternal, ownAs } from "../../../src/config/own-as.ts";
import { type Family, formatAddress, formatQuad } from "../../../src/ip/address.ts";
import { formatPrefix } from "../../../src/ip/prefix.ts";
import type { BirdConfig, BirdPeer } from "./bird-config.ts";

/** BIRD 1.6's, which the files leave as they are. */
const HOLD_SECONDS = 240;
const RESTART_SECONDS = 120;
const PORT = 179;

export interface PeerDescription {
  readonly address: string;
  readonly port: number;
  readonly asn: number;
  /** The AS that we are on the session, which stands alone for ours. */
  readonly localAs: string;
  readonly sourceAddress: string | undefined;
  readonly passive: boolean;
  readonly password: string | undefined;
  readonly reflectorClient: boolean;
  /** Of the routes that are reflected to the client. */
  readonly clusterId: string | undefined;
  /** `gateway` is what BIRD 1.6 does of itself. */
  readonly nextHop: PeerConfig["nextHop"];
  /** `2 hops, guarded`: with GTSM; `far`: more than one hop, without. */
  readonly distance: string;
  readonly restart: string;
  readonly addPath: boolean;
  readonly allowOwnAs: number;
  /** Seconds: hold, keepalive where it is not a third of that, delay of the first connection, retry, least and most rest. */
  readonly timers: readonly (number | undefined)[];
  readonly held: boolean;
}

export interface NodeDescription {
  readonly routerId: string;
  /** By family, where BGP is spoken. */
  readonly asn: Readonly<Record<string, number>>;
  /** Addresses, and `any`, with their ports. */
  readonly listen: Readonly<Record<string, string>>;
  readonly log: string;
  readonly interfacesLeftOut: readonly string[];
  readonly kernel: Readonly<Record<string, boolean>>;
  readonly statics: readonly string[];
  readonly peers: Readonly<Record<string, PeerDescription>>;
}

export function describeBird(byFamily: Readonly<Record<Family, BirdConfig>>): NodeDescription {
  const both = [byFamily.ipv4, byFamily.ipv6];
  const spoken = Object.entries(byFamily).filter(([, { bgp }]) => bgp !== undefined);
  return {
    routerId: same(both.map(({ routerId }) => routerId)),
    asn: Object.fromEntries(spoken.map(([family, { bgp }]) => [family, bgp!.localAs])),
    listen: Object.fromEntries(
      spoken.map(([family, { listen }]) => [family, `${listen?.address ?? "any"} port ${listen?.port ?? PORT}`]),
    ),
    log: same(
      both.map(({ device }) => (device.debug.includes("all") ? "debug" : device.debug.length > 0 ? "info" : "less")),
    ),
    interfacesLeftOut: same(both.map(({ direct }) => direct.except.toSorted())),
    kernel: same(
      both.map(({ kernel: { learn, persist, mergePaths } }) => ({
        program: true,
        learn,
        persist,
        multipath: mergePaths,
      })),
    ),
    statics: both
      .flatMap((config) =>
        config.static.map(({ prefix, via }) => `${prefix} ${via === undefined ? "blackhole" : `via ${via}`}`),
      )
      .toSorted(),
    peers: Object.fromEntries(
      both.flatMap(({ peers }) => peers.map((peer) => [peer.name, describeBirdPeer(peer)] as const)),
    ),
  };
}

/** The two daemons of a node agree in this. */
function same<T>(values: readonly T[]): T {
  const [first, ...others] = values;
  for (const each of others)
    if (JSON.stringify(each) !== JSON.stringify(first)) throw new Error(`${JSON.stringify(values)} in two families`);
  return first!;
}

function describeBirdPeer(peer: BirdPeer): PeerDescription {
  return {
    address: peer.address,
    port: peer.port ?? PORT,
    asn: peer.asn,
    localAs: `${peer.localAs} alone`,
    sourceAddress: peer.sourceAddress,
    passive: peer.passive,
    password: peer.password,
    reflectorClient: peer.reflectorClient,
    clusterId: peer.clusterId,
    nextHop: peer.nextHop ?? "gateway",
    distance: peer.ttlSecurity ? `${peer.multihop} hops, guarded` : peer.multihop ? "far" : "near",
    restart: `${peer.gracefulRestart ? "on" : "aware"} ${peer.restartTime ?? RESTART_SECONDS} s, long-lived aware`,
    addPath: peer.addPaths,
    allowOwnAs: peer.allowLocalAs,
    timers: [HOLD_SECONDS, peer.keepaliveTime, peer.connectDelay, peer.connectRetry, ...peer.errorWait],
    held: false,
  };
}

export function describeConfig(config: Config): NodeDescription {
  const { router, kernel, log, direct } = config;
  const families = (["ipv4", "ipv6"] as const).filter((family) => listensIn(config, family));
  return {
    routerId: router.id === undefined ? "none" : formatQuad(router.id),
    asn: Object.fromEntries(families.map((family) => [family, router.asn])),
    listen: Object.fromEntries(families.map((family) => [family, listenText(config, family)])),
    log: log.level ?? "none",
    interfacesLeftOut: direct.except.toSorted(),
    kernel: {
      program: kernel.program,
      learn: kernel.learn,
      persist: kernel.keepOnExit,
      multipath: kernel.multipath > 1,
    },
    statics: config.static
      .map(({ prefix, via, blackhole }) => {
        const gateways = via.map(({ gateway }) => (gateway ? formatAddress(gateway) : "?")).join(", ");
        return `${formatPrefix(prefix)} ${blackhole ? "blackhole" : `via ${gateways}`}`;
      })
      .toSorted(),
    peers: Object.fromEntries(config.peers.map((peer) => [peer.name, describePeer(config, peer)])),
  };
}

function listensIn({ router }: Config, family: Family): boolean {
  return router.listen.some(({ address }) => address.family === family);
}

function listenText({ router }: Config, family: Family): string {
  return router.listen
    .filter(({ address }) => address.family === family)
    .map(
      ({ address, port }) =>
        `${address.bytes.every((octet) => octet === 0) ? "any" : formatAddress(address)} port ${port}`,
    )
    .join(", ");
}

function describePeer({ router }: Config, peer: PeerConfig): PeerDescription {
  const { timers, gracefulRestart, addPath } = peer;
  const seconds = (ms: number | undefined) => (ms === undefined ? undefined : ms / 1000);
  const clusterId = peer.clusterId ?? router.clusterId;
  return {
    address: formatAddress(peer.address),
    port: peer.port,
    asn: peer.asn,
    localAs: `${ownAs(router, peer)} ${standsAlone(router, peer) ? "alone" : "beside the router's"}`,
    sourceAddress: peer.localAddress && formatAddress(peer.localAddress),
    passive: peer.passive,
    password: peer.password,
    reflectorClient: peer.routeReflectorClient,
    clusterId: peer.routeReflectorClient && clusterId !== undefined ? formatQuad(clusterId) : undefined,
    nextHop: peer.nextHop,
    distance: peer.ttlSecurity !== undefined ? `${peer.ttlSecurity} hops, guarded` : peer.multihop ? "far" : "near",
    restart: `${gracefulRestart.mode} ${gracefulRestart.restartTimeMs / 1000} s, long-lived ${gracefulRestart.longLived}`,
    addPath: addPath.receive && addPath.send === "all",
    allowOwnAs: peer.allowOwnAs,
    timers: [
      ...[seconds(timers.holdMs), seconds(timers.keepaliveMs), seconds(timers.connectDelayMs)],
      ...[seconds(timers.connectRetryMs), seconds(timers.idleHoldMinMs), seconds(timers.idleHoldMaxMs)],
    ],
    held: peer.disabled,
  };
}

/** The router's own AS is in no path of the session. */
function standsAlone(router: Config["router"], peer: PeerConfig): boolean {
  if (peer.localAs === undefined || peer.localAs.asn === router.asn) return true;
  if (isInternal(router, peer)) return true;
  return peer.localAs.noPrepend && peer.localAs.replaceAs;
}

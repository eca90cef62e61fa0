/** From configuration to what the parts of the router are given. Pure functions of a configuration. */
import type { Capabilities } from "../bgp/open.ts";
import type { SessionSettings } from "../bgp/session/types.ts";
import { type Caller, callersOf, mayReach } from "../config/callers.ts";
import type { Config, PeerConfig } from "../config/model.ts";
import { isInternal, ownAs } from "../config/own-as.ts";
import { type Address, isLinkLocal } from "../ip/address.ts";
import type { ConnectSpec, ListenerKey, ListenSpec } from "./ports.ts";

/** The AS that we are on the session: the router's, or one of its own (RFC 7705). */
export function localAsOf(config: Config, peer: PeerConfig): number {
  return ownAs(config.router, peer);
}

/** eBGP or iBGP goes by the AS that we are on the session. */
export function isExternal(config: Config, peer: PeerConfig): boolean {
  return !isInternal(config.router, peer);
}

/** What we put in front of AS_PATH towards an external peer: `localAs`, then `innerAs` unless it is 0 (RFC 7705 §3.2). */
export function announcedAses(
  config: Config,
  peer: PeerConfig,
): { readonly localAs: number; readonly innerAs: number } {
  const { asn } = config.router;
  const localAs = localAsOf(config, peer);
  const both = localAs !== asn && isExternal(config, peer) && peer.localAs?.replaceAs === false;
  return { localAs, innerAs: both ? asn : 0 };
}

/** What is put in front of the AS_PATH of routes received from an external peer; 0: nothing (RFC 7705 §3.2). */
export function receivedAs(config: Config, peer: PeerConfig): number {
  const localAs = localAsOf(config, peer);
  return localAs !== config.router.asn && isExternal(config, peer) && peer.localAs?.noPrepend === false ? localAs : 0;
}

/** F and R are for the moment in which the OPEN is sent to say. With an empty list we only keep the peer's routes. */
function gracefulRestartOf({ families, gracefulRestart }: PeerConfig): Pick<Capabilities, "gracefulRestart"> {
  const { mode, notification, restartTimeMs } = gracefulRestart;
  if (mode === "off") return {};
  return {
    gracefulRestart: {
      restarting: false,
      notification,
      timeSeconds: mode === "on" ? Math.round(restartTimeMs / 1000) : 0,
      families: mode === "on" ? families.map((family) => ({ family, forwarding: false })) : [],
    },
  };
}

/** RFC 9494 §3.1. With an empty list we only keep the peer's routes, and know LLGR_STALE. */
function longLivedOf({ families, gracefulRestart }: PeerConfig): Pick<Capabilities, "longLived"> {
  const { mode, longLived, longLivedStaleTimeMs } = gracefulRestart;
  if (mode === "off" || longLived === "off") return {};
  const timeSeconds = Math.round(longLivedStaleTimeMs / 1000);
  const asked = longLived === "on" ? families : [];
  return { longLived: { families: asked.map((family) => ({ family, forwarding: false, timeSeconds })) } };
}

function capabilitiesOf(config: Config, peer: PeerConfig): Capabilities {
  const { fourOctetAs, routeRefresh, enhancedRouteRefresh, extendedMessage } = peer.capabilities;
  return {
    families: peer.families,
    routeRefresh,
    enhancedRouteRefresh: routeRefresh && enhancedRouteRefresh,
    extendedMessage,
    ...gracefulRestartOf(peer),
    ...longLivedOf(peer),
    ...(fourOctetAs ? { fourOctetAs: localAsOf(config, peer) } : {}),
    addPath: addPathModes(peer),
  };
}

/** RFC 7911 §4, the same for each family of the session. */
function addPathModes({ addPath, families }: PeerConfig): Capabilities["addPath"] {
  const sends = addPath.send !== "none";
  if (!addPath.receive && !sends) return [];
  const mode = addPath.receive ? (sends ? "both" : "receive") : "send";
  return families.map((family) => ({ family, mode }));
}

export function sessionSettings(config: Config, peer: PeerConfig, routerId: number): SessionSettings {
  const { timers } = peer;
  return {
    localAs: localAsOf(config, peer),
    remoteAs: peer.asn,
    internal: !isExternal(config, peer),
    localId: routerId,
    capabilities: capabilitiesOf(config, peer),
    holdMs: timers.holdMs,
    ...(timers.keepaliveMs === undefined ? {} : { keepaliveMs: timers.keepaliveMs }),
    // 1 and 2 s are refused anyway; 0, no keepalives, is for the peer to choose (RFC 4271 §4.2, as BIRD and FRR do).
    minHoldMs: 0,
    connectRetryMs: timers.connectRetryMs,
    connectDelayMs: timers.connectDelayMs,
    delayOpenMs: timers.delayOpenMs,
    passive: peer.passive,
    idleHold: { minMs: timers.idleHoldMinMs, maxMs: timers.idleHoldMaxMs },
    sendHoldMs: timers.sendHoldMs,
  };
}

/**
 * Listening sockets with the MD5 keys of all who may connect to them. Where all of them use GTSM, the listener refuses
 * what comes from farther than the farthest of them, the handshake included.
 */
export function listeners(config: Config): ListenSpec[] {
  const all = callersOf(config).filter((caller) => !caller.disabled);
  return config.router.listen.map((listen) => {
    const mine = all.filter((caller) => mayReach(listen, caller));
    const keys = mine.flatMap((caller): ListenerKey[] =>
      caller.password === undefined ? [] : [keyOf(caller, caller.password)],
    );
    const hops = mine.map(({ ttlSecurity }) => ttlSecurity ?? 255);
    const farthest = Math.max(...hops);
    return {
      local: { address: listen.address, port: listen.port },
      ...(listen.interface === undefined ? {} : { interface: listen.interface }),
      keys,
      ...(mine.length > 0 && farthest < 255 ? { minTtl: leastTtl(farthest) } : {}),
    };
  });
}

function keyOf({ remote, prefixLength, interface: device }: Caller, md5Key: string): ListenerKey {
  return {
    remote,
    ...(prefixLength === undefined ? {} : { prefixLength }),
    ...(device === undefined ? {} : { interface: device }),
    md5Key,
  };
}

/** RFC 5082 §3: sent with 255, a segment has this much left after so many hops, the first one not counted. */
function leastTtl(hops: number): number {
  return 256 - hops;
}

/** Towards an external peer one hop away: nobody farther can hold the session. */
const DIRECT_TTL = 1;

/** TTL sent and least TTL accepted on the session; undefined is the system's, and any. */
export function hopsOf(config: Config, peer: PeerConfig): { readonly ttl?: number; readonly minTtl?: number } {
  if (peer.ttlSecurity !== undefined) return { ttl: 255, minTtl: leastTtl(peer.ttlSecurity) };
  if (peer.ttl !== undefined) return { ttl: peer.ttl };
  return isExternal(config, peer) && !peer.multihop ? { ttl: DIRECT_TTL } : {};
}

/** The peer's address, with the interface where a link-local one has none of its own. */
export function addressOf(peer: PeerConfig): Address {
  return withZone(peer.address, peer.interface);
}

/** The peer's address as seen from the link that the session is bound to, if it is. */
export function addressOnLink({ address, interface: device }: PeerConfig): Address {
  return device === undefined ? address : { ...address, zone: device };
}

function withZone(address: Address, device: string | undefined): Address {
  if (address.zone !== undefined || device === undefined || !isLinkLocal(address)) return address;
  return { ...address, zone: device };
}

/** How we connect to the peer. */
export function connectSpec(config: Config, peer: PeerConfig): ConnectSpec {
  const address = addressOf(peer);
  const device = peer.interface ?? address.zone;
  return {
    remote: { address, port: peer.port },
    ...(peer.localAddress ? { local: withZone(peer.localAddress, device) } : {}),
    ...(device === undefined ? {} : { interface: device }),
    ...(peer.password === undefined ? {} : { md5Key: peer.password }),
    ...hopsOf(config, peer),
  };
}

/** The policy that serves where none is configured: RFC 8212 for external peers, accept for internal ones. */
export function policyName(configured: string | undefined, external: boolean): string {
  return configured ?? (external ? "reject" : "accept");
}

/** The cluster id for routes reflected to and from a peer; 0 where we reflect nothing. */
export function clusterIdOf(config: Config, peer: PeerConfig, routerId: number): number {
  const own = peer.clusterId ?? config.router.clusterId;
  if (own !== undefined) return own;
  const reflects =
    config.peers.some((other) => other.routeReflectorClient) ||
    config.dynamicPeers.some(({ template }) => template.routeReflectorClient);
  return reflects ? routerId : 0;
}

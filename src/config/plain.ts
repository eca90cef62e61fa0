/** A configuration as the plain values that its file would hold: for printing and for comparing. */
import { type Address, formatAddress, formatQuad } from "../ip/address.ts";
import { formatPrefix } from "../ip/prefix.ts";
import { plainPolicy } from "../policy/plain.ts";
import type {
  Config,
  DynamicPeersConfig,
  KernelConfig,
  MaxPrefixesConfig,
  PeerConfig,
  RouterConfig,
  StaticRoute,
} from "./model.ts";
import { HIDDEN } from "./scalars.ts";

export type Secrets = "hide" | "show";
export type Plain = Readonly<Record<string, unknown>>;

export function plainConfig(config: Config, secrets: Secrets): Plain {
  const sessions = [...config.peers, ...config.dynamicPeers.map(({ template }) => template)];
  const groups = [...new Set(sessions.flatMap(({ group }) => group ?? []))];
  return {
    router: plainRouter(config.router),
    kernel: plainKernel(config.kernel),
    direct: config.direct,
    log: config.log,
    static: config.static.map(plainStatic),
    policies: Object.fromEntries(config.policies.map((policy) => [policy.name, plainPolicy(policy)])),
    // What a group gave stands with its peers; only its name is left to say.
    ...(groups.length > 0 && { peerGroups: Object.fromEntries(groups.map((name) => [name, {}])) }),
    peers: [
      ...config.peers.map((peer) => plainPeer(peer, secrets)),
      ...config.dynamicPeers.map((entry) => plainDynamicPeers(entry, secrets)),
    ],
    limits: config.limits,
  };
}

export function plainRouter({ id, asn, clusterId, gracefulShutdown, listen }: RouterConfig): Plain {
  return defined({
    id: id === undefined ? undefined : formatQuad(id),
    asn,
    clusterId: clusterId === undefined ? undefined : formatQuad(clusterId),
    gracefulShutdown,
    listen: listen.map(({ address, ...rest }) => ({ address: formatAddress(address), ...rest })),
  });
}

/** What keepOnExit is by default goes by the peers, and is left to them. */
function plainKernel({ keepOnExit, keepOnShutdown, ...rest }: KernelConfig): Plain {
  return keepOnExit && !keepOnShutdown ? rest : { ...rest, keepOnExit };
}

export function plainStatic({ prefix, via, blackhole, metric }: StaticRoute): Plain {
  const hops = via.map((hop) => defined({ gateway: optionalAddress(hop.gateway), interface: hop.interface }));
  return defined({ prefix: formatPrefix(prefix), via: hops.length > 0 ? hops : undefined, blackhole, metric });
}

export function plainPeer(peer: PeerConfig, secrets: Secrets): Plain {
  return { name: peer.name, address: formatAddress(peer.address), ...plainSession(peer, secrets) };
}

export function plainDynamicPeers({ name, prefix, limit, template }: DynamicPeersConfig, secrets: Secrets): Plain {
  return { name, prefix: formatPrefix(prefix), limit, ...plainSession(template, secrets) };
}

function plainSession(peer: DynamicPeersConfig["template"], secrets: Secrets): Plain {
  const { timers, gracefulRestart, password, passwordFile } = peer;
  return defined({
    group: peer.group,
    description: peer.description,
    port: peer.port,
    asn: peer.asn,
    localAddress: optionalAddress(peer.localAddress),
    interface: peer.interface,
    families: peer.families,
    import: peer.import,
    export: peer.export,
    defaultOnly: peer.defaultOnly,
    passive: peer.passive,
    routeReflectorClient: peer.routeReflectorClient,
    clusterId: peer.clusterId === undefined ? undefined : formatQuad(peer.clusterId),
    nextHop: peer.nextHop,
    multihop: peer.ttl ?? peer.multihop,
    ttlSecurity: peer.ttlSecurity,
    localAs: peer.localAs,
    allowOwnAs: peer.allowOwnAs,
    allowAsSets: peer.allowAsSets,
    enforceFirstAs: peer.enforceFirstAs,
    maxPrefixesIn: plainMaxPrefixes(peer.maxPrefixesIn),
    maxPrefixesOut: plainMaxPrefixes(peer.maxPrefixesOut),
    gracefulRestart: {
      mode: gracefulRestart.mode,
      restartTime: formatDuration(gracefulRestart.restartTimeMs),
      staleTime: formatDuration(gracefulRestart.staleTimeMs),
      notification: gracefulRestart.notification,
      longLived: gracefulRestart.longLived,
      longLivedStaleTime: formatDuration(gracefulRestart.longLivedStaleTimeMs),
      staleToOthers: gracefulRestart.staleToOthers,
    },
    addPath: peer.addPath,
    password: password === undefined || passwordFile !== undefined ? undefined : secrets === "show" ? password : HIDDEN,
    passwordFile,
    disabled: peer.disabledReason ?? peer.disabled,
    timers: defined({
      hold: formatDuration(timers.holdMs),
      keepalive: timers.keepaliveMs === undefined ? undefined : formatDuration(timers.keepaliveMs),
      connectRetry: formatDuration(timers.connectRetryMs),
      connectDelay: formatDuration(timers.connectDelayMs),
      delayOpen: formatDuration(timers.delayOpenMs),
      idleHoldMin: formatDuration(timers.idleHoldMinMs),
      idleHoldMax: formatDuration(timers.idleHoldMaxMs),
      sendHold: formatDuration(timers.sendHoldMs),
    }),
    capabilities: peer.capabilities,
  });
}

function plainMaxPrefixes(bound: MaxPrefixesConfig | undefined): Plain | undefined {
  if (!bound) return undefined;
  const { limit, warnPercent, action, restartAfterMs } = bound;
  return { limit, warnPercent, action, restartAfter: formatDuration(restartAfterMs) };
}

/** The longest unit that loses nothing. */
function formatDuration(ms: number): string {
  if (ms % 1000 !== 0) return `${ms}ms`;
  return ms > 0 && ms % 60_000 === 0 ? `${ms / 60_000}m` : `${ms / 1000}s`;
}

function optionalAddress(address: Address | undefined): string | undefined {
  return address && formatAddress(address);
}

function defined(value: Readonly<Record<string, unknown>>): Plain {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined));
}

import { formatPrefix } from "../ip/prefix.ts";
import { builtinPolicy } from "../policy/builtin.ts";
import { contentKey } from "../policy/content-key.ts";
import type { Policy } from "../policy/types.ts";
import type { Config, PeerConfig, RouterConfig } from "./model.ts";
import { isInternal } from "./own-as.ts";
import { type Plain, plainDynamicPeers, plainPeer, plainRouter, plainStatic } from "./plain.ts";

/** What applying `after` in place of `before` does. Values are left out: they may be secret. */
export interface ConfigChange {
  readonly peersAdded: readonly string[];
  readonly peersRemoved: readonly string[];
  readonly peersChanged: readonly PeerChange[];
  /** Entries of dynamic neighbours; what a change does to a neighbour, `diffPeer` tells. */
  readonly dynamicAdded: readonly string[];
  readonly dynamicRemoved: readonly string[];
  readonly dynamicChanged: readonly string[];
  /** Names of policies of other content; a policy that was renamed only is one added and one removed. */
  readonly policiesAdded: readonly string[];
  readonly policiesRemoved: readonly string[];
  readonly policiesChanged: readonly string[];
  /** Prefixes. */
  readonly staticAdded: readonly string[];
  readonly staticRemoved: readonly string[];
  readonly staticChanged: readonly string[];
  /** Keys. */
  readonly router: readonly string[];
  readonly kernel: readonly string[];
  readonly direct: readonly string[];
  readonly log: readonly string[];
  readonly limits: readonly string[];
  /** Nothing differs. */
  readonly empty: boolean;
}

export interface PeerChange {
  readonly name: string;
  /** Dotted keys that differ, those of the router that reach the session included: `router.asn`. */
  readonly keys: readonly string[];
  /** The session ends and starts anew. */
  readonly reset: boolean;
  /** Those of `keys` that force it. */
  readonly resetKeys: readonly string[];
}

/** Keys of a peer that a live session takes over; every other key resets it. */
const IN_PLACE = new Set([
  "description",
  "group" /* its keys are the peer's own */,
  "import",
  "export",
  "nextHop",
  "passive" /* and port: they count for the next connection */,
  "port",
  "routeReflectorClient",
  "clusterId" /* of the routes that are passed on from now on, and of those passed on before too */,
  "router.clusterId",
  "localAs.noPrepend",
  "localAs.replaceAs",
  "allowOwnAs",
  "allowAsSets",
  "enforceFirstAs",
  "maxPrefixesIn",
  "maxPrefixesOut",
  "defaultOnly",
  "gracefulRestart.staleToOthers",
  "gracefulRestart.staleTime" /* ours alone; the rest of it stands in OPEN */,
  "passwordFile" /* `password` tells whether the key itself changed */,
  "timers.connectRetry",
  "timers.connectDelay",
  "timers.delayOpen",
  "timers.keepalive",
  "timers.idleHoldMin",
  "timers.idleHoldMax",
  "timers.sendHold",
]);

export function diffConfig(before: Config, after: Config): ConfigChange {
  const router = changedKeys(plainRouter(before.router), plainRouter(after.router));
  const peers = compareNamed(before.peers, after.peers, ({ name }) => name);
  const ranges = compareNamed(before.dynamicPeers, after.dynamicPeers, ({ name }) => name);
  const peersChanged = peers.both.flatMap(([old, now]) => diffPeer(old, now, before.router, after.router) ?? []);
  const policies = compareNamed(before.policies, after.policies, ({ name }) => name);
  const statics = compareNamed(before.static, after.static, ({ prefix }) => formatPrefix(prefix));
  const change = {
    peersAdded: peers.added,
    peersRemoved: peers.removed,
    peersChanged,
    dynamicAdded: ranges.added,
    dynamicRemoved: ranges.removed,
    dynamicChanged: ranges.both.flatMap(([old, now]) => {
      const keys = changedKeys(plainDynamicPeers(old, "show"), plainDynamicPeers(now, "show"));
      const rekeyed = old.template.password !== now.template.password && !keys.includes("password");
      return keys.length > 0 || rekeyed ? now.name : [];
    }),
    policiesAdded: policies.added,
    policiesRemoved: policies.removed,
    policiesChanged: policies.both.flatMap(([old, now]) =>
      contentKey(old, policyOf(before)) === contentKey(now, policyOf(after)) ? [] : now.name,
    ),
    staticAdded: statics.added,
    staticRemoved: statics.removed,
    staticChanged: statics.both.flatMap(([old, now]) =>
      changedKeys(plainStatic(old), plainStatic(now)).length === 0 ? [] : formatPrefix(now.prefix),
    ),
    router,
    kernel: changedKeys({ ...before.kernel }, { ...after.kernel }),
    direct: changedKeys({ ...before.direct }, { ...after.direct }),
    log: changedKeys({ ...before.log }, { ...after.log }),
    limits: changedKeys({ ...before.limits }, { ...after.limits }),
  };
  return { ...change, empty: Object.values(change).every((list) => list.length === 0) };
}

/** A policy that calls one of other content is another too. */
function policyOf({ policies }: Config): (name: string) => Policy | undefined {
  return (name) => builtinPolicy(name) ?? policies.find((policy) => policy.name === name);
}

/**
 * What becomes of one session; undefined when nothing changes for it. How many paths are sent is our own matter as long
 * as there are several: OPEN only says that there are.
 */
export function diffPeer(
  before: PeerConfig,
  after: PeerConfig,
  from: RouterConfig,
  to: RouterConfig,
): PeerChange | undefined {
  const own = before === after ? [] : changedKeys(comparable(before), comparable(after));
  const keys = [...own, ...routerKeys(after, from, to)];
  if (keys.length === 0) return undefined;
  // A live connection takes another TCP-MD5 key in place of the one it has, or goes on without. A first key resets it:
  // Linux goes on cutting what it has signed into segments as for a connection without one, and they do not fit.
  const rekeyed = before.password !== undefined;
  const resend = before.addPath.send !== "none" && after.addPath.send !== "none";
  const resetKeys = keys.filter(
    (key) =>
      !(
        IN_PLACE.has(key) ||
        (key === "password" && rekeyed) ||
        (key === "addPath.send" && resend) ||
        (key === "disabled" && before.disabled === after.disabled)
      ),
  );
  return { name: after.name, keys, reset: resetKeys.length > 0, resetKeys };
}

/** Changed keys of the router that reach the session: what stands in OPEN, and in the routes that a reflector passes on. */
function routerKeys(peer: PeerConfig, from: RouterConfig, to: RouterConfig): string[] {
  const keys: string[] = [];
  if (from.id !== to.id) keys.push("router.id");
  if (from.asn !== to.asn) keys.push("router.asn");
  if (from.clusterId !== to.clusterId && peer.clusterId === undefined && isInternal(to, peer))
    keys.push("router.clusterId");
  return keys;
}

/** Inner mappings as dotted keys; the password compares by value, which is never handed on. */
function comparable(peer: PeerConfig): Plain {
  const { timers, capabilities, gracefulRestart, addPath, localAs, ...rest } = plainPeer(peer, "show");
  return {
    ...rest,
    ...dotted("timers", timers),
    ...dotted("capabilities", capabilities),
    ...dotted("gracefulRestart", gracefulRestart),
    ...dotted("addPath", addPath),
    ...dotted("localAs", localAs),
    families: [...peer.families].sort(),
    ...(peer.password !== undefined && { password: peer.password }),
  };
}

function dotted(name: string, value: unknown): Plain {
  return Object.fromEntries(Object.entries(value ?? {}).map(([key, each]) => [`${name}.${key}`, each]));
}

function changedKeys(before: Plain, after: Plain): string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]));
}

function compareNamed<T>(before: readonly T[], after: readonly T[], name: (item: T) => string) {
  const old = new Map(before.map((item) => [name(item), item]));
  const now = new Map(after.map((item) => [name(item), item]));
  return {
    added: [...now.keys()].filter((key) => !old.has(key)),
    removed: [...old.keys()].filter((key) => !now.has(key)),
    both: [...now].flatMap(([key, item]): [T, T][] => (old.has(key) ? [[old.get(key)!, item]] : [])),
  };
}

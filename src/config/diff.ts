import { formatPrefix } from "../ip/prefix.ts";
import { contentKey } from "../policy/content-key.ts";
import type { Config, PeerConfig } from "./model.ts";
import { type Plain, plainPeer, plainRouter, plainStatic } from "./plain.ts";

/** What applying `after` in place of `before` does. Values are left out: they may be secret. */
export interface ConfigChange {
  readonly peersAdded: readonly string[];
  readonly peersRemoved: readonly string[];
  readonly peersChanged: readonly PeerChange[];
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
  "import",
  "export",
  "nextHop",
  "passwordFile" /* `password` tells whether the key itself changed */,
  "timers.connectRetry",
  "timers.connectDelay",
  "timers.delayOpen",
  "timers.idleHoldMin",
  "timers.idleHoldMax",
  "timers.sendHold",
]);

/** Keys of the router that stand in every OPEN. */
const ROUTER_RESETS = ["id", "asn"] as const;

export function diffConfig(before: Config, after: Config): ConfigChange {
  const router = changedKeys(plainRouter(before.router), plainRouter(after.router));
  const reset = ROUTER_RESETS.filter((key) => router.includes(key)).map((key) => `router.${key}`);
  const peers = compareNamed(before.peers, after.peers, ({ name }) => name);
  const peersChanged = peers.both.flatMap(([old, now]) => {
    // The cluster id stands in the routes that a reflector has passed on between internal peers.
    const cluster = router.includes("clusterId") && now.clusterId === undefined && now.asn === after.router.asn;
    return comparePeer(old, now, cluster ? [...reset, "router.clusterId"] : reset) ?? [];
  });
  const policies = compareNamed(before.policies, after.policies, ({ name }) => name);
  const statics = compareNamed(before.static, after.static, ({ prefix }) => formatPrefix(prefix));
  const change = {
    peersAdded: peers.added,
    peersRemoved: peers.removed,
    peersChanged,
    policiesAdded: policies.added,
    policiesRemoved: policies.removed,
    policiesChanged: policies.both.flatMap(([old, now]) => (contentKey(old) === contentKey(now) ? [] : now.name)),
    staticAdded: statics.added,
    staticRemoved: statics.removed,
    staticChanged: statics.both.flatMap(([old, now]) =>
      changedKeys(plainStatic(old), plainStatic(now)).length === 0 ? [] : formatPrefix(now.prefix),
    ),
    router,
    kernel: changedKeys({ ...before.kernel }, { ...after.kernel }),
    limits: changedKeys({ ...before.limits }, { ...after.limits }),
  };
  return { ...change, empty: Object.values(change).every((list) => list.length === 0) };
}

function comparePeer(before: PeerConfig, after: PeerConfig, routerKeys: readonly string[]): PeerChange | undefined {
  const own = before === after ? [] : changedKeys(comparable(before), comparable(after));
  const keys = [...own, ...routerKeys];
  if (keys.length === 0) return undefined;
  const resetKeys = keys.filter((key) => !IN_PLACE.has(key));
  return { name: after.name, keys, reset: resetKeys.length > 0, resetKeys };
}

/** Inner mappings as dotted keys; the password compares by value, which is never handed on. */
function comparable(peer: PeerConfig): Plain {
  const { timers, capabilities, ...rest } = plainPeer(peer, "show");
  return {
    ...rest,
    ...dotted("timers", timers as Plain),
    ...dotted("capabilities", capabilities as Plain),
    families: [...peer.families].sort(),
    ...(peer.password !== undefined && { password: peer.password }),
  };
}

function dotted(name: string, value: Plain): Plain {
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [`${name}.${key}`, each]));
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

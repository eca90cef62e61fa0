/**
 * Neighbours without an entry of their own: a connection from within a configured range makes a peer, which goes again
 * when its session has ended and nothing of it is left.
 */
import { ERROR } from "../bgp/iana.ts";
import { cease } from "../bgp/session/causes.ts";
import { diffPeer } from "../config/diff.ts";
import { dynamicPeer } from "../config/dynamic-peers.ts";
import type { Config, DynamicPeersConfig } from "../config/model.ts";
import { type Address, FAMILIES, formatAddress, sameAddress } from "../ip/address.ts";
import { contains } from "../ip/prefix.ts";
import type { Refusal } from "./admission.ts";
import { addPeer, type ConfigTarget, removePeer, updatePeer } from "./apply-config.ts";
import type { Core } from "./core.ts";
import type { PeerRuntime } from "./peer.ts";
import type { IncomingConnection } from "./ports.ts";
import { addressOf } from "./settings.ts";

const CEASE = ERROR.cease.sub;
/** A peer without a connection is looked at this often: it may wait for its idle hold time, or for stale routes. */
const VACANT_MS = 1_000;

export interface DynamicPeers {
  /** The peer of an incoming connection, or why there is none. Configured peers win, then the most specific range. */
  admit(incoming: IncomingConnection): PeerRuntime | Refusal;
  /** A step has left the peer without a connection. */
  vacant(peer: PeerRuntime): void;
  /** Ranges as they are from now on: peers that no longer belong to theirs end, others follow its changes. */
  configure(next: Config): void;
  /** Of a range by name: its peers now, and connections refused for its limit so far. */
  counts(range: string): { readonly peers: number; readonly refused: number };
  stop(): void;
}

interface Range {
  config: DynamicPeersConfig;
  /** With where each came in. */
  readonly peers: Map<PeerRuntime, Arrival>;
  refused: number;
}

/** Which way a connection came: a range may be bound to an interface, or to an address of ours. */
type Arrival = Pick<IncomingConnection, "local" | "interface">;

/** `target` is asked for when it is needed: it is made after this. */
export function createDynamicPeers(core: Core, target: () => ConfigTarget): DynamicPeers {
  /** By name, in the order in which they are tried. */
  let ranges = new Map<string, Range>();
  /** Peers without a connection. */
  const vacant = new Set<PeerRuntime>();
  let cancel: (() => void) | undefined;
  let applied = core.config;

  function rangeFor(address: Address, arrival: Arrival): Range | undefined {
    for (const range of ranges.values()) {
      const { prefix, template } = range.config;
      if (contains(prefix, address) && accepts(template, arrival)) return range;
    }
    return undefined;
  }

  function admit(incoming: IncomingConnection): PeerRuntime | Refusal {
    const known = core.peerIndex.match(incoming);
    if (known) return known;
    const { address } = incoming.remote;
    const [other] = core.peerIndex.at(address);
    if (other) return { reason: whyNot(other, incoming), peer: other.config.name };
    const range = rangeFor(address, incoming);
    if (!range) return { reason: "no peer is configured for this address" };
    return make(range, incoming);
  }

  function make(range: Range, { remote: { address }, local, interface: device }: IncomingConnection) {
    const { name, limit, template } = range.config;
    const config = dynamicPeer(range.config, address);
    if (template.disabled) return reject(range, `range "${name}" is disabled`);
    if (core.peers.has(config.name)) return reject(range, `the name "${config.name}" belongs to a configured peer`);
    if (range.peers.size >= limit && !makeRoom(range))
      return reject(range, `range "${name}" has as many peers as its limit of ${limit} allows`);
    const peer = addPeer(core, config, target(), name);
    if (!peer) return reject(range, "the daemon can hold no more peers");
    range.peers.set(peer, { local, ...(device === undefined ? {} : { interface: device }) });
    core.log("info", "dynamic peer added", { peer: config.name, range: name, peers: range.peers.size });
    if (!core.held.has(config.name)) target().sessions.start(peer);
    return peer;
  }

  function reject(range: Range, reason: string): Refusal {
    range.refused++;
    return { reason, peer: range.config.name, notification: cease(CEASE.connectionRejected) };
  }

  /** A peer that has neither a connection nor routes gives its place to one that has the former. */
  function makeRoom(range: Range): boolean {
    for (const peer of vacant)
      if (range.peers.has(peer) && isEmpty(peer) && !isHeld(peer, peer.session.establishedCount > 0)) {
        remove(peer, CEASE.peerDeconfigured);
        return true;
      }
    return false;
  }

  /** Disabled by an operator or a limit, it is still to be seen; in its idle hold time it is still to be refused. */
  function isHeld({ config, session }: PeerRuntime, alsoIdle: boolean): boolean {
    return core.held.has(config.name) || (alsoIdle && session.phase === "idleHold");
  }

  function isEmpty(peer: PeerRuntime): boolean {
    return FAMILIES.every((family) => core.ribs[family].received(peer.id) === 0);
  }

  function remove(peer: PeerRuntime, subcode: number): void {
    vacant.delete(peer);
    const range = ranges.get(peer.range!);
    range?.peers.delete(peer);
    removePeer(core, peer, target(), subcode);
    target().recovery.left(peer);
    if (subcode === CEASE.peerDeconfigured) core.held.delete(peer.config.name);
    core.log("info", "dynamic peer removed", {
      peer: peer.config.name,
      range: peer.range,
      peers: range?.peers.size ?? 0,
    });
  }

  function look(): void {
    cancel = undefined;
    for (const peer of [...vacant]) {
      if (peer.connections.incoming || peer.connections.outgoing) vacant.delete(peer);
      else if (!isHeld(peer, true) && isEmpty(peer)) remove(peer, CEASE.peerDeconfigured);
    }
    if (vacant.size > 0) lookLater();
  }

  function lookLater(): void {
    cancel ??= core.clock.after(VACANT_MS, look);
  }

  /** What becomes of a peer under another configuration. */
  function follow(peer: PeerRuntime, arrival: Arrival, before: Config, next: Config): void {
    const { address } = peer.config;
    const range = rangeFor(address, arrival);
    const claimed = next.peers.some(
      (other) => other.name === peer.config.name || sameAddress(addressOf(other), address),
    );
    if (!range || range.config.template.disabled) return remove(peer, CEASE.peerDeconfigured);
    if (claimed || range.config.name !== peer.range) return remove(peer, CEASE.otherConfigurationChange);
    const config = dynamicPeer(range.config, address);
    const change = diffPeer(peer.config, config, before.router, next.router);
    if (!change) return;
    if (change.reset) {
      core.log("info", "peer changed", {
        peer: peer.config.name,
        reason: `session reset for ${change.resetKeys.join(", ")}`,
      });
      remove(peer, CEASE.otherConfigurationChange);
    } else updatePeer(core, peer, config, target());
  }

  return {
    admit,
    vacant(peer) {
      if (peer.range === undefined || peer.gone) return;
      vacant.add(peer);
      lookLater();
    },
    configure(next) {
      const old = ranges;
      const sorted = [...next.dynamicPeers].sort((a, b) => b.prefix.length - a.prefix.length);
      ranges = new Map(
        sorted.map((config) => {
          const range = old.get(config.name);
          return [config.name, { config, peers: range?.peers ?? new Map(), refused: range?.refused ?? 0 }];
        }),
      );
      for (const { peers } of old.values())
        for (const [peer, arrival] of [...peers]) follow(peer, arrival, applied, next);
      applied = next;
    },
    counts(name) {
      const range = ranges.get(name);
      return { peers: range?.peers.size ?? 0, refused: range?.refused ?? 0 };
    },
    stop: () => cancel?.(),
  };
}

function accepts({ localAddress, interface: device }: DynamicPeersConfig["template"], arrival: Arrival) {
  if (device !== undefined && device !== arrival.interface) return false;
  return localAddress === undefined || sameAddress(localAddress, arrival.local.address);
}

/** Of a connection from a configured peer's address that is not for it. */
function whyNot({ config }: PeerRuntime, { local, interface: device }: IncomingConnection): string {
  if (config.interface !== undefined && config.interface !== device)
    return `it came in by ${device ?? "an unknown interface"}, and the peer is bound to ${config.interface}`;
  return `it is to ${formatAddress(local.address)}, and the peer is expected at ${formatAddress(config.localAddress!)}`;
}

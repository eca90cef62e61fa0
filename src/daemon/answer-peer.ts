/** A peer as an answer: its session, what went over it, and what is wrong with it. */
import { attributeName } from "../bgp/iana.ts";
import { stateOf } from "../bgp/session/peer.ts";
import type { DownReason, NegotiatedRestart } from "../bgp/session/types.ts";
import { formatHex } from "../bgp/text.ts";
import type { LimitAnswer, PeerAnswer, RestartAnswer, StaleAnswer } from "../control/answers.ts";
import { FAMILIES, type Family, formatAddress, formatQuad } from "../ip/address.ts";
import { formatPrefix } from "../ip/prefix.ts";
import type { Core } from "./core.ts";
import type { FaultyUpdate } from "./faulty-updates.ts";
import type { Hold, PeerRuntime } from "./peer.ts";
import { adviceFor } from "./peer-advice.ts";
import { type PrefixLimit, warnAt } from "./prefix-limit.ts";
import type { SessionKeys } from "./session-keys.ts";
import { addressOnLink, hopsOf, isExternal, localAsOf, policyName } from "./settings.ts";

/** `announced` counts the Adj-RIB-Out of one family as this peer sees it. */
export function peerAnswer(
  core: Core,
  keys: SessionKeys,
  peer: PeerRuntime,
  announced: (family: Family) => number,
): PeerAnswer {
  const { config, session, negotiated } = peer;
  const { ttl, minTtl } = hopsOf(core.config, config);
  const suspicion = keys.suspicion(peer);
  const range = core.config.dynamicPeers.find(({ name }) => name === peer.range);
  const now = core.clock.nowMs();
  const state = stateOf(session);
  const external = isExternal(core.config, config);
  const held = core.held.get(config.name);
  const local = peer.active?.local?.address ?? config.localAddress;
  return {
    name: config.name,
    description: config.description ?? null,
    address: formatAddress(config.address),
    port: config.port,
    localAddress: local ? formatAddress(local) : null,
    asn: config.asn,
    localAsn: localAsOf(core.config, config),
    kind: external ? "external" : config.routeReflectorClient ? "client" : "internal",
    state,
    disabled: config.disabled || held?.by === "command",
    held: held
      ? {
          by: held.by,
          text: held.text ?? null,
          since: wallTime(core, held.sinceMs),
          sinceSeconds: seconds(now - held.sinceMs),
        }
      : null,
    passive: config.passive,
    since: wallTime(core, peer.stateSinceMs),
    sinceSeconds: seconds(now - peer.stateSinceMs),
    established: session.establishedCount,
    lost: session.downCount,
    lastDown: session.lastDown ? downAnswer(core, session.lastDown.reason, session.lastDown.atMs) : null,
    reason: state === "established" ? null : reasonDown(core, peer),
    advice:
      state === "established" || config.disabled
        ? null
        : held
          ? heldAdvice(config.name, held)
          : (adviceFor(
              session.lastFailure?.reason,
              config,
              localAsOf(core.config, config),
              suspicion,
              keys.strangers,
            ) ?? null),
    nextRetrySeconds: state === "established" ? null : nextRetry(core, peer),
    authentication: config.password === undefined ? "none" : "md5",
    key:
      config.password === undefined
        ? null
        : {
            since: wallTime(core, peer.key.sinceMs),
            sinceSeconds: seconds(now - peer.key.sinceMs),
            changedWhileEstablished: peer.key.changedLive,
          },
    refused: suspicion
      ? {
          since: wallTime(core, suspicion.sinceMs),
          sinceSeconds: seconds(now - suspicion.sinceMs),
          segments: suspicion.segments,
          unacknowledged: suspicion.unacknowledged,
          because: suspicion.kind,
        }
      : null,
    ttlSecurity:
      config.ttlSecurity === undefined || minTtl === undefined ? null : { hops: config.ttlSecurity, leastTtl: minTtl },
    ttl: ttl ?? null,
    interface: config.interface ?? config.address.zone ?? null,
    dynamic: range ? { range: range.name, prefix: formatPrefix(range.prefix) } : null,
    negotiated: negotiated
      ? {
          holdSeconds: negotiated.holdMs / 1000,
          keepaliveSeconds: negotiated.keepaliveMs / 1000,
          remoteId: formatQuad(negotiated.remoteId),
          fourOctetAs: negotiated.fourOctetAs,
          routeRefresh: negotiated.routeRefresh,
          enhancedRouteRefresh: negotiated.enhancedRouteRefresh,
          extendedMessage: negotiated.extendedMessage,
          gracefulRestart: negotiated.gracefulRestart ? restartAnswer(peer, negotiated.gracefulRestart) : null,
          hostname: negotiated.open.capabilities.hostname ?? null,
          software: negotiated.open.capabilities.softwareVersion ?? null,
        }
      : null,
    families: FAMILIES.filter((family) => config.families.includes(family) || negotiated?.[family]).map((family) => ({
      family,
      active: negotiated?.[family] ?? false,
      received: core.ribs[family].received(peer.id),
      accepted: core.ribs[family].accepted(peer.id),
      announced: announced(family),
      addPathReceive: negotiated?.addPath[family].receive ?? false,
      addPathSend: negotiated?.addPath[family].send ? config.addPath.send : "none",
      limitIn: limitAnswer(peer.limits.in?.[family]),
      limitOut: limitAnswer(peer.limits.out?.[family]),
      endOfRibReceived: negotiated ? peer.endOfRib[family].received : false,
      endOfRibSent: negotiated ? peer.endOfRib[family].sent : false,
      refresh: { receiving: peer.refresh[family].receiving !== undefined, sending: peer.refresh[family].sending },
    })),
    stale: peer.stale
      ? {
          since: wallTime(core, peer.stale.sinceMs),
          keptUntil: wallTime(core, peer.stale.untilMs),
          longLived: false,
          families: [...peer.stale.families],
          leftSeconds: seconds(peer.stale.untilMs - now),
        }
      : null,
    longLived: FAMILIES.flatMap((family) => {
      const state = peer.longLived[family];
      return state ? [{ ...staleAnswer(core, peer, family)!, family, leftSeconds: seconds(state.untilMs - now) }] : [];
    }),
    messages: { received: { ...peer.counts.received }, sent: { ...peer.counts.sent } },
    errors: {
      attributesDiscarded: peer.attributesDiscarded,
      treatedAsWithdraw: peer.treatedAsWithdraw,
      refused: peer.updatesRefused,
      last: peer.lastFault ? faultAnswer(core, peer.lastFault) : null,
    },
    importPolicy: policyName(config.import, external),
    exportPolicy: policyName(config.export, external),
  };
}

const TREATMENTS = ["discard", "discard", "withdraw", "reset"] as const;

function faultAnswer(core: Core, fault: FaultyUpdate): NonNullable<PeerAnswer["errors"]["last"]> {
  const { attribute, code, subcode, why, of } = fault;
  return {
    treatment: TREATMENTS[fault.treatment],
    code,
    subcode,
    attribute: attribute === 0 ? null : attributeName(attribute),
    type: attribute === 0 ? null : attribute,
    why,
    of,
    hex: formatHex(fault.octets),
    octets: fault.length,
    at: wallTime(core, fault.atMs),
    agoSeconds: seconds(core.clock.nowMs() - fault.atMs),
  };
}

function restartAnswer({ session, negotiated }: PeerRuntime, restart: NegotiatedRestart): RestartAnswer {
  const offered = session.settings.capabilities.gracefulRestart?.families ?? [];
  return {
    keepsOurs: offered.flatMap(({ family }) => (negotiated?.[family] ? [family] : [])),
    weKeep: restart.families.map(({ family }) => family),
    restartSeconds: restart.timeMs / 1000,
    notification: restart.notification,
    longLived: negotiated?.longLived ?? false,
    longLivedFamilies: restart.longLived.map(({ family, timeMs }) => ({ family, seconds: timeMs / 1000 })),
    peerRestarted: restart.restarting,
    peerForwarded: restart.families.flatMap(({ family, forwarding }) => (forwarding ? [family] : [])),
  };
}

/** What is kept of a family: the peer may be back soon, or has been away for longer than it said. */
export function staleAnswer(core: Core, peer: PeerRuntime, family: Family): StaleAnswer | null {
  const longLived = peer.longLived[family];
  const state = longLived ?? (peer.stale?.families.has(family) ? peer.stale : undefined);
  if (!state) return null;
  const { sinceMs, untilMs } = state;
  return { since: wallTime(core, sinceMs), keptUntil: wallTime(core, untilMs), longLived: longLived !== undefined };
}

function limitAnswer(limit: PrefixLimit | undefined): LimitAnswer | null {
  if (!limit) return null;
  const { config, level, leftOut } = limit;
  return { limit: config.limit, warnAt: warnAt(config), action: config.action, level, leftOut };
}

function heldReason({ by, text }: Hold): string {
  if (by === "limit") return `disabled by its limit of prefixes: ${text ?? ""}`;
  return text === undefined ? "disabled by an operator" : `disabled by an operator: ${text}`;
}

function heldAdvice(name: string, { by }: Hold): string {
  const enable = `calidris enable ${name} lets it come up again`;
  return by === "limit" ? `find out why there are so many, or raise the limit; then ${enable}` : enable;
}

function downAnswer(core: Core, reason: DownReason, atMs: number): NonNullable<PeerAnswer["lastDown"]> {
  const received = ["notificationReceived", "tcpClosed", "peerRestarted"].includes(reason.code);
  return {
    direction: received ? "received" : reason.notification ? "sent" : "local",
    code: reason.code,
    text: reason.text,
    at: wallTime(core, atMs),
    agoSeconds: seconds(core.clock.nowMs() - atMs),
  };
}

/** Why the session is not up, with what may help (ux.md 1.4, "Down peers"). */
function reasonDown(core: Core, peer: PeerRuntime): string {
  const { config, session } = peer;
  if (config.disabled) return config.disabledReason ?? "disabled in the configuration";
  const held = core.held.get(config.name);
  if (held) return heldReason(held);
  const device = config.interface ?? config.address.zone;
  if (device !== undefined && !core.interfaces.byName(device))
    return `there is no interface ${device} now; the session is bound to it`;
  if (peer.direct && !core.interfaces.shared(addressOnLink(config)))
    return `${formatAddress(config.address)} is on no connected subnet: set multihop if it is more than one hop away`;
  if (session.lastFailure) {
    const ago = seconds(core.clock.nowMs() - session.lastFailure.atMs);
    return `${session.lastFailure.reason.text} (${ago} s ago)${keptFor(core, peer)}`;
  }
  if (config.passive) return "waiting for the peer to connect";
  return `no answer from ${formatAddress(config.address)} port ${config.port} yet`;
}

/** For how long routes of the last session stay, those of the family that are kept longest. */
function keptFor(core: Core, { stale, longLived }: PeerRuntime): string {
  const left = (untilMs: number) => seconds(untilMs - core.clock.nowMs());
  if (stale) return `; its routes are kept for another ${left(stale.untilMs)} s`;
  const ends = FAMILIES.flatMap((family) => longLived[family]?.untilMs ?? []);
  return ends.length === 0 ? "" : `; its routes are long-lived stale for another ${left(Math.max(...ends))} s`;
}

function nextRetry(core: Core, peer: PeerRuntime): number | null {
  const due = ["connectRetry/outgoing", "connectRetry", "idleHold"].flatMap(
    (name) => peer.timers.get(name)?.dueMs ?? [],
  );
  return due.length === 0 ? null : seconds(Math.max(0, Math.min(...due) - core.clock.nowMs()));
}

/** RFC 3339 of a monotonic time. */
export function wallTime(core: Core, atMs: number): string {
  // biome-ignore lint/style/noRestrictedGlobals: formats the time it is given; it does not ask for the present one
  return new Date(core.clock.wallMs() - (core.clock.nowMs() - atMs)).toISOString();
}

export function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}

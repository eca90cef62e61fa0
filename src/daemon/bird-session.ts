/** A session as the BIRD dialect shows it: its state in BIRD's words, its timers, and why it is not up. */
import { errorInWords } from "../bgp/iana.ts";
import { type Notification, shutdownText } from "../bgp/notification.ts";
import type { Capabilities } from "../bgp/open.ts";
import { stateOf } from "../bgp/session/peer.ts";
import type { DownReason, Negotiated, TimerName } from "../bgp/session/types.ts";
import type { BgpState, Countdown, EstablishedFacts, LastError, SessionFacts } from "../control/bird/facts.ts";
import { FAMILIES, formatAddress, formatQuad } from "../ip/address.ts";
import type { Core } from "./core.ts";
import type { PeerRuntime } from "./peer.ts";
import { addressOnLink, isExternal } from "./settings.ts";

export function sessionFacts(core: Core, peer: PeerRuntime): SessionFacts {
  const { config, session } = peer;
  const state = stateWord(core, peer);
  return {
    state,
    neighborAddress: formatAddress(config.address),
    neighborAs: config.asn,
    neighborRestarts: peer.stale !== undefined && state !== "Established",
    connectDelay: countdown(core, peer, "connectRetry", session.settings.connectRetryMs),
    errorWait: countdown(core, peer, "idleHold", session.nextIdleHoldMs),
    established: peer.negotiated && peer.active ? establishedFacts(core, peer, peer.negotiated) : undefined,
    lastError: state === "Established" ? undefined : lastError(core, peer),
  };
}

function stateWord(core: Core, { config, session, connections }: PeerRuntime): BgpState {
  if (config.disabled || core.held.has(config.name) || session.phase === "stopped") return "Down";
  if (session.phase === "idleHold") return "Idle";
  const state = stateOf(session);
  const waits = state === "active" && connections.outgoing === undefined && connections.incoming === undefined;
  if (config.passive && waits) return "Passive";
  return STATES[state];
}

const STATES = {
  idle: "Idle",
  connect: "Connect",
  active: "Active",
  openSent: "OpenSent",
  openConfirm: "OpenConfirm",
  established: "Established",
} as const;

function countdown(core: Core, peer: PeerRuntime, name: TimerName, totalMs: number): Countdown | undefined {
  const due = peer.timers.get(name) ?? peer.timers.get(`${name}/outgoing`);
  return due && inSeconds(due.dueMs - core.clock.nowMs(), totalMs);
}

/** What is left is never more than the whole, nor less than nothing. */
function inSeconds(leftMs: number, totalMs: number): Countdown {
  const totalSeconds = Math.ceil(totalMs / 1000);
  return { leftSeconds: Math.min(totalSeconds, Math.max(0, Math.ceil(leftMs / 1000))), totalSeconds };
}

function establishedFacts(core: Core, peer: PeerRuntime, negotiated: Negotiated): EstablishedFacts {
  const { holdMs, keepaliveMs, remoteId, open } = negotiated;
  const now = core.clock.nowMs();
  const local = peer.active?.local?.address;
  const limit = peer.limits.in?.[peer.config.address.family];
  const keepalive = peer.timers.get(`keepalive/${peer.active!.side}`);
  return {
    neighborId: formatQuad(remoteId),
    neighborCapabilities: capabilityWords(open.capabilities),
    kinds: sessionKinds(core, peer, negotiated),
    sourceAddress: local && formatAddress(local),
    routeLimit: limit && { now: core.ribs[peer.config.address.family].received(peer.id), limit: limit.config.limit },
    holdTimer: inSeconds(peer.lastHeardMs + holdMs - now, holdMs),
    keepaliveTimer: inSeconds(keepalive ? keepalive.dueMs - now : 0, keepaliveMs),
  };
}

/** What the peer offered in its OPEN. */
function capabilityWords(offered: Capabilities): readonly string[] {
  const { gracefulRestart, longLived } = offered;
  const modes = offered.addPath.map(({ mode }) => mode);
  const words: readonly (readonly [string, boolean])[] = [
    ["refresh", offered.routeRefresh],
    ["enhanced-refresh", offered.enhancedRouteRefresh],
    ["restart-able", gracefulRestart !== undefined && gracefulRestart.families.length > 0],
    ["restart-aware", gracefulRestart !== undefined && gracefulRestart.families.length === 0],
    ["llgr-able", longLived !== undefined && longLived.families.length > 0],
    ["llgr-aware", longLived !== undefined && longLived.families.length === 0],
    ["AS4", offered.fourOctetAs !== undefined],
    ["add-path-rx", modes.some((mode) => mode !== "send")],
    ["add-path-tx", modes.some((mode) => mode !== "receive")],
    ["ext-messages", offered.extendedMessage],
  ];
  return words.flatMap(([word, is]) => (is ? [word] : []));
}

/** What both ends have agreed on. */
function sessionKinds(core: Core, peer: PeerRuntime, negotiated: Negotiated): readonly string[] {
  const { config } = peer;
  const words: readonly (readonly [string, boolean])[] = [
    [isExternal(core.config, config) ? "external" : "internal", true],
    ["multihop", config.multihop],
    ["route-reflector", config.routeReflectorClient],
    ["AS4", negotiated.fourOctetAs],
    ["add-path-rx", FAMILIES.some((family) => negotiated.addPath[family].receive)],
    ["add-path-tx", FAMILIES.some((family) => negotiated.addPath[family].send)],
    ["ext-messages", negotiated.extendedMessage],
  ];
  return words.flatMap(([word, is]) => (is ? [word] : []));
}

/** Why it is not up, as far as there is a fault. What an operator or the configuration wanted is none. */
function lastError(core: Core, peer: PeerRuntime): LastError | undefined {
  const { config, session } = peer;
  if (config.disabled)
    return config.disabledReason === undefined
      ? undefined
      : { kind: "Automatic shutdown", text: config.disabledReason };
  const held = core.held.get(config.name);
  if (held) return held.by === "limit" ? { kind: "Automatic shutdown", text: "Route limit exceeded" } : undefined;
  const device = config.interface ?? config.address.zone;
  if (device !== undefined && !core.interfaces.byName(device))
    return { kind: "Error", text: `There is no interface ${device}` };
  if (peer.direct && !core.interfaces.shared(addressOnLink(config))) return { kind: "Error", text: "Neighbor lost" };
  return session.lastFailure && errorOf(session.lastFailure.reason);
}

function errorOf(reason: DownReason): LastError | undefined {
  const { code, notification } = reason;
  switch (code) {
    case "notificationReceived":
      return { kind: "Received", text: notificationWords(notification) ?? sentence(reason.text) };
    case "notificationSent":
    case "holdTimer":
    case "sendHoldTimer":
      return { kind: "BGP Error", text: notificationWords(notification) ?? sentence(reason.text) };
    case "tcpClosed":
      return { kind: "Socket", text: socketWords(reason.text) };
    case "peerRestarted":
      return { kind: "Error", text: "Graceful restart" };
    case "fsmError":
      return { kind: "Error", text: sentence(reason.text) };
    case "adminDown":
    case "configuration":
    case "collision":
      return undefined;
  }
}

/** `Bad peer AS`: the subcode says it all where there is one. */
function notificationWords(notification: Notification | undefined): string | undefined {
  if (!notification) return undefined;
  const words = errorInWords(notification.code, notification.subcode);
  const text = shutdownText(notification);
  return sentence(words.slice(words.lastIndexOf(": ") + 1).trim()) + (text === undefined ? "" : `: ${text}`);
}

/** Without the address and the advice: the row has the name, and `explain peer` the rest. */
function socketWords(text: string): string {
  const short = text.replace(/^TCP: /, "").replace(/(?: (?:by|from|of|to))? [\da-fA-F.:]+(?:%\S+)? port \d+/, "");
  const end = short.startsWith("cannot connect") ? -1 : short.search(/[:;]/);
  return sentence(end < 0 ? short : short.slice(0, end));
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

import { FAMILIES, type Family } from "../../ip/address.ts";
import { AS_TRANS, ERROR } from "../iana.ts";
import type { Notification } from "../notification.ts";
import type { Capabilities, OpenMessage } from "../open.ts";
import { LEAST_HOLD_SECONDS, LEAST_KEEPALIVE_MS } from "./timing.ts";
import type { AddPathDirections, Negotiated, NegotiatedRestart, SessionSettings } from "./types.ts";

const VERSION = 4;
const BAD = ERROR.open.sub;

const NO_CAPABILITIES: Capabilities = {
  routeRefresh: false,
  enhancedRouteRefresh: false,
  extendedMessage: false,
  addPath: [],
};

/** What the graceful restart capability says of us at this moment (RFC 4724 §3). */
export interface RestartBits {
  /** R: we have restarted, and wait for the End-of-RIB of others. */
  readonly restarting: boolean;
  /** F: packets were forwarded all the while. */
  readonly forwarding: boolean;
}

const COLD: RestartBits = { restarting: false, forwarding: false };

function withRestartBits(capabilities: Capabilities, { restarting, forwarding }: RestartBits): Capabilities {
  const { gracefulRestart } = capabilities;
  if (!gracefulRestart) return capabilities;
  const families = gracefulRestart.families.map(({ family }) => ({ family, forwarding }));
  const longLived = capabilities.longLived?.families.map((it) => ({ ...it, forwarding }));
  return {
    ...capabilities,
    gracefulRestart: { ...gracefulRestart, restarting, families },
    ...(longLived && { longLived: { families: longLived } }),
  };
}

/**
 * The OPEN we send. With `fallback` it carries no capabilities, for a peer that refused them (RFC 5492 §3); a local
 * AS above 65535 is then only AS_TRANS to the peer, and only IPv4 unicast can be active.
 */
export function openFor(settings: SessionSettings, fallback: boolean, bits: RestartBits = COLD): OpenMessage {
  return {
    version: VERSION,
    asn: settings.localAs > 0xffff ? AS_TRANS : settings.localAs,
    holdSeconds: Math.floor(settings.holdMs / 1000),
    identifier: settings.localId,
    capabilities: fallback ? NO_CAPABILITIES : withRestartBits(settings.capabilities, bits),
  };
}

export type Verdict =
  | { readonly accepted: true; readonly negotiated: Negotiated }
  | { readonly accepted: false; readonly notification: Notification; readonly why: string };

/**
 * Judges a well-formed OPEN in the order version, hold time, identifier, AS (RFC 4271 §6.2, RFC 6286 §2.2, RFC 7607),
 * and settles what both sides agreed on. `bare`: our own OPEN went without capabilities. Two sides without a common
 * address family still get a session, which carries no routes; `remarks` says so.
 */
export function judgeOpen(settings: SessionSettings, open: OpenMessage, bare: boolean): Verdict {
  if (open.version !== VERSION)
    return refuse(BAD.unsupportedVersion, u16(VERSION), `version ${open.version}, we speak ${VERSION}`);
  const holdFault = faultOfHoldTime(settings, open.holdSeconds);
  if (holdFault !== undefined) return refuse(BAD.unacceptableHoldTime, u16(open.holdSeconds), holdFault);
  if (open.identifier === 0) return refuse(BAD.badIdentifier, NO_DATA, "the identifier is 0.0.0.0");
  if (settings.internal && open.identifier === settings.localId)
    return refuse(BAD.badIdentifier, NO_DATA, "an internal peer has our own identifier");
  const { fourOctetAs } = open.capabilities;
  const remoteAs = fourOctetAs ?? open.asn;
  if (remoteAs === 0 || remoteAs !== settings.remoteAs) {
    const data = fourOctetAs === undefined ? u16(remoteAs) : u32(remoteAs);
    return refuse(BAD.badPeerAs, data, `the peer is AS ${remoteAs}, expected AS ${settings.remoteAs}`);
  }
  return { accepted: true, negotiated: negotiate(settings, open, openFor(settings, bare).capabilities) };
}

const NO_DATA = new Uint8Array();

function refuse(subcode: number, data: Uint8Array, why: string): Verdict {
  return { accepted: false, notification: { code: ERROR.open.code, subcode, data }, why };
}

function faultOfHoldTime(settings: SessionSettings, seconds: number): string | undefined {
  if (seconds !== 0 && seconds < LEAST_HOLD_SECONDS) return `hold time ${seconds} s is not allowed`;
  if (seconds * 1000 < settings.minHoldMs)
    return `hold time ${seconds} s is below our minimum of ${settings.minHoldMs / 1000} s`;
  return undefined;
}

function negotiate(settings: SessionSettings, open: OpenMessage, offered: Capabilities): Negotiated {
  const theirs = open.capabilities;
  const holdMs = Math.min(settings.holdMs, open.holdSeconds * 1000);
  const common = (family: Family) =>
    familiesOf(settings.capabilities).includes(family) &&
    familiesOf(offered).includes(family) &&
    familiesOf(theirs).includes(family);
  const [ipv4, ipv6] = [common("ipv4"), common("ipv6")];
  return {
    remoteAs: theirs.fourOctetAs ?? open.asn,
    remoteId: open.identifier,
    holdMs,
    keepaliveMs: keepaliveFor(settings, holdMs),
    sendHoldMs: sendHoldFor(settings, holdMs),
    fourOctetAs: offered.fourOctetAs !== undefined && theirs.fourOctetAs !== undefined,
    ipv4,
    ipv6,
    addPath: {
      ipv4: addPathDirections("ipv4", ipv4, offered, theirs),
      ipv6: addPathDirections("ipv6", ipv6, offered, theirs),
    },
    routeRefresh: offered.routeRefresh && theirs.routeRefresh,
    enhancedRouteRefresh: enhancedRefresh(offered) && enhancedRefresh(theirs),
    extendedMessage: offered.extendedMessage && theirs.extendedMessage,
    gracefulRestart: negotiateRestart(offered, theirs, { ipv4, ipv6 }),
    longLived: isLongLived(offered) && isLongLived(theirs),
    open,
    remarks: remarksOn(open, ipv4 || ipv6),
  };
}

/** RFC 4724 §4.2: the peer's list counts, as far as its families are active; RFC 8538 §2: N only where both have it. */
function negotiateRestart(
  offered: Capabilities,
  peers: Capabilities,
  active: Readonly<Record<Family, boolean>>,
): NegotiatedRestart | undefined {
  const { gracefulRestart: ours } = offered;
  const { gracefulRestart: theirs } = peers;
  if (!ours || !theirs) return undefined;
  // Of several entries for a family the last one counts.
  const listed = new Map(theirs.families.map(({ family, forwarding }) => [family, forwarding]));
  const families = FAMILIES.filter((family) => active[family] && listed.has(family));
  return {
    notification: ours.notification && theirs.notification,
    restarting: theirs.restarting,
    timeMs: theirs.timeSeconds * 1000,
    families: families.map((family) => ({ family, forwarding: listed.get(family)! })),
    longLived: isLongLived(offered) ? negotiateLongLived(peers, active) : [],
  };
}

/** Long-lived graceful restart counts only beside the capability that it extends (RFC 9494 §3.1). */
const isLongLived = (it: Capabilities) => it.gracefulRestart !== undefined && it.longLived !== undefined;

function negotiateLongLived(
  { longLived }: Capabilities,
  active: Readonly<Record<Family, boolean>>,
): NegotiatedRestart["longLived"] {
  const listed = new Map(longLived?.families.map((it) => [it.family, it]));
  return FAMILIES.flatMap((family) => {
    const it = listed.get(family);
    if (!active[family] || !it || it.timeSeconds === 0) return [];
    return [{ family, forwarding: it.forwarding, timeMs: it.timeSeconds * 1000 }];
  });
}

/**
 * What was agreed, with our own times as they are configured now: they stand in no message. A hold time is agreed with
 * the peer and stays.
 */
export function withTimes(settings: SessionSettings, negotiated: Negotiated): Negotiated {
  const { holdMs } = negotiated;
  return {
    ...negotiated,
    keepaliveMs: keepaliveFor(settings, holdMs),
    sendHoldMs: sendHoldFor(settings, holdMs),
  };
}

/** RFC 7911 §4: a direction counts where the one side offered to send and the other to receive. */
function addPathDirections(
  family: Family,
  active: boolean,
  offered: Capabilities,
  theirs: Capabilities,
): AddPathDirections {
  const ours = addPathMode(family, offered);
  const peers = addPathMode(family, theirs);
  return {
    receive: active && ours !== undefined && ours !== "send" && peers !== undefined && peers !== "receive",
    send: active && ours !== undefined && ours !== "receive" && peers !== undefined && peers !== "send",
  };
}

/** Of several for one family the last one counts. */
function addPathMode(family: Family, { addPath }: Capabilities): "receive" | "send" | "both" | undefined {
  return addPath.findLast((it) => it.family === family)?.mode;
}

const enhancedRefresh = (it: Capabilities) => it.routeRefresh && it.enhancedRouteRefresh;

/** No multiprotocol capability at all means IPv4 unicast (RFC 4760 §8). */
function familiesOf(capabilities: Capabilities): readonly Family[] {
  return capabilities.families ?? ["ipv4"];
}

/**
 * A third of the hold time, or the configured interval, scaled when the peer talked the hold time down (it was chosen
 * with our own in mind). Between one second and what keeps the session alive.
 */
function keepaliveFor(settings: SessionSettings, holdMs: number): number {
  if (holdMs === 0) return 0;
  const third = holdMs / 3;
  const wanted = settings.keepaliveMs === undefined ? third : (settings.keepaliveMs * holdMs) / settings.holdMs;
  return Math.max(LEAST_KEEPALIVE_MS, Math.round(wanted > 0 && wanted < holdMs ? wanted : third));
}

/** RFC 9687 §4: off without a hold timer, and always longer than it. */
function sendHoldFor(settings: SessionSettings, holdMs: number): number {
  if (holdMs === 0 || settings.sendHoldMs === 0) return 0;
  return settings.sendHoldMs > holdMs ? settings.sendHoldMs : 2 * holdMs;
}

function remarksOn(open: OpenMessage, anyFamily: boolean): readonly string[] {
  const { fourOctetAs } = open.capabilities;
  const remarks: string[] = [];
  if (!anyFamily) remarks.push("no address family in common: the session carries no routes");
  if (fourOctetAs !== undefined && open.asn !== AS_TRANS && open.asn !== fourOctetAs)
    remarks.push(`the OPEN says AS ${open.asn}, its capability AS ${fourOctetAs}: the capability is believed`);
  return remarks;
}

function u16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value & 0xff);
}

function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

/** What may help against a session that is down, by the reason it gave (RFC 4271 §6, RFC 4486). */
import { unwrapHardReset } from "../bgp/notification.ts";
import type { DownReason } from "../bgp/session/types.ts";
import type { PeerConfig } from "../config/model.ts";
import { formatAddress } from "../ip/address.ts";
import type { Suspicion } from "./session-keys.ts";

const OPEN_ERROR = 2;
const CEASE = 6;
const HOLD_TIMER = 4;

/** A sentence without its full stop, or undefined where we have nothing to add to the reason. */
export function adviceFor(
  reason: DownReason | undefined,
  peer: PeerConfig,
  localAsn: number,
  suspicion: Suspicion | undefined,
  strangers: () => number,
): string | undefined {
  // Who gave a reason was heard: counters that all connections share say nothing of him.
  const isOwn = suspicion && (suspicion.segments > 0 || suspicion.unacknowledged);
  if (suspicion && (isOwn || !reason?.notification)) return refusedAdvice(suspicion, peer);
  const signed = peer.password === undefined && !reason?.notification ? strangers() : 0;
  if (signed > 0)
    return `does the peer have a password for us? Since our start the kernel refused ${signed} segments that were signed (TCP-MD5) by somebody for whom we have none`;
  if (reason === undefined) {
    if (peer.passive) return `see that the peer connects to us; we only wait (passive: true)`;
    return `see that ${formatAddress(peer.address)} is reachable, that port ${peer.port} is open, and that it knows our address`;
  }
  if (reason.code === "holdTimer" || reason.notification?.code === HOLD_TIMER)
    return "look for packet loss, or for a path that drops large packets (MTU) while small ones pass";
  if (!reason.notification) return undefined;
  // A hard reset is a wrapping: why is inside (RFC 8538 §3).
  const notification = unwrapHardReset(reason.notification) ?? reason.notification;
  const isReceived = reason.code === "notificationReceived";
  if (notification.code === OPEN_ERROR)
    return isReceived ? theirOpenError(notification.subcode, localAsn) : ourOpenError(notification.subcode, peer);
  if (notification.code === CEASE && isReceived) return theirCease(notification.subcode);
  if (notification.code === CEASE && notification.subcode === 1)
    return `the peer announces more prefixes than maxPrefixesIn allows: raise it, or see what the peer sends; calidris restart ${peer.name} does not wait`;
  return undefined;
}

/** The kernel drops segments without a word; whose they are it tells only where a connection exists already. */
function refusedAdvice({ kind, segments, unacknowledged }: Suspicion, peer: PeerConfig): string {
  const whose =
    segments > 0 || unacknowledged ? "" : " (of some connection of this network namespace, this one perhaps)";
  return kind === "signature"
    ? `the kernel refuses segments for their TCP-MD5 signature${whose}: compare the password with the peer's`
    : `the kernel refuses segments for their TTL${whose}: the peer must send 255 and be at most ${peer.ttlSecurity} ${peer.ttlSecurity === 1 ? "hop" : "hops"} away (ttlSecurity)`;
}

function theirOpenError(subcode: number, localAsn: number): string | undefined {
  switch (subcode) {
    case 2:
      return `the peer is configured for another AS than ours, ${localAsn}: compare both configurations`;
    case 3:
      return "the peer refuses our router id: two routers must not share one";
    case 6:
      return "the peer demands a longer hold time: raise timers.hold";
    default:
      return undefined;
  }
}

function ourOpenError(subcode: number, peer: PeerConfig): string | undefined {
  switch (subcode) {
    case 2:
      return `we expect AS ${peer.asn}: correct asn of "${peer.name}", or the peer's own`;
    case 3:
      return "its router id is ours or not valid: two routers must not share one";
    default:
      return undefined;
  }
}

function theirCease(subcode: number): string | undefined {
  switch (subcode) {
    case 1:
      return "we sent more prefixes than the peer allows: see our export policy and its limit";
    case 2:
      return "it was shut down on the peer's side: it has to be enabled there";
    case 3:
    case 5:
      return "the peer has no configuration for our address, or no place left for one more neighbour";
    default:
      return undefined;
  }
}

/**
 * The timers of sessions. In Established, messages only stamp times: the hold timer (RFC 4271 §6.5) and the send hold
 * timer (RFC 9687) are armed once, look at the stamps when they are due, and wait on while the session lives.
 */
import type { TimerKey } from "../bgp/session/types.ts";
import type { Connection, PeerRuntime } from "./peer.ts";
import type { Clock, Transport } from "./ports.ts";

/** Wait for a session whose hold time is over while octets wait unread. */
const UNREAD_GRACE_MS = 100;

export interface SessionTimers {
  /** In place of the timer's former time. */
  arm(peer: PeerRuntime, timer: TimerKey, afterMs: number): void;
  disarm(peer: PeerRuntime, timer: TimerKey): void;
  disarmAll(peer: PeerRuntime): void;
}

/** `expired`: the timer's time is over, and nothing was heard or accepted that prolongs it. */
export function createSessionTimers(
  clock: Clock,
  transport: Transport,
  expired: (peer: PeerRuntime, timer: TimerKey) => void,
): SessionTimers {
  function arm(peer: PeerRuntime, timer: TimerKey, afterMs: number): void {
    const name = nameOf(timer);
    cancel(peer, name);
    const stop = clock.after(afterMs, () => {
      peer.timers.delete(name);
      due(peer, timer);
    });
    peer.timers.set(name, { cancel: stop, dueMs: clock.nowMs() + afterMs });
  }

  function cancel(peer: PeerRuntime, name: string): void {
    peer.timers.get(name)?.cancel();
    peer.timers.delete(name);
  }

  function due(peer: PeerRuntime, timer: TimerKey): void {
    const connection = timer.side && peer.connections[timer.side];
    if (peer.active && connection === peer.active && peer.negotiated) {
      noteAccepted(peer.active);
      const wait = timer.name === "hold" ? holdLeft(peer, peer.active) : sendHoldLeft(timer, peer, peer.active);
      if (wait > 0) return arm(peer, timer, wait);
    }
    expired(peer, timer);
  }

  /** Milliseconds until the hold timer really expires. A session whose octets wait unread is not expired (DESIGN 3.9). */
  function holdLeft(peer: PeerRuntime, connection: Connection): number {
    const left = peer.lastHeardMs + peer.negotiated!.holdMs - clock.nowMs();
    if (left > 0) return left;
    if (!connection.paused && !transport.hasUnread(connection.id)) return 0;
    return UNREAD_GRACE_MS;
  }

  /** RFC 9687: expires when the kernel has accepted nothing for the whole time although something waits. */
  function sendHoldLeft(timer: TimerKey, peer: PeerRuntime, connection: Connection): number {
    if (timer.name !== "sendHold") return 0;
    return connection.acceptedAtMs + peer.negotiated!.sendHoldMs - clock.nowMs();
  }

  /** At each timer of the connection, the keepalive's among them, so that a send hold time is late by that much at most. */
  function noteAccepted(connection: Connection): void {
    const accepted = transport.accepted(connection.id);
    if (accepted === connection.acceptedOctets && transport.pending(connection.id) > 0) return;
    connection.acceptedOctets = accepted;
    connection.acceptedAtMs = clock.nowMs();
  }

  return {
    arm,
    disarm: (peer, timer) => cancel(peer, nameOf(timer)),
    disarmAll(peer) {
      for (const name of [...peer.timers.keys()]) cancel(peer, name);
    },
  };
}

function nameOf(timer: TimerKey): string {
  return timer.side ? `${timer.name}/${timer.side}` : timer.name;
}

/**
 * Sessions at work: transport events and timers go through the state machine, its actions become calls.
 * In Established, KEEPALIVE and UPDATE only stamp when the peer was heard last (DESIGN 3.9).
 */

import { BgpError } from "../bgp/error.ts";
import { createFramer } from "../bgp/framer.ts";
import { ERROR, HEADER_OCTETS, MAX_EXTENDED_MESSAGE_OCTETS, MAX_MESSAGE_OCTETS, MESSAGE } from "../bgp/iana.ts";
import { encodeKeepalive } from "../bgp/message.ts";
import { decodeNotification, encodeNotification, type Notification } from "../bgp/notification.ts";
import { decodeOpen, encodeOpen } from "../bgp/open.ts";
import { decodeRefresh, type RouteRefresh } from "../bgp/refresh.ts";
import { placeForIncoming } from "../bgp/session/collision.ts";
import { openFor, type RestartBits } from "../bgp/session/negotiate.ts";
import { step } from "../bgp/session/step.ts";
import type {
  DownReason,
  Negotiated,
  NegotiatedRestart,
  SessionAction,
  SessionEvent,
  Side,
  StopCause,
} from "../bgp/session/types.ts";
import { formatAddress } from "../ip/address.ts";
import { type AdmissionOptions, createAdmission } from "./admission.ts";
import { createFolding } from "./folding.ts";
import type { Connection, MutableCounts, PeerRuntime } from "./peer.ts";
import type { ConnectionId, Endpoint, IncomingConnection, Random, TransportEvent } from "./ports.ts";
import { createSessionTimers } from "./session-timers.ts";

/**
 * What one step may do. A step handles one read chunk, and no transport reads more at once; KEEPALIVE is the shortest
 * message, and one may have begun in an earlier chunk.
 */
export const STEP_BUDGET = { octets: 65_536, messages: Math.ceil(65_536 / HEADER_OCTETS) + 1 } as const;

export interface SessionHooks {
  established(peer: PeerRuntime, negotiated: Negotiated): void;
  /** `kept`: what the peer promised about its restart, where its routes are to be kept meanwhile. */
  down(peer: PeerRuntime, reason: DownReason, kept: NegotiatedRestart | undefined): void;
  /** The peer is not to come back by itself. */
  stopped(peer: PeerRuntime): void;
  /** What the next OPEN says of our own restart. */
  restartBits(peer: PeerRuntime): RestartBits;
  /** One UPDATE body; returns a fault that ends the session. */
  update(
    peer: PeerRuntime,
    bytes: Uint8Array,
    from: number,
    to: number,
  ): (Notification & { readonly why: string }) | undefined;
  refresh(peer: PeerRuntime, message: RouteRefresh): void;
  listenFailed(place: { readonly local: Endpoint; readonly interface?: string }, reason: string): void;
  /** The connection can take more. */
  writable(peer: PeerRuntime): void;
  /** A step has left the peer without a connection. */
  vacant(peer: PeerRuntime): void;
  /** A read chunk has been handled: the moment to look at how much work waits. */
  chunkHandled(connection: Connection): void;
}

export interface Sessions {
  handle(event: TransportEvent): void;
  start(peer: PeerRuntime): void;
  /** Cease with the subcode; `manual` stops for good, otherwise it is damped and tried again. */
  stop(peer: PeerRuntime, subcode: number, manual: boolean, text?: string): void;
  /** The same for a cause that says more than that. */
  end(peer: PeerRuntime, cause: StopCause, manual: boolean): void;
  /** Starts the peer at once, whatever it waits for. */
  startNow(peer: PeerRuntime): void;
  /** Ends the session for a fault found outside the codec. */
  fault(peer: PeerRuntime, notification: Notification, message: string): void;
  /** Closes everything without a word, timers included. */
  abandon(peer: PeerRuntime): void;
  write(peer: PeerRuntime, bytes: Uint8Array): boolean;
  /** Most messages and octets handled in one step so far; within STEP_BUDGET. */
  readonly steps: { messages: number; octets: number };
}

export interface SessionOptions extends AdmissionOptions {
  readonly random: Random;
  readonly hooks: SessionHooks;
}

export function createSessions(options: SessionOptions): Sessions {
  const { clock, log, transport, hooks } = options;
  const connections = new Map<ConnectionId, Connection>();
  const keepalive = encodeKeepalive();
  const steps = { messages: 0, octets: 0 };
  const fold = createFolding(clock, REPEAT_MS);
  const admission = createAdmission(options);
  const timers = createSessionTimers(clock, transport, (peer, timer) => dispatch(peer, { kind: "timer", timer }));
  let nextId = 1;

  function dispatch(peer: PeerRuntime, event: SessionEvent): void {
    const [next, actions] = step(peer.session, event, { nowMs: clock.nowMs(), random: options.random });
    peer.session = next;
    for (const action of actions) perform(peer, action);
    if (!peer.connections.incoming && !peer.connections.outgoing) hooks.vacant(peer);
  }

  function perform(peer: PeerRuntime, action: SessionAction): void {
    switch (action.kind) {
      case "connect":
        return connect(peer);
      case "sendOpen": {
        const open = openFor(peer.session.settings, peer.session.fallback, hooks.restartBits(peer));
        return send(peer, action.side, encodeOpen(open), "open");
      }
      case "sendKeepalive":
        return send(peer, action.side, keepalive, "keepalive");
      case "sendNotification":
        return send(peer, action.side, encodeNotification(action.notification), "notification");
      case "close":
        return close(peer, action.side, action.flush);
      case "arm":
        return timers.arm(peer, action.timer, action.afterMs);
      case "disarm":
        return timers.disarm(peer, action.timer);
      case "established":
        return establish(peer, action.side, action.negotiated);
      case "down": {
        const kept = action.graceful ? peer.negotiated?.gracefulRestart : undefined;
        peer.active = undefined;
        peer.negotiated = undefined;
        log("warn", "session down", { peer: peer.config.name, reason: action.reason.text, code: action.reason.code });
        return hooks.down(peer, action.reason, kept);
      }
      case "attemptFailed":
        return logFailure(peer, action.side, action.reason);
      case "state":
        peer.stateSinceMs = clock.nowMs();
        return log("debug", "state", { peer: peer.config.name, from: action.from, to: action.to });
    }
  }

  /** What we ended ourselves, on an order or by a change of configuration, is no failure. */
  function logFailure(peer: PeerRuntime, side: Side, { code, text: reason }: DownReason): void {
    if (code === "adminDown" || code === "configuration") return;
    const { name } = peer.config;
    const repeats = fold(`${name} ${side} ${reason}`);
    if (repeats !== undefined)
      log("info", "attempt failed", { peer: name, side, reason, ...(repeats > 0 ? { repeats } : {}) });
  }

  function connect(peer: PeerRuntime): void {
    const id = nextId++;
    peer.connections.outgoing = register(id, "outgoing", peer, undefined, undefined);
    transport.connect(id, options.connectSpec(peer));
  }

  function register(
    id: ConnectionId,
    side: Side,
    peer: PeerRuntime,
    local: Endpoint | undefined,
    remote: Endpoint | undefined,
  ): Connection {
    const connection: Connection = {
      id,
      side,
      peer,
      framer: createFramer(),
      local,
      remote,
      acceptedOctets: 0,
      acceptedAtMs: clock.nowMs(),
      paused: false,
    };
    connections.set(id, connection);
    return connection;
  }

  function send(peer: PeerRuntime, side: Side, bytes: Uint8Array, kind: keyof MutableCounts): void {
    const connection = peer.connections[side];
    if (!connection) return;
    peer.counts.sent[kind]++;
    transport.write(connection.id, bytes);
  }

  function close(peer: PeerRuntime, side: Side, flush: boolean): void {
    const connection = peer.connections[side];
    if (!connection) return;
    connections.delete(connection.id);
    peer.connections[side] = undefined;
    transport.close(connection.id, flush);
  }

  function establish(peer: PeerRuntime, side: Side, negotiated: Negotiated): void {
    const now = clock.nowMs();
    const connection = peer.connections[side]!;
    peer.active = connection;
    peer.negotiated = negotiated;
    peer.lastHeardMs = now;
    connection.acceptedOctets = transport.accepted(connection.id);
    connection.acceptedAtMs = now;
    log("info", "session established", {
      peer: peer.config.name,
      address: formatAddress(peer.config.address),
      asn: negotiated.remoteAs,
      hold: negotiated.holdMs / 1000,
    });
    hooks.established(peer, negotiated);
  }

  // Transport

  function handle(event: TransportEvent): void {
    switch (event.kind) {
      case "incoming":
        return onIncoming(event);
      case "listenFailed":
        return hooks.listenFailed(event, event.reason);
      default:
    }
    const connection = connections.get(event.id);
    if (!connection) return;
    switch (event.kind) {
      case "connected":
        connection.local = event.local;
        connection.remote = event.remote;
        return dispatch(connection.peer, { kind: "connected", side: connection.side });
      case "data":
        return onData(connection, event.bytes);
      case "writable":
        return hooks.writable(connection.peer);
      case "closed":
        return onClosed(connection, event.reason);
    }
  }

  function onIncoming(incoming: IncomingConnection): void {
    const peer = admission(incoming);
    if (!peer) return;
    const { id, local, remote } = incoming;
    const { active, config } = peer;
    if (active && options.givesUp(peer)) {
      transport.close(active.id, false);
      onClosed(active, "the peer opened a connection with the new key in place of it");
    }
    const side = placeForIncoming(peer.session)!;
    const former = peer.connections[side];
    if (former) {
      transport.close(former.id, false);
      onClosed(former, "the peer opened another connection", true);
    }
    peer.connections[side] = register(id, side, peer, local, remote);
    const { ttl, minTtl } = options.connectSpec(peer);
    transport.setTtl(id, ttl, minTtl);
    if (config.interface !== undefined) transport.setInterface(id, config.interface);
    dispatch(peer, { kind: "connected", side, newcomer: side === "outgoing" });
  }

  function onClosed(connection: Connection, reason: string, replaced = false): void {
    const { peer, side } = connection;
    connections.delete(connection.id);
    if (peer.connections[side] === connection) peer.connections[side] = undefined;
    dispatch(peer, { kind: "failed", side, reason, replaced });
  }

  /** A read chunk: one step (STEP_BUDGET). */
  function onData(connection: Connection, bytes: Uint8Array): void {
    const { peer, framer } = connection;
    let messages = 0;
    framer.push(bytes, maxOctets(peer));
    const now = clock.nowMs();
    while (framer.next()) {
      // A second connection says nothing about the session: a peer that restarted tries again and again.
      if (messages++ === 0 && connection === peer.active) peer.lastHeardMs = now;
      onMessage(connection, framer.type, framer.bytes, framer.bodyAt, framer.bodyEnd);
      if (connections.get(connection.id) !== connection) break;
    }
    if (framer.fault && connections.get(connection.id) === connection)
      dispatch(peer, { kind: "fault", side: connection.side, notification: framer.fault, message: "broken framing" });
    if (messages > steps.messages) steps.messages = messages;
    if (bytes.length > steps.octets) steps.octets = bytes.length;
    hooks.chunkHandled(connection);
  }

  function onMessage(connection: Connection, type: number, bytes: Uint8Array, from: number, to: number): void {
    const { peer, side } = connection;
    const { received } = peer.counts;
    switch (type) {
      case MESSAGE.update.code: {
        received.update++;
        if (peer.active !== connection) return dispatch(peer, { kind: "update", side });
        const fault = hooks.update(peer, bytes, from, to);
        if (fault) dispatch(peer, { kind: "fault", side, notification: fault, message: fault.why });
        return;
      }
      case MESSAGE.keepalive.code:
        received.keepalive++;
        if (peer.active !== connection) dispatch(peer, { kind: "keepalive", side });
        return;
      default:
        onRareMessage(connection, type, bytes, from, to);
    }
  }

  function onRareMessage(connection: Connection, type: number, bytes: Uint8Array, from: number, to: number): void {
    const { peer, side } = connection;
    const { received } = peer.counts;
    try {
      if (type === MESSAGE.open.code) {
        received.open++;
        dispatch(peer, { kind: "open", side, open: decodeOpen(bytes, from, to) });
      } else if (type === MESSAGE.notification.code) {
        received.notification++;
        dispatch(peer, { kind: "notification", side, notification: decodeNotification(bytes, from, to) });
      } else {
        received.routeRefresh++;
        const message = decodeRefresh(bytes, from, to);
        if (peer.active !== connection) dispatch(peer, { kind: "refresh", side });
        else hooks.refresh(peer, message);
      }
    } catch (error) {
      if (!(error instanceof BgpError)) throw error;
      const notification = { code: error.code, subcode: error.subcode, data: error.data };
      dispatch(peer, { kind: "fault", side, notification, message: error.message });
    }
  }

  return {
    handle,
    start: (peer) => dispatch(peer, { kind: "start", manual: false }),
    stop(peer, subcode, manual, text) {
      const cause = text === undefined ? { subcode } : { subcode, text };
      dispatch(peer, { kind: "stop", manual, cause });
      // A reset is followed by a start: what is kept of the peer is kept for that.
      if (manual && subcode !== ERROR.cease.sub.administrativeReset) hooks.stopped(peer);
    },
    end: (peer, cause, manual) => dispatch(peer, { kind: "stop", manual, cause }),
    startNow: (peer) => dispatch(peer, { kind: "start", manual: true }),
    fault(peer, notification, message) {
      if (peer.active) dispatch(peer, { kind: "fault", side: peer.active.side, notification, message });
    },
    abandon(peer) {
      timers.disarmAll(peer);
      close(peer, "outgoing", false);
      close(peer, "incoming", false);
    },
    write: (peer, bytes) => (peer.active ? transport.write(peer.active.id, bytes) : true),
    steps,
  };
}

/** A failure or a refusal that repeats itself is logged this often, with the number of repeats. */
const REPEAT_MS = 300_000;

function maxOctets(peer: PeerRuntime): number {
  return peer.config.capabilities.extendedMessage ? MAX_EXTENDED_MESSAGE_OCTETS : MAX_MESSAGE_OCTETS;
}

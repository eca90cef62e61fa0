/** Whose an incoming connection is, and whether it may become a session. */

import { encodeNotification, type Notification } from "../bgp/notification.ts";
import { placeForIncoming } from "../bgp/session/collision.ts";
import { formatAddress } from "../ip/address.ts";
import { createFolding } from "./folding.ts";
import type { PeerRuntime } from "./peer.ts";
import type { Clock, ConnectSpec, IncomingConnection, Log, Transport } from "./ports.ts";

/** A refusal that repeats itself is logged this often, with the number of repeats. */
const REPEAT_MS = 300_000;

/** Why a connection belongs to no peer. */
export interface Refusal {
  /** For the log. */
  readonly reason: string;
  readonly peer?: string;
  /** What the other end is told; nothing where it is unknown. */
  readonly notification?: Notification;
}

export interface AdmissionOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly transport: Transport;
  /** The peer that an incoming connection belongs to. */
  readonly admit: (incoming: IncomingConnection) => PeerRuntime | Refusal;
  readonly connectSpec: (peer: PeerRuntime) => ConnectSpec;
  /** The peer is known to have given up its Established connection when it opens another one. */
  readonly givesUp: (peer: PeerRuntime) => boolean;
}

/** The peer of an incoming connection; undefined: it has been refused. */
export function createAdmission(options: AdmissionOptions): (incoming: IncomingConnection) => PeerRuntime | undefined {
  const { log, transport } = options;
  const fold = createFolding(options.clock, REPEAT_MS);

  /** Folded by what it is about: many addresses of one range, and one address again and again, are each one line. */
  function refuse({ id, remote }: IncomingConnection, { reason, peer, notification }: Refusal): undefined {
    const from = formatAddress(remote.address);
    if (notification) transport.write(id, encodeNotification(notification));
    transport.close(id, notification !== undefined);
    const repeats = fold(notification ? reason : from);
    if (repeats === undefined) return;
    log("info", "connection refused", {
      from,
      reason,
      ...(peer === undefined ? {} : { peer }),
      ...(repeats > 0 ? { repeats } : {}),
    });
  }

  return (incoming) => {
    const peer = options.admit(incoming);
    if ("reason" in peer) return refuse(incoming, peer);
    const { name } = peer.config;
    const far = tooFar(incoming, options.connectSpec(peer).minTtl);
    if (far !== undefined) return refuse(incoming, { reason: far, peer: name });
    if (placeForIncoming(peer.session) || (peer.active && options.givesUp(peer))) return peer;
    return refuse(incoming, { reason: "a connection from this peer is open already", peer: name });
  };
}

/** Why a connection is refused by GTSM (RFC 5082): the kernel looks at what comes after the handshake only. */
function tooFar({ ttl }: IncomingConnection, minTtl: number | undefined): string | undefined {
  if (minTtl === undefined || ttl === undefined || ttl >= minTtl) return undefined;
  return `its handshake arrived with TTL ${ttl}, less than ${minTtl}: ttlSecurity takes it to be from farther away, or the peer sends another TTL than 255`;
}

/**
 * What the router needs from outside. `io` implements these on the operating system, the simulation in memory.
 */
import type { Address } from "../ip/address.ts";

/** Chosen by the router for outgoing connections, by the transport (negative) for incoming ones. */
export type ConnectionId = number;

export interface Endpoint {
  readonly address: Address;
  readonly port: number;
}

export interface ConnectSpec {
  readonly remote: Endpoint;
  /** Source address to bind to. */
  readonly local?: Address;
  readonly interface?: string;
  /** TCP-MD5 key (RFC 2385), at most 80 octets. */
  readonly md5Key?: string;
  /** IP_TTL; undefined is the system's. */
  readonly ttl?: number;
  /** GTSM: the least TTL accepted (RFC 5082). */
  readonly minTtl?: number;
}

/** One listening socket's keys: which remote addresses must sign, and how. The longest prefix counts. */
export interface ListenerKey {
  readonly remote: Address;
  readonly prefixLength?: number;
  /** Where the device is a VRF, the key is for what arrives in it only; elsewhere keys go by address alone. */
  readonly interface?: string;
  readonly md5Key: string;
}

export interface ListenSpec {
  readonly local: Endpoint;
  /** Accept only what arrives on this interface. */
  readonly interface?: string;
  readonly keys: readonly ListenerKey[];
  /** The least TTL that a SYN may have (RFC 5082), where all who may connect use it; undefined takes any. */
  readonly minTtl?: number;
}

/** What the kernel knows of a connection beyond its octets. */
export interface ConnectionHealth {
  /** Segments that the kernel has dropped on arrival, for whatever reason; only grows. */
  readonly dropped: number;
  /** Times the oldest unacknowledged segment has been sent again. */
  readonly retransmits: number;
  /** Segments sent that the peer has not acknowledged. */
  readonly unacknowledged: number;
}

/** Segments refused in the whole network namespace since it began, by whatever program's connection. */
export interface RefusedSegments {
  /** A TCP-MD5 signature was expected and there was none. */
  readonly unsigned: number;
  /** There was a signature though no key is set for the sender. */
  readonly unexpected: number;
  /** The signature did not match: the keys differ. */
  readonly mismatched: number;
  /** Of too low a TTL (RFC 5082). */
  readonly fromAfar: number;
}

/** TCP as the router sees it. Calls never throw and never raise an event before they return; failures arrive as events. */
export interface Transport {
  /**
   * Replaces the set of listeners: unchanged sockets stay, keys are added and removed on the live socket. A listener
   * that failed is tried again by the next call.
   */
  listen(listeners: readonly ListenSpec[]): void;
  connect(id: ConnectionId, spec: ConnectSpec): void;
  /**
   * Queues bytes. They are shared with other connections and must not change afterwards. Returns false when the
   * connection's buffer is above its high mark: write no more until `writable`.
   */
  write(id: ConnectionId, bytes: Uint8Array): boolean;
  /** Octets queued that the kernel has not accepted. */
  pending(id: ConnectionId): number;
  /** Octets the kernel has accepted since the connection came up, for the send hold timer (RFC 9687). */
  accepted(id: ConnectionId): number;
  /** Octets have arrived that no `data` event has shown yet: such a session is not expired by its hold timer. */
  hasUnread(id: ConnectionId): boolean;
  /**
   * TTL sent and least TTL accepted (RFC 5082) from now on, for an incoming connection once its peer is known; until
   * then it sends 255 and accepts what its listener does. Undefined is the system's TTL, and any that arrives.
   */
  setTtl(id: ConnectionId, ttl: number | undefined, minTtl: number | undefined): void;
  /** Binds an incoming connection to the device once its peer is known. */
  setInterface(id: ConnectionId, device: string): void;
  /**
   * Replaces the TCP-MD5 key of a connection that has one, or removes it; what has not been acknowledged is signed anew.
   * False when the system refuses.
   */
  setKey(id: ConnectionId, md5Key: string | undefined): boolean;
  /** Undefined where nothing is known. */
  health(id: ConnectionId): ConnectionHealth | undefined;
  refused(): RefusedSegments | undefined;
  pauseReading(id: ConnectionId): void;
  resumeReading(id: ConnectionId): void;
  /** With `flush`, what is queued is sent first and the peer's FIN awaited for a while; else closed at once. */
  close(id: ConnectionId, flush: boolean): void;
}

export type TransportEvent =
  | { readonly kind: "connected"; readonly id: ConnectionId; readonly local: Endpoint; readonly remote: Endpoint }
  /** `id` is negative and unknown to the router until now. */
  | IncomingConnection
  /** A read chunk. `bytes` are valid only during `handle`; who keeps them copies them. */
  | { readonly kind: "data"; readonly id: ConnectionId; readonly bytes: Uint8Array }
  | { readonly kind: "writable"; readonly id: ConnectionId }
  /** Failed to connect, or closed by the peer or the system; not sent after our own `close`. */
  | { readonly kind: "closed"; readonly id: ConnectionId; readonly reason: string }
  | {
      readonly kind: "listenFailed";
      readonly local: Endpoint;
      readonly interface?: string;
      readonly reason: string;
    };

export interface IncomingConnection {
  readonly kind: "incoming";
  readonly id: ConnectionId;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** Where the handshake arrived, and the TTL it had then; undefined where the system does not tell. */
  readonly interface?: string;
  readonly ttl?: number;
}

export interface Clock {
  /** Monotonic milliseconds; the origin is arbitrary. */
  nowMs(): number;
  /** Milliseconds since 1970, for showing only. */
  wallMs(): number;
  /** Runs once after the delay; returns its own cancel. */
  after(delayMs: number, run: () => void): () => void;
  /** Runs soon, after sockets and timers had their turn (setImmediate). */
  soon(run: () => void): void;
}

/** Survives the process, not the computer: by it a process knows that it takes over from another (RFC 4724 §4.1). */
export interface RestartMemory {
  /** What the process before wrote last, and how long ago; undefined: there was none, or it ended for good. */
  readonly previous: { readonly text: string; readonly ageMs: number } | undefined;
  /** Replaces it, soon. */
  save(text: string): void;
  /** Removes it: the next process starts cold. */
  forget(): void;
}

/** Uniform in [0, 1). */
export type Random = () => number;

export type LogLevel = "debug" | "info" | "warn" | "error";
/** One line per event: `event` is a short fixed name, fields are peer, reason, from, to and the like. */
export type Log = (level: LogLevel, event: string, fields: Readonly<Record<string, unknown>>) => void;

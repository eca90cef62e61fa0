import type { Socket } from "node:net";
import type { ConnectionId } from "../../daemon/ports.ts";
import type { Address } from "../../ip/address.ts";
import { sendNow } from "./native.ts";
import { Reader } from "./read-turns.ts";

export interface WriteLimits {
  /** Above this many octets that the kernel has not taken, the router is asked to stop. */
  readonly highMarkOctets: number;
  /** At or below it, the router is told that it may go on. */
  readonly lowMarkOctets: number;
}

/** Most octets and buffers handed to the kernel by one call. */
const BATCH_OCTETS = 256 * 1024;
const BATCH_BUFFERS = 256;
/**
 * Up to this many buffers are offered to the kernel directly. It nearly always takes them, and then a write costs little
 * beside its system call; through the stream it costs a request, two callbacks and their garbage as well.
 */
const DIRECT_BUFFERS = 4;

/** The undocumented part of a socket that we read; each member may be missing and then counts as unknown. */
interface Handle {
  readonly fd?: number;
  readonly writeQueueSize?: number;
}

export function handleOf(socket: Socket): Handle | undefined {
  return (socket as unknown as { _handle?: Handle | null })._handle ?? undefined;
}

/**
 * One TCP connection: the queue of shared buffers that wait for the kernel, and its place in the reading rounds.
 * Never holds a copy of what is written.
 */
export class Connection {
  readonly id: ConnectionId;
  readonly socket: Socket;
  readonly reader: Reader;
  /** The other end; of an attempt the one that it is for. */
  readonly remote: Address;
  readonly #limits: WriteLimits;
  readonly #onWritable: (connection: Connection) => void;
  /** Device by which it came in: a VRF has keys of its own. */
  vrf: string | undefined;
  /** Connecting is over and it succeeded. */
  up = false;
  /** Our own close: no more events. */
  closing = false;
  /** Waits in the transport's list of connections to flush. */
  dirty = false;
  #queue: Uint8Array[] = [];
  #head = 0;
  #queuedOctets = 0;
  #dispatchedOctets = 0;
  #writing = false;
  #blocked = false;
  #ending = false;

  constructor(
    id: ConnectionId,
    socket: Socket,
    remote: Address,
    limits: WriteLimits,
    onWritable: (connection: Connection) => void,
    up: boolean,
  ) {
    this.id = id;
    this.socket = socket;
    this.remote = remote;
    this.reader = new Reader(socket);
    this.#limits = limits;
    this.#onWritable = onWritable;
    this.up = up;
  }

  get fd(): number {
    return handleOf(this.socket)?.fd ?? -1;
  }

  /** Octets that the kernel has not accepted. */
  pending(): number {
    return this.#queuedOctets + this.#inLibrary();
  }

  /** Octets that the kernel has accepted. */
  accepted(): number {
    return this.#dispatchedOctets - this.#inLibrary();
  }

  /** Of what was dispatched, the part that libuv still holds. */
  #inLibrary(): number {
    return this.#writing ? (handleOf(this.socket)?.writeQueueSize ?? 0) : 0;
  }

  /** Queues bytes; false above the high mark. They go out at the next `flush`. */
  enqueue(bytes: Uint8Array): boolean {
    this.#queue.push(bytes);
    this.#queuedOctets += bytes.length;
    if (this.pending() > this.#limits.highMarkOctets) this.#blocked = true;
    return !this.#blocked;
  }

  /** Hands the next batch to the kernel; the batches after it follow by themselves. */
  flush(): void {
    if (this.#writing || !this.up || this.socket.destroyed) return;
    if (this.#queue.length - this.#head <= DIRECT_BUFFERS) this.#sendDirectly();
    if (this.#head === this.#queue.length) {
      if (this.#ending) this.socket.end();
      else this.#tellWritable();
      return;
    }
    this.#writing = true;
    this.socket.cork();
    const first = this.#head;
    let octets = 0;
    while (this.#head < this.#queue.length && octets < BATCH_OCTETS && this.#head - first < BATCH_BUFFERS) {
      const bytes = this.#queue[this.#head++]!;
      octets += bytes.length;
      const last = this.#head === this.#queue.length || octets >= BATCH_OCTETS || this.#head - first === BATCH_BUFFERS;
      if (last) this.socket.write(bytes, this.#written);
      else this.socket.write(bytes);
    }
    this.#queuedOctets -= octets;
    this.#dispatchedOctets += octets;
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    } else if (this.#head >= 1024) {
      this.#queue.splice(0, this.#head);
      this.#head = 0;
    }
    this.socket.uncork();
  }

  /** Offers the queue to the kernel; what it does not take stays. Nothing may be under way through the stream. */
  #sendDirectly(): void {
    const { fd } = this;
    if (fd < 0) return;
    const queue = this.#queue;
    while (this.#head < queue.length) {
      const bytes = queue[this.#head]!;
      const sent = sendNow(fd, bytes, this.#head + 1 < queue.length);
      // Whether it has to wait or the connection has failed, the stream finds out.
      if (sent < 0) return;
      this.#queuedOctets -= sent;
      this.#dispatchedOctets += sent;
      if (sent < bytes.length) {
        queue[this.#head] = bytes.subarray(sent);
        return;
      }
      this.#head++;
    }
    queue.length = 0;
    this.#head = 0;
  }

  /** Sends what is queued and then FIN. */
  end(): void {
    this.#ending = true;
    this.flush();
  }

  readonly #written = (error?: Error | null): void => {
    this.#writing = false;
    if (error) return; // the socket's own error event tells why
    this.flush();
    this.#tellWritable();
  };

  #tellWritable(): void {
    if (!this.#blocked || this.closing || this.pending() > this.#limits.lowMarkOctets) return;
    this.#blocked = false;
    this.#onWritable(this);
  }
}

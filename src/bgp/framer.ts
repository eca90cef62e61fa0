import { ERROR, HEADER_OCTETS, MAX_MESSAGE_OCTETS, MESSAGE } from "./iana.ts";
import type { Notification } from "./notification.ts";
import { cut } from "./octets.ts";

/** Least length by message type (RFC 4271 §6.1); 0 where the type is unknown. */
const MIN_OCTETS = new Uint8Array(256);
for (const { code, minOctets } of Object.values(MESSAGE)) MIN_OCTETS[code] = minOctets;

/** A buffer for partial messages larger than this is given back once it is empty. */
const KEPT_OCTETS = 4096;

/**
 * Cuts a TCP stream into messages wherever the reads were cut. Usage: `push` a read chunk, then `next` until it says
 * false. After `next` said true the message is `bytes[bodyAt, bodyEnd)`, header excluded, until the following call.
 *
 * Whole messages are looked at in place, in the chunk; only a trailing partial message is copied. The chunk is
 * therefore only needed until `next` says false; who stops before that calls `retain`, and may go on at any time.
 * What is retained grows with what is pushed: whoever stops early also stops reading.
 */
export interface Framer {
  /** Where the present message stands: the chunk pushed, or the framer's own buffer. */
  bytes: Uint8Array;
  /** Message type of the header (iana.ts MESSAGE). */
  type: number;
  bodyAt: number;
  bodyEnd: number;
  /** Set when the stream is broken; `next` says false from then on. To be sent as NOTIFICATION code 1 (RFC 4271 §6.1). */
  fault: Notification | undefined;
  /** Octets pushed and not yet handed out, a partial message included. */
  readonly pendingOctets: number;
  /** `maxOctets`: longest UPDATE, NOTIFICATION and ROUTE-REFRESH: 4096, or 65535 when we advertised RFC 8654. */
  push(chunk: Uint8Array, maxOctets: number): void;
  next(): boolean;
  /** Copies what has not been handed out, so that the chunk may be reused. Ends the view of the present message. */
  retain(): void;
}

export function createFramer(): Framer {
  return new StreamFramer();
}

const NOTHING = new Uint8Array();

/** A class, as V8 keeps its fields unboxed and its methods inlined. */
class StreamFramer implements Framer {
  bytes: Uint8Array = NOTHING;
  type = 0;
  bodyAt = 0;
  bodyEnd = 0;
  fault: Notification | undefined = undefined;
  #maxOctets = MAX_MESSAGE_OCTETS;
  /** The chunk pushed, unread from #at on. */
  #chunk: Uint8Array = NOTHING;
  #at = 0;
  /** Octets that came before the chunk and are still to be handed out: #held[#heldAt, #heldEnd). */
  #held: Uint8Array = NOTHING;
  #heldAt = 0;
  #heldEnd = 0;

  get pendingOctets(): number {
    return this.#heldEnd - this.#heldAt + this.#chunk.length - this.#at;
  }

  push(chunk: Uint8Array, maxOctets: number): void {
    if (this.#at < this.#chunk.length) this.retain();
    // Node's buffers are a subclass: one plain view a chunk keeps every loop behind this point monomorphic.
    const plain = chunk.constructor === Uint8Array;
    this.#chunk = plain ? chunk : new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
    this.#at = 0;
    this.#maxOctets = maxOctets;
  }

  next(): boolean {
    if (this.fault !== undefined) return false;
    if (this.#heldEnd > this.#heldAt) return this.#nextHeld();
    const left = this.#chunk.length - this.#at;
    if (left >= HEADER_OCTETS) {
      const octets = this.#checkHeader(this.#chunk, this.#at);
      if (octets === 0) return false;
      if (octets <= left) {
        this.#hand(this.#chunk, this.#at, octets);
        this.#at += octets;
        return true;
      }
    }
    this.retain();
    return false;
  }

  retain(): void {
    this.#pull(this.#chunk.length - this.#at);
    this.#chunk = NOTHING;
    this.#at = 0;
  }

  /** The message that began in an earlier chunk, completed with no more of this one than it needs. */
  #nextHeld(): boolean {
    if (!this.#hold(HEADER_OCTETS)) return false;
    const octets = this.#checkHeader(this.#held, this.#heldAt);
    if (octets === 0 || !this.#hold(octets)) return false;
    this.#hand(this.#held, this.#heldAt, octets);
    this.#heldAt += octets;
    return true;
  }

  /** Sees to it that `octets` are held, if they have arrived. */
  #hold(octets: number): boolean {
    const missing = octets - (this.#heldEnd - this.#heldAt);
    if (missing > 0) this.#pull(Math.min(missing, this.#chunk.length - this.#at));
    return this.#heldEnd - this.#heldAt >= octets;
  }

  /** Moves `octets` from the chunk to the end of what is held. */
  #pull(octets: number): void {
    if (octets === 0) return;
    const kept = this.#heldEnd - this.#heldAt;
    if (kept === 0) {
      this.#heldAt = 0;
      this.#heldEnd = 0;
      if (this.#held.length > KEPT_OCTETS && octets <= KEPT_OCTETS) this.#held = NOTHING;
    }
    if (this.#heldEnd + octets > this.#held.length) {
      const room = Math.max(256, 2 ** Math.ceil(Math.log2(kept + octets)));
      const larger = new Uint8Array(room);
      larger.set(this.#held.subarray(this.#heldAt, this.#heldEnd));
      this.#held = larger;
      this.#heldAt = 0;
      this.#heldEnd = kept;
    }
    this.#held.set(this.#chunk.subarray(this.#at, this.#at + octets), this.#heldEnd);
    this.#heldEnd += octets;
    this.#at += octets;
  }

  #hand(bytes: Uint8Array, at: number, octets: number): void {
    this.bytes = bytes;
    this.type = bytes[at + 18]!;
    this.bodyAt = at + HEADER_OCTETS;
    this.bodyEnd = at + octets;
  }

  /** The message's length, or 0 with `fault` set (RFC 4271 §6.1). The 19 octets of the header are there. */
  #checkHeader(bytes: Uint8Array, at: number): number {
    let marker = 0xff;
    for (let i = at; i < at + 16; i++) marker &= bytes[i]!;
    if (marker !== 0xff) return this.#fail(ERROR.header.sub.notSynchronized, NOTHING);
    const octets = (bytes[at + 16]! << 8) | bytes[at + 17]!;
    if (octets < HEADER_OCTETS || octets > this.#maxOctets) return this.#badLength(bytes, at);
    const type = bytes[at + 18]!;
    const least = MIN_OCTETS[type]!;
    if (least === 0) return this.#fail(ERROR.header.sub.badType, Uint8Array.of(type));
    if (octets < least) return this.#badLength(bytes, at);
    if (type === MESSAGE.keepalive.code && octets !== HEADER_OCTETS) return this.#badLength(bytes, at);
    if (type === MESSAGE.open.code && octets > MAX_MESSAGE_OCTETS) return this.#badLength(bytes, at);
    return octets;
  }

  #badLength(bytes: Uint8Array, at: number): 0 {
    return this.#fail(ERROR.header.sub.badLength, cut(bytes, at + 16, at + 18));
  }

  #fail(subcode: number, data: Uint8Array): 0 {
    this.fault = { code: ERROR.header.code, subcode, data };
    return 0;
  }
}

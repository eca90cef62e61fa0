import type { Address } from "../ip/address.ts";
import type { ForwardingHop } from "./fib.ts";
import { RTN, RTNH_F_ONLINK } from "./rtnetlink.ts";

/**
 * A way is what a route does, without its identity: type, scope, preferred source and the sorted set of next hops.
 * Few ways serve many routes, so a route's row holds a small integer. 0 is none.
 *
 * A way's words:
 *
 *     0      rtm_type | rtm_scope << 8 | octets of the preferred source << 16
 *     1..4   preferred source
 *     5      number of hops
 *     then for each hop, HOP_WORDS:
 *     +0     octets of the gateway | RTNH_F_ONLINK << 8 | weight-1 << 16
 *     +1..4  gateway
 *     +5     interface index, 0 when the kernel shall look it up
 */
export type WayId = number;

export const WAY_HEAD = 6;
export const HOP_WORDS = 6;
/** Next hops of one route that we look at; the kernel's own limit is what fits an attribute. */
const MAX_HOPS = 512;

export class Ways {
  /** The way being put together: begin, source, hop..., intern. */
  private readonly scratch = new Int32Array(WAY_HEAD + HOP_WORDS * MAX_HOPS);
  private length = 0;
  private last: WayId = 0;
  private readonly wordsOf: Int32Array[] = [new Int32Array(WAY_HEAD)];
  private readonly refs: number[] = [0];
  private readonly hashes: number[] = [0];
  private readonly sameHash: WayId[] = [0];
  private readonly views: (readonly ForwardingHop[] | undefined)[] = [undefined];
  private readonly heads = new Map<number, WayId>();
  private readonly free: WayId[] = [];

  /** Live ways. */
  get size(): number {
    return this.wordsOf.length - 1 - this.free.length;
  }

  begin(type: number, scope: number): void {
    const s = this.scratch;
    s[0] = type | (scope << 8);
    s[1] = s[2] = s[3] = s[4] = s[5] = 0;
    this.length = WAY_HEAD;
  }

  source(bytes: Uint8Array, at: number, octets: number): void {
    this.scratch[0] = (this.scratch[0]! & 0xffff) | (octets << 16);
    putAddress(this.scratch, 1, bytes, at, octets);
  }

  /** Adds a hop; `octets` is 0 without a gateway. Hops beyond MAX_HOPS are left out. */
  hop(octets: number, bytes: Uint8Array, at: number, ifindex: number, flags: number, weight: number): void {
    const s = this.scratch;
    if (s[5]! >= MAX_HOPS) return;
    const to = this.length;
    s[to] = octets | ((flags & RTNH_F_ONLINK) << 8) | ((weight - 1) << 16);
    putAddress(s, to + 1, bytes, at, octets);
    s[to + 5] = ifindex;
    s[5]!++;
    this.length = to + HOP_WORDS;
  }

  /** The id of the way put together, retained once for the caller. */
  intern(): WayId {
    const s = this.scratch;
    // What is not forwarded has no hops; the kernel shows the loopback interface on IPv6 ones.
    if ((s[0]! & 0xff) !== RTN.unicast) {
      s[5] = 0;
      this.length = WAY_HEAD;
    }
    const hops = s[5]!;
    if (hops === 1) s[WAY_HEAD]! &= 0xffff;
    else if (hops > 1) sortHops(s, hops);
    // Neighbouring routes of a dump mostly share their way.
    if (this.last !== 0 && this.equalsScratch(this.last)) {
      this.refs[this.last]!++;
      return this.last;
    }
    return this.lookUp();
  }

  private lookUp(): WayId {
    let hash = 0;
    for (let i = 0; i < this.length; i++) hash = Math.imul(hash ^ this.scratch[i]!, 0x9e3779b1) ^ (hash >>> 15);
    for (let id = this.heads.get(hash) ?? 0; id !== 0; id = this.sameHash[id]!)
      if (this.equalsScratch(id)) {
        this.refs[id]!++;
        this.last = id;
        return id;
      }
    const id = this.free.pop() ?? this.wordsOf.length;
    this.wordsOf[id] = this.scratch.slice(0, this.length);
    this.refs[id] = 1;
    this.hashes[id] = hash;
    this.sameHash[id] = this.heads.get(hash) ?? 0;
    this.views[id] = undefined;
    this.heads.set(hash, id);
    this.last = id;
    return id;
  }

  private equalsScratch(id: WayId): boolean {
    const words = this.wordsOf[id]!;
    if (words.length !== this.length) return false;
    for (let i = 0; i < words.length; i++) if (words[i] !== this.scratch[i]) return false;
    return true;
  }

  retain(id: WayId): void {
    this.refs[id]!++;
  }

  release(id: WayId): void {
    if (id === 0 || --this.refs[id]! > 0) return;
    const hash = this.hashes[id]!;
    const head = this.heads.get(hash)!;
    if (head !== id) {
      let before = head;
      while (this.sameHash[before] !== id) before = this.sameHash[before]!;
      this.sameHash[before] = this.sameHash[id]!;
    } else if (this.sameHash[id] === 0) this.heads.delete(hash);
    else this.heads.set(hash, this.sameHash[id]!);
    if (this.last === id) this.last = 0;
    this.wordsOf[id] = this.wordsOf[0]!;
    this.views[id] = undefined;
    this.free.push(id);
  }

  words(id: WayId): Int32Array {
    return this.wordsOf[id]!;
  }

  type(id: WayId): number {
    return this.wordsOf[id]![0]! & 0xff;
  }

  scope(id: WayId): number {
    return (this.wordsOf[id]![0]! >> 8) & 0xff;
  }

  hopCount(id: WayId): number {
    return this.wordsOf[id]![5]!;
  }

  /** True when the kernel's way is what was asked for: where the wish names no interface, any will do. */
  covers(wanted: WayId, actual: WayId): boolean {
    if (wanted === actual) return true;
    const w = this.wordsOf[wanted]!;
    const a = this.wordsOf[actual]!;
    if (w.length !== a.length || (w[0]! & 0xff00ff) !== (a[0]! & 0xff00ff)) return false;
    for (let i = 1; i < w.length; i++) {
      if (w[i] === a[i]) continue;
      const isIfindex = i >= WAY_HEAD && (i - WAY_HEAD) % HOP_WORDS === HOP_WORDS - 1;
      if (!isIfindex || w[i] !== 0) return false;
    }
    return true;
  }

  /** True when every hop of `part` is one of `whole` and there are more in `whole`. */
  isPart(part: WayId, whole: WayId): boolean {
    const p = this.wordsOf[part]!;
    const w = this.wordsOf[whole]!;
    if (p[5] === 0 || p[5]! >= w[5]!) return false;
    for (let at = WAY_HEAD; at < p.length; at += HOP_WORDS) if (findHop(w, p, at) < 0) return false;
    return true;
  }

  /** `whole` without the hops of `part`, retained; 0 when none is left. */
  without(whole: WayId, part: WayId): WayId {
    const w = this.wordsOf[whole]!;
    const p = this.wordsOf[part]!;
    const s = this.scratch;
    s.set(w.subarray(0, WAY_HEAD));
    s[5] = 0;
    this.length = WAY_HEAD;
    for (let at = WAY_HEAD; at < w.length; at += HOP_WORDS) {
      if (findHop(p, w, at) >= 0) continue;
      s.set(w.subarray(at, at + HOP_WORDS), this.length);
      s[5]!++;
      this.length += HOP_WORDS;
    }
    return s[5] === 0 ? 0 : this.intern();
  }

  /** Whether the kernel drops an IPv4 route of this way when the links for which `isDown` holds go down. */
  diesWith(id: WayId, isDown: (ifindex: number) => boolean): boolean {
    const w = this.wordsOf[id]!;
    for (let at = WAY_HEAD; at < w.length; at += HOP_WORDS) if (!isDown(w[at + 5]!)) return false;
    return w.length > WAY_HEAD;
  }

  /** A hop leaves the choice of interface to the kernel: then we cannot tell which link carries it. */
  isOpen(id: WayId): boolean {
    const w = this.wordsOf[id]!;
    for (let at = WAY_HEAD; at < w.length; at += HOP_WORDS) if (w[at + 5] === 0) return true;
    return false;
  }

  prefSrc(id: WayId): Address | undefined {
    const w = this.wordsOf[id]!;
    return addressOf(w, 1, (w[0]! >> 16) & 0xff);
  }

  /** The hops as the router sees them; one array per way, shared. */
  hops(id: WayId): readonly ForwardingHop[] {
    const known = this.views[id] ?? viewHops(this.wordsOf[id]!);
    this.views[id] = known;
    return known;
  }

  /** Calls `visit` for every live way. */
  forEach(visit: (id: WayId) => void): void {
    for (let id = 1; id < this.wordsOf.length; id++) if (this.refs[id]! > 0) visit(id);
  }
}

function viewHops(words: Int32Array): readonly ForwardingHop[] {
  const hops: ForwardingHop[] = [];
  for (let at = WAY_HEAD; at < words.length; at += HOP_WORDS) {
    const gateway = addressOf(words, at + 1, words[at]! & 0xff);
    hops.push({
      ifindex: words[at + 5]!,
      ...(gateway && { gateway }),
      ...((words[at]! >> 8) & RTNH_F_ONLINK && { onlink: true }),
      ...(words[at]! >>> 16 !== 0 && { weight: (words[at]! >>> 16) + 1 }),
    });
  }
  return hops;
}

function putAddress(words: Int32Array, to: number, bytes: Uint8Array, at: number, octets: number): void {
  words[to + 1] = words[to + 2] = words[to + 3] = words[to] = 0;
  for (let i = 0; i < octets; i++) words[to + (i >> 2)]! |= bytes[at + i]! << (8 * (i & 3));
}

/** Writes the octets of an address kept as words; returns the offset behind. */
export function writeAddressWords(
  words: Int32Array,
  from: number,
  octets: number,
  out: Uint8Array,
  at: number,
): number {
  for (let i = 0; i < octets; i++) out[at + i] = words[from + (i >> 2)]! >> (8 * (i & 3));
  return at + octets;
}

function addressOf(words: Int32Array, from: number, octets: number): Address | undefined {
  if (octets === 0) return undefined;
  const bytes = new Uint8Array(octets);
  writeAddressWords(words, from, octets, bytes, 0);
  return { family: octets === 4 ? "ipv4" : "ipv6", bytes };
}

/** Where `words` holds a hop equal to the one at `at` of `other`, weights aside; -1 when nowhere. */
function findHop(words: Int32Array, other: Int32Array, at: number): number {
  for (let i = WAY_HEAD; i < words.length; i += HOP_WORDS) {
    let same = (words[i]! & 0xff) === (other[at]! & 0xff);
    for (let k = 1; same && k < HOP_WORDS; k++) same = words[i + k] === other[at + k];
    if (same) return i;
  }
  return -1;
}

/** Insertion sort: sets are small and the kernel mostly gives them back in the order we wrote. */
function sortHops(words: Int32Array, hops: number): void {
  for (let i = 1; i < hops; i++)
    for (let k = i; k > 0 && compareHops(words, WAY_HEAD + k * HOP_WORDS) < 0; k--)
      swapHop(words, WAY_HEAD + k * HOP_WORDS);
}

/** Compares the hop at `at` with the one before it. The interface decides last, as a wish may leave it open. */
function compareHops(words: Int32Array, at: number): number {
  for (let k = 0; k < HOP_WORDS; k++) {
    const difference = words[at + k]! - words[at - HOP_WORDS + k]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

function swapHop(words: Int32Array, at: number): void {
  for (let k = at; k < at + HOP_WORDS; k++) {
    const other = words[k - HOP_WORDS]!;
    words[k - HOP_WORDS] = words[k]!;
    words[k] = other;
  }
}

import {
  type Address,
  type Family,
  formatAddress,
  isLinkLocalAt,
  isMartian,
  octetsOf,
  sameAddress,
} from "../ip/address.ts";
import { HashIndex, mix } from "../ip/hash-index.ts";
import { contains, type Prefix } from "../ip/prefix.ts";
import { reserveWords } from "../ip/reserve.ts";
import { type Resolver, resolutionKey, resolve, sameResolution } from "./resolve.ts";
import { type ResolvingRoute, RouteTable, STATIC_PROTOCOL } from "./route-table.ts";
import type { NextHopId, NextHops, Resolution } from "./types.ts";

const STRIDE = 4;
const STATE = 0;
const COST = 1;
const HOLDERS = 2;
const HASH = 3;

const LIVE = 1;
const REACHABLE = 2;
const CHANGED = 4;
const DIRECT = 8;
/** The address is one of this machine's. */
const OWN = 16;
/** No host has the address. */
const MARTIAN = 32;

/** Beyond this many changed prefixes every next hop is resolved again rather than compared with each. */
const FEW = 32;

/**
 * What an address was interned for; one address may have an id for each. `direct` counts only while it is on a connected
 * subnet (`gateway direct`); `chosen` was set by an export policy and is announced as it is.
 */
const USE = { any: 0, direct: 1, chosen: 2 } as const;
type HopUse = (typeof USE)[keyof typeof USE];

/** What a next hop was interned for. */
interface Hop {
  readonly address: Address | undefined;
  /** Scope of a link-local address; 0 otherwise. */
  readonly ifindex: number;
  readonly use: HopUse;
  /** Without an address: where it stands among the fixed ones. */
  readonly fixedKey?: string;
}

export interface NextHopOptions {
  readonly maxNextHops: number;
  /** Routes of each family by which next hops are resolved. */
  readonly maxRoutes: number;
  /** The address as operators know it, with the interface's name; for what `explain` says. */
  readonly interfaceName?: (ifindex: number) => string | undefined;
}

/**
 * Next hops, each with how it is reached at present (DESIGN 3.6). Changes of routes, links and our own addresses are
 * noted at once and take effect by `refresh`; the ids whose resolution changed then answer `isChanged` until `settle`,
 * so that the RIBs can select again in slices. Ids that no attribute set holds are forgotten at the end of a refresh.
 */
export class NextHopTable implements NextHops {
  private readonly rows: Int32Array;
  private readonly bound: number;
  private readonly hops: (Hop | undefined)[] = [];
  private readonly resolutions: Resolution[] = [];
  private readonly index = new HashIndex();
  private readonly routes: Record<Family, RouteTable>;
  /** Next hops without an address, by how they are reached. */
  private readonly fixedIds = new Map<string, NextHopId>();
  private readonly own = new Map<string, Address>();
  private readonly downLinks = new Set<number>();
  private readonly freeIds: NextHopId[] = [];
  /** Names of the interfaces by which ids resolve, as policies were told them; undefined: not asked for. */
  private readonly names: (readonly string[] | undefined)[] = [];
  /** What the interfaces among them were called; "" for one that had no name yet. */
  private readonly toldNames = new Map<number, string>();
  private readonly nameOf: (ifindex: number) => string | undefined;
  private readonly resolver: Resolver;
  private next: NextHopId = 1;
  private touched: Prefix[] = [];
  private allTouched = false;
  private cursor = 0;
  /** The IPv4 next hop interned last, as a number, and its id (0: none): UPDATEs of one session mostly repeat it. */
  private lastAddress = 0;
  private lastId: NextHopId = 0;
  /** Ids that were resolved differently by refreshes since the last `settle`. */
  changedCount = 0;
  size = 0;
  /** Ids that nobody holds. */
  idle = 0;
  /** Moves on when an id is forgotten, or resolved differently: what others remember by id counts no longer. */
  version = 0;

  constructor(options: NextHopOptions) {
    this.bound = options.maxNextHops + 1;
    this.rows = reserveWords(this.bound * STRIDE);
    this.routes = {
      ipv4: new RouteTable("ipv4", options.maxRoutes),
      ipv6: new RouteTable("ipv6", options.maxRoutes),
    };
    this.nameOf = options.interfaceName ?? (() => undefined);
    this.resolver = {
      lookUp: (address) => this.routes[address.family].lookUp(address.bytes),
      isOwn: (address) => this.own.has(keyOf(address)),
      isDown: (ifindex) => this.downLinks.has(ifindex),
      interfaceName: (ifindex) => this.nameOf(ifindex) ?? `interface ${ifindex}`,
    };
  }

  /**
   * The id of a next hop; 0 at the bound. `ifindex` counts for link-local addresses only. With `direct` it is reachable
   * only while on a connected subnet. The id is good until the next `refresh` unless a set or `hold` keeps it.
   */
  intern(family: Family, bytes: Uint8Array, at: number, ifindex: number, direct = false): NextHopId {
    if (family === "ipv6" || direct) return this.find(family, bytes, at, ifindex, direct ? USE.direct : USE.any);
    const address = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
    if (this.lastId !== 0 && address === this.lastAddress) return this.lastId;
    this.lastAddress = address;
    this.lastId = this.find(family, bytes, at, ifindex, USE.any);
    return this.lastId;
  }

  /** The id of an address that an export policy sets; 0 at the bound. */
  chosen(address: Address): NextHopId {
    return this.find(address.family, address.bytes, 0, 0, USE.chosen);
  }

  isChosen(id: NextHopId): boolean {
    return this.hops[id]?.use === USE.chosen;
  }

  private find(family: Family, bytes: Uint8Array, at: number, ifindex: number, use: HopUse): NextHopId {
    const octets = octetsOf(family);
    const linkLocal = family === "ipv6" && isLinkLocalAt(bytes, at);
    const scope = linkLocal ? ifindex : 0;
    let hash = scope ^ Math.imul(use, 0x5bd1e995) ^ octets;
    for (let i = 0; i < octets; i += 4)
      hash = mix(
        hash ^ (bytes[at + i]! | (bytes[at + i + 1]! << 8) | (bytes[at + i + 2]! << 16) | (bytes[at + i + 3]! << 24)),
      );
    const slots = this.index.segment(hash);
    const mask = slots.length - 2;
    for (let s = (hash << 1) & mask; slots[s + 1] !== 0; s = (s + 2) & mask)
      if (slots[s] === hash && isHop(this.hops[slots[s + 1]!]!, bytes, at, octets, scope, use)) return slots[s + 1]!;
    const address: Address = { family, bytes: bytes.slice(at, at + octets) };
    const id = this.enter({ address, ifindex: scope, use });
    if (id === 0) return 0;
    this.rows[id * STRIDE + HASH] = hash;
    this.index.insert(hash, id);
    if (isMartian(address)) this.rows[id * STRIDE + STATE]! |= MARTIAN;
    if (this.resolver.isOwn(address)) this.rows[id * STRIDE + STATE]! |= OWN;
    this.store(id, resolve(this.resolver, address, scope, use === USE.direct));
    return id;
  }

  /** Equal ones are one id: local routes that go the same way share their attribute set, and so their messages. */
  fixed(resolution: Resolution): NextHopId {
    const fixedKey = resolutionKey(resolution);
    const known = this.fixedIds.get(fixedKey);
    if (known !== undefined) return known;
    const id = this.enter({ address: undefined, ifindex: 0, use: USE.any, fixedKey });
    if (id === 0) return 0;
    this.fixedIds.set(fixedKey, id);
    this.store(id, resolution);
    return id;
  }

  address(id: NextHopId): Address | undefined {
    return this.hops[id]?.address;
  }

  resolution(id: NextHopId): Resolution {
    const resolution = this.resolutions[id];
    if (!resolution) throw new Error(`Cannot tell how next hop ${id} resolves: no such next hop`);
    return resolution;
  }

  /** In the order of their names. An interface that is not known has none yet. */
  interfaces(id: NextHopId): readonly string[] {
    const known = this.names[id];
    if (known) return known;
    const names = new Set<string>();
    for (const { ifindex } of this.resolution(id).hops) {
      const name = this.nameOf(ifindex) ?? "";
      this.toldNames.set(ifindex, name);
      if (name !== "") names.add(name);
    }
    const sorted = [...names].sort();
    this.names[id] = sorted;
    return sorted;
  }

  /** True when `interfaces` told another name of the interface, or none: what was decided by it counts no longer. */
  linkNamed(ifindex: number, name: string): boolean {
    const told = this.toldNames.get(ifindex);
    if (told === undefined || told === name) return false;
    this.toldNames.clear();
    this.names.length = 0;
    this.version++;
    return true;
  }

  reachable(id: NextHopId): boolean {
    return (this.rows[id * STRIDE + STATE]! & REACHABLE) !== 0;
  }

  cost(id: NextHopId): number {
    return this.rows[id * STRIDE + COST]! >>> 0;
  }

  /** On a connected subnet, or link-local. */
  isDirect(id: NextHopId): boolean {
    return (this.rows[id * STRIDE + STATE]! & DIRECT) !== 0;
  }

  /** Resolved differently since the last `settle`. */
  isChanged(id: NextHopId): boolean {
    return (this.rows[id * STRIDE + STATE]! & CHANGED) !== 0;
  }

  /** The address is one of this machine's. */
  isOwn(id: NextHopId): boolean {
    return (this.rows[id * STRIDE + STATE]! & OWN) !== 0;
  }

  /** No host has the address. */
  isMartian(id: NextHopId): boolean {
    return (this.rows[id * STRIDE + STATE]! & MARTIAN) !== 0;
  }

  hold(id: NextHopId): void {
    if (this.rows[id * STRIDE + HOLDERS]!++ === 0) this.idle--;
  }

  unhold(id: NextHopId): void {
    if (--this.rows[id * STRIDE + HOLDERS]! === 0) this.idle++;
  }

  /**
   * A main-table route of another protocol, or a static route of our own, came, changed or went. Never give it routes
   * that we wrote. False when the table of routes is at its bound.
   */
  routeChanged(route: ResolvingRoute, gone: boolean): boolean {
    this.touch(route.prefix);
    const table = this.routes[route.prefix.family];
    if (!gone) return table.put(route);
    table.remove(route);
    return true;
  }

  /** What `routeChanged` was told of the kernel's routes, in pages; `next` is -1 at the end. */
  kernelRoutes(family: Family, row: number, count: number) {
    const { routes, next } = this.routes[family].page(row, count);
    return { routes: routes.filter(({ protocol }) => protocol !== STATIC_PROTOCOL), next };
  }

  ownAddressChanged(address: Address, gone: boolean): void {
    if (gone) this.own.delete(keyOf(address));
    else this.own.set(keyOf(address), address);
    for (let id = 1; id < this.next; id++) {
      const known = this.hops[id]?.address;
      if (known === undefined || !sameAddress(known, { family: address.family, bytes: address.bytes })) continue;
      const at = id * STRIDE + STATE;
      this.rows[at] = gone ? this.rows[at]! & ~OWN : this.rows[at]! | OWN;
    }
    this.touch({ family: address.family, bytes: address.bytes, length: 8 * address.bytes.length });
  }

  /** Link-local next hops follow their interface; for others the kernel takes the routes away. */
  linkChanged(ifindex: number, up: boolean): void {
    if (up ? this.downLinks.delete(ifindex) : !this.downLinks.has(ifindex)) {
      if (!up) this.downLinks.add(ifindex);
      this.allTouched = true;
    }
  }

  /** Resolves again what the changes may have touched, `budget` ids at most; true when all is done. */
  refresh(budget = Number.POSITIVE_INFINITY): boolean {
    if (this.cursor === 0) {
      this.resolving = this.allTouched ? undefined : this.touched;
      this.touched = [];
      this.allTouched = false;
      this.cursor = 1;
    }
    const end = Math.min(this.next, this.cursor + budget);
    for (let id = this.cursor; id < end; id++) this.refreshOne(id);
    this.cursor = end < this.next ? end : 0;
    return this.cursor === 0;
  }

  /**
   * Forgets what nobody holds among `budget` ids from the cursor on, for the time between refreshes: a peer may name a
   * new next hop in every UPDATE. Returns where to go on, -1 at the end.
   */
  forgetIdle(cursor: number, budget: number): number {
    const end = Math.min(this.next, cursor + budget);
    for (let id = Math.max(cursor, 1); id < end; id++) {
      const hop = this.hops[id];
      if (hop && !this.isKept(id)) this.forget(id, hop);
    }
    return end === this.next ? -1 : end;
  }

  /** All RIBs have selected again by what `refresh` found: nothing counts as changed any more. */
  settle(): void {
    if (this.changedCount === 0) return;
    for (let id = 1; id < this.next; id++) this.rows[id * STRIDE + STATE]! &= ~CHANGED;
    this.changedCount = 0;
  }

  /** What the refresh under way compares with; undefined: all. */
  private resolving: readonly Prefix[] | undefined;

  private refreshOne(id: NextHopId): void {
    const at = id * STRIDE;
    const hop = this.hops[id];
    if (!hop) return;
    if (!this.isKept(id)) {
      this.forget(id, hop);
      return;
    }
    if (hop.address === undefined || !this.isTouched(id, hop.address)) return;
    const old = this.resolutions[id]!;
    const resolution = resolve(this.resolver, hop.address, hop.ifindex, hop.use === USE.direct);
    const direct = (this.rows[at + STATE]! & DIRECT) !== 0;
    if (sameResolution(old, resolution) && direct === resolution.direct) {
      this.resolutions[id] = resolution;
      return;
    }
    const changed = (this.rows[at + STATE]! & CHANGED) === 0;
    this.store(id, resolution);
    this.version++;
    this.rows[at + STATE]! |= CHANGED;
    if (changed) this.changedCount++;
  }

  /** Somebody holds it, or has yet to learn that it resolves differently. */
  private isKept(id: NextHopId): boolean {
    return this.rows[id * STRIDE + HOLDERS] !== 0 || (this.rows[id * STRIDE + STATE]! & CHANGED) !== 0;
  }

  /** The changed prefixes cover the address, or a gateway on the way to it. */
  private isTouched(id: NextHopId, address: Address): boolean {
    const { resolving } = this;
    if (resolving === undefined) return true;
    const gateways = this.resolutions[id]!.hops;
    for (const prefix of resolving) {
      if (contains(prefix, address)) return true;
      for (const { gateway } of gateways) if (gateway !== undefined && contains(prefix, gateway)) return true;
    }
    return false;
  }

  private touch(prefix: Prefix): void {
    if (this.allTouched) return;
    this.touched.push(prefix);
    if (this.touched.length > FEW) {
      this.touched = [];
      this.allTouched = true;
    }
  }

  private enter(hop: Hop): NextHopId {
    if (this.freeIds.length === 0 && this.next === this.bound) this.reclaim();
    const id = this.freeIds.pop() ?? (this.next < this.bound ? this.next++ : 0);
    if (id === 0) return 0;
    this.hops[id] = hop;
    this.rows[id * STRIDE + STATE] = LIVE;
    this.rows[id * STRIDE + HOLDERS] = 0;
    this.size++;
    this.idle++;
    return id;
  }

  /** At the bound, ids that nobody holds go before the next refresh: it may be long in coming. */
  private reclaim(): void {
    for (let id = 1; id < this.next; id++) {
      const hop = this.hops[id];
      if (hop && !this.isKept(id)) this.forget(id, hop);
    }
  }

  private forget(id: NextHopId, hop: Hop): void {
    if (hop.address !== undefined) this.index.remove(this.rows[id * STRIDE + HASH]!, id);
    if (hop.fixedKey !== undefined) this.fixedIds.delete(hop.fixedKey);
    this.hops[id] = undefined;
    if (id === this.lastId) this.lastId = 0;
    this.rows[id * STRIDE + STATE] = 0;
    this.freeIds.push(id);
    this.size--;
    this.idle--;
    this.version++;
  }

  private store(id: NextHopId, resolution: Resolution & { readonly direct?: boolean }): void {
    const at = id * STRIDE;
    this.resolutions[id] = resolution;
    this.names[id] = undefined;
    const kept = this.rows[at + STATE]! & (LIVE | CHANGED | OWN | MARTIAN);
    this.rows[at + STATE] = kept | (resolution.reachable ? REACHABLE : 0) | (resolution.direct === true ? DIRECT : 0);
    this.rows[at + COST] = resolution.cost;
  }
}

export function createNextHops(options: NextHopOptions): NextHopTable {
  return new NextHopTable(options);
}

function isHop(hop: Hop, bytes: Uint8Array, at: number, octets: number, ifindex: number, use: HopUse): boolean {
  if (hop.address?.bytes.length !== octets || hop.ifindex !== ifindex || hop.use !== use) return false;
  for (let i = 0; i < octets; i++) if (hop.address.bytes[i] !== bytes[at + i]) return false;
  return true;
}

function keyOf(address: Address): string {
  return formatAddress({ family: address.family, bytes: address.bytes });
}

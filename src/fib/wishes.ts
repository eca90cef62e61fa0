import type { Forwarding } from "./fib.ts";
import { scopeFor } from "./route-codec.ts";
import { AF, IPV6_DEFAULT_METRIC, RTN } from "./rtnetlink.ts";
import type { WayId, Ways } from "./ways.ts";

/** What a prefix is wanted to do: a way, a metric and a table, as a small number. 0 is none. */
export type WishId = number;

/**
 * Interns Forwardings of one family by identity, and by content where the router made an equal one anew. Reference
 * counted by the rows that hold them.
 */
export class Wishes {
  private readonly af: number;
  private readonly ways: Ways;
  private readonly known = new WeakMap<Forwarding, WishId>();
  private readonly byContent = new Map<string, WishId>();
  private readonly keys: string[] = [""];
  private readonly refs: number[] = [0];
  private readonly generations: number[] = [0];
  private readonly knownGeneration = new WeakMap<Forwarding, number>();
  private readonly wayOf: WayId[] = [0];
  private readonly metrics: number[] = [0];
  private readonly tables: number[] = [0];
  private readonly free: WishId[] = [];
  private lastForwarding: Forwarding | undefined;
  private lastId: WishId = 0;

  constructor(af: number, ways: Ways) {
    this.af = af;
    this.ways = ways;
  }

  /** Retained once for the caller. */
  intern(forwarding: Forwarding): WishId {
    if (forwarding === this.lastForwarding) {
      this.refs[this.lastId]!++;
      return this.lastId;
    }
    const known = this.known.get(forwarding);
    // A freed id may serve other content by now: its generation tells.
    const id =
      known !== undefined && this.knownGeneration.get(forwarding) === this.generations[known]
        ? known
        : this.internContent(forwarding);
    this.refs[id]!++;
    this.lastForwarding = forwarding;
    this.lastId = id;
    return id;
  }

  private internContent(forwarding: Forwarding): WishId {
    const way = this.wayFor(forwarding);
    const metric = this.af === AF.inet6 && forwarding.metric === 0 ? IPV6_DEFAULT_METRIC : forwarding.metric >>> 0;
    const key = `${way} ${metric} ${forwarding.table}`;
    let id = this.byContent.get(key);
    if (id === undefined) {
      id = this.free.pop() ?? this.keys.length;
      this.keys[id] = key;
      this.refs[id] = 0;
      this.generations[id] = (this.generations[id] ?? 0) + 1;
      this.wayOf[id] = way;
      this.metrics[id] = metric;
      this.tables[id] = forwarding.table;
      this.byContent.set(key, id);
    } else this.ways.release(way);
    this.known.set(forwarding, id);
    this.knownGeneration.set(forwarding, this.generations[id]!);
    return id;
  }

  private wayFor(forwarding: Forwarding): WayId {
    const type = forwarding.kind === "unicast" ? RTN.unicast : RTN.blackhole;
    const anyGateway = forwarding.hops.some((hop) => hop.gateway !== undefined);
    this.ways.begin(type, scopeFor(this.af, type, anyGateway));
    const { prefSrc } = forwarding;
    if (prefSrc) this.ways.source(prefSrc.bytes, 0, prefSrc.bytes.length);
    for (const hop of forwarding.hops) {
      const gateway = hop.gateway?.bytes ?? NO_OCTETS;
      this.ways.hop(gateway.length, gateway, 0, hop.ifindex, hop.onlink ? 4 : 0, hop.weight ?? 1);
    }
    return this.ways.intern();
  }

  retain(id: WishId): void {
    this.refs[id]!++;
  }

  release(id: WishId): void {
    if (id === 0 || --this.refs[id]! > 0) return;
    this.byContent.delete(this.keys[id]!);
    this.ways.release(this.wayOf[id]!);
    this.generations[id]!++;
    if (this.lastId === id) this.lastForwarding = undefined;
    this.free.push(id);
  }

  way(id: WishId): WayId {
    return this.wayOf[id]!;
  }

  metric(id: WishId): number {
    return this.metrics[id]!;
  }

  table(id: WishId): number {
    return this.tables[id]!;
  }
}

const NO_OCTETS = new Uint8Array(0);

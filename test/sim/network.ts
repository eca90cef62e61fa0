import type {
  ConnectionId,
  ConnectSpec,
  Endpoint,
  ListenerKey,
  ListenSpec,
  Random,
  Transport,
  TransportEvent,
} from "../../src/daemon/ports.ts";
import { type Address, formatAddress } from "../../src/ip/address.ts";
import { contains, prefixOf } from "../../src/ip/prefix.ts";
import type { VirtualTime } from "./clock.ts";

/** Octets a connection may have under way before `write` says false, unless a test wants fewer. */
const HIGH_OCTETS = 65_536;

export interface NetworkFaults {
  /** Longest delay of a segment. */
  readonly maxDelayMs: number;
  /** Longest read. */
  readonly maxReadOctets: number;
  /** Octets under way before `write` says false; below a quarter of it the connection is writable again. */
  readonly highOctets?: number;
}

/** One end of a connection. */
export interface End {
  readonly host: Host;
  readonly id: ConnectionId;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  other: End | undefined;
  /** Octets written to this end and not yet read by its router. */
  readonly arriving: Uint8Array[];
  arrivingOctets: number;
  taken: number;
  paused: boolean;
  closed: boolean;
  finished: boolean;
  /** The writer of what arrives here waits for `writable`. */
  blocked: boolean;
  reading: boolean;
  /** TCP-MD5 key of this end. */
  key: string | undefined;
  /** Segments refused for their signature; and times that the other end refused one of this end's. */
  dropped: number;
  resent: number;
}

/** A segment that was refused is sent again after so long. */
const RESEND_MS = 500;

/** One router's place in the network. */
export class Host {
  /** The first one names the host in cuts and partitions. */
  readonly addresses: readonly Address[];
  readonly network: Network;
  listening = false;
  /** Of its listeners. */
  keys: readonly ListenerKey[] = [];
  /** Interface by which connections from an address come in. */
  arrivesBy: (remote: Address) => string | undefined = () => undefined;
  /** TTL with which connections from an address come in. */
  arrivesWith: (remote: Address) => number | undefined = () => undefined;
  readonly refused = { unsigned: 0, unexpected: 0, mismatched: 0, fromAfar: 0 };
  receive: (event: TransportEvent) => void = () => {};
  readonly ends = new Map<ConnectionId, End>();
  /** Reads nothing until then: a process that is stopped, or starved. */
  slowUntilMs = 0;
  private nextIncoming = -1;

  constructor(network: Network, addresses: readonly Address[]) {
    this.network = network;
    this.addresses = addresses;
  }

  /** The address from which the host talks to another: the one that shares most leading octets with it. */
  source(remote: Address): Address {
    const usable = this.addresses.filter((own) => own.family === remote.family);
    const shared = (own: Address) => {
      const at = own.bytes.findIndex((octet, i) => octet !== remote.bytes[i]);
      return at < 0 ? own.bytes.length : at;
    };
    return usable.reduce((best, own) => (shared(own) > shared(best) ? own : best));
  }

  incomingId(): ConnectionId {
    return this.nextIncoming--;
  }

  /** The process dies: its connections are reset, its peers hear of it; not so when the whole machine does. */
  die(silently = false): void {
    this.listening = false;
    this.receive = () => {};
    for (const end of [...this.ends.values()])
      if (silently) end.closed = true;
      else this.network.reset(end, "connection reset");
    this.ends.clear();
  }

  transport(): Transport {
    const { network } = this;
    return {
      listen: (listeners: readonly ListenSpec[]) => {
        this.listening = listeners.length > 0;
        this.keys = listeners.flatMap((listener) => listener.keys);
      },
      connect: (id, spec) => network.connect(this, id, spec),
      write: (id, bytes) => network.write(this.ends.get(id), bytes),
      pending: (id) => this.ends.get(id)?.other?.arrivingOctets ?? 0,
      accepted: (id) => this.ends.get(id)?.other?.taken ?? 0,
      hasUnread: (id) => {
        const end = this.ends.get(id);
        // What is refused has not arrived.
        return end !== undefined && end.arrivingOctets > 0 && (!end.other || end.other.key === end.key);
      },
      setTtl: () => {},
      setInterface: () => {},
      setKey: (id, md5Key) => {
        const end = this.ends.get(id);
        if (end) end.key = md5Key;
        return true;
      },
      health: (id) => {
        const end = this.ends.get(id);
        return end && { dropped: end.dropped, retransmits: end.resent, unacknowledged: end.resent > 0 ? 1 : 0 };
      },
      refused: () => ({ ...this.refused }),
      pauseReading: (id) => {
        const end = this.ends.get(id);
        if (end) end.paused = true;
      },
      resumeReading: (id) => {
        const end = this.ends.get(id);
        if (!end) return;
        end.paused = false;
        network.scheduleRead(end);
      },
      close: (id, flush) => {
        const end = this.ends.get(id);
        if (end) network.close(end, flush);
      },
    };
  }
}

/** TCP between routers in virtual time: ordered and lossless, with delays, short reads, cuts and partitions. */
export class Network {
  readonly hosts = new Map<string, Host>();
  /** Sees everything that is written, and by which end of which connection. */
  onWrite: (end: End, bytes: Uint8Array) => void = () => {};
  private readonly cutUntil = new Map<string, number>();
  private readonly time: VirtualTime;
  private readonly random: Random;
  private readonly faults: NetworkFaults;
  private readonly highOctets: number;

  constructor(time: VirtualTime, random: Random, faults: NetworkFaults) {
    this.time = time;
    this.random = random;
    this.faults = faults;
    this.highOctets = faults.highOctets ?? HIGH_OCTETS;
  }

  host(...addresses: readonly Address[]): Host {
    const host = new Host(this, addresses);
    for (const address of addresses) this.hosts.set(formatAddress(address), host);
    return host;
  }

  /** All connections between two hosts are reset. */
  cut(a: Host, b: Host): void {
    for (const end of [...a.ends.values()]) if (end.other?.host === b) this.reset(end, "connection reset", true);
  }

  /** Nothing passes between two hosts for a while; what is written waits. */
  partition(a: Host, b: Host, forMs: number): void {
    this.cutUntil.set(pair(a, b), this.time.nowMs + forMs);
  }

  private delay(): number {
    return 0.1 + this.random() * this.faults.maxDelayMs;
  }

  private barrier(a: Host, b: Host): number {
    return Math.max(0, (this.cutUntil.get(pair(a, b)) ?? 0) - this.time.nowMs);
  }

  connect(from: Host, id: ConnectionId, spec: ConnectSpec): void {
    const to = this.hosts.get(formatAddress(spec.remote.address));
    const local: Endpoint = { address: spec.local ?? from.source(spec.remote.address), port: 40_000 + id };
    const mine = newEnd(from, id, local, spec.remote, spec.md5Key);
    from.ends.set(id, mine);
    const arrive = () => {
      if (mine.closed || from.ends.get(id) !== mine) return;
      if (to?.listening && keyFor(to, local.address) !== mine.key) {
        countRefused(to, keyFor(to, local.address), mine.key);
        this.time.after(RESEND_MS, arrive);
        return;
      }
      if (!to?.listening) {
        from.ends.delete(id);
        mine.closed = true;
        from.receive({ kind: "closed", id, reason: "connection refused" });
        return;
      }
      const theirs = newEnd(to, to.incomingId(), spec.remote, local, mine.key);
      to.ends.set(theirs.id, theirs);
      mine.other = theirs;
      theirs.other = mine;
      const device = to.arrivesBy(local.address);
      const ttl = to.arrivesWith(local.address);
      to.receive({
        kind: "incoming",
        id: theirs.id,
        local: theirs.local,
        remote: theirs.remote,
        ...(device === undefined ? {} : { interface: device }),
        ...(ttl === undefined ? {} : { ttl }),
      });
      from.receive({ kind: "connected", id, local, remote: spec.remote });
    };
    this.time.after(this.delay() + (to ? this.barrier(from, to) : 0), arrive);
  }

  write(end: End | undefined, bytes: Uint8Array): boolean {
    const other = end?.other;
    if (!end || end.closed || !other) return true;
    const copy = bytes.slice();
    this.onWrite(end, copy);
    other.arrivingOctets += copy.length;
    if (other.arrivingOctets > this.highOctets) other.blocked = true;
    other.arriving.push(copy);
    this.scheduleRead(other);
    return !other.blocked;
  }

  scheduleRead(end: End): void {
    if (end.reading || end.paused || end.closed) return;
    end.reading = true;
    const slow = Math.max(0, end.host.slowUntilMs - this.time.nowMs);
    const wait = end.other ? this.barrier(end.host, end.other.host) : 0;
    this.time.after(this.delay() + Math.max(slow, wait), () => {
      end.reading = false;
      this.read(end);
    });
  }

  private read(end: End): void {
    if (end.closed || end.paused) return;
    if (end.host.slowUntilMs > this.time.nowMs || (end.other && this.barrier(end.host, end.other.host) > 0)) {
      this.scheduleRead(end);
      return;
    }
    if (end.arrivingOctets > 0 && end.other && end.other.key !== end.key) {
      end.dropped++;
      end.other.resent++;
      countRefused(end.host, end.key, end.other.key);
      end.reading = true;
      this.time.after(RESEND_MS, () => {
        end.reading = false;
        this.read(end);
      });
      return;
    }
    if (end.other) end.other.resent = 0;
    const bytes = this.take(end);
    if (bytes.length > 0) end.host.receive({ kind: "data", id: end.id, bytes });
    this.relieve(end);
    if (end.closed) return;
    if (end.arrivingOctets > 0) this.scheduleRead(end);
    else if (end.finished) this.arriveClosed(end, "connection closed by peer");
  }

  private take(end: End): Uint8Array {
    const most = 1 + Math.floor(this.random() * this.faults.maxReadOctets);
    const first = end.arriving[0];
    if (!first) return new Uint8Array();
    const bytes = first.subarray(0, most);
    if (bytes.length === first.length) end.arriving.shift();
    else end.arriving[0] = first.subarray(bytes.length);
    end.arrivingOctets -= bytes.length;
    end.taken += bytes.length;
    return bytes.slice();
  }

  private relieve(end: End): void {
    const writer = end.other;
    if (!end.blocked || end.arrivingOctets > this.highOctets / 4 || !writer || writer.closed) return;
    end.blocked = false;
    writer.host.receive({ kind: "writable", id: writer.id });
  }

  close(end: End, flush: boolean): void {
    end.closed = true;
    end.host.ends.delete(end.id);
    const other = end.other;
    if (!other || other.closed) return;
    if (!flush) {
      other.arriving.length = 0;
      other.arrivingOctets = 0;
    }
    other.finished = true;
    this.scheduleRead(other);
  }

  /** Both ends go; with `tellBoth` both routers hear of it, else only the other one does. */
  reset(end: End, reason: string, tellBoth = false): void {
    const other = end.other;
    if (tellBoth) this.arriveClosed(end, reason);
    else this.drop(end);
    if (other && !other.closed) this.time.after(this.delay(), () => this.arriveClosed(other, reason));
  }

  private drop(end: End): void {
    end.closed = true;
    end.host.ends.delete(end.id);
  }

  private arriveClosed(end: End, reason: string): void {
    if (end.closed) return;
    this.drop(end);
    end.host.receive({ kind: "closed", id: end.id, reason });
  }
}

/** The key of the longest prefix that holds the address. */
function keyFor(host: Host, remote: Address): string | undefined {
  let best: ListenerKey | undefined;
  const length = (key: ListenerKey) => key.prefixLength ?? 128;
  for (const key of host.keys) {
    const range = prefixOf(key.remote, key.prefixLength ?? key.remote.bytes.length * 8);
    if (contains(range, remote) && (!best || length(key) > length(best))) best = key;
  }
  return best?.md5Key;
}

function countRefused({ refused }: Host, expected: string | undefined, found: string | undefined): void {
  if (expected === undefined) refused.unexpected++;
  else if (found === undefined) refused.unsigned++;
  else refused.mismatched++;
}

function newEnd(host: Host, id: ConnectionId, local: Endpoint, remote: Endpoint, key: string | undefined): End {
  return {
    host,
    id,
    local,
    remote,
    other: undefined,
    arriving: [],
    arrivingOctets: 0,
    taken: 0,
    paused: false,
    closed: false,
    finished: false,
    blocked: false,
    reading: false,
    key,
    dropped: 0,
    resent: 0,
  };
}

function pair(a: Host, b: Host): string {
  return [formatAddress(a.addresses[0]!), formatAddress(b.addresses[0]!)].sort().join(" ");
}

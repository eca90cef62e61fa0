import { encodeRefresh } from "../../src/bgp/refresh.ts";
import type { Config } from "../../src/config/model.ts";
import { createParseCache, type ParseCache, parseConfig } from "../../src/config/parse.ts";
import type { Random, RestartMemory } from "../../src/daemon/ports.ts";
import { createRouter, type Router } from "../../src/daemon/router.ts";
import type { Fib, Forwarding, KernelEvent } from "../../src/fib/fib.ts";
import {
  type Address,
  type Family,
  formatAddress,
  formatOctets,
  octetsOf,
  parseAddress,
} from "../../src/ip/address.ts";
import { prefixOf } from "../../src/ip/prefix.ts";
import { seeded, VirtualTime } from "./clock.ts";
import { type Host, Network } from "./network.ts";
import {
  configFiles,
  newWishes,
  pickAddPath,
  pickPolicies,
  pickStatics,
  ROUTERS,
  type SimSession,
  type Topology,
  topologyOf,
  type Wishes,
} from "./topology.ts";
import { memoryFib } from "./wanted-fib.ts";

/** One simulated router: what it was told, and what runs. */
export interface SimRouter {
  readonly index: number;
  readonly host: Host;
  readonly wishes: Wishes;
  router: Router;
  /** What the process that runs wants. */
  fib: Map<string, Forwarding>;
  /** What the kernel does: it outlives the process. */
  readonly kernel: Map<string, string>;
  /** Each time the kernel was told something else. */
  readonly changes: string[];
  /** The process has let go of the routes that it found. */
  pruned: boolean;
  /** What the process leaves for the next one. */
  record: { readonly text: string; readonly atMs: number } | undefined;
  alive: { on: boolean };
}

export interface SimulationOptions {
  readonly seed: number;
  readonly cutsPerHour: number;
  readonly maxReadOctets: number;
  /** Octets under way on a connection before its writer must wait. */
  readonly highOctets?: number;
  /** Each look at the clock takes so long: 6 and more makes every turn of a scheduler one slice. */
  readonly lookMs?: number;
  /** The gracefulRestart key of all peers. */
  readonly restart?: string;
  /** Sessions have TCP-MD5 keys, which change at one end and a while later at the other. */
  readonly keys?: boolean;
  /** Dynamic neighbours: one end of each session waits for whoever comes. */
  readonly ranges?: boolean;
}

export interface Simulation {
  readonly topology: Topology;
  readonly time: VirtualTime;
  readonly network: Network;
  readonly routers: readonly SimRouter[];
  readonly random: Random;
  /** Runs with faults until `faultsUntilMs`, then in peace until `untilMs`. */
  run(faultsUntilMs: number, untilMs: number): void;
  /** Applies the router's wishes as they are now. */
  reload(sim: SimRouter): void;
  /** A change of the kernel's routes that matters to nobody: next hops without holders are forgotten then. */
  touchKernel(sim: SimRouter): void;
  /** The process ends in the middle of whatever it does, and another one starts after a while. */
  crash(sim: SimRouter, awayMs: number, silently?: boolean): void;
  /** It ends in order, as by SIGTERM or, not `gracefully`, by an operator's shutdown. */
  end(sim: SimRouter, awayMs: number, gracefully: boolean): void;
}

export function addressOf(family: Family, index: number): Address {
  return parseAddress(family === "ipv4" ? `10.0.0.${index + 1}` : `2001:db8::${index + 1}`)!;
}

/** What files said before: one simulation after the other reads much the same ones. */
const known = new Map<string, NonNullable<ReturnType<ParseCache["files"]["get"]>>>();

function configOf(topology: Topology, index: number, wishes: Wishes): Config {
  const files = configFiles(topology, index, wishes);
  const cache = createParseCache();
  for (const { path, text } of files) {
    const before = known.get(`${path}\n${text}`);
    if (before) cache.files.set(path, before);
  }
  const parsed = parseConfig(files, { cache });
  if (!parsed.ok) throw new Error(parsed.problems.map((p) => `${p.file}:${p.line}: ${p.message}`).join("\n"));
  for (const [path, file] of cache.files) known.set(`${path}\n${file.text}`, file);
  return parsed.config;
}

/** Four routers, and chance from one seed only. */
export function simulate(options: SimulationOptions): Simulation {
  const random = seeded(options.seed);
  const time = new VirtualTime();
  const network = new Network(time, random, {
    maxDelayMs: 40,
    maxReadOctets: options.maxReadOctets,
    ...(options.highOctets === undefined ? {} : { highOctets: options.highOctets }),
  });
  const topology = topologyOf(options.seed);
  const routers: SimRouter[] = [];
  for (let index = 0; index < ROUTERS; index++) {
    const host = network.host(addressOf("ipv4", index), addressOf("ipv6", index));
    const wishes = newWishes(index, random);
    wishes.restart = options.restart ?? "aware";
    wishes.ranges = options.ranges ?? false;
    if (options.keys) for (let peer = 0; peer < ROUTERS; peer++) wishes.keys.set(peer, "first");
    // Half of the networks begin without, and with the sessions that they began with.
    if (options.seed % 2 === 0) for (let peer = 0; peer < ROUTERS; peer++) pickAddPath(wishes, peer, random);
    const shell = {
      index,
      host,
      wishes,
      fib: new Map(),
      kernel: new Map(),
      changes: [],
      pruned: false,
      record: undefined,
      alive: { on: true },
    };
    const sim: SimRouter = Object.assign(shell, { router: undefined as unknown as Router });
    routers.push(sim);
    time.after(random() * 2000, () => boot(sim));
  }

  function boot(sim: SimRouter): void {
    const alive = { on: true };
    sim.alive = alive;
    sim.fib = new Map();
    sim.pruned = false;
    const router = createRouter(
      {
        clock: time.clock(() => alive.on, options.lookMs ?? 0),
        random,
        log: () => {},
        transport: sim.host.transport(),
        fib: persistentFib(sim),
        restart: memoryOf(sim),
        sha256: (bytes) => bytes,
        version: "sim",
      },
      configOf(topology, sim.index, sim.wishes),
      `r${sim.index}`,
    );
    sim.router = router;
    sim.host.receive = (event) => {
      if (alive.on) router.handle({ from: "transport", event });
    };
    tellKernel(router, sim.index);
  }

  function memoryOf(sim: SimRouter): RestartMemory {
    const { record } = sim;
    return {
      previous: record && { text: record.text, ageMs: time.nowMs - record.atMs },
      save(text) {
        sim.record = { text, atMs: time.nowMs };
      },
      forget() {
        sim.record = undefined;
      },
    };
  }

  function crash(sim: SimRouter, awayMs: number, silently = false): void {
    sim.alive.on = false;
    sim.host.die(silently);
    time.after(awayMs, () => boot(sim));
  }

  function reload(sim: SimRouter): void {
    sim.router.handle({ from: "config", config: configOf(topology, sim.index, sim.wishes) });
  }

  /** Asks each peer for its whole table, in one family or both (RFC 2918, RFC 7313). */
  function askAgain({ router, alive }: SimRouter): void {
    if (!router || !alive.on) return;
    for (const peer of router.core.peers.values())
      for (const afi of [1, 2])
        if (peer.negotiated && random() < 0.7)
          router.parts.sessions.write(peer, encodeRefresh({ afi, subtype: 0, safi: 1 }));
  }

  /** The key that a session is to have; both ends come to it in their own time. */
  const wantedKeys = new Map<SimSession, string>();

  function rekey(): void {
    const session = topology.sessions[Math.floor(random() * topology.sessions.length)]!;
    const ends = [routers[session.a]!, routers[session.b]!] as const;
    const [first, second] = random() < 0.5 ? ends : [ends[1], ends[0]];
    wantedKeys.set(session, `key${Math.floor(random() * 1e6)}`);
    const follow = (sim: SimRouter, other: SimRouter) => {
      sim.wishes.keys.set(other.index, wantedKeys.get(session)!);
      if (sim.router && sim.alive.on) reload(sim);
    };
    follow(first, second);
    time.after(random() * 60_000, () => follow(second, first));
  }

  const any = () => routers[Math.floor(random() * ROUTERS)]!;

  /** One fault, or one change of configuration. */
  function disturb(): void {
    const [a, b] = [any(), any()];
    if (random() < 0.4) askAgain(any());
    if (options.keys && random() < 0.4) rekey();
    const dice = random();
    if (dice < 0.35) network.cut(a.host, b.host);
    else if (dice < 0.5) network.partition(a.host, b.host, random() * 150_000);
    else if (dice < 0.6) a.host.slowUntilMs = time.nowMs + random() * 60_000;
    else if (dice < 0.68) {
      if (a.router && a.alive.on) crash(a, 500 + random() * 20_000);
    } else {
      if (random() < 0.5) a.wishes.statics = pickStatics(a.index, random);
      else if (random() < 0.7) pickPolicies(topology, a.index, a.wishes, b.index, random);
      else pickAddPath(a.wishes, b.index, random);
      if (a.router && a.alive.on) reload(a);
    }
  }

  return {
    topology,
    time,
    network,
    routers,
    random,
    reload,
    crash,
    end(sim, awayMs, gracefully) {
      sim.router.stop(gracefully);
      // What it has said is on its way, and who connects now is not let in.
      time.after(100, () => crash(sim, awayMs));
    },
    touchKernel(sim) {
      const prefix = prefixOf(addressOf("ipv4", 99), 32);
      const route = { prefix, metric: 0, protocol: 4, kind: "unicast", hops: [{ ifindex: 2 }], scope: 0 } as const;
      for (const gone of [false, true]) sim.router.handle({ from: "kernel", event: { kind: "route", gone, route } });
      sim.router.handle({ from: "kernel", event: { kind: "batch" } });
    },
    run(faultsUntilMs, untilMs) {
      const everyMs = 3_600_000 / options.cutsPerHour;
      for (let at = everyMs * random(); at < faultsUntilMs; at += everyMs * (0.2 + 1.6 * random()))
        time.after(at, disturb);
      time.runUntil(untilMs);
    },
  };
}

/** What this process wants, and what the kernel does of it: routes it finds there are adopted. */
function persistentFib(sim: SimRouter): Fib {
  const { kernel, changes, fib: wanted } = sim;
  const inner = memoryFib(wanted);
  const write = (prefix: string, words: string | undefined) => {
    if (kernel.get(prefix) === words) return;
    changes.push(`${prefix}: ${kernel.get(prefix) ?? "nothing"} to ${words ?? "nothing"}`);
    if (words === undefined) kernel.delete(prefix);
    else kernel.set(prefix, words);
  };
  const keyOf = (family: Family, bytes: Uint8Array, at: number, length: number) =>
    `${formatOctets(bytes.slice(at, at + octetsOf(family)))}/${length}`;
  return {
    ...inner,
    want(family, bytes, at, length, forwarding) {
      inner.want(family, bytes, at, length, forwarding);
      write(keyOf(family, bytes, at, length), wordsOf(forwarding));
    },
    unwant(family, bytes, at, length) {
      // What it has not wanted in its life is adopted, and waits for `prune`.
      const prefix = keyOf(family, bytes, at, length);
      if (wanted.has(prefix) || sim.pruned) write(prefix, undefined);
      inner.unwant(family, bytes, at, length);
    },
    prune() {
      sim.pruned = true;
      for (const prefix of [...kernel.keys()]) if (!wanted.has(prefix)) write(prefix, undefined);
    },
  };
}

function wordsOf({ kind, hops }: Forwarding): string {
  return `${kind} ${hops.map((hop) => (hop.gateway ? formatAddress(hop.gateway) : `dev ${hop.ifindex}`)).join(" ")}`;
}

/** Link, addresses and connected routes of the one network. */
function tellKernel(router: Router, index: number): void {
  const kernel = (event: KernelEvent) => router.handle({ from: "kernel", event });
  kernel({ kind: "link", gone: false, link: { ifindex: 2, name: "eth0", up: true, carrier: true, loopback: false } });
  const linkLocal = parseAddress(`fe80::${index + 1}`)!;
  for (const address of [addressOf("ipv4", index), addressOf("ipv6", index), linkLocal]) {
    const prefixLength = address.family === "ipv4" ? 24 : 64;
    const prefix = prefixOf(address, prefixLength);
    const hops = [{ ifindex: 2 }];
    kernel({ kind: "address", gone: false, address: { ifindex: 2, address, prefixLength, usable: true } });
    kernel({
      kind: "route",
      gone: false,
      route: { prefix, metric: 0, protocol: 2, kind: "unicast", hops, scope: 253 },
    });
  }
  kernel({ kind: "synced" });
}

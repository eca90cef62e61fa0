/** One router under test among scripted peers, in virtual time. */
import type { Config } from "../../src/config/model.ts";
import { parseConfig } from "../../src/config/parse.ts";
import type { RouterEvent } from "../../src/daemon/events.ts";
import type { RestartMemory } from "../../src/daemon/ports.ts";
import { createRouter, type Router } from "../../src/daemon/router.ts";
import type { Forwarding, KernelEvent, KernelRoute } from "../../src/fib/fib.ts";
import { formatAddress, parseAddress } from "../../src/ip/address.ts";
import { parsePrefix } from "../../src/ip/prefix.ts";
import { seeded, VirtualTime } from "../sim/clock.ts";
import { type Host, Network } from "../sim/network.ts";
import { memoryFib } from "../sim/wanted-fib.ts";
import { Speaker, type SpeakerOptions } from "./speaker.ts";

/** The router's two links. */
const LINKS = [
  { ifindex: 2, name: "eth0", addresses: ["10.0.0.1/24", "2001:db8::1/64", "fe80::1/64"] },
  { ifindex: 3, name: "eth1", addresses: ["10.0.1.1/24", "2001:db8:1::1/64", "fe80::11/64"] },
] as const;

export interface WorldOptions {
  /** Milliseconds that each look at the clock takes: 10 makes every turn of the scheduler one slice. */
  readonly lookMs?: number;
  readonly seed?: number;
  readonly maxReadOctets?: number;
  /** What a process before left, and where the router leaves its own. */
  readonly restart?: RestartMemory;
  /** Sees every event before the router does. */
  readonly onEvent?: (event: RouterEvent, atMs: number) => void;
}

export interface ForeignHop {
  readonly via?: string;
  readonly ifindex?: number;
  readonly metric?: number;
  readonly blackhole?: boolean;
}

export interface World {
  readonly time: VirtualTime;
  readonly network: Network;
  readonly router: Router;
  readonly host: Host;
  readonly fib: Map<string, Forwarding>;
  readonly log: { readonly event: string; readonly fields: Readonly<Record<string, unknown>> }[];
  run(ms: number): void;
  /** A peer at the address, brought up before it returns unless `start` is false. */
  speaker(address: string, options: Omit<SpeakerOptions, "router"> & { router?: string; start?: boolean }): Speaker;
  configure(text: string): void;
  kernel(event: KernelEvent): void;
  /** A route of another protocol comes or goes. */
  route(prefix: string, hop: ForeignHop, gone?: boolean): void;
  /** What the kernel should do with a prefix, in words. */
  forwards(prefix: string): string | undefined;
}

export function createWorld(text: string, options: WorldOptions = {}): World {
  const random = seeded(options.seed ?? 1);
  const time = new VirtualTime();
  const network = new Network(time, random, { maxDelayMs: 1, maxReadOctets: options.maxReadOctets ?? 65_536 });
  const own = LINKS.flatMap((link) => link.addresses.map((a) => parseAddress(a.split("/")[0]!)!));
  const host = network.host(...own);
  const fib = new Map<string, Forwarding>();
  const log: World["log"] = [];
  const router = createRouter(
    {
      clock: time.clock(() => true, options.lookMs ?? 0),
      random: seeded(options.seed ?? 1),
      log: (_level, event, fields) => void log.push({ event, fields }),
      transport: host.transport(),
      fib: memoryFib(fib),
      sha256: (bytes) => bytes,
      restart: options.restart,
      version: "test",
    },
    configOf(text),
    "router",
  );
  const deliver = (event: RouterEvent) => {
    options.onEvent?.(event, time.nowMs);
    router.handle(event);
  };
  host.receive = (event) => deliver({ from: "transport", event });
  for (const event of startEvents()) deliver({ from: "kernel", event });

  const world: World = {
    time,
    network,
    router,
    host,
    fib,
    log,
    run: (ms) => time.runUntil(time.nowMs + ms),
    speaker(address, { start = true, ...rest }) {
      const made = new Speaker(network.host(parseAddress(address)!), { router: routerFor(address), ...rest });
      if (start) {
        made.connect();
        world.run(1000);
      }
      return made;
    },
    configure: (next) => deliver({ from: "config", config: configOf(next) }),
    kernel(event) {
      deliver({ from: "kernel", event });
      deliver({ from: "kernel", event: { kind: "batch" } });
    },
    route(prefix, hop, gone = false) {
      world.kernel({ kind: "route", gone, route: foreignRoute(prefix, hop) });
    },
    forwards(prefix) {
      const wish = fib.get(prefix);
      if (!wish) return undefined;
      if (wish.kind === "blackhole") return "blackhole";
      const hops = wish.hops.map((hop) => (hop.gateway ? formatAddress(hop.gateway) : `dev ${hop.ifindex}`));
      return hops.sort().join(" ");
    },
  };
  return world;
}

export function configOf(text: string): Config {
  const parsed = parseConfig([{ path: "router.yaml", text }]);
  if (!parsed.ok) throw new Error(parsed.problems.map((p) => `${p.line}: ${p.message}`).join("\n"));
  return parsed.config;
}

/** The router's address on the link of the peer; for peers elsewhere that of eth0. */
function routerFor(address: string): string {
  if (address.includes(":")) return address.startsWith("2001:db8:1:") ? "2001:db8:1::1" : "2001:db8::1";
  return address.startsWith("10.0.1.") ? "10.0.1.1" : "10.0.0.1";
}

/** A route as a DHCP client or a person writes it (RTPROT_STATIC). */
function foreignRoute(prefix: string, hop: ForeignHop): KernelRoute {
  const gateway = hop.via === undefined ? {} : { gateway: parseAddress(hop.via)! };
  return {
    prefix: parsePrefix(prefix)!,
    metric: hop.metric ?? 0,
    protocol: 4,
    kind: hop.blackhole ? "blackhole" : "unicast",
    hops: hop.blackhole ? [] : [{ ...gateway, ifindex: hop.ifindex ?? 2 }],
    scope: 0,
  };
}

/** What the kernel tells at start. */
function startEvents(): KernelEvent[] {
  const events: KernelEvent[] = [];
  for (const { ifindex, name, addresses } of LINKS) {
    events.push({ kind: "link", gone: false, link: { ifindex, name, up: true, carrier: true, loopback: false } });
    for (const text of addresses) {
      const address = parseAddress(text.split("/")[0]!)!;
      const prefixLength = Number(text.split("/")[1]);
      events.push({ kind: "address", gone: false, address: { ifindex, address, prefixLength, usable: true } });
      const subnet = text.startsWith("fe80") ? "fe80::/64" : text.replace(/1\/24$/, "0/24").replace(/1\/64$/, "/64");
      const prefix = parsePrefix(subnet)!;
      const hops = [{ ifindex }];
      events.push({
        kind: "route",
        gone: false,
        route: { prefix, metric: 0, protocol: 2, kind: "unicast", hops, scope: 253 },
      });
    }
  }
  return [...events, { kind: "synced" }];
}

/** The beginning of a configuration of router 10.0.0.1; `more` are further keys of the router section. */
export function header(asn = 64512, more = "clusterId: 10.0.0.1"): string {
  return `router: { id: 10.0.0.1, asn: ${asn}, listen: [{ address: 0.0.0.0 }, { address: "::" }]${more ? `, ${more}` : ""} }
limits: { routes: 50000, paths: 200000, attributeSets: 20000, attributeOctets: 4000000 }
`;
}

/** A peer's lines; passive, so that the scripted end decides when. */
export function peer(name: string, address: string, asn: number, more = ""): string {
  return `  - { name: ${name}, address: "${address}", asn: ${asn}, passive: true${more ? `, ${more}` : ""} }\n`;
}

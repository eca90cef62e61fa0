import type { Config } from "../../src/config/model.ts";
import { parseConfig } from "../../src/config/parse.ts";
import { createRouter, type Router } from "../../src/daemon/router.ts";
import type { Forwarding } from "../../src/fib/fib.ts";
import type { Address } from "../../src/ip/address.ts";
import { seeded, VirtualTime } from "./clock.ts";
import { type Host, Network } from "./network.ts";
import {
  configText,
  newWishes,
  pickPolicies,
  pickStatics,
  ROUTERS,
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
  fib: Map<string, Forwarding>;
  alive: { on: boolean };
}

export interface SimulationOptions {
  readonly seed: number;
  readonly cutsPerHour: number;
  readonly maxReadOctets: number;
}

export interface Simulation {
  readonly topology: Topology;
  readonly time: VirtualTime;
  readonly network: Network;
  readonly routers: readonly SimRouter[];
  /** Runs with faults until `faultsUntilMs`, then in peace until `untilMs`. */
  run(faultsUntilMs: number, untilMs: number): void;
}

export function addressOf(index: number): Address {
  return { family: "ipv4", bytes: Uint8Array.of(10, 0, 0, index + 1) };
}

/** Four routers, and chance from one seed only. */
export function simulate(options: SimulationOptions): Simulation {
  const random = seeded(options.seed);
  const time = new VirtualTime();
  const network = new Network(time, random, { maxDelayMs: 40, maxReadOctets: options.maxReadOctets });
  const topology = topologyOf(options.seed);
  const routers: SimRouter[] = [];
  for (let index = 0; index < ROUTERS; index++) {
    const host = network.host(addressOf(index));
    const shell = { index, host, wishes: newWishes(index, random), fib: new Map(), alive: { on: true } };
    const sim: SimRouter = Object.assign(shell, { router: undefined as unknown as Router });
    routers.push(sim);
    time.after(random() * 2000, () => boot(sim));
  }

  function configOf(sim: SimRouter): Config {
    const parsed = parseConfig([{ path: `r${sim.index}.yaml`, text: configText(topology, sim.index, sim.wishes) }]);
    if (!parsed.ok) throw new Error(parsed.problems.map((p) => `${p.line}: ${p.message}`).join("\n"));
    return parsed.config;
  }

  function boot(sim: SimRouter): void {
    const alive = { on: true };
    sim.alive = alive;
    sim.fib = new Map();
    const router = createRouter(
      {
        clock: time.clock(() => alive.on),
        random,
        log: () => {},
        transport: sim.host.transport(),
        fib: memoryFib(sim.fib),
        sha256: (bytes) => bytes,
        version: "sim",
      },
      configOf(sim),
      `r${sim.index}`,
    );
    sim.router = router;
    sim.host.receive = (event) => {
      if (alive.on) router.handle({ from: "transport", event });
    };
    tellKernel(router, sim.index);
  }

  function restart(sim: SimRouter): void {
    sim.alive.on = false;
    sim.host.die();
    time.after(500 + random() * 20_000, () => boot(sim));
  }

  const any = () => routers[Math.floor(random() * ROUTERS)]!;

  /** One fault, or one change of configuration. */
  function disturb(): void {
    const [a, b] = [any(), any()];
    const dice = random();
    if (dice < 0.35) network.cut(a.host, b.host);
    else if (dice < 0.5) network.partition(a.host, b.host, random() * 150_000);
    else if (dice < 0.6) a.host.slowUntilMs = time.nowMs + random() * 60_000;
    else if (dice < 0.68) {
      if (a.router && a.alive.on) restart(a);
    } else {
      if (random() < 0.5) a.wishes.statics = pickStatics(a.index, random);
      else pickPolicies(topology, a.index, a.wishes, b.index, random);
      if (a.router && a.alive.on) a.router.handle({ from: "config", config: configOf(a) });
    }
  }

  return {
    topology,
    time,
    network,
    routers,
    run(faultsUntilMs, untilMs) {
      const everyMs = 3_600_000 / options.cutsPerHour;
      for (let at = everyMs * random(); at < faultsUntilMs; at += everyMs * (0.2 + 1.6 * random()))
        time.after(at, disturb);
      time.runUntil(untilMs);
    },
  };
}

/** Link, address and connected route of the one network. */
function tellKernel(router: Router, index: number): void {
  const prefix = { family: "ipv4", bytes: Uint8Array.of(10, 0, 0, 0), length: 24 } as const;
  const kernel = (event: Parameters<Router["handle"]>[0] & { from: "kernel" }) => router.handle(event);
  kernel({
    from: "kernel",
    event: { kind: "link", gone: false, link: { ifindex: 2, name: "eth0", up: true, carrier: true, loopback: false } },
  });
  kernel({
    from: "kernel",
    event: {
      kind: "address",
      gone: false,
      address: { ifindex: 2, address: addressOf(index), prefixLength: 24, usable: true },
    },
  });
  kernel({
    from: "kernel",
    event: {
      kind: "route",
      gone: false,
      route: { prefix, metric: 0, protocol: 2, kind: "unicast", hops: [{ ifindex: 2 }], scope: 253 },
    },
  });
  kernel({ from: "kernel", event: { kind: "synced" } });
}

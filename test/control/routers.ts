/** Routers on one virtual network, 10.0.0.0/24, whose answers are asked for. Nothing here depends on chance or time. */

import { parseConfig } from "../../src/config/parse.ts";
import type { RouterView } from "../../src/control/view.ts";
import { createQueries } from "../../src/daemon/queries.ts";
import { createRouter, type Router } from "../../src/daemon/router.ts";
import type { Fib, FibRouteStatus } from "../../src/fib/fib.ts";
import { type Address, parseAddress } from "../../src/ip/address.ts";
import { formatPrefix, prefixOf } from "../../src/ip/prefix.ts";
import { seeded, VirtualTime } from "../sim/clock.ts";
import { Network } from "../sim/network.ts";

export interface Routers {
  view(name: string): RouterView;
  router(name: string): Router;
  /** A change of configuration. */
  configure(name: string, yaml: string): void;
  run(seconds: number): void;
  /** What the kernel is to say about a prefix of this router. */
  kernel(name: string): Map<string, FibRouteStatus>;
}

export interface RouterSpec {
  /** On the network; written as `10.0.0.1`. */
  readonly address: string;
  readonly yaml: string;
}

export function startRouters(specs: Readonly<Record<string, RouterSpec>>): Routers {
  const random = seeded(1);
  const time = new VirtualTime();
  const network = new Network(time, random, { maxDelayMs: 1, maxReadOctets: 65_536 });
  const running = new Map<string, { router: Router; view: RouterView; statuses: Map<string, FibRouteStatus> }>();
  for (const [name, { address, yaml }] of Object.entries(specs)) {
    const own = parseAddress(address)!;
    const host = network.host(own);
    const statuses = new Map<string, FibRouteStatus>();
    const router = createRouter(
      {
        clock: time.clock(() => true),
        random,
        log: () => {},
        transport: host.transport(),
        fib: tellingFib(statuses),
        sha256: (bytes) => bytes,
        version: "test",
      },
      configOf(yaml),
      name,
    );
    host.receive = (event) => router.handle({ from: "transport", event });
    tellKernel(router, own);
    running.set(name, { router, view: createQueries(router), statuses });
  }
  const get = (name: string) => running.get(name)!;
  return {
    view: (name) => get(name).view,
    router: (name) => get(name).router,
    kernel: (name) => get(name).statuses,
    configure: (name, yaml) => get(name).router.handle({ from: "config", config: configOf(yaml) }),
    run: (seconds) => time.runUntil(time.nowMs + seconds * 1000),
  };
}

function configOf(yaml: string) {
  const parsed = parseConfig([{ path: "test.yaml", text: yaml }]);
  if (!parsed.ok) throw new Error(parsed.problems.map((problem) => `${problem.line}: ${problem.message}`).join("\n"));
  return parsed.config;
}

/** Takes every wish as fulfilled, unless told otherwise. */
function tellingFib(statuses: Map<string, FibRouteStatus>): Fib {
  const zero = { installed: 0, pending: 0, shadowed: 0, failed: 0, written: 0, errors: 0 };
  return {
    startProgramming: () => {},
    want: () => {},
    unwant: () => {},
    status: (prefix) => statuses.get(formatPrefix(prefix)) ?? { state: "installed" },
    counters: () => ({ ...zero, foreignRepairs: 0, resyncs: 0, adopted: 0 }),
    backlog: () => 0,
    prune: () => {},
    close: async () => {},
  };
}

/** One interface with the router's address, and the route that comes with it. */
function tellKernel(router: Router, address: Address): void {
  const link = { ifindex: 2, name: "eth0", up: true, carrier: true, loopback: false };
  const prefix = prefixOf(address, 24);
  const route = { prefix, metric: 0, protocol: 2, kind: "unicast", hops: [{ ifindex: 2 }], scope: 253 } as const;
  router.handle({ from: "kernel", event: { kind: "link", gone: false, link } });
  const held = { ifindex: 2, address, prefixLength: 24, usable: true };
  router.handle({ from: "kernel", event: { kind: "address", gone: false, address: held } });
  router.handle({ from: "kernel", event: { kind: "route", gone: false, route } });
  router.handle({ from: "kernel", event: { kind: "synced" } });
}

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Fib, FibRouteStatus, Forwarding, KernelEvent } from "../../src/fib/fib.ts";
import { formatAddress, parseAddress } from "../../src/ip/address.ts";
import { formatPrefix, parsePrefix } from "../../src/ip/prefix.ts";

/** A route as tests write and compare it. */
export interface PlainRoute {
  readonly prefix: string;
  readonly metric: number;
  readonly protocol: number;
  readonly forwarding: Forwarding;
}

/** A Fib and the means to act on its kernel as another program would. */
export interface FibWorld {
  readonly fib: Fib;
  /** Two interfaces that are up, with 10.0.0.1/24 and 2001:db8::1/64 on `a`, 10.0.1.1/24 and 2001:db8:1::1/64 on `b`. */
  readonly a: number;
  readonly b: number;
  readonly events: readonly KernelEvent[];
  add(route: PlainRoute, how: "create" | "replace" | "append"): Promise<void>;
  remove(route: PlainRoute): Promise<void>;
  /** Takes `b` down or up; its IPv4 address comes back with it. */
  setB(up: boolean): Promise<void>;
  /** Routes of the main table as text, kernel's own (protocol 2) left out, sorted. */
  routes(): Promise<readonly string[]>;
  /** Lets time pass until the condition holds; fails the test with `what` when it does not. */
  until(what: string, holds: () => boolean | Promise<boolean>): Promise<void>;
  close(): Promise<void>;
}

export interface WorldOptions {
  readonly program?: boolean;
  /** Routes that stand in the kernel before the Fib opens. */
  readonly before?: readonly PlainRoute[];
}

/** "10.1.0.0/16 m0 p12 10.0.0.2@3" */
export function routeText(
  prefix: string,
  metric: number,
  protocol: number,
  way: Pick<Forwarding, "kind" | "hops">,
): string {
  const hops = way.hops.map((hop) => `${hop.gateway ? formatAddress(hop.gateway) : "dev"}@${hop.ifindex}`).sort();
  return [prefix, `m${metric}`, `p${protocol}`, way.kind === "blackhole" ? "blackhole" : hops.join("+")].join(" ");
}

const v4 = { prefix: "10.1.0.0/16", gateway: "10.0.0.2", second: "10.0.1.2", other: "10.0.0.3", metric: 0 };
const v6 = {
  prefix: "2001:db8:f::/48",
  gateway: "2001:db8::2",
  second: "2001:db8:1::2",
  other: "2001:db8::3",
  metric: 1024,
};

export function fibContract(name: string, open: (options: WorldOptions) => Promise<FibWorld>): void {
  const inWorld = (claim: string, body: (world: FibWorld) => Promise<void>, options: WorldOptions = {}) =>
    test(claim, async () => {
      const world = await open(options);
      try {
        await body(world);
      } finally {
        await world.close();
      }
    });
  const via = (world: FibWorld, gateway: string, metric = 0, ifindex = world.a): Forwarding => ({
    kind: "unicast",
    hops: [{ gateway: parseAddress(gateway)!, ifindex }],
    metric,
    table: 254,
  });
  const want = ({ fib }: FibWorld, text: string, forwarding: Forwarding) => {
    const prefix = parsePrefix(text)!;
    fib.want(prefix.family, prefix.bytes, 0, prefix.length, forwarding);
  };
  const unwant = ({ fib }: FibWorld, text: string) => {
    const prefix = parsePrefix(text)!;
    fib.unwant(prefix.family, prefix.bytes, 0, prefix.length);
  };
  const status = ({ fib }: FibWorld, text: string): FibRouteStatus | undefined => fib.status(parsePrefix(text)!);
  const reaches = (world: FibWorld, text: string, state: FibRouteStatus["state"]) =>
    world.until(`${text} is ${state}`, () => status(world, text)?.state === state && world.fib.backlog() === 0);
  const atRest = (world: FibWorld) => world.until("nothing waits", () => world.fib.backlog() === 0);
  const holds = async (world: FibWorld, expected: readonly string[]) =>
    assert.deepEqual(await world.routes(), [...expected].sort());

  describe(`${name} keeps the Fib contract`, () => {
    for (const { prefix, gateway, second, other, metric } of [v4, v6]) {
      inWorld(`${prefix}: a wanted route stands in the kernel until it is unwanted`, async (world) => {
        const way = via(world, gateway);
        want(world, prefix, way);
        await reaches(world, prefix, "installed");
        await holds(world, [routeText(prefix, metric, 12, way)]);
        assert.equal(world.fib.counters().installed, 1);
        unwant(world, prefix);
        await atRest(world);
        assert.equal(status(world, prefix), undefined);
        await holds(world, []);
      });

      inWorld(`${prefix}: replacing leaves one route, single to multipath and back`, async (world) => {
        const ecmp: Forwarding = {
          ...via(world, gateway),
          hops: [...via(world, gateway).hops, ...via(world, second, 0, world.b).hops],
        };
        for (const way of [via(world, gateway), ecmp, via(world, second, 0, world.b), ecmp]) {
          want(world, prefix, way);
          await reaches(world, prefix, "installed");
          await holds(world, [routeText(prefix, metric, 12, way)]);
        }
      });

      inWorld(`${prefix}: a blackhole becomes a route and a route a blackhole`, async (world) => {
        const blackhole: Forwarding = { kind: "blackhole", hops: [], metric: 0, table: 254 };
        for (const way of [blackhole, via(world, gateway), blackhole]) {
          want(world, prefix, way);
          await reaches(world, prefix, "installed");
          await holds(world, [routeText(prefix, metric, 12, way)]);
        }
      });

      inWorld(`${prefix}: a changed metric leaves the new route only`, async (world) => {
        for (const number of [700, 100, 900]) {
          const way = via(world, gateway, number);
          want(world, prefix, way);
          await reaches(world, prefix, "installed");
          await holds(world, [routeText(prefix, number, 12, way)]);
        }
      });

      inWorld(`${prefix}: a foreign deletion is repaired`, async (world) => {
        const way = via(world, gateway);
        want(world, prefix, way);
        await reaches(world, prefix, "installed");
        await world.remove({ prefix, metric, protocol: 12, forwarding: way });
        await world.until("the repair is counted", () => world.fib.counters().foreignRepairs === 1);
        await reaches(world, prefix, "installed");
        await holds(world, [routeText(prefix, metric, 12, way)]);
      });

      inWorld(`${prefix}: a foreign route of the same metric is neither replaced nor joined`, async (world) => {
        const foreign = { prefix, metric, protocol: 3, forwarding: via(world, other) };
        await world.add(foreign, "create");
        want(world, prefix, via(world, gateway));
        await reaches(world, prefix, "shadowed");
        assert.equal(status(world, prefix)?.shadowedBy, 3);
        await holds(world, [routeText(prefix, metric, 3, foreign.forwarding)]);
        // Another gateway changes nothing, and no longer wanting it deletes nothing.
        want(world, prefix, via(world, second, 0, world.b));
        await reaches(world, prefix, "shadowed");
        await holds(world, [routeText(prefix, metric, 3, foreign.forwarding)]);
        await world.remove(foreign);
        await reaches(world, prefix, "installed");
        await holds(world, [routeText(prefix, metric, 12, via(world, second, 0, world.b))]);
        unwant(world, prefix);
        await atRest(world);
        await holds(world, []);
      });

      inWorld(`${prefix}: a foreign program that takes our route over keeps it`, async (world) => {
        want(world, prefix, via(world, gateway));
        await reaches(world, prefix, "installed");
        const foreign = { prefix, metric, protocol: 3, forwarding: via(world, other) };
        await world.add(foreign, "replace");
        await reaches(world, prefix, "shadowed");
        unwant(world, prefix);
        await atRest(world);
        await holds(world, [routeText(prefix, metric, 3, foreign.forwarding)]);
      });

      inWorld(`${prefix}: foreign routes are told and withdrawn, ours are not`, async (world) => {
        want(world, prefix, via(world, gateway));
        await reaches(world, prefix, "installed");
        const foreign = { prefix, metric: 50, protocol: 4, forwarding: via(world, other, 50) };
        await world.add(foreign, "create");
        await world.until("the foreign route is told", () => told(world, prefix) === "50 p4");
        await world.remove(foreign);
        await world.until("its end is told", () => told(world, prefix) === "gone 50 p4");
        assert.ok(!world.events.some((event) => event.kind === "route" && event.route.protocol === 12));
      });

      inWorld(`${prefix}: a route over a link that goes down waits and comes back with it`, async (world) => {
        const way = via(world, second, 0, world.b);
        want(world, prefix, way);
        await reaches(world, prefix, "installed");
        await world.setB(false);
        await reaches(world, prefix, "failed");
        const failed = status(world, prefix);
        assert.match(failed?.error ?? "", /^E[A-Z]+ \(.+\).*; .+/);
        assert.ok((failed?.attempts ?? 0) >= 1);
        await holds(world, []);
        await world.setB(true);
        await reaches(world, prefix, "installed");
        await holds(world, [routeText(prefix, metric, 12, way)]);
      });
    }

    const left = (world: { readonly a: number }, prefix: string, gateway: string, metric: number): PlainRoute => ({
      prefix,
      metric,
      protocol: 12,
      forwarding: {
        kind: "unicast",
        hops: [{ gateway: parseAddress(gateway)!, ifindex: world.a }],
        metric,
        table: 254,
      },
    });
    const before = [left({ a: -1 }, "10.7.0.0/16", "10.0.0.2", 0), left({ a: -1 }, "10.8.0.0/16", "10.0.0.2", 0)];
    inWorld(
      "routes found with our number are adopted, written only when different, and pruned on demand",
      async (world) => {
        await world.until("both are adopted", () => world.fib.counters().adopted === 2);
        want(world, "10.7.0.0/16", via(world, "10.0.0.2"));
        await reaches(world, "10.7.0.0/16", "installed");
        assert.equal(world.fib.counters().written, 0);
        assert.equal(world.fib.counters().adopted, 1);
        world.fib.prune();
        await atRest(world);
        await holds(world, [routeText("10.7.0.0/16", 0, 12, via(world, "10.0.0.2"))]);
        assert.equal(world.fib.counters().adopted, 0);
      },
      { before },
    );

    inWorld(
      "without programming nothing is written or deleted",
      async (world) => {
        want(world, "10.9.0.0/16", via(world, "10.0.0.2"));
        world.fib.prune();
        await atRest(world);
        assert.equal(world.fib.counters().written, 0);
        assert.equal((await world.routes()).length, 2);
        world.fib.startProgramming();
        want(world, "10.9.0.0/16", via(world, "10.0.0.2"));
        await atRest(world);
        assert.equal(world.fib.counters().written, 1);
        assert.equal((await world.routes()).length, 3, "what it found stays until it is pruned");
      },
      { before, program: false },
    );

    inWorld("closing with removal takes our routes away and leaves the others", async (world) => {
      want(world, v4.prefix, via(world, v4.gateway));
      want(world, v6.prefix, via(world, v6.gateway));
      const foreign = { prefix: "10.3.0.0/16", metric: 0, protocol: 4, forwarding: via(world, v4.other) };
      await world.add(foreign, "create");
      await reaches(world, v6.prefix, "installed");
      let closed = false;
      void world.fib.close(true).then(() => {
        closed = true;
      });
      await world.until("the Fib is closed", () => closed);
      await holds(world, [routeText("10.3.0.0/16", 0, 4, foreign.forwarding)]);
    });
  });
}

function told(world: FibWorld, prefix: string): string | undefined {
  const last = world.events.findLast((event) => event.kind === "route" && formatPrefix(event.route.prefix) === prefix);
  return last?.kind === "route" ? `${last.gone ? "gone " : ""}${last.route.metric} p${last.route.protocol}` : undefined;
}

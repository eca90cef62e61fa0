import assert from "node:assert/strict";
import type { KernelEvent } from "../../src/fib/fib.ts";
import { createKernelFib } from "../../src/fib/kernel-fib.ts";
import { formatPrefix, parsePrefix } from "../../src/ip/prefix.ts";
import { type FibWorld, fibContract, type PlainRoute, routeText, type WorldOptions } from "../contract/fib.ts";
import { createMemoryKernel } from "./memory-kernel.ts";
import { createVirtualClock } from "./virtual-clock.ts";

const link = (ifindex: number, up: boolean) => ({ ifindex, name: `eth${ifindex}`, up, carrier: up, loopback: false });

async function openMemoryWorld({ program = true, before = [] }: WorldOptions): Promise<FibWorld> {
  const clock = createVirtualClock();
  const kernel = createMemoryKernel(clock);
  const events: KernelEvent[] = [];
  const [a, b] = [2, 3];
  const routeOf = ({ prefix, metric, protocol, forwarding }: PlainRoute) => ({
    ...forwarding,
    hops: forwarding.hops.map((hop) => ({ ...hop, ifindex: hop.ifindex < 0 ? a : hop.ifindex })),
    prefix: parsePrefix(prefix)!,
    metric,
    protocol,
  });
  kernel.setLink(link(a, true));
  kernel.setLink(link(b, true));
  for (const route of before) assert.equal(kernel.add(routeOf(route), "create"), 0);
  const onEvent = (event: KernelEvent) => void events.push(event);
  const fib = createKernelFib({ clock, log: () => {}, onEvent, program, maxPrefixes: 1024 }, kernel);
  kernel.attach(fib);
  fib.start();
  return {
    fib,
    a,
    b,
    events,
    add: async (route, how) => assert.equal(kernel.add(routeOf(route), how), 0),
    remove: async (route) => assert.equal(kernel.remove(routeOf(route)), 0),
    setB: async (up) => kernel.setLink(link(b, up)),
    routes: async () =>
      kernel
        .routes()
        .map((route) => routeText(formatPrefix(route.prefix), route.metric, route.protocol, route))
        .sort(),
    async until(what, holds) {
      for (let n = 0; n < 100; n++) {
        clock.advance(100);
        // A promise's continuation runs between two steps of the clock.
        await Promise.resolve();
        if (await holds()) return;
      }
      assert.fail(`within 10 s: ${what}`);
    },
    async close() {
      const closing = fib.close(false);
      clock.advance(60_000);
      await closing;
    },
  };
}

fibContract("a kernel in memory", openMemoryWorld);

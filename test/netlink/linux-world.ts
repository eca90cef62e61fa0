import assert from "node:assert/strict";
import type { Fib, KernelEvent } from "../../src/fib/fib.ts";
import { type Links, openLinks } from "../../src/io/netlink/links.ts";
import { type NetlinkFibOptions, openNetlinkFib } from "../../src/io/netlink/open-fib.ts";
import { parseAddress } from "../../src/ip/address.ts";
import { formatPrefix, parsePrefix } from "../../src/ip/prefix.ts";
import { type FibWorld, type PlainRoute, routeText, type WorldOptions } from "../contract/fib.ts";

const nodeClock = {
  nowMs: () => performance.now(),
  after(ms: number, run: () => void) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** Waits for a condition of the system; the bound only ends a test that would hang. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 90_000;
  while (!(await holds())) {
    assert.ok(performance.now() < end, `timed out: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export interface LinuxWorld extends FibWorld {
  readonly links: Links;
  readonly log: readonly string[];
}

export function specOf({ prefix, metric, protocol, forwarding }: PlainRoute, a: number) {
  const hops = forwarding.hops.map((hop) => ({ ...hop, ifindex: hop.ifindex < 0 ? a : hop.ifindex }));
  return { ...forwarding, hops, metric, protocol, prefix: parsePrefix(prefix)! };
}

/** The Fib of this process's network namespace, with two veth pairs made for the occasion. */
export async function openLinuxWorld(
  { program = true, before = [] }: WorldOptions,
  more: Partial<NetlinkFibOptions> = {},
): Promise<LinuxWorld> {
  const links = openLinks();
  await links.setUp("lo");
  for (const name of ["a", "b"]) {
    await links.createVethPair(name, `${name}-far`);
    await links.setUp(`${name}-far`);
    await links.setUp(name);
  }
  const addressB = () => links.addAddress("b", parseAddress("10.0.1.1")!, 24);
  const address6B = () => links.addAddress("b", parseAddress("2001:db8:1::1")!, 64);
  await links.addAddress("a", parseAddress("10.0.0.1")!, 24);
  await links.addAddress("a", parseAddress("2001:db8::1")!, 64);
  await addressB();
  await address6B();
  const a = await links.ifindex("a");
  const b = await links.ifindex("b");
  for (const route of before) await links.addRoute(specOf(route, a));
  const events: KernelEvent[] = [];
  const log: string[] = [];
  const fib: Fib = await openNetlinkFib({
    clock: nodeClock,
    log: (_, event, fields) => void log.push(`${event} ${JSON.stringify(fields)}`),
    onEvent: (event) => void events.push(event),
    program,
    ...more,
  });
  await until("the first dump", () => events.some((event) => event.kind === "synced"));
  return {
    fib,
    a,
    b,
    events,
    links,
    log,
    add: (route, how) => links.addRoute(specOf(route, a), how),
    remove: (route) => links.deleteRoute(specOf(route, a)),
    async setB(up) {
      await links.setUp("b", up);
      // The kernel forgets IPv6 addresses of a link that goes down.
      if (up) await address6B();
    },
    async routes() {
      const all = [...(await links.listRoutes("ipv4")), ...(await links.listRoutes("ipv6"))];
      return all
        .filter((route) => route.protocol !== 2)
        .map((route) =>
          routeText(formatPrefix(route.prefix), route.metric, route.protocol, {
            kind: route.kind === "blackhole" ? "blackhole" : "unicast",
            hops: route.hops,
          }),
        )
        .sort();
    },
    until,
    async close() {
      await fib.close(true);
      for (const name of ["a", "b"]) await links.deleteLink(name);
      links.close();
    },
  };
}

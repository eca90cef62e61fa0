import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatAddress } from "../../src/ip/address.ts";
import { createNextHops, type NextHopTable } from "../../src/rib/next-hops.ts";
import { type ResolvingRoute, STATIC_PROTOCOL } from "../../src/rib/route-table.ts";
import { addressOf, prefixOf } from "./world.ts";

const BIRD = 12;

function table(routes: readonly ResolvingRoute[] = []): NextHopTable {
  const nextHops = createNextHops({ maxNextHops: 100, maxRoutes: 100 });
  for (const route of routes) nextHops.routeChanged(route, false);
  nextHops.refresh();
  return nextHops;
}

function route(
  prefix: string,
  hop: { via?: string; dev?: number } = { dev: 1 },
  metric = 0,
  protocol = 2,
): ResolvingRoute {
  const gateway = hop.via === undefined ? {} : { gateway: addressOf(hop.via) };
  return { prefix: prefixOf(prefix), metric, protocol, kind: "unicast", hops: [{ ...gateway, ifindex: hop.dev ?? 0 }] };
}

function intern(nextHops: NextHopTable, text: string, ifindex = 0, direct = false): number {
  const address = addressOf(text);
  const id = nextHops.intern(address.family, address.bytes, 0, ifindex, direct);
  nextHops.hold(id);
  return id;
}

/** `reachable cost hops via`, in one line. */
function state(nextHops: NextHopTable, id: number): string {
  const { reachable, cost, hops, via } = nextHops.resolution(id);
  assert.equal(nextHops.reachable(id), reachable);
  assert.equal(nextHops.cost(id), cost);
  const shown = hops.map((hop) => `${hop.gateway ? formatAddress(hop.gateway) : "-"}%${hop.ifindex}`);
  return `${reachable ? `cost ${cost} by ${shown.join(",")}` : "unreachable"}: ${via}`;
}

describe("next hop resolution", () => {
  for (const { claim, routes, hop, expect } of [
    {
      claim: "a connected route gives the interface at no cost",
      routes: [route("10.0.0.0/24")],
      hop: "10.0.0.9",
      expect: "cost 0 by 10.0.0.9%1: 10.0.0.0/24",
    },
    {
      claim: "a route with a gateway gives it, at the route's metric",
      routes: [route("10.0.0.0/8", { via: "192.0.2.1", dev: 4 }, 20)],
      hop: "10.0.0.9",
      expect: "cost 20 by 192.0.2.1%4: 10.0.0.0/8",
    },
    {
      claim: "the default route resolves",
      routes: [route("0.0.0.0/0", { via: "192.0.2.1", dev: 4 }, 100)],
      hop: "10.0.0.9",
      expect: "cost 100 by 192.0.2.1%4: 0.0.0.0/0",
    },
    {
      claim: "the longest match counts",
      routes: [route("0.0.0.0/0", { via: "192.0.2.1", dev: 4 }), route("10.0.0.0/24")],
      hop: "10.0.0.9",
      expect: "cost 0 by 10.0.0.9%1: 10.0.0.0/24",
    },
    {
      claim: "of several metrics the lowest counts",
      routes: [
        route("10.0.0.0/24", { via: "192.0.2.1", dev: 4 }, 20),
        route("10.0.0.0/24", { via: "192.0.2.2", dev: 5 }, 10),
      ],
      hop: "10.0.0.9",
      expect: "cost 10 by 192.0.2.2%5: 10.0.0.0/24",
    },
    {
      claim: "a static gateway without interface is looked up in its turn",
      routes: [route("10.0.0.0/24", { via: "192.0.2.1" }, 0, STATIC_PROTOCOL), route("192.0.2.0/24", { dev: 6 })],
      hop: "10.0.0.9",
      expect: "cost 0 by 192.0.2.1%6: 10.0.0.0/24",
    },
    {
      claim: "a gateway that leads to itself does not resolve",
      routes: [route("10.0.0.0/24", { via: "10.0.0.1" }, 0, STATIC_PROTOCOL)],
      hop: "10.0.0.9",
      expect: "unreachable: the gateway of 10.0.0.0/24 does not resolve",
    },
    {
      claim: "nothing resolves without a route",
      routes: [],
      hop: "10.0.0.9",
      expect: "unreachable: no route to 10.0.0.9",
    },
    {
      claim: "a blackhole resolves nothing, whatever covers it",
      routes: [route("0.0.0.0/0"), { ...route("10.0.0.0/24"), kind: "blackhole" as const, hops: [] }],
      hop: "10.0.0.9",
      expect: "unreachable: 10.0.0.0/24 is a blackhole",
    },
    {
      claim: "IPv6 is resolved by IPv6 routes",
      routes: [route("2001:db8::/64", { dev: 3 }), route("0.0.0.0/0")],
      hop: "2001:db8::9",
      expect: "cost 0 by 2001:db8::9%3: 2001:db8::/64",
    },
  ])
    test(claim, () => {
      const nextHops = table(routes);
      assert.equal(state(nextHops, intern(nextHops, hop)), expect);
    });

  test("a link-local next hop stands on the interface of its session, and falls with it", () => {
    const nextHops = table();
    const [one, two] = [intern(nextHops, "fe80::1", 1), intern(nextHops, "fe80::1", 2)];
    assert.notEqual(one, two);
    assert.equal(state(nextHops, two), "cost 0 by fe80::1%2: interface 2");
    nextHops.linkChanged(2, false);
    nextHops.refresh();
    assert.equal(state(nextHops, two), "unreachable: interface 2 is down");
    assert.equal(nextHops.reachable(one), true);
    nextHops.linkChanged(2, true);
    nextHops.refresh();
    assert.equal(nextHops.reachable(two), true);
  });

  test("an address of our own is no next hop while it is ours", () => {
    const nextHops = table([route("10.0.0.0/24")]);
    const id = intern(nextHops, "10.0.0.9");
    nextHops.ownAddressChanged(addressOf("10.0.0.9"), false);
    nextHops.refresh();
    assert.equal(state(nextHops, id), "unreachable: 10.0.0.9 is an address of this machine");
    nextHops.ownAddressChanged(addressOf("10.0.0.9"), true);
    nextHops.refresh();
    assert.equal(nextHops.reachable(id), true);
  });

  test("a direct next hop is reachable only on a connected subnet", () => {
    const nextHops = table([route("0.0.0.0/0", { via: "192.0.2.1", dev: 4 })]);
    const [direct, recursive] = [intern(nextHops, "10.0.0.9", 0, true), intern(nextHops, "10.0.0.9")];
    assert.equal(nextHops.reachable(direct), false);
    assert.equal(nextHops.reachable(recursive), true);
    assert.equal(nextHops.isDirect(recursive), false);
    nextHops.routeChanged(route("10.0.0.0/24"), false);
    nextHops.refresh();
    assert.equal(nextHops.reachable(direct), true);
    assert.equal(nextHops.isDirect(recursive), true);
  });
});

describe("changes of next hops", () => {
  test("only ids whose resolution changed are marked, until they are settled", () => {
    const nextHops = table([route("10.0.0.0/8"), route("11.0.0.0/8")]);
    const [a, b] = [intern(nextHops, "10.0.0.9"), intern(nextHops, "11.0.0.9")];
    nextHops.routeChanged(route("10.0.0.0/24", { via: "11.0.0.1", dev: 1 }, 5), false);
    assert.equal(nextHops.isChanged(a), false, "not before the refresh");
    assert.equal(nextHops.refresh(), true);
    assert.deepEqual([nextHops.isChanged(a), nextHops.isChanged(b), nextHops.changedCount], [true, false, 1]);
    nextHops.settle();
    assert.equal(nextHops.isChanged(a), false);
  });

  test("a change that leaves the way as it was marks nothing", () => {
    const nextHops = table([route("10.0.0.0/8")]);
    const id = intern(nextHops, "10.0.0.9");
    nextHops.routeChanged(route("10.0.0.0/8", { dev: 1 }, 50, BIRD), false);
    nextHops.routeChanged(route("10.0.0.0/8", { dev: 1 }, 50, BIRD), true);
    nextHops.refresh();
    assert.equal(nextHops.isChanged(id), false);
  });

  test("a route that covers only the gateway is seen too", () => {
    const nextHops = table([
      route("10.0.0.0/24", { via: "192.0.2.1" }, 0, STATIC_PROTOCOL),
      route("192.0.2.0/24", { dev: 6 }),
    ]);
    const id = intern(nextHops, "10.0.0.9");
    nextHops.routeChanged(route("192.0.2.0/25", { dev: 7 }), false);
    nextHops.refresh();
    assert.equal(state(nextHops, id), "cost 0 by 192.0.2.1%7: 10.0.0.0/24");
    assert.equal(nextHops.isChanged(id), true);
  });

  test("a refresh in slices ends where one at once does", () => {
    const routes = [route("10.0.0.0/8")];
    const nextHops = table(routes);
    const ids = Array.from({ length: 50 }, (_, i) => intern(nextHops, `10.0.0.${i + 1}`));
    nextHops.routeChanged(routes[0]!, true);
    let slices = 1;
    while (!nextHops.refresh(7)) slices++;
    assert.ok(slices >= 7);
    assert.ok(ids.every((id) => nextHops.isChanged(id) && !nextHops.reachable(id)));
  });

  test("many changes at once are applied like few", () => {
    const nextHops = table([route("10.0.0.0/8")]);
    const id = intern(nextHops, "10.0.0.9");
    for (let i = 0; i < 60; i++) nextHops.routeChanged(route(`10.0.${i}.0/24`, { dev: 9 }), false);
    nextHops.refresh();
    assert.equal(state(nextHops, id), "cost 0 by 10.0.0.9%9: 10.0.0.0/24");
  });

  test("ids that nobody holds are forgotten at a refresh and used again", () => {
    const nextHops = table([route("10.0.0.0/8")]);
    const id = intern(nextHops, "10.0.0.9");
    nextHops.unhold(id);
    nextHops.refresh();
    assert.equal(nextHops.size, 0);
    assert.equal(intern(nextHops, "10.0.0.8"), id);
    assert.notEqual(intern(nextHops, "10.0.0.9"), id);
  });

  test("at the bound no id is given", () => {
    const nextHops = createNextHops({ maxNextHops: 1, maxRoutes: 10 });
    assert.notEqual(intern(nextHops, "10.0.0.1"), 0);
    assert.equal(nextHops.intern("ipv4", Uint8Array.of(10, 0, 0, 2), 0, 0), 0);
  });
});

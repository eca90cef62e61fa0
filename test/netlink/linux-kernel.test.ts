import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { requires } from "../../interop/requires.ts";
import type { Forwarding } from "../../src/fib/fib.ts";
import { createRouteMessage, routeOctets, writeRoute } from "../../src/fib/route-codec.ts";
import { RTM } from "../../src/fib/rtnetlink.ts";
import { Ways } from "../../src/fib/ways.ts";
import { pollingReader } from "../../src/io/netlink/descriptor-reader.ts";
import { openNetlinkSocket } from "../../src/io/netlink/netlink-socket.ts";
import { FAMILIES, parseAddress } from "../../src/ip/address.ts";
import { parsePrefix } from "../../src/ip/prefix.ts";
import { routeText, type WorldOptions } from "../contract/fib.ts";
import { FOREIGN_ROUTES } from "./foreign-routes.ts";
import { INSIDE, runInside } from "./in-namespace.ts";
import { type LinuxWorld, openLinuxWorld, specOf } from "./linux-world.ts";

/** What only the real kernel can show, beyond the contract. */
function suite(): void {
  const inWorld = (
    claim: string,
    body: (world: LinuxWorld) => Promise<void>,
    options: WorldOptions = {},
    more: Parameters<typeof openLinuxWorld>[1] = {},
  ) =>
    test(claim, async () => {
      const world = await openLinuxWorld(options, more);
      try {
        await body(world);
      } finally {
        await world.close();
      }
    });
  const want = ({ fib }: LinuxWorld, text: string, forwarding: Forwarding) => {
    const prefix = parsePrefix(text)!;
    fib.want(prefix.family, prefix.bytes, 0, prefix.length, forwarding);
  };
  const reaches = (world: LinuxWorld, text: string, state: string) =>
    world.until(
      `${text} is ${state}: ${world.log.join("\n")}`,
      () => world.fib.status(parsePrefix(text)!)?.state === state && world.fib.backlog() === 0,
    );
  const via = (gateway: string, ifindex: number): Forwarding => ({
    kind: "unicast",
    hops: [{ gateway: parseAddress(gateway)!, ifindex }],
    metric: 0,
    table: 254,
  });

  inWorld("onlink through a named device reaches a gateway that no address covers", async (world) => {
    const way = (onlink: boolean): Forwarding => ({
      ...via("192.0.2.7", world.a),
      hops: [{ gateway: parseAddress("192.0.2.7")!, ifindex: world.a, onlink }],
    });
    want(world, "10.5.0.0/16", way(false));
    await reaches(world, "10.5.0.0/16", "failed");
    assert.match(world.fib.status(parsePrefix("10.5.0.0/16")!)!.error!, /ENETUNREACH.*invalid gateway.*onlink/);
    assert.ok(world.log.some((line) => /kernel.write.failed.*10\.5\.0\.0\/16/.test(line)));
    want(world, "10.5.0.0/16", way(true));
    await reaches(world, "10.5.0.0/16", "installed");
    const [route] = (await world.links.listRoutes("ipv4")).filter((one) => one.protocol === 12);
    assert.equal(route?.hops[0]?.onlink, true);
  });

  inWorld(
    "a preferred source is written and kept over a full check",
    async (world) => {
      const way = { ...via("10.0.0.2", world.a), prefSrc: parseAddress("10.0.0.1")! };
      const way6 = { ...via("2001:db8::2", world.a), prefSrc: parseAddress("2001:db8::1")! };
      want(world, "10.5.0.0/16", way);
      want(world, "2001:db8:5::/48", way6);
      await reaches(world, "10.5.0.0/16", "installed");
      await reaches(world, "2001:db8:5::/48", "installed");
      for (const family of FAMILIES) {
        const [route] = (await world.links.listRoutes(family)).filter((one) => one.protocol === 12);
        assert.deepEqual(route?.prefSrc, (family === "ipv4" ? way : way6).prefSrc);
      }
      const { written, resyncs } = world.fib.counters();
      await world.until("two more full checks", () => world.fib.counters().resyncs >= resyncs + 2);
      assert.equal(world.fib.counters().written, written);
      assert.equal(world.fib.counters().foreignRepairs, 0);
    },
    {},
    { recheckMs: 50 },
  );

  inWorld(
    "every kind of way is the same after a dump: nothing is rewritten",
    async (world) => {
      const ecmp = {
        ...via("10.0.0.2", world.a),
        hops: [...via("10.0.0.2", world.a).hops, { ...via("10.0.1.2", world.b).hops[0]!, weight: 3 }],
      };
      const ecmp6 = {
        ...via("2001:db8::2", world.a),
        hops: [...via("2001:db8::2", world.a).hops, ...via("2001:db8:1::2", world.b).hops],
      };
      const ways: readonly (readonly [string, Forwarding])[] = [
        ["10.11.0.0/16", ecmp],
        ["10.12.0.0/16", { kind: "blackhole", hops: [], metric: 0, table: 254 }],
        ["10.13.0.0/16", { kind: "unicast", hops: [{ ifindex: world.a }], metric: 0, table: 254 }],
        ["10.14.0.0/16", via("2001:db8::2", world.a)],
        ["10.15.0.0/16", via("10.0.0.2", 0)],
        ["0.0.0.0/0", via("10.0.0.2", world.a)],
        ["10.16.0.1/32", { ...via("10.0.0.2", world.a), metric: 4_000_000_000 }],
        ["10.17.0.0/16", { ...via("10.0.0.2", world.a), table: 1000 }],
        ["2001:db8:11::/48", ecmp6],
        ["2001:db8:12::/48", { kind: "blackhole", hops: [], metric: 0, table: 254 }],
        ["2001:db8:13::/48", { kind: "unicast", hops: [{ ifindex: world.b }], metric: 0, table: 254 }],
        ["2001:db8:15::/48", via("2001:db8::2", 0)],
        ["::/0", { ...via("fe80::1", world.a), metric: 77 }],
        ["2001:db8:17::/48", { ...via("2001:db8::2", world.a), table: 1000 }],
      ];
      for (const [prefix, way] of ways) want(world, prefix, way);
      for (const [prefix] of ways) await reaches(world, prefix, "installed");
      const { written, resyncs } = world.fib.counters();
      assert.equal(written, ways.length);
      await world.until("two more full checks", () => world.fib.counters().resyncs >= resyncs + 2);
      assert.equal(world.fib.counters().written, written);
      assert.equal(world.fib.counters().installed, ways.length);
    },
    {},
    { recheckMs: 50 },
  );

  inWorld("a changed metric adds the new route before it deletes the old", async (world) => {
    const order: string[] = [];
    const listener = openNetlinkSocket(
      { receiveOctets: 1 << 20, groups: [7] },
      {
        data: (bytes) => void order.push(bytes[4] === RTM.newRoute ? "new" : "del"),
        failed: assert.fail,
      },
    );
    want(world, "10.5.0.0/16", { ...via("10.0.0.2", world.a), metric: 10 });
    await reaches(world, "10.5.0.0/16", "installed");
    want(world, "10.5.0.0/16", { ...via("10.0.0.2", world.a), metric: 20 });
    await reaches(world, "10.5.0.0/16", "installed");
    await world.until("three notifications", () => order.length === 3);
    listener.close();
    assert.deepEqual(order, ["new", "new", "del"]);
  });

  for (const [prefix, gateway] of [
    ["10.5.0.0/16", "10.0.0.3"],
    ["2001:db8:5::/48", "2001:db8::3"],
  ] as const)
    inWorld(`${prefix}: a foreign hop appended to our route is not touched`, async (world) => {
      const metric = prefix.includes(":") ? 1024 : 0;
      want(world, prefix, via(gateway.replace(/3$/, "2"), world.a));
      await reaches(world, prefix, "installed");
      const foreign = { prefix, metric, protocol: 3, forwarding: via(gateway, world.a) };
      await world.add(foreign, "append");
      want(world, prefix, via(gateway.replace(/3$/, "9"), world.a));
      await reaches(world, prefix, "shadowed");
      assert.deepEqual(await world.routes(), [routeText(prefix, metric, 3, foreign.forwarding)]);
    });

  inWorld("when the last IPv4 address of a link goes, its routes wait and come back with it", async (world) => {
    want(world, "10.5.0.0/16", via("10.0.1.2", world.b));
    await reaches(world, "10.5.0.0/16", "installed");
    await world.links.deleteAddress("b", parseAddress("10.0.1.1")!, 24);
    await reaches(world, "10.5.0.0/16", "failed");
    await world.links.addAddress("b", parseAddress("10.0.1.1")!, 24);
    await reaches(world, "10.5.0.0/16", "installed");
    assert.equal((await world.routes()).length, 1);
  });

  inWorld("a route whose interface the kernel chose is found lost with its link", async (world) => {
    want(world, "10.5.0.0/16", via("10.0.1.2", 0));
    await reaches(world, "10.5.0.0/16", "installed");
    await world.setB(false);
    await reaches(world, "10.5.0.0/16", "failed");
    await world.setB(true);
    await reaches(world, "10.5.0.0/16", "installed");
  });

  inWorld("a multipath route survives one link and comes back after both", async (world) => {
    const way = {
      ...via("10.0.0.2", world.a),
      hops: [...via("10.0.0.2", world.a).hops, ...via("10.0.1.2", world.b).hops],
    };
    want(world, "10.5.0.0/16", way);
    await reaches(world, "10.5.0.0/16", "installed");
    await world.setB(false);
    await world.until("b is told down", () =>
      world.events.some((e) => e.kind === "link" && e.link.ifindex === world.b && !e.link.up),
    );
    await world.links.setUp("a", false);
    await reaches(world, "10.5.0.0/16", "failed");
    await world.links.setUp("a", true);
    await world.setB(true);
    await reaches(world, "10.5.0.0/16", "installed");
    assert.deepEqual(await world.routes(), [routeText("10.5.0.0/16", 0, 12, way)]);
  });

  inWorld(
    "an overrun of the notifications ends in the same state as without it",
    async (world) => {
      want(world, "10.5.0.0/16", via("10.0.0.2", world.a));
      await reaches(world, "10.5.0.0/16", "installed");
      // We read nothing while the other program runs, so its notifications cannot but overrun the small buffer.
      const script = new URL("./foreign-routes.js", import.meta.url).pathname;
      assert.equal(spawnSync(process.execPath, [script, String(world.a)]).status, 0);
      await world.remove({ prefix: "10.5.0.0/16", metric: 0, protocol: 12, forwarding: via("10.0.0.2", world.a) });
      await world.until("the overrun is seen", () => world.log.some((line) => line.includes("ENOBUFS")));
      const toldRoutes = () => {
        const told = new Set<string>();
        for (const event of world.events)
          if (event.kind === "route" && event.route.protocol === 4) {
            const key = event.route.prefix.bytes.join(".");
            if (event.gone) told.delete(key);
            else told.add(key);
          }
        return told.size;
      };
      await world.until("all foreign routes are told", () => toldRoutes() === FOREIGN_ROUTES);
      // The state of ours may have been "installed" all along: its deletion is among what was lost.
      const ours = async () => (await world.routes()).filter((route) => route.includes(" p12 ")).length;
      await world.until("ours is back", async () => (await ours()) === 1);
      assert.ok(world.fib.counters().resyncs > 1);
    },
    {},
    { eventBufferOctets: 4096 },
  );

  inWorld("notifications of the socket whose port id is filtered do not arrive, others do", async (world) => {
    const counts = { filtered: 0, all: 0 };
    const writer = openNetlinkSocket({ receiveOctets: 1 << 16 }, { data: () => {}, failed: assert.fail });
    const open = (name: keyof typeof counts, dropPid?: number) =>
      openNetlinkSocket(
        { receiveOctets: 1 << 16, groups: [7], ...(dropPid !== undefined && { dropPid }) },
        {
          data() {
            counts[name]++;
          },
          failed: assert.fail,
        },
      );
    const sockets = [writer, open("filtered", writer.pid), open("all")];
    const ways = new Ways();
    ways.begin(6, 0);
    const way = ways.intern();
    const address = Uint8Array.of(10, 77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    const route = { ...createRouteMessage(), flags: 0x601, length: 16, address, table: 254, way };
    const out = new Uint8Array(routeOctets(ways, way));
    writer.send(out.slice(0, writeRoute(out, 0, route, ways)), (errno) => assert.equal(errno, 0));
    await world.until("the unfiltered socket hears it", () => counts.all === 1);
    assert.equal(counts.filtered, 0);
    await world.links.deleteRoute(
      specOf(
        {
          prefix: "10.77.0.0/16",
          metric: 0,
          protocol: 12,
          forwarding: { kind: "blackhole", hops: [], metric: 0, table: 254 },
        },
        0,
      ),
    );
    await world.until("both hear another writer", () => counts.all === 2 && counts.filtered === 1);
    for (const socket of sockets) socket.close();
  });

  test("a process with an open Fib can exit at any time", () => {
    const program = `
      import { openNetlinkFib } from ${JSON.stringify(new URL("../../src/io/netlink/open-fib.js", import.meta.url).href)};
      const clock = { nowMs: () => performance.now(), after: (ms, run) => { const t = setTimeout(run, ms); return () => clearTimeout(t); } };
      await openNetlinkFib({ clock, log() {}, onEvent(e) { if (e.kind === "synced") process.exit(7); }, program: true });`;
    const child = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
      timeout: 120_000,
      encoding: "utf8",
    });
    assert.equal(child.status, 7, child.stderr);
  });

  test("the polling fallback reads what the event-driven reader reads", async () => {
    const { loadLibc } = await import("../../src/io/netlink/libc.ts");
    const libc = loadLibc();
    const fd = libc.socket(16, 3 | 0o4000 | 0o2000000, 0);
    let octets = 0;
    const reader = pollingReader(fd, {
      data(bytes) {
        octets += bytes.length;
      },
      failed: assert.fail,
    });
    const { writeSync } = await import("node:fs");
    const { writeLinkDump } = await import("../../src/fib/link-codec.ts");
    const request = new Uint8Array(40);
    writeLinkDump(request, 1);
    writeSync(fd, request);
    const { until } = await import("./linux-world.ts");
    await until("the dump is read", () => octets > 100);
    reader.close();
  });
}

if (INSIDE) suite();
else {
  const skip = await requires("netns");
  test("the Fib on Linux: what only a real kernel shows", { skip }, () => {
    const { passed, output } = runInside(import.meta.url);
    assert.ok(passed, output);
  });
}

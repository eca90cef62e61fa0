import assert from "node:assert/strict";
import { describe } from "node:test";
import type { LabNode } from "../../interop/lab.ts";
import { poll } from "../../interop/process.ts";
import { BIRD_QUICK, CONCURRENCY, type Operator, QUICK, staged } from "./operator.ts";

const PLAN = {
  nodes: ["dut", "far"],
  links: {
    net0: { dut: ["10.0.0.1/24", "fdbb:1::1/64"], far: ["10.0.0.2/24", "fdbb:1::2/64"] },
    net1: { dut: ["10.0.1.1/24", "fdbb:2::1/64"], far: ["10.0.1.2/24", "fdbb:2::2/64"] },
  },
};

/**
 * A BIRD that announces these routes, "prefix via next hop", over one session of both families. They are no routes of its
 * own interfaces: it withdraws those when a link loses its carrier, and an IPv6 one may not come back.
 */
function birdConfig(v4: readonly string[], v6: readonly string[], more = ""): string {
  const statics = (routes: readonly string[]) =>
    routes.map((route) => `route ${route.split(" via ")[0]} blackhole;`).join(" ");
  const nextHops = (routes: readonly string[]) =>
    routes.map((route) => `if net = ${route.replace(" via ", " then bgp_next_hop = ")};`).join(" ");
  const channel = (routes: readonly string[]) =>
    `{ import all; export filter { if source != RTS_STATIC then reject; ${nextHops(routes)} accept; }; next hop keep; }`;
  return `router id 10.0.0.2;
protocol static s4 { ipv4; ${statics(v4)} }
protocol static s6 { ipv6; ${statics(v6)} }
protocol bgp dut {
  local 10.0.0.2 as 65001; neighbor 10.0.0.1 as 65001; ${BIRD_QUICK} ${more}
  ipv4 ${channel(v4)};
  ipv6 ${channel(v6)};
}`;
}

function config(more: object = {}, kernel: object = {}): object {
  return {
    router: { id: "10.0.0.1", asn: 65001 },
    kernel: { program: true, learn: true, ...kernel },
    peers: [{ name: "far", address: "10.0.0.2", asn: 65001, families: ["ipv4", "ipv6"], timers: QUICK }],
    ...more,
  };
}

interface Shown {
  readonly dst: string;
  readonly protocol: string;
  readonly [key: string]: unknown;
}

/** Every route of every table, of protocols other than ours, byte for byte. */
async function foreign(node: LabNode): Promise<string> {
  const texts = await Promise.all(["-4", "-6"].map((family) => node.ip(family, "-d", "route", "show", "table", "all")));
  return texts
    .join("\n")
    .split("\n")
    .filter((line) => !/\bproto bird\b/.test(line) && line !== "")
    .sort()
    .join("\n");
}

async function shown(node: LabNode, prefix: string, table = "main"): Promise<Shown[]> {
  const family = prefix.includes(":") ? "-6" : "-4";
  const text = await node.ip(family, "-j", "-d", "route", "show", "exact", prefix, "table", table).catch(() => "[]");
  return JSON.parse(text.trim() || "[]") as Shown[];
}

/** Waits until the kernel's routes to the prefix, told by these keys, are exactly these. */
async function untilShown(dut: Operator, prefix: string, wanted: readonly object[], table = "main"): Promise<void> {
  const keys = [...new Set(wanted.flatMap((one) => Object.keys(one)))];
  const told = (routes: readonly object[]) =>
    JSON.stringify(
      routes.map((route) => keys.map((key) => [key, (route as Record<string, unknown>)[key] ?? null])).sort(),
    );
  await poll(
    `${prefix} in table ${table}: ${told(wanted)}`,
    async () => {
      const now = await shown(dut.node, prefix, table);
      return now.length === wanted.length && told(now) === told(wanted);
    },
    {
      everyMs: 50,
      explain: async () =>
        `${JSON.stringify(await shown(dut.node, prefix, table))} ${JSON.stringify(await dut.explain(prefix).catch(String))}`,
    },
  );
}

describe("routes in the kernel", { concurrency: CONCURRENCY }, () => {
  staged(
    "the kernel export policy sets metric, source, device and table; blackholes and ECMP stand as such",
    PLAN,
    async ({ daemon, bird }) => {
      const dut = await daemon("dut");
      const far = bird("far");
      const { node } = dut;
      await node.ip("addr", "add", "10.99.0.1/32", "dev", "lo");
      await node.ip("addr", "add", "fd99::1/128", "dev", "lo", "nodad");
      await node.ip("link", "add", "tunl0", "type", "veth", "peer", "name", "tunl0-far");
      await node.ip("link", "set", "tunl0", "up");
      await node.ip("addr", "add", "10.98.0.1/32", "dev", "tunl0");
      const before = await foreign(node);
      const rule = (prefixes: string, set: object) => ({ match: { prefixes }, set, action: "accept" });
      const fib = [
        rule("10.3.1.0/24", { metric: 77 }),
        rule("10.3.2.0/24", { preferredSource: "10.99.0.1" }),
        rule("10.3.3.0/24 le 25", { device: "tunl0", onlink: true }),
        rule("10.3.4.0/24", { table: 1000, metric: 5 }),
        rule("fd03:1::/64", { metric: 77 }),
        rule("fd03:2::/64", { preferredSource: "fd99::1" }),
        rule("fd03:4::/64", { table: 1000 }),
        { match: { prefixes: ["10.3.9.0/24", "fd03:9::/64"] }, action: "reject" },
        { action: "accept" },
      ];
      const statics = [
        { prefix: "10.4.1.0/24", blackhole: true },
        { prefix: "fd04:1::/64", blackhole: true },
        { prefix: "10.4.2.0/24", via: ["10.0.0.2", "10.0.1.2"] },
        { prefix: "fd04:2::/64", via: ["fdbb:1::2", "fdbb:2::2"] },
        { prefix: "10.3.3.0/25", via: "10.0.0.2" },
      ];
      await dut.write("c.yaml", config({ policies: { fib }, static: statics }, { export: "fib" }));
      const v4 = ["1", "2", "3", "4", "9"].map((n) => `10.3.${n}.0/24 via 10.0.0.2`);
      const v6 = ["1", "2", "4", "9"].map((n) => `fd03:${n}::/64 via fdbb:1::2`);
      await Promise.all([far.start(birdConfig(v4, v6)), dut.start()]);
      await dut.untilEstablished("far");
      const plain = { protocol: "bird", gateway: "10.0.0.2", dev: "net0", scope: "global" };
      const plain6 = { protocol: "bird", gateway: "fdbb:1::2", dev: "net0" };
      await untilShown(dut, "10.3.1.0/24", [{ ...plain, metric: 77 }]);
      await untilShown(dut, "10.3.2.0/24", [{ ...plain, prefsrc: "10.99.0.1", metric: undefined }]);
      await untilShown(dut, "10.3.3.0/24", [
        { protocol: "bird", gateway: "10.0.0.2", dev: "tunl0", flags: ["onlink", "linkdown"] },
      ]);
      await untilShown(dut, "10.3.3.0/25", [
        { protocol: "bird", gateway: "10.0.0.2", dev: "tunl0", flags: ["onlink", "linkdown"] },
      ]);
      await untilShown(dut, "10.3.4.0/24", [{ ...plain, metric: 5 }], "1000");
      await untilShown(dut, "fd03:1::/64", [{ ...plain6, metric: 77 }]);
      await untilShown(dut, "fd03:2::/64", [{ ...plain6, prefsrc: "fd99::1", metric: 1024 }]);
      await untilShown(dut, "fd03:4::/64", [{ ...plain6, metric: 1024 }], "1000");
      await untilShown(dut, "10.4.1.0/24", [{ type: "blackhole", protocol: "bird" }]);
      await untilShown(dut, "fd04:1::/64", [{ type: "blackhole", protocol: "bird" }]);
      const hops = (a: string, b: string) => [
        { gateway: a, dev: "net0", weight: 1, flags: [] },
        { gateway: b, dev: "net1", weight: 1, flags: [] },
      ];
      await untilShown(dut, "10.4.2.0/24", [{ protocol: "bird", nexthops: hops("10.0.0.2", "10.0.1.2") }]);
      await untilShown(dut, "fd04:2::/64", [{ protocol: "bird", nexthops: hops("fdbb:1::2", "fdbb:2::2") }]);
      for (const prefix of ["10.3.9.0/24", "fd03:9::/64"]) {
        assert.deepEqual(await shown(node, prefix), []);
        const { kernel, kernelTrace } = await dut.explain(prefix);
        assert.equal(kernel.state, "notWanted");
        assert.match(kernel.reason!, /kernel export policy "fib" rejects/);
        assert.ok(kernelTrace.some((step) => step.action === "reject"));
      }
      // Another policy moves routes: the new one first, then the old one goes.
      const swapped = [
        rule("10.3.1.0/24", { metric: 78 }),
        rule("10.3.4.0/24", {}),
        rule("fd03:1::/64", { table: 1000 }),
        { action: "accept" },
      ];
      await dut.write("c.yaml", config({ policies: { fib: swapped }, static: statics }, { export: "fib" }));
      await untilShown(dut, "10.3.1.0/24", [{ ...plain, metric: 78 }]);
      await untilShown(dut, "10.3.4.0/24", [plain]);
      await untilShown(dut, "10.3.4.0/24", [], "1000");
      await untilShown(dut, "fd03:1::/64", [{ ...plain6, metric: 1024 }], "1000");
      await untilShown(dut, "fd03:1::/64", []);
      await untilShown(dut, "fd03:4::/64", [], "1000");
      await untilShown(dut, "10.3.3.0/24", [{ ...plain, flags: [] }]);
      await untilShown(dut, "10.3.9.0/24", [plain]);
      // Nothing of ours is left by a SIGTERM, and nothing of others was touched.
      assert.equal(await dut.end("SIGTERM"), 0);
      for (const family of ["-4", "-6"])
        assert.equal(await node.ip(family, "route", "show", "table", "all", "proto", "bird"), "");
      assert.equal(await foreign(node), before);
    },
  );

  staged(
    "routes of other protocols are announced as kernel, connected ones as direct, and go when they go",
    PLAN,
    async ({ daemon, bird }) => {
      const dut = await daemon("dut");
      const far = bird("far");
      const { node } = dut;
      const tag = (source: string, community: string) => ({
        match: { source },
        set: { addCommunities: community },
        action: "accept",
      });
      const policies = {
        out: [tag("kernel", "65001:1"), tag("direct", "65001:2"), tag("static", "65001:3"), tag("bgp", "65001:4")],
      };
      const peers = [
        { name: "far", address: "10.0.0.2", asn: 65001, families: ["ipv4", "ipv6"], timers: QUICK, export: "out" },
      ];
      await dut.write("c.yaml", config({ policies, peers }));
      await node.ip("route", "add", "10.5.1.0/24", "via", "10.0.1.2", "proto", "80", "metric", "50");
      await node.ip("route", "add", "blackhole", "10.5.2.0/24", "proto", "80");
      await node.ip("-6", "route", "add", "fd05:1::/64", "via", "fdbb:2::2");
      await Promise.all([far.start(birdConfig(["10.5.9.0/24 via 10.0.0.2"], [])), dut.start()]);
      const kernel4 = ["10.5.1.0/24", "10.5.2.0/24"];
      const direct = ["10.0.0.0/24", "10.0.1.0/24", "fdbb:1::/64", "fdbb:2::/64"];
      await far.untilLearned("dut", ...direct, ...kernel4, "fd05:1::/64");
      assert.match(await far.route("10.5.1.0/24"), /65001,1\)/);
      assert.match(await far.route("fd05:1::/64"), /65001,1\)/);
      assert.match(await far.route("10.0.1.0/24"), /65001,2\)/);

      // Of several metrics the lowest; without it the next.
      await node.ip("route", "add", "10.5.1.0/24", "via", "10.0.0.2", "metric", "20");
      const via = async (prefix: string) => (await dut.route(prefix))?.paths[0]?.via[0]?.gateway;
      await dut.until("the lowest metric", async () => (await via("10.5.1.0/24")) === "10.0.0.2");
      await node.ip("route", "del", "10.5.1.0/24", "metric", "20");
      await dut.until("the next metric", async () => (await via("10.5.1.0/24")) === "10.0.1.2");
      await node.ip("route", "del", "10.5.1.0/24");
      await node.ip("route", "del", "blackhole", "10.5.2.0/24");
      await node.ip("-6", "route", "del", "fd05:1::/64");
      await far.untilLearned("dut", ...direct);
      // An address that comes and goes.
      await node.ip("addr", "add", "10.5.8.1/24", "dev", "net1");
      await far.untilLearned("dut", ...direct, "10.5.8.0/24");
      await node.ip("addr", "del", "10.5.8.1/24", "dev", "net1");
      await far.untilLearned("dut", ...direct);

      // Preference: direct 240, static 200, BGP 100, kernel 10; each takes over when the one above goes.
      const prefix = "10.5.9.0/24";
      const best = async (source: string, kernel: string) => {
        await dut.until(`${prefix} of ${source}`, async () => {
          const route = await dut.route(prefix);
          return route?.paths.find((path) => path.best)?.source === source && route.kernel.state === kernel;
        });
        return dut.explain(prefix);
      };
      await best("bgp", "installed");
      await node.ip("route", "add", prefix, "via", "10.0.1.2", "metric", "10", "proto", "80");
      await dut.until("two paths", async () => (await dut.route(prefix))?.paths.length === 2);
      const won = await best("bgp", "installed");
      assert.deepEqual(
        won.losers.map(({ step, bestValue, value, path }) => [step, bestValue, value, path.source]),
        [["preference", "100", "10", "kernel"]],
      );
      await dut.write("c.yaml", config({ policies, peers, static: [{ prefix, via: ["10.0.1.2"] }] }));
      await best("static", "installed");
      await far.until("ours for its own", async () => (await far.learned("dut")).includes(prefix));
      assert.match(await far.route(prefix), /65001,3\)/);
      await node.ip("addr", "add", "10.5.9.1/24", "dev", "net1");
      const direct9 = await best("direct", "notWanted");
      assert.match(direct9.kernel.reason!, /kernel's own/);
      assert.deepEqual(direct9.losers.map((loser) => loser.path.source).sort(), ["bgp", "kernel", "static"]);
      assert.ok(direct9.losers.every((loser) => loser.step === "preference" && loser.bestValue === "240"));
      await dut.until("only theirs in the kernel", async () =>
        (await shown(node, prefix)).every((route) => route.protocol !== "bird"),
      );
      await node.ip("addr", "del", "10.5.9.1/24", "dev", "net1");
      await best("static", "installed");
      await dut.write("c.yaml", config({ policies, peers }));
      await best("bgp", "installed");
      await far.configure(birdConfig([], []));
      await best("kernel", "notWanted");
      await untilShown(dut, prefix, [{ protocol: "80", metric: 10 }]);
    },
  );

  staged(
    "a foreign route of the same prefix and metric is never replaced nor joined; ours stands when it goes",
    PLAN,
    async ({ daemon, bird }) => {
      const dut = await daemon("dut");
      const far = bird("far");
      const { node } = dut;
      await dut.write("c.yaml", config({}, { learn: false }));
      const [a, b, a6, b6] = ["10.6.1.0/24", "10.6.2.0/24", "fd06:1::/64", "fd06:2::/64"];
      const add = (prefix: string) =>
        prefix.includes(":")
          ? node.ip("-6", "route", "add", prefix, "dev", "net1", "proto", "boot", "metric", "1024")
          : node.ip("route", "add", prefix, "dev", "net1", "proto", "boot");
      await add(a);
      await add(a6);
      const before = await foreign(node);
      const routes4 = [a, b].map((prefix) => `${prefix} via 10.0.0.2`);
      const routes6 = [a6, b6].map((prefix) => `${prefix} via fdbb:1::2`);
      await Promise.all([far.start(birdConfig(routes4, routes6)), dut.start()]);
      const state = (prefix: string, wanted: string) =>
        dut.until(`${prefix} ${wanted}`, async () => (await dut.route(prefix))?.kernel.state === wanted);
      for (const prefix of [b, b6]) await state(prefix, "installed");
      for (const prefix of [a, a6]) {
        await state(prefix, "shadowed");
        assert.match((await dut.explain(prefix)).kernel.reason!, /protocol (3|boot)/);
        await untilShown(dut, prefix, [{ protocol: "boot", dev: "net1", gateway: undefined }]);
      }
      assert.equal((await dut.status()).kernel.shadowed, 2);
      const table = await dut.cli("show", "routes", a, "--socket", dut.socket);
      assert.match(table.stdout, /shadowed/);
      assert.equal(await foreign(node), before);
      for (const prefix of [a, a6])
        await node.ip(prefix.includes(":") ? "-6" : "-4", "route", "del", prefix, "proto", "boot");
      for (const prefix of [a, a6]) await state(prefix, "installed");
      // One that comes later, beside ours: IPv6 has room for both, IPv4 takes it only in place of ours.
      await node.ip("route", "replace", b, "dev", "net1", "proto", "boot");
      await state(b, "shadowed");
      await untilShown(dut, b, [{ protocol: "boot", dev: "net1" }]);
      await node.ip("route", "del", b);
      await state(b, "installed");
      await node.ip("-6", "route", "append", b6, "dev", "net1", "proto", "boot", "metric", "1024");
      await dut.until("ours stepped aside", async () =>
        (await shown(node, b6)).every((route) => route.protocol !== "bird" || route.nexthops === undefined),
      );
      await node.ip("-6", "route", "del", b6, "dev", "net1");
      await state(b6, "installed");
      await untilShown(dut, b6, [{ protocol: "bird", gateway: "fdbb:1::2", dev: "net0" }]);
    },
  );

  staged("foreign hands on our routes, links and addresses: what we want is back at once", PLAN, async (stage) => {
    const dut = await stage.daemon("dut");
    const far = stage.bird("far");
    const { node } = dut;
    await dut.write(
      "c.yaml",
      config({
        static: [
          { prefix: "10.7.9.0/24", via: ["10.0.1.2"] },
          { prefix: "fd07:9::/64", via: ["fdbb:2::2"] },
        ],
      }),
    );
    await Promise.all([
      far.start(birdConfig(["10.7.1.0/24 via 10.0.1.2", "10.7.2.0/24 via 10.0.0.2"], ["fd07:1::/64 via fdbb:2::2"])),
      dut.start(),
    ]);
    const whole = async () => {
      await untilShown(dut, "10.7.1.0/24", [{ protocol: "bird", gateway: "10.0.1.2", dev: "net1" }]);
      await untilShown(dut, "10.7.2.0/24", [{ protocol: "bird", gateway: "10.0.0.2", dev: "net0" }]);
      await untilShown(dut, "10.7.9.0/24", [{ protocol: "bird", gateway: "10.0.1.2", dev: "net1" }]);
      await untilShown(dut, "fd07:1::/64", [{ protocol: "bird", gateway: "fdbb:2::2", dev: "net1" }]);
      await untilShown(dut, "fd07:9::/64", [{ protocol: "bird", gateway: "fdbb:2::2", dev: "net1" }]);
    };
    await whole();
    const since = await far.since("dut");
    await node.ip("route", "del", "10.7.1.0/24");
    await node.ip("-6", "route", "del", "fd07:1::/64");
    await node.ip("route", "change", "10.7.2.0/24", "via", "10.0.1.2", "proto", "bird");
    await whole();
    await dut.until("three repairs", async () => (await dut.status()).kernel.foreignRepairs >= 3);
    await node.ip("route", "flush", "proto", "bird");
    await node.ip("-6", "route", "flush", "proto", "bird");
    await whole();

    await node.setLink("net1", "down");
    const gone = async () =>
      (
        await Promise.all(
          ["10.7.1.0/24", "10.7.9.0/24", "fd07:1::/64", "fd07:9::/64"].map((prefix) => shown(node, prefix)),
        )
      ).flat();
    await dut.until("nothing by net1", async () => (await gone()).length === 0);
    await dut.until(
      "no reachable path",
      async () => (await dut.explain("10.7.1.0/24")).losers[0]?.step === "unreachable",
    );
    await node.setLink("net1", "up");
    await node.ip("addr", "replace", "fdbb:2::1/64", "dev", "net1", "nodad");
    await whole();

    await node.ip("addr", "del", "10.0.1.1/24", "dev", "net1");
    await node.ip("-6", "addr", "del", "fdbb:2::1/64", "dev", "net1");
    await dut.until("nothing by net1", async () => (await gone()).length === 0);
    await node.ip("addr", "add", "10.0.1.1/24", "dev", "net1");
    await node.ip("addr", "add", "fdbb:2::1/64", "dev", "net1", "nodad");
    await whole();
    // The carrier goes at the other end: whatever the kernel keeps of them, all is there when it comes back.
    await stage.lab.node("far").setLink("net1", "down");
    await stage.lab.node("far").setLink("net1", "up");
    await whole();
    await far.until("alive", async () => (await far.since("dut")) === since);
  });

  staged("kernel.program, learn and multipath are followed while the daemon runs", PLAN, async ({ daemon, bird }) => {
    const dut = await daemon("dut");
    const far = bird("far");
    const { node } = dut;
    await node.ip("route", "add", "10.8.9.0/24", "via", "10.0.0.2", "proto", "80");
    await node.ip("route", "add", "10.8.8.0/24", "via", "10.0.0.2", "proto", "bird");
    const before = await node.ip("route");
    await dut.write("c.yaml", config({}, { program: false, learn: false }));
    await Promise.all([
      far.start(birdConfig(["10.8.1.0/24 via 10.0.0.2"], ["fd08:1::/64 via fdbb:1::2"])),
      dut.start(),
    ]);
    await dut.until("a path", async () => (await dut.route("10.8.1.0/24")) !== undefined);
    assert.match((await dut.explain("10.8.1.0/24")).kernel.reason!, /kernel\.program is off/);
    assert.equal(await node.ip("route"), before, "not even a route of our protocol is taken away");
    assert.equal(await dut.route("10.8.9.0/24"), undefined);

    await dut.write("c.yaml", config({}, { program: true, learn: true }));
    await untilShown(dut, "10.8.1.0/24", [{ protocol: "bird", gateway: "10.0.0.2" }]);
    await untilShown(dut, "fd08:1::/64", [{ protocol: "bird", gateway: "fdbb:1::2" }]);
    await dut.until("the learned route", async () => (await dut.route("10.8.9.0/24"))?.paths[0]?.source === "kernel");

    await dut.write("c.yaml", config({}, { program: false, learn: false }));
    await untilShown(dut, "10.8.1.0/24", []);
    await untilShown(dut, "fd08:1::/64", []);
    await untilShown(dut, "10.8.9.0/24", [{ protocol: "80" }]);
    await dut.until("nothing learned", async () => (await dut.route("10.8.9.0/24")) === undefined);
  });
});

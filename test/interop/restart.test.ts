import assert from "node:assert/strict";
import { describe } from "node:test";
import type { LabNode } from "../../interop/lab.ts";
import { BIRD_QUICK, CONCURRENCY, type Operator, QUICK, staged } from "./operator.ts";
import { monitor } from "./witness.ts";

const PLAN = {
  nodes: ["dut", "a", "b"],
  links: {
    net0: {
      dut: ["10.0.0.1/24", "fdbb:1::1/64"],
      a: ["10.0.0.2/24", "fdbb:1::2/64"],
      b: ["10.0.0.3/24", "fdbb:1::3/64"],
    },
  },
};

function birdConfig(last: number, ...routes: string[]): string {
  const list = (isV6: boolean) => routes.filter((route) => route.includes(":") === isV6);
  const words = (isV6: boolean) =>
    list(isV6)
      .map((route) => `route ${route} blackhole;`)
      .join(" ");
  return `router id 10.0.0.${last};
protocol static s4 { ipv4; ${words(false)} }
protocol static s6 { ipv6; ${words(true)} }
protocol bgp dut {
  local 10.0.0.${last} as 6500${last}; neighbor 10.0.0.1 as 65001; ${BIRD_QUICK}
  ipv4 { import all; export where source = RTS_STATIC; };
  ipv6 { import all; export where source = RTS_STATIC; next hop address fdbb:1::${last}; };
}`;
}

function config(kernel: object, ...names: string[]): object {
  const peer = (name: string) => {
    const last = name === "a" ? 2 : 3;
    const policies = { import: "accept", export: "accept" };
    return {
      name,
      address: `10.0.0.${last}`,
      asn: 65000 + last,
      families: ["ipv4", "ipv6"],
      ...policies,
      timers: QUICK,
    };
  };
  return {
    router: { id: "10.0.0.1", asn: 65001 },
    kernel: { program: true, learn: false, ...kernel },
    static: [{ prefix: "10.8.9.0/24", blackhole: true }],
    peers: names.map(peer),
  };
}

/** Prefixes of our routes in the kernel. */
async function ours(node: LabNode): Promise<string[]> {
  const texts = await Promise.all(["-4", "-6"].map((family) => node.ip(family, "route", "show", "proto", "bird")));
  return texts.flatMap((text) => [...text.matchAll(/^(?:blackhole )?(\S+\/\d+) /gm)].map((match) => match[1]!)).sort();
}

async function untilOurs(dut: Operator, ...prefixes: string[]): Promise<void> {
  const wanted = prefixes.toSorted().join(" ");
  await dut.until(`exactly ${wanted} of ours in the kernel`, async () => (await ours(dut.node)).join(" ") === wanted);
}

const KEPT = ["10.8.1.0/24", "fd08:1::/64"];

describe("routes across the end and the start of the daemon", { concurrency: CONCURRENCY }, () => {
  for (const signal of ["SIGTERM", "SIGKILL"] as const)
    staged(
      `kept on ${signal}, adopted untouched, and pruned when every peer has said all`,
      PLAN,
      async ({ daemon, bird }) => {
        const dut = await daemon("dut");
        const [a, b] = [bird("a"), bird("b")];
        const { node } = dut;
        await dut.write("c.yaml", config({ keepOnExit: true }, "a", "b"));
        await Promise.all([
          a.start(birdConfig(2, ...KEPT, "10.8.2.0/24", "fd08:2::/64", "10.8.5.0/24")),
          b.start(birdConfig(3, "10.8.3.0/24", "10.8.4.0/24")),
          dut.start(),
        ]);
        const first = [
          ...KEPT,
          "10.8.2.0/24",
          "fd08:2::/64",
          "10.8.3.0/24",
          "10.8.4.0/24",
          "10.8.5.0/24",
          "10.8.9.0/24",
        ];
        await untilOurs(dut, ...first);
        const before = await node.ip("route", "show", "table", "all");
        assert.equal(await dut.end(signal), signal === "SIGTERM" ? 0 : 137);
        assert.equal(await node.ip("route", "show", "table", "all"), before);
        assert.deepEqual(await ours(node), first.toSorted());

        // While we are away one peer takes routes back and the other is gone.
        await a.configure(birdConfig(2, ...KEPT, "10.8.6.0/24"));
        await b.end();
        const changes = await monitor(node);
        await dut.start();
        await dut.untilEstablished("a");
        await untilOurs(dut, ...first, "10.8.6.0/24");
        // b may announce its routes yet: nothing is pruned, and b's packets still flow.
        assert.ok((await dut.status()).kernel.adopted > 0);
        const shown = await dut.status();
        await b.start(birdConfig(3, "10.8.3.0/24", "10.8.5.0/24"));
        await untilOurs(dut, ...KEPT, "10.8.3.0/24", "10.8.5.0/24", "10.8.6.0/24", "10.8.9.0/24");
        // The kernel has deleted a route before we have heard so.
        await dut.until("nothing adopted", async () => (await dut.status()).kernel.adopted === 0);
        assert.equal(shown.kernel.foreignRepairs, 0);
        const seen = (await changes()).filter((line) => /proto bird/.test(line));
        for (const prefix of [...KEPT, "10.8.3.0/24", "10.8.9.0/24"])
          assert.deepEqual(
            seen.filter((line) => line.includes(`${prefix} `)),
            [],
            "a route that stays is not written",
          );
        // The one that moved to the other peer was changed in place, never away.
        const moved = seen.filter((line) => line.includes("10.8.5.0/24 "));
        assert.deepEqual(moved, ["10.8.5.0/24 via 10.0.0.3 dev net0 proto bird"]);
        assert.deepEqual(
          seen
            .filter((line) => line.startsWith("Deleted"))
            .map((line) => line.split(/\s+/)[1])
            .sort(),
          ["10.8.2.0/24", "10.8.4.0/24", "fd08:2::/64"],
        );
      },
    );

  staged(
    "kept routes with no peer configured any more go at once; keepOnExit false removes ours only",
    PLAN,
    async ({ daemon, bird }) => {
      const dut = await daemon("dut");
      const a = bird("a");
      const { node } = dut;
      await node.ip("route", "add", "10.8.7.0/24", "via", "10.0.0.3", "proto", "80");
      await node.ip("-6", "route", "add", "fd08:7::/64", "via", "fdbb:1::3", "proto", "boot");
      const foreign = async () => {
        const texts = await Promise.all(
          ["-4", "-6"].map((family) => node.ip(family, "-d", "route", "show", "table", "all")),
        );
        return texts
          .join("\n")
          .split("\n")
          .filter((line) => !line.includes("proto bird"));
      };
      const before = await foreign();
      await dut.write("c.yaml", config({ keepOnExit: true }, "a"));
      await Promise.all([a.start(birdConfig(2, ...KEPT)), dut.start()]);
      await untilOurs(dut, ...KEPT, "10.8.9.0/24");
      await dut.end("SIGTERM");
      assert.deepEqual(await ours(node), [...KEPT, "10.8.9.0/24"].sort());
      await dut.write("c.yaml", config({ keepOnExit: true }));
      await dut.start();
      await untilOurs(dut, "10.8.9.0/24");
      await dut.end("SIGKILL");
      assert.deepEqual(await ours(node), ["10.8.9.0/24"]);
      await dut.write("c.yaml", config({ keepOnExit: false }, "a"));
      await dut.start();
      await untilOurs(dut, ...KEPT, "10.8.9.0/24");
      // Changed in the running daemon it counts too.
      await dut.write("c.yaml", config({ keepOnExit: true }, "a"));
      await dut.until("generation 2", async () => (await dut.status()).configuration.generation === 2);
      await dut.write("c.yaml", config({ keepOnExit: false }, "a"));
      await dut.until("generation 3", async () => (await dut.status()).configuration.generation === 3);
      await dut.end("SIGTERM");
      assert.deepEqual(await ours(node), []);
      assert.deepEqual(await foreign(), before);
      // The peer was told.
      await a.until("the end", async () => /Received: Administrative shutdown/i.test(await a.log()));
    },
  );
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe } from "node:test";
import { parse } from "yaml";
import { BIRD_QUICK, CONCURRENCY, QUICK, staged } from "./operator.ts";

/** The node of docs/calico-policies.yaml, and a reflector beyond it. */
const PLAN = {
  nodes: ["node", "far"],
  links: { net0: { node: ["10.0.0.1/24"], far: ["10.0.0.2/24"] } },
};

describe("Calico's rules on the wire", { concurrency: CONCURRENCY }, () => {
  staged(
    "BIRD gets LOCAL_PREF by priority and communities by prefix, and no tunnel routes; filters and elevation at import",
    PLAN,
    async ({ daemon, bird }) => {
      const whole = parse(readFileSync("docs/calico-policies.yaml", "utf8")) as Record<string, object>;
      const dut = await daemon("node");
      const far = bird("far");
      const { node } = dut;
      for (const name of ["cali1", "vxlan.calico"]) {
        await node.ip("link", "add", name, "type", "vxlan", "id", name === "cali1" ? "6" : "5", "dstport", "4789");
        await node.ip("link", "set", name, "up");
      }
      const pod = (prefix: string, device: string, ...more: string[]) =>
        node.ip("route", "add", prefix, "dev", device, "proto", "80", ...more);
      await pod("10.65.1.5/32", "cali1", "metric", "256");
      await pod("10.65.1.6/32", "cali1", "metric", "1024");
      await pod("10.65.1.7/32", "cali1");
      await pod("10.65.9.0/26", "vxlan.calico", "metric", "1024");
      await pod("172.19.1.0/24", "cali1", "metric", "1024");
      const { router, kernel, static: statics, prefixSets, policies } = whole;
      const peer = {
        name: "far",
        address: "10.0.0.2",
        asn: 64512,
        import: "peer-import",
        export: "peer-export",
        timers: QUICK,
      };
      await dut.write("c.yaml", { router, kernel, static: statics, prefixSets, policies, peers: [peer] });
      await Promise.all([
        far.start(`router id 10.0.0.2;
protocol static { ipv4; route 10.65.2.3/32 blackhole; route 10.65.3.0/26 blackhole; route 10.96.0.0/16 blackhole; }
protocol bgp dut {
  local 10.0.0.2 as 64512; neighbor 10.0.0.1 as 64512; ${BIRD_QUICK}
  ipv4 { import all; export filter {
    if source != RTS_STATIC then reject;
    bgp_local_pref = 2147482623;
    if net = 10.65.2.3/32 then bgp_local_pref = 2147482624;
    if net = 10.65.3.0/26 then bgp_large_community.add((64512, 0, 666));
    accept; }; };
}`),
        dut.start(),
      ]);
      await dut.untilEstablished("far");
      const announced = ["10.65.1.0/26", "10.65.1.5/32", "10.65.1.7/32", "10.96.0.0/16", "172.19.1.0/24"];
      await far.untilLearned("dut", ...announced);
      const has = async (prefix: string, ...wanted: RegExp[]) => {
        const text = await far.route(prefix);
        for (const each of wanted) assert.match(text, each, prefix);
      };
      const tags = [/BGP.community: .*\(64512,\s?200\) \(64512,\s?201\)/, /BGP.large_community: \(64512, 0, 201\)/];
      await has("10.65.1.0/26", /BGP.local_pref: 2147482623/, ...tags);
      await has("10.65.1.5/32", /BGP.local_pref: 2147483391/, ...tags);
      await has("10.65.1.7/32", /BGP.local_pref: 2147483647/);
      await has("172.19.1.0/24", /BGP.as_path: 65100 65101\n/, /BGP.local_pref: 2147482623/);

      // What came in: rejected by a filter, elevated above our own static route, or neither.
      await dut.until("BIRD's routes", async () => (await dut.peer("far")).families[0]?.received === 3);
      const rejected = await dut.explain("10.65.3.0/26");
      assert.equal(rejected.best, null);
      assert.deepEqual(
        rejected.losers[0]!.trace.filter(({ matched }) => matched).map(({ policy, rule }) => `${policy} ${rule}`),
        ["peer-import 1", "peer-import 2", "filter-conditions 6"],
      );
      assert.deepEqual(
        [(await dut.explain("10.65.2.3/32")).best?.preference, (await dut.explain("10.96.0.0/16")).best?.source],
        [200, "static"],
      );

      // A route that moves to a tunnel device is withdrawn, and one that leaves it announced.
      await node.ip("route", "replace", "10.65.9.0/26", "dev", "cali1", "proto", "80", "metric", "1024");
      await far.untilLearned("dut", ...announced, "10.65.9.0/26");
      await node.ip("route", "replace", "10.65.9.0/26", "dev", "vxlan.calico", "proto", "80", "metric", "1024");
      await far.untilLearned("dut", ...announced);
    },
  );
});

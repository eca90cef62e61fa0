import { readFileSync } from "node:fs";
import { describe } from "node:test";
import { parse } from "yaml";
import type { LabNode } from "../../interop/lab.ts";
import { poll } from "../../interop/process.ts";
import { BIRD_QUICK, CONCURRENCY, QUICK, staged } from "./operator.ts";

/** The node of docs/calico-policies.yaml and another one; 10.9.9.0/24 is another subnet behind it. */
const PLAN = {
  nodes: ["node", "far"],
  links: { net0: { node: ["10.0.0.1/24"], far: ["10.0.0.2/24"] } },
};

/** Metric of a route that has the LOCAL_PREF of an older release, 100. */
const OLD_METRIC = 2147483547;

interface Shown {
  readonly gateway?: string;
  readonly dev?: string;
  readonly metric?: number;
  readonly flags?: readonly string[];
}

async function way(node: LabNode, prefix: string): Promise<string> {
  const text = await node.ip("-4", "-j", "-d", "route", "show", "exact", prefix, "proto", "bird").catch(() => "[]");
  return (JSON.parse(text.trim() || "[]") as Shown[])
    .map(({ gateway, dev, metric, flags }) => `${gateway} dev ${dev} metric ${metric} ${flags?.join(" ") ?? ""}`.trim())
    .join(", ");
}

describe("Calico's rules for the kernel", { concurrency: CONCURRENCY }, () => {
  staged(
    "tunnel routes go to the BGP next hop through the device, whatever leads to it; others to its gateway",
    PLAN,
    async ({ daemon, bird }) => {
      const { prefixSets, policies } = parse(readFileSync("docs/calico-policies.yaml", "utf8")) as Record<
        string,
        object
      >;
      const dut = await daemon("node");
      const far = bird("far");
      const { node } = dut;
      await node.ip("link", "add", "tunl0", "type", "vxlan", "id", "5", "dstport", "4789");
      await node.ip("link", "set", "tunl0", "up");
      await node.ip("route", "add", "10.9.9.0/24", "via", "10.0.0.2");
      await dut.write("c.yaml", {
        router: { id: "10.0.0.1", asn: 64512 },
        kernel: { export: "calico-kernel" },
        prefixSets,
        policies,
        peers: [{ name: "far", address: "10.0.0.2", asn: 64512, import: "mesh-import", timers: QUICK }],
      });
      const routes = {
        "10.65.2.0/26": "10.9.9.9",
        "10.67.2.0/26": "10.9.9.9",
        "10.68.2.0/26": "10.0.0.2",
        "10.69.2.0/26": "10.0.0.2",
        "10.69.3.0/26": "10.9.9.9",
      };
      await Promise.all([
        far.start(`router id 10.0.0.2;
protocol static { ipv4; ${Object.keys(routes)
          .map((prefix) => `route ${prefix} blackhole;`)
          .join(" ")} }
protocol bgp dut {
  local 10.0.0.2 as 64512; neighbor 10.0.0.1 as 64512; ${BIRD_QUICK}
  ipv4 { import all; next hop keep; export filter {
    if source != RTS_STATIC then reject;
    ${Object.entries(routes)
      .map(([prefix, hop]) => `if net = ${prefix} then bgp_next_hop = ${hop};`)
      .join(" ")}
    if net = 10.69.3.0/26 then bgp_local_pref = 2147482623;
    accept; }; };
}`),
        dut.start(),
      ]);
      await dut.untilEstablished("far");
      const until = (prefix: string, wanted: string) =>
        poll(`${prefix}: ${wanted}`, async () => (await way(node, prefix)) === wanted, {
          everyMs: 50,
          explain: async () => `${await way(node, prefix)} ${JSON.stringify(await dut.explain(prefix).catch(String))}`,
        });
      await until("10.65.2.0/26", `10.0.0.2 dev net0 metric ${OLD_METRIC}`);
      await until("10.68.2.0/26", `10.0.0.2 dev tunl0 metric ${OLD_METRIC} onlink`);
      await until("10.69.2.0/26", `10.0.0.2 dev net0 metric ${OLD_METRIC}`);
      await until("10.69.3.0/26", "10.9.9.9 dev tunl0 metric 1024 onlink");
      await until("10.67.2.0/26", "");
      // The way to the tunnel's far end moves: routes through the tunnel stay as they are.
      await node.ip("route", "replace", "10.9.9.0/24", "via", "10.0.0.3");
      await until("10.65.2.0/26", `10.0.0.3 dev net0 metric ${OLD_METRIC}`);
      await until("10.69.3.0/26", "10.9.9.9 dev tunl0 metric 1024 onlink");
      // Without the device there is no such route, and with it there is one again.
      await node.ip("link", "del", "tunl0");
      await until("10.68.2.0/26", "");
      await node.ip("link", "add", "tunl0", "type", "vxlan", "id", "5", "dstport", "4789");
      await node.ip("link", "set", "tunl0", "up");
      await until("10.68.2.0/26", `10.0.0.2 dev tunl0 metric ${OLD_METRIC} onlink`);
      await until("10.69.3.0/26", "10.9.9.9 dev tunl0 metric 1024 onlink");
    },
  );
});

/** `calidris shadow` beside a BIRD 1.6 that does what Calico's configuration has it do. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe } from "node:test";
import type { LabNode } from "../../interop/lab.ts";
import { SHARED } from "../../interop/overlay.ts";
import { MAIN } from "../../interop/peers/calidris.ts";
import { poll } from "../../interop/process.ts";
import type { ShadowAnswer } from "../../src/control/shadow-answer.ts";
import { BIRD_QUICK, staged } from "./operator.ts";
import { resource } from "./sidecar.ts";

const PLAN = {
  nodes: ["node", "mesh", "tor"],
  links: {
    net0: {
      node: ["10.0.0.1/24", "fdbb:1::1/64"],
      mesh: ["10.0.0.2/24", "fdbb:1::2/64"],
      tor: ["10.0.0.3/24", "fdbb:1::3/64"],
    },
  },
  setup: { node: ["route add 10.65.1.5/32 dev net0 proto boot", "route add 10.65.9.9/32 via 10.0.0.77 metric 512"] },
};

const M = 2147483647;

/** One BIRD per family, as Calico runs them; the rules of calico-bgp.md 3.8 and 3.9, briefly. */
function birdConfig(family: 4 | 6): string {
  const v4 = family === 4;
  const [own, mesh, tor] = (v4 ? ["1", "2", "3"] : ["1", "2", "3"]).map((n) => (v4 ? `10.0.0.${n}` : `fdbb:1::${n}`));
  const name = (kind: string, address: string) => `${kind}_${address.replace(/[.:]/g, "_")}`;
  const pool = v4 ? "10.65.0.0/16" : "fd00:65::/48";
  const block = v4 ? "10.65.1.0/26" : "fd00:65::/122";
  const session = (kind: string, address: string, asn: number, more = "") => `protocol bgp ${name(kind, address)} {
  local as 64512; neighbor ${address} as ${asn}; source address ${own}; multihop;
  import filter { if defined(bgp_local_pref) then { if bgp_local_pref > ${M - 1024} then preference = 200; } accept; };
  export filter to_peers; add paths on; graceful restart; connect delay time 1; connect retry time 1; ${more}
}`;
  return `router id 10.0.0.1; log stderr all;
filter to_peers int prio; {
  prio = 1024;
  if source = RTS_BGP then prio = ${M} - bgp_local_pref;
  else { if defined(krt_metric) then prio = krt_metric; bgp_local_pref = ${M} - prio; }
  if net ~ ${block} then { bgp_community.add((64512,7)); if net = ${block} || prio < 1024 then accept; reject; }
  if net ~ ${pool} then accept;
  reject;
}
filter to_kernel { if source = RTS_BGP then krt_metric = ${M} - bgp_local_pref; accept; }
protocol kernel kernel1 { learn; persist; scan time 1; import all; export filter to_kernel; merge paths on; }
protocol device device1 { scan time 1; }
protocol direct direct1 { interface -"cali*", "*"; }
protocol static static1 { route ${block} blackhole; }
${session("Mesh", mesh!, 64512)}
${session("Global", tor!, 65000)}
`;
}

const POOLS = ["10.65.0.0/16 le 32", "fd00:65::/48 le 128"];
const BLOCKS = ["10.65.1.0/26", "fd00:65::/122"];

/** What the same resources are with us. */
function ourConfig(): Record<string, unknown> {
  const peer = (kind: string, address: string, asn: number) => ({
    name: `${kind}_${address.replace(/[.:]/g, "_")}`,
    address,
    asn,
    localAddress: address.includes(":") ? "fdbb:1::1" : "10.0.0.1",
    multihop: true,
    nextHop: "gateway",
    addPath: "both",
    import: "from-peers",
    export: "to-peers",
  });
  const inside = BLOCKS.map((block) => `${block} le ${block.includes(":") ? 128 : 32}`);
  return {
    router: { id: "10.0.0.1", asn: 64512 },
    kernel: { export: "to-kernel" },
    direct: { except: ["cali*"] },
    static: BLOCKS.map((prefix) => ({ prefix, blackhole: true })),
    policies: {
      "from-peers": [
        { match: { localPref: `> ${M - 1024}` }, set: { preference: 200 }, action: "continue" },
        { action: "accept" },
      ],
      "to-peers": [
        { match: { source: "bgp" }, set: { metric: `${M} - localPref` }, action: "continue" },
        { match: { not: { source: "bgp" }, metric: "none" }, set: { metric: 1024 }, action: "continue" },
        { match: { not: { source: "bgp" } }, set: { localPref: `${M} - metric` }, action: "continue" },
        { match: { prefixes: inside }, set: { addCommunities: "64512:7" }, action: "continue" },
        { match: { prefixes: BLOCKS }, action: "accept" },
        { match: { prefixes: inside, metric: "< 1024" }, action: "accept" },
        { match: { prefixes: inside }, action: "reject" },
        { match: { prefixes: POOLS }, action: "accept" },
      ],
      "to-kernel": [
        { match: { source: "bgp" }, set: { metric: `${M} - localPref` }, action: "accept" },
        { action: "accept" },
      ],
    },
    peers: [
      peer("Mesh", "10.0.0.2", 64512),
      peer("Global", "10.0.0.3", 65000),
      peer("Mesh", "fdbb:1::2", 64512),
      peer("Global", "fdbb:1::3", 65000),
    ],
  };
}

const RESOURCES = [
  resource("Node", "node", { bgp: { ipv4Address: "10.0.0.1/24", ipv6Address: "fdbb:1::1/64" } }),
  resource("Node", "mesh", { bgp: { ipv4Address: "10.0.0.2/24", ipv6Address: "fdbb:1::2/64" } }),
  resource("BGPPeer", "tor", { peerIP: "10.0.0.3", asNumber: 65000 }),
  resource("BGPPeer", "tor6", { peerIP: "fdbb:1::3", asNumber: 65000 }),
  resource("BGPConfiguration", "default", {
    asNumber: 64512,
    communities: [{ name: "own", value: "64512:7" }],
    prefixAdvertisements: BLOCKS.map((cidr) => ({ cidr, communities: ["own"] })),
  }),
  ...["10.65.0.0/16", "fd00:65::/48"].map((cidr, i) => resource("IPPool", `pool-${i}`, { cidr })),
  ...BLOCKS.map((cidr, i) => resource("BlockAffinity", `block-${i}`, { cidr, node: "node", state: "confirmed" })),
];

/** A BIRD 2 that announces what stands in `statics`, whatever it hears. */
function neighbour(own: string, asn: number, statics: readonly string[]): string {
  const [v4, v6] = [statics.filter((text) => !text.includes(":")), statics.filter((text) => text.includes(":"))];
  const session = (family: 4 | 6) => `protocol bgp v${family} {
  local ${family === 4 ? `10.0.0.${own}` : `fdbb:1::${own}`} as ${asn};
  neighbor ${family === 4 ? "10.0.0.1" : "fdbb:1::1"} as 64512; multihop; ${BIRD_QUICK}
  ipv${family} { import all; export where source = RTS_STATIC; add paths on; };
}`;
  const routes = (list: readonly string[]) => list.map((text) => `route ${text} blackhole { bgp_med = 5; };`).join(" ");
  return `router id 10.0.0.${own};
protocol static s4 { ipv4; ${routes(v4)} }
protocol static s6 { ipv6; ${routes(v6)} }
${session(4)}
${session(6)}`;
}

async function startBird(
  node: LabNode,
  family: 4 | 6,
): Promise<{ socket: string; ask(words: string): Promise<string> }> {
  const folder = await node.folder(`bird${family}`);
  await writeFile(join(folder, "bird.conf"), birdConfig(family));
  const program = family === 4 ? "bird" : "bird6";
  const argv = [`/usr/sbin/${program}`, "-f", "-c", `${SHARED}/bird.conf`, "-s", `${SHARED}/bird.ctl`];
  const running = await node.spawn(program, folder, argv, { program: "bird1" });
  const ask = async (words: string) => {
    const client = [family === 4 ? "/usr/sbin/birdc" : "/usr/sbin/birdc6", "-s", `${SHARED}/bird.ctl`];
    return (await node.execIn(running.pid, [...client, ...words.split(" ")], { anyExit: true })).stdout;
  };
  await poll(
    `BIRD ${family} to have both sessions`,
    async () => {
      const said = await ask("show protocols");
      return [...said.matchAll(/Established/g)].length === 2;
    },
    { everyMs: 100, explain: running.log },
  );
  return { socket: join(folder, "bird.ctl"), ask };
}

describe("shadow beside BIRD 1.6", () => {
  staged("says that nothing differs, then exactly what does, and touches nothing", PLAN, async (stage) => {
    const mesh = stage.bird("mesh");
    const tor = stage.bird("tor");
    await mesh.start(neighbour("2", 64512, ["10.65.2.0/26", "fd00:65:0:1::/122"]));
    await tor.start(neighbour("3", 65000, ["0.0.0.0/0", "10.65.7.0/24", "::/0"]));
    const dut = await stage.daemon("node");
    const [bird, bird6] = await Promise.all([startBird(dut.node, 4), startBird(dut.node, 6)]);
    await poll(
      "BIRD to have written its routes",
      async () => /default.*proto bird/.test(await dut.node.ip("-6", "route")),
      {
        everyMs: 100,
      },
    );
    const before = await dut.node.ip("route");

    const sockets = ["--bird-socket", bird.socket, "--bird6-socket", bird6.socket];
    const shadow = async (change: (config: ReturnType<typeof ourConfig>) => void) => {
      const config = ourConfig();
      change(config);
      await dut.write("config.yaml", config);
      const words = [MAIN, "shadow", "--config", dut.config, ...sockets];
      const [told, json] = await Promise.all([
        dut.node.exec([process.execPath, ...words], { anyExit: true }),
        dut.node.exec([process.execPath, ...words, "-o", "json"], { anyExit: true }),
      ]);
      assert.equal(json.stderr, "");
      return { text: told.stdout, code: told.code, answer: JSON.parse(json.stdout) as ShadowAnswer };
    };

    const same = await shadow(() => undefined);
    const much = "4 sessions, 11 announced routes, 7 routes in the kernel";
    assert.equal(same.text, `Nothing differs from BIRD (compared: ${much}).\n`);
    assert.equal(same.code, 0);

    // The same of the resources that Calico would have made BIRD's configuration of.
    const resources = join(await dut.node.folder("resources"), "all.json");
    await writeFile(resources, JSON.stringify({ kind: "List", items: RESOURCES }));
    const asked = ["--datastore", "files", "--datastore-path", resources, "--node", "node"];
    const compiled = await dut.node.exec([process.execPath, MAIN, "shadow", ...asked, ...sockets], { anyExit: true });
    assert.equal(compiled.stdout, same.text, compiled.stderr);

    const other = await shadow((config) => {
      const peers = config.peers as { name: string; asn: number; address: string }[];
      peers.splice(2, 1);
      peers[1]!.asn = 65009;
      peers.push({ ...peers[0]!, name: "Mesh_10_0_0_4", address: "10.0.0.4" });
    });
    assert.equal(other.code, 5);
    assert.deepEqual(
      other.answer.peers.map(({ name, difference }) => [name, difference]),
      [
        ["Global_10_0_0_3", "differs"],
        ["Mesh_10_0_0_4", "extra"],
        ["Mesh_fdbb_1__2", "missing"],
      ],
    );
    assert.match(other.text, /Global_10_0_0_3 +differs +AS 65000 -> 65009/);
    assert.match(other.answer.unseen.join(), /Global_10_0_0_3: our session would not come up/);

    const quiet = await shadow((config) => {
      const policies = config.policies as Record<string, object[]>;
      policies["to-peers"]!.splice(3, 1);
      policies["to-kernel"] = [{ action: "accept" }];
    });
    const blocks = quiet.answer.exports.map(({ peer, changed, added, removed }) => [peer, changed, added, removed]);
    assert.deepEqual(blocks.sort(), [
      ["Global_10_0_0_3", 2, 0, 0],
      ["Global_fdbb_1__3", 1, 0, 0],
      ["Mesh_10_0_0_2", 2, 0, 0],
      ["Mesh_fdbb_1__2", 1, 0, 0],
    ]);
    assert.match(quiet.text, /~ 10\.65\.1\.0\/26 communities 64512:7 -> none/);
    assert.match(
      quiet.text,
      /~ 10\.65\.7\.0\/24 via 10\.0\.0\.3 dev net0 metric 2147483547 -> via 10\.0\.0\.3 dev net0/,
    );
    assert.equal(quiet.answer.kernel.count, 5);

    assert.equal(await dut.node.ip("route"), before, "the kernel's routes are as they were");
    assert.match(await bird.ask("show protocols"), /Mesh_10_0_0_2 BGP +master +up/);
  });
});

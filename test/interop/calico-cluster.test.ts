/** A cluster of Calico's from one datastore: what changes there is followed on every node, and nothing else moves. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe } from "node:test";
import type { LabNode } from "../../interop/lab.ts";
import { poll } from "../../interop/process.ts";
import type { PeerAnswer } from "../../src/control/answers.ts";
import { callControl } from "../../src/io/system/control-client.ts";
import { BIRD_QUICK, type Bird, staged } from "./operator.ts";
import { resource, type Sidecar, sidecar } from "./sidecar.ts";
import { about, monitor } from "./witness.ts";

const MEMBERS = ["n1", "n2", "n3", "rr"] as const;
type Member = (typeof MEMBERS)[number];

const ADDRESS: Readonly<Record<Member, string>> = { n1: "10.0.0.1", n2: "10.0.0.2", n3: "10.0.0.3", rr: "10.0.0.4" };
const BLOCK: Readonly<Record<Member, string>> = {
  n1: "10.244.1.0/26",
  n2: "10.244.2.0/26",
  n3: "10.244.3.0/26",
  rr: "10.244.4.0/26",
};
const TOR = "10.0.0.254";

const PLAN = {
  nodes: [...MEMBERS, "tor"],
  links: {
    net0: {
      ...Object.fromEntries(MEMBERS.map((name) => [name, [`${ADDRESS[name]}/24`]])),
      tor: [`${TOR}/24`],
    },
  },
  // The kernel here has no IPIP: any device of that name will do.
  setup: Object.fromEntries(
    MEMBERS.map((name) => [name, ["link add tunl0 type vxlan id 5 dstport 4789", "link set tunl0 up"]]),
  ),
};

const isReflector = { "route-reflector": "true" };

const node = (name: Member) =>
  resource(
    "Node",
    name,
    { bgp: { ipv4Address: `${ADDRESS[name]}/24`, ...(name === "rr" && { routeReflectorClusterID: "244.0.0.1" }) } },
    name === "rr" ? isReflector : {},
  );
const block = (name: Member) =>
  resource("BlockAffinity", `${name}-block`, { cidr: BLOCK[name], node: name, state: "confirmed", deleted: "false" });
const pool = (ipipMode: string) => [
  resource("IPPool", "pool", { cidr: "10.244.0.0/16", ipipMode, vxlanMode: "Never" }),
];
const bgp = (nodeToNodeMeshEnabled: boolean) => [
  resource("BGPConfiguration", "default", { asNumber: 64512, nodeToNodeMeshEnabled, programClusterRoutes: "Enabled" }),
];
const secret = (key: string) => [
  {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "bgp-keys", namespace: "kube-system" },
    data: { reflector: Buffer.from(key).toString("base64"), tor: Buffer.from("tor-key-1").toString("base64") },
  },
];
const password = (key: string) => ({ secretKeyRef: { name: "bgp-keys", key } });
const toReflector = resource("BGPPeer", "peer-to-rr", {
  nodeSelector: "!has(route-reflector)",
  peerSelector: "has(route-reflector)",
  password: password("reflector"),
});
const toTor = resource("BGPPeer", "tor", { node: "n1", peerIP: TOR, asNumber: 65000, password: password("tor") });

interface Cluster {
  readonly at: Readonly<Record<Member, { readonly host: LabNode; readonly sidecar: Sidecar }>>;
  /** Replaces one file of the datastore that all read. */
  write(name: string, resources: readonly object[]): Promise<void>;
  peers(name: Member): Promise<readonly PeerAnswer[]>;
  /** Waits until the node has exactly these sessions, all of them up. */
  untilSessions(name: Member, ...peers: string[]): Promise<void>;
  /** Waits until the kernel has so much to say of every route from the one node to the blocks of the others. */
  untilRoutes(name: Member, ways: Readonly<Partial<Record<Member, string>>>): Promise<void>;
  /** Since when each session has been up, as counted by how often it came up. */
  established(name: Member): Promise<Readonly<Record<string, number>>>;
}

async function kernelRoutes(host: LabNode): Promise<string> {
  const routes = (await host.routes(4)).filter(({ dst, protocol, type }) => {
    return protocol === "bird" && dst.startsWith("10.244.") && type !== "blackhole";
  });
  return routes
    .map(({ dst, gateway, dev, flags }) => `${dst} ${gateway} ${dev}${flags.includes("onlink") ? " onlink" : ""}`)
    .sort()
    .join(", ");
}

function cluster(at: Cluster["at"]): Cluster {
  const peers = async (name: Member) =>
    (await callControl(at[name].sidecar.socket, { command: "peers" })) as readonly PeerAnswer[];
  const explain = (name: Member) => async () =>
    `${JSON.stringify(await peers(name))}\n${(await at[name].sidecar.log()).slice(-8000)}`;
  return {
    at,
    write: (name, resources) => at.n1.sidecar.write(name, resources),
    peers,
    async untilSessions(name, ...wanted) {
      await poll(
        `${name} to have the sessions ${wanted.join(" ")}`,
        async () => {
          const up = (await peers(name).catch(() => [])).map((peer) => `${peer.name} ${peer.state}`);
          return (
            up.sort().join() ===
            wanted
              .map((peer) => `${peer} established`)
              .sort()
              .join()
          );
        },
        { explain: explain(name) },
      );
    },
    async untilRoutes(name, ways) {
      const wanted = Object.entries(ways)
        .map(([other, way]) => `${BLOCK[other as Member]} ${ADDRESS[other as Member]} ${way}`)
        .sort()
        .join(", ");
      await poll(`${name} to have the routes ${wanted}`, async () => (await kernelRoutes(at[name].host)) === wanted, {
        explain: explain(name),
      });
    },
    async established(name) {
      return Object.fromEntries((await peers(name)).map((peer) => [peer.name, peer.established]));
    },
  };
}

const TUNNEL = "tunl0 onlink";
const MESH = { n1: ["n2", "n3"], n2: ["n1", "n3"], n3: ["n1", "n2"] } as const;
const NODES = ["n1", "n2", "n3"] as const;
const mesh = (name: Member) => `Mesh_${ADDRESS[name].replaceAll(".", "_")}`;
const explicit = (address: string) => `Node_${address.replaceAll(".", "_")}`;

describe("a cluster from one datastore", () => {
  staged(
    "mesh off, reflector on, a peer, a password, a node less, a pool without IPIP: each is followed, nothing else flaps",
    PLAN,
    async ({ lab, bird }) => {
      const shared = await mkdtemp(join(tmpdir(), "calidris-cluster-"));
      try {
        const started = await Promise.all(
          MEMBERS.map(async (name) => {
            const host = lab.node(name);
            return [name, { host, sidecar: await sidecar(host, shared) }] as const;
          }),
        );
        await follow(cluster(Object.fromEntries(started) as Cluster["at"]), bird("tor"));
      } finally {
        await rm(shared, { recursive: true, force: true });
      }
    },
  );
});

async function follow(calico: Cluster, tor: Bird): Promise<void> {
  const { at } = calico;
  await calico.write("nodes", MEMBERS.map(node));
  await calico.write("blocks", MEMBERS.map(block));
  await calico.write("pools", pool("Always"));
  await calico.write("bgp", bgp(true));
  await calico.write("secrets", secret("first-key"));
  await Promise.all(MEMBERS.map((name) => at[name].sidecar.start()));

  // The mesh leaves the reflector out.
  for (const name of NODES) await calico.untilSessions(name, ...MESH[name].map(mesh));
  for (const name of NODES)
    await calico.untilRoutes(name, Object.fromEntries(MESH[name].map((other) => [other, TUNNEL])));

  // Reflector on, then mesh off: other sessions bring the same routes, and the kernel does not notice.
  const before = await Promise.all(NODES.map((name) => monitor(at[name].host)));
  await calico.write("peers", [toReflector]);
  for (const name of NODES) await calico.untilSessions(name, ...MESH[name].map(mesh), explicit(ADDRESS.rr));
  for (const name of NODES)
    await calico.untilRoutes(name, Object.fromEntries([...MESH[name], "rr" as const].map((other) => [other, TUNNEL])));
  await calico.write("bgp", bgp(false));
  for (const name of NODES) await calico.untilSessions(name, explicit(ADDRESS.rr));
  const others = (name: Member) => MEMBERS.filter((other) => other !== name && other !== "rr").map((n) => BLOCK[n]);
  for (const [i, name] of NODES.entries())
    assert.deepEqual(about(await before[i]!(), others(name)), [], `${name}: routes stay while the sessions change`);

  // A BGPPeer for one node: the others have nothing of it, and no session is reset.
  const sessions = await Promise.all(MEMBERS.map(calico.established));
  const quiet = await Promise.all(NODES.map((name) => monitor(at[name].host)));
  await tor.start(torConfig("tor-key-1"));
  await calico.write("peers", [toReflector, toTor]);
  await calico.untilSessions("n1", explicit(ADDRESS.rr), explicit(TOR));
  await tor.untilLearned("n1", BLOCK.n1, BLOCK.n2, BLOCK.n3, BLOCK.rr);

  // The password between nodes and reflector is another: both ends take it over on the live sessions.
  await calico.write("secrets", secret("second-key"));
  for (const name of MEMBERS) await poll(`${name} to use the other key`, () => keysReplaced(calico, name));
  for (const name of MEMBERS.slice(0, 3)) await heardAgain(calico, name, explicit(ADDRESS.rr));
  for (const [i, name] of MEMBERS.entries())
    assert.deepEqual({ ...(await calico.established(name)), ...sessions[i] }, await calico.established(name), name);

  // A node goes: its routes and sessions, and nobody else's.
  await calico.write("nodes", MEMBERS.filter((name) => name !== "n3").map(node));
  await calico.untilSessions("rr", explicit(ADDRESS.n1), explicit(ADDRESS.n2));
  await calico.untilRoutes("n1", { n2: TUNNEL, rr: TUNNEL });
  await calico.untilRoutes("n2", { n1: TUNNEL, rr: TUNNEL });
  await tor.untilLearned("n1", BLOCK.n1, BLOCK.n2, BLOCK.rr);
  for (const [i, name] of (["n1", "n2"] as const).entries()) {
    const seen = about(
      await quiet[i]!(),
      MEMBERS.map((other) => BLOCK[other]),
    );
    assert.deepEqual(
      seen.map((line) => line.replace(/ via .*| dev .*/, "")),
      [`Deleted ${BLOCK.n3}`],
      name,
    );
  }

  // The pool without IPIP: the same routes, plain, and no session is touched.
  const last = await Promise.all((["n1", "n2", "rr"] as const).map(calico.established));
  await calico.write("pools", pool("Never"));
  await calico.untilRoutes("n1", { n2: "net0", rr: "net0" });
  await calico.untilRoutes("n2", { n1: "net0", rr: "net0" });
  assert.deepEqual(await Promise.all((["n1", "n2", "rr"] as const).map(calico.established)), last);
}

/** The keys of all sessions with the reflector were replaced while they were up. */
async function keysReplaced(calico: Cluster, name: Member): Promise<boolean> {
  const peers = (await calico.peers(name)).filter((peer) => peer.name !== explicit(TOR));
  return peers.every(({ key }) => key?.changedWhileEstablished === true);
}

/** A message came with the new key. */
async function heardAgain(calico: Cluster, name: Member, peer: string): Promise<void> {
  const updates = async () => (await calico.peers(name)).find((each) => each.name === peer)!.messages.received.update;
  const before = await updates();
  await callControl(calico.at[name].sidecar.socket, { command: "refresh", peer, direction: "in" });
  await poll(`${name} to hear of ${peer} again`, async () => (await updates()) > before);
}

function torConfig(key: string): string {
  return `router id ${TOR};
protocol bgp n1 {
  local ${TOR} as 65000; neighbor ${ADDRESS.n1} as 64512; multihop; password "${key}"; ${BIRD_QUICK}
  ipv4 { import all; export none; };
}`;
}

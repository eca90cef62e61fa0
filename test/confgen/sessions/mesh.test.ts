import assert from "node:assert/strict";
import { test } from "node:test";
import { bgpConfiguration, bgpPeer, inputOf, node, secret } from "../resource-builders.ts";
import { brief, briefs, codes, sessionsOf } from "./brief.ts";

const n1 = node("n1", { ipv4: "10.0.0.2/24", ipv6: "fd00::2/64" });

const rows: { claim: string; resources: Parameters<typeof inputOf>[0]; sessions: string[] }[] = [
  {
    claim: "without any BGPConfiguration the mesh is on, in AS 64512",
    resources: [n1, node("n2", { ipv4: "10.0.0.3/24" })],
    sessions: ["Mesh_10_0_0_3 as 64512 passive"],
  },
  {
    claim: "a session goes to each other node, over each family that both have",
    resources: [
      n1,
      node("n2", { ipv4: "10.0.0.1/24", ipv6: "fd00::3/64" }),
      node("n3", { ipv6: "fd00::1/64" }),
      node("n4", { bgp: false }),
    ],
    sessions: ["Mesh_10_0_0_1 as 64512", "Mesh_fd00__1 as 64512", "Mesh_fd00__3 as 64512 passive"],
  },
  {
    claim: "a node whose own Node has no address of a family has no session of it",
    resources: [node("n1", { ipv4: "10.0.0.2/24" }), node("n2", { ipv4: "10.0.0.3/24", ipv6: "fd00::3/64" })],
    sessions: ["Mesh_10_0_0_3 as 64512 passive"],
  },
  {
    claim: "the side whose address is less as text connects: 10.0.0.9 is greater than 10.0.0.10",
    resources: [
      node("n1", { ipv4: "10.0.0.9/24" }),
      node("n2", { ipv4: "10.0.0.10/24" }),
      node("n3", { ipv4: "10.0.0.91/24" }),
      node("n4", { ipv4: "9.0.0.1/24" }),
    ],
    sessions: ["Mesh_10_0_0_10 as 64512", "Mesh_10_0_0_91 as 64512 passive", "Mesh_9_0_0_1 as 64512 passive"],
  },
  {
    claim: "the text decides for IPv6 too: fd00::9 is greater than fd00::10, and a digit less than a letter or a colon",
    resources: [
      node("n1", { ipv6: "fd00::9/64" }),
      node("n2", { ipv6: "fd00::10/64" }),
      node("n3", { ipv6: "fd00::a/64" }),
      node("n4", { ipv6: "fd00:1::9/64" }),
    ],
    sessions: ["Mesh_fd00_1__9 as 64512", "Mesh_fd00__10 as 64512", "Mesh_fd00__a as 64512 passive"],
  },
  {
    claim: "a node that has its own AS is in that AS, others in the default one",
    resources: [
      node("n1", { ipv4: "10.0.0.2/24", asn: 65001 }),
      bgpConfiguration("default", { asn: 64999 }),
      node("n2", { ipv4: "10.0.0.1/24", asn: 65001 }),
      node("n3", { ipv4: "10.0.0.11/24" }),
    ],
    sessions: ["Mesh_10_0_0_1 as 65001", "Mesh_10_0_0_11 as 64999 external"],
  },
  {
    claim: "a session goes to the listen port of the node, or else to the default one, and the name is without it",
    resources: [
      n1,
      bgpConfiguration("default", { listenPort: 177 }),
      bgpConfiguration("node.n2", { listenPort: 180 }),
      bgpConfiguration("node.n1", { listenPort: 181 }),
      node("n2", { ipv4: "10.0.0.1/24" }),
      node("n3", { ipv4: "10.0.0.11/24" }),
    ],
    sessions: ["Mesh_10_0_0_1 port 180 as 64512", "Mesh_10_0_0_11 port 177 as 64512"],
  },
  {
    claim: "password and restart time of the default BGPConfiguration are those of the mesh",
    resources: [
      n1,
      bgpConfiguration("default", { meshPassword: { name: "s", key: "a" }, meshMaxRestartTime: 10 }),
      secret("kube-system/s", { a: "secret" }),
      node("n2", { ipv4: "10.0.0.1/24" }),
    ],
    sessions: ["Mesh_10_0_0_1 as 64512 restart 10 password secret"],
  },
  {
    claim: "a switched off mesh has no sessions",
    resources: [n1, bgpConfiguration("default", { nodeToNodeMesh: false }), node("n2", { ipv4: "10.0.0.3/24" })],
    sessions: [],
  },
  {
    claim: "a node's own BGPConfiguration does not switch the mesh off",
    resources: [n1, bgpConfiguration("node.n1", { nodeToNodeMesh: false }), node("n2", { ipv4: "10.0.0.3/24" })],
    sessions: ["Mesh_10_0_0_3 as 64512 passive"],
  },
  {
    claim: "a route reflector is left out of the mesh",
    resources: [n1, node("n2", { ipv4: "10.0.0.3/24", clusterId: "10.0.0.3" }), node("n3", { ipv4: "10.0.0.4/24" })],
    sessions: ["Mesh_10_0_0_4 as 64512 passive"],
  },
  {
    claim: "a route reflector takes no part in the mesh",
    resources: [node("n1", { ipv4: "10.0.0.2/24", clusterId: "10.0.0.3" }), node("n2", { ipv4: "10.0.0.4/24" })],
    sessions: [],
  },
  {
    claim: "a node that is not valid and never was is not in the mesh",
    resources: [n1, { kind: "Node", name: "n2", faults: ["spec.bgp.ipv4Address: no address"] }],
    sessions: [],
  },
  {
    claim: "a node that is no longer valid keeps its last valid form",
    resources: [
      n1,
      { kind: "Node", name: "n2", faults: ["spec.bgp.asNumber: no AS"], value: node("n2", { ipv4: "10.0.0.1/24" }) },
    ],
    sessions: ["Mesh_10_0_0_1 as 64512"],
  },
  {
    claim: "of two nodes with one address the first by name is taken",
    resources: [n1, node("n3", { ipv4: "10.0.0.1/24", asn: 65003 }), node("n2", { ipv4: "10.0.0.1/24", asn: 65002 })],
    sessions: ["Mesh_10_0_0_1 as 65002 external"],
  },
  {
    claim: "a node with our own address is none to talk to",
    resources: [n1, node("n2", { ipv4: "10.0.0.2/24", ipv6: "fd00::1/64" })],
    sessions: ["Mesh_fd00__1 as 64512"],
  },
  {
    claim: "an address that no session can have is left out: the rest is not held up by it",
    resources: [n1, node("n2", { ipv4: "0.0.0.0" }), node("n3", { ipv4: "10.0.0.1/24", ipv6: "fe80::1/64" })],
    sessions: ["Mesh_10_0_0_1 as 64512"],
  },
];

for (const { claim, resources, sessions } of rows)
  test(claim, () => assert.deepEqual(briefs(inputOf(resources)), sessions));

test("each side of a mesh session that comes from a BGPPeer too has it from the BGPPeer, and a finding", () => {
  const input = inputOf([
    n1,
    node("n2", { ipv4: "10.0.0.1/24" }),
    node("n3", { ipv4: "10.0.0.3/24" }),
    bgpPeer("a", { node: "n1", address: "10.0.0.1", port: 180, asn: 64512 }),
  ]);
  const result = sessionsOf(input);
  assert.deepEqual(result.sessions.map(brief), [
    "Mesh_10_0_0_3 as 64512 passive",
    "Node_10_0_0_1_port_180 port 180 as 64512",
  ]);
  assert.deepEqual(codes(result), ["peer-in-mesh BGPPeer/a"]);
});

test("what is wrong with nodes is said of each", () => {
  const result = sessionsOf(
    inputOf([
      n1,
      { kind: "Node", name: "n2", faults: ["spec.bgp.ipv4Address: no address"] },
      { kind: "Node", name: "n3", faults: ["spec.bgp.asNumber: no AS"], value: node("n3", { ipv4: "10.0.0.1/24" }) },
      node("n4", { ipv4: "0.0.0.0" }),
      node("n5", { ipv4: "10.0.0.2" }),
      node("n6", { ipv4: "10.0.0.1" }),
      { kind: "BGPConfiguration", name: "node.n6", faults: ["spec.listenPort: no port"] },
    ]),
  );
  assert.deepEqual(codes(result), [
    "invalid BGPConfiguration/node.n6",
    "invalid Node/n2",
    "invalid-kept Node/n3",
    "address-unusable Node/n4",
    "address-twice Node/n5",
    "address-twice Node/n6",
  ]);
});

test("a restart time that BGP has no room for is bounded, with a finding", () => {
  const result = sessionsOf(
    inputOf([n1, node("n2", { ipv4: "10.0.0.1/24" }), bgpConfiguration("default", { meshMaxRestartTime: 7200 })]),
  );
  assert.deepEqual(result.sessions.map(brief), ["Mesh_10_0_0_1 as 64512 restart 4095"]);
  assert.deepEqual(codes(result), ["value-bounded BGPConfiguration/default"]);
});

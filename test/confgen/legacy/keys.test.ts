import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { convertLegacy } from "../../../src/confgen/resources/legacy.ts";
import { convertLegacyKeys } from "../../../src/confgen/resources/legacy-keys.ts";

const convert = (keys: Record<string, string>) => convertLegacyKeys(Object.entries(keys));
const specs = (keys: Record<string, string>) => {
  const { objects, problems } = convert(keys);
  assert.deepEqual(problems, []);
  return Object.fromEntries(objects.map(({ kind, name, object }) => [`${kind}/${name}`, object?.spec]));
};

describe("etcd keys of v1", () => {
  it("that are global become settings", () => {
    const { settings, objects, problems } = convert({
      "/calico/bgp/v1/global/as_num": "64513",
      "/calico/bgp/v1/global/node_mesh": '{"enabled":false}',
      "/calico/bgp/v1/global/loglevel": '"debug"',
      "/calico/bgp/v1/host/N1/loglevel": "none",
    });
    assert.deepEqual([objects.length, problems], [1, []]);
    assert.deepEqual(
      settings.map(({ name, field, value }) => [name, field, value]),
      [
        ["default", "asNumber", 64513],
        ["default", "nodeToNodeMeshEnabled", false],
        ["default", "logSeverityScreen", "Debug"],
        ["node.n1", "logSeverityScreen", "Info"],
      ],
    );
  });

  it("of a host make a Node", () =>
    assert.deepEqual(
      specs({
        "/calico/bgp/v1/host/Node-1/ip_addr_v4": "10.0.0.1",
        "/calico/bgp/v1/host/Node-1/network_v4": "10.0.0.0/24",
        "/calico/bgp/v1/host/Node-1/ip_addr_v6": "fd00::1",
        "/calico/bgp/v1/host/Node-1/as_num": "1.10",
        "/calico/bgp/v1/host/Node-1/rr_cluster_id": "",
        "/calico/v1/host/Node-1/config/IpInIpTunnelAddr": "192.168.1.1",
        "/calico/bgp/v1/host/n2/ip_addr_v4": "10.0.0.2",
        "/calico/bgp/v1/host/n2/ip_addr_v6": "",
        "/calico/bgp/v1/host/n3/ip_addr_v4": "",
      }),
      {
        "Node/node-1": {
          bgp: {
            asNumber: 65546,
            ipv4Address: "10.0.0.1/24",
            ipv6Address: "fd00::1",
            ipv4IPIPTunnelAddr: "192.168.1.1",
          },
        },
        "Node/n2": { bgp: { ipv4Address: "10.0.0.2" } },
        "Node/n3": {},
      },
    ));

  it("of peers make BGPPeers", () =>
    assert.deepEqual(
      specs({
        "/calico/bgp/v1/global/peer_v4/10.0.0.254": '{"ip":"10.0.0.254","as_num":"64512"}',
        "/calico/bgp/v1/global/peer_v6/fd00::fe": '{"as_num":64512}',
        "/calico/bgp/v1/host/Node-1/peer_v4/10.0.0.253": '{"ip":"10.0.0.253","as_num":"1.10"}',
      }),
      {
        "BGPPeer/10-0-0-254": { peerIP: "10.0.0.254", asNumber: 64512 },
        "BGPPeer/fd00--fe": { peerIP: "fd00::fe", asNumber: 64512 },
        "BGPPeer/node-1.10-0-0-253": { node: "node-1", peerIP: "10.0.0.253", asNumber: 65546 },
      },
    ));

  it("of pools make IPPools", () => {
    const common = { vxlanMode: "Never", nodeSelector: "all()" };
    assert.deepEqual(
      specs({
        "/calico/v1/ipam/v4/pool/192.168.0.0-16":
          '{"cidr":"192.168.0.0/16","ipip":"tunl0","ipip_mode":"cross-subnet","masquerade":true,"ipam":true,"disabled":false}',
        "/calico/v1/ipam/v4/pool/10.0.0.0-8": '{"ipip":"tunl0"}',
        "/calico/v1/ipam/v6/pool/fd00::-64": '{"cidr":"fd00::/64","ipip":"","disabled":true}',
      }),
      {
        "IPPool/192-168-0-0-16": {
          cidr: "192.168.0.0/16",
          ipipMode: "CrossSubnet",
          natOutgoing: true,
          disabled: false,
          blockSize: 26,
          ...common,
        },
        "IPPool/10-0-0-0-8": {
          cidr: "10.0.0.0/8",
          ipipMode: "Always",
          natOutgoing: false,
          disabled: false,
          blockSize: 26,
          ...common,
        },
        "IPPool/fd00---64": {
          cidr: "fd00::/64",
          ipipMode: "Never",
          natOutgoing: false,
          disabled: true,
          blockSize: 122,
          ...common,
        },
      },
    );
  });

  it("that cannot be converted are told, the others are converted", () => {
    const { objects, problems } = convert({
      "/calico/bgp/v1/global/as_num": "x",
      "/calico/bgp/v1/global/node_mesh": "on",
      "/calico/bgp/v1/global/peer_v4/10.0.0.254": '["x"]',
      "/calico/v1/ipam/v4/pool/10.0.0.0": "{}",
      "/calico/bgp/v1/host/n1/ip_addr_v4": "10.0.0.1",
    });
    assert.deepEqual(problems, [
      "/calico/bgp/v1/global/as_num: expected an AS number, not `x`",
      "/calico/bgp/v1/global/node_mesh: expected a JSON object",
      "/calico/bgp/v1/global/peer_v4/10.0.0.254: expected a JSON object",
      "/calico/v1/ipam/v4/pool/10.0.0.0: expected the CIDR of a pool, not `10.0.0.0`",
    ]);
    assert.deepEqual(
      objects.map((stored) => stored.name),
      ["n1"],
    );
  });

  it("that say nothing about BGP are passed over", () => {
    const keys = [
      "/calico/v1/Ready",
      "/calico/v1/host/n1/metadata",
      "/calico/v1/policy/tier/default/policy/x",
      "/other",
    ];
    const { objects, settings, problems } = convertLegacyKeys(keys.map((key) => [key, "{}"] as const));
    assert.deepEqual([objects, settings, problems], [[], [], []]);
  });

  it("may be written as a mapping in a document", () => {
    const converted = convertLegacy({
      "/calico/bgp/v1/global/node_mesh": { enabled: true },
      "/calico/bgp/v1/global/as_num": 5,
    });
    assert.deepEqual(
      converted?.settings.map((setting) => setting.value),
      [true, 5],
    );
  });

  it("never make the conversion throw", () => {
    const key = fc.constantFrom(
      ...[
        "global/as_num",
        "global/node_mesh",
        "global/peer_v4/10.0.0.1",
        "host/n/as_num",
        "host/n/ip_addr_v4",
        "host/n/peer_v6/x",
      ],
    );
    const value = fc.oneof(fc.string(), fc.json(), fc.constantFrom("{}", '{"as_num":{}}', '{"ip":[],"as_num":1}'));
    fc.assert(
      fc.property(fc.array(fc.tuple(key, value)), (entries) => {
        convertLegacyKeys(entries.map(([key, value]) => [`/calico/bgp/v1/${key}`, value] as const));
      }),
      { numRuns: 500, seed: 31 },
    );
  });
});

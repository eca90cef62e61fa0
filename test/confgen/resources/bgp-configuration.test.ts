import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { faults, parsed } from "./parsing.ts";

const EMPTY = {
  kind: "BGPConfiguration",
  name: "x",
  serviceClusterCidrs: [],
  serviceExternalCidrs: [],
  serviceLoadBalancerCidrs: [],
  ignoredInterfaces: [],
  normalPriority: {},
} as const;

describe("a BGPConfiguration", () => {
  it("says nothing by itself", () => assert.deepEqual(parsed("BGPConfiguration", {}), EMPTY));

  it("has every field", () =>
    assert.deepEqual(
      parsed("BGPConfiguration", {
        logSeverityScreen: "Warning",
        nodeToNodeMeshEnabled: false,
        asNumber: "64513",
        serviceClusterIPs: [{ cidr: "10.96.0.0/12" }, { cidr: "FD96::/112" }],
        serviceExternalIPs: [{ cidr: "10.1.2.3/32" }, {}],
        serviceLoadBalancerIPs: [{}, { cidr: "" }, { cidr: "10.7.7.7/8" }],
        serviceLoadBalancerAggregation: "Disabled",
        communities: [
          { name: "no-one", value: "65535:1" },
          { name: "large", value: "4294967295:0:7" },
        ],
        prefixAdvertisements: [
          { cidr: "10.0.0.0/8", communities: ["no-one", "large", "1:2", "65535:1"] },
          { cidr: "fd00::/8", communities: [] },
          {},
        ],
        listenPort: 1790,
        bindMode: "NodeIP",
        ignoredInterfaces: ["eth*", "veth0.1"],
        nodeMeshPassword: { secretKeyRef: { name: "s", key: "k" } },
        nodeMeshMaxRestartTime: "2m",
        programClusterRoutes: "EnabledIPIPOnly",
        ipv4NormalRoutePriority: 1,
        ipv6NormalRoutePriority: 2147483646,
      }),
      {
        kind: "BGPConfiguration",
        name: "x",
        logSeverity: "warning",
        nodeToNodeMesh: false,
        asn: 64513,
        serviceClusterCidrs: ["10.96.0.0/12", "fd96::/112"],
        serviceExternalCidrs: ["10.1.2.3/32"],
        serviceLoadBalancerCidrs: ["10.0.0.0/8"],
        serviceLoadBalancerAggregation: false,
        prefixAdvertisements: [
          { cidr: "10.0.0.0/8", communities: ["1:2", "4294967295:0:7", "65535:1"] },
          { cidr: "fd00::/8", communities: [] },
        ],
        listenPort: 1790,
        bindMode: "NodeIP",
        ignoredInterfaces: ["eth*", "veth0.1"],
        meshPassword: { name: "s", key: "k" },
        meshMaxRestartTime: 120,
        programClusterRoutes: "EnabledIPIPOnly",
        normalPriority: { ipv4: 1, ipv6: 2147483646 },
      },
    ));

  it("tells advertisements that are none from those that are not there", () => {
    assert.deepEqual(parsed("BGPConfiguration", { prefixAdvertisements: [] }).prefixAdvertisements, []);
    assert.equal(parsed("BGPConfiguration", { prefixAdvertisements: null }).prefixAdvertisements, undefined);
  });

  it("keeps a value that is off", () => {
    const read = parsed("BGPConfiguration", {
      nodeToNodeMeshEnabled: false,
      serviceLoadBalancerAggregation: "Enabled",
    });
    assert.deepEqual([read.nodeToNodeMesh, read.serviceLoadBalancerAggregation], [false, true]);
  });

  it("takes a community's value before a name that looks like one", () => {
    const spec = {
      communities: [{ name: "1:2", value: "3:4" }],
      prefixAdvertisements: [{ cidr: "10.0.0.0/8", communities: ["1:2"] }],
    };
    assert.deepEqual(parsed("BGPConfiguration", spec).prefixAdvertisements?.[0]?.communities, ["1:2"]);
  });

  it("may name a severity that Calico does not know", () =>
    assert.equal(parsed("BGPConfiguration", { logSeverityScreen: "None" }).logSeverity, "none"));

  it("may have a mesh password where the mesh is off", () => {
    const spec = { nodeToNodeMeshEnabled: false, nodeMeshPassword: { secretKeyRef: { name: "s", key: "k" } } };
    assert.equal(parsed("BGPConfiguration", spec).nodeToNodeMesh, false);
  });

  const advertised = (communities: unknown, named: unknown = []) => ({
    communities: named,
    prefixAdvertisements: [{ cidr: "10.0.0.0/8", communities }],
  });
  const interfaces = "the name of an interface, or a pattern such as eth*, of at most 15 characters (and not `*`)";
  for (const [spec, fault] of [
    [
      advertised(["vip"]),
      "spec.prefixAdvertisements[0].communities[0]: `vip` is neither a community (aa:nn or aa:nn:mm) nor a name in spec.communities",
    ],
    [
      advertised(["65536:1"]),
      "spec.prefixAdvertisements[0].communities[0]: `65536:1` is neither a community (aa:nn or aa:nn:mm) nor a name in spec.communities",
    ],
    [
      advertised([], [{ name: "vip", value: "1:65536" }]),
      "spec.communities[0].value: expected a community: aa:nn (parts up to 65535) or aa:nn:mm (parts up to 4294967295), not `1:65536`",
    ],
    [advertised([], [{ name: "vip" }]), "spec.communities[0]: needs a name and a value; value is missing"],
    [
      advertised(Array.from({ length: 51 }, (_, i) => `1:${i}`)),
      "spec.prefixAdvertisements[0].communities: more than 50 entries",
    ],
    [
      { prefixAdvertisements: Array.from({ length: 501 }, () => ({})) },
      "spec.prefixAdvertisements: more than 500 entries",
    ],
    [{ prefixAdvertisements: [{ communities: ["1:1"] }] }, "spec.prefixAdvertisements[0].cidr: is missing"],
    [
      { serviceClusterIPs: [{ cidr: "10.96.0.0" }] },
      "spec.serviceClusterIPs[0].cidr: expected a CIDR such as 10.0.0.0/8 or fd00::/64, not `10.96.0.0`",
    ],
    [{ serviceClusterIPs: ["10.96.0.0/12"] }, "spec.serviceClusterIPs[0]: expected a mapping, not `10.96.0.0/12`"],
    [{ listenPort: 0 }, "spec.listenPort: expected a whole number from 1 to 65535, not `0`"],
    [{ listenPort: 1.5 }, "spec.listenPort: expected a whole number from 1 to 65535, not `1.5`"],
    [{ bindMode: "nodeip" }, "spec.bindMode: expected None or NodeIP, not `nodeip`"],
    [{ ignoredInterfaces: ["*"] }, `spec.ignoredInterfaces[0]: expected ${interfaces}, not \`*\``],
    [
      { ignoredInterfaces: ["sixteen-letters-"] },
      `spec.ignoredInterfaces[0]: expected ${interfaces}, not \`sixteen-letters-\``,
    ],
    [{ ignoredInterfaces: ["a\nb"] }, `spec.ignoredInterfaces[0]: expected ${interfaces}, not \`a\ufffdb\``],
    [
      { ipv4NormalRoutePriority: 2147483647 },
      "spec.ipv4NormalRoutePriority: expected a whole number from 1 to 2147483646, not `2147483647`",
    ],
    [
      { programClusterRoutes: "On" },
      "spec.programClusterRoutes: expected Enabled, Disabled, EnabledIPIPOnly or EnabledNoEncapOnly, not `On`",
    ],
    [{ nodeToNodeMeshEnabled: "yes" }, "spec.nodeToNodeMeshEnabled: expected true or false, not `yes`"],
    [
      { nodeMeshMaxRestartTime: 120 },
      "spec.nodeMeshMaxRestartTime: expected a duration such as 120s or 1m30s, not `120`",
    ],
  ] as const)
    it(`${JSON.stringify(spec).slice(0, 80)} is invalid, and why is said`, () =>
      assert.deepEqual(faults("BGPConfiguration", spec), [fault]));
});

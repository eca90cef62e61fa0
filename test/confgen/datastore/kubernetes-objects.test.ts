import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Json } from "../../../src/confgen/datastore/json.ts";
import {
  collectionPath,
  missingRule,
  originOf,
  pathOf,
  servedBy,
} from "../../../src/confgen/datastore/kubernetes-api.ts";
import { type KubernetesKind, objectName, v3Object } from "../../../src/confgen/datastore/kubernetes-objects.ts";
import { createResourceTable } from "../../../src/confgen/resources/admission.ts";

const ours = { node: "n1", podCidrs: false };

function node(annotations: Json, more: { readonly labels?: Json; readonly spec?: Json } = {}, podCidrs = false): Json {
  const named = Object.fromEntries(
    Object.entries(annotations).map(([name, value]) => [`projectcalico.org/${name}`, value]),
  );
  const metadata = { name: "n1", uid: "u", managedFields: [{}], labels: more.labels, annotations: named };
  return v3Object("Node", { metadata, spec: more.spec, status: { images: [] } }, { ...ours, podCidrs })!;
}

const orchRefs = [{ nodeName: "n1", orchestrator: "k8s" }];

describe("a core Node is Calico's Node", () => {
  for (const { claim, annotations, spec } of [
    { claim: "without annotations it takes no part in BGP", annotations: {}, spec: {} },
    {
      claim: "every annotation of BGP becomes its field",
      annotations: {
        IPv4Address: "10.0.0.1/24",
        IPv6Address: "fd00::1/64",
        ASNumber: "65001",
        RouteReflectorClusterID: "244.0.0.1",
        IPv4IPIPTunnelAddr: "192.168.1.1",
      },
      spec: {
        bgp: {
          ipv4Address: "10.0.0.1/24",
          ipv6Address: "fd00::1/64",
          asNumber: 65001,
          routeReflectorClusterID: "244.0.0.1",
          ipv4IPIPTunnelAddr: "192.168.1.1",
        },
      },
    },
    {
      claim: "its WireGuard addresses are those of its interface",
      annotations: { IPv4WireguardInterfaceAddr: "10.9.0.1", IPv6WireguardInterfaceAddr: "fd09::1" },
      spec: { wireguard: { interfaceIPv4Address: "10.9.0.1", interfaceIPv6Address: "fd09::1" } },
    },
    {
      claim: "a bare address is one",
      annotations: { IPv4Address: "10.0.0.1" },
      spec: { bgp: { ipv4Address: "10.0.0.1" } },
    },
    { claim: "an AS number may be dotted", annotations: { ASNumber: "1.10" }, spec: { bgp: { asNumber: 65546 } } },
    {
      claim: "an address of the other family counts as not written",
      annotations: { IPv4Address: "fd00::1/64" },
      spec: {},
    },
    {
      claim: "an address with too long a length counts as not written",
      annotations: { IPv4Address: "10.0.0.1/33" },
      spec: {},
    },
    { claim: "what is no AS number counts as not written", annotations: { ASNumber: "4294967296" }, spec: {} },
    {
      claim: "what is no AS number takes nothing else with it",
      annotations: { ASNumber: "x", IPv4Address: "10.0.0.1/24" },
      spec: { bgp: { ipv4Address: "10.0.0.1/24" } },
    },
    { claim: "an empty annotation counts as not written", annotations: { IPv4Address: "" }, spec: {} },
  ])
    test(claim, () => {
      assert.deepEqual(node(annotations), {
        kind: "Node",
        metadata: { name: "n1", labels: {} },
        spec: { ...spec, orchRefs },
      });
    });

  test("labels that Calico set are there, and those of Kubernetes go before them", () => {
    const { metadata } = node({ labels: '{"rack":"r1","zone":"z1"}' }, { labels: { rack: "r2" } });
    assert.deepEqual(metadata, { name: "n1", labels: { rack: "r2", zone: "z1" } });
  });

  test("an annotation of labels that is no JSON counts as not written", () => {
    assert.deepEqual(node({ labels: "{rack" }, { labels: { rack: "r2" } }).metadata, {
      name: "n1",
      labels: { rack: "r2" },
    });
  });

  test("pod CIDRs are read where they serve for blocks, and give the tunnel's address", () => {
    const read = node({}, { spec: { podCIDR: "10.1.2.0/24", podCIDRs: ["10.1.2.0/24", "fd00:1::/64"] } }, true);
    assert.deepEqual(read.status, { podCIDRs: ["10.1.2.0/24", "fd00:1::/64"] });
    assert.deepEqual(read.spec, { bgp: { ipv4IPIPTunnelAddr: "10.1.2.1" }, orchRefs });
    assert.equal(node({}, { spec: { podCIDRs: ["10.1.2.0/24"] } }).status, undefined);
  });

  test("the single field of an older server serves too", () => {
    assert.deepEqual(node({}, { spec: { podCIDR: "10.1.2.0/24" } }, true).status, { podCIDRs: ["10.1.2.0/24"] });
  });
});

describe("Calico's own objects", () => {
  test("metadata of the classic group stands in an annotation; what the API server knows goes before it", () => {
    const hidden = JSON.stringify({
      name: "other",
      labels: { a: "1", b: "1" },
      creationTimestamp: "2024-01-01T00:00:00Z",
    });
    const metadata = {
      name: "tor-1",
      uid: "u",
      labels: { b: "2" },
      annotations: { "projectcalico.org/metadata": hidden },
    };
    assert.deepEqual(v3Object("BGPPeer", { metadata, spec: { peerIP: "10.0.0.254" } }, ours), {
      kind: "BGPPeer",
      metadata: { name: "tor-1", labels: { a: "1", b: "2" } },
      spec: { peerIP: "10.0.0.254" },
    });
  });

  test("an annotation of metadata that is no JSON takes nothing with it", () => {
    const metadata = { name: "tor-1", annotations: { "projectcalico.org/metadata": "{" } };
    assert.deepEqual(v3Object("BGPPeer", { metadata, spec: {} }, ours)?.metadata, { name: "tor-1" });
  });

  for (const { written, deleted } of [
    { written: "false", deleted: false },
    { written: "true", deleted: true },
    { written: true, deleted: true },
    { written: undefined, deleted: false },
  ])
    test(`an affinity with deleted ${JSON.stringify(written)} is ${deleted ? "" : "not "}deleted`, () => {
      const spec = { cidr: "192.168.1.0/26", node: "n1", state: "confirmed", deleted: written };
      const object = v3Object("BlockAffinity", { metadata: { name: "a" }, spec }, ours);
      assert.deepEqual(object?.spec, { cidr: "192.168.1.0/26", node: "n1", state: "confirmed", deleted });
    });

  test("an affinity of another node is none of ours", () => {
    const spec = { cidr: "192.168.1.0/26", node: "n2", state: "confirmed", deleted: "false" };
    assert.equal(v3Object("BlockAffinity", { metadata: { name: "a" }, spec }, ours), undefined);
  });
});

describe("objects of Kubernetes", () => {
  const metadata = { name: "web", namespace: "default", managedFields: [{}], annotations: { a: "b" } };

  test("of a Service only what decides about its addresses is left", () => {
    const spec = {
      type: "LoadBalancer",
      clusterIP: "10.96.0.1",
      clusterIPs: ["10.96.0.1"],
      ports: [{ port: 80 }],
      selector: {},
    };
    const status = { loadBalancer: { ingress: [{ ip: "192.0.2.1", ports: [] }, { hostname: "x" }] }, conditions: [] };
    assert.deepEqual(v3Object("Service", { metadata, spec, status }, ours), {
      kind: "Service",
      metadata: { name: "web", namespace: "default" },
      spec: { type: "LoadBalancer", clusterIP: "10.96.0.1", clusterIPs: ["10.96.0.1"] },
      status: { loadBalancer: { ingress: [{ ip: "192.0.2.1" }, {}] } },
    });
  });

  let octet = 1;
  const labels = { "kubernetes.io/service-name": "web", other: "x" };

  test("of a slice each node is left once, whether it has ready endpoints and others", () => {
    const endpoint = (nodeName: string | undefined, ready: boolean | null) => ({
      addresses: [`10.1.0.${octet++}`],
      nodeName,
      conditions: { ready, serving: ready },
      targetRef: {},
    });
    const endpoints = [endpoint("n1", true), endpoint("n1", true), endpoint("n1", false), endpoint(undefined, null)];
    const object = { metadata: { ...metadata, labels }, addressType: "IPv4", endpoints, ports: [] };
    assert.deepEqual(v3Object("EndpointSlice", object, ours), {
      kind: "EndpointSlice",
      metadata: { name: "web", namespace: "default", labels: { "kubernetes.io/service-name": "web" } },
      addressType: "IPv4",
      endpoints: [
        { nodeName: "n1", conditions: { ready: true } },
        { nodeName: "n1", conditions: { ready: false } },
        { conditions: {} },
      ],
    });
  });

  test("a slice of v1beta1 has the node in its topology", () => {
    const endpoints = [
      { topology: { "kubernetes.io/hostname": "n1", "topology.kubernetes.io/zone": "z" }, conditions: {} },
    ];
    const object = { metadata: { ...metadata, labels }, addressType: "IPv6", endpoints };
    assert.deepEqual(v3Object("EndpointSlice", object, ours)?.endpoints, [{ nodeName: "n1", conditions: {} }]);
  });

  test("a Secret keeps its values as they are written", () => {
    const object = { metadata, type: "Opaque", data: { password: "YQ==" } };
    assert.deepEqual(v3Object("Secret", object, ours), {
      kind: "Secret",
      metadata: { name: "web", namespace: "default" },
      data: { password: "YQ==" },
    });
  });

  test("the name of what has a namespace begins with it", () => {
    assert.equal(objectName({ metadata }), "default/web");
    assert.equal(objectName({ metadata: { name: "n1" } }), "n1");
    assert.equal(objectName({ metadata: {} }), undefined);
  });
});

test("every kind is admitted in the form that it has here", () => {
  const objects: readonly (readonly [KubernetesKind, Json])[] = [
    ["Node", { metadata: { name: "n1", annotations: { "projectcalico.org/IPv4Address": "10.0.0.1/24" } } }],
    ["BGPPeer", { metadata: { name: "p" }, spec: { peerIP: "10.0.0.254", asNumber: 65000 } }],
    ["BGPConfiguration", { metadata: { name: "default" }, spec: { asNumber: 65000 } }],
    ["BGPFilter", { metadata: { name: "f" }, spec: { importV4: [{ action: "Accept" }] } }],
    ["IPPool", { metadata: { name: "i" }, spec: { cidr: "10.1.0.0/16" } }],
    [
      "BlockAffinity",
      { metadata: { name: "b" }, spec: { cidr: "10.1.0.0/26", node: "n1", state: "confirmed", deleted: "false" } },
    ],
    ["Service", { metadata: { name: "s", namespace: "d" }, spec: { type: "ClusterIP", clusterIP: "10.96.0.1" } }],
    ["EndpointSlice", { metadata: { name: "e", namespace: "d" }, addressType: "IPv4", endpoints: null }],
    ["Secret", { metadata: { name: "k", namespace: "d" }, data: { password: "YQ==" } }],
  ];
  const table = createResourceTable();
  for (const [kind, object] of objects) {
    const name = objectName(object)!;
    table.apply({ kind, name, object: v3Object(kind, object, ours)!, origin: name });
    const entry = table.view[kind].get(name);
    assert.deepEqual(entry?.faults, undefined, kind);
    assert.ok(entry?.value, kind);
  }
});

describe("where things are", () => {
  const groups = (...places: string[]) => ({
    groups: places.map((place) => ({ name: place.split("/")[0], versions: [{ version: place.split("/")[1] }] })),
  });
  for (const { claim, places, forced, calico } of [
    {
      claim: "the classic group where it alone is served",
      places: ["crd.projectcalico.org/v1"],
      forced: undefined,
      calico: "crd.projectcalico.org/v1",
    },
    {
      claim: "the native group where it alone is served",
      places: ["projectcalico.org/v3"],
      forced: undefined,
      calico: "projectcalico.org/v3",
    },
    {
      claim: "the classic group where both are served",
      places: ["projectcalico.org/v3", "crd.projectcalico.org/v1"],
      forced: undefined,
      calico: "crd.projectcalico.org/v1",
    },
    {
      claim: "the one that is asked for, whatever is served",
      places: ["crd.projectcalico.org/v1"],
      forced: "projectcalico.org/v3",
      calico: "projectcalico.org/v3",
    },
  ] as const)
    test(`Calico's resources are read from ${claim}`, () => {
      assert.equal(servedBy(groups(...places), forced).calico, calico);
    });

  test("slices are read as v1beta1 only where v1 is not served", () => {
    assert.equal(servedBy(groups("discovery.k8s.io/v1beta1"), undefined).endpointSlices, "v1beta1");
    const both = { groups: [{ name: "discovery.k8s.io", versions: [{ version: "v1beta1" }, { version: "v1" }] }] };
    assert.equal(servedBy(both, undefined).endpointSlices, "v1");
    assert.equal(servedBy({}, undefined).endpointSlices, "v1");
  });

  const served = { calico: "crd.projectcalico.org/v1", endpointSlices: "v1" } as const;
  for (const { kind, path, origin } of [
    { kind: "Node", path: "/api/v1/nodes", origin: "api/v1/nodes/n1" },
    {
      kind: "BGPPeer",
      path: "/apis/crd.projectcalico.org/v1/bgppeers",
      origin: "apis/crd.projectcalico.org/v1/bgppeers/n1",
    },
    {
      kind: "EndpointSlice",
      path: "/apis/discovery.k8s.io/v1/endpointslices",
      origin: "apis/discovery.k8s.io/v1/namespaces/d/endpointslices/n1",
    },
  ] as const)
    test(`${kind} is at ${path}`, () => {
      const place = collectionPath(kind, served);
      assert.equal(pathOf(place), path);
      assert.equal(originOf(place, kind === "EndpointSlice" ? "d/n1" : "n1"), origin);
    });

  test("a Secret is followed by its name in its namespace, and a role may name it", () => {
    const place = collectionPath("Secret", served, "kube-system/bgp");
    assert.equal(pathOf(place), "/api/v1/namespaces/kube-system/secrets?fieldSelector=metadata.name%3Dbgp");
    assert.equal(
      missingRule(place),
      'a Role of ours in the namespace kube-system needs the rule {apiGroups: [""], resources: ["secrets"], resourceNames: ["bgp"], verbs: ["get", "list", "watch"]}',
    );
  });
});

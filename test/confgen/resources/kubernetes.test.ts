import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseResource } from "../../../src/confgen/resources/parse-resource.ts";
import { faults, parsed } from "./parsing.ts";

describe("a Service", () => {
  it("has its addresses in canonical form", () => {
    const spec = {
      type: "LoadBalancer",
      clusterIP: "10.101.0.5",
      clusterIPs: ["10.101.0.5", "FD96:0::5"],
      externalIPs: ["FD00:0::7"],
      loadBalancerIP: "10.7.0.1",
      externalTrafficPolicy: "Local",
      ipFamilies: ["IPv4", "IPv6"],
      ports: [{ port: 80 }],
    };
    const ingress = [{ ip: "FD07::0:1" }, { hostname: "lb.example" }, {}];
    assert.deepEqual(parsed("Service", spec, { status: { loadBalancer: { ingress } } }), {
      kind: "Service",
      name: "x",
      type: "LoadBalancer",
      clusterIp: "10.101.0.5",
      clusterIps: ["10.101.0.5", "fd96::5"],
      externalIps: ["fd00::7"],
      loadBalancerIp: "10.7.0.1",
      ingressIps: ["fd07::1"],
      externalTrafficPolicy: "Local",
      ipFamilies: ["IPv4", "IPv6"],
    });
  });

  it("without anything is of the type ClusterIP and has no address", () =>
    assert.deepEqual(parsed("Service", null), {
      kind: "Service",
      name: "x",
      type: "ClusterIP",
      clusterIp: "",
      clusterIps: [],
      externalIps: [],
      ingressIps: [],
      ipFamilies: [],
    }));

  it("without an address says None", () => assert.equal(parsed("Service", { clusterIP: "None" }).clusterIp, "None"));
});

describe("an EndpointSlice", () => {
  const slice = (object: object) => {
    const result = parseResource("EndpointSlice", "shop/web-1", object);
    if (!result.ok) assert.fail(result.faults.join());
    return result.value;
  };
  const labels = { "kubernetes.io/service-name": "web" };

  it("belongs to the Service that its label names, in its namespace", () => {
    assert.equal(slice({ metadata: { namespace: "shop", labels } }).service, "shop/web");
    assert.equal(slice({ metadata: { labels } }).service, "shop/web");
    assert.equal(slice({ metadata: { labels: {} } }).service, undefined);
  });

  it("has endpoints that are ready unless they say otherwise", () =>
    assert.deepEqual(
      slice({
        addressType: "IPv4",
        endpoints: [
          { nodeName: "n1", addresses: ["10.0.0.1"], conditions: { ready: true } },
          { nodeName: "n2", conditions: { ready: false } },
          { nodeName: "n3", conditions: {} },
          { nodeName: "n4" },
          { topology: { "kubernetes.io/hostname": "n5" } },
          {},
        ],
      }),
      {
        kind: "EndpointSlice",
        name: "shop/web-1",
        addressType: "IPv4",
        endpoints: [
          { ready: true, nodeName: "n1" },
          { ready: false, nodeName: "n2" },
          { ready: true, nodeName: "n3" },
          { ready: true, nodeName: "n4" },
          { ready: true, nodeName: "n5" },
          { ready: true },
        ],
      },
    ));
});

describe("a Secret", () => {
  const secret = (object: object) => {
    const result = parseResource("Secret", "kube-system/x", object);
    if (!result.ok) assert.fail(result.faults.join());
    return result.value.data;
  };
  const base64 = (text: string | Uint8Array) => Buffer.from(text).toString("base64");

  for (const text of ["", "a", "ab", "abc", "abcd", "pässword \u{1f511}\n", "x".repeat(80)])
    it(`gives ${JSON.stringify(text).slice(0, 30)} as it is`, () => {
      assert.deepEqual(secret({ data: { k: base64(text) } }), { k: text });
      assert.deepEqual(secret({ data: { k: base64(text).replaceAll("=", "") } }), { k: text });
    });

  it("may have base64 over several lines", () =>
    assert.deepEqual(secret({ data: { k: "YWJj\nZGVm\r\n" } }), { k: "abcdef" }));

  it("leaves out what is no text, and what is no base64", () => {
    const data = { binary: base64(Uint8Array.of(0xff, 0xfe)), wrong: "a", worse: "a*==", number: 5, good: "eA==" };
    assert.deepEqual(secret({ data }), { good: "x" });
  });

  it("has plain values that go before encoded ones", () =>
    assert.deepEqual(secret({ data: { a: "eA==", b: "eQ==" }, stringData: { b: "plain" } }), { a: "x", b: "plain" }));

  it("without values is valid", () => {
    for (const object of [{}, { data: null }, { data: [] }, { data: "x" }]) assert.deepEqual(secret(object), {});
  });
});

describe("a Workload", () => {
  it("has the first address of each family", () =>
    assert.deepEqual(
      parsed("Workload", {
        ifaceName: "cali1",
        ipv4Nets: ["10.65.0.0/24", "10.65.0.2/32", "10.65.0.3/32"],
        ipv6Nets: ["FD65:0::2/128"],
        bgpPeerName: "local",
      }),
      { kind: "Workload", name: "x", interface: "cali1", ipv4: "10.65.0.2", ipv6: "fd65::2", bgpPeer: "local" },
    ));

  it("may be no peer and have no address", () =>
    assert.deepEqual(parsed("Workload", { ifaceName: "cali1", ipv4Nets: null, bgpPeerName: "" }), {
      kind: "Workload",
      name: "x",
      interface: "cali1",
    }));

  it("without an interface is invalid", () => assert.deepEqual(faults("Workload", {}), ["spec.ifaceName: is missing"]));
});

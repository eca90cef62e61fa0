import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseResource } from "../../../src/confgen/resources/parse-resource.ts";
import { faults, parsed } from "./parsing.ts";

const bgp = (fields: object) => parsed("Node", { bgp: fields }).bgp;

describe("a Node", () => {
  it("without bgp takes no part in it", () => {
    for (const spec of [undefined, null, {}, { bgp: null }])
      assert.deepEqual(parsed("Node", spec), { kind: "Node", name: "x", labels: {}, wireguard: {}, podCidrs: [] });
  });

  for (const [written, address, network] of [
    ["10.0.0.1/24", "10.0.0.1", "10.0.0.0/24"],
    ["10.0.0.1", "10.0.0.1", "10.0.0.1/32"],
    ["10.0.0.1/0", "10.0.0.1", "0.0.0.0/0"],
  ] as const)
    it(`with ${written} has the address ${address} in ${network}`, () =>
      assert.deepEqual(bgp({ ipv4Address: written }), { ipv4: { address, network } }));

  for (const [written, address, network] of [
    ["fd00::1/64", "fd00::1", "fd00::/64"],
    ["FD00:0:0::0001", "fd00::1", "fd00::1/128"],
  ] as const)
    it(`with ${written} has the address ${address} in ${network}`, () =>
      assert.deepEqual(bgp({ ipv6Address: written }), { ipv6: { address, network } }));

  for (const [written, asn] of [
    [65001, 65001],
    ["65001", 65001],
    ["1.10", 65546],
    ["65535.65535", 4294967295],
    [4294967295, 4294967295],
  ] as const)
    it(`with the AS number ${JSON.stringify(written)} has ${asn}`, () =>
      assert.deepEqual(bgp({ asNumber: written, ipv4Address: "10.0.0.1" })?.asn, asn));

  it("with AS number 0 has none", () =>
    assert.deepEqual(bgp({ asNumber: 0, routeReflectorClusterID: "244.0.0.1" }), { clusterId: "244.0.0.1" }));

  it("has empty fields as if they were not there", () =>
    assert.deepEqual(bgp({ ipv4Address: "10.0.0.1", ipv6Address: "", asNumber: null, routeReflectorClusterID: "" }), {
      ipv4: { address: "10.0.0.1", network: "10.0.0.1/32" },
    }));

  it("has labels whose values YAML reads as something else", () => {
    const metadata = { name: "x", labels: { a: true, b: 1, c: null, "projectcalico.org/d": "text" } };
    assert.deepEqual(parsed("Node", {}, { metadata }).labels, {
      a: "true",
      b: "1",
      c: "",
      "projectcalico.org/d": "text",
    });
  });

  it("has labels of any name", () => {
    const labels = JSON.parse('{"__proto__":"x","constructor":"y"}') as object;
    const read = parsed("Node", {}, { metadata: { labels } }).labels;
    assert.deepEqual(Object.entries(read), [
      ["__proto__", "x"],
      ["constructor", "y"],
    ]);
  });

  it("has the addresses of its WireGuard interfaces and its pod CIDRs in canonical form", () => {
    const spec = { wireguard: { interfaceIPv4Address: "10.9.0.1", interfaceIPv6Address: "FD09::0:1" } };
    const node = parsed("Node", spec, { status: { podCIDRs: ["10.244.1.0/24", "", "FD44:0::/64"] } });
    assert.deepEqual(node.wireguard, { ipv4: "10.9.0.1", ipv6: "fd09::1" });
    assert.deepEqual(node.podCidrs, ["10.244.1.0/24", "fd44::/64"]);
  });

  it("ignores what it does not know", () =>
    assert.deepEqual(bgp({ ipv4Address: "10.0.0.1", newField: { a: [1] }, ipv4IPIPTunnelAddr: "x" }), {
      ipv4: { address: "10.0.0.1", network: "10.0.0.1/32" },
    }));

  for (const [spec, fault] of [
    [{ bgp: {} }, "spec.bgp: is empty; leave it out where the node takes no part in BGP"],
    [
      { bgp: { ipv4Address: "10.0.0/24" } },
      "spec.bgp.ipv4Address: expected an IPv4 address, with or without the length of its subnet (10.0.0.1/24), not `10.0.0/24`",
    ],
    [
      { bgp: { ipv6Address: "10.0.0.1" } },
      "spec.bgp.ipv6Address: expected an IPv6 address, with or without the length of its subnet (fd00::1/64), not `10.0.0.1`",
    ],
    [
      { bgp: { asNumber: "65536.1" } },
      "spec.bgp.asNumber: expected an AS number: 1 to 4294967295, or two parts as 1.10, not `65536.1`",
    ],
    [
      { bgp: { asNumber: 1.1 } },
      "spec.bgp.asNumber: expected an AS number: 1 to 4294967295, or two parts as 1.10; put quotes around the two parts",
    ],
    [
      { bgp: { asNumber: [1] } },
      "spec.bgp.asNumber: expected an AS number: 1 to 4294967295, or two parts as 1.10, not a list",
    ],
    [
      { bgp: { routeReflectorClusterID: "0.0.0.0" } },
      "spec.bgp.routeReflectorClusterID: expected a cluster id: a dotted quad such as 244.0.0.1, not 0.0.0.0, not `0.0.0.0`",
    ],
    [
      { wireguard: { interfaceIPv4Address: "fd00::1" } },
      "spec.wireguard.interfaceIPv4Address: expected an IPv4 address, not `fd00::1`",
    ],
    [{ bgp: "on" }, "spec.bgp: expected a mapping, not `on`"],
    [["a"], "spec: expected a mapping, not a list"],
  ] as const)
    it(`${JSON.stringify(spec)} is invalid, and why is said`, () => assert.deepEqual(faults("Node", spec), [fault]));

  for (const address of ["10.0.0.1/33", "10.0.0.1/-1", "10.0.0.1/", "10.0.0.01", "0.0.0.0", "10.0.0.1/24/24", "a"])
    it(`cannot have the address ${address}`, () =>
      assert.equal(faults("Node", { bgp: { ipv4Address: address } }).length, 1));

  for (const address of ["fe80::1%eth0", "::", "fd00::1/129", "fd00:::1", "::ffff:10.0.0.1"])
    it(`cannot have the address ${address}`, () =>
      assert.equal(faults("Node", { bgp: { ipv6Address: address } }).length, 1));

  for (const name of ["", "a b", "a\nb", "a\u2028"])
    it(`cannot have the name ${JSON.stringify(name)}, which would not stand in a comment`, () => {
      const result = parseResource("Node", name, {});
      assert.ok(!result.ok);
      assert.match(result.faults[0]!, /^metadata\.name: expected a name without spaces, not `[^\n]*`$/);
    });

  it("says every fault, with its path, and not more than an operator reads", () => {
    const podCIDRs = Array.from({ length: 30 }, (_, i) => `x${i}`);
    const said = faults("Node", { bgp: { asNumber: "x" } }, { status: { podCIDRs } });
    assert.equal(said.length, 21);
    assert.equal(said[1], "status.podCIDRs[0]: expected a CIDR such as 10.0.0.0/8 or fd00::/64, not `x0`");
    assert.equal(said[20], "and 11 more");
  });
});

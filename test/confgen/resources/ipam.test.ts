import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { cidrOfPool } from "../../../src/confgen/resources/parse-ipam.ts";
import { faults, parsed } from "./parsing.ts";

describe("an IPPool", () => {
  it("has no encapsulation unless it says one", () =>
    assert.deepEqual(parsed("IPPool", { cidr: "192.168.0.0/16", ipipMode: "", natOutgoing: true, blockSize: 26 }), {
      kind: "IPPool",
      name: "x",
      family: "ipv4",
      cidr: "192.168.0.0/16",
      ipipMode: "Never",
      vxlanMode: "Never",
      disableBgpExport: false,
    }));

  it("has every field", () =>
    assert.deepEqual(parsed("IPPool", { cidr: "FD00:0::/48", vxlanMode: "CrossSubnet", disableBGPExport: true }), {
      kind: "IPPool",
      name: "x",
      family: "ipv6",
      cidr: "fd00::/48",
      ipipMode: "Never",
      vxlanMode: "CrossSubnet",
      disableBgpExport: true,
    }));

  it("has its host bits cleared", () => assert.equal(parsed("IPPool", { cidr: "10.1.2.3/8" }).cidr, "10.0.0.0/8"));

  for (const [spec, fault] of [
    [{}, "spec.cidr: is missing"],
    [{ cidr: "10.0.0.0" }, "spec.cidr: expected a CIDR such as 10.0.0.0/8 or fd00::/64, not `10.0.0.0`"],
    [{ cidr: "169.254.7.0/24" }, "spec.cidr: 169.254.7.0/24 is link-local"],
    [{ cidr: "fe80::/64" }, "spec.cidr: fe80::/64 is link-local"],
    [{ cidr: "febf:ffff::/32" }, "spec.cidr: febf:ffff::/32 is link-local"],
    [
      { cidr: "10.0.0.0/8", ipipMode: "Always", vxlanMode: "Always" },
      "spec: has both ipipMode and vxlanMode; a pool has one encapsulation",
    ],
    [{ cidr: "fd00::/64", ipipMode: "Always" }, "spec.ipipMode: must be Never for an IPv6 pool, not Always"],
    [{ cidr: "10.0.0.0/8", ipipMode: "on" }, "spec.ipipMode: expected Never, Always or CrossSubnet, not `on`"],
  ] as const)
    it(`${JSON.stringify(spec)} is invalid, and why is said`, () => assert.deepEqual(faults("IPPool", spec), [fault]));

  for (const [object, cidr] of [
    [{ spec: { cidr: "10.1.0.0/8", ipipMode: "x" } }, "10.0.0.0/8"],
    [{ spec: { cidr: "10.1.0.0" } }, undefined],
    [{ spec: {} }, undefined],
    [{ spec: null }, undefined],
    [undefined, undefined],
  ] as const)
    it(`has the CIDR ${cidr} in ${JSON.stringify(object)}`, () => assert.equal(cidrOfPool(object), cidr));
});

describe("a BlockAffinity", () => {
  const BLOCK = { cidr: "192.168.1.0/26", node: "n1" };

  it("is of a host, and without a state where it says none", () =>
    assert.deepEqual(parsed("BlockAffinity", BLOCK), {
      kind: "BlockAffinity",
      name: "x",
      family: "ipv4",
      cidr: "192.168.1.0/26",
      node: "n1",
      type: "host",
      state: "",
    }));

  for (const [fields, state] of [
    [{ state: "confirmed", deleted: "false" }, "confirmed"],
    [{ state: "confirmed", deleted: false }, "confirmed"],
    [{ state: "confirmed", deleted: "true" }, "pendingDeletion"],
    [{ deleted: true }, "pendingDeletion"],
    [{ state: "pending", deleted: "true" }, "pending"],
    [{ state: "pendingDeletion" }, "pendingDeletion"],
    // Any other state has a blackhole and no rules (calico-bgp.md 3.10).
    [{ state: "releasing" }, "pendingDeletion"],
  ] as const)
    it(`with ${JSON.stringify(fields)} is ${state}`, () =>
      assert.equal(parsed("BlockAffinity", { ...BLOCK, ...fields }).state, state));

  it("may be virtual", () => assert.equal(parsed("BlockAffinity", { ...BLOCK, type: "virtual" }).type, "virtual"));

  for (const [spec, ...expected] of [
    [{}, "spec.cidr: is missing", "spec.node: is missing"],
    [{ ...BLOCK, state: {} }, "spec.state: expected a state of at most 64 characters, not a mapping"],
    [{ ...BLOCK, type: "node" }, "spec.type: expected host or virtual, not `node`"],
  ] as const)
    it(`${JSON.stringify(spec)} is invalid, and why is said`, () =>
      assert.deepEqual(faults("BlockAffinity", spec), expected));
});

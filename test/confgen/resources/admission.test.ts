import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { StoredObject } from "../../../src/confgen/datastore/datastore.ts";
import { createResourceTable } from "../../../src/confgen/resources/admission.ts";
import type { Kind } from "../../../src/confgen/resources/model.ts";

function stored(kind: Kind, name: string, spec: unknown, metadata: object = {}): StoredObject {
  return { kind, name, object: { kind, metadata: { name, ...metadata }, spec }, origin: `${name}.yaml:1` };
}
const node = (name: string, address = "10.0.0.1/24", metadata: object = {}) =>
  stored("Node", name, { bgp: { ipv4Address: address } }, metadata);

describe("the table of resources", () => {
  it("gives each kind in order of names, whatever order they came in", () => {
    const table = createResourceTable();
    for (const name of ["n5", "n1", "n3"]) table.apply(node(name));
    assert.deepEqual([...table.view.Node.keys()], ["n1", "n3", "n5"]);
    table.apply(node("n2"));
    table.remove("Node", "n5");
    table.apply(node("n4"));
    table.apply(node("n1", "10.0.0.9/24"));
    assert.deepEqual([...table.view.Node.keys()], ["n1", "n2", "n3", "n4"]);
    assert.deepEqual([...table.view.BGPPeer.keys()], []);
  });

  it("keeps a value that means the same as before", () => {
    const table = createResourceTable();
    const peer = (text: string) => stored("BGPPeer", "p", { nodeSelector: text, peerIP: "10.0.0.254", asNumber: 1 });
    assert.equal(table.apply(node("n1", "10.0.0.1/24", { resourceVersion: "1", labels: { a: "x", b: "y" } })), true);
    assert.equal(table.apply(peer("has(a)")), true);
    const before = { node: table.view.Node.get("n1"), peer: table.view.BGPPeer.get("p") };
    assert.deepEqual([...table.changed()], ["Node", "BGPPeer"]);
    // As a heartbeat does.
    assert.equal(table.apply(node("n1", "10.0.0.1/24", { resourceVersion: "2", labels: { b: "y", a: "x" } })), false);
    assert.equal(table.apply(peer("has(a)")), false);
    assert.equal(table.view.Node.get("n1"), before.node);
    assert.equal(table.view.BGPPeer.get("p"), before.peer);
    assert.deepEqual([...table.changed()], []);
    assert.equal(table.apply(peer("has(b)")), true);
    assert.notEqual(table.view.BGPPeer.get("p"), before.peer);
    assert.deepEqual([...table.changed()], ["BGPPeer"]);
  });

  it("keeps the last valid form while there is an invalid one, and says why", () => {
    const table = createResourceTable();
    table.apply(node("n1"));
    const value = table.view.Node.get("n1")?.value;
    assert.equal(table.apply(node("n1", "nonsense")), true);
    const entry = table.view.Node.get("n1");
    assert.equal(entry?.value, value);
    assert.equal(entry?.origin, "n1.yaml:1");
    assert.match(entry?.faults?.[0] ?? "", /^spec\.bgp\.ipv4Address: .* not `nonsense`$/);
    assert.equal(table.apply(node("n1", "nonsense")), false);
    assert.equal(table.view.Node.get("n1"), entry);
    assert.equal(table.apply(node("n1")), true);
    assert.deepEqual(table.view.Node.get("n1"), { value });
    assert.equal(table.view.Node.get("n1")?.value, value);
  });

  it("shows what was never valid without a value", () => {
    const table = createResourceTable();
    table.apply(stored("BGPFilter", "f", { importV4: [{ action: "Drop" }] }));
    const entry = table.view.BGPFilter.get("f");
    assert.ok(entry && !("value" in entry));
    assert.deepEqual(entry.faults, ["spec.importV4[0].action: expected Accept or Reject, not `Drop`"]);
  });

  it("takes an object that cannot be read for an invalid form", () => {
    const table = createResourceTable();
    table.apply(node("n1"));
    table.apply({ kind: "Node", name: "n1", fault: "not JSON", origin: "/calico/n1" });
    const { value, ...rest } = table.view.Node.get("n1")!;
    assert.equal(value?.bgp?.ipv4?.address, "10.0.0.1");
    assert.deepEqual(rest, { faults: ["not JSON"], origin: "/calico/n1" });
  });

  it("says the CIDR of a pool that was never valid, where it has one", () => {
    const table = createResourceTable();
    const pool = (spec: object) => table.apply(stored("IPPool", "p", spec));
    const both = { ipipMode: "Always", vxlanMode: "Always" };
    pool({ cidr: "10.1.0.0/16", ...both });
    assert.equal(table.view.IPPool.get("p")?.cidr, "10.1.0.0/16");
    pool({ cidr: "10.1.0.0", ...both });
    assert.equal(table.view.IPPool.get("p")?.cidr, undefined);
    pool({ cidr: "10.2.0.0/16" });
    pool({ cidr: "10.3.0.0/16", ...both });
    const entry = table.view.IPPool.get("p");
    assert.deepEqual([entry?.value?.cidr, entry?.cidr], ["10.2.0.0/16", undefined]);
  });

  it("forgets a removed resource with its last valid form", () => {
    const table = createResourceTable();
    table.apply(node("n1"));
    table.changed();
    assert.equal(table.remove("Node", "n1"), true);
    assert.equal(table.remove("Node", "n1"), false);
    assert.deepEqual([...table.changed()], ["Node"]);
    assert.equal(table.view.Node.size, 0);
    table.apply(node("n1", "nonsense"));
    assert.equal(table.view.Node.get("n1")?.value, undefined);
  });
});

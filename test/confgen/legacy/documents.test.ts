import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { StoredObject } from "../../../src/confgen/datastore/datastore.ts";
import { convertLegacy } from "../../../src/confgen/resources/legacy.ts";
import { withSettings } from "../../../src/confgen/resources/legacy-forms.ts";
import { parseResource } from "../../../src/confgen/resources/parse-resource.ts";

const API = "projectcalico.org/v3";

function converted(document: unknown) {
  const result = convertLegacy(document, "x.yaml:1");
  assert.ok(result, "is not legacy");
  return result;
}

/** The only object of a document, which must be valid. */
function object(document: unknown): unknown {
  const { objects, problems } = converted(document);
  assert.deepEqual(problems, []);
  assert.equal(objects.length, 1);
  const { kind, name, object, origin } = objects[0]!;
  assert.equal(origin, "x.yaml:1");
  const parsed = parseResource(kind, name, object);
  if (!parsed.ok) assert.fail(parsed.faults.join("\n"));
  return object;
}

describe("a document of calicoctl v1", () => {
  it("bgpPeer of all nodes", () =>
    assert.deepEqual(
      object({
        apiVersion: "v1",
        kind: "bgpPeer",
        metadata: { scope: "global", peerIP: "10.0.0.254" },
        spec: { asNumber: "64512" },
      }),
      {
        apiVersion: API,
        kind: "BGPPeer",
        metadata: { name: "10-0-0-254" },
        spec: { peerIP: "10.0.0.254", asNumber: 64512 },
      },
    ));

  it("bgpPeer of one node", () =>
    assert.deepEqual(
      object({
        apiVersion: "v1",
        kind: "bgpPeer",
        metadata: { scope: "node", node: "Rack1-Host1", peerIP: "FD00:0::1" },
        spec: { asNumber: "1.10" },
      }),
      {
        apiVersion: API,
        kind: "BGPPeer",
        metadata: { name: "rack1-host1.fd00--1" },
        spec: { node: "rack1-host1", peerIP: "fd00::1", asNumber: 65546 },
      },
    ));

  for (const [ipip, ipipMode] of [
    [undefined, "Never"],
    [{ enabled: false, mode: "always" }, "Never"],
    [{ enabled: true }, "Always"],
    [{ enabled: true, mode: "always" }, "Always"],
    [{ enabled: true, mode: "cross-subnet" }, "CrossSubnet"],
  ] as const)
    it(`ipPool with ipip ${JSON.stringify(ipip)} is ${ipipMode}`, () =>
      assert.deepEqual(
        object({
          apiVersion: "v1",
          kind: "ipPool",
          metadata: { cidr: "192.168.0.0/16" },
          spec: { ...(ipip && { ipip }), "nat-outgoing": true, disabled: true },
        }),
        {
          apiVersion: API,
          kind: "IPPool",
          metadata: { name: "192-168-0-0-16" },
          spec: {
            cidr: "192.168.0.0/16",
            ipipMode,
            vxlanMode: "Never",
            natOutgoing: true,
            disabled: true,
            blockSize: 26,
            nodeSelector: "all()",
          },
        },
      ));

  it("ipPool of IPv6 has blocks of /122", () => {
    const { metadata, spec } = object({
      apiVersion: "v1",
      kind: "ipPool",
      metadata: { cidr: "fd80:24e2:f998::/64" },
    }) as {
      metadata: object;
      spec: { blockSize: number };
    };
    assert.deepEqual(metadata, { name: "fd80-24e2-f998---64" });
    assert.equal(spec.blockSize, 122);
  });

  it("node", () =>
    assert.deepEqual(
      object({
        apiVersion: "v1",
        kind: "node",
        metadata: { name: "Node-1", labels: { rack: "r1" } },
        spec: { bgp: { asNumber: 64513, ipv4Address: "10.244.0.1/24", ipv6Address: "2001:db8::1/64" } },
      }),
      {
        apiVersion: API,
        kind: "Node",
        metadata: { name: "node-1", labels: { rack: "r1" } },
        spec: { bgp: { asNumber: 64513, ipv4Address: "10.244.0.1/24", ipv6Address: "2001:db8::1/64" } },
      },
    ));

  it("node without BGP", () =>
    assert.deepEqual(object({ apiVersion: "v1", kind: "node", metadata: { name: "n" } }), {
      apiVersion: API,
      kind: "Node",
      metadata: { name: "n" },
      spec: {},
    }));

  it("lists of either form", () => {
    const peer = (peerIP: string) => ({ metadata: { scope: "global", peerIP }, spec: { asNumber: 1 } });
    const items = [peer("10.0.0.1"), peer("10.0.0.2")];
    const names = ["10-0-0-1", "10-0-0-2"];
    const list = converted({ apiVersion: "v1", kind: "bgpPeerList", items });
    assert.deepEqual(
      list.objects.map((stored) => stored.name),
      names,
    );
    const array = converted(items.map((item) => ({ apiVersion: "v1", kind: "bgpPeer", ...item })));
    assert.deepEqual(
      array.objects.map((stored) => stored.name),
      names,
    );
  });

  it("of a kind without BGP is left out", () => {
    for (const kind of ["policy", "profile", "hostEndpoint", "workloadEndpoint"]) {
      const { objects, problems, ignored } = converted({ apiVersion: "v1", kind, metadata: { name: "x" } });
      assert.deepEqual([objects, problems, ignored], [[], [], [kind]]);
    }
  });

  for (const [document, problem] of [
    [
      { kind: "bgpPeer", metadata: { scope: "global", peerIP: "10.0.0" }, spec: { asNumber: 1 } },
      "expected the address of a peer, not `10.0.0`",
    ],
    [{ kind: "bgpPeer", metadata: { peerIP: "10.0.0.1" }, spec: {} }, "expected an AS number, not nothing"],
    [{ kind: "bgpPeer", metadata: { peerIP: "10.0.0.1" }, spec: { asNumber: 0 } }, "expected an AS number, not `0`"],
    [
      { kind: "bgpPeer", metadata: { peerIP: "10.0.0.1" }, spec: { asNumber: 1.1 } },
      "expected an AS number: 1 to 4294967295, or two parts as 1.10; put quotes around the two parts",
    ],
    [
      { kind: "bgpPeer", metadata: { scope: "node", peerIP: "10.0.0.1" }, spec: { asNumber: 1 } },
      "metadata.node is missing beside the scope node",
    ],
    [
      { kind: "bgpPeer", metadata: { scope: "rack", peerIP: "10.0.0.1" }, spec: { asNumber: 1 } },
      "the scope is `rack`, not global or node",
    ],
    [{ kind: "ipPool", metadata: {} }, "expected the CIDR of a pool, not nothing"],
    [{ kind: "node", metadata: null }, "metadata.name is missing"],
    [{ kind: "config", spec: {} }, "spec says nothing"],
    [{ kind: "config", spec: { nodeToNodeMesh: "maybe" } }, "expected on or off for nodeToNodeMesh, not `maybe`"],
    [{ kind: "config", metadata: { node: "n" }, spec: { asNumber: 1 } }, "asNumber cannot be set for one node"],
  ] as const)
    it(`${JSON.stringify(document)} is told to be wrong`, () => {
      const { problems } = converted({ apiVersion: "v1", ...document });
      assert.deepEqual(problems, [`x.yaml:1: ${document.kind}: ${problem}`]);
    });

  it("is told from documents of today", () => {
    for (const document of [
      { apiVersion: "v1", kind: "Node", metadata: { name: "n" } },
      { apiVersion: API, kind: "BGPPeer" },
      { apiVersion: "v1", kind: "Service" },
      { apiVersion: "v1", kind: "Config" },
      { apiVersion: "example.org/v1", kind: "node" },
      { apiVersion: "v1", kind: "List", items: [] },
      [
        { apiVersion: "v1", kind: "node" },
        { apiVersion: API, kind: "Node" },
      ],
      ...[[], {}, null, undefined, "node", 5],
    ])
      assert.equal(convertLegacy(document), undefined, JSON.stringify(document));
  });
});

describe("a setting of calicoctl v1", () => {
  for (const [document, ...expected] of [
    [{ metadata: { name: "asNumber" }, spec: { value: "64513" } }, ["default", "asNumber", 64513]],
    [{ metadata: { name: "nodeToNodeMesh" }, spec: { value: "off" } }, ["default", "nodeToNodeMeshEnabled", false]],
    [{ metadata: { name: "logLevel" }, spec: { value: "debug" } }, ["default", "logSeverityScreen", "Debug"]],
    [
      { metadata: { name: "logLevel", node: "N1" }, spec: { value: "debug" } },
      ["node.n1", "logSeverityScreen", "Debug"],
    ],
    [
      { spec: { asNumber: 64513, nodeToNodeMesh: true, logLevel: "none" } },
      ["default", "asNumber", 64513],
      ["default", "nodeToNodeMeshEnabled", true],
      ["default", "logSeverityScreen", "Info"],
    ],
    [{ spec: { logLevel: "" } }],
  ] as const)
    it(`${JSON.stringify(document)}`, () => {
      const { settings, problems } = converted({ apiVersion: "v1", kind: "config", ...document });
      assert.deepEqual(problems, []);
      assert.deepEqual(
        settings.map(({ name, field, value }) => [name, field, value]),
        expected,
      );
    });

  for (const [written, severity] of Object.entries({
    debug: "Debug",
    info: "Info",
    warning: "Warning",
    error: "Error",
    fatal: "Fatal",
    panic: "Fatal",
    none: "Info",
    whatever: "Info",
  }))
    it(`logLevel ${written} is ${severity}`, () =>
      assert.equal(
        converted({ apiVersion: "v1", kind: "config", spec: { logLevel: written } }).settings[0]?.value,
        severity,
      ));

  it("of the Kubernetes datastore is read too", () => {
    const values = { AsNumber: "64513", NodeMeshEnabled: '{"enabled": false}', LogLevel: "warning" };
    const settings = Object.entries(values).flatMap(([name, value]) => {
      const kind = "GlobalBGPConfig";
      const spec = { name, value };
      return converted({ apiVersion: "crd.projectcalico.org/v1", kind, metadata: { name: name.toLowerCase() }, spec })
        .settings;
    });
    assert.deepEqual(
      settings.map((setting) => setting.value),
      [64513, false, "Warning"],
    );
  });

  it("that is not about BGP is left out", () =>
    assert.deepEqual(converted({ apiVersion: "v1", kind: "config", spec: { ipip: "on" } }).ignored, ["config ipip"]));

  const setting = (field: "asNumber" | "logSeverityScreen", value: string | number, name = "default") => ({
    name,
    field,
    value,
    origin: "s",
  });
  const configuration = (spec: unknown): StoredObject => ({
    kind: "BGPConfiguration",
    name: "default",
    object: { kind: "BGPConfiguration", metadata: { name: "default" }, spec },
    origin: "c",
  });

  it("is laid under what a BGPConfiguration says by itself", () => {
    const [stored, ...others] = withSettings(
      [configuration({ asNumber: 1 })],
      [setting("asNumber", 2), setting("logSeverityScreen", "Debug")],
    );
    assert.deepEqual(stored?.object?.spec, { asNumber: 1, logSeverityScreen: "Debug" });
    assert.deepEqual(others, []);
  });

  it("makes a BGPConfiguration where there is none, the first of one field counting", () => {
    const made = withSettings(
      [],
      [setting("asNumber", 3), setting("asNumber", 2), setting("logSeverityScreen", "Info", "node.n")],
    );
    assert.deepEqual(made, [
      {
        kind: "BGPConfiguration",
        name: "default",
        object: { apiVersion: API, kind: "BGPConfiguration", metadata: { name: "default" }, spec: { asNumber: 3 } },
        origin: "s",
      },
      {
        kind: "BGPConfiguration",
        name: "node.n",
        object: {
          apiVersion: API,
          kind: "BGPConfiguration",
          metadata: { name: "node.n" },
          spec: { logSeverityScreen: "Info" },
        },
        origin: "s",
      },
    ]);
  });

  it("leaves alone a BGPConfiguration whose spec is no mapping", () => {
    assert.deepEqual(withSettings([configuration(null)], [setting("asNumber", 2)])[0]?.object?.spec, { asNumber: 2 });
    assert.equal(withSettings([configuration("x")], [setting("asNumber", 2)])[0]?.object?.spec, "x");
  });
});

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { DatastoreEvent } from "../../../src/confgen/datastore/datastore.ts";
import { type FileObject, parseDocuments } from "../../../src/confgen/datastore/documents.ts";
import { openFilesDatastore } from "../../../src/io/datastore/files.ts";
import { createHolders } from "../../../src/io/datastore/holders.ts";

const MAPPING = { node: "n1", podCidrs: false };

function objectsOf(text: string): readonly FileObject[] {
  const content = parseDocuments(text, MAPPING);
  if (!content.ok) assert.fail(`${content.line}: ${content.message}`);
  return content.objects;
}

const config = (spec: string) => `{ apiVersion: v1, kind: config, spec: { ${spec} } }`;
const V3 =
  "{ apiVersion: projectcalico.org/v3, kind: BGPConfiguration, metadata: { name: default }, spec: { asNumber: 5 } }";

describe("a file of the datastore", () => {
  it("holds documents of v1 beside those of v3", () => {
    const text = `apiVersion: v1
kind: bgpPeer
metadata: { scope: global, peerIP: 10.0.0.1 }
spec: { asNumber: 1 }
---
apiVersion: v1
kind: Node
metadata: { name: n1, annotations: { projectcalico.org/IPv4Address: 10.0.0.2/24 } }
---
- { apiVersion: v1, kind: ipPool, metadata: { cidr: 10.0.0.0/8 } }
- { apiVersion: v1, kind: policy, metadata: { name: x } }
- { apiVersion: v1, kind: node, metadata: { name: N2 } }
---
/calico/bgp/v1/global/peer_v4/10.0.0.9: { as_num: "2" }
`;
    assert.deepEqual(
      objectsOf(text).map(({ kind, name, line }) => [kind, name, line]),
      [
        ["BGPPeer", "10-0-0-1", 1],
        ["Node", "n1", 6],
        ["IPPool", "10-0-0-0-8", 10],
        ["Node", "n2", 12],
        ["BGPPeer", "10-0-0-9", 14],
      ],
    );
  });

  it("holds kinds without namespaces by their name alone", () => {
    const text = "{ apiVersion: projectcalico.org/v3, kind: BGPFilter, metadata: { name: f, namespace: x } }";
    assert.deepEqual(
      objectsOf(text).map(({ kind, name }) => [kind, name]),
      [["BGPFilter", "f"]],
    );
  });

  it("takes over what a merge key brings, and what stands beside it goes before", () => {
    const text = `kind: List
items:
- { apiVersion: projectcalico.org/v3, kind: BGPPeer, metadata: { name: a }, spec: &a { asNumber: 1, filters: [f] } }
- { apiVersion: projectcalico.org/v3, kind: BGPPeer, metadata: { name: b }, spec: { <<: *a, asNumber: 2 } }
`;
    assert.deepEqual(
      objectsOf(text).map(({ object }) => object.spec),
      [
        { asNumber: 1, filters: ["f"] },
        { asNumber: 2, filters: ["f"] },
      ],
    );
  });

  it("says where an alias has no end", () => {
    for (const text of ["kind: Node\nspec: &a\n  bgp: *a\n", "kind: Node\nspec: &a\n  - [1, { b: *a }]\n"])
      assert.deepEqual(parseDocuments(`---\n${text}`, MAPPING), {
        ok: false,
        line: 4,
        message: "not valid YAML: an alias stands within what it stands for",
      });
  });

  it("is not taken with more aliases than can be resolved in time", () => {
    const text = Array.from({ length: 2001 }, (_, i) => `- &a${i} { b: 1 }\n- *a${i}\n`).join("");
    assert.deepEqual(parseDocuments(text, MAPPING), {
      ok: false,
      line: 4002,
      message: "not valid YAML: more than 2000 aliases in one document",
    });
  });

  it("is not taken where its levels have no end", () => {
    const brackets = "[".repeat(200_000) + "]".repeat(200_000);
    for (const [text, cause, line] of [
      [`{"kind": "BGPPeer", "metadata": {"name": "x"}, "spec": ${brackets}}`, "not valid", 1],
      [`kind: BGPPeer\nspec: ${brackets}\n`, "not valid YAML", 2],
    ] as const)
      assert.deepEqual(parseDocuments(text, MAPPING), {
        ok: false,
        line,
        message: `${cause}: there are too many levels within each other`,
      });
  });

  it("asks for quotes around a name that YAML takes for something else", () =>
    assert.deepEqual(parseDocuments("kind: IPPool\nmetadata: { name: 5 }\n", MAPPING), {
      ok: false,
      line: 1,
      message: "`metadata.name` is no text; put quotes around it",
    }));

  it("is not taken where a document of v1 makes no sense", () => {
    const text = `${config("asNumber: 1")}\n---\n{ apiVersion: v1, kind: bgpPeer, metadata: { peerIP: x }, spec: { asNumber: 1 } }`;
    assert.deepEqual(parseDocuments(text, MAPPING), {
      ok: false,
      line: 3,
      message: "bgpPeer: expected the address of a peer, not `x`",
    });
  });
});

describe("settings of v1 in files", () => {
  const specOf = (files: Record<string, string>) => {
    const holders = createHolders();
    for (const [path, text] of Object.entries(files)) holders.replace(path, [], objectsOf(text), new Set());
    return { spec: holders.first("BGPConfiguration/default")?.object.object.spec, duplicates: holders.duplicates() };
  };

  it("make up one BGPConfiguration, of several files too, the first going before the others", () =>
    assert.deepEqual(
      specOf({
        "b.yaml": config("nodeToNodeMesh: off, asNumber: 3"),
        "a.yaml": `${config("asNumber: 1")}\n---\n${config("asNumber: 2, logLevel: debug")}`,
      }),
      { spec: { asNumber: 1, logSeverityScreen: "Debug", nodeToNodeMeshEnabled: false }, duplicates: [] },
    ));

  it("go after what a BGPConfiguration says by itself", () =>
    assert.deepEqual(specOf({ "a.yaml": config("asNumber: 1, nodeToNodeMesh: off"), "b.yaml": V3 }), {
      spec: { asNumber: 5, nodeToNodeMeshEnabled: false },
      duplicates: [],
    }));

  it("do not hide that a BGPConfiguration stands twice", () =>
    assert.deepEqual(specOf({ "a.yaml": config("logLevel: info"), "b.yaml": V3, "c.yaml": V3 }).duplicates, [
      "c.yaml:1: BGPConfiguration/default stands at b.yaml:1 already, which counts; remove one of them",
    ]));

  it("are gone when their file is", () => {
    const holders = createHolders();
    const [a, b] = [objectsOf(config("asNumber: 1")), objectsOf(config("nodeToNodeMesh: off"))];
    holders.replace("a.yaml", [], a, new Set());
    holders.replace("b.yaml", [], b, new Set());
    const both = holders.first("BGPConfiguration/default")!.object;
    holders.replace("a.yaml", a, [], new Set());
    const one = holders.first("BGPConfiguration/default")!.object;
    assert.deepEqual(one.object.spec, { nodeToNodeMeshEnabled: false });
    assert.notEqual(one.version, both.version);
  });
});

describe("the datastore of files", () => {
  const folder = mkdtempSync(join(tmpdir(), "calidris-legacy-"));
  after(() => rmSync(folder, { recursive: true }));

  it("says documents of v1 in the v3 form", async () => {
    writeFileSync(join(folder, "config.yaml"), `${config("asNumber: 64513")}\n---\n${config("nodeToNodeMesh: off")}\n`);
    writeFileSync(join(folder, "pool.json"), '{"apiVersion":"v1","kind":"ipPool","metadata":{"cidr":"fd00::/64"}}');
    const events: DatastoreEvent[] = [];
    let close = () => {};
    const synced = new Promise<void>((resolve) => {
      close = resolve;
    });
    const datastore = openFilesDatastore(folder, {
      ...MAPPING,
      onEvent(event) {
        events.push(event);
        if (event.type === "synced") close();
      },
    });
    await synced;
    await datastore.close();
    const set = events.flatMap((event) => (event.type === "set" ? [event.stored] : []));
    assert.deepEqual(set.map(({ kind, name }) => [kind, name]).toSorted(), [
      ["BGPConfiguration", "default"],
      ["IPPool", "fd00---64"],
    ]);
    const settings = set.find(({ kind }) => kind === "BGPConfiguration")?.object?.spec;
    assert.deepEqual(settings, { asNumber: 64513, nodeToNodeMeshEnabled: false });
  });
});

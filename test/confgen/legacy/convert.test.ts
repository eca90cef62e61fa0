import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { parseAllDocuments } from "yaml";
import { convertTexts } from "../../../src/confgen/resources/convert-texts.ts";

const convert = (...texts: string[]) => convertTexts(texts.map((text, i) => ({ path: `${i}.yaml`, text })));
const documents = (text: string) => parseAllDocuments(text).map((document) => document.toJS() as Named);

interface Named {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

const PEER = "{ apiVersion: v1, kind: bgpPeer, metadata: { scope: global, peerIP: 10.0.0.1 }, spec: { asNumber: 1 } }";
const CONFIG = "{ apiVersion: v1, kind: config, spec: { asNumber: 64513, nodeToNodeMesh: off } }";
const V3 = `apiVersion: projectcalico.org/v3
kind: BGPConfiguration
metadata: { name: default }
spec: { asNumber: 5 }
`;

describe("what is converted", () => {
  it("keeps its order, and settings go into the BGPConfiguration that is there", () => {
    const { text, problems } = convert(`${CONFIG}\n---\n${PEER}\n`, V3);
    assert.deepEqual(problems, []);
    const printed = documents(text);
    assert.deepEqual(
      printed.map(({ kind, metadata }) => [kind, metadata.name]),
      [
        ["BGPPeer", "10-0-0-1"],
        ["BGPConfiguration", "default"],
      ],
    );
    assert.deepEqual(printed[1]?.spec, { asNumber: 5, nodeToNodeMeshEnabled: false });
  });

  it("may be a list of old and new documents, and what is not ours stays as it is", () => {
    const policy = "{ apiVersion: projectcalico.org/v3, kind: NetworkPolicy, metadata: { name: p }, spec: {} }";
    const { text, problems } = convert(`[${PEER}, ${policy}]`);
    assert.deepEqual(problems, []);
    assert.deepEqual(
      documents(text).map(({ kind }) => kind),
      ["BGPPeer", "NetworkPolicy"],
    );
  });

  it("may be JSON", () => {
    const peer = { apiVersion: "v1", kind: "bgpPeer", metadata: { peerIP: "10.0.0.1" }, spec: { asNumber: 1 } };
    assert.equal(documents(convert(JSON.stringify([peer])).text)[0]?.metadata.name, "10-0-0-1");
  });

  it("is valid: what is not is printed and told", () => {
    const { text, problems } = convert(
      "{ apiVersion: v1, kind: node, metadata: { name: n }, spec: { bgp: { ipv4Address: x } } }",
    );
    assert.equal(documents(text).length, 1);
    assert.deepEqual(problems, [
      "0.yaml:1: Node/n: spec.bgp.ipv4Address: expected an IPv4 address, with or without the length of its subnet (10.0.0.1/24), not `x`",
    ]);
  });

  it("has a name once: the first is printed", () => {
    const { text, problems } = convert(`${PEER}\n---\n${PEER.replace("asNumber: 1", "asNumber: 2")}`);
    assert.deepEqual(
      documents(text).map(({ spec }) => spec.asNumber),
      [1],
    );
    assert.deepEqual(problems, ["0.yaml:3: BGPPeer/10-0-0-1 is there already; this one is left out"]);
  });

  it("says what it left out", () => {
    const { text, problems, ignored } = convert("{ apiVersion: v1, kind: policy, metadata: { name: x } }");
    assert.deepEqual([text, problems, ignored], ["", [], ["policy"]]);
  });

  for (const [text, problem] of [
    ["", "there is nothing to convert"],
    ["---\n---\n", "there is nothing to convert"],
    ["a: [\n", /^0\.yaml:2: /],
    ["\n\nhello", "0.yaml:3: expected a document with a kind, not `hello`"],
    ["[5]", "0.yaml:1: expected a document with a kind, not `5`"],
  ] as const)
    it(`${JSON.stringify(text)} is told to be wrong`, () => {
      const { problems } = convert(text);
      if (typeof problem === "string") assert.deepEqual(problems, [problem]);
      else assert.match(problems[0] ?? "", problem);
    });

  it("is a mistake of one document only", () => {
    const { text, problems } = convert(`a: [\n---\n${PEER}`);
    assert.equal(documents(text).length, 1);
    assert.equal(problems.length, 1);
  });

  it("is the same when it is converted again", () => {
    const once = convert(PEER, CONFIG, V3).text;
    assert.equal(convert(once).text, once);
  });

  it("is never an exception", () => {
    const piece = fc.constantFrom(
      PEER,
      CONFIG,
      "---",
      "\n",
      "- ",
      "kind: bgpPeer",
      "&a [*a]",
      "{",
      "items: ",
      "metadata:\n  x",
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 6 }), (pieces) => {
        convert(pieces.join("\n"));
      }),
      { numRuns: 1000, seed: 32 },
    );
  });

  it("is what the document shows", () => {
    const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "..");
    const [, shown] = /```yaml\n(apiVersion: v1\n[\s\S]*?)```/.exec(
      readFileSync(join(root, "docs/DATASTORE.md"), "utf8"),
    )!;
    const { text, problems } = convert(shown!);
    assert.deepEqual(problems, []);
    assert.deepEqual(
      documents(text).map(({ metadata, spec }) => [metadata.name, spec]),
      [
        ["default", { asNumber: 64512, nodeToNodeMeshEnabled: false, logSeverityScreen: "Info" }],
        ["node.n1", { logSeverityScreen: "Debug" }],
      ],
    );
  });
});

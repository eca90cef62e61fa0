import assert from "node:assert/strict";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { type FilesOptions, openFilesDatastore } from "../../src/io/datastore/files.ts";
import { createRecorder } from "../contract/datastore-recorder.ts";
import { temporaryFolder } from "../system/folder.ts";

const NODE = "node-a";

function peerText(name: string, asNumber = 65001): string {
  return `apiVersion: projectcalico.org/v3\nkind: BGPPeer\nmetadata:\n  name: ${name}\nspec:\n  peerIP: 192.0.2.1\n  asNumber: ${asNumber}\n`;
}

function opened(t: TestContext, path: string, options: Partial<FilesOptions> = {}) {
  const said = createRecorder();
  const given = { node: NODE, podCidrs: false, settleMs: 5, ...options };
  const datastore = openFilesDatastore(path, { ...given, onEvent: said.onEvent });
  t.after(() => datastore.close());
  const asn = (name: string) =>
    (said.view.get(`BGPPeer/${name}`)?.object?.spec as { asNumber: number } | undefined)?.asNumber;
  const failing = (pattern: RegExp) =>
    said.until(`failing with ${pattern}`, () => {
      const status = said.status();
      return status?.state === "failing" && pattern.test(status.reason);
    });
  return {
    said,
    datastore,
    asn,
    failing,
    names: () => [...said.view.keys()].sort(),
    synced: () => said.until("synced", () => said.synced() !== undefined),
    connected: () => said.until("connected", () => said.status()?.state === "connected"),
  };
}

describe("the files datastore reads", () => {
  test("documents, lists of any kind, JSON, and directories below, with the place of each", async (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, "a", "b"), { recursive: true });
    writeFileSync(join(folder, "peers.yaml"), `# two\n${peerText("p1")}---\n${peerText("p2")}`);
    writeFileSync(
      join(folder, "a", "list.yml"),
      "apiVersion: projectcalico.org/v3\nkind: NodeList\nitems:\n- metadata: { name: n1 }\n  spec: {}\n- metadata: { name: n2 }\n  spec: {}\n",
    );
    const pool = {
      apiVersion: "projectcalico.org/v3",
      kind: "IPPool",
      metadata: { name: "pool" },
      spec: { cidr: "10.0.0.0/8" },
    };
    writeFileSync(join(folder, "a", "b", "c.json"), JSON.stringify({ apiVersion: "v1", kind: "List", items: [pool] }));
    const { said, names, synced } = opened(t, folder);
    await synced();
    assert.deepEqual(names(), ["BGPPeer/p1", "BGPPeer/p2", "IPPool/pool", "Node/n1", "Node/n2"]);
    const origin = (key: string) => said.view.get(key)!.origin.slice(folder.length + 1);
    assert.deepEqual(["BGPPeer/p1", "BGPPeer/p2", "Node/n2", "IPPool/pool"].map(origin), [
      "peers.yaml:2",
      "peers.yaml:10",
      "a/list.yml:6",
      "a/b/c.json:1",
    ]);
  });

  test("a single file, whatever its name is", async (t) => {
    const file = join(temporaryFolder(t), "cluster");
    writeFileSync(file, peerText("p1"));
    const { said, asn, synced } = opened(t, file);
    await synced();
    writeFileSync(file, peerText("p1", 65002));
    await said.until("the change", () => asn("p1") === 65002);
  });

  test("a core Node with Calico's annotations, and passes over kinds that say nothing of BGP", async (t) => {
    const folder = temporaryFolder(t);
    const metadata = { name: "n1", annotations: { "projectcalico.org/IPv4Address": "10.0.0.1/24" } };
    writeFileSync(join(folder, "node.json"), JSON.stringify({ apiVersion: "v1", kind: "Node", metadata }));
    writeFileSync(
      join(folder, "felix.yaml"),
      "apiVersion: projectcalico.org/v3\nkind: FelixConfiguration\nmetadata: { name: default }\n",
    );
    writeFileSync(join(folder, "notes.txt"), "not: [for us");
    writeFileSync(join(folder, ".hidden.yaml"), "not: [for us");
    const { said, names, synced } = opened(t, folder);
    await synced();
    assert.deepEqual(names(), ["Node/n1"]);
    assert.deepEqual(said.view.get("Node/n1")!.object!.spec, {
      bgp: { ipv4Address: "10.0.0.1/24" },
      orchRefs: [{ nodeName: "n1", orchestrator: "k8s" }],
    });
  });

  test("what Kubernetes swaps by its ..data link, as one", async (t) => {
    const folder = temporaryFolder(t);
    const publish = (version: number, peers: readonly string[]) => {
      mkdirSync(join(folder, `..v${version}`));
      for (const name of peers)
        writeFileSync(join(folder, `..v${version}`, `${name}.yaml`), peerText(name, 65000 + version));
      symlinkSync(`..v${version}`, join(folder, "..data_tmp"));
      renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
      if (version > 1) rmSync(join(folder, `..v${version - 1}`), { recursive: true });
    };
    publish(1, ["p1", "p2"]);
    for (const name of ["p1", "p2"]) symlinkSync(`..data/${name}.yaml`, join(folder, `${name}.yaml`));
    const { said, asn, synced } = opened(t, folder);
    await synced();
    for (const version of [2, 3, 4]) {
      publish(version, ["p1", "p2"]);
      await said.until(`version ${version}`, () => asn("p1") === 65000 + version && asn("p2") === 65000 + version);
    }
  });

  test("a link that leads to a directory above it once", async (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, "a"));
    symlinkSync("..", join(folder, "a", "up"));
    writeFileSync(join(folder, "a", "p.yaml"), peerText("p1"));
    const { names, synced } = opened(t, folder);
    await synced();
    assert.deepEqual(names(), ["BGPPeer/p1"]);
  });
});

describe("the files datastore follows", () => {
  test("directories that come and go, with what is in them", async (t) => {
    const folder = temporaryFolder(t);
    const { said, asn, synced, names } = opened(t, folder);
    await synced();
    for (const asNumber of [65001, 65002]) {
      mkdirSync(join(folder, "site", "rack"), { recursive: true });
      writeFileSync(join(folder, "site", "rack", "p.yaml"), peerText("p1", asNumber));
      await said.until("it came", () => asn("p1") === asNumber);
      appendFileSync(join(folder, "site", "rack", "p.yaml"), `---\n${peerText("p2")}`);
      await said.until("it changed", () => asn("p2") === 65001);
      rmSync(join(folder, "site"), { recursive: true });
      await said.until("it went", () => names().length === 0);
    }
  });

  test("the renames by which editors and tools write", async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, "p.yaml"), peerText("p1"));
    const { said, asn, synced } = opened(t, folder);
    await synced();
    for (const asNumber of [65002, 65003, 65004]) {
      writeFileSync(join(folder, "p.yaml.tmp"), peerText("p1", asNumber));
      renameSync(join(folder, "p.yaml.tmp"), join(folder, "p.yaml"));
      await said.until("the change", () => asn("p1") === asNumber);
    }
    assert.ok(!said.saidOf("BGPPeer", "p1").includes("delete"));
  });

  test("a resource that moves from one file to another without saying it goes", async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, "a.yaml"), peerText("p1"));
    const { said, synced, names } = opened(t, folder, { settleMs: 50 });
    await synced();
    renameSync(join(folder, "a.yaml"), join(folder, "b.yaml"));
    writeFileSync(join(folder, "c.yaml"), peerText("p2"));
    await said.until("the other", () => names().length === 2);
    assert.deepEqual(said.saidOf("BGPPeer", "p1"), ["set"]);
  });
});

describe("where a file is at fault, the files datastore", () => {
  test("keeps its last readable content, says file, line and fault until it is whole, and reads the others", async (t) => {
    const folder = temporaryFolder(t);
    const file = join(folder, "peers.yaml");
    writeFileSync(file, `${peerText("p1")}---\n${peerText("p2")}`);
    const { said, asn, failing, connected, synced, names } = opened(t, folder);
    await synced();
    writeFileSync(file, `${peerText("p1", 65009)}---\n${peerText("p3").replace("spec:", "spec: [")}\n`);
    await failing(/peers\.yaml:1\d: not valid YAML: /);
    writeFileSync(join(folder, "other.yaml"), peerText("p4"));
    await said.until("the other file", () => asn("p4") !== undefined);
    assert.deepEqual([names(), asn("p1")], [["BGPPeer/p1", "BGPPeer/p2", "BGPPeer/p4"], 65001]);
    writeFileSync(file, `${peerText("p1", 65009)}---\n${peerText("p3")}`);
    await connected();
    assert.deepEqual([names(), asn("p1")], [["BGPPeer/p1", "BGPPeer/p3", "BGPPeer/p4"], 65009]);
  });

  test("takes nothing of a file that is nested without end, and goes on", async (t) => {
    const folder = temporaryFolder(t);
    const { said, asn, failing, synced } = opened(t, folder);
    await synced();
    const [before, after] = [1, 2].map((side) => (side === 1 ? "[" : "]").repeat(200_000));
    const resource = `"apiVersion":"projectcalico.org/v3","kind":"BGPPeer","metadata":{"name":"deep"}`;
    writeFileSync(join(folder, "deep.json"), `{${resource},"spec":${before}${after}}`);
    await failing(/deep\.json:1: not valid: /);
    writeFileSync(join(folder, "other.yaml"), peerText("p1"));
    await said.until("the other file", () => asn("p1") !== undefined);
  });

  for (const [what, text] of [
    ["no mapping", "just text\n"],
    ["no kind", "metadata: { name: x }\n"],
    ["no name", "kind: BGPPeer\nmetadata: {}\n"],
    ["a list that is none", "kind: BGPPeerList\nitems: 7\n"],
  ] as const)
    test(`takes nothing of a file in which a document has ${what}`, async (t) => {
      const folder = temporaryFolder(t);
      writeFileSync(join(folder, "p.yaml"), peerText("p1"));
      const { asn, failing, synced } = opened(t, folder);
      await synced();
      writeFileSync(join(folder, "p.yaml"), `${peerText("p1", 65002)}---\n${text}`);
      await failing(/p\.yaml:9: /);
      assert.equal(asn("p1"), 65001);
    });

  test("does not believe at once that a file was emptied or cut off", async (t) => {
    const folder = temporaryFolder(t);
    const file = join(folder, "p.yaml");
    writeFileSync(file, `${peerText("p1")}---\n${peerText("p2")}`);
    const { said, asn, synced, names } = opened(t, folder, { doubtMs: 100_000 });
    await synced();
    for (const size of [0, 60, peerText("p1").length + 20]) {
      truncateSync(file, size);
      writeFileSync(join(folder, "other.yaml"), peerText("other", 65100 + size));
      await said.until("the other file", () => asn("other") === 65100 + size);
      assert.deepEqual(names(), ["BGPPeer/other", "BGPPeer/p1", "BGPPeer/p2"]);
      writeFileSync(file, `${peerText("p1", 65200 + size)}---\n${peerText("p2")}`);
      await said.until("it is whole", () => asn("p1") === 65200 + size);
    }
    assert.ok(!said.events.some((event) => event.type === "delete"));
  });

  for (const [what, size] of [
    ["it is empty now", 0],
    ["it ends in the middle of a line now", 60],
  ] as const)
    test(`says that ${what}, and until when what it held stays`, async (t) => {
      const folder = temporaryFolder(t);
      const file = join(folder, "p.yaml");
      writeFileSync(file, peerText("p1"));
      const { said, synced, failing, connected, asn } = opened(t, folder, { hushMs: 20, doubtMs: 100_000 });
      await synced();
      const before = performance.now();
      truncateSync(file, size);
      await failing(new RegExp(`p\\.yaml: ${what}, .* stays until it is whole`));
      const status = said.status()!;
      assert.ok(status.state === "failing" && status.retryAt! >= before + 100_000);
      assert.equal(asn("p1"), 65001);
      writeFileSync(file, peerText("p1", 65002));
      await connected();
      await said.until("it is whole", () => asn("p1") === 65002);
    });

  test("takes JSON that can be read for whole, however it ends", async (t) => {
    const folder = temporaryFolder(t);
    const file = join(folder, "p.json");
    const json = (asNumber: number) =>
      JSON.stringify({ kind: "BGPPeer", metadata: { name: "p1" }, spec: { peerIP: "192.0.2.1", asNumber } });
    writeFileSync(file, `${json(65001)}\n`);
    const { said, synced, asn } = opened(t, folder, { doubtMs: 100_000 });
    await synced();
    writeFileSync(file, json(65002));
    await said.until("it is taken", () => asn("p1") === 65002);
  });

  test("believes it when the file stays so", async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, "p.yaml"), peerText("p1"));
    const { said, synced, names } = opened(t, folder, { doubtMs: 20 });
    await synced();
    truncateSync(join(folder, "p.yaml"), 0);
    await said.until("it is gone", () => names().length === 0);
  });

  test("gives nothing as complete at the start before every file could be read", async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, "a.yaml"), peerText("p1"));
    writeFileSync(join(folder, "b.yaml"), "kind: [\n");
    const { said, failing, connected, asn } = opened(t, folder);
    await failing(/b\.yaml:\d: not valid YAML/);
    assert.equal(said.synced(), undefined);
    writeFileSync(join(folder, "b.yaml"), peerText("p2"));
    await connected();
    await said.until("synced", () => said.synced() !== undefined);
    assert.equal(asn("p2"), 65001);
  });

  test("waits for a path that is not there yet, and keeps what it held when it goes", async (t) => {
    const folder = join(temporaryFolder(t), "later");
    const { said, failing, asn, connected } = opened(t, folder);
    await failing(/later: there is none/);
    assert.equal(said.synced(), undefined);
    mkdirSync(folder);
    await connected();
    writeFileSync(join(folder, "p.yaml"), peerText("p1"));
    await said.until("it is there", () => asn("p1") === 65001);
    renameSync(folder, `${folder}-away`);
    await failing(/later: there is none/);
    assert.equal(asn("p1"), 65001);
    renameSync(`${folder}-away`, folder);
    await connected();
  });

  test("says a link that leads nowhere, and reads it once it leads somewhere", async (t) => {
    const [folder, elsewhere] = [temporaryFolder(t), temporaryFolder(t)];
    writeFileSync(join(folder, "a.yaml"), peerText("p1"));
    symlinkSync(join(elsewhere, "b.yaml"), join(folder, "b.yaml"));
    const { said, failing, connected, asn } = opened(t, folder);
    await failing(/b\.yaml: cannot read the file: there is none/);
    writeFileSync(join(elsewhere, "b.yaml"), peerText("p2"));
    await said.until("it is read", () => asn("p2") === 65001);
    await connected();
    chmodSync(folder, 0o755);
  });

  test("takes the first file by path that has a resource, says where it stands twice, and follows when one goes", async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, "a.yaml"), peerText("p1", 65001));
    writeFileSync(join(folder, "b.yaml"), peerText("p1", 65002));
    const { said, failing, connected, asn, synced } = opened(t, folder);
    await synced();
    await failing(/b\.yaml:1: BGPPeer\/p1 stands at .*a\.yaml:1 already, which counts; remove one of them/);
    assert.equal(asn("p1"), 65001);
    rmSync(join(folder, "a.yaml"));
    await said.until("the other counts", () => asn("p1") === 65002);
    await connected();
    assert.ok(!said.saidOf("BGPPeer", "p1").includes("delete"));
  });
});

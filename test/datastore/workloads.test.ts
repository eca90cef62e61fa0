import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { openWorkloads } from "../../src/io/datastore/workloads.ts";
import { createRecorder } from "../contract/datastore-recorder.ts";
import { temporaryFolder } from "../system/folder.ts";

const STATUS = { ifaceName: "cali1", ipv4Nets: ["10.65.0.2/32"], ipv6Nets: [], bgpPeerName: "pods" };

function opened(t: TestContext, prefix: string) {
  const said = createRecorder();
  const datastore = openWorkloads(prefix, { onEvent: said.onEvent, settleMs: 2 });
  t.after(() => datastore.close());
  const peerOf = (name: string) =>
    (said.view.get(`Workload/${name}`)?.object?.spec as { bgpPeerName: string } | undefined)?.bgpPeerName;
  return { said, datastore, peerOf, synced: () => said.until("synced", () => said.synced() !== undefined) };
}

describe("endpoint-status files", () => {
  test("are read, followed and forgotten", async (t) => {
    const prefix = temporaryFolder(t);
    const folder = join(prefix, "endpoint-status");
    mkdirSync(folder);
    writeFileSync(join(folder, "pod-1"), JSON.stringify(STATUS));
    const { said, peerOf, synced } = opened(t, prefix);
    await synced();
    assert.deepEqual(said.view.get("Workload/pod-1"), {
      kind: "Workload",
      name: "pod-1",
      object: { kind: "Workload", metadata: { name: "pod-1" }, spec: STATUS },
      origin: join(folder, "pod-1"),
    });
    writeFileSync(join(folder, "pod-2"), JSON.stringify({ ...STATUS, bgpPeerName: "others" }));
    await said.until("the second", () => peerOf("pod-2") === "others");
    writeFileSync(join(folder, "pod-1"), JSON.stringify({ ...STATUS, bgpPeerName: "others" }));
    await said.until("the change", () => peerOf("pod-1") === "others");
    rmSync(join(folder, "pod-1"));
    await said.until("it is gone", () => !said.view.has("Workload/pod-1"));
  });

  test("are none where the directory is not there, and are seen when Felix makes it", async (t) => {
    const prefix = join(temporaryFolder(t), "calico");
    const { said, peerOf, synced } = opened(t, prefix);
    await synced();
    assert.equal(said.view.size, 0);
    for (const name of ["first", "second"]) {
      mkdirSync(join(prefix, "endpoint-status"), { recursive: true });
      writeFileSync(join(prefix, "endpoint-status", "pod-1"), JSON.stringify({ ...STATUS, bgpPeerName: name }));
      await said.until("it is there", () => peerOf("pod-1") === name);
      rmSync(prefix, { recursive: true });
      await said.until("it is gone", () => said.view.size === 0);
    }
  });

  test("keep their last content while half of one is there", async (t) => {
    const prefix = temporaryFolder(t);
    const folder = join(prefix, "endpoint-status");
    mkdirSync(folder);
    writeFileSync(join(folder, "pod-1"), JSON.stringify(STATUS));
    const { said, peerOf, synced } = opened(t, prefix);
    await synced();
    writeFileSync(join(folder, "pod-1"), '{"ifaceName":"ca');
    writeFileSync(join(folder, "pod-2"), JSON.stringify(STATUS));
    await said.until("another file", () => peerOf("pod-2") === "pods");
    assert.deepEqual(said.saidOf("Workload", "pod-1"), ["set"]);
    writeFileSync(join(folder, ".tmp"), JSON.stringify({ ...STATUS, bgpPeerName: "others" }));
    renameSync(join(folder, ".tmp"), join(folder, "pod-1"));
    await said.until("it is whole", () => peerOf("pod-1") === "others");
    assert.deepEqual(said.saidOf("Workload", ".tmp"), []);
  });

  test("that never could be read are said, and are no fault once they are whole", async (t) => {
    const prefix = temporaryFolder(t);
    const folder = join(prefix, "endpoint-status");
    mkdirSync(folder);
    writeFileSync(join(folder, "pod-1"), '{"ifaceName":"ca');
    writeFileSync(join(folder, "pod-2"), "[]");
    const { said, peerOf, synced } = opened(t, prefix);
    await synced();
    for (const name of ["pod-1", "pod-2"])
      assert.equal(said.view.get(`Workload/${name}`)?.fault, "it is no JSON object", name);
    writeFileSync(join(folder, "pod-1"), JSON.stringify(STATUS));
    await said.until("it is whole", () => peerOf("pod-1") === "pods");
    assert.equal(said.view.get("Workload/pod-1")?.fault, undefined);
  });

  test("satisfy any interest", async (t) => {
    const { said, datastore, synced } = opened(t, temporaryFolder(t));
    await synced();
    datastore.want({ secrets: ["kube-system/bgp"], services: true });
    assert.deepEqual(said.synced(), { secrets: ["kube-system/bgp"], services: true });
  });
});

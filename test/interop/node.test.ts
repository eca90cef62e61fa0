/** `calidris node` as calico-node's sidecar: from a datastore to sessions and kernel routes, over restarts. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe } from "node:test";
import type { LabNode } from "../../interop/lab.ts";
import { signalTo } from "../../interop/peers/bird.ts";
import { MAIN } from "../../interop/peers/calidris.ts";
import { poll } from "../../interop/process.ts";
import { readCalicoctl, readReadinessStatus, readReportedStatus } from "../control/bird-readers.ts";
import { askSocket } from "./bird-clients.ts";
import { CONCURRENCY, staged } from "./operator.ts";
import { resource, sidecar } from "./sidecar.ts";
import { about, monitor } from "./witness.ts";

const PLAN = {
  nodes: ["a", "b"],
  links: { net0: { a: ["10.0.0.1/24", "fdbb:1::1/64"], b: ["10.0.0.2/24", "fdbb:1::2/64"] } },
};

/** The blocks of a node, the other one's gateway. */
const BLOCK = { a: "10.244.1.0/26", b: "10.244.2.0/26" } as const;

const node = (name: "a" | "b", n: number) =>
  resource("Node", name, { bgp: { ipv4Address: `10.0.0.${n}/24`, ipv6Address: `fdbb:1::${n}/64` } });
const block = (name: "a" | "b") =>
  resource("BlockAffinity", `${name}-block`, { cidr: BLOCK[name], node: name, state: "confirmed", deleted: "false" });

const RESOURCES = {
  nodes: [node("a", 1), node("b", 2)],
  pools: [resource("IPPool", "pool", { cidr: "10.244.0.0/16", ipipMode: "Never", vxlanMode: "Never" })],
  blocks: [block("a"), block("b")],
  bgp: [resource("BGPConfiguration", "default", { asNumber: 64512, nodeToNodeMeshEnabled: true })],
};

async function kernelRoute(host: LabNode, prefix: string): Promise<string | undefined> {
  const found = (await host.routes(4)).find(({ dst }) => dst === prefix);
  return found && `${found.type === "blackhole" ? "blackhole" : found.gateway} proto ${found.protocol}`;
}

const untilRoute = (host: LabNode, prefix: string, wanted: string | undefined, explain?: () => Promise<string>) =>
  poll(`${host.name}: ${prefix} ${wanted}`, async () => (await kernelRoute(host, prefix)) === wanted, {
    ...(explain && { explain }),
  });

describe("calidris node", { concurrency: CONCURRENCY }, () => {
  staged(
    "two nodes mesh from a datastore; a restart without it moves no route, and then it is followed",
    PLAN,
    async ({ lab }) => {
      const [hostA, hostB] = [lab.node("a"), lab.node("b")];
      const [a, b] = [await sidecar(hostA), await sidecar(hostB)];
      for (const one of [a, b])
        for (const [name, resources] of Object.entries(RESOURCES)) await one.write(name, resources);
      const [first] = await Promise.all([a.start(), b.start()]);
      await Promise.all([a.untilReady(), b.untilReady()]);
      await untilRoute(hostB, BLOCK.a, "10.0.0.1 proto bird", b.log);
      await untilRoute(hostA, BLOCK.b, "10.0.0.2 proto bird", a.log);
      assert.equal(await kernelRoute(hostA, BLOCK.a), "blackhole proto bird");
      assert.deepEqual(
        readCalicoctl(await a.bird("show protocols"), ".").map(({ address, type, state }) => [address, type, state]),
        [["10.0.0.2", "node-to-node mesh", "up"]],
      );
      const six = join(await hostA.folder("calico/run"), "bird6.ctl");
      await poll("the session of the other family on its own socket", async () =>
        readCalicoctl(await askSocket(six, "show protocols"), ":").some(
          ({ address, bgpState }) => address === "fdbb:1::2" && bgpState === "Established",
        ),
      );
      // calicoctl finds the process by its first argument alone.
      assert.deepEqual(readFileSync(`/proc/${first.pid}/cmdline`, "utf8").split("\0").filter(Boolean), ["bird"]);
      await poll("the generation on disk", async () =>
        (await readFile(join(a.generated, "current/peers/Mesh_10_0_0_2.yaml"), "utf8").catch(() => "")).includes(
          "10.0.0.2",
        ),
      );

      // Its container is replaced while the datastore is away.
      const changes = [await monitor(hostA), await monitor(hostB)];
      await a.end("SIGTERM");
      assert.equal(await kernelRoute(hostA, BLOCK.b), "10.0.0.2 proto bird");
      await rename(a.datastore, `${a.datastore}.away`);
      await a.start();
      await a.untilReady();
      assert.match(await a.log(), /"event":"last generation used"/);
      assert.match(await a.log(), /"event":"datastore failing"/);
      await poll("recovered", async () => !readReadinessStatus(await a.bird("show status")).recovering);
      for (const seen of changes) assert.deepEqual(about(await seen(), Object.values(BLOCK)), []);

      // It is back, and says something else by now.
      await rename(`${a.datastore}.away`, a.datastore);
      await a.write("blocks", [block("b")]);
      await untilRoute(hostB, BLOCK.a, undefined, a.log);
      assert.equal(await kernelRoute(hostA, BLOCK.a), undefined);
      await a.write("bgp", [
        resource("BGPConfiguration", "default", { asNumber: 64512, nodeToNodeMeshEnabled: false }),
      ]);
      await poll("no session any more", async () => !(await a.bird("show protocols")).includes("BGP"), {
        explain: a.log,
      });
      assert.equal(await a.readiness(true), undefined, "without peers it is ready");
    },
  );

  staged("before there is any configuration it is alive and not ready, and says why", PLAN, async ({ lab }) => {
    const a = await sidecar(lab.node("a"));
    await rm(a.datastore, { recursive: true });
    await a.start();
    await poll("the socket", async () => (await a.bird("show status").catch(() => "")).includes("up and running"));
    const status = await a.bird("show status");
    assert.deepEqual([readReportedStatus(status).isReady, readReadinessStatus(status).recovering], [true, false]);
    await assert.rejects(a.readiness(true), /unexpected output line from BIRD: 8005 There is no configuration yet: \S/);
    await mkdir(a.datastore);
    for (const [name, resources] of Object.entries(RESOURCES)) await a.write(name, resources);
    await poll("the session", async () => (await a.bird("show protocols")).includes("Mesh_10_0_0_2"), {
      explain: a.log,
    });
    assert.equal(await a.readiness(true), "BIRD is not ready: BGP not established with 10.0.0.2");
    await a.end("SIGTERM");
  });

  staged("a signal ends it while it waits, and a backend without BGP leaves it idle", PLAN, async ({ lab }) => {
    const a = await sidecar(lab.node("a"));
    await rm(a.datastore, { recursive: true });
    const waiting = await a.start();
    await poll("the socket", async () => (await a.bird("show status").catch(() => "")).includes("up and running"));
    await a.end("SIGTERM");
    assert.equal(await waiting.exited, 0);

    const folder = await lab.node("b").folder("idle");
    const env = { PATH: process.env.PATH, CALICO_NETWORKING_BACKEND: "vxlan" };
    const idle = await lab.node("b").spawn("idle", folder, [process.execPath, MAIN, "node"], { env });
    await poll("to say so", async () => /CALICO_NETWORKING_BACKEND is vxlan/.test(await idle.log()));
    signalTo(idle.pid, "SIGHUP");
    signalTo(idle.pid, "SIGTERM");
    assert.equal(await idle.exited, 0);
  });
});

/** `calidris node` that starts or runs without its datastore, without a disk, or beside another one. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { run } from "../../interop/process.ts";
import { requires } from "../../interop/requires.ts";
import { type FakeApiServer, startFakeApiServer } from "../datastore/fake-api-server/server.ts";
import { apiObject } from "../datastore/kubernetes-forms.ts";
import { ADDRESSES, block, type Far, type LogLine, RESOURCES, startFar, startNode, type World } from "./fault-world.ts";
import { enterOwnNetwork } from "./own-network.ts";
import { start } from "./program.ts";

const skip = await requires("netns");
if (!skip) await enterOwnNetwork(fileURLToPath(import.meta.url), ADDRESSES);

describe("calidris node in trouble of its own", { skip, timeout: 300_000 }, () => {
  let fake: FakeApiServer;
  let far: Far;
  let folder: string;
  let blocks = 0;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "calidris-trouble-"));
    fake = await startFakeApiServer();
    for (const resource of RESOURCES) fake.put(apiObject(resource));
  });
  after(async () => {
    await fake?.close();
    await rm(folder, { recursive: true, force: true });
  });
  // One that has been refused often waits long before it tries again.
  beforeEach(async () => {
    far = await startFar();
  });
  afterEach(() => far?.close());

  /** Over the API server; it ends with the test. */
  async function opened(t: TestContext, out: string): Promise<World> {
    const env = { K8S_API_ENDPOINT: fake.url };
    const node = await startNode(far, { datastore: ["--datastore", "kubernetes"], env, out });
    t.after(() => node.close());
    return node;
  }
  function change(): string {
    fake.put(apiObject(block(++blocks)));
    return `10.244.${blocks}.0/26`;
  }
  const event = (wanted: string, reason = /./) => {
    const fits = (line: LogLine) => line.event === wanted && (line.reason === undefined || reason.test(line.reason));
    return [`${wanted} ${reason}`, 0, fits] as const;
  };
  const isExact = async (node: World) => assert.deepEqual(await node.generated(), await node.fresh());

  test("without its datastore it starts with the last generation, and has the changes when that is back", async (t) => {
    const out = join(folder, "last");
    const first = await opened(t, out);
    await first.established();
    await first.untilWritten("10.244.0.0/26");
    assert.equal(await first.stop(), 0);
    await fake.stop();
    const text = change();
    const node = await opened(t, out);
    const failing = await node.line(...event("datastore failing", /Nothing listens/));
    assert.equal(failing.meanwhile, "nothing of it comes into force before all has been read");
    await node.line(...event("last generation used"));
    await node.established();
    const { lost } = await far.peer();
    await fake.start();
    await node.line(...event("datastore connected"));
    await node.untilWritten(text);
    await isExact(node);
    assert.equal((await far.peer()).lost, lost);
  });

  test("without its datastore and a last generation it waits, and says for what", async (t) => {
    await fake.stop();
    const node = await opened(t, join(folder, "none"));
    await node.line(...event("datastore failing", /Nothing listens/));
    await fake.start();
    await node.established();
    await node.untilWritten("10.244.0.0/26");
    await isExact(node);
  });

  test("on a file system that cannot be written it uses the last generation, follows in memory, and writes when it can", async (t) => {
    const out = join(folder, "read-only");
    const first = await opened(t, out);
    await first.untilWritten("10.244.0.0/26");
    await first.stop();
    await run(["mount", "--bind", out, out]);
    t.after(() => run(["umount", "-l", out]));
    await run(["mount", "-o", "remount,bind,ro", out]);
    const node = await opened(t, out);
    await node.line(...event("generations not kept", /EROFS/));
    await node.line(...event("last generation used"));
    await node.established();
    const before = node.lines.length;
    const text = change();
    await node.line("it is in force", before, (line) => line.event === "configuration applied");
    const said = await node.line(...event("generation not written", /EROFS/));
    assert.ok((said.retryInMs as number) > 0);
    assert.ok(!(await readFile(join(out, "current/static.yaml"), "utf8")).includes(text));
    await run(["mount", "-o", "remount,bind,rw", out]);
    await node.line(...event("generations written again"));
    await node.untilWritten(text);
    await isExact(node);
  });

  test("on a full disk the last whole generation stays, and the newest follows when there is room", async (t) => {
    const out = join(folder, "full");
    await mkdir(out);
    await run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", out]);
    t.after(() => run(["umount", "-l", out]));
    const node = await opened(t, out);
    await node.established();
    await node.untilWritten("10.244.0.0/26");
    const files = await node.generated();
    await writeFile(join(out, "ballast"), Buffer.alloc(1024 * 1024)).catch((error: NodeJS.ErrnoException) =>
      assert.equal(error.code, "ENOSPC"),
    );
    const before = node.lines.length;
    const text = change();
    await node.line("it is in force", before, (line) => line.event === "configuration applied");
    await node.line(...event("generation not written", /ENOSPC/));
    assert.deepEqual(await node.generated(), files);
    await rm(join(out, "ballast"));
    await node.line(...event("generations written again"));
    await node.untilWritten(text);
    await isExact(node);
    assert.equal((await far.peer()).state, "established");
  });

  test("of two on one folder the second serves without files, and has it when the first is gone", async (t) => {
    const out = join(folder, "shared");
    await mkdir(out);
    const env = { K8S_API_ENDPOINT: fake.url };
    const confgen = start(["confgen", "--datastore", "kubernetes", "--node", "n1", "--out", out], { env });
    t.after(() => confgen.kill("SIGKILL"));
    let heard = "";
    await new Promise<void>((resolve) =>
      confgen.stderr.on("data", (chunk: Buffer) => {
        heard += chunk;
        if (heard.includes("generation written")) resolve();
      }),
    );
    const node = await opened(t, out);
    await node.line(...event("generations not kept", /another process \(\d+\) writes there/));
    await node.line(...event("generation not written", /another process/));
    await node.established();
    confgen.kill("SIGTERM");
    await node.line(...event("generations written again"));
    const text = change();
    await node.untilWritten(text);
    await isExact(node);
  });

  test("SIGHUP changes nothing, and SIGTERM ends it with what is in force on the disk", async (t) => {
    const out = join(folder, "signals");
    const node = await opened(t, out);
    await node.established();
    await node.untilWritten("10.244.0.0/26");
    const running = await node.running();
    node.child.kill("SIGHUP");
    await node.line(...event("nothing to read again"));
    assert.deepEqual(await node.running(), running);
    const before = node.lines.length;
    const text = change();
    await node.line("it is in force", before, (line) => line.event === "configuration applied");
    assert.equal(await node.stop(), 0);
    assert.ok((await readFile(join(out, "current/static.yaml"), "utf8")).includes(text));
    await isExact(node);
  });
});

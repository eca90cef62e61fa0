import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { serveSockets } from "../../src/cli/serve-sockets.ts";
import type { BirdView } from "../../src/control/bird/facts.ts";
import { callControl } from "../../src/io/system/control-client.ts";
import { readReadinessStatus, readReportedStatus } from "../control/bird-readers.ts";
import { temporaryFolder } from "../system/folder.ts";

async function ask(path: string, text: string): Promise<string> {
  const socket = connect({ path });
  let heard = "";
  socket.on("data", (chunk) => {
    heard += chunk;
  });
  socket.end(text);
  await once(socket, "close");
  return heard;
}

async function serve(t: TestContext, waitingFor: () => string | undefined) {
  const folder = temporaryFolder(t);
  const options = { socket: join(folder, "control.sock"), birdSockets: folder };
  const sockets = await serveSockets(options, () => {}, waitingFor);
  t.after(async () => {
    for (const server of sockets.all) await server.close();
  });
  return { ...options, folder, sockets, bird: join(folder, "bird.ctl"), bird6: join(folder, "bird6.ctl") };
}

const VIEW: BirdView = {
  daemon: (family) => ({
    routerId: family === "ipv4" ? "4.4.4.4" : "6.6.6.6",
    startedAtMs: 0,
    configuredAtMs: 0,
    recovery: undefined,
  }),
  protocols: () => [],
};

describe("the daemon's sockets", () => {
  it("say what is waited for while there is no configuration", async (t) => {
    const { socket, bird, bird6 } = await serve(t, () => "etcd is away");
    await assert.rejects(callControl(socket, { command: "status" }), {
      code: "waiting",
      message: "there is no configuration yet: etcd is away",
    });
    for (const path of [bird, bird6]) {
      const status = await ask(path, "show status\n");
      assert.deepEqual(readReadinessStatus(status), { recovering: false });
      assert.equal(readReportedStatus(status).isReady, true);
      assert.match(await ask(path, "show protocols\n"), /\n8005 There is no configuration yet: etcd is away\n$/);
    }
  });

  it("hold requests back while the daemon starts, and answer them when it stands", async (t) => {
    const { socket, bird, bird6, sockets } = await serve(t, () => undefined);
    const answer = callControl(socket, { command: "status" });
    sockets.answer(async () => "an answer", VIEW);
    assert.equal(await answer, "an answer");
    assert.match(await ask(bird, "show status\n"), /Router ID is 4\.4\.4\.4/);
    assert.match(await ask(bird6, "show status\n"), /Router ID is 6\.6\.6\.6/);
  });

  it("are all given back where one of them cannot be had", async (t) => {
    const { folder } = await serve(t, () => undefined);
    const other = temporaryFolder(t);
    const options = { socket: join(other, "control.sock"), birdSockets: folder };
    await assert.rejects(
      serveSockets(
        options,
        () => {},
        () => undefined,
      ),
      /Cannot serve on .*bird\.ctl: another daemon answers there/,
    );
    await assert.rejects(callControl(options.socket, {}), { code: "unreachable" });
  });
});

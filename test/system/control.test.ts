import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { callControl, streamControl } from "../../src/io/system/control-client.ts";
import { ControlError } from "../../src/io/system/control-protocol.ts";
import { type ControlHandler, type ControlServerOptions, serveControl } from "../../src/io/system/control-server.ts";
import { temporaryFolder } from "./folder.ts";

async function serve(t: TestContext, handler: ControlHandler, options: Partial<ControlServerOptions> = {}) {
  const path = join(temporaryFolder(t), "c.sock");
  const server = await serveControl(path, handler, { log: () => undefined, ...options });
  t.after(() => server.close());
  return path;
}

function unreachable(pattern: RegExp) {
  return (error: unknown) =>
    error instanceof ControlError && error.code === "unreachable" && pattern.test(error.message);
}

describe("control socket", () => {
  it("answers requests, several on one connection too", async (t) => {
    const path = await serve(t, (request) => ({ echo: request }));
    assert.deepEqual(await callControl(path, { a: 1 }), { echo: { a: 1 } });
    const socket = connect({ path });
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.end('{"n":1}\n\n{"n":2}\nnonsense\n');
    await new Promise((resolve) => socket.once("close", resolve));
    assert.deepEqual(
      text
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
      [
        { data: { echo: { n: 1 } } },
        { end: true },
        { data: { echo: { n: 2 } } },
        { end: true },
        { error: { code: "usage", message: "the request is not JSON" } },
      ],
    );
  });

  it("passes a refusal on with its code and keeps any other failure to the request", async (t) => {
    const path = await serve(t, (request) => {
      if (request === "refuse") throw new ControlError("notFound", 'no peer "x"');
      if (request === "break") throw new TypeError("broken");
      return "fine";
    });
    await assert.rejects(callControl(path, "refuse"), { code: "notFound", message: 'no peer "x"' });
    await assert.rejects(callControl(path, "break"), { code: "internal", message: "broken" });
    assert.equal(await callControl(path, "else"), "fine");
  });

  it("streams until the client leaves, and the handler learns of it", async (t) => {
    let ended: () => void;
    const over = new Promise<void>((resolve) => {
      ended = resolve;
    });
    const path = await serve(t, async (_request, stream) => {
      for (let i = 0; !stream.signal.aborted; i++) {
        stream.send(i);
        await new Promise(setImmediate);
      }
      ended();
    });
    const seen: unknown[] = [];
    for await (const value of streamControl(path, "watch")) if (seen.push(value) === 3) break;
    assert.deepEqual(seen, [0, 1, 2]);
    await over;
  });

  it("ends a watch that has nothing to say when its client leaves", async (t) => {
    let ended: () => void;
    const over = new Promise<void>((resolve) => {
      ended = resolve;
    });
    const path = await serve(t, async (_request, stream) => {
      stream.send("watching");
      await new Promise((resolve) => stream.signal.addEventListener("abort", resolve));
      ended();
    });
    for await (const _ of streamControl(path, "watch")) break;
    await over;
  });

  it("gives up an answer that the caller no longer waits for", async (t) => {
    const stop = new AbortController();
    const path = await serve(t, async () => {
      stop.abort();
      await new Promise(setImmediate);
    });
    await assert.rejects(callControl(path, 1, stop.signal), unreachable(/did not answer in time/));
  });

  it("tells a handler that its client is behind, and cuts off one that never reads", async (t) => {
    const block = "x".repeat(200_000);
    let behind = false;
    let ended: () => void;
    const over = new Promise<void>((resolve) => {
      ended = resolve;
    });
    const path = await serve(
      t,
      async (_request, stream) => {
        while (!stream.signal.aborted) {
          if (!stream.send(block)) behind = true;
          await new Promise(setImmediate);
        }
        ended();
      },
      { unreadOctets: 3_000_000 },
    );
    const socket = connect({ path }).pause();
    socket.on("error", () => undefined);
    socket.write('"watch"\n');
    await over;
    assert.equal(behind, true);
    socket.destroy();
  });

  it("gives a large answer whole to a client that waits for it", async (t) => {
    const path = await serve(t, async (_request, stream) => {
      for (let i = 0; i < 100; i++) if (!stream.send("y".repeat(100_000))) await stream.drained();
    });
    let octets = 0;
    for await (const value of streamControl(path, "all")) octets += String(value).length;
    assert.equal(octets, 10_000_000);
  });

  it("bounds the length of a request and the number of clients", async (t) => {
    const short = await serve(t, () => "fine", { requestOctets: 100 });
    await assert.rejects(callControl(short, "z".repeat(200)), { code: "busy", message: /longer than 100 octets/ });
    // A server of its own, for the client before may not have gone yet.
    const path = await serve(t, () => "fine", { clients: 1 });
    const first = connect({ path });
    first.write("1\n");
    await new Promise((resolve) => first.once("data", resolve));
    await assert.rejects(callControl(path, "second"), { code: "busy" });
    first.destroy();
  });

  it("makes a socket that only its user and group may open, and takes it away", async (t) => {
    const path = join(temporaryFolder(t), "run", "c.sock");
    const server = await serveControl(path, () => undefined, { log: () => undefined });
    assert.equal(statSync(path).mode & 0o777, 0o660);
    await server.close();
    assert.equal(existsSync(path), false);
  });

  it("does not take the place of a daemon that answers, nor of a file that is no socket", async (t) => {
    const path = await serve(t, () => "alive");
    const log = () => undefined;
    await assert.rejects(
      serveControl(path, () => "usurper", { log }),
      /another daemon answers/,
    );
    assert.equal(await callControl(path, "who"), "alive");
    const file = join(temporaryFolder(t), "file");
    writeFileSync(file, "");
    await assert.rejects(
      serveControl(file, () => "", { log }),
      /not a socket/,
    );
  });

  it("replaces a socket that a crashed daemon left behind", async (t) => {
    const path = join(temporaryFolder(t), "c.sock");
    const crash = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
    spawnSync(process.execPath, ["-e", crash]);
    assert.ok(existsSync(path));
    await assert.rejects(callControl(path, 1), unreachable(/connection refused.*calidris run/s));
    const server = await serveControl(path, () => "new", { log: () => undefined });
    t.after(() => server.close());
    assert.equal(await callControl(path, 1), "new");
  });

  it("says which socket is missing and how to start", async (t) => {
    const path = join(temporaryFolder(t), "none.sock");
    await assert.rejects(callControl(path, 1), unreachable(new RegExp(`${path}.*calidris run`)));
  });

  it("says that an answer was cut short", async (t) => {
    const path = join(temporaryFolder(t), "c.sock");
    const server = await serveControl(
      path,
      async (_request, stream) => {
        stream.send(1);
        await stream.drained();
        await server.close();
      },
      { log: () => undefined },
    );
    await assert.rejects(callControl(path, 1), unreachable(/before its answer was complete/));
  });
});

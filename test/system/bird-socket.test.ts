import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import type { BirdView, ProtocolFacts } from "../../src/control/bird/facts.ts";
import { type BirdSocketOptions, serveBird } from "../../src/io/system/bird-socket.ts";
import { contextOf } from "../control/bird-asking.ts";
import { temporaryFolder } from "./folder.ts";

const STATIC: ProtocolFacts = {
  name: "static1",
  kind: "Static",
  state: "up",
  sinceMs: 0,
  ageMs: 0,
  description: undefined,
  preference: 200,
  importPolicy: "accept",
  exportPolicy: "reject",
  recovery: undefined,
  limits: [],
  routes: undefined,
  changes: undefined,
  session: undefined,
};

function view(rows = 1, fault?: Error): BirdView {
  return {
    daemon() {
      if (fault) throw fault;
      return { routerId: "10.0.0.1", startedAtMs: 0, configuredAtMs: 0, recovery: undefined };
    },
    protocols: () => new Array<ProtocolFacts>(rows).fill(STATIC),
  };
}

async function serve(t: TestContext, bird = view(), options: Partial<BirdSocketOptions> = {}) {
  const path = join(temporaryFolder(t), "bird.ctl");
  const logged: string[] = [];
  const server = await serveBird(path, contextOf(bird), {
    log: (_level, event) => void logged.push(event),
    ...options,
  });
  t.after(() => server.close());
  return { path, server, logged };
}

const WELCOME = "0001 BIRD v1.2.3 ready.\n";

/** All that the server says until it closes. */
async function converse(path: string, text: string): Promise<string> {
  const socket = connect({ path });
  socket.end(text);
  return wholeOf(socket);
}

async function wholeOf(socket: Socket): Promise<string> {
  let heard = "";
  socket.on("data", (chunk) => {
    heard += chunk;
  });
  await once(socket, "close");
  return heard;
}

/** Reads until the text ends so. */
async function until(socket: Socket, end: string): Promise<string> {
  let heard = "";
  while (!heard.endsWith(end)) heard += String((await once(socket, "data"))[0]);
  return heard;
}

describe("BIRD socket", () => {
  it("welcomes, and answers several commands one after the other", async (t) => {
    const { path } = await serve(t);
    const heard = await converse(path, "restrict\r\nbogus\nshow status\n");
    assert.match(
      heard,
      /^0001 BIRD v1.2.3 ready\.\n0016 Access restricted\n9001 syntax error, [^\n]*\n1000-BIRD v1.2.3\n/,
    );
    assert.match(heard, /\n0013 Daemon is up and running\n$/);
  });

  it("is there for its owner and group only", async (t) => {
    const { path } = await serve(t);
    assert.equal(statSync(path).mode & 0o777, 0o660);
  });

  it("welcomes before it is asked, and stays open for more", async (t) => {
    const { path } = await serve(t);
    const socket = connect({ path });
    t.after(() => socket.destroy());
    assert.equal(await until(socket, "ready.\n"), WELCOME);
    for (let i = 0; i < 3; i++) {
      socket.write("show protocols\n");
      assert.match(await until(socket, "\n0000 \n"), /^2002-name/);
    }
  });

  it("takes the place of a socket that nobody serves, and refuses that of a living one", async (t) => {
    const { path } = await serve(t);
    await assert.rejects(
      serveBird(path, contextOf(view()), { log: () => {} }),
      /Cannot serve on .*bird\.ctl: another daemon answers there\. Another folder is given with --bird-socket/,
    );
    const other = join(temporaryFolder(t), "bird.ctl");
    const crash = `require("node:net").createServer().listen(${JSON.stringify(other)}, () => process.kill(process.pid, "SIGKILL"))`;
    spawnSync(process.execPath, ["-e", crash]);
    assert.ok(existsSync(other), "as a killed process leaves it");
    const server = await serveBird(other, contextOf(view()), { log: () => {} });
    t.after(() => server.close());
    assert.match(await converse(other, "restrict\n"), /0016/);
  });

  it("does not take the place of a file that is no socket", async (t) => {
    const path = join(temporaryFolder(t), "bird.ctl");
    writeFileSync(path, "");
    await assert.rejects(serveBird(path, contextOf(view()), { log: () => {} }), /it exists and is not a socket/);
    assert.ok(existsSync(path));
  });

  it("answers what was asked before the client closed its side", async (t) => {
    const { path } = await serve(t);
    assert.equal(await converse(path, "restrict\nshow pro"), `${WELCOME}0016 Access restricted\n`);
  });

  it("refuses a command that is too long, and goes on", async (t) => {
    const { path } = await serve(t);
    assert.equal(
      await converse(path, `${"x".repeat(1_000_000)}\nrestrict\n`),
      `${WELCOME}9000 Command too long\n0016 Access restricted\n`,
    );
  });

  it("refuses clients beyond its bound, and those within it stay", async (t) => {
    const { path } = await serve(t, view(), { clients: 2 });
    const first = connect({ path });
    t.after(() => first.destroy());
    await until(first, "ready.\n");
    const second = connect({ path });
    t.after(() => second.destroy());
    await until(second, "ready.\n");
    assert.equal(await wholeOf(connect({ path })), "8007 Access denied: 2 clients are connected already\n");
    first.write("restrict\n");
    await until(first, "0016 Access restricted\n");
  });

  it("closes a client that is idle", async (t) => {
    const { path } = await serve(t, view(), { idleMs: 20 });
    assert.equal(await wholeOf(connect({ path })), WELCOME);
  });

  it("waits for a client that does not read, and queues no more than that may leave unread", async (t) => {
    const { path, logged } = await serve(t, view(5000), { unreadOctets: 1024 * 1024 });
    const lazy = connect({ path });
    t.after(() => lazy.destroy());
    lazy.pause();
    lazy.write("show protocols\n".repeat(40));
    // Meanwhile others are answered.
    assert.match(await converse(path, "restrict\n"), /0016/);
    lazy.resume();
    let rows = 0;
    let ends = 0;
    lazy.on("data", (chunk) => {
      rows += String(chunk).split("static1").length - 1;
      ends += String(chunk).split("\n0000 \n").length - 1;
    });
    lazy.end();
    await once(lazy, "close");
    assert.ok(rows >= 40 * 5000 - 40, `${rows} rows, ${ends} ends`);
    assert.deepEqual(logged, []);
  });

  it("keeps a fault of ours to the client that met it", async (t) => {
    const { path, logged } = await serve(t, view(1, new TypeError("broken")));
    assert.equal(await converse(path, "show status\nrestrict\n"), WELCOME);
    assert.deepEqual(logged, ["birdCommandFailed"]);
    assert.match(await converse(path, "restrict\n"), /0016/);
  });

  it("ends when it is closed, with clients connected", async (t) => {
    const { path, server } = await serve(t);
    const socket = connect({ path });
    await until(socket, "ready.\n");
    const closed = once(socket, "close");
    socket.resume();
    await server.close();
    await closed;
    assert.equal(existsSync(path), false);
  });
});

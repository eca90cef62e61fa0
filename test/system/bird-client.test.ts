/** Who asks a BIRD: replies as they are, and what is none ends the connection, so that the process can end. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { BirdRefusal, openBird } from "../../src/io/system/bird-client.ts";
import { temporaryFolder } from "./folder.ts";

/** Answers the connection and then each line in turn with these texts. */
async function serving(t: TestContext, welcome: string, ...replies: readonly string[]) {
  const path = join(temporaryFolder(t), "bird.ctl");
  const closed: Promise<unknown>[] = [];
  const server = createServer((socket: Socket) => {
    const left = [...replies];
    socket.on("error", () => undefined);
    closed.push(new Promise((resolve) => socket.once("close", resolve)));
    socket.on("data", () => void socket.write(left.shift() ?? ""));
    socket.write(welcome);
  });
  t.after(() => server.close());
  server.listen(path);
  await once(server, "listening");
  return { path, allClosed: () => Promise.all(closed) };
}

const WELCOME = "0001 BIRD 1.6.8 ready.\n";

describe("a client of BIRD", () => {
  it("gives the lines of each reply without their codes", async (t) => {
    const { path } = await serving(t, WELCOME, "1000-BIRD 1.6.8\n1011-Router ID is 10.0.0.1\n more of it\n0013 Up\n");
    const bird = await openBird(path);
    t.after(() => bird.close());
    assert.deepEqual(await bird.show("status"), ["BIRD 1.6.8", "Router ID is 10.0.0.1", "more of it", "Up"]);
  });

  it("tells a refusal with its code, and may ask on", async (t) => {
    const { path } = await serving(t, WELCOME, "8001 Network not in table\n", "0000 \n");
    const bird = await openBird(path);
    t.after(() => bird.close());
    await assert.rejects(bird.show("route"), (error) => error instanceof BirdRefusal && error.code === 8001);
    assert.deepEqual(await bird.show("route"), [""]);
  });

  for (const [what, welcome, message] of [
    ["something else", "0001 FRR ready.\n", /this is not BIRD: FRR ready/],
    ["a BIRD that takes nobody more", "8007 Access denied\n", /Access denied/],
    ["a line without an end", "x".repeat(2 * 1024 * 1024), /a line of its answer does not end/],
  ] as const)
    it(`hangs up on ${what}`, async (t) => {
      const { path, allClosed } = await serving(t, welcome);
      await assert.rejects(openBird(path), message);
      await allClosed();
    });

  it("says that nobody is there", async (t) => {
    await assert.rejects(
      openBird(join(temporaryFolder(t), "none.ctl")),
      /there is no such socket: is BIRD running here/,
    );
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { PeerAnswer } from "../../src/control/answers.ts";
import { type ControlOutput, createControlHandler } from "../../src/control/handler.ts";
import { fakeView } from "./fixtures.ts";

/** Everything that a request is answered with. */
async function ask(request: unknown, aborted = false) {
  const sent: unknown[] = [];
  let turns = 0;
  const handler = createControlHandler(
    fakeView(),
    (run) => {
      turns++;
      setImmediate(run);
    },
    () => {},
  );
  const output: ControlOutput = {
    send(value) {
      sent.push(value);
      return true;
    },
    drained: () => Promise.resolve(),
    signal: { aborted },
  };
  return { last: await handler(request, output), sent, turns };
}

const names = (answer: unknown) => (answer as PeerAnswer[]).map((peer) => peer.name);

describe("the control handler", () => {
  it("gives peers in the order of their addresses", async () => {
    assert.deepEqual(names((await ask({ command: "peers" })).last), ["tor-b", "tor-a", "rr"]);
  });

  it("finds a peer by name, address in any spelling, and description", async () => {
    for (const word of ["rr", "fd00::10", "FD00:0::10", "reflector"])
      assert.deepEqual(names((await ask({ command: "peers", peer: word })).last), ["rr"], word);
  });

  const refused: readonly [unknown, string, RegExp][] = [
    [{ command: "peers", peer: "tor-aa" }, "notFound", /^no peer "tor-aa"; did you mean "tor-a" \(10\.99\.0\.254\)\?$/],
    [{ command: "peers", peer: "10.99.0.8" }, "notFound", /did you mean "tor-b" \(10\.99\.0\.9\)\?/],
    [{ command: "peers", peer: "zzzzzzzz" }, "notFound", /; there are tor-b, tor-a, rr$/],
    [
      { command: "routes", target: "10.9.0.1/24" },
      "usage",
      /has bits beyond its length; did you mean `10\.9\.0\.0\/24`/,
    ],
    [{ command: "routes", target: "tor-a" }, "usage", /neither a prefix .* nor an address/],
    [
      { command: "routes", target: "10.9.0.0/25" },
      "notFound",
      /^no route for 10\.9\.0\.0\/25; the longest match .*10\.9\.0\.0\/24$/,
    ],
    [{ command: "routes", target: "192.0.2.1" }, "notFound", /^no route for 192\.0\.2\.1$/],
    [
      { command: "routesIn", peer: "rr", target: "10.9.0.0/16" },
      "notFound",
      /^no route for 10\.9\.0\.0\/16 is received from rr$/,
    ],
    [{ command: "routesOut", peer: "rr", target: "10.9.0.1" }, "notFound", /is announced to rr$/],
    [{ command: "routesIn" }, "usage", /lacks `peer`/],
    [{ command: "explainRoute", target: "192.0.2.0/24" }, "notFound", /^no route for 192\.0\.2\.0\/24$/],
    [{ command: "explainRoute" }, "usage", /lacks `target`/],
    [{ command: "reboot" }, "usage", /unknown command `reboot`/],
    [{ command: "routes", family: "ipx" }, "usage", /ipv4 or ipv6/],
    [{ command: "routes", limit: 0 }, "usage", /above 0/],
    [{ command: "peers", peer: 7 }, "usage", /`peer` is a text/],
    [{}, "usage", /lacks `command`/],
    ["peers", "usage", /not an object/],
  ];
  for (const [request, code, message] of refused)
    it(`refuses ${JSON.stringify(request)} and says what to do`, () =>
      assert.rejects(ask(request), (error: { code: string; message: string }) => {
        assert.match(error.message, message);
        assert.equal(error.code, code);
        return true;
      }));

  it("sends a table page by page and lets the loop run after each", async () => {
    const { sent, turns, last } = await ask({ command: "routes" });
    assert.deepEqual([sent.length, turns, last], [4, 4, undefined]);
    assert.equal((await ask({ command: "routes", family: "ipv6" })).sent.length, 1);
    assert.equal((await ask({ command: "routes", limit: 2 })).sent.length, 2);
  });

  it("stops a table when the client has gone", async () => {
    assert.deepEqual((await ask({ command: "routes" }, true)).sent, []);
  });

  it("takes an address as longest match, also among a peer's routes", async () => {
    const [found] = (await ask({ command: "routes", target: "10.9.0.7" })).last as { prefix: string }[];
    assert.equal(found!.prefix, "10.9.0.0/24");
    const [received] = (await ask({ command: "routesIn", peer: "tor-a", target: "10.9.0.7" })).last as (typeof found)[];
    assert.equal(received!.prefix, "10.9.0.0/16");
  });
});

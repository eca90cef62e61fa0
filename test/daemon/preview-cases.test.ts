import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { previewLines } from "../../src/control/render-preview.ts";
import type { TableStyle } from "../../src/control/table.ts";
import { previewOf } from "./preview-of.ts";
import { createWorld, header, peer } from "./world.ts";

const EXTERNAL = "import: accept, export: accept";
const PLAIN: TableStyle = { width: undefined, headings: true, colour: false };

const config = (from: string, to = EXTERNAL, more = "") => `${header()}${more}
policies:
  low: [{ match: { prefixes: [10.9.0.0/24] }, action: accept }]
  tag: [{ set: { addCommunities: ["64512:5"], med: 7 }, action: accept }]
peers:
${peer("from", "10.0.0.11", 65001, from)}${peer("to", "10.0.0.12", 65002, to)}`;

function running() {
  const world = createWorld(config(EXTERNAL));
  const [from, to] = [world.speaker("10.0.0.11", { asn: 65001 }), world.speaker("10.0.0.12", { asn: 65002 })];
  from.announce(["10.9.0.0/24", "10.9.1.0/24", "10.9.2.0/24"]);
  world.run(1000);
  return { world, from, to };
}

const lines = (text: string, limit = 10) => previewLines(previewOf(running().world, text, limit), PLAIN);

describe("what a preview says", () => {
  test("of the same configuration: nothing", () => {
    assert.deepEqual(lines(config(EXTERNAL)), ["Nothing changes: the daemon runs a configuration that says the same."]);
  });

  test("of a description: that the session goes on, and no route moves", () => {
    assert.deepEqual(lines(config(`${EXTERNAL}, description: hello`)), [
      "PEER  SESSION  CHANGED",
      "from  goes on  description",
      "",
      "Routes:",
      "  best paths: no prefixes change",
      "  kernel: no prefixes change",
      "  to peers: nothing changes",
    ]);
  });

  test("of an import policy: the routes that go, from the tables and from the peers", () => {
    assert.deepEqual(lines(config("import: low, export: accept")), [
      "PEER  SESSION  CHANGED",
      "from  goes on  import",
      "",
      "Routes:",
      "  best paths: 2 prefixes change",
      "    - 10.9.1.0/24 from from, next hop 10.0.0.11, AS path 65001",
      "    - 10.9.2.0/24 from from, next hop 10.0.0.11, AS path 65001",
      "  kernel: 2 prefixes change",
      "    - 10.9.1.0/24 via 10.0.0.11 dev eth0",
      "    - 10.9.2.0/24 via 10.0.0.11 dev eth0",
      "  to to: 2 fewer",
      "    - 10.9.1.0/24 next hop 10.0.0.11, AS path 64512 65001",
      "    - 10.9.2.0/24 next hop 10.0.0.11, AS path 64512 65001",
    ]);
  });

  test("of an export policy: what is told otherwise, as many as were asked for", () => {
    assert.deepEqual(lines(config(EXTERNAL, "import: accept, export: tag"), 1).slice(-3), [
      "  to to: 5 changed",
      "    ~ 10.0.0.0/24 MED none -> 7, communities none -> 64512:5",
      "    and 4 more (--all shows them)",
    ]);
  });

  test("of a static route: what the kernel is told", () => {
    const said = lines(config(EXTERNAL, EXTERNAL, "static: [{ prefix: 10.9.1.0/24, blackhole: true }]"));
    assert.ok(said.includes("Changed: static 10.9.1.0/24"));
    assert.ok(said.includes("    ~ 10.9.1.0/24 via 10.0.0.11 dev eth0 -> blackhole"), said.join("\n"));
    assert.ok(
      said.includes(
        "    ~ 10.9.1.0/24 from from -> static route, next hop 10.0.0.11 -> none, AS path 65001 -> empty, preference 100 -> 200",
      ),
      said.join("\n"),
    );
  });

  test("of a hold time: why the session resets, and that all is as before when it is back", () => {
    const answer = previewOf(running().world, config(`${EXTERNAL}, timers: { hold: 30s }`));
    assert.deepEqual(answer.sessions, [
      {
        peer: "from",
        effect: "resets",
        keys: ["timers.hold"],
        because: ["timers.hold"],
        established: true,
        returns: true,
        reason: null,
      },
    ]);
    assert.deepEqual([answer.now.best.count, answer.later?.best.count], [3, 0]);
    assert.deepEqual(
      answer.later?.peers.map(({ peer: name }) => name),
      [],
    );
  });

  test("of another AS of a peer: that the session does not come up with what the peer offers", () => {
    const next = config(EXTERNAL).replace("asn: 65001", "asn: 65009");
    const answer = previewOf(running().world, next);
    const [session] = answer.sessions;
    assert.deepEqual([session!.effect, session!.returns], ["resets", false]);
    assert.match(session!.reason!, /65001/);
    assert.equal(answer.later, null);
    assert.ok(previewLines(answer, PLAIN).some((line) => line.includes("resets, stays down")));
  });

  test("of peers that come, go, and are disabled", () => {
    const { world } = running();
    const next = `${header()}\npeers:\n${peer("to", "10.0.0.12", 65002, `${EXTERNAL}, disabled: true`)}${peer("new", "10.0.0.13", 65003, EXTERNAL)}`;
    assert.deepEqual(
      previewOf(world, next).sessions.map(({ peer: name, effect, established }) => [name, effect, established]),
      [
        ["from", "stops", true],
        ["new", "starts", false],
        ["to", "stops", true],
      ],
    );
    world.configure(next);
    world.run(1000);
    const back = previewOf(world, next.replace("disabled: true", "disabled: false"));
    assert.deepEqual(
      back.sessions.map(({ peer: name, effect }) => [name, effect]),
      [["to", "starts"]],
    );
  });
});

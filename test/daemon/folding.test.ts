import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createFolding } from "../../src/daemon/folding.ts";
import { VirtualTime } from "../sim/clock.ts";
import { createWorld, header } from "./world.ts";

describe("a line that repeats itself", () => {
  test("is said once in the time, then with the number of repeats", () => {
    const time = new VirtualTime();
    const fold = createFolding(
      time.clock(() => true),
      1000,
    );
    assert.equal(fold("a"), 0);
    assert.deepEqual([fold("a"), fold("a")], [undefined, undefined]);
    assert.equal(fold("b"), 0);
    time.runUntil(1000);
    assert.equal(fold("a"), 2);
    assert.equal(fold("a"), undefined);
  });

  test("of a peer that never answers is in the log once in five minutes", () => {
    const world = createWorld(`${header()}peers:\n  - { name: a, address: 10.0.0.99, asn: 64512 }\n`);
    world.run(290_000);
    const failures = () => world.log.filter((line) => line.event === "attempt failed");
    assert.equal(failures().length, 1);
    world.run(300_000);
    assert.equal(failures().length, 2);
    assert.ok(Number(failures()[1]!.fields.repeats) > 10);
  });

  test("is no failure where we ended the attempt ourselves", () => {
    const world = createWorld(`${header()}peers:\n  - { name: a, address: 10.0.0.99, asn: 64512 }\n`);
    world.run(290_000);
    world.configure(header());
    world.run(1000);
    assert.equal(world.log.filter((line) => line.event === "attempt failed").length, 1);
  });
});

/** Counters that show a loss of speed without a clock: what is encoded, written and kept for what was received. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { GroupCounters } from "../../src/rib/update-group-types.ts";
import { type Reflector, reflectorOf, updates } from "./reflector.ts";

const CLIENTS = 100;
const OTHERS = CLIENTS - 1;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Buffers that a collection finds dead are freed beside the program, at the latest when the next one begins. */
function octetsHeld(): number {
  collectGarbage();
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function countersOf(reflector: Reflector): GroupCounters {
  const groups = [...reflector.router.parts.exporter.groups()];
  assert.equal(groups.length, 1, "all clients share one update group");
  return groups[0]!.updates.counters;
}

/** What a piece of work added to the counters of the group. */
function countWork(reflector: Reflector, work: () => void): GroupCounters {
  const counters = countersOf(reflector);
  const before = { ...counters };
  work();
  reflector.settle();
  const added = { ...counters };
  for (const key of Object.keys(added) as (keyof GroupCounters)[]) added[key] -= before[key];
  return added;
}

describe("Work of a reflector with 100 clients", () => {
  it("encodes one change once and writes it once to each of the others", () => {
    const reflector = reflectorOf(CLIENTS);
    const work = countWork(reflector, () => reflector.receive(0, updates(0, 0, 1, 1)));
    assert.equal(work.messagesEncoded, 1);
    assert.equal(work.messagesSent, OTHERS);
    assert.equal(work.octetsSent, OTHERS * work.octetsEncoded);
    assert.deepEqual(
      reflector.writes,
      reflector.writes.map((_, client) => (client === 0 ? 0 : 1)),
    );
  });

  it("packs the routes of one attribute set, whichever UPDATEs brought them", () => {
    const reflector = reflectorOf(CLIENTS);
    const work = countWork(reflector, () => reflector.receive(0, updates(0, 0, 1000, 1)));
    // 4 octets a route: 1000 of them fill one message.
    assert.ok(work.messagesEncoded <= 2, `${work.messagesEncoded} messages`);
    assert.equal(work.rowsEncoded, 1000);
  });

  it("encodes what all clients announce at once no more often than there are attribute sets and batches", () => {
    const reflector = reflectorOf(CLIENTS);
    const work = countWork(reflector, () => {
      for (let client = 0; client < CLIENTS; client++) reflector.receive(client, updates(client, 10 * client, 10, 1));
    });
    assert.equal(work.rowsEncoded, 10 * CLIENTS);
    assert.ok(work.messagesEncoded <= CLIENTS + work.batches, `${work.messagesEncoded} messages`);
    assert.equal(work.messagesSent, work.messagesEncoded * OTHERS);
    for (const writes of reflector.writes) assert.ok(writes <= 2 * work.batches, `${writes} writes to a client`);
  });

  it("tells nobody of a route that comes again unchanged", () => {
    const reflector = reflectorOf(CLIENTS);
    reflector.receive(0, updates(0, 0, 1000, 10));
    reflector.settle();
    const work = countWork(reflector, () => reflector.receive(0, updates(0, 0, 1000, 10)));
    assert.equal(work.messagesEncoded, 0);
    assert.equal(work.batches, 0);
  });

  it("keeps every step within its bounds of messages, octets and routes", () => {
    const reflector = reflectorOf(CLIENTS);
    for (let first = 0; first < 20_000; first += 1000) reflector.receive(0, updates(0, first, 1000, 1000));
    reflector.settle();
    assert.ok(reflector.router.parts.sessions.steps.octets <= 65_536);
    assert.ok(countersOf(reflector).longestStepRows <= 4096);
    const group = [...reflector.router.parts.exporter.groups()][0]!;
    assert.equal(group.updates.announcedRows, 20_000 + 1, "and the connected subnet");
  });

  it("keeps nothing of UPDATEs beyond the rows of their routes", () => {
    const reflector = reflectorOf(2);
    const chunk = (round: number) => {
      for (let first = 0; first < 5000; first += 1000) reflector.receive(0, updates(0, first, 1000, 500, round));
      reflector.settle();
    };
    for (let round = 0; round < 4; round++) chunk(round);
    const { core } = reflector.router;
    const rows = core.ribs.ipv4.prefixes.highWater;
    const before = octetsHeld();
    for (let round = 4; round < 24; round++) chunk(round);
    const octets = octetsHeld() - before;
    assert.equal(core.ribs.ipv4.prefixes.highWater, rows, "rows are used again");
    // Compiled code comes and goes; an UPDATE that left even one small object would show.
    assert.ok(octets < 15 * 100_000, `${octets} octets kept after 100,000 UPDATEs`);
  });
});

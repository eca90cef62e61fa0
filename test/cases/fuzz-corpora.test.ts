import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { ParsingClass } from "../../src/bgp/parsing-class.ts";
import { mutate } from "../bgp/mutate.ts";
import { receive, receiveUpdate } from "../bgp/receive.ts";
import { SKIP, WIRE } from "./cases-dir.ts";
import { readHoloEvents } from "./holo.ts";

const SESSIONS: readonly ParsingClass[] = [true, false].flatMap((internal) =>
  [true, false].map((fourOctetAs) => ({ id: 1, internal, fourOctetAs, ifindex: 0 })),
);
const filesOf = (...path: string[]) => {
  const folder = join(WIRE, ...path);
  return existsSync(folder)
    ? readdirSync(folder).map((name) => [name.slice(0, 12), new Uint8Array(readFileSync(join(folder, name)))] as const)
    : [];
};

describe("fuzz corpora of others", { skip: SKIP }, () => {
  test("every file of bio-rd ends in an outcome, the same each time", () => {
    const files = filesOf("fuzz", "bio-rd");
    assert.equal(files.length, 40);
    for (const [name, octets] of files)
      for (const session of SESSIONS) {
        const first = receive(octets, session);
        assert.deepEqual(receive(octets, session), first, name);
        // A message whose length goes beyond the file is one that has not arrived yet.
        const declared = (octets[16]! << 8) | octets[17]!;
        assert.ok(first.length > 0 || octets.length < 19 || declared > octets.length, name);
      }
  });

  test("every file of GoBGP is refused for its marker, and its body ends in an outcome", () => {
    const files = filesOf("fuzz", "gobgp-bad-len");
    assert.equal(files.length, 6);
    for (const [name, octets] of files)
      for (const session of SESSIONS) {
        assert.deepEqual(receive(octets, session), [{ kind: "fault", code: "1/1" }], name);
        assert.equal(receiveUpdate(octets, 19, octets.length, session).kind, "fault", name);
      }
  });

  test("mutations of these files end in an outcome too", () => {
    const files = [...filesOf("fuzz", "bio-rd"), ...filesOf("fuzz", "gobgp-bad-len")];
    for (let seed = 1; seed <= 5000; seed++) {
      const [, octets] = files[seed % files.length]!;
      const message = mutate(seed, octets.length < 19 ? new Uint8Array(19).fill(0xff) : octets);
      message.fill(0xff, 0, 16);
      receive(message, SESSIONS[seed % SESSIONS.length]!);
    }
  });
});

describe("holo's recorded events", { skip: SKIP }, () => {
  for (const router of ["rt1", "rt2", "rt3", "rt4"])
    test(`${router} is read line by line, messages in it have the fields that an adapter needs`, () => {
      const folder = join(WIRE, "holo", "topo1-1", router);
      const events = readHoloEvents(join(folder, "events.jsonl"));
      const received = events.filter(({ kind }) => kind === "NbrRx");
      assert.ok(events.length > 20 && received.length > 0);
      assert.ok(readHoloEvents(join(folder, "output", "protocol.jsonl")).every(({ source }) => source === "NbrTx"));
    });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, message } from "../bgp/wire.ts";
import { CASES } from "../fuzz/run.ts";
import { fuzz, recordedMessages } from "./fuzz-run.ts";

/** Of all cases (test/fuzz/run.ts), a tenth for each kind of peer. */
const COUNT = CASES / 10;

/** Requests, BoRR, EoRR. */
const REFRESHES = Array.from({ length: 60 }, (_, i) => message(5, bytes([0, 1 + (i & 1), i % 3, 1])));

for (const [claim, asn, fourOctetAs, firstSeed, count, more] of [
  ["an internal peer's", 64512, true, 100_001, COUNT / 2, {}],
  ["with path identifiers, an internal peer's", 64512, true, 150_001, COUNT / 2, { addPath: true }],
  ["a two-octet peer's", 65001, false, 200_001, COUNT / 2, {}],
  ["a restarting peer's", 65001, true, 250_001, COUNT / 2, { restarts: true }],
] as const)
  test(`${claim} mutated messages are discarded, withdrawn or answered with the right NOTIFICATION`, () => {
    const totals = fuzz([...recordedMessages(), ...REFRESHES], { firstSeed, count, asn, fourOctetAs, ...more });
    assert.equal(totals.messages, count);
    assert.ok(totals.treatedAsWithdraw > count / 200 && totals.resets > count / 100, JSON.stringify(totals));
  });

import assert from "node:assert/strict";
import { test } from "node:test";
import { CASES } from "../fuzz/run.ts";
import { fuzz, recordedMessages } from "./fuzz-run.ts";

/** Of all cases (test/fuzz/run.ts), a tenth for each kind of peer. */
const COUNT = CASES / 10;

for (const [claim, asn, fourOctetAs, firstSeed, count, addPath] of [
  ["an internal peer's", 64512, true, 100_001, COUNT / 2, false],
  ["with path identifiers, an internal peer's", 64512, true, 150_001, COUNT / 2, true],
  ["a two-octet peer's", 65001, false, 200_001, COUNT, false],
] as const)
  test(`${claim} mutated messages are discarded, withdrawn or answered with the right NOTIFICATION`, () => {
    const totals = fuzz(recordedMessages(), { firstSeed, count, asn, fourOctetAs, addPath });
    assert.equal(totals.messages, count);
    assert.ok(totals.treatedAsWithdraw > count / 200 && totals.resets > count / 100, JSON.stringify(totals));
  });

import assert from "node:assert/strict";
import { test } from "node:test";
import { CASES } from "../fuzz/run.ts";
import { fuzz, recordedMessages } from "./fuzz-run.ts";

/** Of all cases (test/fuzz/run.ts), an eighth each. */
const COUNT = CASES / 8;

for (const [claim, asn, fourOctetAs, firstSeed] of [
  ["an internal peer's", 64512, true, 100_001],
  ["a two-octet peer's", 65001, false, 200_001],
] as const)
  test(`${claim} mutated messages are discarded, withdrawn or answered with the right NOTIFICATION`, () => {
    const totals = fuzz(recordedMessages(), { firstSeed, count: COUNT, asn, fourOctetAs });
    assert.equal(totals.messages, COUNT);
    assert.ok(totals.treatedAsWithdraw > COUNT / 100 && totals.resets > COUNT / 100, JSON.stringify(totals));
  });

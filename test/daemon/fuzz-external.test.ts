import assert from "node:assert/strict";
import { test } from "node:test";
import { CASES } from "../fuzz/run.ts";
import { fuzz, recordedMessages } from "./fuzz-run.ts";

/** Of all cases (test/fuzz/run.ts), a fifth. */
const COUNT = CASES / 5;

test("an external peer's mutated messages are discarded, withdrawn or answered with the right NOTIFICATION", () => {
  const totals = fuzz(recordedMessages(), { firstSeed: 1, count: COUNT, asn: 65001, fourOctetAs: true });
  assert.equal(totals.messages, COUNT);
  assert.ok(totals.treatedAsWithdraw > COUNT / 100 && totals.resets > COUNT / 100, JSON.stringify(totals));
});

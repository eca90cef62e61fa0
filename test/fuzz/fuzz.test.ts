/** Any input to any decoder ends in one of its outcomes. How cases are chosen, and how the corpus grows: docs/FUZZING.md. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CASES, corpusOf, fuzz } from "./run.ts";
import { TARGETS } from "./targets.ts";

for (const target of TARGETS)
  describe(`fuzzing ${target.name}`, () => {
    test("each input of the corpus has the outcome that is written on it", async () => {
      const entries = corpusOf(target);
      assert.ok(entries.length > 0);
      for (const { file, outcome, octets } of entries) {
        target.reset?.();
        assert.equal(await target.run(octets), outcome, file);
      }
    });

    test("any input ends in an outcome, and inputs reach most of those in the corpus", async () => {
      const count = Math.round((CASES * target.share) / 1000);
      const outcomes = await fuzz(target, count);
      const known = [...new Set(corpusOf(target).map(({ outcome }) => outcome))];
      const reached = known.filter((outcome) => outcomes.has(outcome));
      if (count >= 4000) assert.ok(2 * reached.length >= known.length, JSON.stringify([...outcomes]));
    });
  });

test("the targets and the live sessions share the cases", () => {
  assert.equal(
    TARGETS.reduce((sum, { share }) => sum + share, 0),
    600,
  );
});

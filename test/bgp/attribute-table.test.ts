/** RFC 7606 in the scan: each case of attribute-cases.ts with prefixes, without them, beside MP_REACH, and in pairs. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { describeFault } from "../../src/bgp/fault-words.ts";
import type { ParsingClass } from "../../src/bgp/parsing-class.ts";
import { createUpdateScan, type UpdateScan } from "../../src/bgp/update-scan.ts";
import { scanUpdate } from "../../src/bgp/update-scanner.ts";
import {
  among,
  byAttribute,
  type Case,
  casesFor,
  representatives,
  SESSIONS,
  soundAttributes,
  type Treatment,
} from "./attribute-cases.ts";
import { bytes, MP_REACH, NLRI, updateBody } from "./wire.ts";

const WORDS = ["none", "discard", "withdraw", "reset"] as const;
const scan = createUpdateScan();

/** Scans the body among other octets, so that reading beyond it would be seen as other content. */
function run(body: Uint8Array, session: ParsingClass): UpdateScan {
  const around = bytes(new Array<number>(19).fill(0xa5), [...body], new Array<number>(64).fill(0xa5));
  scanUpdate(around, 19, 19 + body.length, session, scan);
  if (scan.treatment !== 0) {
    const why = describeFault(around, 19, 19 + body.length, scan, session);
    assert.ok(why.length > 0 && !why.includes("undefined"), why);
  }
  return scan;
}

const outcome = ({ treatment, errorSubcode }: UpdateScan): string =>
  treatment === 0 ? "none" : `${WORDS[treatment]} 3/${errorSubcode}`;
const expected = (treatment: Treatment, subcode?: number): string =>
  treatment === "none" ? "none" : `${treatment} 3/${subcode}`;

/** Without any prefix announced a withdrawal is not enough (RFC 7606 §5.2). */
const alone = ({ treatment }: Case): Treatment => (treatment === "withdraw" ? "reset" : treatment);

function check(one: Case, session: ParsingClass): void {
  const { claim, treatment, subcode, type } = one;
  const attributes = among(session, one);
  const found = run(updateBody({ attributes, nlri: NLRI }), session);
  assert.equal(outcome(found), expected(treatment, subcode), claim);
  if (treatment !== "none" && found.faultType !== 0) assert.equal(found.faultType, type, claim);
  const bare = run(updateBody({ attributes: [...one.raw] }), session);
  if (bare.reachAfi === 0) assert.equal(outcome(bare), expected(alone(one), subcode), `${claim}, without prefixes`);
  if (type === 14 || type === 3) return;
  const beside = run(updateBody({ attributes: [MP_REACH, ...attributes] }), session);
  assert.equal(outcome(beside), expected(treatment, subcode), `${claim}, beside MP_REACH_NLRI`);
}

for (const [name, session] of SESSIONS)
  describe(`an UPDATE from ${name}`, () => {
    for (const [attribute, cases] of byAttribute(casesFor(session)))
      test(`with ${attribute}, in each of ${cases.length} ways, is treated as its RFC says`, () => {
        for (const one of cases) check(one, session);
      });

    test("that holds two faults gets the stronger treatment, and of equal ones the first", () => {
      const some = representatives(session);
      assert.ok(some.length > 15);
      for (const a of some)
        for (const b of some) {
          if (a.type === b.type) continue;
          const worse = WORDS.indexOf(b.treatment) > WORDS.indexOf(a.treatment) ? b : a;
          // The scan ends at a reset, wherever it stands.
          const found = run(updateBody({ attributes: among(session, a, b), nlri: NLRI }), session);
          assert.equal(outcome(found), expected(worse.treatment, worse.subcode), `${a.claim} and ${b.claim}`);
        }
    });

    test("that holds every mild fault at once loses those attributes only", () => {
      const mild = representatives(session).filter(({ treatment }) => treatment === "discard");
      const body = updateBody({ attributes: among(session, ...mild), nlri: NLRI });
      scanUpdate(body, 0, body.length, session, scan);
      assert.equal(WORDS[scan.treatment], "discard");
      const sound = soundAttributes(session).map((attribute) => attribute[1]!);
      const kept = [...scan.kept.subarray(0, scan.keptCount)].map((at) => body[at + 1]!);
      assert.deepEqual(kept, mild.some(({ type }) => type === 5) ? sound.filter((type) => type !== 5) : sound);
    });
  });

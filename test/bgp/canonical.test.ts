import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MAX_CANONICAL_OCTETS, scanAttributes, writeCanonical } from "../../src/bgp/canonical.ts";
import type { ParsingClass } from "../../src/bgp/parsing-class.ts";
import { createUpdateScan } from "../../src/bgp/update-scan.ts";
import { scanUpdate } from "../../src/bgp/update-scanner.ts";
import {
  AS_PATH,
  AS_PATH_2,
  attribute,
  bytes,
  EXTERNAL,
  EXTERNAL_2,
  MP_REACH,
  NEXT_HOP,
  NLRI,
  ORIGIN,
  toHex,
  u16,
  u32,
  updateBody,
} from "./wire.ts";

function canonical(session: ParsingClass, attributes: number[][], mp = false): { hex: string; path: [number, number] } {
  const body = updateBody({ attributes, nlri: NLRI });
  const scan = createUpdateScan();
  scanUpdate(body, 0, body.length, session, scan);
  const out = new Uint8Array(MAX_CANONICAL_OCTETS);
  const octets = writeCanonical(body, scan, session, mp, out);
  const columns: [number, number] = [scan.asPathLength, scan.neighborAs];
  if (scan.clean) assert.equal(toHex(out.subarray(0, octets)), toHex(bytes(...attributes)), "clean means equal");
  const again = createUpdateScan();
  scanAttributes(out, 0, octets, again);
  assert.deepEqual([again.asPathLength, again.neighborAs], columns, "columns of the canonical form");
  return { hex: toHex(out.subarray(0, octets)), path: columns };
}
const hexOf = (...attributes: number[][]) => toHex(bytes(...attributes));
const wide = (...segments: [number, ...number[]][]) =>
  attribute(0x40, 2, ...segments.map(([kind, ...asns]) => [kind, asns.length, ...asns.flatMap(u32)]));
const narrow = (...segments: [number, ...number[]][]) =>
  attribute(0x40, 2, ...segments.map(([kind, ...asns]) => [kind, asns.length, ...asns.flatMap(u16)]));
const as4 = (...segments: [number, ...number[]][]) => [0xc0, 17, ...wide(...segments).slice(2)];

describe("the canonical form", () => {
  test("is the attributes as they came where nothing needs a change", () => {
    const all = [ORIGIN, AS_PATH, NEXT_HOP, attribute(0xe0, 99, [1]), attribute(0xc0, 8, u32(1))];
    assert.equal(canonical(EXTERNAL, all).hex, hexOf(...all));
  });

  test("has the next hop of MP_REACH_NLRI as a NEXT_HOP of 16 octets", () => {
    const { hex } = canonical(EXTERNAL, [MP_REACH, ORIGIN, AS_PATH, NEXT_HOP], true);
    assert.equal(hex, hexOf(attribute(0x40, 3, MP_REACH.slice(7, 23)), ORIGIN, AS_PATH));
  });

  test("of plain prefixes beside MP_REACH_NLRI has the plain NEXT_HOP", () => {
    assert.equal(canonical(EXTERNAL, [MP_REACH, ORIGIN, AS_PATH, NEXT_HOP]).hex, hexOf(ORIGIN, AS_PATH, NEXT_HOP));
  });

  for (const { name, given, is } of [
    {
      name: "duplicates",
      given: [ORIGIN, AS_PATH, NEXT_HOP, attribute(0x40, 1, [2])],
      is: [ORIGIN, AS_PATH, NEXT_HOP],
    },
    {
      name: "LOCAL_PREF of an external peer",
      given: [ORIGIN, AS_PATH, NEXT_HOP, attribute(0x40, 5, u32(1))],
      is: [ORIGIN, AS_PATH, NEXT_HOP],
    },
    {
      name: "discarded attributes",
      given: [ORIGIN, AS_PATH, NEXT_HOP, attribute(0x40, 6, [1])],
      is: [ORIGIN, AS_PATH, NEXT_HOP],
    },
    {
      name: "unknown non-transitive attributes",
      given: [ORIGIN, attribute(0x80, 99), AS_PATH, NEXT_HOP],
      is: [ORIGIN, AS_PATH, NEXT_HOP],
    },
  ])
    test(`leaves out ${name}`, () => assert.equal(canonical(EXTERNAL, given).hex, hexOf(...is)));

  test("sets Partial on what is passed on unknown, clears low flag bits and shortens long headers", () => {
    assert.equal(
      canonical(EXTERNAL, [attribute(0x5f, 1, [0]), AS_PATH, NEXT_HOP, attribute(0xd0, 99, [7])]).hex,
      hexOf(ORIGIN, AS_PATH, NEXT_HOP, attribute(0xe0, 99, [7])),
    );
  });

  test("holds each large community once, in the order of first appearance, few or many", () => {
    const large = (n: number) => [...u32(n), ...u32(0), ...u32(1)];
    const list = (count: number) => Array.from({ length: count }, (_, i) => large(count - i)).flat();
    for (const count of [2, 30, 300]) {
      const given = attribute(0xd0, 32, list(count), large(2), large(1));
      const header = count < 21 ? [0xc0, 32, 12 * count] : [0xd0, 32, ...u16(12 * count)];
      assert.equal(
        canonical(EXTERNAL, [ORIGIN, AS_PATH, NEXT_HOP, given]).hex,
        hexOf(ORIGIN, AS_PATH, NEXT_HOP, [...header, ...list(count)]),
      );
    }
  });

  describe("of a two-octet session", () => {
    const aggregator = (asn: number) => attribute(0xc0, 7, u16(asn), u32(7));
    for (const { name, given, is, path } of [
      { name: "widens ASes", given: [AS_PATH_2], is: [AS_PATH], path: [2, 65001] },
      { name: "keeps an empty path", given: [narrow()], is: [wide()], path: [0, 0] },
      {
        name: "takes all of AS4_PATH where it is as long",
        given: [narrow([2, 23456, 65002]), as4([2, 70000, 65002])],
        is: [wide([2, 70000, 65002])],
        path: [2, 70000],
      },
      {
        name: "puts the lead of AS_PATH before a shorter AS4_PATH",
        given: [narrow([2, 1, 2, 23456]), as4([2, 70000])],
        is: [wide([2, 1, 2, 70000])],
        path: [3, 1],
      },
      {
        name: "cuts the lead inside a later segment",
        given: [narrow([2, 1], [2, 2, 23456]), as4([2, 70000])],
        is: [wide([2, 1], [2, 2, 70000])],
        path: [3, 1],
      },
      {
        name: "ignores an AS4_PATH that is longer",
        given: [narrow([2, 23456]), as4([2, 70000, 70001])],
        is: [wide([2, 23456])],
        path: [1, 23456],
      },
      {
        name: "drops confederation segments of AS4_PATH",
        given: [narrow([2, 1, 23456]), as4([3, 9, 9, 9], [2, 70000])],
        is: [wide([2, 1, 70000])],
        path: [2, 1],
      },
      {
        name: "ignores an AS4_PATH of confederation segments only",
        given: [narrow([2, 23456]), as4([3, 9])],
        is: [wide([2, 23456])],
        path: [1, 23456],
      },
      {
        name: "ignores both where AGGREGATOR is not AS_TRANS",
        given: [narrow([2, 23456]), aggregator(5), attribute(0xc0, 18, u32(70000), u32(8)), as4([2, 70000])],
        is: [wide([2, 23456]), attribute(0xc0, 7, u32(5), u32(7))],
        path: [1, 23456],
      },
      {
        name: "takes AS4_AGGREGATOR where AGGREGATOR is AS_TRANS",
        given: [narrow([2, 23456]), aggregator(23456), attribute(0xc0, 18, u32(70000), u32(8)), as4([2, 70000])],
        is: [wide([2, 70000]), attribute(0xc0, 7, u32(70000), u32(8))],
        path: [1, 70000],
      },
      {
        name: "ignores AS4_AGGREGATOR without AGGREGATOR",
        given: [AS_PATH_2, attribute(0xc0, 18, u32(70000), u32(8))],
        is: [AS_PATH],
        path: [2, 65001],
      },
      {
        name: "takes AS4_PATH with AS_TRANS as AGGREGATOR alone",
        given: [narrow([2, 23456]), aggregator(23456), as4([2, 70000])],
        is: [wide([2, 70000]), attribute(0xc0, 7, u32(23456), u32(7))],
        path: [1, 70000],
      },
    ])
      test(name, () => {
        const found = canonical(EXTERNAL_2, [ORIGIN, NEXT_HOP, ...given]);
        assert.equal(found.hex, hexOf(ORIGIN, NEXT_HOP, ...is));
        assert.deepEqual(found.path, path);
      });

    test("counts a set as one AS, where sets are allowed", () => {
      const session = { ...EXTERNAL_2, allowAsSets: true };
      const found = canonical(session, [
        ORIGIN,
        NEXT_HOP,
        narrow([2, 1, 23456], [1, 5, 6]),
        as4([2, 70000], [1, 70005, 70006]),
      ]);
      assert.equal(found.hex, hexOf(ORIGIN, NEXT_HOP, wide([2, 1, 70000], [1, 70005, 70006])));
      assert.deepEqual(found.path, [3, 1]);
    });

    test("begins a new segment where the joined one would hold more than 255", () => {
      const lead = new Array<number>(200).fill(1);
      const tail = new Array<number>(100).fill(70000);
      const found = canonical(EXTERNAL_2, [
        ORIGIN,
        NEXT_HOP,
        attribute(
          0x50,
          2,
          ...[
            [2, 200, ...lead.flatMap(u16)],
            [2, 100, ...tail.flatMap(() => u16(23456))],
          ],
        ),
        [0xd0, 17, ...u16(402), 2, 100, ...tail.flatMap(u32)],
      ]);
      assert.deepEqual(found.path, [300, 1]);
    });
  });
});

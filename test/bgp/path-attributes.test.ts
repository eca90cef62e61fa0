import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { MAX_CANONICAL_OCTETS, scanAttributes, writeCanonical } from "../../src/bgp/canonical.ts";
import type { ParsingClass } from "../../src/bgp/parsing-class.ts";
import { decodeAttributes, encodeAttributes, type PathAttributes } from "../../src/bgp/path-attributes.ts";
import { createUpdateScan, TREATMENT, type UpdateScan } from "../../src/bgp/update-scan.ts";
import { scanUpdate } from "../../src/bgp/update-scanner.ts";
import { parseAddress } from "../../src/ip/address.ts";
import { pathAttributes, updateOf } from "./arbitrary.ts";
import { attribute, bytes, INTERNAL } from "./wire.ts";

const SESSION: ParsingClass = { ...INTERNAL, allowAsSets: true };
const decode = (octets: Uint8Array) => decodeAttributes(octets, 0, octets.length);

/** The columns as the typed form tells them. */
const columns = (attributes: PathAttributes) => ({
  origin: attributes.origin,
  hasMed: attributes.med !== undefined,
  med: attributes.med ?? 0,
  hasLocalPref: attributes.localPref !== undefined,
  localPref: attributes.localPref ?? 0,
  asPathLength: attributes.asPath.reduce((sum, { kind, asns }) => sum + (kind === "set" ? 1 : asns.length), 0),
  neighborAs: attributes.asPath[0]?.asns[0] ?? 0,
  hasOriginatorId: attributes.originatorId !== undefined,
  originatorId: attributes.originatorId ?? 0,
  clusterListLength: attributes.clusterList.length,
});
const scanned = (scan: UpdateScan) => {
  const { origin, hasMed, med, hasLocalPref, localPref, asPathLength, neighborAs } = scan;
  const { hasOriginatorId, originatorId, clusterListLength } = scan;
  return {
    ...{ origin, hasMed, med, hasLocalPref, localPref, asPathLength, neighborAs },
    ...{ hasOriginatorId, originatorId, clusterListLength },
  };
};

describe("the typed form", () => {
  test("is the same after encoding and decoding", () => {
    fc.assert(
      fc.property(pathAttributes, (attributes) => {
        assert.deepEqual(decode(encodeAttributes(attributes)), attributes);
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  test("agrees with the columns that the hand loops fill, on arrival and from canonical octets", () => {
    const scan = createUpdateScan();
    const out = new Uint8Array(MAX_CANONICAL_OCTETS);
    fc.assert(
      fc.property(pathAttributes, (given) => {
        const attributes = { localPref: 100, ...given };
        const body = updateOf(attributes);
        scanUpdate(body, 0, body.length, SESSION, scan);
        assert.equal(scan.treatment, TREATMENT.none);
        assert.deepEqual(scanned(scan), columns(attributes));
        const mp = attributes.nextHop?.family === "ipv6";
        if (!mp && scan.clean)
          assert.deepEqual(decodeAttributes(body, scan.attributesAt, scan.attributesEnd), attributes);
        const octets = writeCanonical(body, scan, SESSION, mp, out);
        assert.deepEqual(decodeAttributes(out, 0, octets), attributes);
        scanAttributes(out, 0, octets, scan);
        assert.deepEqual(scanned(scan), columns(attributes));
      }),
      { seed: 2, numRuns: 500 },
    );
  });

  const GLOBAL = parseAddress("2001:db8::1")!;
  const LINK = parseAddress("fe80::1")!;
  const NONE = parseAddress("::")!;
  for (const [name, first, second, is] of [
    ["global and link-local", GLOBAL, LINK, { nextHop: GLOBAL, linkLocalNextHop: LINK }],
    ["link-local and global", LINK, GLOBAL, { nextHop: GLOBAL, linkLocalNextHop: LINK }],
    ["link-local twice", LINK, LINK, { nextHop: LINK }],
    [":: and link-local", NONE, LINK, { nextHop: LINK }],
    ["link-local and ::", LINK, NONE, { nextHop: LINK }],
  ] as const)
    test(`reads a next hop of ${name}`, () => {
      const { nextHop, linkLocalNextHop } = decode(bytes(attribute(0x40, 3, [...first.bytes, ...second.bytes])));
      assert.deepEqual({ nextHop, ...(linkLocalNextHop && { linkLocalNextHop }) }, is);
    });
});

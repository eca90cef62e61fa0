import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type ExportRule, writeAttributes } from "../../src/bgp/attribute-writer.ts";
import { MAX_CANONICAL_OCTETS, writeCanonical } from "../../src/bgp/canonical.ts";
import { createFramer } from "../../src/bgp/framer.ts";
import { decodeAttributes, encodeAttributes, type PathAttributes } from "../../src/bgp/path-attributes.ts";
import { createUpdateScan, TREATMENT } from "../../src/bgp/update-scan.ts";
import { scanUpdate } from "../../src/bgp/update-scanner.ts";
import * as writer from "../../src/bgp/update-writer.ts";
import { parseAddress } from "../../src/ip/address.ts";
import { pathAttributes } from "./arbitrary.ts";
import {
  AS_PATH,
  attribute,
  bytes,
  EXTERNAL,
  EXTERNAL_2,
  INTERNAL,
  NEXT_HOP,
  NLRI,
  NLRI6,
  ORIGIN,
  toHex,
  u16,
  u32,
} from "./wire.ts";

const SELF = Uint8Array.of(192, 0, 2, 1);
const RULE: ExportRule = {
  external: true,
  localAs: 65000,
  innerAs: 0,
  fourOctetAs: true,
  clusterId: 0,
  keepMed: false,
};
/** A session of AS 65000 on a router of AS 64512. */
const TWO: ExportRule = { ...RULE, innerAs: 64512 };
const IBGP: ExportRule = { ...RULE, external: false };
const REFLECT: ExportRule = { ...IBGP, clusterId: 0x0a000001 };

function write(rule: ExportRule, set: Uint8Array, nextHopLength = 4, originatorId = 7): string {
  const out = new Uint8Array(MAX_CANONICAL_OCTETS);
  return toHex(
    out.subarray(0, writeAttributes(set, 0, set.length, rule, SELF, nextHopLength, originatorId, 100, out, 0)),
  );
}
const hop = attribute(0x40, 3, [...SELF]);
const pref = (value: number) => attribute(0x40, 5, u32(value));
const med = attribute(0x80, 4, u32(9));
const path = (...asns: number[]) => attribute(0x40, 2, asns.length === 0 ? [] : [2, asns.length, ...asns.flatMap(u32)]);
const narrow = (...asns: number[]) => attribute(0x40, 2, [2, asns.length, ...asns.flatMap(u16)]);
const as4 = (...asns: number[]) => attribute(0xc0, 17, [2, asns.length, ...asns.flatMap(u32)]);
const large = (count: number) => attribute(0x50, 2, [2, count, ...new Array(count).fill(u32(7)).flat()]);

describe("exported attributes", () => {
  for (const [name, rule, given, is] of [
    [
      "our AS goes in front towards an external peer",
      RULE,
      [ORIGIN, AS_PATH, NEXT_HOP],
      [ORIGIN, path(65000, 65001, 65002), hop],
    ],
    ["our AS begins an empty path", RULE, [ORIGIN, path(), NEXT_HOP], [ORIGIN, path(65000), hop]],
    [
      "LOCAL_PREF, MED, ORIGINATOR_ID and CLUSTER_LIST stay inside",
      RULE,
      [ORIGIN, path(), NEXT_HOP, med, pref(9), attribute(0x80, 9, u32(1)), attribute(0x80, 10, u32(1))],
      [ORIGIN, path(65000), hop],
    ],
    [
      "a MED that policy set goes out",
      { ...RULE, keepMed: true },
      [ORIGIN, path(), NEXT_HOP, med],
      [ORIGIN, path(65000), hop, med],
    ],
    [
      "an internal peer gets the default LOCAL_PREF and the path untouched",
      IBGP,
      [ORIGIN, AS_PATH, NEXT_HOP],
      [ORIGIN, AS_PATH, hop, pref(100)],
    ],
    [
      "an internal peer gets MED and LOCAL_PREF as they are",
      IBGP,
      [ORIGIN, AS_PATH, NEXT_HOP, med, pref(9)],
      [ORIGIN, AS_PATH, hop, med, pref(9)],
    ],
    [
      "CLUSTER_LIST and ORIGINATOR_ID stay as they are where nothing is reflected",
      IBGP,
      [ORIGIN, path(), NEXT_HOP, pref(9), attribute(0x80, 9, u32(1)), attribute(0x80, 10, u32(1))],
      [ORIGIN, path(), hop, pref(9), attribute(0x80, 9, u32(1)), attribute(0x80, 10, u32(1))],
    ],
    [
      "a reflected route gets both",
      REFLECT,
      [ORIGIN, path(), NEXT_HOP, pref(9)],
      [ORIGIN, path(), hop, pref(9), attribute(0x80, 9, u32(7)), attribute(0x80, 10, u32(0x0a000001))],
    ],
    [
      "a reflected route keeps its originator and our cluster id goes in front",
      REFLECT,
      [ORIGIN, path(), NEXT_HOP, pref(9), attribute(0x80, 9, u32(1)), attribute(0x80, 10, u32(2))],
      [ORIGIN, path(), hop, pref(9), attribute(0x80, 9, u32(1)), attribute(0x80, 10, u32(0x0a000001), u32(2))],
    ],
    [
      "attributes are put in order of type",
      IBGP,
      [attribute(0xc0, 8, u32(1)), pref(9), NEXT_HOP, path(), ORIGIN],
      [ORIGIN, path(), hop, pref(9), attribute(0xc0, 8, u32(1))],
    ],
    [
      "a NEXT_HOP of 16 octets becomes one of 4",
      RULE,
      [attribute(0x40, 3, new Array(16).fill(1)), ORIGIN, path()],
      [ORIGIN, path(65000), hop],
    ],
    [
      "non-transitive extended communities stay inside",
      RULE,
      [ORIGIN, path(), NEXT_HOP, attribute(0xc0, 16, [0x40, 4, 0, 0, 0, 0, 0, 1], [0, 2, 0, 1, 0, 0, 0, 1])],
      [ORIGIN, path(65000), hop, attribute(0xc0, 16, [0, 2, 0, 1, 0, 0, 0, 1])],
    ],
    [
      "the attribute goes with its last extended community",
      RULE,
      [ORIGIN, path(), NEXT_HOP, attribute(0xc0, 16, [0x40, 4, 0, 0, 0, 0, 0, 1])],
      [ORIGIN, path(65000), hop],
    ],
    [
      "internal peers get non-transitive extended communities",
      IBGP,
      [ORIGIN, path(), NEXT_HOP, pref(1), attribute(0xc0, 16, [0x40, 4, 0, 0, 0, 0, 0, 1])],
      [ORIGIN, path(), hop, pref(1), attribute(0xc0, 16, [0x40, 4, 0, 0, 0, 0, 0, 1])],
    ],
    [
      "a set in front of the path gets a sequence before it",
      RULE,
      [ORIGIN, attribute(0x40, 2, [1, 1, ...u32(5)]), NEXT_HOP],
      [ORIGIN, attribute(0x40, 2, [2, 1, ...u32(65000)], [1, 1, ...u32(5)]), hop],
    ],
    [
      "confederation segments stay inside",
      RULE,
      [ORIGIN, attribute(0x40, 2, [3, 1, ...u32(5)], [2, 1, ...u32(6)]), NEXT_HOP],
      [ORIGIN, path(65000, 6), hop],
    ],
    [
      "a sequence of 254 takes our AS",
      RULE,
      [ORIGIN, large(254), NEXT_HOP],
      [ORIGIN, [0x50, 2, ...u16(2 + 255 * 4), 2, 255, ...u32(65000), ...large(254).slice(6)], hop],
    ],
    [
      "a sequence of 255 gets a new one before it",
      RULE,
      [ORIGIN, large(255), NEXT_HOP],
      [ORIGIN, [0x50, 2, ...u16(6 + 2 + 255 * 4), 2, 1, ...u32(65000), ...large(255).slice(4)], hop],
    ],
    [
      "a two-octet peer gets narrow ASes",
      { ...RULE, fourOctetAs: false },
      [ORIGIN, AS_PATH, NEXT_HOP],
      [ORIGIN, narrow(65000, 65001, 65002), hop],
    ],
    [
      "a two-octet peer gets AS4_PATH for wide ASes",
      { ...RULE, fourOctetAs: false },
      [ORIGIN, path(70000, 1), NEXT_HOP],
      [ORIGIN, narrow(65000, 23456, 1), hop, as4(65000, 70000, 1)],
    ],
    [
      "our own wide AS makes AS4_PATH",
      { ...RULE, localAs: 70000, fourOctetAs: false },
      [ORIGIN, path(), NEXT_HOP],
      [ORIGIN, narrow(23456), hop, as4(70000)],
    ],
    [
      "our own wide AS makes none towards an internal peer",
      { ...IBGP, localAs: 70000, fourOctetAs: false },
      [ORIGIN, path(1), NEXT_HOP, pref(1)],
      [ORIGIN, narrow(1), hop, pref(1)],
    ],
    [
      "a session's own AS goes before ours (RFC 7705)",
      TWO,
      [ORIGIN, AS_PATH, NEXT_HOP],
      [ORIGIN, path(65000, 64512, 65001, 65002), hop],
    ],
    ["both stand alone where there was no path", TWO, [ORIGIN, path(), NEXT_HOP], [ORIGIN, path(65000, 64512), hop]],
    [
      "both get a segment of their own before a set",
      TWO,
      [ORIGIN, attribute(0x40, 2, [1, 1, ...u32(5)]), NEXT_HOP],
      [ORIGIN, attribute(0x40, 2, [2, 2, ...u32(65000), ...u32(64512)], [1, 1, ...u32(5)]), hop],
    ],
    [
      "a sequence of 253 takes both",
      TWO,
      [ORIGIN, large(253), NEXT_HOP],
      [ORIGIN, [0x50, 2, ...u16(2 + 255 * 4), 2, 255, ...u32(65000), ...u32(64512), ...large(253).slice(6)], hop],
    ],
    [
      "a sequence of 254 gets a new one with both before it",
      TWO,
      [ORIGIN, large(254), NEXT_HOP],
      [ORIGIN, [0x50, 2, ...u16(10 + 2 + 254 * 4), 2, 2, ...u32(65000), ...u32(64512), ...large(254).slice(4)], hop],
    ],
    [
      "our own AS behind a session's makes AS4_PATH when it is wide",
      { ...TWO, innerAs: 70000, fourOctetAs: false },
      [ORIGIN, path(), NEXT_HOP],
      [ORIGIN, narrow(65000, 23456), hop, as4(65000, 70000)],
    ],
    [
      "an internal peer gets neither",
      { ...IBGP, innerAs: 64512 },
      [ORIGIN, path(1), NEXT_HOP, pref(1)],
      [ORIGIN, path(1), hop, pref(1)],
    ],
    [
      "a two-octet peer gets a wide AGGREGATOR twice",
      { ...RULE, fourOctetAs: false },
      [ORIGIN, path(), NEXT_HOP, attribute(0xc0, 7, u32(70000), u32(8))],
      [ORIGIN, narrow(65000), hop, attribute(0xc0, 7, u16(23456), u32(8)), attribute(0xc0, 18, u32(70000), u32(8))],
    ],
    [
      "a two-octet peer gets a narrow AGGREGATOR once",
      { ...RULE, fourOctetAs: false },
      [ORIGIN, path(), NEXT_HOP, attribute(0xc0, 7, u32(5), u32(8))],
      [ORIGIN, narrow(65000), hop, attribute(0xc0, 7, u16(5), u32(8))],
    ],
  ] as readonly (readonly [string, ExportRule, number[][], number[][]])[])
    test(name, () => assert.equal(write(rule, bytes(...given)), toHex(bytes(...is))));

  test("have no NEXT_HOP where MP_REACH_NLRI goes in front", () => {
    assert.equal(write(RULE, bytes(ORIGIN, path(), NEXT_HOP), 0), toHex(bytes(ORIGIN, path(65000))));
  });

  test("are never written beyond the end of the buffer, and the end returned says so", () => {
    const set = bytes(ORIGIN, AS_PATH, NEXT_HOP);
    const whole = write(RULE, set).length / 2;
    for (let room = 0; room < whole; room++) {
      const buffer = new Uint8Array(room + 10).fill(0xee);
      const end = writeAttributes(set, 0, set.length, RULE, SELF, 4, 0, 100, buffer.subarray(0, room), 0);
      assert.ok(end > room);
      assert.ok(buffer.subarray(room).every((octet) => octet === 0xee));
    }
  });

  test("come out of a two-octet session as they went in", () => {
    const scan = createUpdateScan();
    const out = new Uint8Array(MAX_CANONICAL_OCTETS);
    const sets = { ...EXTERNAL_2, allowAsSets: true };
    fc.assert(
      fc.property(pathAttributes, fc.boolean(), (generated, fourOctetAs) => {
        // A narrow AGGREGATOR makes receivers ignore AS4_PATH (RFC 6793 §4.2.3), so there the path would not come back.
        const given = fourOctetAs || !generated.aggregator ? generated : withWideAggregator(generated);
        const rule = { ...RULE, localAs: 4200000000, fourOctetAs, keepMed: true };
        const set = encodeAttributes(given);
        const message = new Uint8Array(70000);
        const at = writer.beginUpdate(message, 0);
        const end = writeAttributes(set, 0, set.length, rule, SELF, 4, 0, 100, message, at);
        writer.endAttributes(message, 0, end);
        message.set(NLRI, end);
        writer.endUpdate(message, 0, end + NLRI.length);
        const session = fourOctetAs ? { ...EXTERNAL, allowAsSets: true } : sets;
        scanUpdate(message, 19, end + NLRI.length, session, scan);
        assert.equal(scan.treatment, TREATMENT.none);
        const octets = writeCanonical(message, scan, session, false, out);
        assert.deepEqual(decodeAttributes(out, 0, octets), expected(given, rule.localAs));
      }),
      { seed: 3, numRuns: 400 },
    );
  });
});

function withWideAggregator(given: PathAttributes): PathAttributes {
  return { ...given, aggregator: { asn: 70000, id: given.aggregator?.id ?? 0 } };
}

/** What an external peer of ours sees of the attributes. */
function expected(given: PathAttributes, localAs: number): PathAttributes {
  const { localPref: _l, originatorId: _o, linkLocalNextHop: _n, asPath, ...rest } = given;
  const [first, ...others] = asPath;
  const joined = first?.kind === "sequence" ? first.asns : [];
  return {
    ...rest,
    asPath: [
      { kind: "sequence", asns: [localAs, ...joined] },
      ...(first?.kind === "sequence" || !first ? others : asPath),
    ],
    nextHop: { family: "ipv4", bytes: SELF },
    clusterList: [],
    extendedCommunities: given.extendedCommunities.filter((value) => (value[0]! & 0x40) === 0),
  };
}

describe("messages", () => {
  test("End-of-RIB of IPv4 is an empty UPDATE", () => {
    assert.equal(toHex(writer.endOfRib("ipv4")), `${"ff".repeat(16)}00170200000000`);
  });

  test("End-of-RIB of IPv6 is an empty MP_UNREACH_NLRI", () => {
    assert.equal(toHex(writer.endOfRib("ipv6")), `${"ff".repeat(16)}001d0200000006800f03000201`);
  });

  test("of MP_REACH_NLRI, MP_UNREACH_NLRI and plain withdrawals read back as written", () => {
    const scan = createUpdateScan();
    const nextHop = parseAddress("2001:db8::1")!.bytes;
    const out = new Uint8Array(200);
    const reachAt = writer.beginUpdate(out, 0);
    const prefixesAt = writer.mpReachHeader(out, reachAt, "ipv6", nextHop, 16);
    assert.equal(prefixesAt - reachAt, writer.mpReachHeaderOctets(16));
    out.set(NLRI6, prefixesAt);
    writer.endMultiprotocol(out, reachAt, prefixesAt + NLRI6.length);
    out.set(bytes(ORIGIN, AS_PATH, pref(1)), prefixesAt + NLRI6.length);
    const end = prefixesAt + NLRI6.length + ORIGIN.length + AS_PATH.length + 7;
    writer.endAttributes(out, 0, end);
    writer.endUpdate(out, 0, end);
    const unreachAt = writer.beginUpdate(out, end);
    const gone = writer.mpUnreachHeader(out, unreachAt, "ipv6");
    assert.equal(gone - unreachAt, writer.MP_UNREACH_HEADER_OCTETS);
    out.set(NLRI6, gone);
    writer.endMultiprotocol(out, unreachAt, gone + NLRI6.length);
    writer.endAttributes(out, end, gone + NLRI6.length);
    writer.endUpdate(out, end, gone + NLRI6.length);
    const last = gone + NLRI6.length;
    const withdrawn = writer.beginWithdrawal(out, last);
    out.set(NLRI, withdrawn);
    const stop = writer.endWithdrawal(out, last, withdrawn + NLRI.length);
    const framer = createFramer();
    framer.push(out.subarray(0, stop), 4096);
    const seen: number[][] = [];
    while (framer.next()) {
      scanUpdate(framer.bytes, framer.bodyAt, framer.bodyEnd, INTERNAL, scan);
      assert.equal(scan.treatment, TREATMENT.none);
      seen.push([scan.reachEnd - scan.reachAt, scan.unreachEnd - scan.unreachAt, scan.withdrawnEnd - scan.withdrawnAt]);
    }
    assert.deepEqual(seen, [
      [NLRI6.length, 0, 0],
      [0, NLRI6.length, 0],
      [0, 0, NLRI.length],
    ]);
  });
});

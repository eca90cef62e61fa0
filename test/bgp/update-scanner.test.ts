import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ParsingClass } from "../../src/bgp/parsing-class.ts";
import { createUpdateScan, TREATMENT, type UpdateScan } from "../../src/bgp/update-scan.ts";
import { scanNotification, scanUpdate } from "../../src/bgp/update-scanner.ts";
import {
  AS_PATH,
  AS_PATH_2,
  attribute,
  bytes,
  EXTERNAL,
  EXTERNAL_2,
  INTERNAL,
  LOCAL_PREF,
  MP_REACH,
  MP_UNREACH,
  NEXT_HOP,
  NLRI,
  NLRI6,
  ORIGIN,
  type UpdateParts,
  u8,
  u16,
  u32,
  updateBody,
} from "./wire.ts";

const words = ["none", "discard", "withdraw", "reset"] as const;

/** Scans the body in the middle of other octets, so that reading beyond it would be seen as other content. */
function scan(body: Uint8Array, session: ParsingClass): UpdateScan {
  const out = createUpdateScan();
  const around = bytes(new Array(7).fill(0xa5), [...body], new Array(64).fill(0xa5));
  scanUpdate(around, 7, 7 + body.length, session, out);
  return out;
}

const outcome = (result: UpdateScan): string =>
  result.treatment === TREATMENT.none ? "none" : `${words[result.treatment]} 3/${result.errorSubcode}`;

const base = (session: ParsingClass): number[][] => [
  ORIGIN,
  session.fourOctetAs ? AS_PATH : AS_PATH_2,
  NEXT_HOP,
  ...(session.internal ? [LOCAL_PREF] : []),
];
/** A good UPDATE, in which the attributes given take the place of those of the same type. */
const withThese = (session: ParsingClass, ...changed: number[][]): UpdateParts => ({
  attributes: [...base(session).filter((one) => !changed.some((other) => other[1] === one[1])), ...changed],
  nlri: NLRI,
});
const path = (...segments: number[][]) => attribute(0x40, 2, ...segments);
const segment = (kind: number, ...asns: number[]) => [kind, asns.length, ...asns.flatMap(u32)];
const zeros = (count: number) => new Array<number>(count).fill(0);
const MED = attribute(0x80, 4, u32(1));

/** One row: an attribute, and what becomes of an UPDATE that holds it, from external and internal peers. */
const ROWS: readonly (readonly [name: string, is: number[], external: string, internal?: string])[] = [
  ["ORIGIN of 2 octets", attribute(0x40, 1, [0, 0]), "withdraw 3/5"],
  ["ORIGIN of no octets", attribute(0x40, 1), "withdraw 3/5"],
  ["ORIGIN 3", attribute(0x40, 1, [3]), "withdraw 3/6"],
  ["ORIGIN flagged optional", attribute(0xc0, 1, [0]), "withdraw 3/4"],
  ["ORIGIN flagged partial", attribute(0x60, 1, [0]), "withdraw 3/4"],
  ["ORIGIN with the low flag bits set", attribute(0x4f, 1, [2]), "none"],
  ["ORIGIN with an extended length", attribute(0x50, 1, [2]), "none"],
  ["empty AS_PATH", path(), "none"],
  ["AS_PATH of two sequences", path(segment(2, 1), segment(2, 2)), "none"],
  ["AS_PATH with an unknown segment", path(segment(5, 1)), "withdraw 3/11"],
  ["AS_PATH with segment type 0", path(segment(0, 1)), "withdraw 3/11"],
  ["AS_PATH with an empty segment", path([2, 0]), "withdraw 3/11"],
  ["AS_PATH cut off", path([2, 2, ...u32(1)]), "withdraw 3/11"],
  ["AS_PATH with a stray octet", path(segment(2, 1), [2]), "withdraw 3/11"],
  ["AS_PATH with AS 0", path(segment(2, 1, 0)), "withdraw 3/11"],
  ["AS_PATH with an AS_SET", path(segment(2, 1), segment(1, 2, 3)), "withdraw 3/11"],
  ["AS_PATH with a confederation sequence", path(segment(3, 1)), "withdraw 3/11"],
  ["AS_PATH with a confederation set", path(segment(4, 1)), "withdraw 3/11"],
  ["AS_PATH flagged optional", attribute(0xc0, 2, segment(2, 1)), "withdraw 3/4"],
  ["NEXT_HOP of 3 octets", attribute(0x40, 3, [1, 2, 3]), "withdraw 3/5"],
  ["NEXT_HOP of 16 octets", attribute(0x40, 3, zeros(16)), "withdraw 3/5"],
  ["NEXT_HOP of no octets", attribute(0x40, 3), "withdraw 3/5"],
  ["NEXT_HOP flagged optional", attribute(0xc0, 3, [1, 2, 3, 4]), "withdraw 3/4"],
  ["MED", MED, "none"],
  ["MED of 3 octets", attribute(0x80, 4, [1, 2, 3]), "withdraw 3/5"],
  ["MED flagged transitive", attribute(0xc0, 4, u32(5)), "withdraw 3/4"],
  ["MED flagged partial", attribute(0xa0, 4, u32(5)), "withdraw 3/4"],
  ["LOCAL_PREF", LOCAL_PREF, "discard 3/9", "none"],
  ["LOCAL_PREF of 5 octets", attribute(0x40, 5, zeros(5)), "discard 3/9", "withdraw 3/5"],
  ["LOCAL_PREF flagged optional", attribute(0xc0, 5, u32(5)), "discard 3/9", "withdraw 3/4"],
  ["ATOMIC_AGGREGATE", attribute(0x40, 6), "none"],
  ["ATOMIC_AGGREGATE of 1 octet", attribute(0x40, 6, [0]), "discard 3/5"],
  ["ATOMIC_AGGREGATE flagged optional", attribute(0xc0, 6), "withdraw 3/4"],
  ["AGGREGATOR", attribute(0xc0, 7, u32(1), u32(2)), "none"],
  ["AGGREGATOR flagged partial", attribute(0xe0, 7, u32(1), u32(2)), "none"],
  ["AGGREGATOR of 6 octets", attribute(0xc0, 7, u16(1), u32(2)), "discard 3/5"],
  ["AGGREGATOR of AS 0", attribute(0xc0, 7, u32(0), u32(2)), "discard 3/9"],
  ["COMMUNITIES", attribute(0xc0, 8, u32(1), u32(2)), "none"],
  ["COMMUNITIES of no octets", attribute(0xc0, 8), "withdraw 3/9"],
  ["COMMUNITIES of 6 octets", attribute(0xc0, 8, u32(1), u16(2)), "withdraw 3/9"],
  ["COMMUNITIES flagged well-known", attribute(0x40, 8, u32(1)), "withdraw 3/4"],
  ["ORIGINATOR_ID", attribute(0x80, 9, u32(1)), "discard 3/9", "none"],
  ["ORIGINATOR_ID of 3 octets", attribute(0x80, 9, [1, 2, 3]), "discard 3/9", "withdraw 3/5"],
  ["CLUSTER_LIST", attribute(0x80, 10, u32(1), u32(2)), "discard 3/9", "none"],
  ["CLUSTER_LIST of no octets", attribute(0x80, 10), "discard 3/9", "withdraw 3/5"],
  ["CLUSTER_LIST of 7 octets", attribute(0x80, 10, zeros(7)), "discard 3/9", "withdraw 3/5"],
  ["EXTENDED COMMUNITIES", attribute(0xc0, 16, zeros(16)), "none"],
  ["EXTENDED COMMUNITIES of no octets", attribute(0xc0, 16), "withdraw 3/9"],
  ["EXTENDED COMMUNITIES of 12 octets", attribute(0xc0, 16, zeros(12)), "withdraw 3/9"],
  ["AS4_PATH on a four-octet session", attribute(0xc0, 17, segment(2, 1)), "discard 3/9"],
  ["AS4_AGGREGATOR on a four-octet session", attribute(0xc0, 18, u32(1), u32(2)), "discard 3/9"],
  ["PMSI_TUNNEL", attribute(0xc0, 22, [1, 2]), "none"],
  ["TUNNEL_ENCAPSULATION with wrong flags", attribute(0x80, 23, [1, 2]), "withdraw 3/4"],
  ["IPv6 EXTENDED COMMUNITIES", attribute(0xc0, 25, zeros(20)), "none"],
  ["IPv6 EXTENDED COMMUNITIES of 16 octets", attribute(0xc0, 25, zeros(16)), "withdraw 3/9"],
  ["AIGP, whatever it holds", attribute(0xc0, 26, [9]), "none"],
  ["BGP-LS, whatever it holds", attribute(0x80, 29, [9]), "none"],
  ["BGPsec_Path, whatever it holds", attribute(0x80, 33, [9]), "none"],
  ["LARGE_COMMUNITY", attribute(0xc0, 32, zeros(24)), "none"],
  ["LARGE_COMMUNITY of no octets", attribute(0xc0, 32), "withdraw 3/9"],
  ["LARGE_COMMUNITY of 16 octets", attribute(0xc0, 32, zeros(16)), "withdraw 3/9"],
  ["ONLY_TO_CUSTOMER", attribute(0xc0, 35, u32(1)), "none"],
  ["ONLY_TO_CUSTOMER of 2 octets", attribute(0xc0, 35, u16(1)), "withdraw 3/9"],
  ["BGP Prefix-SID", attribute(0xc0, 40, [1, 0, 2, 7, 7]), "none"],
  ["BGP Prefix-SID with a TLV cut off", attribute(0xc0, 40, [1, 0, 3, 7, 7]), "discard 3/9"],
  ["BGP Prefix-SID with wrong flags", attribute(0x80, 40, [1, 0, 0]), "discard 3/4"],
  ["ATTR_SET", attribute(0xc0, 128, u32(1)), "none"],
  ["an unknown optional transitive attribute", attribute(0xc0, 99, [1]), "none"],
  ["an unknown optional non-transitive attribute", attribute(0x80, 99, [1]), "none"],
  ["an unknown well-known attribute", attribute(0x40, 99, [1]), "withdraw 3/2"],
  ["attribute type 0", attribute(0xc0, 0, [1]), "discard 3/1"],
  ["MP_REACH_NLRI of 4 octets", attribute(0x80, 14, [0, 2, 1, 0]), "reset 3/9"],
  ["MP_REACH_NLRI whose next hop is cut off", attribute(0x80, 14, [0, 2, 1, 16, 0, 0]), "reset 3/9"],
  ["MP_REACH_NLRI of IPv6 with an IPv4 next hop", attribute(0x80, 14, [0, 2, 1, 4], zeros(5), NLRI6), "reset 3/9"],
  ["MP_REACH_NLRI of IPv6 with 24 octets of next hop", attribute(0x80, 14, [0, 2, 1, 24], zeros(25)), "reset 3/9"],
  [
    "MP_REACH_NLRI with a prefix of 129 bits",
    attribute(0x80, 14, [0, 2, 1, 16], zeros(17), [129], zeros(17)),
    "reset 3/9",
  ],
  ["MP_REACH_NLRI with a prefix cut off", attribute(0x80, 14, [0, 2, 1, 16], zeros(17), [64, 1]), "reset 3/9"],
  ["MP_REACH_NLRI of IPv4 with an IPv6 next hop", attribute(0x80, 14, [0, 1, 1, 16], zeros(17), NLRI), "reset 3/9"],
  ["MP_REACH_NLRI of IPv4 with an IPv4 next hop", attribute(0x80, 14, [0, 1, 1, 4], zeros(5), NLRI), "none"],
  ["MP_REACH_NLRI of IPv6 with two next hops", attribute(0x80, 14, [0, 2, 1, 32], zeros(33), NLRI6), "none"],
  ["MP_REACH_NLRI of a family we do not read", attribute(0x80, 14, [0, 25, 70, 4], zeros(5), [255, 255]), "none"],
  ["MP_REACH_NLRI flagged transitive", attribute(0xc0, 14, MP_REACH.slice(3)), "withdraw 3/4"],
  ["MP_UNREACH_NLRI of 2 octets", attribute(0x80, 15, [0, 2]), "reset 3/9"],
  ["MP_UNREACH_NLRI with a prefix cut off", attribute(0x80, 15, [0, 2, 1, 64, 1]), "reset 3/9"],
  ["MP_UNREACH_NLRI of a family we do not read", attribute(0x80, 15, [0, 1, 133, 255]), "none"],
];

describe("an UPDATE with", () => {
  for (const [name, is, external, internal = external] of ROWS) {
    test(`${name} from an external peer ends in: ${external}`, () => {
      assert.equal(outcome(scan(updateBody(withThese(EXTERNAL, is)), EXTERNAL)), external);
    });
    test(`${name} from an internal peer ends in: ${internal}`, () => {
      assert.equal(outcome(scan(updateBody(withThese(INTERNAL, is)), INTERNAL)), internal);
    });
    // What may have hidden the prefixes cannot be treated as a withdrawal (RFC 7606 §5.2).
    if (external.startsWith("withdraw") && is[1] !== 14)
      test(`${name} and no prefixes ends the session`, () => {
        const alone = scan(updateBody({ attributes: [is] }), EXTERNAL);
        assert.equal(outcome(alone), external.replace("withdraw", "reset"));
      });
  }

  const more: readonly (readonly [name: string, parts: UpdateParts, ends: string, session?: ParsingClass])[] = [
    ["plain withdrawals only", { withdrawn: NLRI }, "none"],
    ["nothing at all (End-of-RIB)", {}, "none"],
    ["MP_UNREACH_NLRI only", { attributes: [MP_UNREACH] }, "none"],
    ["the IPv6 End-of-RIB", { attributes: [attribute(0x80, 15, [0, 2, 1])] }, "none"],
    ["the IPv6 End-of-RIB with an extended length", { attributes: [attribute(0x90, 15, [0, 2, 1])] }, "none"],
    ["a plain prefix of 33 bits", { nlri: [33, 1, 2, 3, 4, 5] }, "reset 3/10"],
    ["a plain prefix cut off", { ...withThese(EXTERNAL), nlri: [24, 1, 2] }, "reset 3/10"],
    ["a withdrawn prefix cut off", { withdrawn: [24, 1, 2] }, "reset 3/10"],
    ["a default route four times", { ...withThese(EXTERNAL), nlri: [0, 0, 0, 0] }, "none"],
    ["prefixes and no attributes", { nlri: NLRI }, "withdraw 3/3"],
    ["no ORIGIN", { attributes: [AS_PATH, NEXT_HOP], nlri: NLRI }, "withdraw 3/3"],
    ["no AS_PATH", { attributes: [ORIGIN, NEXT_HOP], nlri: NLRI }, "withdraw 3/3"],
    ["no NEXT_HOP for plain prefixes", { attributes: [ORIGIN, AS_PATH], nlri: NLRI }, "withdraw 3/3"],
    ["no NEXT_HOP beside MP_REACH_NLRI", { attributes: [MP_REACH, ORIGIN, AS_PATH] }, "none"],
    ["no ORIGIN beside MP_REACH_NLRI", { attributes: [MP_REACH, AS_PATH] }, "withdraw 3/3"],
    ["a bad NEXT_HOP beside MP_REACH_NLRI", { attributes: [MP_REACH, ORIGIN, AS_PATH, attribute(0x40, 3)] }, "none"],
    ["no LOCAL_PREF", { attributes: [ORIGIN, AS_PATH, NEXT_HOP], nlri: NLRI }, "withdraw 3/3", INTERNAL],
    ["plain prefixes and MP_REACH_NLRI", { attributes: [MP_REACH, ORIGIN, AS_PATH, NEXT_HOP], nlri: NLRI }, "none"],
    ["MP_REACH_NLRI twice", { attributes: [MP_REACH, ORIGIN, AS_PATH, MP_REACH] }, "reset 3/1"],
    ["MP_UNREACH_NLRI twice", { attributes: [MP_UNREACH, MP_UNREACH] }, "reset 3/1"],
    ["ORIGIN twice", { attributes: [ORIGIN, ...base(EXTERNAL)], nlri: NLRI }, "discard 3/1"],
    ["a second, bad ORIGIN", { attributes: [...base(EXTERNAL), attribute(0x40, 1, [9])], nlri: NLRI }, "discard 3/1"],
    ["an attribute over the field", { attributes: [...base(EXTERNAL), [0xc0, 8, 9, 1]], nlri: NLRI }, "withdraw 3/1"],
    ["an attribute head of 2 octets", { attributes: [...base(EXTERNAL), [0xc0, 8]], nlri: NLRI }, "withdraw 3/1"],
    ["an extended head of 3 octets", { attributes: [...base(EXTERNAL), [0xd0, 8, 0]], nlri: NLRI }, "withdraw 3/1"],
    ["MP_REACH_NLRI before a break", { attributes: [MP_REACH, ORIGIN, AS_PATH, [0xc0, 8, 9, 1]] }, "withdraw 3/1"],
    ["a break and no prefixes", { attributes: [[0xc0, 8, 9, 1]] }, "reset 3/1"],
    ["a mild and a stronger fault", withThese(EXTERNAL, attribute(0x40, 6, [0]), attribute(0xc0, 8)), "withdraw 3/9"],
    ["two strong faults", withThese(EXTERNAL, attribute(0xc0, 8), attribute(0x80, 15)), "reset 3/9"],
    [
      "an AS_SET that is allowed",
      withThese(EXTERNAL, path(segment(2, 1), segment(1, 2, 3))),
      "none",
      { ...EXTERNAL, allowAsSets: true },
    ],
    [
      "an IPv6 next hop for IPv4 that was negotiated",
      withThese(EXTERNAL, attribute(0x80, 14, [0, 1, 1, 16], zeros(17), NLRI)),
      "none",
      { ...EXTERNAL, extendedNextHop: true },
    ],
    [
      "path identifiers where they are expected",
      { ...withThese(EXTERNAL), withdrawn: [0, 0, 0, 9, 0], nlri: [0, 0, 0, 1, ...NLRI] },
      "none",
      { ...EXTERNAL, addPathIpv4: true },
    ],
    [
      "half a path identifier",
      { ...withThese(EXTERNAL), nlri: [0, 0, 0, 1, ...NLRI, 0, 0] },
      "reset 3/10",
      { ...EXTERNAL, addPathIpv4: true },
    ],
    [
      "IPv6 path identifiers",
      { attributes: [attribute(0x80, 15, [0, 2, 1, 0, 0, 0, 7], NLRI6)] },
      "none",
      { ...EXTERNAL, addPathIpv6: true },
    ],
    ["AGGREGATOR of 8 octets", withThese(EXTERNAL_2, attribute(0xc0, 7, u32(1), u32(2))), "discard 3/5", EXTERNAL_2],
    ["a bad AS4_PATH", withThese(EXTERNAL_2, attribute(0xc0, 17, [2, 9])), "discard 3/9", EXTERNAL_2],
    ["AS4_PATH with AS 0", withThese(EXTERNAL_2, attribute(0xc0, 17, segment(2, 0))), "discard 3/9", EXTERNAL_2],
    ["AS4_PATH with wrong flags", withThese(EXTERNAL_2, attribute(0x40, 17, segment(2, 1))), "discard 3/4", EXTERNAL_2],
    ["AS4_PATH with an AS_SET", withThese(EXTERNAL_2, attribute(0xc0, 17, segment(1, 1))), "withdraw 3/11", EXTERNAL_2],
    ["a bad AS4_AGGREGATOR", withThese(EXTERNAL_2, attribute(0xc0, 18, [1])), "discard 3/9", EXTERNAL_2],
  ];
  for (const [name, parts, ends, session = EXTERNAL] of more)
    test(`${name} ends in: ${ends}`, () => assert.equal(outcome(scan(updateBody(parts), session)), ends));

  for (const [name, body] of [
    ["a body of 3 octets", bytes(u8(0), u16(0))],
    ["withdrawn prefixes beyond the message", bytes(u16(2), [0], u16(0))],
    ["attributes beyond the message", bytes(u16(0), u16(5), [0x40, 1, 1, 0])],
  ] as const)
    test(`${name} ends in: reset 3/1`, () => assert.equal(outcome(scan(body, EXTERNAL)), "reset 3/1"));
});

describe("the scan", () => {
  test("says where everything stands and what the columns are", () => {
    const med = attribute(0x80, 4, u32(0xfffffffe));
    const clusters = attribute(0x80, 10, u32(1), u32(2), u32(3));
    const originator = attribute(0x80, 9, u32(0xc0000001));
    const attributes = [...base(INTERNAL), med, originator, clusters, MP_REACH, MP_UNREACH];
    const body = updateBody({ withdrawn: NLRI, attributes, nlri: NLRI });
    const found = createUpdateScan();
    scanUpdate(body, 0, body.length, INTERNAL, found);
    const slice = (at: number, end: number) => [...body.subarray(at, end)];
    assert.deepEqual(slice(found.withdrawnAt, found.withdrawnEnd), NLRI);
    assert.deepEqual(slice(found.nlriAt, found.nlriEnd), NLRI);
    assert.deepEqual(slice(found.attributesAt, found.attributesEnd), attributes.flat());
    assert.deepEqual(slice(found.reachAt, found.reachEnd), NLRI6);
    assert.deepEqual(slice(found.unreachAt, found.unreachEnd), NLRI6);
    const nextHopEnd = found.reachNextHopAt + found.reachNextHopLength;
    assert.deepEqual(slice(found.reachNextHopAt, nextHopEnd), MP_REACH.slice(7, 23));
    assert.deepEqual(slice(found.nextHopAt, found.nextHopAt + found.nextHopLength), [10, 0, 0, 1]);
    const { reachAfi, reachSafi, unreachAfi, unreachSafi } = found;
    assert.deepEqual([reachAfi, reachSafi, unreachAfi, unreachSafi], [2, 1, 2, 1]);
    assert.deepEqual([found.origin, found.hasMed, found.med], [0, true, 0xfffffffe]);
    assert.deepEqual([found.hasLocalPref, found.localPref], [true, 200]);
    assert.deepEqual([found.asPathLength, found.neighborAs], [2, 65001]);
    assert.deepEqual([found.hasOriginatorId, found.originatorId, found.clusterListLength], [true, 0xc0000001, 3]);
  });

  test("keeps nothing of the message before", () => {
    const found = createUpdateScan();
    const first = updateBody({ withdrawn: NLRI, attributes: [...base(INTERNAL), MP_REACH, MP_UNREACH], nlri: NLRI });
    scanUpdate(first, 0, first.length, INTERNAL, found);
    const second = updateBody({});
    scanUpdate(second, 0, second.length, INTERNAL, found);
    const fresh = createUpdateScan();
    scanUpdate(second, 0, second.length, INTERNAL, fresh);
    const plain = ({ kept: _k, seen: _s, stamp: _n, ...rest }: UpdateScan) => rest;
    assert.deepEqual(plain(found), plain(fresh));
  });

  test("knows types seen from those of an old message when its stamp begins anew", () => {
    const found = createUpdateScan();
    const body = updateBody(withThese(EXTERNAL));
    scanUpdate(body, 0, body.length, EXTERNAL, found);
    found.stamp = 0xffffffff;
    for (let i = 0; i < 3; i++) {
      scanUpdate(body, 0, body.length, EXTERNAL, found);
      assert.equal(outcome(found), "none");
    }
  });

  test("carries the attribute at fault as data of the NOTIFICATION", () => {
    const bad = attribute(0x80, 15, [0, 2]);
    const body = updateBody({ attributes: [ORIGIN, bad] });
    const found = createUpdateScan();
    scanUpdate(body, 0, body.length, EXTERNAL, found);
    assert.deepEqual(scanNotification(body, found), { code: 3, subcode: 9, data: Uint8Array.from(bad) });
  });

  const large = (...last: number[]) => attribute(0xc0, 32, ...last.map((n) => [...u32(9), ...u32(0), ...u32(n)]));
  for (const [name, change, is, session = EXTERNAL] of [
    ["usual attributes", MED, true],
    ["an empty two-octet AS_PATH", path(), true, EXTERNAL_2],
    ["two-octet ASes", AS_PATH_2, false, EXTERNAL_2],
    ["an unknown transitive attribute without Partial", attribute(0xc0, 99), false],
    ["an unknown transitive attribute with Partial", attribute(0xe0, 99), true],
    ["an unknown non-transitive attribute", attribute(0x80, 99), false],
    ["LOCAL_PREF from an external peer", LOCAL_PREF, false],
    ["an extended length that is not needed", attribute(0x50, 1, [0]), false],
    ["low flag bits", attribute(0x41, 1, [0]), false],
    ["large communities in order", large(1, 2, 3), true],
    ["a large community twice", large(1, 1), false],
    ["MP_REACH_NLRI", MP_REACH, false],
  ] as readonly (readonly [string, number[], boolean, ParsingClass?])[])
    test(`is ${is ? "" : "not "}clean with ${name}`, () => {
      assert.equal(scan(updateBody(withThese(session, change)), session).clean, is);
    });
});

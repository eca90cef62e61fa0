import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { applyEdits } from "../../src/bgp/attribute-edits.ts";
import { MAX_CANONICAL_OCTETS } from "../../src/bgp/canonical.ts";
import {
  type AttributeEdits,
  decodeAttributes,
  encodeAttributes,
  type PathAttributes,
} from "../../src/bgp/path-attributes.ts";
import { parseAddress } from "../../src/ip/address.ts";
import { pattern } from "../policy/facts.ts";
import { pathAttributes } from "./arbitrary.ts";

const out = new Uint8Array(MAX_CANONICAL_OCTETS);
function edit(attributes: PathAttributes, edits: AttributeEdits): PathAttributes {
  const octets = encodeAttributes(attributes);
  return decodeAttributes(out, 0, applyEdits(octets, 0, octets.length, edits, out));
}

const BASE: PathAttributes = {
  origin: 0,
  asPath: [{ kind: "sequence", asns: [65001] }],
  nextHop: parseAddress("10.0.0.1")!,
  atomicAggregate: false,
  communities: [1, 2],
  largeCommunities: [9, 0, 1],
  extendedCommunities: [],
  clusterList: [],
  opaque: [{ flags: 0xe0, type: 99, value: Uint8Array.of(1) }],
};
const MANY = { kind: "sequence" as const, asns: new Array<number>(255).fill(7) };

describe("edits", () => {
  for (const [name, edits, is] of [
    ["no edits change nothing", {}, {}],
    ["preference, metric and next hop self are not octets", { preference: 1, metric: 2, nextHop: "self" }, {}],
    ["LOCAL_PREF is set", { localPref: 0 }, { localPref: 0 }],
    ["MED is set", { med: 7 }, { med: 7 }],
    ["communities are added once", { addCommunities: [2, 3, 3] }, { communities: [1, 2, 3] }],
    ["communities are removed", { removeCommunities: ["0:1", "0:9"].map(pattern) }, { communities: [2] }],
    [
      "the last community goes with its attribute",
      { removeCommunities: ["0:1", "0:2"].map(pattern) },
      { communities: [] },
    ],
    ["communities are replaced", { setCommunities: [5] }, { communities: [5] }],
    ["communities are replaced by none", { setCommunities: [] }, { communities: [] }],
    [
      "large communities are added once",
      {
        addLargeCommunities: [
          [9, 0, 1],
          [9, 0, 2],
        ],
      },
      { largeCommunities: [9, 0, 1, 9, 0, 2] },
    ],
    [
      "ASes go in front as written",
      { prepend: [1, 70000] },
      { asPath: [{ kind: "sequence", asns: [1, 70000, 65001] }] },
    ],
    ["the next hop is replaced", { nextHop: parseAddress("2001:db8::1")! }, { nextHop: parseAddress("2001:db8::1")! }],
  ] as readonly (readonly [string, AttributeEdits, Partial<PathAttributes>])[])
    test(name, () => assert.deepEqual(edit(BASE, edits), { ...BASE, ...is }));

  test("MED is removed by null", () => assert.deepEqual(edit({ ...BASE, med: 5 }, { med: null }), BASE));

  for (const [name, asPath, is] of [
    ["an empty path", [], [{ kind: "sequence", asns: [1, 2] }]],
    [
      "a set",
      [{ kind: "set", asns: [9] }],
      [
        { kind: "sequence", asns: [1, 2] },
        { kind: "set", asns: [9] },
      ],
    ],
    ["a full sequence", [MANY], [{ kind: "sequence", asns: [1, 2] }, MANY]],
  ] as readonly (readonly [string, PathAttributes["asPath"], PathAttributes["asPath"]])[])
    test(`ASes in front of ${name} begin a segment`, () => {
      assert.deepEqual(edit({ ...BASE, asPath }, { prepend: [1, 2] }).asPath, is);
    });

  test("leave everything else as it is, and the octets equal where nothing changes", () => {
    fc.assert(
      fc.property(pathAttributes, (attributes) => {
        const octets = encodeAttributes(attributes);
        const end = applyEdits(octets, 0, octets.length, {}, out);
        assert.deepEqual(out.slice(0, end), octets);
        assert.deepEqual(edit(attributes, { localPref: 9, med: 8 }), { ...attributes, localPref: 9, med: 8 });
      }),
      { seed: 1, numRuns: 300 },
    );
  });
});

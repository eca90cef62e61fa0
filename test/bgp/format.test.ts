import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  communityName,
  formatAsPath,
  formatCommunity,
  formatExtendedCommunity,
  formatLargeCommunities,
  formatNlri,
  formatOrigin,
} from "../../src/bgp/format.ts";
import { attributeName, errorInWords } from "../../src/bgp/iana.ts";
import { checkNlri } from "../../src/bgp/nlri.ts";
import { fromHex } from "./wire.ts";

describe("values as text", () => {
  for (const [is, text] of [
    [formatAsPath([]), ""],
    [
      formatAsPath([
        { kind: "sequence", asns: [65001, 4200000000] },
        { kind: "set", asns: [1, 2] },
      ]),
      "65001 4200000000 {1 2}",
    ],
    [
      formatAsPath([
        { kind: "confedSequence", asns: [1, 2] },
        { kind: "confedSet", asns: [3] },
      ]),
      "(1 2) [3]",
    ],
    [formatOrigin(2), "Incomplete"],
    [formatCommunity(0xfde80064), "65000:100"],
    [formatCommunity(0xffffff01), "65535:65281"],
    [communityName(0xffffff01), "no-export"],
    [communityName(0xffff0000), "graceful-shutdown"],
    [communityName(1), undefined],
    [formatLargeCommunities([1, 2, 3, 4294967295, 0, 7]).join(), "1:2:3,4294967295:0:7"],
    [formatExtendedCommunity(fromHex("0002fde800000064")), "rt:65000:100"],
    [formatExtendedCommunity(fromHex("01030a0000010005")), "ro:10.0.0.1:5"],
    [formatExtendedCommunity(fromHex("0202000111700064")), "rt:70000:100"],
    [formatExtendedCommunity(fromHex("4004fde849742400")), "0x4004fde849742400"],
    [formatNlri(fromHex("0b0d"), 0, 13, 4), "11.8.0.0/13"],
    [formatNlri(fromHex(""), 0, 0, 16), "::/0"],
    [formatNlri(fromHex("20010db8ffff"), 0, 33, 16), "2001:db8:8000::/33"],
    [attributeName(14), "MP_REACH_NLRI"],
    [attributeName(99), "attribute 99"],
    [errorInWords(3, 11), "UPDATE message error: malformed AS_PATH"],
  ] as const)
    test(`${text === "" ? "nothing" : text}`, () => assert.equal(is, text));
});

describe("NLRI", () => {
  for (const [hex, maxBits, addPath, ok] of [
    ["", 32, false, true],
    ["00", 32, false, true],
    ["200a000001", 32, false, true],
    ["210a00000100", 32, false, false],
    ["180a00", 32, false, false],
    [`80${"00".repeat(16)}`, 128, false, true],
    [`81${"00".repeat(17)}`, 128, false, false],
    ["0000000100", 32, true, true],
    ["00000001", 32, true, false],
    ["000001", 32, true, false],
  ] as const)
    test(`${hex === "" ? "nothing" : hex.slice(0, 12)} ${addPath ? "with path ids " : ""}is ${ok ? "" : "not "}well formed`, () => {
      const octets = fromHex(`ff${hex}ff`);
      assert.equal(checkNlri(octets, 1, octets.length - 1, maxBits, addPath), ok);
    });
});

/** What people write of communities, numbers, interfaces and paths, and what it stands for. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { matchesPattern } from "../../src/bgp/community-pattern.ts";
import {
  formatExtendedWords,
  parseExtendedCommunity,
  parseExtendedCommunityPattern,
  parseLargeCommunity,
} from "../../src/policy/community-text.ts";
import { matchesGlob } from "../../src/policy/glob.ts";
import {
  compute,
  formatExpression,
  formatNumberMatch,
  parseExpression,
  parseNumberMatch,
} from "../../src/policy/number-text.ts";
import { OPERANDS } from "../../src/policy/types.ts";
import { expression, pattern } from "./facts.ts";

describe("a community pattern", () => {
  const words = (text: string) => pattern(text).any[0]!.words;
  const rows: readonly (readonly [string, string, boolean])[] = [
    ["64512:100", "64512:100", true],
    ["64512:100", "64512:101", false],
    ["64512:*", "64512:0", true],
    ["64512:*", "64513:0", false],
    ["*:100", "1:100", true],
    ["*:100", "100:1", false],
    ["*:*", "no-export", true],
    ["no-export", "65535:65281", true],
    ["64512:1:*", "64512:1:4294967295", true],
    ["64512:1:*", "64512:2:1", false],
    ["*:*:7", "4294967295:0:7", true],
    ["rt:64512:*", "rt:64512:4294967295", true],
    ["rt:64512:*", "ro:64512:1", false],
    ["rt:*:100", "rt:64512:100", true],
    ["rt:*:100", "rt:10.0.0.1:100", true],
    ["rt:*:100", "rt:4200000000:100", true],
    ["rt:*:100", "rt:64512:101", false],
    ["rt:4200000000:*", "rt:4200000000:5", true],
    ["rt:4200000000:*", "rt:4200000001:5", false],
    ["rt:10.0.0.1:*", "rt:10.0.0.1:5", true],
    ["rt:10.0.0.1:*", "rt:10.0.1.1:5", false],
    ["rt:*:*", "rt:1:1", true],
    ["rt:*:*", "0x4002fc0000000064", false],
    ["0x4002fc0000000064", "0x4002fc0000000064", true],
  ];
  for (const [text, community, expected] of rows)
    test(`${text} ${expected ? "fits" : "does not fit"} ${community}`, () =>
      assert.equal(matchesPattern(pattern(text), words(community), 0), expected));

  test("is no community where it has a wildcard", () => {
    assert.equal(parseExtendedCommunity("rt:64512:*"), undefined);
    assert.equal(parseLargeCommunity("1:2:*"), undefined);
  });

  for (const text of [
    "rt:1",
    "rt:1:2:3",
    "rt:70000:65536",
    "rt:4294967296:1",
    "xx:1:2",
    "0x12",
    "rt:01:2",
    "rt:10.0.0.1:70000",
  ])
    test(`${text} is none`, () => assert.equal(parseExtendedCommunityPattern(text), undefined));

  test("any extended community's text is read as its octets", () => {
    const word = fc.oneof(fc.nat(0xffffffff), fc.constantFrom(0x0002fc00, 0x01030a00, 0x02020001, 0x40020001));
    fc.assert(
      fc.property(word, word, (high, low) => {
        assert.deepEqual(parseExtendedCommunity(formatExtendedWords([high, low])), [high, low]);
      }),
      { seed: 8214, numRuns: 1000 },
    );
  });
});

describe("a comparison", () => {
  const rows: readonly (readonly [string, string | undefined])[] = [
    ["5", "5"],
    ["= 5", "5"],
    ["<5", "<= 4"],
    ["< 1", "0"],
    ["<= 4294967295", "<= 4294967295"],
    ["> 4294967294", "4294967295"],
    [">= 0", "<= 4294967295"],
    ["none", "none"],
    ["5 <", undefined],
    ["-1", undefined],
    ["4294967296", undefined],
    ["== 5", undefined],
  ];
  for (const [text, expected] of rows)
    test(`${text} is ${expected ?? "none"}`, () => {
      const parsed = parseNumberMatch(text);
      assert.equal(parsed && formatNumberMatch(parsed), expected);
    });
});

describe("an expression", () => {
  const rows: readonly (readonly [string, number, number])[] = [
    ["2147483647 - metric", 1024, 2147482623],
    ["2147483647 - metric", 0, 2147483647],
    ["2147483647 - metric", 4294967294, 0],
    ["metric + 10", 5, 15],
    ["10 + metric", 5, 15],
    ["metric - 10", 5, 0],
    ["metric", 7, 7],
    ["metric + 4294967295", 4294967294, 4294967295],
  ];
  for (const [text, value, expected] of rows)
    test(`${text} of ${value} is ${expected}`, () =>
      assert.equal(compute(expression(text), value, "localPref"), expected));

  test("a metric never becomes what stands for none", () => {
    assert.equal(compute(expression("med + 4294967295"), 4294967295, "metric"), 4294967294);
  });

  for (const text of [
    "5",
    "metric metric",
    "metric - localPref",
    "5 * metric",
    "priority",
    "- metric",
    "4294967296 - metric",
  ])
    test(`${text} is none`, () => assert.equal(parseExpression(text), undefined));

  test("any one is read again as it was", () => {
    const offset = fc.nat(0xffffffff);
    fc.assert(
      fc.property(fc.constantFrom(...OPERANDS), fc.constantFrom("+", "-", "from"), offset, (of, sign, value) => {
        const text = sign === "from" ? `${value} - ${of}` : `${of} ${sign} ${value}`;
        assert.deepEqual(parseExpression(formatExpression(expression(text))), expression(text));
      }),
      { seed: 8215, numRuns: 500 },
    );
  });
});

describe("a glob", () => {
  const rows: readonly (readonly [string, string, boolean])[] = [
    ["eth0", "eth0", true],
    ["eth0", "eth01", false],
    ["*", "", true],
    ["*.cali", "vxlan.cali", true],
    ["*.cali", "vxlan.calico", false],
    ["bpf*.cali", "bpf.cali", true],
    ["bpf*.cali", "bpfin.cali", true],
    ["a*b*c", "axbxbxc", true],
    ["a*b*c", "axbxbx", false],
    ["eth?", "eth1", true],
    ["eth?", "eth", false],
    ["a.b", "axb", false],
    ["**a", "bca", true],
  ];
  for (const [glob, text, expected] of rows)
    test(`${glob} ${expected ? "fits" : "does not fit"} ${JSON.stringify(text)}`, () =>
      assert.equal(matchesGlob(glob, text), expected));
});

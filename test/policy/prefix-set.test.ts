import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseAddress } from "../../src/ip/address.ts";
import { prefixOf } from "../../src/ip/prefix.ts";
import { createPrefixSet } from "../../src/policy/prefix-set.ts";
import type { PrefixMatch } from "../../src/policy/types.ts";
import { SKIP, WIRE } from "../cases/cases-dir.ts";
import { prefixMatch, route } from "./facts.ts";
import { inRange } from "./naive.ts";

const has = (entries: readonly PrefixMatch[], prefix: string) => {
  const { family, prefixBytes, prefixAt, prefixLength } = route({ prefix });
  return createPrefixSet(entries).has(family, prefixBytes, prefixAt, prefixLength);
};

const CLAIMS: readonly (readonly [string, readonly PrefixMatch[], string, boolean])[] = [
  ["an exact entry matches itself", [prefixMatch("10.0.0.0/8")], "10.0.0.0/8", true],
  ["an exact entry does not match a more specific prefix", [prefixMatch("10.0.0.0/8")], "10.0.0.0/9", false],
  ["an exact entry does not match a shorter prefix", [prefixMatch("10.0.0.0/8")], "10.0.0.0/7", false],
  ["ge matches at its bound", [prefixMatch("10.0.0.0/8", 24, 32)], "10.9.9.0/24", true],
  ["ge does not match below its bound", [prefixMatch("10.0.0.0/8", 24, 32)], "10.9.8.0/23", false],
  ["ge leaves the entry itself out", [prefixMatch("10.0.0.0/8", 24, 32)], "10.0.0.0/8", false],
  ["le matches at its bound", [prefixMatch("10.0.0.0/8", 8, 16)], "10.9.0.0/16", true],
  ["le does not match beyond its bound", [prefixMatch("10.0.0.0/8", 8, 16)], "10.9.0.0/17", false],
  ["a host route matches up to 32 bits", [prefixMatch("10.0.0.0/8", 8, 32)], "10.1.2.3/32", true],
  ["0.0.0.0/0 with le 32 matches every IPv4 prefix", [prefixMatch("0.0.0.0/0", 0, 32)], "203.0.113.7/32", true],
  ["0.0.0.0/0 alone matches the default route", [prefixMatch("0.0.0.0/0")], "0.0.0.0/0", true],
  ["0.0.0.0/0 alone matches nothing else", [prefixMatch("0.0.0.0/0")], "0.0.0.0/1", false],
  ["IPv4 entries do not match IPv6 prefixes", [prefixMatch("0.0.0.0/0", 0, 32)], "::/0", false],
  ["an IPv6 entry matches at 128 bits", [prefixMatch("2001:db8::/32", 32, 128)], "2001:db8::1/128", true],
  ["bits in the last word of an IPv6 prefix count", [prefixMatch("2001:db8::1/128")], "2001:db8::2/128", false],
  [
    "two windows of one prefix are both open",
    [prefixMatch("10.0.0.0/8"), prefixMatch("10.0.0.0/8", 16, 16)],
    "10.5.0.0/16",
    true,
  ],
  [
    "between two windows nothing matches",
    [prefixMatch("10.0.0.0/8"), prefixMatch("10.0.0.0/8", 16, 16)],
    "10.5.0.0/15",
    false,
  ],
  ["an empty list matches nothing", [], "10.0.0.0/8", false],
];

describe("prefix sets", () => {
  for (const [claim, entries, prefix, expected] of CLAIMS)
    test(claim, () => {
      const masked = prefix.includes(":") ? prefix : mask(prefix);
      assert.equal(has(entries, masked), expected);
    });

  test("octets beyond the prefix are never read", () => {
    const set = createPrefixSet([prefixMatch("10.0.0.0/8")]);
    assert.equal(set.has("ipv4", Uint8Array.of(10), 0, 8), true);
  });

  test("a length beyond the family's matches nothing", () => {
    assert.equal(createPrefixSet([prefixMatch("0.0.0.0/0", 0, 32)]).has("ipv4", new Uint8Array(16), 0, 33), false);
  });

  test("any list and any route: the same as comparing bit by bit", () => {
    fc.assert(
      fc.property(
        fc.array(arbitraryEntry, { maxLength: 40 }),
        fc.array(arbitraryPrefix, { minLength: 1 }),
        (entries, prefixes) => {
          const set = createPrefixSet(entries);
          for (const text of prefixes) {
            const facts = route({ prefix: text });
            assert.equal(
              set.has(facts.family, facts.prefixBytes, facts.prefixAt, facts.prefixLength),
              entries.some((entry) => inRange(entry, facts)),
              text,
            );
          }
        },
      ),
      { seed: 4271, numRuns: 300 },
    );
  });
});

/** Few distinct bits, so that prefixes nest and meet. */
const arbitraryPrefix = fc
  .tuple(fc.boolean(), fc.constantFrom(0, 1, 0x80, 0xff), fc.constantFrom(0, 1, 0x80, 0xff), fc.nat(128))
  .map(([ipv6, a, b, length]) =>
    ipv6
      ? mask(`${a.toString(16)}:${b.toString(16)}::${a.toString(16)}:${b}/${length}`)
      : mask(`${a}.${b}.${a}.${b}/${length % 33}`),
  );

const arbitraryEntry = fc.tuple(arbitraryPrefix, fc.nat(128), fc.nat(128)).map(([text, x, y]): PrefixMatch => {
  const base = prefixMatch(text).prefix;
  const longest = base.bytes.length * 8;
  const ge = base.length + (x % (longest - base.length + 1));
  return { prefix: base, ge, le: ge + (y % (longest - ge + 1)) };
});

function mask(text: string): string {
  const [address, length] = text.split("/");
  const { family, bytes } = prefixOf(parseAddress(address!)!, Number(length));
  return family === "ipv4"
    ? `${bytes.join(".")}/${length}`
    : `${Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16)).join(":")}/${length}`;
}

describe("OpenBGPD's prefix-set cases", () => {
  const folder = join(WIRE, "prefix-set/openbgpd");
  for (const n of [1, 2, 3])
    test(`trie.${n}: every answer agrees`, { skip: SKIP }, () => {
      const lines = (kind: string) =>
        readFileSync(join(folder, `trie.${n}.${kind}`), "utf8")
          .split("\n")
          .map((line) => line.trim())
          .filter((line) => line !== "");
      const entries = lines("in").map((line) => {
        const [text, ge, le] = line.split(/\s+/);
        return { ...prefixMatch(mask(text!)), ge: Number(ge), le: Number(le) };
      });
      const set = createPrefixSet(entries);
      const answers = lines("check").map((line) => {
        const { family, prefixBytes, prefixAt, prefixLength } = route({ prefix: mask(line) });
        return `${line} ${set.has(family, prefixBytes, prefixAt, prefixLength) ? "MATCH" : "miss"}`;
      });
      assert.deepEqual(answers, lines("out"));
    });
});

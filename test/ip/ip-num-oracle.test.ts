import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { IPv4, IPv4CidrRange, IPv6 } from "ip-num";
import { formatOctets, parseAddress } from "../../src/ip/address.ts";
import { contains, prefixOf } from "../../src/ip/prefix.ts";

const RUNS = { numRuns: 300, seed: 1 };
const octets = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

function numberOf(bytes: Uint8Array): bigint {
  return bytes.reduce((sum, octet) => (sum << 8n) | BigInt(octet), 0n);
}

test("IPv4 addresses are read as ip-num reads them", () => {
  fc.assert(
    fc.property(octets(4), (bytes) => {
      const text = formatOctets(bytes);
      assert.equal(numberOf(parseAddress(text)!.bytes), IPv4.fromString(text).getValue());
    }),
    RUNS,
  );
});

test("IPv6 addresses, written in any of their forms, are read as ip-num reads them", () => {
  const sparse = fc.tuple(octets(16), fc.array(fc.nat(15))).map(([bytes, zeros]) => {
    for (const at of zeros) bytes.fill(0, at & ~1, (at & ~1) + 6);
    return bytes;
  });
  fc.assert(
    fc.property(sparse, (bytes) => {
      const text = formatOctets(bytes);
      const value = IPv6.fromBigInt(numberOf(bytes));
      assert.equal(numberOf(parseAddress(text)!.bytes), value.getValue());
      assert.deepEqual(parseAddress(value.toString())!.bytes, bytes);
    }),
    RUNS,
  );
});

test("a prefix contains just the addresses that ip-num says it does", () => {
  fc.assert(
    fc.property(octets(4), octets(4), fc.integer({ min: 0, max: 32 }), fc.boolean(), (base, other, length, near) => {
      const prefix = prefixOf({ family: "ipv4", bytes: base }, length);
      const address = near ? Uint8Array.from(base, (octet, i) => (i === 3 ? other[3]! : octet)) : other;
      const range = IPv4CidrRange.fromCidr(`${formatOctets(prefix.bytes)}/${length}`);
      const value = numberOf(address);
      const expected = range.getFirst().getValue() <= value && value <= range.getLast().getValue();
      assert.equal(contains(prefix, { family: "ipv4", bytes: address }), expected);
    }),
    RUNS,
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePrefix } from "../../src/ip/prefix.ts";
import { isMartianIpv4, isMartianIpv6 } from "../../src/rib/martian-prefix.ts";

const ROWS: readonly (readonly [prefix: string, martian: boolean])[] = [
  ["0.0.0.0/0", false],
  ["0.0.0.0/1", false],
  ["128.0.0.0/1", false],
  ["192.0.0.0/2", false],
  ["224.0.0.0/3", true],
  ["224.0.0.0/4", true],
  ["239.1.2.3/32", true],
  ["240.0.0.0/4", true],
  ["255.255.255.255/32", true],
  ["223.255.255.0/24", false],
  ["126.0.0.0/7", false],
  ["127.0.0.0/8", true],
  ["127.0.0.1/32", true],
  ["128.0.0.0/8", false],
  ["10.0.0.0/8", false],
  ["::/0", false],
  ["::/8", false],
  ["fc00::/6", false],
  ["fc00::/7", false],
  ["ff00::/8", true],
  ["ff02::1/128", true],
  ["fe00::/8", false],
  ["fe00::/9", false],
  ["fe80::/10", true],
  ["fe80::/9", false],
  ["febf:ffff::/32", true],
  ["fec0::/10", false],
  ["2001:db8::/32", false],
  ["::ffff:0:0/96", true],
  ["::ffff:10.0.0.1/128", true],
  ["::fffe:0:0/96", false],
  ["::/96", false],
  ["::1/128", true],
  ["::2/128", false],
  ["::/128", false],
  ["64:ff9b::/96", false],
];

for (const [text, martian] of ROWS)
  test(`${text} is ${martian ? "" : "no "}prefix that no peer can mean`, () => {
    const { family, bytes, length } = parsePrefix(text)!;
    const around = Uint8Array.of(1, 2, 3, ...bytes, 255);
    const judge = family === "ipv4" ? isMartianIpv4 : isMartianIpv6;
    assert.equal(judge(around, 3, length), martian);
    // What stands behind the prefix in the octets of an NLRI is not part of it.
    for (let bit = length; bit < bytes.length * 8; bit++) around[3 + (bit >> 3)]! |= 0x80 >> (bit & 7);
    assert.equal(judge(around, 3, length), martian);
  });

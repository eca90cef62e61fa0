import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { chooseRouterId } from "../../src/config/router-id.ts";
import { formatQuad, parseAddress } from "../../src/ip/address.ts";
import { parsed } from "./samples.ts";

const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();

describe("the router id", () => {
  const all = "[{ address: 0.0.0.0 }, { address: '::' }]";
  const rows: readonly (readonly [string, string, readonly string[], string])[] = [
    ["is the configured one", "{ asn: 1, id: 1.2.3.4, listen: [{ address: 10.0.0.1 }] }", ["10.0.0.2"], "1.2.3.4"],
    [
      "else the first usable listen address",
      "{ asn: 1, listen: [{ address: 127.0.0.1 }, { address: '::1' }, { address: 10.0.0.9 }, { address: 10.0.0.1 }] }",
      ["10.0.0.2"],
      "10.0.0.9",
    ],
    [
      "else the lowest address of an interface, as a number",
      `{ asn: 1, listen: ${all} }`,
      ["127.0.0.1", "100.64.0.1", "9.0.0.1", "2001:db8::1"],
      "9.0.0.1",
    ],
    ["is no link-local address", `{ asn: 1, listen: ${all} }`, ["169.254.1.1", "192.0.2.1"], "192.0.2.1"],
    // The first octets of `printf node-1 | sha256sum`: 35971be6.
    ["else comes from the host name", `{ asn: 1, listen: ${all} }`, ["127.0.0.1"], "53.151.27.230"],
  ];
  for (const [claim, router, addresses, expected] of rows)
    test(claim, () => {
      const config = parsed(`router: ${router}\n`);
      const list = addresses.map((text) => parseAddress(text)!);
      assert.equal(formatQuad(chooseRouterId(config, list, "node-1", sha256)), expected);
    });

  test("from a host name its first octet is at most 223", () => {
    const config = parsed("router: { asn: 1 }\n");
    const digest = (first: number) => () => Uint8Array.of(first, 1, 2, 3, 4);
    assert.equal(formatQuad(chooseRouterId(config, [], "x", digest(223))), "223.1.2.3");
    assert.equal(formatQuad(chooseRouterId(config, [], "x", digest(224))), "192.1.2.3");
    assert.equal(formatQuad(chooseRouterId(config, [], "x", digest(255))), "223.1.2.3");
  });

  test("a host name is hashed as UTF-8", () => {
    const config = parsed("router: { asn: 1 }\n");
    const name = "knoten-ä-€-😀";
    assert.equal(formatQuad(chooseRouterId(config, [], name, sha256)), hashed(name));
  });
});

function hashed(name: string): string {
  const digest = createHash("sha256").update(name, "utf8").digest();
  return [digest[0]! > 223 ? digest[0]! - 32 : digest[0]!, digest[1], digest[2], digest[3]].join(".");
}

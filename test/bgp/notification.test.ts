import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  ceaseWithText,
  decodeNotification,
  describeNotification,
  encodeNotification,
  shutdownText,
  unwrapHardReset,
  wrapHardReset,
} from "../../src/bgp/notification.ts";
import { decodeRefresh, encodeRefresh } from "../../src/bgp/refresh.ts";
import { fromHex } from "./wire.ts";

const of = (code: number, subcode: number, hex = "") => ({ code, subcode, data: fromHex(hex) });

describe("NOTIFICATION", () => {
  for (const { notification, words } of [
    { notification: of(1, 2, "0012"), words: "message header error: bad message length (1/2): length 18" },
    { notification: of(1, 3, "09"), words: "message header error: bad message type (1/3): type 9" },
    {
      notification: of(2, 1, "0004"),
      words: "OPEN message error: unsupported version number (2/1): version 4 is supported",
    },
    { notification: of(2, 2, "fde9"), words: "OPEN message error: bad peer AS (2/2): AS 65001" },
    { notification: of(2, 2, "00011170"), words: "OPEN message error: bad peer AS (2/2): AS 70000" },
    { notification: of(2, 0), words: "OPEN message error (2/0)" },
    { notification: of(3, 9, "800e00"), words: "UPDATE message error: optional attribute error (3/9), data 800e00" },
    { notification: of(4, 0), words: "hold timer expired (4/0)" },
    {
      notification: of(5, 3, "01"),
      words: "finite state machine error: unexpected message in Established (5/3): message type 1",
    },
    {
      notification: of(6, 1, "00010100000064"),
      words: "cease: maximum number of prefixes reached (6/1): IPv4, limit 100",
    },
    { notification: of(6, 2, "03627965"), words: 'cease: administrative shutdown (6/2): "bye"' },
    { notification: of(6, 2, "036279"), words: "cease: administrative shutdown (6/2), data 036279" },
    { notification: of(6, 2, "02c328"), words: "cease: administrative shutdown (6/2), data 02c328" },
    { notification: of(6, 4, "020a1b"), words: 'cease: administrative reset (6/4): "\\x0a\\x1b"' },
    { notification: of(6, 7), words: "cease: connection collision resolution (6/7)" },
    { notification: of(6, 9, "06020162"), words: 'cease: hard reset (6/9): cease: administrative shutdown (6/2): "b"' },
    { notification: of(6, 9, "0400"), words: "cease: hard reset (6/9): hold timer expired (4/0)" },
    { notification: of(6, 9, "06"), words: "cease: hard reset (6/9), data 06" },
    { notification: of(8, 0), words: "send hold timer expired (8/0)" },
    { notification: of(9, 7), words: "error 9: subcode 7 (9/7)" },
  ])
    test(`reads: ${words}`, () => assert.equal(describeNotification(notification), words));

  test("is the same after encoding and decoding", () => {
    fc.assert(
      fc.property(fc.nat(255), fc.nat(255), fc.uint8Array({ maxLength: 300 }), (code, subcode, data) => {
        const octets = encodeNotification({ code, subcode, data });
        assert.deepEqual(decodeNotification(octets, 19, octets.length), { code, subcode, data });
      }),
      { seed: 1 },
    );
  });

  test("of any octets can be described", () => {
    fc.assert(
      fc.property(fc.nat(10), fc.nat(12), fc.uint8Array({ maxLength: 40 }), (code, subcode, data) => {
        assert.equal(typeof describeNotification({ code, subcode, data }), "string");
      }),
      { seed: 1, numRuns: 1000 },
    );
  });

  test("carries a text as UTF-8 of at most 255 octets (RFC 9003) and never half a character", () => {
    assert.equal(shutdownText(ceaseWithText(2, "Wartung für 5 min")), "Wartung für 5 min");
    const long = ceaseWithText(2, "€".repeat(100));
    assert.equal(long.data.length, 1 + 255);
    assert.equal(shutdownText(long), "€".repeat(85));
    assert.equal(shutdownText(ceaseWithText(2, `x${"€".repeat(100)}`)), `x${"€".repeat(84)}`);
    assert.equal(ceaseWithText(2, undefined).data.length, 0);
    assert.equal(shutdownText(ceaseWithText(4, "a\ud800b")), "a\ufffdb");
  });

  test("inside a hard reset comes out as it went in", () => {
    const inner = of(6, 2, "03627965");
    assert.deepEqual(unwrapHardReset(wrapHardReset(inner)), inner);
    assert.equal(
      describeNotification(wrapHardReset(inner)),
      'cease: hard reset (6/9): cease: administrative shutdown (6/2): "bye"',
    );
    assert.equal(unwrapHardReset(of(6, 4, "0602")), undefined);
  });

  test("inside many hard resets is described without end", () => {
    assert.equal(typeof describeNotification(of(6, 9, "0609".repeat(2000))), "string");
  });
});

describe("ROUTE-REFRESH", () => {
  test("is the same after encoding and decoding", () => {
    const refresh = { afi: 2, subtype: 1, safi: 1 };
    const octets = encodeRefresh(refresh);
    assert.equal(octets.length, 23);
    assert.deepEqual(decodeRefresh(octets, 19, 23), refresh);
  });

  test("with ORF entries counts as a plain request", () => {
    assert.deepEqual(decodeRefresh(fromHex("0001000101800000"), 0, 8), { afi: 1, subtype: 0, safi: 1 });
  });

  test("begin marker with more octets is refused with 7/1 and the message", () => {
    assert.throws(() => decodeRefresh(fromHex("0001010100"), 0, 5), { code: 7, subcode: 1 });
  });
});

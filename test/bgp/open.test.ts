import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BgpError } from "../../src/bgp/error.ts";
import { type Capabilities, decodeOpen, encodeOpen, type OpenMessage } from "../../src/bgp/open.ts";
import { bytes, u8, u16, u32 } from "./wire.ts";

const decode = (body: Uint8Array) => decodeOpen(body, 0, body.length);
const fixed = (version = 4) => [...u8(version), ...u16(64512), ...u16(90), ...u32(0x0a000001)];
const capability = (code: number, ...value: number[]) => [code, value.length, ...value];
const parameter = (type: number, ...value: number[]) => [type, value.length, ...value];
const open = (...parameters: number[]) => bytes(fixed(), u8(parameters.length), parameters);

const NONE: Capabilities = {
  routeRefresh: false,
  enhancedRouteRefresh: false,
  extendedMessage: false,
  addPath: [],
};

describe("OPEN", () => {
  test("without parameters has no capabilities", () => {
    assert.deepEqual(decode(open()), {
      version: 4,
      asn: 64512,
      holdSeconds: 90,
      identifier: 0x0a000001,
      capabilities: { ...NONE, raw: [] },
    });
  });

  test("has the same capabilities in one parameter and in one parameter each", () => {
    const list = [capability(1, 0, 1, 0, 1), capability(2), capability(65, 0, 1, 0x11, 0x70), capability(200, 1, 2)];
    const together = decode(open(...parameter(2, ...list.flat())));
    const apart = decode(open(...list.flatMap((one) => parameter(2, ...one))));
    assert.deepEqual(together, apart);
    assert.deepEqual(together.capabilities.families, ["ipv4"]);
    assert.equal(together.capabilities.fourOctetAs, 70000);
    assert.equal(together.capabilities.raw?.length, 4);
  });

  test("in extended form (RFC 9072) is recognised by type 255 whatever the short length says", () => {
    const value = [...capability(2), ...capability(6)];
    const parameters = [2, ...u16(value.length), ...value];
    for (const short of [255, 1, 7])
      assert.deepEqual(
        decode(bytes(fixed(), u8(short), u8(255), u16(parameters.length), parameters)).capabilities,
        decode(open(...parameter(2, ...value))).capabilities,
      );
  });

  for (const { name, value, is } of [
    { name: "families that we do not know", value: capability(1, 0, 25, 0, 70), is: { families: [] } },
    { name: "a multiprotocol capability of 3 octets", value: capability(1, 0, 1, 0), is: {} },
    { name: "a four-octet AS of 2 octets", value: capability(65, 1, 1), is: {} },
    { name: "a route refresh with a value", value: capability(2, 9), is: {} },
    { name: "pre-standard route refresh", value: capability(128), is: { routeRefresh: true } },
    { name: "graceful restart of 3 octets", value: capability(64, 0, 120, 0), is: {} },
    {
      name: "graceful restart without families",
      value: capability(64, 0xc0, 120),
      is: { gracefulRestart: { restarting: true, notification: true, timeSeconds: 120, families: [] } },
    },
    {
      name: "ADD-PATH tuples of an unknown mode",
      value: capability(69, 0, 1, 1, 4, 0, 2, 1, 1),
      is: { addPath: [{ family: "ipv6", mode: "receive" }] },
    },
    { name: "a host name with its domain", value: capability(73, 2, 0x68, 0x31, 1, 0x64), is: { hostname: "h1" } },
    {
      name: "a host name with a control character",
      value: capability(73, 2, 0x68, 0x1b, 0),
      is: { hostname: "h\\x1b" },
    },
    { name: "a host name that is not UTF-8", value: capability(73, 2, 0xc3, 0x28, 0), is: {} },
    {
      name: "a software version without its inner length",
      value: capability(75, 0x46, 0x52, 0x52),
      is: { softwareVersion: "FRR" },
    },
  ])
    test(`reads ${name} tolerantly`, () => {
      const { raw, ...rest } = decode(open(...parameter(2, ...value))).capabilities;
      assert.deepEqual(rest, { ...NONE, ...is });
      assert.equal(raw?.length, 1);
    });

  for (const { name, body, subcode, data = [] } of [
    { name: "version 3", body: bytes(fixed(3), u8(0)), subcode: 1, data: [0, 4] },
    { name: "a body of 9 octets", body: bytes(fixed()), subcode: 0 },
    { name: "parameters longer than the message", body: bytes(fixed(), u8(4), [2, 1]), subcode: 0 },
    { name: "octets behind the parameters", body: bytes(fixed(), u8(0), [1]), subcode: 0 },
    { name: "a parameter that is cut off", body: open(2, 4, 2, 0), subcode: 0 },
    { name: "a parameter head that is cut off", body: open(2), subcode: 0 },
    { name: "a capability over its parameter", body: open(...parameter(2, 65, 4, 0)), subcode: 0 },
    { name: "a capability head that is cut off", body: open(...parameter(2, 65)), subcode: 0 },
    { name: "authentication", body: open(...parameter(1, 0)), subcode: 4 },
    { name: "extended parameters without length", body: bytes(fixed(), u8(255), [255, 0]), subcode: 0 },
    {
      name: "extended parameters longer than the message",
      body: bytes(fixed(), u8(255), [255, 0, 9, 2, 0, 0]),
      subcode: 0,
    },
  ])
    test(`with ${name} is refused with 2/${subcode}`, () => {
      assert.throws(
        () => decode(body),
        (error) => {
          assert.ok(error instanceof BgpError);
          assert.deepEqual([error.code, error.subcode, [...error.data]], [2, subcode, data]);
          return true;
        },
      );
    });

  const family = fc.constantFrom("ipv4" as const, "ipv6" as const);
  const families = fc.uniqueArray(family, { maxLength: 2 });
  const text = fc.string({ maxLength: 40 }).filter((it) => /^[\x20-\x7e]*$/.test(it));
  const capabilities = fc.record(
    {
      families: fc.uniqueArray(family, { minLength: 1, maxLength: 2 }),
      routeRefresh: fc.boolean(),
      enhancedRouteRefresh: fc.boolean(),
      extendedMessage: fc.boolean(),
      fourOctetAs: fc.integer({ min: 0, max: 0xffffffff }),
      gracefulRestart: fc.record({
        restarting: fc.boolean(),
        notification: fc.boolean(),
        timeSeconds: fc.integer({ min: 0, max: 4095 }),
        families: families.chain((some) =>
          fc.tuple(...some.map((one) => fc.record({ family: fc.constant(one), forwarding: fc.boolean() }))),
        ),
      }),
      addPath: fc.array(
        fc.record({ family, mode: fc.constantFrom("receive" as const, "send" as const, "both" as const) }),
        {
          maxLength: 60,
        },
      ),
      hostname: text,
      softwareVersion: text,
    },
    { requiredKeys: ["routeRefresh", "enhancedRouteRefresh", "extendedMessage", "addPath"] },
  );

  test("decoded after encoding is the same", () => {
    fc.assert(
      fc.property(
        capabilities,
        fc.nat(0xffff),
        fc.nat(0xffff),
        fc.integer({ min: 0, max: 0xffffffff }),
        (some, asn, holdSeconds, identifier) => {
          const sent = { version: 4, asn, holdSeconds, identifier, capabilities: some } as OpenMessage;
          const octets = encodeOpen(sent);
          const { capabilities: got, ...rest } = decodeOpen(octets, 19, octets.length);
          const { raw: _, ...without } = got;
          assert.deepEqual({ ...rest, capabilities: without }, JSON.parse(JSON.stringify(sent)));
        },
      ),
      { seed: 1, numRuns: 300 },
    );
  });

  test("of more than 253 octets of capabilities goes out in extended form", () => {
    const addPath = Array.from({ length: 62 }, () => ({ family: "ipv4" as const, mode: "both" as const }));
    const octets = encodeOpen({
      version: 4,
      asn: 1,
      holdSeconds: 0,
      identifier: 1,
      capabilities: { ...NONE, addPath, hostname: "a-host" },
    });
    assert.deepEqual([octets[28], octets[29]], [255, 255]);
    assert.equal(decodeOpen(octets, 19, octets.length).capabilities.addPath.length, 62);
  });

  test("of any octets is decoded or refused with a BgpError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (some, begin) => {
        const body = begin ? bytes(fixed(), u8(some.length), [...some]) : some;
        try {
          decode(body);
        } catch (error) {
          assert.ok(error instanceof BgpError, String(error));
        }
      }),
      { seed: 2, numRuns: 2000 },
    );
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { endOfRib } from "../../src/bgp/update-writer.ts";
import { measureUpdates } from "../../src/daemon/sent-routes.ts";
import { attribute, bytes, message } from "../bgp/wire.ts";

const IPV4 = message(2, bytes([0, 5, 8, 10, 16, 172, 16, 0, 0, 24, 192, 0, 2, 0]));
const REACH = attribute(0x90, 14, [
  0,
  2,
  1,
  16,
  ...new Array<number>(16).fill(1),
  0,
  32,
  32,
  1,
  13,
  184,
  0,
  64,
  32,
  1,
  13,
  184,
  0,
  0,
  0,
  0,
]);
const UNREACH = attribute(0x80, 15, [0, 2, 1, 16, 32, 1]);
const IPV6 = message(2, bytes([0, 0, 0, UNREACH.length + REACH.length, ...UNREACH, ...REACH]));
const WITH_IDS = message(2, bytes([0, 6, 0, 0, 0, 1, 8, 10, 0, 0, 0, 0, 0, 7, 16, 10, 1, 0, 0, 0, 8, 0]));

for (const { name, octets, pathIds, expected } of [
  { name: "IPv4 announced and withdrawn", octets: [...IPV4], pathIds: false, expected: [1, 2, 2] },
  {
    name: "IPv6 by attributes, with the default route among it",
    octets: [...IPV6],
    pathIds: false,
    expected: [1, 3, 1],
  },
  { name: "prefixes behind path identifiers", octets: [...WITH_IDS], pathIds: true, expected: [1, 2, 1] },
  {
    name: "several messages, End-of-RIB among them",
    octets: [...IPV4, ...endOfRib("ipv6"), ...IPV6],
    pathIds: false,
    expected: [3, 5, 3],
  },
  { name: "nothing", octets: [], pathIds: false, expected: [0, 0, 0] },
])
  test(`what is sent is counted: ${name}`, () => {
    const { messages, announced, withdrawn } = measureUpdates(Uint8Array.from(octets), pathIds);
    assert.deepEqual([messages, announced, withdrawn], expected);
  });

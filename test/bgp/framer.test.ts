import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createFramer, type Framer } from "../../src/bgp/framer.ts";
import { decodeNotification } from "../../src/bgp/notification.ts";
import { bytes, message, ORIGIN, toHex, u8, u16, updateBody } from "./wire.ts";

const MARKER = new Array<number>(16).fill(0xff);
const keepalive = message(4, bytes());
const update = message(2, updateBody({ attributes: [ORIGIN] }));
const long = message(2, updateBody({ nlri: new Array<number>(4000).fill(0) }));
const stream = bytes([...keepalive], [...update], [...long], [...keepalive], [...update]);

/** Every message that is there now, as hexadecimal of type and body. */
function drain(framer: Framer): string[] {
  const out: string[] = [];
  while (framer.next()) out.push(`${framer.type} ${toHex(framer.bytes.subarray(framer.bodyAt, framer.bodyEnd))}`);
  return out;
}

const whole = createFramer();
whole.push(stream, 4096);
const expected = drain(whole);

describe("framer", () => {
  test("finds every message of one chunk in place", () => {
    assert.equal(expected.length, 5);
    const framer = createFramer();
    framer.push(stream, 4096);
    while (framer.next()) assert.equal(framer.bytes, stream);
  });

  test("yields the same messages wherever the stream is cut in two", () => {
    for (let cut = 0; cut <= stream.length; cut++) {
      const framer = createFramer();
      framer.push(stream.slice(0, cut), 4096);
      const first = drain(framer);
      framer.push(stream.slice(cut), 4096);
      assert.deepEqual([...first, ...drain(framer)], expected, `cut at ${cut}`);
      assert.equal(framer.pendingOctets, 0);
    }
  });

  for (const size of [1, 2, 7, 18, 19, 20, 23, 100, 4096])
    test(`yields the same messages from reads of ${size} octets into one reused buffer`, () => {
      const framer = createFramer();
      const reused = new Uint8Array(size);
      const found: string[] = [];
      for (let at = 0; at < stream.length; at += size) {
        const chunk = stream.subarray(at, at + size);
        reused.set(chunk);
        framer.push(reused.subarray(0, chunk.length), 4096);
        found.push(...drain(framer));
        reused.fill(0x5a);
      }
      assert.deepEqual(found, expected);
    });

  test("goes on after a stop, from what it retained, with later chunks behind it", () => {
    for (let stop = 0; stop <= 4; stop++) {
      const framer = createFramer();
      const reused = stream.slice();
      const found: string[] = [];
      framer.push(reused, 4096);
      const take = () => `${framer.type} ${toHex(framer.bytes.subarray(framer.bodyAt, framer.bodyEnd))}`;
      for (let i = 0; i < stop && framer.next(); i++) found.push(take());
      framer.retain();
      reused.fill(0);
      framer.push(stream.slice(0, 30), 4096);
      framer.retain();
      framer.push(stream.slice(30), 4096);
      assert.deepEqual([...found, ...drain(framer)], [...expected, ...expected]);
    }
  });

  const header = (length: number, type: number) => bytes(MARKER, u16(length), u8(type));
  for (const { name, octets, max = 4096, subcode, data } of [
    {
      name: "a marker that is not all ones",
      octets: bytes(new Array(16).fill(0x30), u16(19), u8(4)),
      subcode: 1,
      data: [],
    },
    { name: "one wrong bit in the marker", octets: bytes(MARKER.with(9, 0xfe), u16(19), u8(4)), subcode: 1, data: [] },
    { name: "a length below 19", octets: header(18, 4), subcode: 2, data: [0, 18] },
    { name: "a length of 0", octets: header(0, 2), subcode: 2, data: [0, 0] },
    { name: "a length above 4096", octets: header(4097, 2), subcode: 2, data: [0x10, 1] },
    {
      name: "an OPEN above 4096 even with extended messages",
      octets: header(4097, 1),
      max: 65535,
      subcode: 2,
      data: [0x10, 1],
    },
    { name: "a KEEPALIVE of 20 octets", octets: header(20, 4), subcode: 2, data: [0, 20] },
    { name: "an OPEN of 28 octets", octets: header(28, 1), subcode: 2, data: [0, 28] },
    { name: "an UPDATE of 22 octets", octets: header(22, 2), subcode: 2, data: [0, 22] },
    { name: "a NOTIFICATION of 20 octets", octets: header(20, 3), subcode: 2, data: [0, 20] },
    { name: "a ROUTE-REFRESH of 22 octets", octets: header(22, 5), subcode: 2, data: [0, 22] },
    { name: "type 0", octets: header(19, 0), subcode: 3, data: [0] },
    { name: "type 6", octets: header(19, 6), subcode: 3, data: [6] },
    { name: "type 255", octets: header(19, 255), subcode: 3, data: [255] },
  ])
    test(`ends the stream at ${name} with 1/${subcode}, however it is cut`, () => {
      for (let cut = 0; cut <= octets.length; cut++) {
        const framer = createFramer();
        framer.push(keepalive, max);
        assert.equal(framer.next(), true);
        framer.push(octets.subarray(0, cut), max);
        if (cut < octets.length) assert.equal(framer.next(), false);
        framer.push(octets.subarray(cut), max);
        assert.equal(framer.next(), false);
        assert.deepEqual(framer.fault, { code: 1, subcode, data: Uint8Array.from(data) });
        framer.push(keepalive, max);
        assert.equal(framer.next(), false);
      }
    });

  test("takes UPDATEs up to 65535 octets once extended messages were advertised", () => {
    const large = bytes([...header(65535, 2)], new Array<number>(65535 - 19).fill(0));
    const framer = createFramer();
    for (let at = 0; at < large.length; at += 5000) {
      framer.push(large.subarray(at, at + 5000), 65535);
      if (at + 5000 < large.length) assert.equal(framer.next(), false);
    }
    assert.equal(framer.next(), true);
    assert.equal(framer.bodyEnd - framer.bodyAt, 65535 - 19);
  });
});

test("what is decoded from one of Node's buffers does not share its memory", () => {
  const chunk = Buffer.from([...message(3, bytes([6, 2, 3, 0x62, 0x79, 0x65])), ...shortHeader()]);
  const framer = createFramer();
  framer.push(chunk, 4096);
  assert.equal(framer.next(), true);
  assert.equal(framer.bytes.constructor, Uint8Array);
  const notification = decodeNotification(chunk, 19, 25);
  assert.equal(framer.next(), false);
  chunk.fill(0);
  assert.deepEqual([...notification.data], [3, 0x62, 0x79, 0x65]);
  assert.deepEqual([...(framer.fault?.data ?? [])], [0, 18]);
});

function shortHeader(): Uint8Array {
  return bytes(MARKER, u16(18), u8(4));
}

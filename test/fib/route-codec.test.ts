import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { describeErrno } from "../../src/fib/errno.ts";
import { parseAddressMessage, parseLink, writeAddressDump, writeLinkDump } from "../../src/fib/link-codec.ts";
import { ackErrno, ackText } from "../../src/fib/netlink-ack.ts";
import { createRouteMessage, parseRoute, routeOctets, writeRoute, writeRouteDump } from "../../src/fib/route-codec.ts";
import { AF, NLM_F, RTM } from "../../src/fib/rtnetlink.ts";
import { Ways } from "../../src/fib/ways.ts";

/** Octets from fields written in hexadecimal, one field a word; what stands behind `//` is its name. */
function octets(text: string): Uint8Array {
  const hex = text
    .split("\n")
    .map((line) => line.replace(/\/\/.*/, ""))
    .join("")
    .replace(/\s/g, "");
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

interface Hop {
  readonly gateway?: readonly number[];
  readonly ifindex: number;
  readonly flags?: number;
  readonly weight?: number;
}

function build(ways: Ways, type: number, scope: number, hops: readonly Hop[], source: readonly number[] = []) {
  ways.begin(type, scope);
  if (source.length > 0) ways.source(Uint8Array.from(source), 0, source.length);
  for (const { gateway = [], ifindex, flags = 0, weight = 1 } of hops)
    ways.hop(gateway.length, Uint8Array.from(gateway), 0, ifindex, flags, weight);
  return ways.intern();
}

const GATEWAY6 = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

const ROWS = [
  {
    name: "a new IPv4 route through a gateway is CREATE|EXCL with scope universe",
    set: { af: AF.inet, length: 16, address: [10, 1], flags: NLM_F.request | NLM_F.create | NLM_F.exclusive },
    way: (ways: Ways) => build(ways, 1, 0, [{ gateway: [10, 0, 0, 2], ifindex: 3 }]),
    bytes: `
      44000000 1800 0106 07000000 00000000 // len 68, RTM_NEWROUTE, REQUEST|EXCL|CREATE, seq 7, pid
      02 10 00 00 fe 0c 00 01 00000000     // AF_INET, /16, src_len, tos, main, bird, universe, unicast, flags
      0800 0100 0a010000                   // RTA_DST
      0800 0f00 fe000000                   // RTA_TABLE
      0800 0500 0a000002                   // RTA_GATEWAY
      0800 0400 03000000                   // RTA_OIF`,
  },
  {
    name: "onlink stands in rtm_flags, the metric in RTA_PRIORITY, the source in RTA_PREFSRC",
    set: { af: AF.inet, length: 32, address: [10, 1, 2, 3], metric: 1024, flags: NLM_F.request | NLM_F.replace },
    way: (ways: Ways) => build(ways, 1, 0, [{ gateway: [192, 0, 2, 7], ifindex: 4, flags: 4 }], [10, 0, 0, 1]),
    bytes: `
      54000000 1800 0101 07000000 00000000
      02 20 00 00 fe 0c 00 01 04000000     // RTNH_F_ONLINK
      0800 0100 0a010203
      0800 0600 00040000                   // RTA_PRIORITY 1024
      0800 0f00 fe000000
      0800 0700 0a000001                   // RTA_PREFSRC
      0800 0500 c0000207
      0800 0400 04000000`,
  },
  {
    name: "a device route of IPv4 has scope link; a table above 255 stands in RTA_TABLE only",
    set: { af: AF.inet, length: 24, address: [10, 9, 8], table: 1000, flags: NLM_F.request },
    way: (ways: Ways) => build(ways, 1, 253, [{ ifindex: 5 }]),
    bytes: `
      3c000000 1800 0100 07000000 00000000
      02 18 00 00 fc 0c fd 01 00000000     // RT_TABLE_COMPAT, scope link
      0800 0100 0a090800
      0800 0f00 e8030000
      0800 0400 05000000`,
  },
  {
    name: "multipath is a sequence of rtnexthop, sorted, hops = weight - 1",
    set: { af: AF.inet, length: 0, address: [], flags: NLM_F.request },
    way: (ways: Ways) =>
      build(ways, 1, 0, [
        { gateway: [10, 0, 1, 2], ifindex: 4, weight: 3 },
        { gateway: [10, 0, 0, 2], ifindex: 3 },
      ]),
    bytes: `
      50000000 1800 0100 07000000 00000000
      02 00 00 00 fe 0c 00 01 00000000
      0800 0100 00000000
      0800 0f00 fe000000
      2400 0900                            // RTA_MULTIPATH, 36
      1000 00 00 03000000 0800 0500 0a000002
      1000 00 02 04000000 0800 0500 0a000102`,
  },
  {
    name: "an IPv4 route with an IPv6 gateway uses RTA_VIA with padding",
    set: { af: AF.inet, length: 8, address: [10], flags: NLM_F.request },
    way: (ways: Ways) => build(ways, 1, 0, [{ gateway: GATEWAY6, ifindex: 2 }]),
    bytes: `
      50000000 1800 0100 07000000 00000000
      02 08 00 00 fe 0c 00 01 00000000
      0800 0100 0a000000
      0800 0f00 fe000000
      1600 1200 0a00 fe800000000000000000000000000001 0000 // RTA_VIA {AF_INET6, address}, padded
      0800 0400 02000000`,
  },
  {
    name: "an IPv4 deletion names protocol and metric, any type and scope",
    set: { type: RTM.delRoute, af: AF.inet, length: 16, address: [10, 1], metric: 5, flags: NLM_F.request },
    way: (ways: Ways) => build(ways, 1, 0, [{ gateway: [10, 0, 0, 2], ifindex: 3 }]),
    bytes: `
      3c000000 1900 0100 07000000 00000000
      02 10 00 00 fe 0c ff 00 00000000
      0800 0100 0a010000
      0800 0600 05000000
      0800 0f00 fe000000`,
    size: 52,
  },
  {
    name: "an IPv6 deletion names its next hop too",
    set: { type: RTM.delRoute, af: AF.inet6, length: 32, address: [0x20, 1, 0xd, 0xb8], metric: 1024, flags: 1 },
    way: (ways: Ways) => build(ways, 1, 0, [{ gateway: GATEWAY6, ifindex: 3 }]),
    bytes: `
      60000000 1900 0100 07000000 00000000
      0a 20 00 00 fe 0c 00 01 00000000
      1400 0100 20010db8000000000000000000000000
      0800 0600 00040000
      0800 0f00 fe000000
      1400 0500 fe800000000000000000000000000001
      0800 0400 03000000`,
  },
  {
    name: "a blackhole has no hops",
    set: { af: AF.inet, length: 26, address: [10, 65, 0, 64], flags: NLM_F.request },
    way: (ways: Ways) => build(ways, 6, 0, []),
    bytes: `
      2c000000 1800 0100 07000000 00000000
      02 1a 00 00 fe 0c 00 06 00000000
      0800 0100 0a410040
      0800 0f00 fe000000`,
  },
] as const;

for (const { name, set, way, bytes } of ROWS)
  test(`writeRoute: ${name}`, () => {
    const ways = new Ways();
    const { address, ...fields } = set;
    const route = { ...createRouteMessage(), table: 254, seq: 7, ...fields, way: way(ways) };
    route.address.set(address);
    const out = new Uint8Array(routeOctets(ways, route.way)).fill(0xee);
    const end = writeRoute(out, 0, route, ways);
    const expected = octets(bytes);
    // The length field is checked against what was written; the rows spell the rest.
    assert.deepEqual([...out.subarray(4, end)], [...expected.subarray(4)]);
    assert.equal(out[0]! | (out[1]! << 8), end);
  });

test("parseRoute reads back what writeRoute wrote, at any place in the octets", () => {
  const ways = new Ways();
  const hop = fc.record({
    gateway: fc.oneof(fc.constant([]), fc.array(fc.nat(255), { minLength: 16, maxLength: 16 })),
    ifindex: fc.integer({ min: 1, max: 1000 }),
    flags: fc.constantFrom(0, 4),
    weight: fc.integer({ min: 1, max: 256 }),
  });
  const arbitrary = fc.record({
    length: fc.nat(128),
    metric: fc.nat(0xffffffff),
    table: fc.nat(70_000),
    protocol: fc.nat(255),
    hops: fc.array(hop, { maxLength: 6 }),
    source: fc.oneof(fc.constant([]), fc.array(fc.nat(255), { minLength: 16, maxLength: 16 })),
    type: fc.constantFrom(1, 6),
    at: fc.nat(9),
  });
  fc.assert(
    fc.property(arbitrary, ({ length, metric, table, protocol, hops, source, type, at }) => {
      const way = build(ways, type, 0, hops, source);
      const route = { ...createRouteMessage(), af: AF.inet6, length, metric, table, protocol, way, seq: 9, flags: 5 };
      const out = new Uint8Array(at + routeOctets(ways, way));
      const end = writeRoute(out, at, route, ways);
      const back = createRouteMessage();
      assert.ok(parseRoute(out, at, end - at, back, ways));
      assert.deepEqual({ ...back, address: null }, { ...route, address: null });
      ways.release(way);
      ways.release(back.way);
      assert.equal(ways.size, 0);
    }),
    { seed: 7, numRuns: 500 },
  );
});

test("parseRoute takes any octets without reading behind them or keeping anything", () => {
  const ways = new Ways();
  const whole = octets(ROWS[3].bytes);
  const mutation = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 4 });
  fc.assert(
    fc.property(mutation, fc.nat(whole.length), (changes, length) => {
      const bytes = whole.slice(0, Math.max(16, length));
      for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
      const into = createRouteMessage();
      if (parseRoute(bytes, 0, bytes.length, into, ways)) ways.release(into.way);
      assert.equal(ways.size, 0);
    }),
    { seed: 8, numRuns: 2000 },
  );
});

test("dump requests are what strict checking wants", () => {
  const out = new Uint8Array(64).fill(0xee);
  assert.deepEqual(
    out.slice(0, writeRouteDump(out, 3, AF.inet6, 254)),
    octets("24000000 1a00 0103 03000000 00000000 0a000000 fe000000 00000000 0800 0f00 fe000000"),
  );
  assert.deepEqual(
    out.slice(0, writeLinkDump(out, 4)),
    octets("28000000 1200 0103 04000000 00000000 00000000 00000000 00000000 00000000 0800 1d00 08000000"),
  );
  assert.deepEqual(
    out.slice(0, writeAddressDump(out, 5)),
    octets("18000000 1600 0103 05000000 00000000 00000000 00000000"),
  );
});

test("a link is read with its name and flags; a bridge port's message is none", () => {
  const bytes = octets(`
    2c000000 1000 0000 00000000 00000000
    00 00 0100 03000000 43100100 00000000 // AF_UNSPEC, ARPHRD_ETHER, index 3, UP|BROADCAST|RUNNING|MULTICAST|LOWER_UP
    0900 0300 6361 6c69 00 000000         // IFLA_IFNAME "cali"`);
  assert.deepEqual(parseLink(bytes, 0, bytes.length), {
    ifindex: 3,
    name: "cali",
    up: true,
    carrier: true,
    loopback: false,
  });
  bytes[16] = 7;
  assert.equal(parseLink(bytes, 0, bytes.length), undefined);
});

test("an address is IFA_LOCAL, its peer IFA_ADDRESS; a tentative one is not usable", () => {
  const bytes = octets(`
    30000000 1400 0000 00000000 00000000
    02 20 80 00 05000000                  // AF_INET, /32, PERMANENT, index 5
    0800 0100 0a000002                    // IFA_ADDRESS: the peer
    0800 0200 0a000001                    // IFA_LOCAL
    0800 0800 c0000000                    // IFA_FLAGS PERMANENT|TENTATIVE`);
  assert.deepEqual(parseAddressMessage(bytes, 0, bytes.length), {
    ifindex: 5,
    address: { family: "ipv4", bytes: Uint8Array.of(10, 0, 0, 1) },
    prefixLength: 32,
    peer: { family: "ipv4", bytes: Uint8Array.of(10, 0, 0, 2) },
    usable: false,
  });
});

test("an extended acknowledgement gives errno and the kernel's words", () => {
  const bytes = octets(`
    34000000 0200 0003 07000000 00000000  // NLMSG_ERROR, CAPPED|ACK_TLVS
    9bffffff                              // -101
    44000000 1800 0506 07000000 00000000  // header of the request
    0e00 0100 4e6f 2067 6174 6577 6100 0000`);
  assert.equal(ackErrno(bytes, 0, bytes.length), 101);
  assert.equal(ackText(bytes, 0, bytes.length), "No gatewa");
  assert.match(describeErrno(101, "No gatewa"), /^ENETUNREACH \(no route to the gateway\): .*"No gatewa"; give/);
});

test("ways are freed with their last reference and their numbers used again", () => {
  const ways = new Ways();
  const one = build(ways, 1, 0, [{ ifindex: 1 }]);
  assert.equal(build(ways, 1, 0, [{ ifindex: 1 }]), one);
  const two = build(ways, 1, 0, [{ ifindex: 2 }]);
  assert.notEqual(two, one);
  ways.release(one);
  ways.release(one);
  assert.equal(ways.size, 1);
  assert.equal(build(ways, 1, 0, [{ ifindex: 3 }]), one);
});

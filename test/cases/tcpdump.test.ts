import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { formatAsPath } from "../../src/bgp/format.ts";
import type { OpenMessage } from "../../src/bgp/open.ts";
import type { ParsingClass } from "../../src/bgp/parsing-class.ts";
import { type Received, receive } from "../bgp/receive.ts";
import { SKIP, WIRE } from "./cases-dir.ts";
import { readTcpStreams } from "./pcap.ts";

const BASE: ParsingClass = { id: 1, internal: false, fourOctetAs: true, ifindex: 0 };
const capture = (name: string) => readTcpStreams(new Uint8Array(readFileSync(join(WIRE, "tcpdump", name))));

/** What each direction of a capture amounts to; AS width and path ids as both OPENs, where they are there, negotiated. */
function decode(name: string, given: Partial<ParsingClass> = {}): Received[] {
  const streams = capture(name);
  const opens = new Map<string, OpenMessage>();
  for (const { flow, octets } of streams)
    for (const one of receive(octets, BASE, 65535)) if (one.kind === "open") opens.set(flow, one.open);
  return streams.flatMap(({ flow, reverse, octets }) => {
    const [from, to] = [opens.get(flow)?.capabilities, opens.get(reverse)?.capabilities];
    const fourOctetAs = !from || !to || (from.fourOctetAs !== undefined && to.fourOctetAs !== undefined);
    return receive(octets, { ...BASE, fourOctetAs, ...given }, 65535);
  });
}

const opensOf = (all: readonly Received[]) => all.flatMap((one) => (one.kind === "open" ? [one.open] : []));
const updatesOf = (all: readonly Received[]) => all.flatMap((one) => (one.kind === "update" ? [one.update] : []));
const wordsOf = (all: readonly Received[]) => all.flatMap((one) => (one.kind === "notification" ? [one.words] : []));
const faultsOf = (all: readonly Received[]) => all.flatMap((one) => (one.kind === "fault" ? [one.code] : []));

/** Messages found by their markers, for captures whose streams are not in step. */
function byMarker(octets: Uint8Array): Uint8Array[] {
  const marker = Buffer.alloc(16, 0xff);
  const out: Uint8Array[] = [];
  const all = Buffer.from(octets);
  for (let at = all.indexOf(marker); at >= 0 && at + 19 <= all.length; at = all.indexOf(marker, at + 1)) {
    const length = all.readUInt16BE(at + 16);
    if (length >= 19 && at + length <= all.length) out.push(new Uint8Array(all.subarray(at, at + length)));
  }
  return out;
}

describe("tcpdump captures", { skip: SKIP }, () => {
  test("bgp-4byte-asn: AS_PATH with 23456 and AS4_PATH merge to the real path", () => {
    const all = decode("bgp-4byte-asn.pcap");
    assert.deepEqual(faultsOf(all), []);
    const paths = updatesOf(all).flatMap(({ attributes }) => (attributes ? [formatAsPath(attributes.asPath)] : []));
    assert.deepEqual(paths, [
      "2764334674 1",
      "200 1 222222 333333 4294967290",
      "2764334674 200 1 222222 333333 4294967290",
      "2764334674 1",
      "2764334674 200 1 222222 333333 4294967290",
      "2764334674 1",
      "1",
    ]);
    // The same paths as tcpdump prints for the sessions of four-octet speakers, and 35 messages in all.
    assert.equal(all.length, 35);
  });

  test("bgp-addpath: two MP_REACH_NLRI end the session with 3/1", () => {
    assert.deepEqual(faultsOf(decode("bgp-addpath.pcap", { addPathIpv4: true, addPathIpv6: true })), ["3/1"]);
  });

  test("bgp-cease-hard-reset: N bit of graceful restart, and what is inside the hard reset", () => {
    const all = decode("bgp-cease-hard-reset.pcap");
    assert.deepEqual(wordsOf(all), ["cease: hard reset (6/9): cease: peer de-configured (6/3)"]);
    const restart = opensOf(all).map(({ capabilities }) => capabilities.gracefulRestart);
    assert.ok(restart.some((one) => one?.notification && one.timeSeconds === 300));
  });

  test("bgp-enhanced-route-refresh: capabilities in parameters of their own", () => {
    const [open] = opensOf(decode("bgp-enhanced-route-refresh.pcapng"));
    const codes = open?.capabilities.raw?.map(({ code }) => code) ?? [];
    for (const code of [1, 2, 6, 65, 69, 70, 128]) assert.ok(codes.includes(code), `${code} of ${codes}`);
    assert.ok(open?.capabilities.enhancedRouteRefresh && open.capabilities.routeRefresh);
  });

  test("bgp-extended-msg: capability 6", () => {
    assert.ok(opensOf(decode("bgp-extended-msg.pcapng"))[0]?.capabilities.extendedMessage);
  });

  test("bgp-extended-optional-parameters-length: an OPEN in RFC 9072 form", () => {
    const all = decode("bgp-extended-optional-parameters-length.pcapng");
    assert.deepEqual(faultsOf(all), []);
    assert.ok((opensOf(all)[0]?.capabilities.raw?.length ?? 0) > 0);
  });

  test("bgp-large-community: several UPDATEs in one segment", () => {
    const all = decode("bgp-large-community.pcap");
    assert.equal(updatesOf(all).length, 5);
    assert.ok(
      updatesOf(all).every(({ outcome, attributes }) => outcome === "none" && attributes?.largeCommunities.length),
    );
  });

  test("bgp-shutdown-communication: both texts", () => {
    const text = '"This is a test of the shutdown communication system."';
    // Both packets are the first of a connection of their own in the capture, with the same ports.
    const words = capture("bgp-shutdown-communication.pcapng").flatMap(({ octets }) => wordsOf(receive(octets, BASE)));
    assert.ok(words.includes(`cease: administrative shutdown (6/2): ${text}`), words.join());
  });

  test("mpbgp-linklocal-nexthop: the NEXT_HOP of 0.0.0.0 beside MP_REACH_NLRI is not looked at", () => {
    const [update] = updatesOf(decode("mpbgp-linklocal-nexthop.pcap", { fourOctetAs: false }));
    assert.deepEqual([update?.outcome, update?.announced], ["none", ["4:5::/64"]]);
    assert.equal(update?.attributes?.nextHop?.bytes[0], 0xde);
    assert.equal(update?.attributes?.linkLocalNextHop?.bytes[0], 0xfe);
  });

  test("bgp-encap: EVPN is passed over and the session survives", () => {
    const all = decode("bgp-encap.pcap", { internal: true });
    assert.deepEqual(
      all.map((one) => one.kind),
      ["update"],
    );
    assert.deepEqual(updatesOf(all)[0]?.announced, []);
  });

  test("bgp-ub: a stream out of step is refused, its well-formed L2VPN messages are passed over", () => {
    const [stream] = capture("bgp-ub.pcap");
    assert.deepEqual(receive(stream!.octets, BASE), [{ kind: "fault", code: "1/1" }]);
    const messages = byMarker(stream!.octets);
    const outcomes = messages.map((octets) => receive(octets, { ...BASE, internal: true, fourOctetAs: false })[0]);
    assert.ok(messages.length > 0);
    assert.ok(outcomes.filter((one) => one?.kind === "update" && one.update.announced.length === 0).length > 0);
  });

  for (const [name, faults] of [
    ["bgp-infinite-loop.pcap", ["1/2", "1/2", "1/2", "1/2"]],
    ["bgp-as-path-oobr.pcap", ["3/1", "1/1"]],
    ["bgp-bgp_capabilities_print-oobr-1.pcap", ["1/1"]],
    ["bgp_mp_reach_nlri-oobr.pcap", ["1/1"]],
    ["bgp_vpn_rt-oobr.pcap", ["3/1"]],
  ] as const)
    test(`${name} ends in ${faults.join(", ")}, and every message in it alone in some outcome`, () => {
      assert.deepEqual(faultsOf(decode(name)), faults);
      for (const { octets } of capture(name))
        for (const message of byMarker(octets))
          for (const fourOctetAs of [true, false]) assert.ok(receive(message, { ...BASE, fourOctetAs }).length > 0);
    });
});

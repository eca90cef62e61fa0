import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { faults, parsed, plain } from "./parsing.ts";

const BASE = { peerIP: "10.0.0.254", asNumber: 65000 };
const peer = (fields: object) => parsed("BGPPeer", { ...BASE, ...fields });

describe("a BGPPeer", () => {
  it("has the defaults of Calico", () =>
    assert.deepEqual(peer({}), {
      kind: "BGPPeer",
      name: "x",
      peer: { by: "address", family: "ipv4", address: "10.0.0.254" },
      asn: 65000,
      keepOriginalNextHop: false,
      sourceAddress: "UseNodeIP",
      numAllowedLocalAsNumbers: 0,
      filters: [],
      reversePeering: "Auto",
    }));

  it("has every field", () =>
    assert.deepEqual(
      plain(
        peer({
          nodeSelector: "rack == 'r1'",
          nextHopMode: "Self",
          localASNumber: "1.1",
          password: { secretKeyRef: { name: "s", key: "k" } },
          sourceAddress: "None",
          maxRestartTime: "90s",
          keepaliveTime: "1m",
          numAllowedLocalASNumbers: 2,
          ttlSecurity: 1,
          reachableBy: "10.0.0.253",
          filters: ["a", "b"],
          reversePeering: "Manual",
        }),
      ),
      {
        kind: "BGPPeer",
        name: "x",
        nodeSelector: { text: "rack == 'r1'" },
        peer: { by: "address", family: "ipv4", address: "10.0.0.254" },
        asn: 65000,
        keepOriginalNextHop: false,
        nextHopMode: "Self",
        localAsn: 65537,
        password: { name: "s", key: "k" },
        sourceAddress: "None",
        maxRestartTime: 90,
        keepaliveTime: 60,
        numAllowedLocalAsNumbers: 2,
        ttlSecurity: 1,
        reachableBy: "10.0.0.253",
        filters: ["a", "b"],
        reversePeering: "Manual",
      },
    ));

  for (const [peerIP, expected] of [
    ["10.0.0.1", { family: "ipv4", address: "10.0.0.1" }],
    ["10.0.0.1:180", { family: "ipv4", address: "10.0.0.1", port: 180 }],
    ["10.0.0.1:179", { family: "ipv4", address: "10.0.0.1", port: 179 }],
    ["FD00:0::1", { family: "ipv6", address: "fd00::1" }],
    ["[fd00::1]:180", { family: "ipv6", address: "fd00::1", port: 180 }],
    ["ffee::10", { family: "ipv6", address: "ffee::10" }],
    ["::ffff:10.0.0.1", { family: "ipv4", address: "10.0.0.1" }],
  ] as const)
    it(`with peerIP ${peerIP} is ${JSON.stringify(expected)}`, () =>
      assert.deepEqual(peer({ peerIP }).peer, { by: "address", ...expected }));

  for (const peerIP of [
    ...["10.0.0", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:", "10.0.0.1/32", "0.0.0.0", "::", "[::]:179"],
    ...["[fd00::1]", "[10.0.0.1]:179", "[fd00::1]:", "fe80::1%eth0", "tor.example", " 10.0.0.1", "10.0.0.1:1e3"],
  ])
    it(`cannot have the peerIP ${peerIP}`, () =>
      assert.deepEqual(faults("BGPPeer", { peerIP, asNumber: 1 }), [
        `spec.peerIP: expected an address of a host, as 10.0.0.1, 10.0.0.1:180, fd00::1 or [fd00::1]:180, not \`${peerIP}\``,
      ]));

  it("by selector has no AS number", () => {
    const { asn, peer } = parsed("BGPPeer", { peerSelector: "has(rr)", asNumber: 0 });
    assert.equal(asn, undefined);
    assert.ok(peer.by === "selector" && peer.selector.matches({ rr: "" }));
  });

  it("of local workloads has one", () => {
    const { asn, peer } = parsed("BGPPeer", { localWorkloadSelector: "all()", asNumber: 65401 });
    assert.equal(asn, 65401);
    assert.equal(peer.by, "localWorkload");
  });

  it("with an empty selector has none", () => {
    const empty = peer({ nodeSelector: "", peerSelector: null, localWorkloadSelector: "" });
    assert.equal(empty.nodeSelector, undefined);
    assert.equal(empty.peer.by, "address");
  });

  for (const [written, seconds] of [
    ["120s", 120],
    ["1m30s", 90],
    ["1h0m0s", 3600],
    ["1.5s", 2],
    ["1.4s", 1],
    ["2500ms", 3],
    ["1m.5s", 61],
    ["+10s", 10],
    ["0", 0],
    ["499ms", 0],
    ["1s1s", 2],
    ["999999999ns", 1],
    ["1000000µs", 1],
    ["1000000us", 1],
  ] as const)
    it(`with maxRestartTime ${written} has ${seconds} s`, () =>
      assert.equal(peer({ maxRestartTime: written }).maxRestartTime, seconds));

  for (const written of ["120", "-1s", "s", "1x", "1 s", "1d", "", "1s ", ".s", "1m30", "99999999999h", 120, true, {}])
    it(`${written === "" ? "has none of an empty" : "cannot have the"} maxRestartTime ${JSON.stringify(written)}`, () => {
      if (written === "") assert.equal(peer({ maxRestartTime: written }).maxRestartTime, undefined);
      else
        assert.match(
          faults("BGPPeer", { ...BASE, maxRestartTime: written })[0]!,
          /^spec\.maxRestartTime: expected a duration such as 120s or 1m30s, not /,
        );
    });

  it("with zeros for keepaliveTime and ttlSecurity has neither", () => {
    const { keepaliveTime, ttlSecurity } = peer({ keepaliveTime: "0s", ttlSecurity: 0 });
    assert.deepEqual([keepaliveTime, ttlSecurity], [undefined, undefined]);
  });

  it("may keep the next hop where no mode is said, and may deny it beside one", () => {
    assert.equal(peer({ keepOriginalNextHop: true }).keepOriginalNextHop, true);
    assert.equal(peer({ keepOriginalNextHop: false, nextHopMode: "Keep" }).nextHopMode, "Keep");
    // Calico's API refuses both; what is stored all the same has one meaning (calico-bgp.md 3.7).
    assert.equal(peer({ keepOriginalNextHop: true, nextHopMode: "Auto" }).nextHopMode, "Auto");
  });

  for (const [because, spec, ...expected] of [
    ["no peer", { asNumber: 1 }, "spec: says no peer: one of peerIP, peerSelector and localWorkloadSelector is needed"],
    [
      "two peers",
      { ...BASE, peerSelector: "all()" },
      "spec: has peerIP and peerSelector; only one can say who the peer is",
    ],
    [
      "two other peers",
      { peerSelector: "all()", localWorkloadSelector: "all()" },
      "spec: has peerSelector and localWorkloadSelector; only one can say who the peer is",
    ],
    [
      "node and nodeSelector",
      { ...BASE, node: "n", nodeSelector: "all()" },
      "spec: has both node and nodeSelector; only one can say where the peering is",
    ],
    ["peerIP without AS", { peerIP: "10.0.0.1" }, "spec.asNumber: is needed beside peerIP"],
    ["AS 0", { peerIP: "10.0.0.1", asNumber: 0 }, "spec.asNumber: is needed beside peerIP"],
    [
      "workloads without AS",
      { localWorkloadSelector: "all()" },
      "spec.asNumber: is needed beside localWorkloadSelector",
    ],
    [
      "peerSelector with AS",
      { peerSelector: "all()", asNumber: 1 },
      "spec.asNumber: cannot stand beside peerSelector: the AS numbers are those of the nodes",
    ],
    [
      "a gateway of the other family",
      { ...BASE, reachableBy: "fd00::1" },
      "spec.reachableBy: needs a peerIP of its own address family",
    ],
    [
      "a gateway to no address",
      { peerSelector: "all()", reachableBy: "10.0.0.1" },
      "spec.reachableBy: needs a peerIP of its own address family",
    ],
    [
      "a gateway that is none",
      { ...BASE, reachableBy: "10.0.0.1/32" },
      "spec.reachableBy: expected an IP address, not `10.0.0.1/32`",
    ],
    [
      "a selector that does not parse",
      { peerSelector: "has(a" },
      "spec.peerSelector: expected `)` before the end at column 6 of `has(a`",
    ],
    [
      "a long selector",
      { peerSelector: `has(${"a".repeat(1024)})` },
      "spec.peerSelector: a selector of more than 1024 characters",
    ],
    ["an unknown word", { ...BASE, nextHopMode: "keep" }, "spec.nextHopMode: expected Auto, Self or Keep, not `keep`"],
    ["a far hop", { ...BASE, ttlSecurity: 256 }, "spec.ttlSecurity: expected a whole number from 0 to 255, not `256`"],
    [
      "a negative count",
      { ...BASE, numAllowedLocalASNumbers: -1 },
      "spec.numAllowedLocalASNumbers: expected a whole number from 0 to 2147483647, not `-1`",
    ],
    [
      "half a reference",
      { ...BASE, password: { secretKeyRef: { name: "s" } } },
      "spec.password.secretKeyRef: needs the name of a Secret and a key in it; key is missing",
    ],
    [
      "a name of two lines",
      { ...BASE, filters: ["a\nb"] },
      "spec.filters[0]: expected the name of a BGPFilter of at most 253 characters, not `a\ufffdb`",
    ],
    ["filters in no list", { ...BASE, filters: "a" }, "spec.filters: expected a list, not `a`"],
    ["no spec", undefined, "spec: says no peer: one of peerIP, peerSelector and localWorkloadSelector is needed"],
    [
      "two faults",
      { ...BASE, sourceAddress: "x", ttlSecurity: "y" },
      "spec.sourceAddress: expected UseNodeIP or None, not `x`",
      "spec.ttlSecurity: expected a whole number from 0 to 255, not `y`",
    ],
  ] as const)
    it(`${because}: is invalid`, () => assert.deepEqual(faults("BGPPeer", spec), expected));
});

import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { explainRoute } from "../../src/control/render-explain.ts";
import { explainPeer } from "../../src/control/render-peer.ts";
import { parsePrefix } from "../../src/ip/prefix.ts";
import { type Routers, startRouters } from "./routers.ts";

const PREFER = `
policies:
  prefer:
    - { match: { prefixes: [10.10.1.0/24] }, set: { preference: 150 }, action: accept }
    - { match: { prefixes: [10.10.2.0/24] }, set: { localPref: 200 }, action: accept }
    - { action: accept }
  picky:
    - { match: { prefixes: [10.10.6.0/24] }, action: reject }
    - { call: odd }
    - { action: accept }
  odd:
    - { match: { prefixes: [10.10.17.0/24] }, action: reject }
    - { match: { prefixes: [10.10.7.0/24], asPath: { length: < 3 } }, set: { metric: 2147483647 - localPref }, action: continue }
  some:
    - { match: { source: [kernel] }, action: accept }
    - { match: { prefixes: [10.10.8.0/24] }, action: reject }
    - { action: accept }
  fib:
    - { match: { prefixes: [10.10.7.0/24] }, action: reject }
    - { action: accept }
`;

const OURS = `
router: { id: 10.0.0.1, asn: 65000 }
kernel: { export: fib, multipath: 1 }
static:
  - { prefix: 10.10.8.0/24, blackhole: true }
  - { prefix: 10.10.9.0/24, via: [10.0.0.3] }
${PREFER}
peers:
  - { name: a, address: 10.0.0.2, asn: 65001, import: picky, export: accept, timers: { connectDelay: 0s } }
  - { name: b, address: 10.0.0.3, asn: 65002, import: prefer, export: some, timers: { connectDelay: 0s } }
  - { name: c, address: 10.0.0.4, asn: 65000, timers: { connectDelay: 0s } }
  - { name: d, address: 10.0.0.5, asn: 65000, timers: { connectDelay: 0s } }
  - { name: e, address: 10.0.0.6, asn: 65001, import: accept, export: reject, timers: { connectDelay: 0s } }
  - { name: f, address: 10.0.0.7, asn: 65003, timers: { connectDelay: 0s } }
  - { name: wrong, address: 10.0.0.8, asn: 65009, import: accept, export: accept, timers: { connectDelay: 0s } }
  - { name: off, address: 10.0.0.98, asn: 65004, import: accept, export: accept, disabled: true }
  - { name: gone, address: 10.0.0.99, asn: 65004, import: accept, export: accept, timers: { connectDelay: 0s } }
`;

function neighbour(last: number, asn: number, prefixes: readonly string[], rules = ""): string {
  const statics = prefixes.map((prefix) => `  - { prefix: ${prefix}, blackhole: true }`).join("\n");
  return `
router: { id: 10.0.0.${last}, asn: ${asn} }
static:
${statics}
policies:
  out:
${rules}
    - { match: { source: [static, kernel] }, action: accept }
    - { action: reject }
peers:
  - { name: us, address: 10.0.0.1, asn: 65000, import: reject, export: out, passive: true }
`;
}

const both = ["10.10.1.0/24", "10.10.2.0/24", "10.10.3.0/24", "10.10.5.0/24"];

describe("explain", () => {
  let routers: Routers;
  const text = (prefix: string, peer?: string) =>
    explainRoute(routers.view("us").explain(parsePrefix(prefix)!, peer)).join("\n");

  before(() => {
    routers = startRouters({
      us: { address: "10.0.0.1", yaml: OURS },
      a: {
        address: "10.0.0.2",
        yaml: neighbour(
          2,
          65001,
          [...both, "10.10.6.0/24", "10.10.7.0/24", "10.10.10.0/24", "10.10.12.0/24", "10.10.13.0/24", "10.10.17.0/24"],
          `    - { match: { prefixes: [10.10.12.0/24] }, set: { addCommunities: [no-advertise] }, action: accept }
    - { match: { prefixes: [10.10.13.0/24] }, set: { addCommunities: [no-export] }, action: accept }`,
        ),
      },
      b: {
        address: "10.0.0.3",
        yaml: neighbour(
          3,
          65002,
          both,
          "    - { match: { prefixes: [10.10.3.0/24] }, set: { prepend: 2 }, action: accept }",
        ),
      },
      c: {
        address: "10.0.0.4",
        yaml: neighbour(
          4,
          65000,
          ["10.10.14.0/24", "10.10.15.0/24"],
          "    - { match: { prefixes: [10.10.15.0/24] }, set: { nextHop: 192.0.2.1 }, action: accept }",
        ),
      },
      d: { address: "10.0.0.5", yaml: neighbour(5, 65000, []) },
      e: {
        address: "10.0.0.6",
        yaml: neighbour(6, 65001, ["10.10.10.0/24"], "    - { set: { med: 50 }, action: continue }"),
      },
      wrong: { address: "10.0.0.8", yaml: neighbour(8, 65008, []) },
      f: { address: "10.0.0.7", yaml: neighbour(7, 65003, ["10.10.16.0/24"]) },
    });
    routers.run(30);
  });

  const losses: readonly [string, string, RegExp][] = [
    ["preference", "10.10.1.0/24", /Lost: from a \(10\.0\.0\.2\): preference 100 against 150 \(the higher stays\)/],
    ["local preference", "10.10.2.0/24", /Lost: from a .*: local preference 100 against 200/],
    ["AS path length", "10.10.3.0/24", /Lost: from b .*: AS path length 3 against 1 \(the shorter stays\)/],
    ["MED", "10.10.10.0/24", /Lost: from e .*: MED 50 against 0/],
    ["router id", "10.10.5.0/24", /Lost: from b .*: router id 10\.0\.0\.3 against 10\.0\.0\.2/],
    [
      "the import policy, with its rule",
      "10.10.6.0/24",
      /Rejected: from a .*import policy rejects it\n {2}picky, rule 1: matches.*: reject/,
    ],
    [
      "a policy that was called, each step of the way",
      "10.10.17.0/24",
      /Rejected: from a .*\n {2}picky, rule 1: does not match: prefix is 10\.10\.17\.0\/24; .*\n {2}picky, rule 2: matches: calls odd\n {4}odd, rule 1: matches: reject/,
    ],
    ["RFC 8212", "10.10.16.0/24", /Rejected: from f .*RFC 8212/],
    ["an unreachable next hop", "10.10.15.0/24", /Unusable: from c .*unreachable/],
  ];
  for (const [step, prefix, expected] of losses)
    it(`names ${step} where that removed a path`, () => assert.match(text(prefix), expected));

  const stops: readonly [string, string, string, RegExp][] = [
    [
      "a session that is down",
      "10.10.5.0/24",
      "gone",
      /To gone: not announced, stopped by session: the session is not Established/,
    ],
    [
      "a route without a usable path",
      "10.10.15.0/24",
      "b",
      /To b: not announced, stopped by selection: there is no usable path/,
    ],
    [
      "a path of that peer itself",
      "10.10.1.0/24",
      "b",
      /To b: not announced, stopped by source: the best path came from this peer/,
    ],
    ["reflection", "10.10.14.0/24", "d", /To d: not announced, stopped by split horizon: .*internal peer/],
    ["NO_ADVERTISE", "10.10.12.0/24", "b", /To b: not announced, stopped by community: .*NO_ADVERTISE/],
    ["NO_EXPORT", "10.10.13.0/24", "b", /To b: not announced, stopped by community: .*NO_EXPORT/],
    [
      "the export policy, with the rules that were looked at",
      "10.10.8.0/24",
      "b",
      /To b: not announced, stopped by export policy: .*at rule 2 of "some"\n {2}some, rule 1: does not match: source is static; the rule wants kernel\n {2}some, rule 2: matches.*: reject/,
    ],
    [
      "a next hop that is the peer",
      "10.10.9.0/24",
      "b",
      /To b: not announced, stopped by next hop: its next hop is the peer itself/,
    ],
    ["a policy that is not configured", "10.10.5.0/24", "f", /To f: not announced, stopped by export policy/],
  ];
  for (const [what, prefix, peer, expected] of stops)
    it(`names ${what} as what stopped an announcement`, () => assert.match(text(prefix, peer), expected));

  it("traces the import of the best path, with what each rule sets", () => {
    assert.match(
      text("10.10.7.0/24"),
      /imported by\n {4}picky, rule 1: does not match: .*\n {4}picky, rule 2: matches: calls odd\n {6}odd, rule 1: does not match: .*\n {6}odd, rule 2: matches, sets metric 2147483547 \(2147483647 - localPref\): continue\n {4}picky, rule 3: matches: accept\n/,
    );
    assert.match(
      text("10.10.5.0/24"),
      /odd, rule 2: does not match: prefix is 10\.10\.5\.0\/24; the rule wants 10\.10\.7\.0\/24/,
    );
  });

  it("shows what a peer gets where it is announced", () => {
    assert.match(text("10.10.5.0/24", "e"), /To e: not announced, stopped by export policy/);
    assert.match(text("10.10.5.0/24", "b"), /To b: announced\n {2}next hop 10\.0\.0\.2, AS path 65000 65001/);
    assert.match(
      text("10.10.5.0/24", "d"),
      /To d: announced\n {2}next hop 10\.0\.0\.2, AS path 65001, local preference 100/,
    );
  });

  it("says why a route is not in the kernel", () => {
    routers.kernel("us").set("10.10.5.0/24", { state: "shadowed", shadowedBy: 80 });
    assert.match(text("10.10.5.0/24"), /Kernel: not installed: a route of protocol 80 has the same prefix and metric/);
    routers.kernel("us").set("10.10.5.0/24", { state: "failed", error: "network is unreachable (ENETUNREACH)" });
    assert.match(text("10.10.5.0/24"), /Kernel: refused: network is unreachable/);
    routers.kernel("us").delete("10.10.5.0/24");
    assert.match(text("10.10.5.0/24"), /Kernel: installed/);
    assert.match(text("10.10.7.0/24"), /Kernel: not written: .*"fib" rejects it\n {2}fib, rule 1: matches.*: reject/);
    assert.match(text("10.0.0.0/24"), /Kernel: not written: .*source direct/);
    assert.match(text("10.10.15.0/24"), /No path is usable[\s\S]*Kernel: not written: there is no usable path/);
  });

  it("explains a session that is up, and one that is not", () => {
    const peers = routers.view("us").peers();
    const up = explainPeer(peers.find((peer) => peer.name === "a")!).join("\n");
    assert.match(up, /^a \(10\.0\.0\.2\)\n {2}eBGP peer, AS 65001, ours 65000\n\nEstablished for 00:00:\d\d/);
    assert.match(
      up,
      /Routes: import policy picky, export policy accept\n {2}ipv4: 10 received, 8 accepted, \d+ announced \(complete\)/,
    );
    const refused = explainPeer(peers.find((peer) => peer.name === "wrong")!).join("\n");
    assert.match(refused, /we sent .*bad peer AS .*the peer is AS 65008, expected AS 65009 \(\d/);
    assert.match(refused, /What may help: we expect AS 65009: correct asn of "wrong", or the peer's own/);
    const refusing = explainPeer(routers.view("wrong").peers()[0]!).join("\n");
    assert.match(refusing, /the peer sent .*bad peer AS[\s\S]*configured for another AS than ours, 65008/);
    const off = explainPeer(peers.find((peer) => peer.name === "off")!).join("\n");
    assert.match(off, /Disabled for [\s\S]*disabled in the configuration\n {2}Never Established/);
    const down = explainPeer(peers.find((peer) => peer.name === "gone")!).join("\n");
    assert.match(down, /^gone \(10\.0\.0\.99\)[\s\S]*(Active|Connect|Idle) for /);
    assert.match(down, /Next attempt in \d+ s/);
  });
});

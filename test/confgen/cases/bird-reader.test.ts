/** The reader of BIRD's configuration, and what it finds in the files that Calico's confd is to write. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type BirdConfig, readBirdConfig } from "./bird-config.ts";
import { judge } from "./bird-interpreter.ts";
import { CASES, caseOf, expectedConfig, expectedFiles, SKIP } from "./case-list.ts";

const FILES = ["bird.cfg", "bird_aggr.cfg", "bird_ipam.cfg", "bird6.cfg", "bird6_aggr.cfg", "bird6_ipam.cfg"];

function read(text: string): BirdConfig {
  return readBirdConfig(new Map([["bird.cfg", `router id 10.0.0.1;\n${text}`]]), "bird.cfg");
}

describe("reader of BIRD's configuration", () => {
  test("a protocol takes the options of its template over, and its own go first", () => {
    const { peers } = read(`
      template bgp t { local as 64512; add paths on; import filter { accept; }; }
      protocol bgp p from t { neighbor fd00::1 port 180 as 65000; local as 65001; multihop 2; ttl security on; }`);
    const [peer] = peers;
    assert.equal(peer?.address, "fd00::1");
    assert.deepEqual([peer.port, peer.asn, peer.localAs, peer.multihop], [180, 65000, 65001, 2]);
    assert.deepEqual([peer.ttlSecurity, peer.addPaths, peer.passive], [true, true, false]);
    assert.deepEqual(peer.import, [{ type: "accept" }]);
  });

  test("an unknown option is an error with file and line", () => {
    assert.throws(() => read("protocol bgp p {\n  strange 1;\n}"), /bird\.cfg:3: expected an option/);
    assert.throws(() => read("protocol bgp p { from nobody; }"), /expected an option/);
    assert.throws(() => read("roa table x;"), /"roa" is not understood/);
    assert.throws(() => read("filter f { what is this }"), /bird\.cfg:2: expected "\("/);
  });

  test("included files belong to it, comments do not", () => {
    const files = new Map([
      ["a", '# first\nrouter id 10.0.0.9; /* include\n "c"; */ include "b";'],
      ["b", "protocol static { route 10.0.0.0/8 blackhole; route fd00::/64 via fe80::1; } # end"],
    ]);
    const config = readBirdConfig(files, "a");
    assert.equal(config.routerId, "10.0.0.9");
    assert.deepEqual(config.static, [{ prefix: "10.0.0.0/8" }, { prefix: "fd00::/64", via: "fe80::1" }]);
  });

  test("of the interfaces of direct, those with a minus are left out", () => {
    const { direct } = read('protocol direct { interface -"cali*", -"eth1", "*"; }');
    assert.deepEqual([direct.except, direct.only], [["cali*", "eth1"], ["*"]]);
  });
});

describe("the expected files", { skip: SKIP }, () => {
  for (const each of CASES)
    for (const step of each.steps.filter(({ expected }) => expected !== undefined))
      test(`${each.name} ${step.step}: all six are there, and every word of them is understood`, () => {
        assert.deepEqual([...expectedFiles(each, step).keys()].sort(), [...FILES].sort());
        for (const family of ["ipv4", "ipv6"] as const) {
          const config = expectedConfig(each, step, family);
          assert.deepEqual(config.direct.only, ["*"]);
          assert.equal(config.kernel.export, "calico_kernel_programming");
          assert.ok(config.filters.has(config.kernel.export));
          assert.ok(config.functions.has("calico_export_to_bgp_peers"));
          for (const peer of config.peers) assert.ok(peer.import && peer.export && peer.localAs > 0, peer.name);
        }
      });

  test("a mesh session: its own block goes out with the priority in LOCAL_PREF, a pod of it does not", () => {
    const each = caseOf("mesh/ipip-always");
    const { peers, functions } = expectedConfig(each, each.steps[0]!, "ipv4");
    const route = (net: string) => ({
      net,
      source: "RTS_INHERIT" as const,
      ifname: "cali1",
      ...{ bgp_path: [], bgp_community: [], bgp_large_community: [], preference: 10 },
    });
    const block = judge(peers[0]!.export, functions, route("192.168.221.64/26"));
    assert.equal(block.verdict, "accept");
    assert.equal(block.route.bgp_local_pref, 2147483647 - 1024);
    assert.equal(judge(peers[0]!.export, functions, route("192.168.221.65/32")).verdict, "reject");
  });
});

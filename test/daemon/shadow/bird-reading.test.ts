import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readPeers, readRoutes, readStatus } from "../../../src/daemon/shadow/bird-reading.ts";
import { formatAddress } from "../../../src/ip/address.ts";

describe("what BIRD answers", () => {
  test("show status: version and identifier, of Calico's fork too", () => {
    const rest = ["Router ID is 10.9.0.1", "Current server time is 2026-11-20 14:47:24", "Daemon is up and running"];
    assert.deepEqual(readStatus(["BIRD 1.6.8", ...rest]), { version: "1.6.8", routerId: "10.9.0.1" });
    assert.equal(readStatus(["BIRD v0.3.3+birdv1.6.8", ...rest]).version, "0.3.3+birdv1.6.8");
    assert.throws(() => readStatus(["Access restricted"]), /no answer to `show status`: Access restricted/);
  });

  test("show protocols all: sessions only, with what is known of those that are up", () => {
    const peers = readPeers([
      "name     proto    table    state  since       info",
      "static1  Static   master   up     14:47:15    ",
      "  Preference:     200",
      "Mesh_10_9_0_2 BGP      master   up     14:54:36    Established   ",
      "  Preference:     100",
      "  Routes:         2 imported, 3 exported, 1 preferred",
      "  BGP state:          Established",
      "    Neighbor address: 10.9.0.2",
      "    Neighbor AS:      64512",
      "    Neighbor ID:      10.9.0.2",
      "    Neighbor caps:    refresh enhanced-refresh AS4 add-path-rx",
      "    Session:          internal multihop route-reflector AS4",
      "    Source address:   10.9.0.1",
      " ",
      "Node_fe80__9 BGP      master   down   14:47:15    Error: No listening socket",
      "  BGP state:          Down",
      "    Neighbor address: fe80::9%eth0",
      "    Neighbor AS:      4200000001",
    ]);
    assert.deepEqual(peers, [
      {
        name: "Mesh_10_9_0_2",
        state: "Established",
        established: true,
        address: "10.9.0.2",
        asn: 64512,
        identifier: "10.9.0.2",
        capabilities: ["refresh", "enhanced-refresh", "AS4", "add-path-rx"],
        localAddress: "10.9.0.1",
        reflectorClient: true,
      },
      {
        name: "Node_fe80__9",
        state: "Down",
        established: false,
        address: "fe80::9",
        asn: 4200000001,
        capabilities: [],
        reflectorClient: false,
      },
    ]);
  });

  test("show route all: prefixes that are left out are the last one's, attributes belong to the line above", () => {
    const routes = readRoutes([
      "10.67.0.0/16       via 10.9.0.2 on v0 [Mesh_10_9_0_2 14:48:20 from 10.9.0.5] * (100/0) [AS65001i]",
      "\tType: BGP unicast univ",
      "\tBGP.origin: Incomplete",
      "\tBGP.as_path: 65001 {65002 65003} 65004",
      "\tBGP.next_hop: 10.9.0.2",
      "\tBGP.med: 5",
      "\tBGP.local_pref: 2147482623",
      "\tBGP.community: (64512,7) (65535,65281)",
      "\tBGP.large_community: (1, 2, 3) (4294967295, 5, 6)",
      "\tBGP.originator_id: 10.9.0.9",
      "\tBGP.cluster_list: 1.1.1.1 2.2.2.2",
      "                   dev v0 [direct1 14:48:10] (240)",
      "\tType: device unicast univ",
      "10.68.0.0/16       multipath [Mesh_10_9_0_2 14:48:20] * (100/0) [i]",
      "\tvia 10.9.0.2 on v0 weight 1",
      "\tvia 10.9.0.3 on v0 weight 1",
      "\tBGP.origin: IGP",
      "\tBGP.as_path: ",
      "fd00:65::/122      blackhole [static1 2016-11-21] * (200)",
      "fd00:66::/122      unreachable [Mesh_x 14:48:20] ! (100/-) [AS1e]",
    ]);
    assert.deepEqual(
      routes.map(({ prefix, protocol, primary, unreachable, preference }) => [
        prefix,
        protocol,
        primary,
        unreachable,
        preference,
      ]),
      [
        ["10.67.0.0/16", "Mesh_10_9_0_2", true, false, 100],
        ["10.67.0.0/16", "direct1", false, false, 240],
        ["10.68.0.0/16", "Mesh_10_9_0_2", true, false, 100],
        ["fd00:65::/122", "static1", true, false, 200],
        ["fd00:66::/122", "Mesh_x", false, true, 100],
      ],
    );
    const { nextHop, ...attributes } = routes[0]!.attributes!;
    assert.equal(formatAddress(nextHop!), "10.9.0.2");
    assert.deepEqual(attributes, {
      origin: 2,
      asPath: [
        { kind: "sequence", asns: [65001] },
        { kind: "set", asns: [65002, 65003] },
        { kind: "sequence", asns: [65004] },
      ],
      med: 5,
      localPref: 2147482623,
      communities: [(64512 * 65536 + 7) >>> 0, 0xffffff01],
      largeCommunities: [1, 2, 3, 4294967295, 5, 6],
      originatorId: 0x0a090009,
      clusterList: [0x01010101, 0x02020202],
      atomicAggregate: false,
      extendedCommunities: [],
      opaque: [],
    });
    assert.equal(routes[1]!.attributes, undefined);
    assert.deepEqual(routes[2]!.attributes!.asPath, []);
  });
});

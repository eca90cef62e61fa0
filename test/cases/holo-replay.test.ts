/**
 * The four routers that holo recorded: their inputs, adapted to events of ours, bring ours to the same sessions, routes and
 * messages. What differs by design is said where it is left out of the comparison.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { stateOf } from "../../src/bgp/session/peer.ts";
import { formatAddress, formatQuad, parseAddress } from "../../src/ip/address.ts";
import { formatPrefix } from "../../src/ip/prefix.ts";
import { SKIP, WIRE } from "./cases-dir.ts";
import { type HoloMessage, json, lines, type Replayed, replay } from "./holo-router.ts";

const FOLDER = join(WIRE, "holo", "topo1-1");
const ROUTERS = ["rt1", "rt2", "rt3", "rt4"];
/** "next hop | AS path | local preference | origin" */
type Words = string;

interface HoloState {
  readonly locRib: ReadonlyMap<string, string>;
  readonly received: ReadonlyMap<string, ReadonlyMap<string, Words>>;
  readonly neighbours: readonly string[];
}

/** holo's own answers. */
function expectedState(folder: string): HoloState {
  const protocols = json(join(folder, "output", "northbound-state.json"))["ietf-routing:routing"][
    "control-plane-protocols"
  ];
  const { neighbors, rib } = protocols["control-plane-protocol"].find(
    (p: { type: string }) => p.type === "ietf-bgp:bgp",
  )["ietf-bgp:bgp"];
  const sets = new Map<string, Words>();
  for (const { index, attributes: a } of rib["attr-sets"]["attr-set"]) {
    const path = (a["as-path"]?.segment ?? []).flatMap((s: { member: number[] }) => s.member).join(" ");
    sets.set(index, `${a["next-hop"] ?? "-"} | ${path} | ${a["local-pref"] ?? "-"} | ${a.origin}`);
  }
  const table = rib["afi-safis"]["afi-safi"][0]["ipv4-unicast"];
  const routesOf = (
    holder: { routes?: { route: { prefix: string; origin: string; "attr-index": string }[] } } | undefined,
  ) => holder?.routes?.route ?? [];
  const locRib = new Map<string, string>();
  for (const route of routesOf(table["loc-rib"])) {
    const local = route.origin === "ietf-routing:direct";
    locRib.set(route.prefix, local ? "direct" : `${route.origin}: ${sets.get(route["attr-index"])}`);
  }
  const received = new Map<string, ReadonlyMap<string, Words>>();
  for (const n of table.neighbors.neighbor)
    received.set(
      n["neighbor-address"],
      new Map(routesOf(n["adj-rib-in-pre"]).map((r) => [r.prefix, sets.get(r["attr-index"])!])),
    );
  const neighbours = neighbors.neighbor.map(
    (
      n: Record<string, string> & {
        timers: Record<string, number>;
        "afi-safis": { "afi-safi": { prefixes: { received: number; sent: number } }[] };
      },
    ) =>
      `${n["remote-address"]} ${n["session-state"]} ${n["peer-type"]} ${n.identifier} local ${n["local-address"]} hold ${n.timers["negotiated-hold-time"]} received ${n["afi-safis"]["afi-safi"][0]!.prefixes.received} sent ${n["afi-safis"]["afi-safi"][0]!.prefixes.sent}`,
  );
  return { locRib, received, neighbours };
}

/** Ours, in the same words. Connected subnets are left out: holo keeps them out by its redistribution policy. */
function actualState({ router: { core }, sent }: Replayed): HoloState {
  const rib = core.ribs.ipv4;
  const words = (path: number): Words => {
    const a = core.sets.attributes(rib.pathSetIn(path));
    const asPath = a.asPath.flatMap((segment) => segment.asns).join(" ");
    return `${a.nextHop ? formatAddress(a.nextHop) : "-"} | ${asPath} | ${a.localPref ?? "-"} | ${["igp", "egp", "incomplete"][a.origin]}`;
  };
  const locRib = new Map<string, string>();
  const received = new Map<string, Map<string, Words>>([...core.peers.keys()].map((name) => [name, new Map()]));
  rib.walkPrefixes(0, Number.MAX_SAFE_INTEGER, (row) => {
    const octets = new Uint8Array(4);
    rib.prefixes.writeAddress(row, octets, 0);
    const prefix = formatPrefix({ family: "ipv4", bytes: octets, length: rib.prefixes.length(row) });
    const best = rib.best(row);
    const facts = core.peerTable.facts(rib.pathPeer(best))!;
    if (facts.source === "direct" && !prefix.endsWith("/32")) return;
    if (best !== 0) locRib.set(prefix, facts.source === "direct" ? "direct" : `${facts.name}: ${words(best)}`);
    for (const [name, peer] of core.peers) {
      const path = rib.pathOf(row, peer.id, 0);
      if (path !== 0) received.get(name)!.set(prefix, words(path));
    }
  });
  const neighbours = [...core.peers.values()].map((peer) => {
    const { negotiated, active } = peer;
    const kind = core.peerTable.external(peer.id) ? "external" : "internal";
    return `${peer.config.name} ${stateOf(peer.session)} ${kind} ${formatQuad(negotiated!.remoteId)} local ${formatAddress(active!.local!.address)} hold ${negotiated!.holdMs / 1000} received ${rib.received(peer.id)} sent ${sent.get(peer.config.name)!.routes.size}`;
  });
  return { locRib, received, neighbours };
}

/** The last that holo sent of each prefix, without ORIGIN: it redistributes connected routes as incomplete, we as IGP. */
function expectedSent(folder: string): Map<string, Map<string, string>> {
  const out = new Map<string, Map<string, string>>();
  for (const { NbrTx } of lines(join(folder, "output", "protocol.jsonl"))) {
    const list = NbrTx?.SendMessageList as { nbr_addr: string; msg_list: HoloMessage[] } | undefined;
    if (!list) continue;
    const table = out.get(list.nbr_addr) ?? new Map<string, string>();
    out.set(list.nbr_addr, table);
    for (const { Update } of list.msg_list) {
      for (const prefix of Update?.unreach?.prefixes ?? []) table.delete(prefix);
      const base = Update?.attrs?.base;
      const path = base?.as_path.segments.flatMap((s) => s.members).join(" ");
      for (const prefix of Update?.reach?.prefixes ?? [])
        table.set(prefix, `${Update!.reach!.nexthop} | ${path} | ${base!.local_pref ?? "-"}`);
    }
  }
  return out;
}

const sorted = <T>(table: ReadonlyMap<string, T>): [string, T][] => [...table].sort(([a], [b]) => (a < b ? -1 : 1));

describe("holo topo1-1", { skip: SKIP }, () => {
  for (const name of ROUTERS) {
    const folder = join(FOLDER, name);

    test(`${name}: neighbours, Adj-RIB-In and Loc-RIB are what holo shows`, () => {
      const actual = actualState(replay(folder));
      const expected = expectedState(folder);
      assert.deepEqual([...actual.neighbours].sort(), [...expected.neighbours].sort());
      assert.deepEqual(sorted(actual.locRib), sorted(expected.locRib));
      for (const [peer, routes] of expected.received)
        assert.deepEqual(sorted(actual.received.get(peer)!), sorted(routes), peer);
    });

    test(`${name}: the routes installed are those that holo installs, over the same next hops`, () => {
      const { router, fib } = replay(folder);
      const installed = new Map<string, string>();
      for (const { RouteIpAdd, RouteIpDel } of lines(join(folder, "output", "ibus.jsonl"))) {
        if (RouteIpDel) installed.delete(RouteIpDel.prefix);
        if (RouteIpAdd) installed.set(RouteIpAdd.prefix, RouteIpAdd.nexthops[0].Recursive.addr);
      }
      assert.deepEqual([...fib.keys()].sort(), [...installed.keys()].sort());
      for (const [prefix, hop] of installed) {
        const address = parseAddress(hop)!;
        const id = router.core.nextHops.intern("ipv4", address.bytes, 0, 0);
        const gateways = router.core.nextHops.resolution(id).hops.map((h) => formatAddress(h.gateway ?? address));
        assert.deepEqual(
          fib.get(prefix)!.hops.map((h) => formatAddress(h.gateway!)),
          gateways,
          prefix,
        );
      }
    });

    test(`${name}: what was announced in the end is what holo announced`, () => {
      const { sent } = replay(folder);
      for (const [peer, routes] of expectedSent(folder)) {
        const ours = new Map(
          [...sent.get(peer)!.routes].map(([p, r]) => [p, `${r.nextHop} | ${r.asPath} | ${r.localPref ?? "-"}`]),
        );
        assert.deepEqual(sorted(ours), sorted(routes), peer);
      }
    });
  }
});

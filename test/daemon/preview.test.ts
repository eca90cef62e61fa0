import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AnnouncedBrief, RouteBrief, RoutesPreview } from "../../src/control/preview-answer.ts";
import { announcedBrief } from "../../src/daemon/preview-snapshot.ts";
import { createQueries } from "../../src/daemon/queries.ts";
import { createReplica } from "../../src/daemon/replica.ts";
import type { Forwarding } from "../../src/fib/fib.ts";
import { FAMILIES, formatAddress } from "../../src/ip/address.ts";
import { seeded } from "../sim/clock.ts";
import type { Heard } from "../sim/wire-reader.ts";
import { announceAll, CASE_PEERS, changed, configText, randomConfig, randomTable, speakerOf } from "./preview-case.ts";
import { previewOf, told } from "./preview-of.ts";
import type { Speaker } from "./speaker.ts";
import { createWorld, type World } from "./world.ts";

/** What a copy of the router has told its peers: whatever the router went through, it is what one says that began so. */
function assertLikeNew(world: World, speakers: ReadonlyMap<string, Speaker>): void {
  const { state, running, pages } = told(world);
  const replica = createReplica(state, running, () => false);
  pages.forEach(replica.take);
  replica.complete();
  assert.equal(replica.skipped, 0);
  for (const [name, speaker] of speakers) {
    if (!speaker.up || speaker.options.fourOctetAs === false) continue;
    const said: string[] = [];
    for (const [at, id] of replica.heard(name)!.entries())
      if (id !== 0)
        said.push(`${replica.hearing.prefix(at)} ${briefText(announcedBrief(replica.hearing.attributes(id)))}`);
    const heard = [...speaker.routes].map(([key, route]) => `${key.split("#")[0]} ${heardText(route)}`);
    assert.deepEqual(said.sort(), heard.sort(), `${name} has heard what a router says that began so`);
  }
}

/** What can be seen of a router from outside. */
interface Seen {
  readonly heard: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly kernel: ReadonlyMap<string, string>;
  readonly best: ReadonlyMap<string, string>;
}

function see(world: World, speakers: ReadonlyMap<string, Speaker>): Seen {
  const heard = new Map<string, Map<string, string>>();
  for (const [name, speaker] of speakers)
    heard.set(name, new Map(speaker.up ? [...speaker.routes].map(([key, route]) => [key, heardText(route)]) : []));
  const view = createQueries(world.router);
  const best = new Map<string, string>();
  for (const family of FAMILIES)
    for (let cursor = 0; cursor >= 0; ) {
      const { rows, next } = view.routes(family, cursor, 1000);
      for (const { prefix, paths } of rows) {
        const path = paths.find((each) => each.best);
        if (!path) continue;
        const ways = path.via.map((way) => way.gateway ?? way.interface).join(" ");
        const brief = { ...path, nextHop: path.nextHop ?? (ways || null) };
        best.set(prefix, bestText(path.source, path.peer, path.preference, path.metric, brief));
      }
      cursor = next;
    }
  return { heard, kernel: new Map([...world.fib].map(([prefix, wish]) => [prefix, kernelText(wish)])), best };
}

function briefText(brief: AnnouncedBrief): string {
  const { nextHop, asPath, origin, localPref, med, communities, originatorId, clusterList } = brief;
  return JSON.stringify([
    asPath,
    origin,
    localPref,
    med,
    communities,
    nextHop?.split(" ")[0],
    originatorId,
    clusterList,
  ]);
}

function heardText({ origin, localPref, med, originatorId, ...rest }: Heard): string {
  return briefText({
    ...rest,
    origin: ["igp", "egp", "incomplete"][origin ?? 0]!,
    localPref: localPref ?? null,
    med: med ?? null,
    largeCommunities: [],
    extendedCommunities: [],
    originatorId: originatorId ?? null,
  });
}

function kernelText({ kind, hops, metric }: Forwarding): string {
  const ways = hops.map(
    ({ gateway, ifindex }) => `${gateway ? `via ${formatAddress(gateway)} ` : ""}dev eth${ifindex - 2}`,
  );
  const way =
    kind === "blackhole" ? "blackhole" : ways.length === 1 ? ways[0] : ways.map((each) => `nexthop ${each}`).join(" ");
  return `${way}${metric === 0 ? "" : ` metric ${metric}`}`;
}

type Differences = readonly string[];

/** "- prefix route" and "+ prefix route". Path identifiers are each router's own: what they stand for counts. */
function differences(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): Differences {
  const lines = (map: ReadonlyMap<string, string>) => [...map].map(([key, text]) => `${key.split("#")[0]} ${text}`);
  const [was, is] = [lines(before), lines(after)];
  const come = is.filter((line) => {
    const at = was.indexOf(line);
    if (at >= 0) was.splice(at, 1);
    return at < 0;
  });
  return [...was.map((line) => `- ${line}`), ...come.map((line) => `+ ${line}`)].sort();
}

function listed<T>(rows: readonly { prefix: string; before: T | null; after: T | null }[], text: (side: T) => string) {
  return rows
    .flatMap(({ prefix, before, after }) => [
      ...(before === null ? [] : [`- ${prefix} ${text(before)}`]),
      ...(after === null ? [] : [`+ ${prefix} ${text(after)}`]),
    ])
    .sort();
}

function assertSame(routes: RoutesPreview, before: Seen, after: Seen): void {
  for (const name of before.heard.keys()) {
    const moves = routes.peers.find(({ peer }) => peer === name);
    const expected = differences(before.heard.get(name)!, after.heard.get(name)!);
    assert.deepEqual(listed(moves?.rows ?? [], briefText), expected, `announced to ${name}`);
    const { added = 0, removed = 0, changed = 0 } = moves ?? {};
    assert.equal(added + removed + 2 * changed, expected.length);
  }
  assert.deepEqual(
    listed(routes.kernel.rows, (text) => text),
    differences(before.kernel, after.kernel),
    "kernel",
  );
  const best = (row: RouteBrief) => bestText(row.source, row.peer, row.preference, row.metric, row);
  assert.deepEqual(listed(routes.best.rows, best), differences(before.best, after.best), "best paths");
}

const bestText = (
  source: string,
  peer: string | null,
  preference: number,
  metric: number | null,
  brief: AnnouncedBrief,
) => JSON.stringify([source, peer, preference, metric, briefText(brief)]);

/** One random router, one random change: what was foretold is what happens. */
function foretell(seed: number): void {
  const random = seeded(seed);
  const first = randomConfig(random);
  const world = createWorld(configText(first), { seed });
  world.route("10.80.0.0/16", { via: "10.0.0.80" });
  world.route("10.99.0.0/16", { via: "10.0.1.80", metric: 5 });
  const speakers = new Map<string, Speaker>();
  const tables = new Map<string, ReturnType<typeof randomTable>>();
  for (const each of CASE_PEERS) speakers.set(each.name, speakerOf(world, each));
  for (const each of CASE_PEERS) {
    const ids = world.router.core.peers.get(each.name)?.negotiated?.addPath.ipv4.receive ?? false;
    tables.set(each.name, randomTable(each, random, ids));
    announceAll(speakers.get(each.name)!, tables.get(each.name)!);
  }
  world.run(2000);
  for (const { name, restarts } of CASE_PEERS)
    if (restarts && random() < 0.3) {
      speakers.get(name)!.drop();
      world.run(random() < 0.6 ? 100 : 130_000);
    }
  const families = new Map(
    [...world.router.core.peers].map(([name, peer]) => [name, FAMILIES.filter((family) => peer.negotiated?.[family])]),
  );
  const up = new Set([...speakers].flatMap(([name, speaker]) => (speaker.up ? name : [])));
  const before = see(world, speakers);

  const second = changed(first, random);
  const text = configText(second);
  const answer = previewOf(world, text);
  assert.deepEqual(see(world, speakers), before, "asking changes nothing");

  world.configure(text);
  world.run(2000);
  const now = see(world, speakers);
  const lost = [...up].filter((name) => !speakers.get(name)!.up);
  assert.deepEqual(
    answer.sessions
      .flatMap(({ peer, effect, established }) =>
        established && (effect === "resets" || effect === "stops") ? peer : [],
      )
      .sort(),
    lost.sort(),
    "sessions that end",
  );
  assertSame(answer.now, before, now);
  assertLikeNew(world, speakers);

  const returning = answer.sessions.flatMap(({ peer, returns }) => (returns ? peer : []));
  if (answer.later === null) return assert.deepEqual(returning, []);
  for (const name of returning) {
    const speaker = speakers.get(name)!;
    speaker.connect();
    world.run(1000);
    assert.ok(speaker.up, `${name} is back`);
    const ids = world.router.core.peers.get(name)!.negotiated!.addPath.ipv4.receive;
    const plain = tables.get(name)!.some(([prefix]) => prefix.includes("#"));
    // A peer sends identifiers where it is asked to, and one path of each prefix where it is not.
    if (ids !== plain) return;
    // Of a family that is new nobody can tell what the peer will say.
    announceAll(
      speaker,
      tables.get(name)!.filter(([prefix]) => families.get(name)!.includes(prefix.includes(":") ? "ipv6" : "ipv4")),
    );
  }
  world.run(2000);
  assertSame(answer.later, before, see(world, speakers));
}

const SEEDS = Number(process.env.CALIDRIS_SIM_SEEDS ?? 20);

describe("a preview is what then happens", () => {
  for (let seed = 1; seed <= SEEDS; seed++) test(`random change ${seed}`, () => foretell(seed));
});

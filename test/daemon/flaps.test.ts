/** Peers that flap, stop reading, refresh and drop, at any moment between slices: in the end each holds what it should. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createQueries } from "../../src/daemon/queries.ts";
import { seeded } from "../sim/clock.ts";
import type { Speaker } from "./speaker.ts";
import { createWorld, header, peer, type World } from "./world.ts";

const EXTERNAL = "import: accept, export: accept";
const ASNS = [64512, 64512, 64512, 65001, 65002];
const address = (i: number) => `10.0.0.${11 + i}`;
const CONFIG = `${header()}
peers:
${ASNS.map((asn, i) => peer(`p${i}`, address(i), asn, i < 2 ? "routeReflectorClient: true" : asn === 64512 ? "" : EXTERNAL)).join("")}`;
const PREFIXES = Array.from({ length: 300 }, (_, i) => `10.${20 + (i >> 8)}.${i & 255}.0/24`);
const STEPS = 400;
const SEEDS = Number(process.env.CALIDRIS_FLAP_SEEDS ?? 15);

for (let seed = 1; seed <= SEEDS; seed++)
  test(`clients, plain and external peers agree with the router after ${STEPS} disturbances, seed ${seed}`, () => {
    const world = createWorld(CONFIG, { lookMs: seed % 2 === 0 ? 0 : 6, seed });
    const speakers = ASNS.map((asn, i) => world.speaker(address(i), { asn }));
    const random = seeded(seed * 77);
    for (let step = 0; step < STEPS; step++) {
      disturb(world, speakers, random);
      if (random() < 0.4) world.run(Math.floor(random() * 200));
      else for (let more = Math.floor(random() * 6); more > 0; more--) world.time.step(Number.POSITIVE_INFINITY);
    }
    settle(world, speakers);
    const queries = createQueries(world.router);
    for (const [i, speaker] of speakers.entries()) {
      const { rows } = queries.routesOut(`p${i}`, "ipv4", 0, 10_000);
      const believed = rows.map(({ prefix, path }) => `${prefix} ${path.nextHop} [${path.asPath}]`).sort();
      const held = [...speaker.routes].map(([prefix, route]) => `${prefix} ${route.nextHop} [${route.asPath}]`).sort();
      assert.deepEqual(held, believed, `p${i}`);
      for (const route of speaker.routes.values()) assert.notEqual(route.nextHop, address(i));
    }
  });

function disturb(world: World, speakers: readonly Speaker[], random: () => number): void {
  const chosen = Math.floor(random() * speakers.length);
  const speaker = speakers[chosen]!;
  const first = Math.floor(random() * PREFIXES.length);
  const some = PREFIXES.slice(first, first + 1 + Math.floor(random() * 40));
  const dice = random();
  if (!speaker.up) {
    speaker.connect();
    world.run(3000);
  } else if (dice < 0.45) announce(speaker, chosen, some, random);
  else if (dice < 0.7) speaker.withdraw(some);
  else if (dice < 0.78) speaker.read(false);
  else if (dice < 0.9) speaker.read(true);
  else if (dice < 0.93) speaker.drop();
  else if (dice < 0.95) speaker.refresh();
}

/** Next hops of third parties and of other peers, communities that stop a route, paths of two lengths. */
function announce(speaker: Speaker, index: number, some: readonly string[], random: () => number): void {
  const asn = ASNS[index]!;
  const further = random() < 0.5 ? [65_100] : [];
  const hop = random();
  const community = random();
  speaker.announce(some, {
    ...(asn === 64512 ? { localPref: 100 + Math.floor(random() * 3), asPath: further } : { asPath: [asn, ...further] }),
    nextHop: hop < 0.2 ? "10.0.0.77" : hop < 0.35 ? address(Math.floor(random() * 5)) : address(index),
    med: Math.floor(random() * 3),
    communities: [community < 0.2 ? "65535:65281" : community < 0.3 ? "65535:65282" : "1:1"],
  });
}

function settle(world: World, speakers: readonly Speaker[]): void {
  for (const speaker of speakers) speaker.read(true);
  for (let round = 0; round < 6; round++) {
    for (const speaker of speakers) if (!speaker.up) speaker.connect();
    world.run(20_000);
  }
  for (const speaker of speakers) assert.equal(speaker.up, true);
  assert.equal(world.router.core.scheduler.idle, true);
  for (const group of world.router.parts.exporter.groups()) group.updates.check();
}

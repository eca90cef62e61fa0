/** Mutated messages of live sessions against a router whose peers are Established. */
import assert from "node:assert/strict";
import { UPDATE_ROUTES } from "../../src/daemon/receive.ts";
import { STEP_BUDGET } from "../../src/daemon/sessions.ts";
import { mutate } from "../bgp/mutate.ts";
import { simulate } from "../sim/simulation.ts";
import { MessageCutter } from "../sim/wire-reader.ts";
import type { Notified, Speaker } from "./speaker.ts";
import { createWorld, header, type World } from "./world.ts";

/**
 * Every distinct message that simulated routers sent each other in some minutes of faults, OPENs included. Some of their
 * sessions carry path identifiers.
 */
export function recordedMessages(): Uint8Array[] {
  const distinct = new Map<string, Uint8Array>();
  for (const seed of [1, 2, 5]) {
    const sim = simulate({ seed, cutsPerHour: 60, maxReadOctets: 4096 });
    const cutters = new WeakMap<object, MessageCutter>();
    sim.network.onWrite = (end, octets) => {
      const cutter = cutters.get(end) ?? new MessageCutter();
      cutters.set(end, cutter);
      for (const one of cutter.push(octets)) distinct.set(Buffer.from(one).toString("hex"), one);
    };
    sim.run(600_000, 600_000);
  }
  return [...distinct.values()];
}

export interface FuzzTotals {
  messages: number;
  resets: number;
  /** NOTIFICATIONs sent, by "code/subcode". */
  readonly notifications: Map<string, number>;
  treatedAsWithdraw: number;
  attributesDiscarded: number;
}

export interface FuzzOptions {
  readonly firstSeed: number;
  readonly count: number;
  /** AS 64512 is internal. */
  readonly asn: number;
  readonly fourOctetAs: boolean;
  /** Path identifiers both ways, with the listener too (RFC 7911). */
  readonly addPath?: boolean;
  /** Route refreshes that are marked, and routes that are kept over lost sessions (RFC 7313, RFC 4724, RFC 9494). */
  readonly restarts?: boolean;
}

const TIMERS = "timers: { idleHoldMin: 1s, idleHoldMax: 1s }";

function config({ asn, addPath, restarts }: FuzzOptions, withFuzzed: boolean): string {
  const paths = addPath ? ", addPath: both" : "";
  const kept = restarts ? ", gracefulRestart: { mode: aware, notification: true, longLived: aware }" : "";
  const fuzzed = `  - { name: fuzzed, address: 10.0.0.11, asn: ${asn}, passive: true, families: [ipv4, ipv6], import: accept, export: accept, ${TIMERS}${paths}${kept} }\n`;
  return `${header()}
static: [{ prefix: 10.50.0.0/16, blackhole: true }]
peers:
${withFuzzed ? fuzzed : ""}  - { name: listener, address: 10.0.0.12, asn: 65002, passive: true, families: [ipv4, ipv6], import: accept, export: accept${paths} }
`;
}

/** It is back before, within and after these times. */
const RESTARTS = {
  enhancedRefresh: true,
  gracefulRestart: { seconds: 1, notification: true },
  longLived: { seconds: 2 },
} as const;

/** Throws where the router does anything but discard, withdraw or reset as it should. */
export function fuzz(messages: readonly Uint8Array[], options: FuzzOptions): FuzzTotals {
  const world = createWorld(config(options, true));
  world.route("0.0.0.0/0", { via: "10.0.0.254" });
  world.route("::/0", { via: "2001:db8::254" });
  world.run(1000);
  const clean = tables(world);
  const paths = options.addPath ? { addPath: "both" as const } : {};
  const listener = world.speaker("10.0.0.12", { asn: 65002, families: ["ipv4", "ipv6"], ...paths });
  const speaker = world.speaker("10.0.0.11", {
    asn: options.asn,
    fourOctetAs: options.fourOctetAs,
    families: ["ipv4", "ipv6"],
    ...paths,
    ...(options.restarts ? RESTARTS : {}),
  });
  const totals: FuzzTotals = {
    messages: 0,
    resets: 0,
    notifications: new Map(),
    treatedAsWithdraw: 0,
    attributesDiscarded: 0,
  };
  for (let seed = options.firstSeed; seed < options.firstSeed + options.count; seed++) {
    bringUp(world, speaker, seed);
    const octets = mutate(seed, messages[seed % messages.length]!);
    const before = speaker.notifications.length;
    speaker.send(octets);
    world.run(4);
    totals.messages++;
    assertAnswer(octets, speaker.notifications[before], `seed ${seed}`);
    if (!speaker.up) totals.resets++;
    else if (declared(octets, 0) !== octets.length) speaker.drop(); // Part of a message waits for more.
    for (const { code, subcode } of speaker.notifications.splice(0)) {
      const key = `${code}/${subcode}`;
      totals.notifications.set(key, (totals.notifications.get(key) ?? 0) + 1);
    }
    if (seed % 1000 === 0) {
      for (const group of world.router.parts.exporter.groups()) group.updates.check();
      assert.deepEqual(listener.table.duplicates, []);
      listener.forget();
    }
  }
  const runtime = world.router.core.peers.get("fuzzed")!;
  totals.treatedAsWithdraw = runtime.treatedAsWithdraw;
  totals.attributesDiscarded = runtime.attributesDiscarded;
  assertEmptyAfterwards(world, listener, options, clean);
  const { steps } = world.router.parts.sessions;
  assert.ok(steps.octets <= STEP_BUDGET.octets && steps.messages <= STEP_BUDGET.messages);
  assert.ok(world.router.parts.receiver.counters.longestUpdateRoutes <= UPDATE_ROUTES);
  return totals;
}

/** Reconnects when the last message ended the session: a reset harms nobody for longer than that. */
function bringUp(world: World, speaker: Speaker, seed: number): void {
  for (let attempt = 0; attempt < 5 && !speaker.up; attempt++) {
    world.run(1300);
    speaker.connect();
    world.run(20);
  }
  assert.equal(speaker.up, true, `seed ${seed}: the peer comes back`);
}

/** What is left when the peer is gone: the tables as they were before it came. */
function assertEmptyAfterwards(world: World, listener: Speaker, options: FuzzOptions, clean: unknown): void {
  world.configure(config(options, false));
  world.run(60_000);
  world.kernel({ kind: "batch" });
  assert.deepEqual([...listener.routes.keys()].map((key) => key.split("#")[0]).sort(), LOCAL);
  listener.drop();
  world.run(60_000);
  assert.equal(world.router.core.scheduler.idle, true);
  assert.deepEqual(tables(world), clean);
}

const LOCAL = ["0.0.0.0/0", "10.0.0.0/24", "10.0.1.0/24", "10.50.0.0/16", "2001:db8:1::/64", "2001:db8::/64", "::/0"];

/** Rows in use. */
function tables(world: World) {
  const { core } = world.router;
  return {
    ipv4: core.ribs.ipv4.prefixes.size,
    ipv6: core.ribs.ipv6.prefixes.size,
    sets: core.sets.size,
    wanted: [...world.fib.keys()].sort(),
  };
}

const declared = (octets: Uint8Array, at: number) => (octets[at + 16]! << 8) | octets[at + 17]!;
const LEAST: Readonly<Record<number, number>> = { 1: 29, 2: 23, 3: 21, 4: 19, 5: 23 };

/** Codes that RFC 4271 §6, 7606 and 7313 allow as answer to the message in Established; "none" when silence is right. */
function allowed(octets: Uint8Array): Set<string> {
  const out = new Set<string>();
  const length = declared(octets, 0);
  const type = octets[18]!;
  if (octets.subarray(0, 16).some((octet) => octet !== 255)) return out.add("1/1");
  if (length < 19) return out.add("1/2");
  const least = LEAST[type];
  if (least === undefined) return out.add("1/3");
  if (length < least || (type === 4 && length !== 19)) return out.add("1/2");
  if (length > octets.length) return out.add("none");
  // What follows a message that says it is shorter than it is begins with no marker; shorter than a header it waits.
  if (length < octets.length) out.add(octets.length - length >= 19 ? "1" : "none");
  if (type === 1) out.add("5/3").add("2");
  if (type === 2) out.add("3").add("6/8").add("none");
  if (type === 3) return new Set(["none"]);
  if (type === 4) out.add("none");
  if (type === 5) out.add("7/1").add("none");
  return out;
}

function assertAnswer(octets: Uint8Array, answer: Notified | undefined, where: string): void {
  const right = allowed(octets);
  const given = answer ? `${answer.code}/${answer.subcode}` : "none";
  const code = given.split("/")[0]!;
  assert.ok(
    right.has(given) || right.has(code),
    `${where}: answered ${given}, allowed ${[...right].join(" ")}: ${Buffer.from(octets).toString("hex")}`,
  );
}

import assert from "node:assert/strict";
import { describe } from "node:test";
import { speakersOf } from "../../interop/matrix.ts";
import { hasFeatures, type SpeakerKind } from "../../interop/peers/features.ts";
import {
  type SessionPlan,
  type Speaker,
  type SpeakerPlan,
  type StaticPlan,
  untilEstablished,
  untilGone,
  untilRoute,
  withStatics,
} from "../../interop/peers/speaker.ts";
import { poll } from "../../interop/process.ts";
import {
  bothFamilies,
  CONCURRENCY,
  onLink,
  PASSWORD,
  prefixes,
  type Speakers,
  scenario,
  statics,
  untilKernel,
  v4,
  v6,
} from "./scenario.ts";

const US = 65001;
const THEM = 65002;
const PAIR = { nodes: ["dut", "peer"], links: { net0: { dut: onLink(1), peer: onLink(2) } } } as const;
type Pair = Speakers<"dut" | "peer">;

function pair(
  kind: SpeakerKind,
): typeof PAIR & { readonly kinds: { readonly dut: "dut"; readonly peer: SpeakerKind } } {
  return { ...PAIR, kinds: { dut: "dut", peer: kind } };
}

function ours(more: Partial<SessionPlan> = {}, routes: readonly StaticPlan[] = statics(1)): SpeakerPlan {
  return { routerId: v4(1), asn: US, sessions: bothFamilies("peer", 1, 2, THEM, more), statics: routes };
}

function theirs(more: Partial<SessionPlan> = {}, routes: readonly StaticPlan[] = statics(2)): SpeakerPlan {
  return { routerId: v4(2), asn: THEM, sessions: bothFamilies("dut", 2, 1, US, more), statics: routes };
}

async function bothUp({ dut, peer }: Pair): Promise<void> {
  await Promise.all([untilEstablished(dut, "peer4", "peer6"), untilEstablished(peer, "dut4", "dut6")]);
}

describe("options of a session", { concurrency: CONCURRENCY }, () => {
  for (const kind of speakersOf("ttlSecurity"))
    scenario(`GTSM with ${kind}: no session while it sends a low TTL, one when it has GTSM too`, pair(kind), gtsm);
  for (const kind of speakersOf("dynamicPeers"))
    scenario(`${kind} comes from a prefix that we take neighbours from, with its key`, pair(kind), dynamicPeers);
  for (const kind of speakersOf("localAs"))
    scenario(`another AS of ours towards ${kind}, and of its own towards us`, pair(kind), localAs);
  for (const kind of speakersOf("allowOwnAs"))
    scenario(`our AS in a path of ${kind}, and its AS in ours: only where it is allowed`, pair(kind), allowOwnAs);
  for (const kind of speakersOf("maxPrefixesOurs"))
    scenario(`${kind} exceeds our limit: it is told Cease 6/1, and is back when it has fewer`, pair(kind), ourLimit);
  for (const kind of speakersOf("maxPrefixesTheirs"))
    scenario(`we exceed the limit of ${kind}: we see its Cease 6/1`, pair(kind), theirLimit);
});

/** Segments that the kernel dropped for their TTL. */
async function lowTtlDrops(speaker: Speaker): Promise<number> {
  const { stdout } = await speaker.node.exec(["cat", "/proc/net/netstat"]);
  const [names, values] = stdout.split("\n").filter((line) => line.startsWith("TcpExt:"));
  return Number(values!.split(" ")[names!.split(" ").indexOf("TCPMinTTLDrop")]);
}

async function gtsm({ dut, peer }: Pair): Promise<void> {
  await dut.start(ours({ ttlSecurity: 1 }));
  await peer.start(theirs());
  await poll("segments dropped for their TTL", async () => (await lowTtlDrops(dut)) >= 4);
  assert.ok((await dut.sessions()).every((session) => session.state !== "established"));
  await peer.stop();
  await peer.start(theirs({ ttlSecurity: 1 }));
  await bothUp({ dut, peer });
  for (const prefix of prefixes(1)) await untilRoute(peer, prefix);
  for (const prefix of prefixes(2)) await untilRoute(dut, prefix);
}

async function dynamicPeers({ dut, peer }: Pair): Promise<void> {
  const rack = { asn: THEM, password: PASSWORD };
  await dut.start({
    ...ours(),
    sessions: [
      { name: "rack4", local: v4(1), remote: "10.0.0.0/24", ...rack },
      { name: "rack6", local: v6(1), remote: "fdbb:1::/64", ...rack },
    ],
  });
  assert.deepEqual(await dut.sessions(), []);
  await peer.start(theirs());
  const names = [`rack4-${v4(2)}`, `rack6-${v6(2)}`];
  await Promise.all([untilEstablished(dut, ...names), untilEstablished(peer, "dut4", "dut6")]);
  for (const [family, gateway] of [v4(2), v6(2)].entries()) {
    const route = await untilRoute(dut, prefixes(2)[family]!);
    assert.equal(route.source, names[family]);
    await untilKernel(dut, prefixes(2)[family]!, gateway);
    await untilRoute(peer, prefixes(1)[family]!);
  }
  await peer.stop();
  await poll("no neighbour left", async () => (await dut.sessions()).length === 0, { explain: () => dut.report() });
  for (const prefix of prefixes(2)) await untilGone(dut, prefix);
}

async function localAs({ dut, peer }: Pair): Promise<void> {
  const [ourOther, theirOther] = [64999, 64888];
  const has = hasFeatures(peer.kind, ["localAs"]);
  const theirAs = has ? theirOther : THEM;
  const dutPlan = { ...ours({ localAs: ourOther }), sessions: ours({ localAs: ourOther, asn: theirAs }).sessions };
  const peerPlan = theirs({ asn: ourOther, ...(has ? { localAs: theirOther } : {}) });
  await Promise.all([dut.start(dutPlan), peer.start(peerPlan)]);
  await bothUp({ dut, peer });
  for (const prefix of prefixes(1)) assert.deepEqual((await untilRoute(peer, prefix)).asPath, [ourOther]);
  for (const prefix of prefixes(2)) {
    const { asPath } = await untilRoute(dut, prefix);
    // Some announce their own AS behind the other.
    assert.equal(asPath![0], theirAs);
    assert.deepEqual(
      asPath!.slice(1).filter((asn) => asn !== THEM),
      [],
    );
  }
}

async function allowOwnAs({ dut, peer }: Pair): Promise<void> {
  const dutPlan = (times: number) => ours({ allowOwnAs: times }, statics(1, { prepend: [THEM] }));
  await Promise.all([
    dut.start(dutPlan(0)),
    peer.start(theirs({ allowOwnAs: 1 }, statics(2, { prepend: [US] }).concat(statics(3)))),
  ]);
  await bothUp({ dut, peer });
  // What comes last has come, and what was before it is refused.
  for (const prefix of prefixes(3)) await untilRoute(dut, prefix);
  for (const prefix of prefixes(2)) await untilGone(dut, prefix);
  await dut.apply(dutPlan(1));
  for (const prefix of prefixes(2)) assert.deepEqual((await untilRoute(dut, prefix)).asPath, [THEM, US]);
  for (const prefix of prefixes(1)) assert.deepEqual((await untilRoute(peer, prefix)).asPath, [US, THEM]);
}

const LIMIT = 3;

function many(n: number, count: number): StaticPlan[] {
  return Array.from({ length: count }, (_, i) => ({ prefix: `10.${n}.${i}.0/24` }));
}

async function ourLimit({ dut, peer }: Pair): Promise<void> {
  const few = theirs({}, many(2, LIMIT));
  // We announce nothing: some would send it back, and what is refused counts too.
  await Promise.all([dut.start(ours({ maxPrefixes: LIMIT }, [])), peer.start(few)]);
  await bothUp({ dut, peer });
  for (const { prefix } of many(2, LIMIT)) await untilRoute(dut, prefix);
  await peer.apply(withStatics(few, many(2, LIMIT + 1)));
  await poll(
    `${peer.kind} told of Cease 6/1`,
    async () => (await peer.notifications()).some((one) => one.session === "dut4" && isLimit(one)),
    { explain: () => peer.report() },
  );
  await peer.apply(few);
  await peer.retry?.("dut4");
  await bothUp({ dut, peer });
  for (const { prefix } of many(2, LIMIT)) await untilRoute(dut, prefix);
  assert.ok(
    !(await peer.notifications()).some((one) => one.session === "dut6" && isLimit(one)),
    "only the session that exceeded it",
  );
}

async function theirLimit({ dut, peer }: Pair): Promise<void> {
  const few = ours({}, many(1, LIMIT));
  await Promise.all([dut.start(few), peer.start(theirs({ maxPrefixes: LIMIT }))]);
  await bothUp({ dut, peer });
  for (const { prefix } of many(1, LIMIT)) await untilRoute(peer, prefix);
  // FRR looks before it counts.
  await dut.apply(withStatics(few, many(1, LIMIT + 2)));
  await poll(
    `we are told of Cease 6/1 by ${peer.kind}`,
    async () => (await dut.notifications()).some((one) => one.session === "peer4" && isLimit(one)),
    { explain: () => dut.report() },
  );
  assert.ok(!(await dut.notifications()).some((one) => one.session === "peer6" && isLimit(one)));
}

function isLimit({ code, subcode }: { readonly code: number; readonly subcode: number }): boolean {
  return code === 6 && subcode === 1;
}

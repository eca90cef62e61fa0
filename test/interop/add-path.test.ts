import assert from "node:assert/strict";
import { describe } from "node:test";
import { speakersOf } from "../../interop/matrix.ts";
import { hasFeatures } from "../../interop/peers/features.ts";
import {
  type RouteState,
  type SessionPlan,
  type Speaker,
  type SpeakerPlan,
  untilEstablished,
  untilRoute,
  withStatics,
} from "../../interop/peers/speaker.ts";
import { poll } from "../../interop/process.ts";
import {
  bothFamilies,
  CONCURRENCY,
  onLink,
  prefixes,
  type Speakers,
  scenario,
  statics,
  untilKernel,
  v4,
  v6,
} from "./scenario.ts";

const ASN = 65001;
const [DUT, PEER, A, B] = [1, 2, 3, 4] as const;
/** Announced by both a and b. */
const SHARED = 5;

const PLAN = {
  nodes: ["dut", "peer", "a", "b"],
  links: { net0: { dut: onLink(DUT), peer: onLink(PEER), a: onLink(A), b: onLink(B) } },
} as const;

describe("several paths of a prefix on one session", { concurrency: CONCURRENCY }, () => {
  for (const kind of speakersOf("addPathSent"))
    scenario(
      `we reflect both paths to ${kind}: it holds both, one when one is withdrawn, and both again`,
      { ...PLAN, kinds: { dut: "dut", peer: kind, a: "bird2", b: "bird2" } },
      (speakers) => reflected(speakers, speakers.dut, DUT, speakers.peer, PEER),
    );
  scenario(
    "we at both ends: a client of our reflector has both next hops in its kernel, one when one is withdrawn, and both again",
    { ...PLAN, kinds: { dut: "dut", peer: "dut", a: "bird2", b: "frr" } },
    (speakers) => reflected(speakers, speakers.dut, DUT, speakers.peer, PEER),
  );
  scenario(
    "a mesh with ADD-PATH both ways on every session, as Calico's BIRD has it: each holds what the others announce",
    { ...PLAN, kinds: { dut: "dut", peer: "bird1", a: "bird2", b: "frr" } },
    meshed,
  );
  for (const kind of speakersOf("addPathReceived"))
    scenario(
      `${kind} gives us both paths: the kernel has both next hops, one when one is withdrawn, and both again`,
      { ...PLAN, kinds: { dut: "dut", peer: kind, a: "bird2", b: "bird2" } },
      (speakers) =>
        kind === "exabgp" ? announced(speakers) : reflected(speakers, speakers.peer, PEER, speakers.dut, DUT),
    );
});

type Nodes = Speakers<"dut" | "peer" | "a" | "b">;

function sessionsTo(name: string, from: number, to: number, more: Partial<SessionPlan> = {}): SessionPlan[] {
  return bothFamilies(name, from, to, ASN, more);
}

function client(n: number, reflector: number): SpeakerPlan {
  return { routerId: v4(n), asn: ASN, sessions: sessionsTo("rr", n, reflector), statics: statics(SHARED) };
}

/** a and b are clients of a reflector, which sends all that it has to a receiver. */
async function reflected(
  { a, b }: Nodes,
  reflector: Speaker,
  reflectorNumber: number,
  receiver: Speaker,
  receiverNumber: number,
): Promise<void> {
  await Promise.all([
    reflector.start({
      routerId: v4(reflectorNumber),
      asn: ASN,
      clusterId: v4(reflectorNumber),
      sessions: [
        ...sessionsTo("receiver", reflectorNumber, receiverNumber, { addPath: "send", reflectorClient: true }),
        ...sessionsTo("a", reflectorNumber, A, { reflectorClient: true }),
        ...sessionsTo("b", reflectorNumber, B, { reflectorClient: true }),
      ],
    }),
    receiver.start({
      routerId: v4(receiverNumber),
      asn: ASN,
      multipath: 4,
      sessions: sessionsTo("rr", receiverNumber, reflectorNumber, { addPath: "receive" }),
    }),
    a.start(client(A, reflectorNumber)),
    b.start(client(B, reflectorNumber)),
  ]);
  await untilEstablished(reflector, "receiver4", "receiver6", "a4", "a6", "b4", "b6");
  const both = () => untilHops(receiver, A, B);
  await both();
  const ids = await idsOf(receiver);
  await b.apply(withStatics(client(B, reflectorNumber), []));
  await untilHops(receiver, A);
  await b.apply(client(B, reflectorNumber));
  await both();
  // The path that stayed kept its identifier.
  const stayed = (all: Record<string, string>) => all[`${prefixes(SHARED)[0]} ${v4(A)}`];
  assert.equal(stayed(await idsOf(receiver)), stayed(ids));
}

/** Nobody reflects: each announces its own prefixes, a and b one more that both have. */
async function meshed({ dut, peer, a, b }: Nodes): Promise<void> {
  const all: readonly (readonly [Speaker, number])[] = [
    [dut, DUT],
    [peer, PEER],
    [a, A],
    [b, B],
  ];
  const plan = (own: number): SpeakerPlan => ({
    routerId: v4(own),
    asn: ASN,
    multipath: 4,
    sessions: all.flatMap(([, n]) => (n === own ? [] : sessionsTo(`rr${n}`, own, n, { addPath: "both" }))),
    statics: [...statics(10 + own), ...(own === A || own === B ? statics(SHARED) : [])],
  });
  await Promise.all(all.map(([speaker, n]) => speaker.start(plan(n))));
  await untilEstablished(dut, ...[PEER, A, B].flatMap((n) => [`rr${n}4`, `rr${n}6`]));
  const holds = async (speaker: Speaker, announcer: number) => {
    for (const family of [0, 1] as const) {
      const nextHop = [v4(announcer), v6(announcer)][family];
      await untilRoute(speaker, prefixes(10 + announcer)[family], (best, routes) => {
        return best.nextHop === nextHop && routes.length === 1;
      });
    }
  };
  for (const [speaker, own] of all) for (const [, n] of all) if (n !== own) await holds(speaker, n);
  for (const speaker of [dut, peer]) await untilHops(speaker, A, B);
  await b.apply(withStatics(plan(B), statics(10 + B)));
  for (const speaker of [dut, peer, b]) await untilHops(speaker, A);
  await b.apply(plan(B));
  for (const speaker of [dut, peer]) await untilHops(speaker, A, B);
}

/** ExaBGP has both paths of its own. */
async function announced({ dut, peer }: Nodes): Promise<void> {
  const both = [A, B].flatMap((n) =>
    prefixes(SHARED).map((prefix, at) => ({ prefix, via: [v4(n), v6(n)][at]!, pathId: n })),
  );
  const plan: SpeakerPlan = {
    routerId: v4(PEER),
    asn: ASN,
    sessions: sessionsTo("dut", PEER, DUT, { addPath: "send" }),
    statics: both,
  };
  await Promise.all([
    dut.start({
      routerId: v4(DUT),
      asn: ASN,
      multipath: 4,
      sessions: sessionsTo("rr", DUT, PEER, { addPath: "receive" }),
    }),
    peer.start(plan),
  ]);
  await untilEstablished(dut, "rr4", "rr6");
  await untilHops(dut, A, B);
  await peer.apply(
    withStatics(
      plan,
      both.filter((route) => route.pathId === A),
    ),
  );
  await untilHops(dut, A);
  await peer.apply(plan);
  await untilHops(dut, A, B);
}

async function shared(receiver: Speaker, family: 0 | 1): Promise<RouteState[]> {
  const routes = await receiver.routes(family === 0 ? "ipv4" : "ipv6");
  return routes.filter((route) => route.prefix === prefixes(SHARED)[family] && route.source.startsWith("rr"));
}

/** Waits until the receiver has the shared prefix by exactly these, in its table and where it can in its kernel. */
async function untilHops(receiver: Speaker, ...numbers: number[]): Promise<void> {
  for (const family of [0, 1] as const) {
    const hops = numbers.map((n) => (family === 0 ? v4(n) : v6(n)));
    await poll(
      `${receiver.kind} to have ${prefixes(SHARED)[family]} by exactly ${hops.join(", ")}`,
      async () => {
        const has = (await shared(receiver, family)).map((route) => route.nextHop);
        return has.sort().join(" ") === hops.toSorted().join(" ");
      },
      { explain: () => receiver.report() },
    );
    if (hasFeatures(receiver.kind, ["kernel"])) await untilKernel(receiver, prefixes(SHARED)[family], ...hops);
  }
}

/** Identifiers as received, by prefix and next hop; none where the speaker does not show them. */
async function idsOf(receiver: Speaker): Promise<Record<string, string>> {
  const routes = [...(await shared(receiver, 0)), ...(await shared(receiver, 1))];
  return Object.fromEntries(routes.map((route) => [`${route.prefix} ${route.nextHop}`, route.pathId ?? "hidden"]));
}

/** The frame of an interop test: a lab, its speakers, and on failure what each of them has to say. */
import { test } from "node:test";
import { createLab, type KernelRoute, type LabPlan } from "../../interop/lab.ts";
import { createSpeaker, DUT, type SpeakerKind } from "../../interop/peers/kinds.ts";
import { familyOf, type SessionPlan, type Speaker } from "../../interop/peers/speaker.ts";
import { poll } from "../../interop/process.ts";
import { CONTAINERS, PEERS, requires } from "../../interop/requires.ts";

const isContained = process.env.INTEROP_CONTAINERS === "1";
const skip = await requires(...PEERS, ...(isContained ? CONTAINERS : []));

/** Scenarios of one file that run at once; most of their time is waiting for timers. */
export const CONCURRENCY = 4;

export type Speakers<N extends string> = Readonly<Record<N, Speaker>>;

/** A test in a lab of its own. `kinds` says which node runs what; "dut" is the device under test. */
export function scenario<N extends string>(
  name: string,
  plan: LabPlan & { readonly kinds: Readonly<Record<N, SpeakerKind | "dut">> },
  body: (speakers: Speakers<N>) => Promise<void>,
): void {
  test(name, { skip, timeout: 300_000 }, async () => {
    const lab = await createLab(plan);
    try {
      const entries = Object.entries(plan.kinds) as [N, SpeakerKind | "dut"][];
      const made = entries.map(([node, kind]) => [node, createSpeaker(kind === "dut" ? DUT : kind, lab.node(node))]);
      await body(Object.fromEntries(made) as Speakers<N>);
    } finally {
      await lab.close();
    }
  });
}

/** Addresses of node n on the link numbered `link`. */
export function v4(n: number, link = 0): string {
  return `10.0.${link}.${n}`;
}

export function v6(n: number, link = 0): string {
  return `fdbb:${link + 1}::${n}`;
}

export function onLink(n: number, link = 0): string[] {
  return [`${v4(n, link)}/24`, `${v6(n, link)}/64`, `fe80::${n}/64`];
}

/** A host address inside each of the prefixes that node n announces, so that it answers pings. */
export function ownHosts(n: number): string[] {
  return [`addr add 10.${n}.0.1/32 dev lo`, `addr add fdaa:${n}::1/128 dev lo nodad`];
}

export function prefixes(n: number): readonly [string, string] {
  return [`10.${n}.0.0/24`, `fdaa:${n}::/64`];
}

export function statics(n: number, more: object = {}): { prefix: string }[] {
  return prefixes(n).map((prefix) => ({ prefix, ...more }));
}

export function hosts(n: number): readonly [string, string] {
  return [`10.${n}.0.1`, `fdaa:${n}::1`];
}

export const PASSWORD = "s3cret-of-the-lab";

/** The session of either family from node `from` to node `to`, with MD5; named `to4` and `to6`. */
export function bothFamilies(
  to: string,
  from: number,
  toNumber: number,
  asn: number,
  more: Partial<SessionPlan> = {},
): SessionPlan[] {
  const common = { asn, password: PASSWORD, ...more };
  return [
    { name: `${to}4`, local: v4(from), remote: v4(toNumber), ...common },
    { name: `${to}6`, local: v6(from), remote: v6(toNumber), ...common },
  ];
}

/**
 * Gateways of a kernel route, sorted; empty where there is none. A speaker may use the link-local next hop that a peer
 * announces beside its global one: both stand as the global address.
 */
function gatewaysOf(routes: readonly KernelRoute[], prefix: string): string[] {
  return routes
    .filter((route) => route.dst === prefix && route.type !== "blackhole")
    .flatMap((route) => route.nexthops ?? [{ gateway: route.gateway ?? route.via?.host ?? "", dev: route.dev ?? "" }])
    .map((hop) => hop.gateway?.replace(/^fe80::/, `fdbb:${Number(hop.dev.slice(-1)) + 1}::`) ?? hop.dev)
    .sort();
}

/** Waits until the kernel of a speaker's node forwards a prefix by exactly these gateways (none: has no route). */
export async function untilKernel(speaker: Speaker, prefix: string, ...gateways: string[]): Promise<void> {
  const wanted = gateways.toSorted().join(" ");
  const family = familyOf(prefix) === "ipv4" ? 4 : 6;
  await poll(
    `kernel of ${speaker.node.name}: ${prefix} via ${wanted || "nothing"}`,
    async () => gatewaysOf(await speaker.node.routes(family), prefix).join(" ") === wanted,
    {
      explain: async () =>
        `${await speaker.node.ip(`-${family}`, "route", "show", "table", "main")}\n${await speaker.report()}`,
    },
  );
}

/** Waits until pings pass: the first packet may find neighbours unresolved. */
export async function untilPing(speaker: Speaker, address: string, from?: string): Promise<void> {
  await poll(`ping from ${speaker.node.name} to ${address}`, () => speaker.node.ping(address, from), {
    explain: () => speaker.node.ip("route", "get", address),
  });
}

import type { Random } from "../../src/daemon/ports.ts";

export const ROUTERS = 4;

/** One way in which four routers may be joined; everybody is on 10.0.0.0/24, router `i` being 10.0.0.(i + 1). */
export interface Topology {
  readonly name: string;
  readonly asns: readonly number[];
  /** Sessions, with who reflects for whom: `client` names the end that is a client of the other. */
  readonly sessions: readonly { readonly a: number; readonly b: number; readonly client?: number }[];
}

const mesh = [
  { a: 0, b: 1 },
  { a: 0, b: 2 },
  { a: 0, b: 3 },
  { a: 1, b: 2 },
  { a: 1, b: 3 },
  { a: 2, b: 3 },
];

const TOPOLOGIES: readonly Topology[] = [
  { name: "internal mesh", asns: [64512, 64512, 64512, 64512], sessions: mesh },
  { name: "external mesh", asns: [64512, 64513, 4_200_000_001, 65_000], sessions: mesh },
  {
    name: "one reflector",
    asns: [64512, 64512, 64512, 64512],
    sessions: [
      { a: 0, b: 1, client: 1 },
      { a: 0, b: 2, client: 2 },
      { a: 0, b: 3, client: 3 },
    ],
  },
  {
    name: "two reflectors",
    asns: [64512, 64512, 64512, 64512],
    sessions: [
      { a: 0, b: 1 },
      { a: 0, b: 2, client: 2 },
      { a: 0, b: 3, client: 3 },
      { a: 1, b: 2, client: 2 },
      { a: 1, b: 3, client: 3 },
    ],
  },
  {
    name: "reflector with a client, a plain peer and an external one",
    asns: [64512, 64512, 64512, 65_010],
    sessions: [
      { a: 0, b: 1, client: 1 },
      { a: 0, b: 2 },
      { a: 0, b: 3 },
      { a: 2, b: 3 },
    ],
  },
  {
    name: "external ring",
    asns: [65_001, 65_002, 65_003, 65_004],
    sessions: [
      { a: 0, b: 1 },
      { a: 1, b: 2 },
      { a: 2, b: 3 },
      { a: 3, b: 0 },
    ],
  },
];

export function topologyOf(seed: number): Topology {
  return TOPOLOGIES[seed % TOPOLOGIES.length]!;
}

const POLICIES = `
policies:
  tag:
    - { match: { prefixes: [{ prefix: 10.1.0.0/16, ge: 24, le: 32 }] }, set: { addCommunities: [65535:1] }, action: accept }
    - { action: accept }
  prepend:
    - { match: { source: [bgp] }, set: { prepend: 2 }, action: accept }
    - { action: accept }
  med:
    - { match: { communities: [65535:1] }, set: { med: 50 }, action: accept }
    - { set: { med: 10 }, action: accept }
  prefer:
    - { match: { communities: [65535:1] }, set: { localPref: 200 }, action: accept }
    - { action: accept }
  few:
    - { match: { prefixes: [{ prefix: 10.1.0.0/16, ge: 16, le: 25 }] }, action: accept }
    - { action: reject }
`;

/** What of a router's configuration changes during a run. */
export interface Wishes {
  statics: readonly string[];
  /** By peer index. */
  readonly imports: Map<number, string>;
  readonly exports: Map<number, string>;
}

export function newWishes(router: number, random: Random): Wishes {
  return { statics: pickStatics(router, random), imports: new Map(), exports: new Map() };
}

/** Prefixes of this router's own, and some that others announce too. */
export function pickStatics(router: number, random: Random): string[] {
  const out: string[] = [];
  for (let i = 0; i < 12; i++) if (random() < 0.7) out.push(`10.1.${router * 16 + i}.0/24`);
  for (let i = 0; i < 6; i++) if (random() < 0.5) out.push(`10.1.200.${i * 32}/27`);
  return out;
}

const IMPORTS = ["accept", "accept", "prefer", "few"];
const EXPORTS = ["accept", "accept", "tag", "prepend", "med", "few"];

/** Between ASes no policy may prefer a longer path: such a network need not converge at all (RFC 4264). */
export function pickPolicies(topology: Topology, router: number, wishes: Wishes, peer: number, random: Random): void {
  const chosen = IMPORTS[Math.floor(random() * IMPORTS.length)]!;
  const external = topology.asns[router] !== topology.asns[peer];
  wishes.imports.set(peer, chosen === "prefer" && external ? "accept" : chosen);
  wishes.exports.set(peer, EXPORTS[Math.floor(random() * EXPORTS.length)]!);
}

/** The YAML of one router. */
export function configText(topology: Topology, router: number, wishes: Wishes): string {
  const peers = topology.sessions
    .filter(({ a, b }) => a === router || b === router)
    .map(({ a, b, client }) => {
      const other = a === router ? b : a;
      return `  - name: r${other}
    address: 10.0.0.${other + 1}
    asn: ${topology.asns[other]}
    import: ${wishes.imports.get(other) ?? "accept"}
    export: ${wishes.exports.get(other) ?? "accept"}
    routeReflectorClient: ${client === other}
    timers: { hold: 90s, connectRetry: 20s, connectDelay: 1s, idleHoldMin: 2s, idleHoldMax: 20s }
`;
    });
  const statics = wishes.statics.map((prefix) => `  - { prefix: ${prefix}, blackhole: true }`).join("\n");
  return `router: { id: 10.0.0.${router + 1}, asn: ${topology.asns[router]}, listen: [{ address: 10.0.0.${router + 1}, port: 179 }] }
kernel: { program: true, learn: true }
limits: { routes: 10000, paths: 40000, attributeSets: 10000, attributeOctets: 1000000 }
static:
${statics || "  []"}
${POLICIES}
peers:
${peers.join("")}`;
}

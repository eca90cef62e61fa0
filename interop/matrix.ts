/**
 * Which speaker takes the peer's place in which scenario: the one source for the scenarios themselves and for the table in
 * docs/INTEROP.md.
 */
import { type Feature, hasFeatures, type SpeakerKind } from "./peers/features.ts";

export interface Row {
  readonly file: string;
  readonly title: string;
  /** What the peer must be able to do; who is not is out. */
  readonly needs: readonly Feature[];
  /** Who plays in the plain test run; the matrix has everybody who can. */
  readonly quick: readonly SpeakerKind[];
  /** Nobody else in the matrix either: the scenario is written for them. */
  readonly only?: readonly SpeakerKind[];
  /** Speakers that have the features and yet cannot take the place, and why. */
  readonly except?: Partial<Readonly<Record<SpeakerKind, string>>>;
}

const BIRDS_AND_FRR: readonly SpeakerKind[] = ["bird2", "bird1", "frr"];

/** Everybody but ourselves, in the order of the table. */
export const OTHERS = [
  "bird2",
  "bird1",
  "frr",
  "gobgp",
  "openbgpd",
  "exabgp",
] as const satisfies readonly SpeakerKind[];

export const ROWS = {
  peeringExternal: {
    file: "peering",
    title: "eBGP, routes both ways, pings along them, withdrawal, again without a reset",
    needs: [],
    quick: BIRDS_AND_FRR,
  },
  peeringInternal: { file: "peering", title: "iBGP, the same", needs: [], quick: BIRDS_AND_FRR },
  reflected: {
    file: "reflection",
    title: "clients of our reflector; ORIGINATOR_ID, CLUSTER_LIST, next hop kept",
    needs: [],
    quick: BIRDS_AND_FRR,
  },
  moved: {
    file: "reflection",
    title: "a best path that moves between clients and back; nobody keeps a stale route",
    needs: [],
    quick: BIRDS_AND_FRR,
  },
  twoOctetAs: {
    file: "four-octet-as",
    title: "a neighbour with 2-octet AS numbers only; AS_TRANS and AS4_PATH both ways",
    needs: ["twoOctetAs", "transit"],
    quick: ["bird2", "bird1"],
  },
  multipath: {
    file: "multipath",
    title: "one prefix from two neighbours, both next hops in the kernel",
    needs: ["kernel"],
    quick: BIRDS_AND_FRR,
  },
  defaultRoute: {
    file: "default-route",
    title: "next hops behind a default route that changes and goes",
    needs: ["kernel"],
    quick: BIRDS_AND_FRR,
  },
  sessionCut: {
    file: "session-cut",
    title: "peer killed, peer stopped, TCP reset, link down; all comes back",
    needs: ["kernel"],
    quick: BIRDS_AND_FRR,
  },
  bothFamilies: {
    file: "session-shapes",
    title: "one session with both families, over IPv4 and over IPv6",
    needs: [],
    quick: ["bird2", "frr"],
    only: ["bird2", "frr"],
  },
  nextHops: {
    file: "session-shapes",
    title: "third-party next hops, next hop self, default-only, no policy",
    needs: [],
    quick: ["bird2", "frr"],
    only: ["bird2", "frr"],
  },
  shapes: {
    file: "session-shapes",
    title: "link-local addresses, communities, connecting at once, two peers on one address",
    needs: [],
    quick: ["bird2"],
    only: ["bird2"],
  },
  liveConfiguration: {
    file: "live-configuration",
    title: "policies, peers, keys, listeners and bad files while sessions run",
    needs: [],
    quick: ["bird2"],
    only: ["bird2"],
  },
  kernelRoutes: {
    file: "kernel-routes",
    title: "export policy, learning, foreign routes, foreign hands on ours",
    needs: [],
    quick: ["bird2"],
    only: ["bird2"],
  },
  restart: {
    file: "restart",
    title: "routes kept, adopted untouched, pruned when every peer has said all",
    needs: [],
    quick: ["bird2"],
    only: ["bird2"],
  },
  policies: {
    file: "policies",
    title: "Calico's import and export rules (`docs/calico-policies.yaml`) as BIRD sees them",
    needs: [],
    quick: ["bird2"],
    only: ["bird2"],
  },
  tunnelRoutes: {
    file: "tunnel-routes",
    title: "Calico's rules for the kernel: tunnel devices, onlink, metrics of older releases",
    needs: [],
    quick: ["bird2"],
    only: ["bird2"],
  },
  refusals: {
    file: "refusals",
    title: "what kernel, system and files refuse; lost notifications",
    needs: [],
    quick: ["bird2"],
    only: ["bird2"],
  },
  addPathSent: {
    file: "add-path",
    title: "we reflect both paths of a prefix, by stable identifiers",
    needs: ["addPathReceive"],
    quick: ["frr"],
  },
  addPathReceived: {
    file: "add-path",
    title: "the peer gives us both paths; both next hops in our kernel",
    needs: ["addPathSend"],
    quick: ["bird2"],
  },
  restartSurvived: {
    file: "graceful-restart",
    title: "we are killed, stopped, killed again: no route of the peer's kernel changes, no packet is lost",
    needs: ["restartHelper", "transit"],
    quick: ["bird2"],
  },
  restartHelped: {
    file: "graceful-restart",
    title: "the peer is killed and comes back: we forward on, and drop what it does not announce again",
    needs: ["restarter"],
    quick: ["frr"],
  },
  ttlSecurity: {
    file: "session-options",
    title: "GTSM: a low TTL is dropped, 255 is taken; both families",
    needs: ["ttlSecurity"],
    quick: ["frr"],
  },
  dynamicPeers: {
    file: "session-options",
    title: "dynamic neighbours of ours, with a key for the prefix",
    needs: [],
    quick: ["bird2"],
  },
  localAs: {
    file: "session-options",
    title: "another AS of ours towards the peer, and of the peer's towards us where it can",
    needs: [],
    quick: ["bird1"],
  },
  allowOwnAs: {
    file: "session-options",
    title: "own AS in a received path: refused, and accepted where allowed; both ends",
    needs: ["prepend", "allowOwnAs"],
    quick: ["bird2"],
  },
  maxPrefixesOurs: {
    file: "session-options",
    title: "the peer exceeds our limit and is told Cease 6/1",
    needs: [],
    quick: ["bird1"],
  },
  maxPrefixesTheirs: {
    file: "session-options",
    title: "we exceed the peer's limit and are told Cease 6/1",
    needs: ["maxPrefixes"],
    quick: ["frr"],
  },
  shutdownText: {
    file: "farewell",
    title: "the peer reads our shutdown communication; disable and enable",
    needs: ["shutdownTextSeen"],
    quick: ["frr"],
  },
  shutdownTextTheirs: {
    file: "farewell",
    title: "we read the peer's shutdown communication",
    needs: ["shutdownText"],
    quick: ["bird2"],
  },
  gracefulShutdown: {
    file: "farewell",
    title: "GRACEFUL_SHUTDOWN both ways: drained routes come last",
    needs: [],
    quick: ["frr"],
  },
  refresh: {
    file: "route-refresh",
    title: "the peer asks us, and we ask it; BoRR and EoRR where it has them",
    needs: ["refresh"],
    quick: ["bird2", "frr"],
  },
  resetOurs: {
    file: "graceful-notification",
    title: "RFC 8538: we reset the session and the peer keeps our routes; a hard reset takes them away",
    needs: ["restartNotification"],
    quick: ["frr"],
  },
  resetTheirs: {
    file: "graceful-notification",
    title: "RFC 8538: the peer resets the session and we keep its routes",
    needs: ["restartNotification", "restarter"],
    quick: ["frr"],
  },
  longLived: {
    file: "long-lived",
    title: "LLGR: its routes as the last choice while it stays away, then ours",
    needs: ["longLived", "transit"],
    quick: ["bird2"],
  },
  meshRestart: {
    file: "mesh-restart",
    title: "four of ours restart at once: no kernel route changes, no packet is lost",
    needs: [],
    quick: [],
    only: [],
  },
  threeTiers: {
    file: "three-tiers",
    title: "nodes, ToRs and cores mixed; the default downwards, given up when the way up is lost",
    needs: ["kernel"],
    quick: BIRDS_AND_FRR,
  },
  transport: {
    file: "transport",
    title: "GTSM, MD5 in every form, keys that change, port 179 shared",
    needs: [],
    quick: ["bird2", "frr"],
    only: ["bird2", "frr"],
  },
  malformed: {
    file: "malformed",
    title: "behind us while somebody sends malformed UPDATEs: loses their routes and no others",
    needs: ["kernel"],
    quick: ["bird2"],
  },
  calicoCases: {
    file: "calico-cases",
    title: "in BIRD 1.6's place in Calico's own cases: every neighbour is told the same, the kernel has the same",
    needs: [],
    quick: ["bird1"],
    only: ["bird1"],
  },
  shadow: {
    file: "shadow",
    title: "`calidris shadow` beside a BIRD that does Calico's rules: nothing differs, then what does",
    needs: [],
    quick: ["bird1"],
    only: ["bird1"],
  },
  calicoCluster: {
    file: "calico-cluster",
    title: "three nodes and a reflector of ours from one datastore, which changes six times",
    needs: [],
    quick: ["bird2"],
    only: ["bird2"],
  },
  birdSocket: {
    file: "bird-socket",
    title: "birdc and readers as Calico's at our BIRD sockets, with sessions to both",
    needs: [],
    quick: ["bird1", "frr"],
    only: ["bird1", "frr"],
  },
  node: {
    file: "node",
    title: "`calidris node`: two of ours mesh from a datastore, over restarts and without it",
    needs: [],
    quick: [],
    only: [],
  },
} as const satisfies Record<string, Row>;

export type RowName = keyof typeof ROWS;

/** Who takes the peer's place: in the matrix everybody who can, in the plain test run a few. */
export function speakersOf(name: RowName): readonly SpeakerKind[] {
  const row: Row = ROWS[name];
  // Only these have a whole root for a container.
  if (process.env.INTEROP_CONTAINERS === "1") return ableSpeakers(row).filter((kind) => BIRDS_AND_FRR.includes(kind));
  return process.env.INTEROP_MATRIX === "1" ? ableSpeakers(row) : row.quick;
}

function ableSpeakers(row: Row): readonly SpeakerKind[] {
  return OTHERS.filter(
    (kind) => (row.only?.includes(kind) ?? true) && hasFeatures(kind, row.needs) && row.except?.[kind] === undefined,
  );
}

const NAMES: Readonly<Record<(typeof OTHERS)[number], string>> = {
  ...{ bird2: "BIRD 2", bird1: "BIRD 1.6", frr: "FRR", gobgp: "GoBGP", openbgpd: "OpenBGPD", exabgp: "ExaBGP" },
};

/** The table of docs/INTEROP.md, with what its numbers in brackets say. */
export function matrixTable(): string {
  const notes: string[] = [];
  const cell = (row: Row, kind: SpeakerKind) => {
    const why = row.except?.[kind];
    if (why === undefined) return ableSpeakers(row).includes(kind) ? "✔" : "–";
    if (!notes.includes(why)) notes.push(why);
    return `[${notes.indexOf(why) + 1}]`;
  };
  const rows = Object.values(ROWS).map((row: Row) => [
    `\`${row.file}\`: ${row.title}`,
    ...OTHERS.map((kind) => cell(row, kind)),
  ]);
  const head = ["Scenario (`test/interop`)", ...OTHERS.map((kind) => NAMES[kind])];
  const widths = head.map((text, at) => Math.max(...[head, ...rows].map((row) => row[at]!.length), text.length));
  const line = (row: readonly string[]) => `| ${row.map((text, at) => pad(text, widths[at]!, at > 0)).join(" | ")} |`;
  const rule = `| ${widths.map((width, at) => (at === 0 ? "-".repeat(width) : `:${"-".repeat(width - 2)}:`)).join(" | ")} |`;
  const marks = notes.map((note, at) => `[${at + 1}] ${note}`);
  return [line(head), rule, ...rows.map(line), ...(marks.length === 0 ? [] : ["", marks.join("\\\n")])].join("\n");
}

function pad(text: string, width: number, isCentred: boolean): string {
  if (!isCentred) return text.padEnd(width);
  const left = Math.floor((width - text.length) / 2);
  return `${" ".repeat(left)}${text}`.padEnd(width);
}

/** What is measured: how many sessions, what they feed, and the bounds that hold beside BIRD 2. */
import type { SessionPlan, SpeakerPlan } from "../interop/peers/speaker.ts";

export interface Work {
  readonly name: string;
  readonly title: string;
  readonly clients: number;
  readonly feeders: number;
  /** Of each feeder. */
  readonly prefixes: number;
  /** Prefixes in one UPDATE. */
  readonly group: number;
  readonly isReflector: boolean;
  /** Single routes that appear and go once the load is through. */
  readonly flaps: number;
  /** Path identifiers both ways on all sessions (RFC 7911). */
  readonly addPath?: boolean;
  readonly bounds: readonly Bound[];
}

/** Our median against the reference's, or against a number. */
export interface Bound {
  readonly metric: Metric;
  readonly atMost: { readonly timesReference: number } | { readonly value: number };
}

/** As the swarm prints them. */
export const METRICS = ["converged_s", "cpu_s", "peak_mib", "flap_p50_ms", "flap_p99_ms", "flap_cpu_ms_each"] as const;
export type Metric = (typeof METRICS)[number];

const NOT_SLOWER: Bound = { metric: "converged_s", atMost: { timesReference: 1 } };

function transit(prefixes: number, bounds: readonly Bound[]): Work {
  const title = `eBGP transit of ${prefixes.toLocaleString("en")} prefixes, 2 sessions`;
  const load = { clients: 2, feeders: 1, prefixes, group: 5, isReflector: false, flaps: 0 };
  return { name: "transit", title, bounds, ...load };
}

function reflector(clients: number, prefixes: number, bounds: readonly Bound[]): Work {
  const title = `route reflector, ${clients} clients with ${prefixes} prefixes each`;
  const load = { clients, feeders: clients, prefixes, group: prefixes, isReflector: true, flaps: 20 };
  return { name: `rr${clients}`, title, bounds, ...load };
}

export const WORKS: readonly Work[] = [
  transit(1_000_000, [NOT_SLOWER, { metric: "peak_mib", atMost: { value: 220 } }]),
  reflector(500, 4, [NOT_SLOWER]),
  reflector(1000, 10, []),
];

export const QUICK_WORKS: readonly Work[] = [transit(250_000, [NOT_SLOWER]), reflector(500, 4, [NOT_SLOWER])];

/** The same load with ADD-PATH. */
export function withAddPath(work: Work): Work {
  return { ...work, addPath: true, title: `${work.title}, with ADD-PATH`, bounds: [NOT_SLOWER] };
}

export const SPEAKER_ADDRESS = "10.99.0.1";
const SPEAKER_AS = 65000;
/** The swarm's eBGP clients count up from here. */
const FIRST_CLIENT_AS = 65001;
const FIRST_CLIENT = (10 << 24) | (99 << 16) | (1 << 8);

export function clientAddress(index: number): string {
  const address = FIRST_CLIENT + index;
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

/** The speaker's configuration: every session passive, everything accepted and announced, no kernel. */
export function speakerPlan(work: Work): SpeakerPlan {
  const sessions = Array.from({ length: work.clients }, (_, index): SessionPlan => {
    const asn = work.isReflector ? SPEAKER_AS : FIRST_CLIENT_AS + index;
    return {
      name: `c${index}`,
      local: SPEAKER_ADDRESS,
      remote: clientAddress(index),
      asn,
      passive: true,
      ...(work.isReflector ? { reflectorClient: true } : {}),
      ...(work.addPath === true ? { addPath: "both" } : {}),
    };
  });
  const cluster = work.isReflector ? { clusterId: SPEAKER_ADDRESS } : {};
  return {
    routerId: SPEAKER_ADDRESS,
    asn: SPEAKER_AS,
    sessions,
    kernel: false,
    holdSeconds: 240,
    isPlain: true,
    ...cluster,
  };
}

/** The swarm's command line. */
export function swarmArguments(work: Work, pids: readonly number[], timeoutSeconds: number): string[] {
  return [
    ...["--dut", `${SPEAKER_ADDRESS}:179`, "--src", clientAddress(0), "--dut-as", `${SPEAKER_AS}`],
    ...["--clients", `${work.clients}`, "--feeders", `${work.feeders}`],
    ...["--prefixes", `${work.prefixes}`, "--group", `${work.group}`],
    ...["--pid", pids.join(","), "--timeout", `${timeoutSeconds}`],
    ...(work.isReflector ? ["--ibgp"] : ["--realistic"]),
    ...(work.flaps > 0 ? ["--flap", `${work.flaps}`] : []),
    ...(work.addPath === true ? ["--add-path"] : []),
  ];
}

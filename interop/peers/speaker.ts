/** What every speaker in the lab can do, and the one configuration from which each adapter writes its own dialect. */
import type { LabNode } from "../lab.ts";
import { poll } from "../process.ts";
import type { SpeakerKind } from "./features.ts";

export type FamilyName = "ipv4" | "ipv6";

export interface SessionPlan {
  /** Letters, digits and underscores; not a keyword of any dialect. */
  readonly name: string;
  readonly local: string;
  readonly remote: string;
  readonly asn: number;
  /** Default: the family of the addresses. */
  readonly families?: readonly FamilyName[];
  readonly password?: string;
  readonly passive?: boolean;
  /** This speaker reflects routes to that client. */
  readonly reflectorClient?: boolean;
  /** Offer 4-octet AS numbers; default yes. */
  readonly fourOctetAs?: boolean;
  readonly nextHopSelf?: boolean;
  /** The peer is more than one hop away. */
  readonly multihop?: boolean;
  /** Absent: a speaker that can is silent about it, ours aware. */
  readonly gracefulRestart?: RestartPlan;
  readonly addPath?: "receive" | "send" | "both";
  /** GTSM: hops that the peer may be away. */
  readonly ttlSecurity?: number;
  /** AS towards this peer in place of the speaker's own. */
  readonly localAs?: number;
  /** How often its own AS may stand in a received path. */
  readonly allowOwnAs?: number;
  /**
   * What is announced, absent: all. Of the default route alone it is made here, or (`defaultIfReachable`) passed on from
   * those above.
   */
  readonly exports?: "default" | "defaultIfReachable" | "allButDefault" | "own";
  /** For each family; beyond it the session ends with Cease 6/1. */
  readonly maxPrefixes?: number;
}

/** RFC 4724, 8538, 9494. */
export interface RestartPlan {
  /** `aware` keeps the peer's routes; `on` asks the peer for the same. */
  readonly mode: "aware" | "on";
  readonly restartSeconds?: number;
  readonly notification?: boolean;
  /** Long-lived, for so long. */
  readonly longLivedSeconds?: number;
}

export interface StaticPlan {
  readonly prefix: string;
  /** Absent: blackhole, announced with the session's own address as next hop. */
  readonly via?: string;
  /** AS numbers put before the path on announcing. */
  readonly prepend?: readonly number[];
  /** Standard communities as `65001:1`. */
  readonly communities?: readonly string[];
  /** Of a speaker that announces several paths of its own: ExaBGP. */
  readonly pathId?: number;
  /** More attributes as type, flags and value in hexadecimal: `0x63 0xc0 0x0102`. ExaBGP only. */
  readonly raw?: readonly string[];
}

export interface SpeakerPlan {
  readonly routerId: string;
  readonly asn: number;
  readonly clusterId?: string;
  readonly sessions: readonly SessionPlan[];
  readonly statics?: readonly StaticPlan[];
  /** Write routes into the kernel and take the kernel's; default yes. */
  readonly kernel?: boolean;
  /** Most next hops in one kernel route; default 1. */
  readonly multipath?: number;
  readonly holdSeconds?: number;
  /** Announce everything with GRACEFUL_SHUTDOWN, where the speaker has a switch for it. */
  readonly isDraining?: boolean;
  /** Accept and announce everything, and log nothing beyond the default: for measuring. */
  readonly isPlain?: boolean;
}

export interface SessionState {
  readonly name: string;
  readonly state: "idle" | "connect" | "active" | "openSent" | "openConfirm" | "established" | "down";
  /** Last error or the like, in the speaker's words. */
  readonly info: string;
  /** Every family has its End-of-RIB sent; absent where the speaker does not show it. */
  readonly isAllSent?: boolean;
}

export interface RouteState {
  readonly prefix: string;
  readonly best: boolean;
  /** Session's name; "static" and "kernel" and the like for others. */
  readonly source: string;
  /** BGP next hop where there is one, else the gateway. */
  readonly nextHop?: string;
  readonly asPath?: readonly number[];
  readonly localPref?: number;
  readonly med?: number;
  readonly originatorId?: string;
  readonly clusterList?: readonly string[];
  readonly communities?: readonly string[];
  readonly pathId?: string;
  /** Of a peer that is restarting. */
  readonly isStale?: boolean;
}

/** A NOTIFICATION as the speaker that received it tells. */
export interface NotificationSeen {
  readonly session: string;
  readonly code: number;
  readonly subcode: number;
  /** Shutdown communication. */
  readonly text?: string;
}

export interface StartOptions {
  /** The speaker is to recover from a restart, where that has to be said on its command line. */
  readonly recover?: boolean;
}

export interface Speaker {
  readonly kind: SpeakerKind;
  readonly node: LabNode;
  /** Starts with this configuration and returns when its own command line answers. */
  start(plan: SpeakerPlan, options?: StartOptions): Promise<void>;
  /** Changes the running configuration without a restart. */
  apply(plan: SpeakerPlan): Promise<void>;
  /** Ends as an operator would, by SIGTERM. */
  stop(): Promise<void>;
  /** SIGKILL: sockets close without a word. */
  kill(): Promise<void>;
  /** SIGKILL of what speaks BGP; what forwards stays as it is, for a start that recovers. */
  crash(): Promise<void>;
  /** Processes of the speaker, as the machine counts, for CPU and memory. */
  pids(): readonly number[];
  sessions(): Promise<SessionState[]>;
  routes(family: FamilyName): Promise<RouteState[]>;
  /** Asks a peer for its routes again. */
  refresh(session: string): Promise<void>;
  /** Ends a session as an operator would, with a word to the peer. */
  disable?(session: string, text?: string): Promise<void>;
  enable?(session: string): Promise<void>;
  /** Ends a session and begins it again at once: Cease 6/4. */
  reset?(session: string): Promise<void>;
  /** Tries again at once, where it would rest for half a minute after an error. */
  retry?(session: string): Promise<void>;
  /** Ends for good: peers are told, kernel routes go. */
  shutdown?(text?: string): Promise<void>;
  /** Announces all with GRACEFUL_SHUTDOWN from now on. */
  drain?(): Promise<void>;
  /** Every NOTIFICATION that it has received since it was started first, in order. */
  notifications(): Promise<NotificationSeen[]>;
  /** All it has logged since then. */
  log(): Promise<string>;
  /** What it would show an operator who looks for a fault. */
  report(): Promise<string>;
}

/** The plan with other static routes: announce and withdraw are changes of configuration. */
export function withStatics(plan: SpeakerPlan, statics: readonly StaticPlan[]): SpeakerPlan {
  return { ...plan, statics };
}

/** What has to be withdrawn and announced on the way from one plan to another. */
export function staticsChanged(from: SpeakerPlan, to: SpeakerPlan): { gone: StaticPlan[]; added: StaticPlan[] } {
  const text = (route: StaticPlan) => JSON.stringify(route);
  const had = new Set((from.statics ?? []).map(text));
  const has = new Set((to.statics ?? []).map(text));
  return {
    gone: (from.statics ?? []).filter((route) => !has.has(text(route))),
    added: (to.statics ?? []).filter((route) => !had.has(text(route))),
  };
}

export function familyOf(text: string): FamilyName {
  return text.includes(":") ? "ipv6" : "ipv4";
}

export function familiesOf(session: SessionPlan): readonly FamilyName[] {
  return session.families ?? [familyOf(session.remote)];
}

/** Waits until a session is Established at this speaker. */
export async function untilEstablished(speaker: Speaker, ...names: string[]): Promise<void> {
  await untilSessions(speaker, `${names.join(", ")} established`, (all) =>
    names.every((name) => all.find((one) => one.name === name)?.state === "established"),
  );
}

export async function untilSessions(
  speaker: Speaker,
  what: string,
  holds: (sessions: SessionState[]) => boolean,
): Promise<void> {
  await poll(`${speaker.kind} on ${speaker.node.name}: ${what}`, async () => holds(await speaker.sessions()), {
    explain: () => speaker.report(),
  });
}

/** Waits until a prefix has a best route that satisfies the condition, and returns it. */
export async function untilRoute(
  speaker: Speaker,
  prefix: string,
  holds: (best: RouteState, all: RouteState[]) => boolean = () => true,
): Promise<RouteState> {
  return poll(
    `${speaker.kind} on ${speaker.node.name}: best route to ${prefix} ${holds}`,
    async () => {
      const all = (await speaker.routes(familyOf(prefix))).filter((route) => route.prefix === prefix);
      const best = all.find((route) => route.best);
      return best !== undefined && holds(best, all) ? best : undefined;
    },
    { explain: () => speaker.report() },
  );
}

/** Waits until a prefix has no route at all. */
export async function untilGone(speaker: Speaker, prefix: string): Promise<void> {
  await poll(
    `${speaker.kind} on ${speaker.node.name}: no route to ${prefix}`,
    async () => !(await speaker.routes(familyOf(prefix))).some((route) => route.prefix === prefix),
    { explain: () => speaker.report() },
  );
}

/** Reads vtysh's JSON. */
import type { NotificationSeen, RouteState, SessionState, SpeakerPlan } from "./speaker.ts";

type Json = Record<string, unknown>;

const STATES: Readonly<Record<string, SessionState["state"]>> = {
  Idle: "idle",
  Connect: "connect",
  Active: "active",
  OpenSent: "openSent",
  OpenConfirm: "openConfirm",
  Established: "established",
};

/** `show bgp neighbors json`: an object by the neighbour's address. */
export function parseFrrSessions(text: string, plan: SpeakerPlan): SessionState[] {
  const neighbors = JSON.parse(text) as Record<string, Json>;
  return plan.sessions.map((session) => {
    const shown = neighbors[session.remote] ?? {};
    const state = STATES[String(shown.bgpState)] ?? "down";
    return { name: session.name, state, info: String(shown.lastResetDueTo ?? shown.lastErrorCodeSubcode ?? "") };
  });
}

/** `show bgp FAMILY unicast json detail`: by prefix, one element about the prefix, then its paths. */
export function parseFrrRoutes(text: string, plan: SpeakerPlan): RouteState[] {
  const shown = JSON.parse(text) as { routes?: Record<string, Json[]> };
  return Object.entries(shown.routes ?? {}).flatMap(([prefix, elements]) =>
    elements.filter((element) => "aspath" in element).map((path) => routeOf(prefix, path, plan)),
  );
}

function routeOf(prefix: string, path: Json, plan: SpeakerPlan): RouteState {
  const peer = (path.peer ?? {}) as Json;
  const hop = ((path.nexthops ?? []) as Json[]).find((one) => one.used === true || one.scope !== "link-local");
  const segments = ((path.aspath ?? {}) as Json).segments as { list?: number[] }[] | undefined;
  const cluster = ((path.clusterList ?? {}) as Json).list as string[] | undefined;
  const community = ((path.community ?? {}) as Json).list as string[] | undefined;
  const best = ((path.bestpath ?? {}) as Json).overall === true;
  return {
    prefix,
    best,
    source: plan.sessions.find((session) => session.remote === peer.peerId)?.name ?? "static",
    ...(hop === undefined ? {} : { nextHop: String(hop.ip) }),
    asPath: (segments ?? []).flatMap((segment) => segment.list ?? []),
    ...(path.locPrf === undefined ? {} : { localPref: Number(path.locPrf) }),
    ...(path.med === undefined && path.metric === undefined ? {} : { med: Number(path.med ?? path.metric) }),
    ...(path.originatorId === undefined ? {} : { originatorId: String(path.originatorId) }),
    ...(cluster === undefined ? {} : { clusterList: cluster }),
    ...(community === undefined ? {} : { communities: community.map(communityOf) }),
    ...(path.stale === true ? { isStale: true } : {}),
  };
}

const WELL_KNOWN: Readonly<Record<string, string>> = {
  gracefulShutdown: "65535:0",
  llgrStale: "65535:6",
  noLlgr: "65535:7",
  noExport: "65535:65281",
  noAdvertise: "65535:65282",
};

function communityOf(name: string): string {
  return WELL_KNOWN[name] ?? name;
}

/** `%NOTIFICATION: received from neighbor ADDRESS 6/2 (Cease/Administrative Shutdown) "text"` in bgpd's log. */
export function parseFrrNotifications(log: string, plan: SpeakerPlan): NotificationSeen[] {
  const lines = /%NOTIFICATION[^:]*: received from neighbor (\S+)(?: \S+)? (\d+)\/(\d+) \(.*?\)(?: "(.*)")?/g;
  return [...log.matchAll(lines)].map((match) => {
    const [, address, code, subcode, text] = match;
    const session = plan.sessions.find((one) => one.remote === address)?.name ?? address!;
    return { session, code: Number(code), subcode: Number(subcode), ...(text === undefined ? {} : { text }) };
  });
}

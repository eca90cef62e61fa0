/** Reads what `bgpctl -j` prints, and bgpd's log. */
import type { NotificationSeen, RouteState, SessionState } from "./speaker.ts";

const STATES: Readonly<Record<string, SessionState["state"]>> = {
  Idle: "idle",
  Connect: "connect",
  Active: "active",
  OpenSent: "openSent",
  OpenConfirm: "openConfirm",
  Established: "established",
};

interface Neighbor {
  readonly description?: string;
  readonly remote_addr: string;
  readonly state: string;
  readonly config?: { readonly template?: boolean };
  readonly last_shutdown_reason?: string;
  readonly last_error?: string;
}

/** `bgpctl -j show neighbor`. A clone of a template has its description; its address tells it apart. */
export function parseOpenbgpdSessions(text: string): SessionState[] {
  const { neighbors } = JSON.parse(text) as { neighbors?: Neighbor[] };
  return (neighbors ?? []).map((one) => ({
    name: one.description ?? one.remote_addr,
    state: STATES[one.state] ?? "down",
    info: `${one.last_shutdown_reason ?? ""} ${one.last_error ?? ""}`.trim(),
  }));
}

interface Route {
  readonly prefix: string;
  readonly aspath?: string;
  readonly exit_nexthop?: string;
  readonly neighbor: { readonly description?: string };
  readonly best?: boolean;
  readonly stale?: boolean;
  readonly localpref?: number;
  readonly metric?: number;
  readonly attributes?: readonly Record<string, unknown>[];
  readonly communities?: readonly string[];
  readonly originator?: string;
  readonly cluster_list?: readonly string[];
}

/** `bgpctl -j show rib detail`. */
export function parseOpenbgpdRoutes(text: string): RouteState[] {
  const { rib } = JSON.parse(text) as { rib?: Route[] };
  return (rib ?? []).map((route) => {
    const name = route.neighbor.description ?? "";
    const attribute = (key: string) => route.attributes?.find((one) => key in one)?.[key];
    const originator = route.originator ?? (attribute("originator") as string | undefined);
    const cluster = route.cluster_list ?? (attribute("cluster_list") as string[] | undefined);
    return {
      prefix: route.prefix,
      best: route.best === true,
      source: name === "LOCAL" ? "static" : name,
      ...(route.exit_nexthop === undefined ? {} : { nextHop: route.exit_nexthop }),
      asPath: (route.aspath ?? "")
        .split(/[\s{}()]+/)
        .filter((word) => word !== "")
        .map(Number),
      ...(route.localpref === undefined ? {} : { localPref: route.localpref }),
      ...(route.metric === undefined ? {} : { med: route.metric }),
      ...(originator === undefined ? {} : { originatorId: originator }),
      ...(cluster === undefined ? {} : { clusterList: cluster }),
      ...(route.stale === true ? { isStale: true } : {}),
      communities: (route.communities ?? []).map((text) => (text === "GRACEFUL_SHUTDOWN" ? "65535:0" : text)),
    };
  });
}

const SUBCODES: Readonly<Record<string, readonly [number, number]>> = {
  "received max-prefix exceeded": [6, 1],
  "administratively down": [6, 2],
  "peer unconfigured": [6, 3],
  "administrative reset": [6, 4],
  "connection rejected": [6, 5],
  "other config change": [6, 6],
  "collision resolution": [6, 7],
  "resource exhaustion": [6, 8],
  "hard reset": [6, 9],
};

/** `neighbor A (NAME): received notification: Cease, administratively down`, and a line after it with the text. */
export function parseOpenbgpdNotifications(log: string): NotificationSeen[] {
  const seen: NotificationSeen[] = [];
  for (const line of log.split("\n")) {
    const reason = /received shutdown reason: "(.*)"/.exec(line);
    const last = seen.at(-1);
    if (reason !== null && last !== undefined) seen[seen.length - 1] = { ...last, text: reason[1]! };
    const match = /neighbor \S+ \((.*?)\): received notification: ([^,]+)(?:, (.*))?$/.exec(line);
    if (match === null) continue;
    const [code, subcode] = SUBCODES[match[3] ?? ""] ?? [match[2] === "Cease" ? 6 : 0, 0];
    seen.push({ session: match[1]!, code, subcode });
  }
  return seen;
}

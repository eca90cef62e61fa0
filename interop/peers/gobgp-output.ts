/** Reads what `gobgp -j` prints: states and attributes are numbers of its own interface. */
import type { NotificationSeen, RouteState, SessionState, SpeakerPlan } from "./speaker.ts";

interface Neighbor {
  readonly conf: { readonly neighbor_address: string };
  readonly state: { readonly session_state?: number };
}

interface Attribute {
  readonly type: number;
  readonly value?: unknown;
  readonly nexthop?: string;
  readonly as_paths?: readonly { readonly asns?: readonly number[] }[];
  readonly metric?: number;
  readonly communities?: readonly number[];
}

interface Path {
  readonly nlri: { readonly prefix: string; readonly id?: number };
  readonly best?: boolean;
  readonly stale?: boolean;
  readonly attrs: readonly Attribute[];
  readonly "neighbor-ip"?: string;
}

const STATES: readonly SessionState["state"][] = [
  "down",
  "idle",
  "connect",
  "active",
  "openSent",
  "openConfirm",
  "established",
];

/** `gobgp -j neighbor`. */
export function parseGobgpSessions(text: string, plan: SpeakerPlan): SessionState[] {
  const neighbors = JSON.parse(text) as Neighbor[];
  return plan.sessions.map((session) => {
    const found = neighbors.find((one) => one.conf.neighbor_address === session.remote);
    return { name: session.name, state: STATES[found?.state.session_state ?? 0] ?? "down", info: "" };
  });
}

/** `gobgp -j global rib`: paths by prefix, and no JSON at all where there is none. */
export function parseGobgpRoutes(text: string, plan: SpeakerPlan): RouteState[] {
  if (!text.trim().startsWith("{")) return [];
  const shown = JSON.parse(text) as Record<string, Path[]>;
  return Object.values(shown).flatMap((paths) => paths.map((path) => routeOf(path, plan)));
}

function routeOf(path: Path, plan: SpeakerPlan): RouteState {
  const of = (type: number) => path.attrs.find((attribute) => attribute.type === type);
  const nextHop = (of(3) ?? of(14))?.nexthop;
  const neighbor = path["neighbor-ip"];
  const med = of(4);
  const localPref = of(5);
  const originator = of(9);
  const cluster = of(10);
  const session = plan.sessions.find((one) => one.remote === neighbor);
  return {
    prefix: path.nlri.prefix,
    best: path.best === true,
    source: session?.name ?? neighbor ?? "static",
    asPath: (of(2)?.as_paths ?? []).flatMap((segment) => segment.asns ?? []),
    ...(nextHop === undefined ? {} : { nextHop }),
    ...(localPref === undefined ? {} : { localPref: Number(localPref.value) }),
    ...(med === undefined ? {} : { med: Number(med.metric ?? med.value) }),
    ...(originator === undefined ? {} : { originatorId: String(originator.value) }),
    ...(cluster === undefined ? {} : { clusterList: cluster.value as string[] }),
    ...(path.stale === true ? { isStale: true } : {}),
    communities: (of(8)?.communities ?? []).map((value) => `${value >>> 16}:${value & 0xffff}`),
  };
}

/** Its log is JSON by line. */
export function parseGobgpNotifications(log: string, plan: SpeakerPlan): NotificationSeen[] {
  return log.split("\n").flatMap((line) => {
    if (!line.includes("received notification")) return [];
    const said = JSON.parse(line) as Record<string, unknown>;
    const session = plan.sessions.find((one) => one.remote === said.Key)?.name ?? String(said.Key);
    const text = said["Communicated-Reason"];
    return [
      {
        session,
        code: Number(said.Code),
        subcode: Number(said.Subcode),
        ...(typeof text === "string" ? { text } : {}),
      },
    ];
  });
}

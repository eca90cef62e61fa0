/** Follows ExaBGP's events: what it has been told is nowhere else to be asked for. */
import type { FamilyName, NotificationSeen, RouteState, SessionState, SpeakerPlan } from "./speaker.ts";

type Json = Record<string, unknown>;

export interface Exabgp {
  readonly sessions: SessionState[];
  readonly routes: RouteState[];
  readonly notifications: NotificationSeen[];
  /** Route refresh messages of the peer: `request`, `start` and `end` of an enhanced one. */
  readonly refreshes: { readonly session: string; readonly family: FamilyName; readonly kind: string }[];
  /** What the peer offered in its last OPEN, by the session. */
  readonly capabilities: Readonly<Record<string, Json>>;
}

interface Follower {
  state: SessionState["state"];
  /** By prefix and path id. */
  readonly routes: Map<string, RouteState>;
}

/** Events are JSON by line; answers to commands stand between them. */
export function followExabgp(text: string, plan: SpeakerPlan): Exabgp {
  const followers = new Map<string, Follower>(
    plan.sessions.map((session) => [session.remote, { state: "connect", routes: new Map() }]),
  );
  const names = new Map(plan.sessions.map((session) => [session.remote, session.name]));
  const notifications: NotificationSeen[] = [];
  const refreshes: Exabgp["refreshes"] = [];
  const capabilities: Record<string, Json> = {};
  for (const line of text.split("\n")) {
    if (!line.startsWith("{")) continue;
    const event = JSON.parse(repaired(line)) as Json;
    const neighbor = event.neighbor as Json | undefined;
    const remote = String((neighbor?.address as Json | undefined)?.peer);
    const follower = followers.get(remote);
    if (neighbor === undefined || follower === undefined) continue;
    const session = names.get(remote)!;
    switch (event.type) {
      case "state":
        follower.state = stateOf(String(neighbor.state));
        if (neighbor.state !== "up") follower.routes.clear();
        break;
      case "open":
        capabilities[session] = ((neighbor.open as Json).capabilities ?? {}) as Json;
        break;
      case "update":
        update(follower.routes, session, (neighbor.message as Json).update as Json | undefined);
        break;
      case "notification": {
        // One with a shutdown communication it fails to read, and is silent about.
        const said = neighbor.notification as Json;
        notifications.push({ session, code: Number(said.code), subcode: Number(said.subcode) });
        break;
      }
      case "refresh": {
        const said = (neighbor["route-refresh"] ?? {}) as Json;
        refreshes.push({ session, family: said.afi as FamilyName, kind: String(said.subtype) });
        break;
      }
    }
  }
  return {
    sessions: plan.sessions.map(({ name, remote }) => ({ name, state: followers.get(remote)!.state, info: "" })),
    routes: [...followers.values()].flatMap((follower) => [...follower.routes.values()]),
    notifications,
    refreshes,
    capabilities,
  };
}

/** It quotes what a route refresh says twice, and prints what a NOTIFICATION says as it came. */
function repaired(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what JSON may not hold
  return line.replace(/""([^"]+)""/g, '"$1"').replace(/[\u0000-\u001f]/g, "");
}

function stateOf(state: string): SessionState["state"] {
  if (state === "up") return "established";
  return state === "connected" ? "openSent" : "connect";
}

function update(routes: Map<string, RouteState>, source: string, message: Json | undefined): void {
  const keyOf = (nlri: Json) => `${String(nlri.nlri)} ${String(nlri["path-information"] ?? "")}`;
  for (const lists of Object.values((message?.withdraw ?? {}) as Record<string, Json[]>))
    for (const nlri of lists) routes.delete(keyOf(nlri));
  const attributes = attributesOf((message?.attribute ?? {}) as Json);
  for (const byHop of Object.values((message?.announce ?? {}) as Record<string, Record<string, Json[]>>))
    for (const [nextHop, list] of Object.entries(byHop)) {
      // Beside a global next hop stands a link-local one.
      if (nextHop.startsWith("fe80:") && Object.keys(byHop).length > 1) continue;
      for (const nlri of list) {
        const id = nlri["path-information"];
        routes.set(keyOf(nlri), {
          prefix: String(nlri.nlri),
          best: true,
          source,
          nextHop,
          ...attributes,
          ...(id === undefined ? {} : { pathId: String(id) }),
        });
      }
    }
}

function attributesOf(shown: Json): Partial<RouteState> {
  const communities = (shown.community ?? []) as number[][];
  const cluster = shown["cluster-list"] as string[] | undefined;
  return {
    asPath: ((shown["as-path"] ?? []) as (number | number[])[]).flat(),
    communities: communities.map((pair) => pair.join(":")),
    ...(shown["local-preference"] === undefined ? {} : { localPref: Number(shown["local-preference"]) }),
    ...(shown.med === undefined ? {} : { med: Number(shown.med) }),
    ...(shown["originator-id"] === undefined ? {} : { originatorId: String(shown["originator-id"]) }),
    ...(cluster === undefined ? {} : { clusterList: cluster }),
  };
}

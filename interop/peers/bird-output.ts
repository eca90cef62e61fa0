/** Reads what birdcl prints; BIRD 1.6 and 2 differ little. */
import type { NotificationSeen, RouteState, SessionState } from "./speaker.ts";

/** `show protocols`: name, protocol, table, state, since, info. Only BGP sessions are returned. */
export function parseProtocols(text: string): SessionState[] {
  const sessions: SessionState[] = [];
  for (const line of text.split("\n")) {
    const match = /^(\S+)\s+BGP\s+\S+\s+(\S+)\s+\S+\s*(.*)$/.exec(line);
    if (match === null) continue;
    const [, name, state, info] = match as unknown as [string, string, string, string];
    sessions.push({ name, state: stateOf(state, info), info: info.trim() });
  }
  return sessions;
}

function stateOf(state: string, info: string): SessionState["state"] {
  if (info.startsWith("Established") && state === "up") return "established";
  if (info.startsWith("OpenConfirm")) return "openConfirm";
  if (info.startsWith("OpenSent")) return "openSent";
  if (info.startsWith("Connect")) return "connect";
  if (info.startsWith("Active") || info.startsWith("Passive")) return "active";
  return state === "down" ? "down" : "idle";
}

/**
 * `show route all`. A route begins with its prefix, or with blanks where it is one more of the same prefix, and has
 * `[protocol since]` and `*` when it is best; its attributes follow indented by a tab.
 */
export function parseRoutes(text: string): RouteState[] {
  const routes: { -readonly [K in keyof RouteState]: RouteState[K] }[] = [];
  let prefix = "";
  for (const line of text.split("\n")) {
    const head = /^(\S+)?\s+(.*?)\s*\[(\S+) [^\]]*\] ([*!] )?\(/.exec(line);
    if (head !== null && !line.startsWith("\t")) {
      prefix = head[1] ?? prefix;
      const how = head[2]!;
      const gateway = /via (\S+)/.exec(how)?.[1];
      const isUsable = !how.startsWith("unreachable");
      routes.push({
        prefix,
        source: head[3]!,
        best: head[4] !== undefined && isUsable,
        ...(gateway === undefined ? {} : { nextHop: gateway }),
      });
      continue;
    }
    const route = routes.at(-1);
    const attribute = /^\t(?:BGP\.)?(\w+):? ?(.*)$/.exec(line);
    if (route === undefined || attribute === null) continue;
    const value = attribute[2]!.trim();
    if (attribute[1] === "next_hop") route.nextHop = value.split(" ")[0]!;
    else if (attribute[1] === "via") route.nextHop ??= value.split(" ")[0]!;
    else if (attribute[1] === "as_path")
      route.asPath = value
        .split(/[\s{}()]+/)
        .filter((word) => word !== "")
        .map(Number);
    else if (attribute[1] === "local_pref") route.localPref = Number(value);
    else if (attribute[1] === "med") route.med = Number(value);
    else if (attribute[1] === "originator_id") route.originatorId = value;
    else if (attribute[1] === "cluster_list") route.clusterList = value.split(/\s+/);
    else if (attribute[1] === "community")
      route.communities = value.match(/\d+,\d+/g)?.map((c) => c.replace(",", ":")) ?? [];
  }
  return routes;
}

/** What the log calls the subcodes of Cease. */
const CEASE = [
  "Cease",
  "Maximum number of prefixes reached",
  "Administrative shutdown",
  "Peer de-configured",
  "Administrative reset",
  "Connection rejected",
  "Other configuration change",
  "Connection collision resolution",
  "Out of Resources",
  "Hard reset",
];

/** `NAME: Received: Administrative shutdown: "text"` in the log. */
export function parseBirdNotifications(log: string): NotificationSeen[] {
  return [...log.matchAll(/ (\S+): Received: (.*)$/gm)].map((match) => {
    const [, session, said] = match as unknown as [string, string, string];
    const text = /"(.*)"$/.exec(said)?.[1];
    // Behind it stands a text, or what else came with it in hexadecimal.
    const name = said.replace(/(: )?".*"$|: [0-9a-f]+$/, "");
    const subcode = CEASE.indexOf(name);
    return {
      session,
      code: subcode < 0 ? 0 : 6,
      subcode: Math.max(0, subcode),
      ...(text === undefined ? {} : { text }),
    };
  });
}

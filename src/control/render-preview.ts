/** What a configuration would do, for people. */
import type {
  AnnouncedBrief,
  KernelMove,
  Moves,
  PeerMoves,
  PreviewAnswer,
  RouteBrief,
  RoutesPreview,
  SessionPreview,
} from "./preview-answer.ts";
import { renderTable, type TableStyle } from "./table.ts";

export function previewLines(answer: PreviewAnswer, style: TableStyle): string[] {
  const { changes, sessions, now, later } = answer;
  if (answer.empty) return ["Nothing changes: the daemon runs a configuration that says the same."];
  const lines: string[] = [];
  if (changes.length > 0) lines.push(`Changed: ${changes.join(", ")}`, "");
  if (sessions.length > 0) lines.push(...sessionTable(sessions, style), "");
  else lines.push("No session is touched.", "");
  const lasting = later ? "Until sessions that reset are back:" : "Routes:";
  lines.push(...section(lasting, now));
  if (later) lines.push("", ...section("When they are back with the routes that they had:", later));
  if (answer.recovering)
    lines.push("", "The daemon recovers from a restart: this is what changes once it has told its peers all routes.");
  if (answer.skipped > 0)
    lines.push("", `Not counted: ${answer.skipped} paths of sessions that came or went while the daemon was asked.`);
  return lines;
}

const EFFECTS = { starts: "starts", stops: "stops", resets: "resets", goesOn: "goes on" } as const;

function sessionTable(sessions: readonly SessionPreview[], style: TableStyle): string[] {
  return renderTable<SessionPreview>(
    [
      { heading: "PEER", value: ({ peer }) => peer },
      {
        heading: "SESSION",
        value: effectWords,
        colour: ({ effect }) => (effect === "resets" || effect === "stops" ? "red" : undefined),
      },
      { heading: "BECAUSE OF", value: ({ because }) => because.join(", "), optional: true },
      {
        heading: "CHANGED",
        value: ({ keys, because }) => keys.filter((key) => !because.includes(key)).join(", "),
        optional: true,
      },
      { heading: "NOTE", value: ({ reason }) => reason ?? "", optional: true },
    ],
    sessions,
    style,
  );
}

function effectWords({ effect, established, returns }: SessionPreview): string {
  if (effect === "resets" && !established) return "begins anew";
  return effect === "resets" && returns === false ? "resets, stays down" : EFFECTS[effect];
}

function section(title: string, { best, peers, kernel }: RoutesPreview): string[] {
  const bests = list(`  best paths: ${counted(best.count)} change`, best, ({ prefix, before, after }) =>
    moved(prefix, before, after),
  );
  const none = peers.length === 0 ? ["  to peers: nothing changes"] : [];
  return [title, ...bests, ...kernelLines("change", kernel), ...peerLines(peers), ...none];
}

export function kernelLines(verb: string, kernel: Moves<KernelMove>): string[] {
  return list(`  kernel: ${counted(kernel.count)} ${verb}`, kernel, ({ prefix, before, after }) => {
    if (before === null) return `+ ${prefix} ${after}`;
    return after === null ? `- ${prefix} ${before}` : `~ ${prefix} ${before} -> ${after}`;
  });
}

export function peerLines(peers: readonly PeerMoves[]): string[] {
  return peers.flatMap((peer) =>
    list(
      `  to ${peer.peer}: ${announcedWords(peer)}`,
      { count: peer.added + peer.removed + peer.changed, rows: peer.rows },
      ({ prefix, before, after }) => moved(prefix, before, after),
    ),
  );
}

function counted(count: number): string {
  return count === 1 ? "1 prefix" : `${count === 0 ? "no" : count} prefixes`;
}

function announcedWords({ added, removed, changed }: PeerMoves): string {
  const words = [
    [added, "more"],
    [removed, "fewer"],
    [changed, "changed"],
  ] as const;
  return words.flatMap(([count, word]) => (count === 0 ? [] : `${count} ${word}`)).join(", ");
}

function list<T>(heading: string, { count, rows }: Moves<T>, line: (row: T) => string): string[] {
  const more = count - rows.length;
  return [
    heading,
    ...rows.map((row) => `    ${line(row)}`),
    ...(more > 0 ? [`    and ${more} more (--all shows them)`] : []),
  ];
}

type Brief = AnnouncedBrief | RouteBrief;

function moved(prefix: string, before: Brief | null, after: Brief | null): string {
  if (before === null) return `+ ${prefix} ${after ? words(after) : ""}`;
  return after === null ? `- ${prefix} ${words(before)}` : `~ ${prefix} ${difference(before, after)}`;
}

function words(brief: Brief): string {
  const parts = facts(brief);
  return [parts.from, parts["next hop"] && `next hop ${parts["next hop"]}`, `AS path ${parts["AS path"]}`]
    .filter((part) => part !== undefined && part !== "")
    .join(", ");
}

/** By what operators call them; "" where there is none. */
function facts(brief: Brief): Readonly<Record<string, string>> {
  const number = (value: number | null) => (value === null ? "" : String(value));
  const source = "source" in brief ? (brief.peer === null ? `${brief.source} route` : `from ${brief.peer}`) : "";
  return {
    from: source,
    "next hop": brief.nextHop ?? "",
    "AS path": brief.asPath || "empty",
    origin: brief.origin,
    "local preference": number(brief.localPref),
    MED: number(brief.med),
    communities: [...brief.communities, ...brief.largeCommunities, ...brief.extendedCommunities].join(" "),
    originator: brief.originatorId ?? "",
    clusters: brief.clusterList.join(" "),
    ...("source" in brief && { preference: String(brief.preference), metric: number(brief.metric) }),
  };
}

function difference(before: Brief, after: Brief): string {
  const [was, is] = [facts(before), facts(after)];
  const parts = Object.keys(was).flatMap((key) => {
    const [old, now] = [was[key] ?? "", is[key] ?? ""];
    if (old === now) return [];
    return `${key === "from" ? "" : `${key} `}${old || "none"} -> ${now || "none"}`;
  });
  return parts.length > 0 ? parts.join(", ") : "attributes that are passed on unread";
}

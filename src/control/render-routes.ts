/** Tables of routes: of the whole table, and of one peer. */
import { parsePrefix } from "../ip/prefix.ts";
import type { PathAnswer, PeerRouteAnswer, RouteAnswer } from "./answers.ts";
import { type Colour, type Column, renderTable, type TableStyle } from "./table.ts";

/** A path of a prefix. `kernel` only for the path that is written there. */
interface PathLine {
  readonly prefix: string;
  readonly path: PathAnswer;
  readonly kernel: string;
}

function pathState(path: PathAnswer): "best" | "ecmp" | "rejected" | "unreachable" | "backup" {
  if (path.best) return "best";
  if (path.multipath) return "ecmp";
  if (path.rejected) return "rejected";
  return path.reachable ? "backup" : "unreachable";
}

function stateColour(path: PathAnswer): Colour | undefined {
  const state = pathState(path);
  return state === "best" || state === "ecmp" ? "green" : state === "backup" ? undefined : "red";
}

/** Where packets go, in words; the next hop itself where it is not resolved. */
export function viaText(path: PathAnswer): string {
  if (path.via.length === 0) return path.nextHop ?? (path.reachable ? "blackhole" : "-");
  return path.via.map((hop) => [hop.gateway, hop.interface].filter((part) => part !== null).join(" on ")).join(", ");
}

const PREFIX: Column<PathLine> = { heading: "PREFIX", value: (line) => line.prefix };
const PATH_ID: Column<PathLine> = {
  heading: "PATH ID",
  align: "right",
  value: ({ path }) => (path.pathId === 0 ? "" : String(path.pathId)),
  optional: true,
  drop: 3,
};
const STATE: Column<PathLine> = {
  heading: "STATE",
  value: ({ path }) => pathState(path),
  colour: ({ path }) => stateColour(path),
};
const FROM: Column<PathLine> = { heading: "FROM", value: ({ path }) => path.peer ?? path.source, shrink: 10 };
const NEXT_HOP: Column<PathLine> = {
  heading: "NEXT HOP",
  value: ({ path }) => path.nextHop ?? path.via.map((hop) => hop.gateway ?? hop.interface ?? "").join(" "),
  drop: 8,
};
const LOCAL_PREF = number("LOCALPREF", (path) => path.localPref, 2);
const MED = number("MED", (path) => path.med, 1);
const AS_PATH: Column<PathLine> = { heading: "AS PATH", value: ({ path }) => path.asPath, shrink: 12, drop: 6 };
const ORIGIN: Column<PathLine> = { heading: "ORIGIN", value: ({ path }) => path.origin, drop: 0 };
const KERNEL: Column<PathLine> = { heading: "KERNEL", value: (line) => line.kernel, drop: 5 };
const COMMUNITIES: Column<PathLine> = {
  heading: "COMMUNITIES",
  value: ({ path }) => [...path.communities, ...path.largeCommunities, ...path.extendedCommunities].join(" "),
  optional: true,
};
const STALE: Column<PathLine> = {
  heading: "STALE",
  value: ({ path: { stale } }) =>
    stale ? `${stale.longLived ? "long-lived " : ""}since ${stale.since}, kept until ${stale.keptUntil}` : "",
  optional: true,
  shrink: 12,
  drop: 3,
};
const REASON: Column<PathLine> = {
  heading: "REASON",
  value: ({ path }) => path.rejected?.reason ?? "",
  optional: true,
  shrink: 20,
  drop: 4,
};

const REFLECTION: readonly Column<PathLine>[] = [
  { heading: "ORIGINATOR", value: ({ path }) => path.originatorId ?? "", optional: true },
  { heading: "CLUSTERS", value: ({ path }) => path.clusterList.join(" "), optional: true },
];

function number(heading: string, of: (path: PathAnswer) => number | null, drop: number): Column<PathLine> {
  return { heading, align: "right", value: ({ path }) => String(of(path) ?? "-"), drop };
}

const WIDE_PATH: readonly Column<PathLine>[] = [
  { heading: "VIA", value: ({ path }) => viaText(path) },
  number("PREF", (path) => path.preference, 9),
  LOCAL_PREF,
  MED,
  AS_PATH,
  ORIGIN,
  COMMUNITIES,
  ...REFLECTION,
  STALE,
  REASON,
];

/** Every path of every prefix, the best one first; prefixes in the order of their addresses. */
export function renderRoutes(routes: readonly RouteAnswer[], wide: boolean, style: TableStyle): string[] {
  const lines = routes.flatMap((route) =>
    route.paths.map(
      (path): PathLine => ({ prefix: route.prefix, path, kernel: path.best ? kernelWord(route.kernel.state) : "" }),
    ),
  );
  return wide
    ? renderTable([PREFIX, STATE, FROM, PATH_ID, NEXT_HOP, KERNEL, ...WIDE_PATH], lines, { ...style, width: undefined })
    : renderTable(
        [PREFIX, STATE, FROM, PATH_ID, NEXT_HOP, LOCAL_PREF, MED, AS_PATH, ORIGIN, KERNEL, STALE, REASON],
        lines,
        style,
      );
}

/** What one peer sent (`in`, with what became of it) or was sent (`out`). */
export function renderPeerRoutes(
  routes: readonly PeerRouteAnswer[],
  direction: "in" | "out",
  wide: boolean,
  style: TableStyle,
): string[] {
  const lines = routes.map(({ prefix, path }): PathLine => ({ prefix, path, kernel: "" }));
  const state = direction === "in" ? [STATE] : [FROM];
  return wide
    ? renderTable([PREFIX, ...state, PATH_ID, NEXT_HOP, ...WIDE_PATH], lines, { ...style, width: undefined })
    : renderTable([PREFIX, ...state, PATH_ID, NEXT_HOP, LOCAL_PREF, MED, AS_PATH, ORIGIN, STALE, REASON], lines, style);
}

function kernelWord(state: RouteAnswer["kernel"]["state"]): string {
  return state === "notWanted" ? "-" : state;
}

/** Sorts by family, address, then length: never as text. */
export function sortByPrefix<T extends { readonly prefix: string }>(routes: readonly T[]): T[] {
  return routes
    .map((route) => ({ route, prefix: parsePrefix(route.prefix) }))
    .sort((a, b) => {
      if (!a.prefix || !b.prefix) return 0;
      const [x, y] = [a.prefix.bytes, b.prefix.bytes];
      if (x.length !== y.length) return x.length - y.length;
      for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return x[i]! - y[i]!;
      return a.prefix.length - b.prefix.length;
    })
    .map(({ route }) => route);
}

/** `show protocols`: a row for each, and with `all` what there is to say of it. */
import type { Countdown, EstablishedFacts, ProtocolFacts, ProtocolLimit, RouteChanges, SessionFacts } from "./facts.ts";
import type { Reply } from "./reply.ts";
import { type LocalTime, since } from "./times.ts";

const HEADING = 2002;
const ROW = 1002;
const DETAIL = 1006;
/** All of a family stand in one; it has no other name in the dialect. */
const TABLE = "master";

export interface ProtocolsOptions {
  readonly verbose: boolean;
  readonly localTime: LocalTime;
}

/** Rows that are made in one go. */
const SLICE_ROWS = 64;

/** False when there is none, and nothing has been said. */
export async function showProtocols(
  reply: Reply,
  protocols: Iterable<ProtocolFacts>,
  options: ProtocolsOptions,
): Promise<boolean> {
  let rows = 0;
  for (const facts of protocols) {
    if (rows === 0) reply.line(HEADING, row("name", "proto", "table", "state", "since", "info"));
    if (++rows % SLICE_ROWS === 0 && !(await reply.flushed())) return true;
    const { name, kind, state, sinceMs, ageMs } = facts;
    reply.line(ROW, row(name, kind, TABLE, state, since(options.localTime, sinceMs, ageMs), infoOf(facts)));
    if (!options.verbose) continue;
    for (const detail of details(facts)) reply.line(DETAIL, detail);
    reply.line(DETAIL, "");
  }
  if (rows > 0) reply.end(0, "");
  return rows > 0;
}

function row(name: string, kind: string, table: string, state: string, at: string, info: string): string {
  const columns = [name.padEnd(8), kind.padEnd(8), table.padEnd(8), state.padEnd(5)].join(" ");
  return `${columns}  ${at.padEnd(10)}  ${info}`;
}

/** Readers want at least one word in the last column of a session. */
function infoOf({ session }: ProtocolFacts): string {
  return session ? `${session.state.padEnd(14)}${errorOf(session)}` : "";
}

function errorOf({ lastError }: SessionFacts): string {
  return lastError ? `${lastError.kind}: ${lastError.text}` : "";
}

function details(facts: ProtocolFacts): string[] {
  const { description, preference, importPolicy, exportPolicy, recovery, limits, routes, changes, session } = facts;
  return [
    ...(description === undefined ? [] : [field("Description", description)]),
    field("Preference", String(preference)),
    field("Input filter", filterName(importPolicy)),
    field("Output filter", filterName(exportPolicy)),
    ...(recovery === undefined ? [] : [`  GR recovery:   ${recovery === "none" ? "" : ` ${recovery}`}`]),
    ...limits.flatMap(limitLines),
    ...(routes
      ? [field("Routes", `${routes.imported} imported, ${routes.exported} exported, ${routes.preferred} preferred`)]
      : []),
    ...(changes ? changeTable(changes) : []),
    ...(session ? sessionLines(session) : []),
  ];
}

/** The labels of one kind stand above each other. */
function field(label: string, value: string): string {
  return `  ${`${label}:`.padEnd(15)} ${value}`;
}

/** The built-in ones have names of their own in the dialect. */
function filterName(policy: string): string {
  return policy === "accept" ? "ACCEPT" : policy === "reject" ? "REJECT" : policy;
}

function limitLines({ direction, limit, reached, action }: ProtocolLimit): string[] {
  return [field(`${direction} limit`, `${limit}${reached ? " [HIT]" : ""}`), field("  Action", action)];
}

const CHANGE_HEADING = "  Route change stats:     received   rejected   filtered    ignored   accepted";
const NOT_COUNTED = "---";

function changeTable({ importUpdates, importWithdraws, exportUpdates, exportWithdraws }: RouteChanges): string[] {
  const line = (label: string, ...cells: readonly (number | string)[]) =>
    `    ${`${label}:`.padEnd(20)}${cells.map((cell) => String(cell).padStart(10)).join(" ")}`;
  const { received, rejected, filtered, ignored, accepted } = importUpdates;
  const [withdraws, out, gone] = [importWithdraws, exportUpdates, exportWithdraws];
  const none = NOT_COUNTED;
  return [
    CHANGE_HEADING,
    line("Import updates", received, rejected, filtered, ignored, accepted),
    line("Import withdraws", withdraws.received, 0, none, withdraws.ignored, withdraws.accepted),
    line("Export updates", out.received, out.rejected, out.filtered, none, out.accepted),
    line("Export withdraws", gone.received, none, none, none, gone.accepted),
  ];
}

function sessionLines(session: SessionFacts): string[] {
  const { connectDelay, errorWait, established, lastError } = session;
  return [
    `  ${"BGP state:".padEnd(19)} ${session.state}`,
    sub("Neighbor address", session.neighborAddress),
    sub("Neighbor AS", String(session.neighborAs)),
    ...(session.neighborRestarts ? ["    Neighbor graceful restart active"] : []),
    ...(connectDelay ? [sub("Connect delay", countdown(connectDelay))] : []),
    ...(errorWait ? [sub("Error wait", countdown(errorWait))] : []),
    ...(established ? establishedLines(established) : []),
    ...(lastError ? [sub("Last error", errorOf(session))] : []),
  ];
}

function establishedLines(established: EstablishedFacts): string[] {
  const { neighborId, neighborCapabilities, kinds, sourceAddress, routeLimit, holdTimer, keepaliveTimer } = established;
  return [
    sub("Neighbor ID", neighborId),
    sub("Neighbor caps", neighborCapabilities.join(" ")),
    sub("Session", kinds.join(" ")),
    ...(sourceAddress === undefined ? [] : [sub("Source address", sourceAddress)]),
    ...(routeLimit ? [sub("Route limit", `${routeLimit.now}/${routeLimit.limit}`)] : []),
    sub("Hold timer", countdown(holdTimer)),
    sub("Keepalive timer", countdown(keepaliveTimer)),
  ];
}

function sub(label: string, value: string): string {
  return `    ${`${label}:`.padEnd(17)} ${value}`;
}

function countdown({ leftSeconds, totalSeconds }: Countdown): string {
  return `${leftSeconds}/${totalSeconds}`;
}

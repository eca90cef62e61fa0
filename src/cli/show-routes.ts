import type { PeerRouteAnswer, RouteAnswer } from "../control/answers.ts";
import { renderPeerRoutes, renderRoutes, sortByPrefix } from "../control/render-routes.ts";
import type { Family } from "../ip/address.ts";
import { askRows } from "./ask.ts";
import { printEntries } from "./entries.ts";
import { CliError, EXIT } from "./exit-codes.ts";
import { type OutputOptions, tableStyle } from "./output.ts";

export interface ShowRoutesOptions extends OutputOptions {
  /** `[PREFIX]`, or `in|out PEER [PREFIX]`. */
  readonly words: readonly string[];
  readonly family: Family | undefined;
  readonly limit: number | undefined;
}

export async function showRoutes(options: ShowRoutesOptions): Promise<void> {
  const [first, ...rest] = options.words;
  if (first === "in" || first === "out") return showPeerRoutes(options, first, rest);
  if (rest.length > 0)
    throw new CliError(EXIT.usage, `unexpected \`${rest.join(" ")}\`; expected one prefix or address`);
  await printEntries<RouteAnswer>(options, {
    pages: () => askRows(options.socket, { command: "routes", target: first, ...bounds(options) }),
    sorted: sortByPrefix,
    lines: (routes, headings) => renderRoutes(routes, options.output === "wide", { ...tableStyle(options), headings }),
    name: (route) => route.prefix,
    empty: "No routes.",
  });
}

async function showPeerRoutes(options: ShowRoutesOptions, direction: "in" | "out", words: readonly string[]) {
  const [peer, target, ...rest] = words;
  if (peer === undefined) throw new CliError(EXIT.usage, `whose routes? Say: show routes ${direction} PEER [PREFIX]`);
  if (rest.length > 0) throw new CliError(EXIT.usage, `unexpected \`${rest.join(" ")}\` after \`${target}\``);
  const command = direction === "in" ? "routesIn" : "routesOut";
  await printEntries<PeerRouteAnswer>(options, {
    pages: () => askRows(options.socket, { command, peer, target, ...bounds(options) }),
    sorted: sortByPrefix,
    lines: (routes, headings) =>
      renderPeerRoutes(routes, direction, options.output === "wide", { ...tableStyle(options), headings }),
    name: (route) => route.prefix,
    empty: direction === "in" ? `${peer} has sent no routes.` : `Nothing is announced to ${peer}.`,
  });
}

function bounds({ family, limit }: ShowRoutesOptions) {
  return { family, limit };
}

/** Answers the requests of the control socket from the router's view. Tables go out in pages, the loop runs in between. */
import { compareAddresses, FAMILIES, type Family, parseAddress } from "../ip/address.ts";
import { formatPrefix, type Prefix, prefixOf } from "../ip/prefix.ts";
import { DEFAULT_ONLY } from "../policy/builtin.ts";
import type { AdminCommand } from "./admin-command.ts";
import type { PeerAnswer, PeerRouteAnswer, RouteAnswer } from "./answers.ts";
import { ControlError } from "./control-error.ts";
import { judgeOrder, type OrderRequest } from "./orders.ts";
import { sendRunning } from "./send-running.ts";
import { findPeer, isFamily, parseTarget, type Target } from "./targets.ts";
import type { RouterView } from "./view.ts";

/** Where an answer goes while it is being given. */
export interface ControlOutput {
  /** False: the reader is behind; wait for `drained` before more. */
  send(value: unknown): boolean;
  drained(): Promise<void>;
  readonly signal: { readonly aborted: boolean };
}

/** What it returns is the answer, or its last part. Throws ControlError. */
export type RequestHandler = (request: unknown, output: ControlOutput) => Promise<unknown>;

/** Rows of one page: some milliseconds of work. */
const PAGE_ROWS = 100;

/** One page of a table, from the cursor on; the next cursor is -1 at the end. */
type Page = (
  family: Family,
  cursor: number,
  count: number,
) => { readonly rows: readonly unknown[]; readonly next: number };

interface Request {
  readonly command: string;
  readonly peer: string | undefined;
  readonly target: Target | undefined;
  readonly family: Family | undefined;
  readonly limit: number;
}

/** `soon` runs a function after sockets and timers had their turn; `act` carries out an order. */
export function createControlHandler(
  view: RouterView,
  soon: (run: () => void) => void,
  act: (command: AdminCommand) => void,
): RequestHandler {
  async function table(page: Page, request: Request, output: ControlOutput): Promise<void> {
    let left = request.limit;
    for (const family of FAMILIES) {
      if (request.family !== undefined && request.family !== family) continue;
      for (let cursor = 0; cursor >= 0 && left > 0; ) {
        if (output.signal.aborted) return;
        const { rows, next } = page(family, cursor, Math.min(PAGE_ROWS, left));
        // A prefix with several paths of one peer may take a page beyond what was asked for.
        const shown = rows.length > left ? rows.slice(0, left) : rows;
        left -= shown.length;
        cursor = next;
        if (shown.length > 0 && !output.send(shown)) await output.drained();
        await new Promise<void>((resolve) => soon(resolve));
      }
    }
  }

  function peerRoute(request: Request, peer: PeerAnswer, direction: "in" | "out"): readonly PeerRouteAnswer[] {
    const target = request.target!;
    const find = direction === "in" ? view.routeIn : view.routeOut;
    for (const prefix of candidates(target)) {
      const found = find(peer.name, prefix);
      if (found.length > 0) return found;
    }
    const verb = direction === "in" ? "received from" : "announced to";
    throw new ControlError("notFound", `no route for ${spelled(target)} is ${verb} ${peer.name}`);
  }

  function route(target: Target): RouteAnswer {
    const found = target.isAddress ? view.lookup(target.prefix) : view.route(target.prefix);
    if (found) return found;
    const covering = target.isAddress
      ? undefined
      : view.lookup(prefixOf(target.prefix, target.prefix.bytes.length * 8));
    const hint = covering ? `; the longest match for its first address is ${covering.prefix}` : "";
    throw new ControlError("notFound", `no route for ${spelled(target)}${hint}`);
  }

  return async (value, output) => {
    const request = parseRequest(value);
    switch (request.command) {
      case "status":
        return view.status();
      case "names":
        return view.peers().map((peer) => peer.name);
      case "running":
        return sendRunning(view, output, soon);
      case "peers": {
        const peers = [...view.peers()].sort(byAddress);
        return request.peer === undefined ? peers : [findPeer(request.peer, peers)];
      }
      case "routes":
        if (request.target) return [route(request.target)];
        return table(view.routes, request, output);
      case "routesIn":
      case "routesOut": {
        const peer = findPeer(required(request.peer, "peer"), view.peers());
        const direction = request.command === "routesIn" ? "in" : "out";
        if (request.target) return peerRoute(request, peer, direction);
        const page = direction === "in" ? view.routesIn : view.routesOut;
        return table((family, cursor, count) => page(peer.name, family, cursor, count), request, output);
      }
      case "explainRoute": {
        const target = required(request.target, "target");
        const peer = request.peer === undefined ? undefined : findPeer(request.peer, view.peers());
        const prefix = target.isAddress ? parseTarget(route(target).prefix).prefix : target.prefix;
        const answer = view.explain(prefix, peer?.name);
        // A default route that is originated, or would be, needs none in the table.
        const isOriginated = peer?.exportPolicy === DEFAULT_ONLY && prefix.length === 0;
        if (answer.best === null && answer.losers.length === 0 && !isOriginated) route({ prefix, isAddress: false });
        return answer;
      }
      default: {
        const order = judgeOrder(request.command, value as OrderRequest, view);
        const command = order?.command;
        // The answer leaves before the daemon does.
        if (command?.action === "shutdown") soon(() => act(command));
        else if (command) act(command);
        if (order) return order.answer;
        throw new ControlError("usage", `unknown command \`${request.command}\``);
      }
    }
  };
}

/** The prefix itself, or for an address all that hold it, the longest first. */
function* candidates(target: Target): Generator<Prefix> {
  for (let length = target.prefix.length; length >= 0; length--) {
    yield prefixOf(target.prefix, length);
    if (!target.isAddress) return;
  }
}

function spelled(target: Target): string {
  const text = formatPrefix(target.prefix);
  return target.isAddress ? text.slice(0, text.indexOf("/")) : text;
}

function required<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new ControlError("usage", `the request lacks \`${name}\``);
  return value;
}

function parseRequest(value: unknown): Request {
  if (typeof value !== "object" || value === null) throw new ControlError("usage", "the request is not an object");
  const { command, peer, target, family, limit } = value as Record<string, unknown>;
  if (typeof command !== "string") throw new ControlError("usage", "the request lacks `command`");
  if (family !== undefined && !isFamily(family)) throw new ControlError("usage", "`family` is ipv4 or ipv6");
  if (limit !== undefined && !(Number.isInteger(limit) && (limit as number) > 0))
    throw new ControlError("usage", "`limit` is a number above 0");
  return {
    command,
    peer: text(peer, "peer"),
    target: target === undefined ? undefined : parseTarget(text(target, "target")!),
    family,
    limit: limit === undefined ? Number.POSITIVE_INFINITY : (limit as number),
  };
}

function text(value: unknown, name: string): string | undefined {
  if (value === undefined || typeof value === "string") return value;
  throw new ControlError("usage", `\`${name}\` is a text`);
}

function byAddress(a: PeerAnswer, b: PeerAnswer): number {
  const order = compareAddresses(parseAddress(a.address)!, parseAddress(b.address)!);
  return order || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

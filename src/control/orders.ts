/** Orders of operators as requests: judged against what there is, then carried out by the router as events. */
import { utf8Length } from "../bgp/text.ts";
import type { AdminCommand } from "./admin-command.ts";
import type { OrderAnswer, PeerAnswer } from "./answers.ts";
import { ControlError } from "./control-error.ts";
import { findPeer } from "./targets.ts";
import type { RouterView } from "./view.ts";

/** What is to be done, if anything, and what to tell whoever ordered it. */
export interface Order {
  readonly command: AdminCommand | undefined;
  readonly answer: OrderAnswer;
}

/** What a request holds besides its command. */
export interface OrderRequest {
  readonly peer?: unknown;
  readonly text?: unknown;
  readonly direction?: unknown;
  readonly drainSeconds?: unknown;
}

/** RFC 9003 §2: octets of UTF-8. */
const MAX_TEXT_OCTETS = 255;
/** A drain that is longer than a day is a mistake. */
const MAX_DRAIN_SECONDS = 86_400;

type Judge = (request: OrderRequest, view: RouterView) => Order;

/** By the request's `command`. */
const ORDERS: Readonly<Record<string, Judge>> = { disable, enable, restart, refresh, drain, undrain, shutdown };

/** The order in a request; undefined when its command is none. Throws ControlError. */
export function judgeOrder(command: string, request: OrderRequest, view: RouterView): Order | undefined {
  return Object.hasOwn(ORDERS, command) ? ORDERS[command]!(request, view) : undefined;
}

function disable(request: OrderRequest, view: RouterView): Order {
  const peer = peerOf(request, view);
  const text = textOf(request);
  const command = { action: "disable", peer: peer.name, ...text } as const;
  if (peer.held?.by === "command") return done("disable", peer, "is disabled already", undefined);
  const after = peer.state === "established" ? "its session ends" : "it stays down";
  return done("disable", peer, `is disabled until it is enabled: ${after}`, command);
}

function enable(request: OrderRequest, view: RouterView): Order {
  const peer = peerOf(request, view);
  const command = { action: "enable", peer: peer.name } as const;
  const byFile = peer.disabled && peer.held?.by !== "command";
  if (byFile && !peer.held) throw refused(peer, "is disabled in the configuration: take `disabled` out there");
  if (!peer.held) return done("enable", peer, "is not disabled", undefined);
  return done("enable", peer, "is enabled", command);
}

function restart(request: OrderRequest, view: RouterView): Order {
  const peer = peerOf(request, view);
  if (peer.disabled || peer.held) throw refused(peer, `is disabled: calidris enable ${peer.name} starts it`);
  const command = { action: "restart", peer: peer.name, ...textOf(request) } as const;
  return done("restart", peer, peer.state === "established" ? "restarts" : "is tried again at once", command);
}

function refresh(request: OrderRequest, view: RouterView): Order {
  const peer = peerOf(request, view);
  const { direction = "both" } = request;
  if (direction !== "in" && direction !== "out" && direction !== "both")
    throw new ControlError("usage", "`direction` is in, out or both");
  if (!peer.negotiated) throw refused(peer, "is not Established: there is nothing to refresh");
  const incoming = peer.negotiated.routeRefresh
    ? "is asked for its routes again"
    : "does not understand ROUTE-REFRESH: what it sent is imported again";
  const outgoing = "is sent its routes again";
  const message = direction === "in" ? incoming : direction === "out" ? outgoing : `${incoming}, and ${outgoing}`;
  return done("refresh", peer, message, { action: "refresh", peer: peer.name, direction });
}

function drain(_request: OrderRequest, view: RouterView): Order {
  if (view.status().drain) return order("drain", "routes are announced with GRACEFUL_SHUTDOWN already", undefined);
  const message = "routes are announced with GRACEFUL_SHUTDOWN from now on; calidris undrain takes that back";
  return order("drain", message, { action: "drain", on: true });
}

function undrain(_request: OrderRequest, view: RouterView): Order {
  const status = view.status();
  if (!status.drain) return order("undrain", "there is no drain to take back", undefined);
  const message = status.drain.endsInSeconds === null ? "the drain is taken back" : "drain and shutdown are taken back";
  return order("undrain", message, { action: "drain", on: false });
}

function shutdown(request: OrderRequest): Order {
  const { drainSeconds = 0 } = request;
  if (typeof drainSeconds !== "number" || !(drainSeconds >= 0 && drainSeconds <= MAX_DRAIN_SECONDS))
    throw new ControlError("usage", `\`drainSeconds\` is a number up to ${MAX_DRAIN_SECONDS}`);
  const message = drainSeconds === 0 ? "the daemon ends" : `the daemon drains, and ends in ${drainSeconds} s`;
  return order("shutdown", message, { action: "shutdown", drainMs: drainSeconds * 1000, ...textOf(request) });
}

function peerOf({ peer }: OrderRequest, view: RouterView): PeerAnswer {
  if (typeof peer !== "string") throw new ControlError("usage", "the request lacks `peer`");
  return findPeer(peer, view.peers());
}

function textOf({ text }: OrderRequest): { readonly text?: string } {
  if (text === undefined || text === "") return {};
  if (typeof text !== "string") throw new ControlError("usage", "`text` is a text");
  const octets = utf8Length(text);
  if (octets > MAX_TEXT_OCTETS)
    throw new ControlError("usage", `the text has ${octets} octets, and ${MAX_TEXT_OCTETS} are possible (RFC 9003)`);
  return { text };
}

function refused(peer: PeerAnswer, why: string): ControlError {
  return new ControlError("refused", `${peer.name} ${why}`);
}

function done(action: OrderAnswer["action"], peer: PeerAnswer, what: string, command: AdminCommand | undefined): Order {
  return { command, answer: { action, peer: peer.name, message: `${peer.name} ${what}` } };
}

function order(action: OrderAnswer["action"], message: string, command: AdminCommand | undefined): Order {
  return { command, answer: { action, peer: null, message } };
}

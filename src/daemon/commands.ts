/** Orders of operators (RFC 4486 §4, RFC 8326, RFC 9003). `control` has judged them; here they are carried out. */
import { AFI, ERROR, SAFI_UNICAST } from "../bgp/iana.ts";
import { encodeRefresh } from "../bgp/refresh.ts";
import type { AdminCommand } from "../control/admin-command.ts";
import { FAMILIES } from "../ip/address.ts";
import type { Core } from "./core.ts";
import type { Import } from "./import.ts";
import type { Outlets } from "./outlets.ts";
import type { PeerRuntime } from "./peer.ts";
import type { Recovery } from "./recovery.ts";
import type { RouteRefreshes } from "./route-refresh.ts";
import type { Sessions } from "./sessions.ts";

const CEASE = ERROR.cease.sub;

export interface Commands {
  handle(command: AdminCommand): void;
  /** Nothing is waited for any more. */
  cancel(): void;
}

export interface CommandTargets {
  readonly sessions: Sessions;
  readonly imports: Import;
  readonly outlets: Outlets;
  readonly refreshes: Pick<RouteRefreshes, "resend">;
  readonly recovery: Pick<Recovery, "forget">;
}

export function createCommands(core: Core, targets: CommandTargets): Commands {
  const { sessions, imports, outlets, refreshes, recovery } = targets;
  const { clock, log } = core;
  let cancelShutdown: (() => void) | undefined;

  function disable(peer: PeerRuntime, text: string | undefined): void {
    const { name } = peer.config;
    core.held.set(name, { by: "command", text, sinceMs: clock.nowMs() });
    log("info", "peer disabled", { peer: name, ...(text === undefined ? {} : { text }) });
    sessions.stop(peer, CEASE.administrativeShutdown, true, text);
  }

  function enable(peer: PeerRuntime): void {
    const { name, disabled } = peer.config;
    if (core.held.delete(name)) log("info", "peer enabled", { peer: name });
    if (!disabled) sessions.startNow(peer);
  }

  function restart(peer: PeerRuntime, text: string | undefined): void {
    const { name, disabled } = peer.config;
    if (disabled || core.held.has(name)) return;
    log("info", "peer restarted", { peer: name, ...(text === undefined ? {} : { text }) });
    sessions.stop(peer, CEASE.administrativeReset, true, text);
    sessions.startNow(peer);
  }

  function refresh(peer: PeerRuntime, direction: "in" | "out" | "both"): void {
    log("info", "peer refreshed", { peer: peer.config.name, direction });
    if (direction !== "out") refreshIn(peer);
    if (direction !== "in") for (const family of FAMILIES) refreshes.resend(peer, family);
  }

  /** What the peer sent is kept whole, so that only a peer that may have lost touch with it need send it again. */
  function refreshIn(peer: PeerRuntime): void {
    const { negotiated } = peer;
    if (!negotiated) return;
    if (!negotiated.routeRefresh) return imports.again(peer);
    for (const family of FAMILIES) if (negotiated[family]) askForRoutes(sessions, peer, family);
  }

  function drain(on: boolean): void {
    if (!on) cancel();
    if (on === (core.drain !== undefined)) return;
    core.drain = on ? { sinceMs: clock.nowMs(), endsAtMs: undefined } : undefined;
    log("info", on ? "draining" : "no longer draining", {});
    outlets.refreshContexts();
  }

  function shutdown(text: string | undefined, drainMs: number): void {
    cancel();
    if (drainMs === 0) return end(text);
    drain(true);
    core.drain = { ...core.drain!, endsAtMs: clock.nowMs() + drainMs };
    cancelShutdown = clock.after(drainMs, () => end(text));
  }

  function end(text: string | undefined): void {
    log("info", "shutting down", text === undefined ? {} : { text });
    recovery.forget();
    for (const peer of core.peers.values()) sessions.stop(peer, CEASE.administrativeShutdown, true, text);
    core.ended?.();
  }

  function cancel(): void {
    cancelShutdown?.();
    cancelShutdown = undefined;
    if (core.drain) core.drain = { ...core.drain, endsAtMs: undefined };
  }

  return {
    cancel,
    handle(command) {
      if (command.action === "drain") return drain(command.on);
      if (command.action === "shutdown") return shutdown(command.text, command.drainMs ?? 0);
      const peer = core.peers.get(command.peer);
      if (!peer) return;
      switch (command.action) {
        case "disable":
          return disable(peer, command.text);
        case "enable":
          return enable(peer);
        case "restart":
          return restart(peer, command.text);
        case "refresh":
          return refresh(peer, command.direction);
      }
    },
  };
}

/** ROUTE-REFRESH (RFC 2918 §4): the peer sends all of the family again. It has to understand it. */
export function askForRoutes(sessions: Pick<Sessions, "write">, peer: PeerRuntime, family: "ipv4" | "ipv6"): void {
  sessions.write(peer, encodeRefresh({ afi: AFI[family], subtype: 0, safi: SAFI_UNICAST }));
  peer.counts.sent.routeRefresh++;
}

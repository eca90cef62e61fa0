/**
 * The router: events in, calls on its ports out (DESIGN §1). It owns the tables and decides the order of things; what
 * each part does stands in the files beside this one. All state is reached from here, so a seed and a list of events
 * reproduce a run.
 */
import type { Notification } from "../bgp/notification.ts";
import type { RouteRefresh } from "../bgp/refresh.ts";
import type { DownReason, Negotiated } from "../bgp/session/types.ts";
import type { Config } from "../config/model.ts";
import { chooseRouterId } from "../config/router-id.ts";
import type { KernelEvent } from "../fib/fib.ts";
import { formatAddress, formatQuad } from "../ip/address.ts";
import { type Core, createCore, type RouterPorts } from "./core.ts";
import type { RouterEvent } from "./events.ts";
import { exportContext } from "./export-settings.ts";
import type { Connection, PeerRuntime } from "./peer.ts";
import { createPeers } from "./peers.ts";
import { createReceiver } from "./receive.ts";
import { createSessions, matchPeer } from "./sessions.ts";
import { listeners } from "./settings.ts";
import { createWalks } from "./walks.ts";

/** Adopted kernel routes nobody announced are pruned at the latest so long after start (DESIGN §5). */
const PRUNE_AFTER_MS = 240_000;
/** Changed prefixes and kernel writes waiting: above `high` reading pauses, below `low` it goes on. */
export const WORK = { high: 65_536, low: 16_384 } as const;

export interface Router {
  handle(event: RouterEvent): void;
  readonly core: Core;
  /** Ends all sessions with Cease, or without a word when `silent` (kernel routes stay for the restart). */
  stop(silent: boolean): void;
}

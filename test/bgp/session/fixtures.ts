import type { Capabilities, OpenMessage } from "../../../src/bgp/open.ts";
import { createPeer, type Peer } from "../../../src/bgp/session/peer.ts";
import { step } from "../../../src/bgp/session/step.ts";
import type { SessionAction, SessionEvent, SessionSettings, Side, StopCause } from "../../../src/bgp/session/types.ts";

export const CAPABILITIES: Capabilities = {
  families: ["ipv4"],
  routeRefresh: true,
  enhancedRouteRefresh: false,
  extendedMessage: true,
  fourOctetAs: 64512,
  addPath: [],
};

export const SETTINGS: SessionSettings = {
  localAs: 64512,
  remoteAs: 64513,
  internal: false,
  localId: 0x0a000001,
  capabilities: CAPABILITIES,
  holdMs: 90_000,
  minHoldMs: 0,
  connectRetryMs: 8000,
  connectDelayMs: 0,
  delayOpenMs: 0,
  passive: false,
  idleHold: { minMs: 4000, maxMs: 32_000 },
  sendHoldMs: 480_000,
};

export const PEER_OPEN: OpenMessage = {
  version: 4,
  asn: 64513,
  holdSeconds: 30,
  identifier: 0x0a000002,
  capabilities: { ...CAPABILITIES, fourOctetAs: 64513 },
};

export const SHUTDOWN: StopCause = { subcode: 2 };

/** `random` of 1 would be outside its range, but makes every jitter its upper end, which is easy to read in a table. */
export const env = (nowMs = 0, random = 1) => ({ nowMs, random: () => random });

/** Applies events in turn; the actions are those of the last one. */
export function drive(
  peer: Peer,
  events: readonly SessionEvent[],
  nowMs = 0,
): { peer: Peer; actions: readonly SessionAction[] } {
  let actions: readonly SessionAction[] = [];
  for (const event of events) [peer, actions] = step(peer, event, env(nowMs));
  return { peer, actions };
}

export const START: SessionEvent = { kind: "start", manual: true };
export const up = (side: Side): SessionEvent => ({ kind: "connected", side });
export const open = (side: Side, message = PEER_OPEN): SessionEvent => ({ kind: "open", side, open: message });
export const keepalive = (side: Side): SessionEvent => ({ kind: "keepalive", side });
export const failed = (side: Side): SessionEvent => ({ kind: "failed", side, reason: "reset by peer" });
export const notification = (side: Side, code: number, subcode: number): SessionEvent => ({
  kind: "notification",
  side,
  notification: { code, subcode, data: new Uint8Array() },
});
export const fault = (side: Side, code: number, subcode: number): SessionEvent => ({
  kind: "fault",
  side,
  notification: { code, subcode, data: new Uint8Array() },
  message: "made up",
});

/** Peers in each state, reached over the outgoing connection. */
export const REACHED = {
  stopped: (settings = SETTINGS) => createPeer(settings),
  idleHold: (settings = SETTINGS) => drive(createPeer(settings), [START, up("outgoing"), fault("outgoing", 1, 1)]).peer,
  connect: (settings = SETTINGS) => drive(createPeer(settings), [START]).peer,
  connectDelaying: (settings = SETTINGS) =>
    drive(createPeer({ ...settings, delayOpenMs: 2000 }), [START, up("outgoing")]).peer,
  active: (settings = SETTINGS) => drive(createPeer(settings), [START, failed("outgoing")]).peer,
  activeDelaying: (settings = SETTINGS) =>
    drive(createPeer({ ...settings, delayOpenMs: 2000 }), [START, failed("outgoing"), up("outgoing")]).peer,
  openSent: (settings = SETTINGS) => drive(createPeer(settings), [START, up("outgoing")]).peer,
  openConfirm: (settings = SETTINGS) => drive(createPeer(settings), [START, up("outgoing"), open("outgoing")]).peer,
  established: (settings = SETTINGS) =>
    drive(createPeer(settings), [START, up("outgoing"), open("outgoing"), keepalive("outgoing")]).peer,
} as const;

/** One word per action, as tables write them: `N(6/2)`, `close`, `arm hold 240000`. */
export function inShort(actions: readonly SessionAction[]): readonly string[] {
  return actions.map(word).filter((text) => text !== "");
}

function word(action: SessionAction): string {
  switch (action.kind) {
    case "sendNotification": {
      const { code, subcode, data } = action.notification;
      return `N(${code}/${subcode}${data.length > 0 ? ` ${[...data].join(".")}` : ""})${mark(action.side)}`;
    }
    case "sendOpen":
      return `OPEN${mark(action.side)}`;
    case "sendKeepalive":
      return `KEEPALIVE${mark(action.side)}`;
    case "close":
      return `close${mark(action.side)}`;
    case "arm":
      return `${action.timer.name}=${action.afterMs}${mark(action.timer.side)}`;
    case "connect":
    case "established":
    case "down":
      return action.kind;
    case "attemptFailed":
    case "state":
    case "disarm":
      return "";
  }
}

const mark = (side: Side | undefined) => (side === "incoming" ? " in" : "");

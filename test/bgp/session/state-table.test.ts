/** The state × event table of RFC 4271 §8.2.2 with RFC 6608 and RFC 9687: a row is a claim. */
import assert from "node:assert/strict";
import test from "node:test";
import { stateOf } from "../../../src/bgp/session/peer.ts";
import { step } from "../../../src/bgp/session/step.ts";
import type { SessionEvent, SessionState, TimerName } from "../../../src/bgp/session/types.ts";
import { env, fault, inShort, notification, open, PEER_OPEN, REACHED, SHUTDOWN } from "./fixtures.ts";

const OUT = "outgoing";
const timer = (name: TimerName): SessionEvent =>
  name === "connectRetry" || name === "idleHold"
    ? { kind: "timer", timer: { name } }
    : { kind: "timer", timer: { name, side: OUT } };

const EVENTS = {
  "1 ManualStart": { kind: "start", manual: true },
  "3 AutomaticStart": { kind: "start", manual: false },
  "2 ManualStop": { kind: "stop", manual: true, cause: SHUTDOWN },
  "8 AutomaticStop": { kind: "stop", manual: false, cause: { subcode: 8 } },
  "9 ConnectRetryTimer": timer("connectRetry"),
  "10 HoldTimer": timer("hold"),
  "11 KeepaliveTimer": timer("keepalive"),
  "12 DelayOpenTimer": timer("delayOpen"),
  "13 IdleHoldTimer": timer("idleHold"),
  "16 Tcp_CR_Acked": { kind: "connected", side: OUT },
  "17 TcpConnectionConfirmed": { kind: "connected", side: "incoming" },
  "18 TcpConnectionFails": { kind: "failed", side: OUT, reason: "reset" },
  "19 BGPOpen": open(OUT),
  "21 BGPHeaderErr": fault(OUT, 1, 2),
  "22 BGPOpenMsgErr": fault(OUT, 2, 0),
  "22 BGPOpenMsgErr, judged here": open(OUT, { ...PEER_OPEN, identifier: 0 }),
  "24 NotifMsgVerErr": notification(OUT, 2, 1),
  "25 NotifMsg": notification(OUT, 6, 4),
  "26 KeepAliveMsg": { kind: "keepalive", side: OUT },
  "27 UpdateMsg": { kind: "update", side: OUT },
  "27 RouteRefresh": { kind: "refresh", side: OUT },
  "28 UpdateMsgErr": fault(OUT, 3, 1),
  "29 SendHoldTimer": timer("sendHold"),
} as const satisfies Record<string, SessionEvent>;

type Row = readonly [
  events: readonly (keyof typeof EVENTS)[] | keyof typeof EVENTS,
  actions: string,
  next: SessionState,
  counter: number,
];

/** What ends in an idle hold with spread 1.25 of 4000 ms. */
const HELD = "idleHold=5000";

const TABLE: Readonly<Record<keyof typeof REACHED, readonly Row[]>> = {
  // Idle: only starts matter; TCP is refused.
  stopped: [
    [["1 ManualStart", "3 AutomaticStart"], "connectRetry=8000 connect", "connect", 0],
    [["2 ManualStop", "8 AutomaticStop", "9 ConnectRetryTimer", "10 HoldTimer", "11 KeepaliveTimer"], "", "idle", 0],
    [["12 DelayOpenTimer", "13 IdleHoldTimer", "18 TcpConnectionFails", "19 BGPOpen"], "", "idle", 0],
    [["21 BGPHeaderErr", "22 BGPOpenMsgErr", "22 BGPOpenMsgErr, judged here"], "", "idle", 0],
    [["24 NotifMsgVerErr", "25 NotifMsg", "26 KeepAliveMsg", "27 UpdateMsg", "27 RouteRefresh"], "", "idle", 0],
    [["28 UpdateMsgErr", "29 SendHoldTimer"], "", "idle", 0],
    ["16 Tcp_CR_Acked", "close", "idle", 0],
    ["17 TcpConnectionConfirmed", "N(6/5) in close in", "idle", 0],
  ],
  // Idle, damped: the same, but event 13 (then 6) starts, and an automatic start is held back (event 6).
  idleHold: [
    ["1 ManualStart", "connectRetry=8000 connect", "connect", 0],
    ["13 IdleHoldTimer", "connectRetry=8000 connect", "connect", 1],
    ["2 ManualStop", "", "idle", 0],
    [
      ["3 AutomaticStart", "8 AutomaticStop", "9 ConnectRetryTimer", "10 HoldTimer", "11 KeepaliveTimer"],
      "",
      "idle",
      1,
    ],
    [["12 DelayOpenTimer", "18 TcpConnectionFails", "19 BGPOpen"], "", "idle", 1],
    [["21 BGPHeaderErr", "22 BGPOpenMsgErr", "22 BGPOpenMsgErr, judged here"], "", "idle", 1],
    [["24 NotifMsgVerErr", "25 NotifMsg", "26 KeepAliveMsg", "27 UpdateMsg", "27 RouteRefresh"], "", "idle", 1],
    [["28 UpdateMsgErr", "29 SendHoldTimer"], "", "idle", 1],
    ["16 Tcp_CR_Acked", "close", "idle", 1],
    ["17 TcpConnectionConfirmed", "close in", "idle", 1],
  ],
  connect: [
    [["1 ManualStart", "3 AutomaticStart"], "", "connect", 0],
    ["2 ManualStop", "close", "idle", 0],
    ["9 ConnectRetryTimer", "close connectRetry=8000 connect", "connect", 0],
    ["16 Tcp_CR_Acked", "OPEN hold=240000", "openSent", 0],
    ["17 TcpConnectionConfirmed", "OPEN in hold=240000 in", "openSent", 0], // Its own object: our attempt goes on (§6.8).
    ["18 TcpConnectionFails", "connectRetry=8000", "active", 0], // The RFC's text says Idle: see connect.ts.
    [["8 AutomaticStop", "10 HoldTimer", "11 KeepaliveTimer", "12 DelayOpenTimer"], `close ${HELD}`, "idle", 1],
    [["13 IdleHoldTimer", "19 BGPOpen", "21 BGPHeaderErr", "22 BGPOpenMsgErr"], `close ${HELD}`, "idle", 1],
    [["22 BGPOpenMsgErr, judged here", "24 NotifMsgVerErr", "25 NotifMsg"], `close ${HELD}`, "idle", 1],
    [["26 KeepAliveMsg", "27 UpdateMsg", "27 RouteRefresh"], `close ${HELD}`, "idle", 1],
    [["28 UpdateMsgErr", "29 SendHoldTimer"], `close ${HELD}`, "idle", 1],
  ],
  connectDelaying: [
    [["1 ManualStart", "3 AutomaticStart", "16 Tcp_CR_Acked"], "", "connect", 0],
    ["2 ManualStop", "close", "idle", 0],
    ["9 ConnectRetryTimer", "close connectRetry=8000 connect", "connect", 0],
    ["12 DelayOpenTimer", "OPEN hold=240000", "openSent", 0],
    ["17 TcpConnectionConfirmed", "delayOpen=2000 in", "active", 0],
    ["18 TcpConnectionFails", "connectRetry=8000", "active", 0],
    ["19 BGPOpen", "OPEN KEEPALIVE hold=30000 keepalive=10000", "openConfirm", 0], // Event 20.
    ["21 BGPHeaderErr", `N(1/2) close ${HELD}`, "idle", 1],
    ["22 BGPOpenMsgErr", `N(2/0) close ${HELD}`, "idle", 1],
    ["22 BGPOpenMsgErr, judged here", `N(2/3) close ${HELD}`, "idle", 1],
    ["24 NotifMsgVerErr", `close ${HELD}`, "idle", 0],
    [["8 AutomaticStop", "10 HoldTimer", "11 KeepaliveTimer", "13 IdleHoldTimer"], `close ${HELD}`, "idle", 1],
    [["25 NotifMsg", "26 KeepAliveMsg", "27 UpdateMsg", "27 RouteRefresh"], `close ${HELD}`, "idle", 1],
    [["28 UpdateMsgErr", "29 SendHoldTimer"], `close ${HELD}`, "idle", 1],
  ],
  active: [
    [["1 ManualStart", "3 AutomaticStart"], "", "active", 0],
    ["2 ManualStop", "", "idle", 0],
    ["9 ConnectRetryTimer", "connectRetry=8000 connect", "connect", 0],
    ["16 Tcp_CR_Acked", "OPEN hold=240000", "openSent", 0],
    ["17 TcpConnectionConfirmed", "OPEN in hold=240000 in", "openSent", 0],
    [["8 AutomaticStop", "10 HoldTimer", "11 KeepaliveTimer", "12 DelayOpenTimer"], HELD, "idle", 1],
    [["13 IdleHoldTimer", "18 TcpConnectionFails", "19 BGPOpen", "21 BGPHeaderErr"], HELD, "idle", 1],
    [["22 BGPOpenMsgErr", "22 BGPOpenMsgErr, judged here", "24 NotifMsgVerErr", "25 NotifMsg"], HELD, "idle", 1],
    [["26 KeepAliveMsg", "27 UpdateMsg", "27 RouteRefresh", "28 UpdateMsgErr", "29 SendHoldTimer"], HELD, "idle", 1],
  ],
  activeDelaying: [
    [["1 ManualStart", "3 AutomaticStart", "16 Tcp_CR_Acked"], "", "active", 0],
    ["2 ManualStop", "close", "idle", 0],
    ["9 ConnectRetryTimer", "close connectRetry=8000 connect", "connect", 0],
    ["12 DelayOpenTimer", "OPEN hold=240000", "openSent", 0],
    ["17 TcpConnectionConfirmed", "delayOpen=2000 in", "active", 0],
    ["18 TcpConnectionFails", HELD, "idle", 1],
    ["19 BGPOpen", "OPEN KEEPALIVE hold=30000 keepalive=10000", "openConfirm", 0],
    ["21 BGPHeaderErr", `N(1/2) close ${HELD}`, "idle", 1],
    ["22 BGPOpenMsgErr", `N(2/0) close ${HELD}`, "idle", 1],
    ["22 BGPOpenMsgErr, judged here", `N(2/3) close ${HELD}`, "idle", 1],
    ["24 NotifMsgVerErr", `close ${HELD}`, "idle", 0],
    [["8 AutomaticStop", "10 HoldTimer", "11 KeepaliveTimer", "13 IdleHoldTimer"], `close ${HELD}`, "idle", 1],
    [["25 NotifMsg", "26 KeepAliveMsg", "27 UpdateMsg", "27 RouteRefresh"], `close ${HELD}`, "idle", 1],
    [["28 UpdateMsgErr", "29 SendHoldTimer"], `close ${HELD}`, "idle", 1],
  ],
  openSent: [
    [["1 ManualStart", "3 AutomaticStart", "16 Tcp_CR_Acked"], "", "openSent", 0],
    ["17 TcpConnectionConfirmed", "OPEN in hold=240000 in", "openSent", 0],
    ["2 ManualStop", "N(6/2) close", "idle", 0],
    ["8 AutomaticStop", `N(6/8) close ${HELD}`, "idle", 1],
    ["10 HoldTimer", `N(4/0) close ${HELD}`, "idle", 1],
    ["18 TcpConnectionFails", "connectRetry=8000", "active", 0],
    ["19 BGPOpen", "KEEPALIVE hold=30000 keepalive=10000", "openConfirm", 0],
    ["21 BGPHeaderErr", `N(1/2) close ${HELD}`, "idle", 1],
    ["22 BGPOpenMsgErr", `N(2/0) close ${HELD}`, "idle", 1],
    ["22 BGPOpenMsgErr, judged here", `N(2/3) close ${HELD}`, "idle", 1],
    ["24 NotifMsgVerErr", `close ${HELD}`, "idle", 0],
    ["25 NotifMsg", `close ${HELD}`, "idle", 1], // A NOTIFICATION is never answered with one.
    [["9 ConnectRetryTimer", "11 KeepaliveTimer", "12 DelayOpenTimer"], `N(5/1) close ${HELD}`, "idle", 1],
    [["13 IdleHoldTimer", "29 SendHoldTimer"], `N(5/1) close ${HELD}`, "idle", 1],
    ["26 KeepAliveMsg", `N(5/1 4) close ${HELD}`, "idle", 1],
    [["27 UpdateMsg", "28 UpdateMsgErr"], `N(5/1 2) close ${HELD}`, "idle", 1],
    ["27 RouteRefresh", `N(5/1 5) close ${HELD}`, "idle", 1],
  ],
  openConfirm: [
    [["1 ManualStart", "3 AutomaticStart", "16 Tcp_CR_Acked"], "", "openConfirm", 0],
    ["17 TcpConnectionConfirmed", "OPEN in hold=240000 in", "openConfirm", 0],
    ["2 ManualStop", "N(6/2) close", "idle", 0],
    ["8 AutomaticStop", `N(6/8) close ${HELD}`, "idle", 1],
    ["10 HoldTimer", `N(4/0) close ${HELD}`, "idle", 1],
    ["11 KeepaliveTimer", "KEEPALIVE keepalive=10000", "openConfirm", 0],
    ["18 TcpConnectionFails", HELD, "idle", 1],
    ["19 BGPOpen", `N(5/2 1) close ${HELD}`, "idle", 1], // A second OPEN on one connection.
    ["21 BGPHeaderErr", `N(1/2) close ${HELD}`, "idle", 1],
    ["22 BGPOpenMsgErr", `N(2/0) close ${HELD}`, "idle", 1],
    ["22 BGPOpenMsgErr, judged here", `N(5/2 1) close ${HELD}`, "idle", 1],
    ["24 NotifMsgVerErr", `close ${HELD}`, "idle", 0],
    ["25 NotifMsg", `close ${HELD}`, "idle", 1],
    ["26 KeepAliveMsg", "hold=30000 sendHold=480000 established", "established", 0],
    [["9 ConnectRetryTimer", "12 DelayOpenTimer", "13 IdleHoldTimer"], `N(5/2) close ${HELD}`, "idle", 1],
    ["29 SendHoldTimer", `N(5/2) close ${HELD}`, "idle", 1],
    [["27 UpdateMsg", "28 UpdateMsgErr"], `N(5/2 2) close ${HELD}`, "idle", 1],
    ["27 RouteRefresh", `N(5/2 5) close ${HELD}`, "idle", 1],
  ],
  established: [
    [["1 ManualStart", "3 AutomaticStart", "16 Tcp_CR_Acked"], "", "established", 0],
    ["17 TcpConnectionConfirmed", "OPEN in hold=240000 in", "established", 0],
    ["2 ManualStop", "N(6/2) close down", "idle", 0],
    ["8 AutomaticStop", `N(6/8) close down ${HELD}`, "idle", 1],
    ["10 HoldTimer", `N(4/0) close down ${HELD}`, "idle", 1],
    ["11 KeepaliveTimer", "KEEPALIVE keepalive=10000", "established", 0],
    ["18 TcpConnectionFails", `down ${HELD}`, "idle", 1],
    [["24 NotifMsgVerErr", "25 NotifMsg"], `close down ${HELD}`, "idle", 1],
    [["26 KeepAliveMsg", "27 UpdateMsg", "27 RouteRefresh"], "hold=30000", "established", 0],
    ["28 UpdateMsgErr", `N(3/1) close down ${HELD}`, "idle", 1],
    ["29 SendHoldTimer", `N(8/0) close down ${HELD}`, "idle", 1], // RFC 9687 §3.
    [["9 ConnectRetryTimer", "12 DelayOpenTimer", "13 IdleHoldTimer"], `N(5/3) close down ${HELD}`, "idle", 1],
    [["19 BGPOpen", "22 BGPOpenMsgErr, judged here"], `N(5/3 1) close down ${HELD}`, "idle", 1],
    ["21 BGPHeaderErr", `N(1/2) close down ${HELD}`, "idle", 1],
    ["22 BGPOpenMsgErr", `N(2/0) close down ${HELD}`, "idle", 1],
  ],
};

for (const [from, rows] of Object.entries(TABLE) as [keyof typeof REACHED, readonly Row[]][]) {
  const seen = new Set<string>();
  for (const [names, actions, next, counter] of rows)
    for (const name of typeof names === "string" ? [names] : names) {
      assert.ok(!seen.has(name), `${from}: ${name} stands twice in the table`);
      seen.add(name);
      test(`§8.2.2 ${from} + ${name} → ${next}: ${actions || "nothing"}`, () => {
        const [peer, done] = step(REACHED[from](), EVENTS[name], env());
        assert.equal(inShort(done).join(" "), actions);
        assert.equal(stateOf(peer), next);
        assert.equal(peer.connectRetryCounter, counter);
      });
    }
  test(`§8.2.2 ${from}: the table has every event`, () => {
    assert.deepEqual([...seen].sort(), Object.keys(EVENTS).sort());
  });
}

test("a state action comes last, and only when the peer's state changed", () => {
  for (const reach of Object.values(REACHED))
    for (const event of Object.values(EVENTS)) {
      const before = reach();
      const [after, actions] = step(before, event, env());
      const [from, to] = [stateOf(before), stateOf(after)];
      const expected = from === to ? [] : [{ kind: "state", from, to }];
      assert.deepEqual(
        actions.filter((action) => action.kind === "state"),
        expected,
      );
      if (from !== to) assert.equal(actions.at(-1)?.kind, "state");
    }
});

test("down is emitted exactly when Established is left", () => {
  for (const [name, reach] of Object.entries(REACHED))
    for (const event of Object.values(EVENTS)) {
      const [after, actions] = step(reach(), event, env());
      const left = name === "established" && stateOf(after) !== "established";
      assert.equal(actions.filter((action) => action.kind === "down").length, left ? 1 : 0);
    }
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AdminCommand } from "../../src/control/admin-command.ts";
import type { PeerAnswer, StatusAnswer } from "../../src/control/answers.ts";
import { ControlError } from "../../src/control/control-error.ts";
import { judgeOrder } from "../../src/control/orders.ts";
import type { RouterView } from "../../src/control/view.ts";
import { fakeView } from "./fixtures.ts";

const HELD = { by: "command", text: null, since: "2026-01-01T00:00:00.000Z", sinceSeconds: 5 } as const;
const DRAIN = { since: "2026-01-01T00:00:00.000Z", endsInSeconds: null } as const;

const NEGOTIATED: NonNullable<PeerAnswer["negotiated"]> = {
  holdSeconds: 90,
  keepaliveSeconds: 30,
  remoteId: "10.99.0.254",
  fourOctetAs: true,
  routeRefresh: true,
  enhancedRouteRefresh: false,
  extendedMessage: false,
  gracefulRestart: null,
  hostname: null,
  software: null,
};

/** tor-a is Established; `changes` alter it. */
function view(changes: Partial<PeerAnswer> = {}, drain: StatusAnswer["drain"] = null): RouterView {
  const fake = fakeView();
  return {
    ...fake,
    status: () => ({ ...fake.status(), drain }),
    peers: () =>
      fake.peers().map((peer) => (peer.name === "tor-a" ? { ...peer, negotiated: NEGOTIATED, ...changes } : peer)),
  };
}

describe("an order", () => {
  const rows: readonly (readonly [string, Record<string, unknown>, RouterView, AdminCommand | undefined, RegExp])[] = [
    [
      "disable ends the session with the text",
      { command: "disable", peer: "tor-a", text: "wartung" },
      view(),
      { action: "disable", peer: "tor-a", text: "wartung" },
      /^tor-a is disabled until it is enabled: its session ends$/,
    ],
    [
      "disable again does nothing",
      { command: "disable", peer: "tor-a" },
      view({ held: HELD, disabled: true }),
      undefined,
      /is disabled already/,
    ],
    [
      "enable of a peer that is held",
      { command: "enable", peer: "10.99.0.254" },
      view({ held: HELD, disabled: true }),
      { action: "enable", peer: "tor-a" },
      /^tor-a is enabled$/,
    ],
    [
      "enable after a limit was exceeded",
      { command: "enable", peer: "tor-a" },
      view({ held: { ...HELD, by: "limit" } }),
      { action: "enable", peer: "tor-a" },
      /is enabled/,
    ],
    [
      "enable of a peer that is not held does nothing",
      { command: "enable", peer: "tor-a" },
      view(),
      undefined,
      /is not disabled/,
    ],
    [
      "restart",
      { command: "restart", peer: "tor-a", text: "" },
      view(),
      { action: "restart", peer: "tor-a" },
      /^tor-a restarts$/,
    ],
    [
      "restart of a peer that waits tries it at once",
      { command: "restart", peer: "tor-a" },
      view({ state: "idle", negotiated: null }),
      { action: "restart", peer: "tor-a" },
      /is tried again at once/,
    ],
    [
      "refresh in both directions",
      { command: "refresh", peer: "tor-a" },
      view(),
      { action: "refresh", peer: "tor-a", direction: "both" },
      /is asked for its routes again, and is sent its routes again/,
    ],
    [
      "refresh of a peer that cannot be asked",
      { command: "refresh", peer: "tor-a", direction: "in" },
      view({
        negotiated: {
          ...NEGOTIATED,
          routeRefresh: false,
        },
      }),
      { action: "refresh", peer: "tor-a", direction: "in" },
      /does not understand ROUTE-REFRESH/,
    ],
    ["drain", { command: "drain" }, view(), { action: "drain", on: true }, /calidris undrain/],
    ["drain again does nothing", { command: "drain" }, view({}, DRAIN), undefined, /already/],
    ["undrain without a drain does nothing", { command: "undrain" }, view(), undefined, /no drain/],
    ["undrain", { command: "undrain" }, view({}, DRAIN), { action: "drain", on: false }, /taken back/],
    [
      "undrain takes a shutdown back too",
      { command: "undrain" },
      view({}, { ...DRAIN, endsInSeconds: 3 }),
      { action: "drain", on: false },
      /drain and shutdown/,
    ],
    ["shutdown", { command: "shutdown" }, view(), { action: "shutdown", drainMs: 0 }, /the daemon ends/],
    [
      "shutdown with a drain",
      { command: "shutdown", drainSeconds: 30, text: "x" },
      view(),
      { action: "shutdown", drainMs: 30_000, text: "x" },
      /drains, and ends in 30 s/,
    ],
  ];
  for (const [claim, { command, ...rest }, given, expected, words] of rows)
    it(claim, () => {
      const order = judgeOrder(command as string, rest, given)!;
      assert.deepEqual(order.command, expected);
      assert.match(order.answer.message, words);
      assert.equal(order.answer.action, command);
    });

  const refused: readonly (readonly [Record<string, unknown>, string, RegExp, RouterView?])[] = [
    [{ command: "disable", peer: "tor-aa" }, "notFound", /did you mean "tor-a"/],
    [{ command: "disable" }, "usage", /lacks `peer`/],
    [{ command: "disable", peer: "tor-a", text: "€".repeat(86) }, "usage", /258 octets, and 255 are possible/],
    [{ command: "disable", peer: "tor-a", text: 5 }, "usage", /`text` is a text/],
    [{ command: "enable", peer: "tor-a" }, "refused", /take `disabled` out there/, view({ disabled: true })],
    [{ command: "restart", peer: "tor-a" }, "refused", /calidris enable tor-a/, view({ held: HELD })],
    [{ command: "refresh", peer: "tor-a" }, "refused", /not Established/, view({ negotiated: null })],
    [{ command: "refresh", peer: "tor-a", direction: "up" }, "usage", /in, out or both/],
    [{ command: "shutdown", drainSeconds: -1 }, "usage", /up to 86400/],
    [{ command: "shutdown", drainSeconds: "30" }, "usage", /up to 86400/],
  ];
  for (const [{ command, ...rest }, code, words, given = view()] of refused)
    it(`is refused: ${JSON.stringify({ command, ...rest }).slice(0, 60)}`, () => {
      assert.throws(
        () => judgeOrder(command as string, rest, given),
        (error) => error instanceof ControlError && error.code === code && words.test(error.message),
      );
    });

  it("is none where the command is another", () => {
    for (const command of ["peers", "toString", "constructor"])
      assert.equal(judgeOrder(command, {}, view()), undefined);
  });
});

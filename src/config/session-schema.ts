/** Keys that a peer, a range of dynamic neighbours and a peer group share: how a session is held. */
import { z } from "zod";
import { DEFAULTS } from "./defaults.ts";
import { family } from "./policy-schema.ts";
import {
  address,
  asDefault,
  asn,
  bgpId,
  choice,
  duration,
  flag,
  flagOr,
  integer,
  integerWithin,
  interfaceName,
  line,
  listOf,
  longDuration,
  mapping,
  name,
  password,
  shortFor,
} from "./scalars.ts";

const inSeconds = (ms: number) => (ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`);
const port = integer(1, 65535);
const REASON = /^[^\p{Cc}]{1,255}$/u;

const timers = z.strictObject(
  {
    hold: duration
      .refine((ms) => ms === 0 || (ms >= 3000 && ms <= 65_535_000 && ms % 1000 === 0), {
        error: () => "expected 0, or whole seconds from 3s to 65535s (RFC 4271 §4.2)",
      })
      .optional()
      .describe("Hold time offered; 0 turns keepalives off.")
      .meta(asDefault(inSeconds(DEFAULTS.timers.hold))),
    keepalive: duration
      .refine((ms) => ms >= 1000, { error: () => "expected at least 1s (RFC 4271 §4.4)" })
      .optional()
      .describe("Time between keepalives. Default: a third of the negotiated hold time."),
    connectRetry: duration
      .refine((ms) => ms >= 1000, { error: () => "expected at least 1s" })
      .optional()
      .describe("Wait between attempts to connect.")
      .meta(asDefault(inSeconds(DEFAULTS.timers.connectRetry))),
    connectDelay: duration
      .optional()
      .describe("Wait before the first attempt.")
      .meta(asDefault(inSeconds(DEFAULTS.timers.connectDelay))),
    delayOpen: duration
      .optional()
      .describe("Wait for the peer's OPEN before ours is sent; 0: at once.")
      .meta(asDefault(inSeconds(DEFAULTS.timers.delayOpen))),
    idleHoldMin: duration
      .optional()
      .describe("Wait after an error; doubled each time.")
      .meta(asDefault(inSeconds(DEFAULTS.timers.idleHoldMin))),
    idleHoldMax: duration
      .optional()
      .describe("Longest wait after an error.")
      .meta(asDefault(inSeconds(DEFAULTS.timers.idleHoldMax))),
    sendHold: duration
      .optional()
      .describe("A peer that takes no octet for so long is closed (RFC 9687); 0 is off. Default: 8m or twice hold."),
  },
  mapping("timers"),
);

const capabilities = z.strictObject(
  {
    fourOctetAs: flag
      .optional()
      .describe("Four-octet AS numbers (RFC 6793).")
      .meta(asDefault(DEFAULTS.capabilities.fourOctetAs)),
    routeRefresh: flag
      .optional()
      .describe("Route refresh (RFC 2918).")
      .meta(asDefault(DEFAULTS.capabilities.routeRefresh)),
    enhancedRouteRefresh: flag.optional().describe("Enhanced route refresh (RFC 7313). Default: as routeRefresh."),
    extendedMessage: flag
      .optional()
      .describe("Messages above 4096 octets (RFC 8654).")
      .meta(asDefault(DEFAULTS.capabilities.extendedMessage)),
  },
  mapping("capabilities"),
);

const localAs = shortFor(
  { type: ["integer", "string"] },
  (text) => ({ asn: text }),
  z.strictObject(
    {
      asn: asn.optional().describe("AS number that stands for ours on this session."),
      noPrepend: flag
        .optional()
        .describe("Not prepended to what is received.")
        .meta(asDefault(DEFAULTS.localAs.noPrepend)),
      replaceAs: flag
        .optional()
        .describe("Announced in place of our own AS, not before it.")
        .meta(asDefault(DEFAULTS.localAs.replaceAs)),
    },
    { error: () => "expected an AS number, or a mapping with asn, noPrepend and replaceAs" },
  ),
);

const maxPrefixes = shortFor(
  { type: "integer", minimum: 1 },
  (text) => ({ limit: text }),
  z.strictObject(
    {
      limit: integer(1, 0xffffffff).optional().describe("Prefixes of each family."),
      warnPercent: integer(1, 100)
        .optional()
        .describe("Share of the limit from which on a warning is logged.")
        .meta(asDefault(DEFAULTS.maxPrefixes.warnPercent)),
      action: choice(["warn", "block", "restart", "disable"])
        .optional()
        .describe(
          "Beyond the limit: only log; ignore further prefixes; end the session for a while; end it until it is enabled.",
        )
        .meta(asDefault(DEFAULTS.maxPrefixes.action)),
      restartAfter: duration
        .refine((ms) => ms >= 1000, { error: () => "expected at least 1s" })
        .optional()
        .describe("Wait of action restart.")
        .meta(asDefault(inSeconds(DEFAULTS.maxPrefixes.restartAfter))),
    },
    { error: () => "expected a number of prefixes, or a mapping with limit, warnPercent, action and restartAfter" },
  ),
);

const modes = choice(["off", "aware", "on"]);

const gracefulRestart = shortFor(
  { enum: ["off", "aware", "on"] },
  (text) => ({ mode: text }),
  z.strictObject(
    {
      mode: modes
        .optional()
        .describe(
          "aware: we keep the peer's routes while it restarts. on: it is to keep ours too, and our end sends no Cease.",
        )
        .meta(asDefault(DEFAULTS.gracefulRestart.mode)),
      restartTime: duration
        .refine((ms) => ms % 1000 === 0 && ms <= 4_095_000, {
          error: () => "expected whole seconds, at most 4095s: the capability has 12 bits (RFC 4724 §3)",
        })
        .optional()
        .describe("Until when we are back, as the peer is told.")
        .meta(asDefault(inSeconds(DEFAULTS.gracefulRestart.restartTime))),
      staleTime: duration
        .refine((ms) => ms >= 1000, { error: () => "expected at least 1s" })
        .optional()
        .describe("Bound of how long routes of the peer are kept stale, whatever it says.")
        .meta(asDefault(inSeconds(DEFAULTS.gracefulRestart.staleTime))),
      notification: flag
        .optional()
        .describe("A NOTIFICATION or an expired hold timer is a restart too, except a hard reset (RFC 8538).")
        .meta(asDefault(DEFAULTS.gracefulRestart.notification)),
      longLived: modes
        .optional()
        .describe(
          "RFC 9494. aware: the peer's routes are kept beyond its restart time, as it asks. on: it is to keep ours too.",
        )
        .meta(asDefault(DEFAULTS.gracefulRestart.longLived)),
      longLivedStaleTime: longDuration
        .refine((ms) => ms % 1000 === 0 && ms >= 1000 && ms <= 16_777_215_000, {
          error: () => "expected whole seconds, at most 16777215s: the capability has 24 bits (RFC 9494 §3)",
        })
        .optional()
        .describe("How long the peer is to keep our routes after the restart time.")
        .meta(asDefault(inSeconds(DEFAULTS.gracefulRestart.longLivedStaleTime))),
      staleToOthers: flag
        .optional()
        .describe(
          "Long-lived stale routes go to this internal peer though it does not know them: NO_EXPORT, LOCAL_PREF 0.",
        )
        .meta(asDefault(DEFAULTS.gracefulRestart.staleToOthers)),
    },
    { error: () => "expected off, aware or on, or a mapping with mode, restartTime, staleTime and more" },
  ),
);

const ADD_PATH_WORDS: Readonly<Record<string, unknown>> = {
  both: { receive: true, send: "all" },
  off: { receive: false, send: "none" },
};

const addPath = shortFor(
  { enum: Object.keys(ADD_PATH_WORDS) },
  (text) => ADD_PATH_WORDS[text] ?? text,
  z.strictObject(
    {
      receive: flag.optional().describe("Several paths of a prefix are taken.").meta(asDefault(false)),
      send: flagOr(
        "all, none, or a number of paths from 1 to 255",
        (text) =>
          text === "all" || text === "none" ? text : text === false ? "none" : integerWithin(String(text), 1, 255),
        { anyOf: [{ enum: ["all", "none"] }, { type: "integer", minimum: 1, maximum: 255 }] },
      )
        .optional()
        .describe("How many paths of a prefix are announced: all usable, or so many of the best.")
        .meta(asDefault(DEFAULTS.addPath.send)),
    },
    { error: () => "expected both or off, or a mapping with receive and send" },
  ),
);

export const sessionKeys = {
  description: line("a description").optional().describe("For people."),
  port: port.optional().describe("TCP port we connect to.").meta(asDefault(DEFAULTS.port)),
  asn: asn.optional().describe("AS number of the peer; ours makes it an iBGP peer. Required, here or in the group."),
  localAddress: address.optional().describe("Address we connect from and accept this peer at."),
  interface: interfaceName("an interface's name")
    .optional()
    .describe("Device that the session is bound to: packets leave and arrive by it alone."),
  families: listOf(family, "families").optional().describe("Address families. Default: that of the peer's address."),
  import: name("a policy's name")
    .optional()
    .describe("Policy for routes received. Without it an eBGP peer's routes are rejected, an iBGP peer's accepted."),
  export: name("a policy's name")
    .optional()
    .describe("Policy for routes announced. Without it an eBGP peer gets none, an iBGP peer all."),
  defaultOnly: choice(["always", "ifReachable"])
    .optional()
    .describe("With `export: default-only`: the default route goes out always, or only while we have one ourselves.")
    .meta(asDefault(DEFAULTS.peer.defaultOnly)),
  passive: flagOr("true, false or byAddress", (value) =>
    typeof value === "boolean" || value === "byAddress" ? value : undefined,
  )
    .optional()
    .describe(
      "Never connect; wait for the peer. byAddress: when the peer's address, as text, is greater than localAddress.",
    )
    .meta(asDefault(DEFAULTS.peer.passive)),
  routeReflectorClient: flag
    .optional()
    .describe("iBGP client of our reflector.")
    .meta(asDefault(DEFAULTS.peer.routeReflectorClient)),
  clusterId: bgpId.optional().describe("Cluster id towards this peer, in place of the router's."),
  nextHop: choice(["auto", "gateway", "self", "keep"])
    .optional()
    .describe(
      "Next hop of announced routes: by RFC 4271; so too, but internal peers get the gateway of our own routes, wherever it is; always ours; or never changed.",
    )
    .meta(asDefault(DEFAULTS.peer.nextHop)),
  multihop: flagOr(
    "true, false, or the TTL sent, from 1 to 255",
    (value) => (typeof value === "boolean" ? value : integerWithin(value, 1, 255)),
    { anyOf: [{ type: "boolean" }, { type: "integer", minimum: 1, maximum: 255 }] },
  )
    .optional()
    .describe("The peer is more than one hop away; a number is the TTL sent. Default: true for iBGP, false for eBGP."),
  ttlSecurity: integer(1, 254)
    .optional()
    .describe("GTSM (RFC 5082): hops to the peer. Packets go out with TTL 255, and only what came so far is accepted."),
  localAs: localAs.optional().describe("AS number that stands for ours on this session."),
  allowOwnAs: integer(0, 255)
    .optional()
    .describe("How often our AS may stand in a received AS_PATH.")
    .meta(asDefault(DEFAULTS.peer.allowOwnAs)),
  allowAsSets: flag
    .optional()
    .describe("Routes with an AS_SET in AS_PATH are accepted (RFC 9774).")
    .meta(asDefault(DEFAULTS.peer.allowAsSets)),
  enforceFirstAs: flag
    .optional()
    .describe("Routes of an external peer must have its AS first in AS_PATH.")
    .meta(asDefault(DEFAULTS.peer.enforceFirstAs)),
  maxPrefixesIn: maxPrefixes.optional().describe("Bound of what the peer announces, for each family."),
  maxPrefixesOut: maxPrefixes.optional().describe("Bound of what is announced to the peer, for each family."),
  gracefulRestart: gracefulRestart.optional().describe("RFC 4724, RFC 8538, RFC 9494."),
  addPath: addPath.optional().describe("RFC 7911."),
  password: password.optional().describe("TCP-MD5 key (RFC 2385), 1 to 80 octets."),
  passwordFile: line("a path")
    .min(1, { error: () => "expected a path" })
    .optional()
    .describe("File that holds the TCP-MD5 key; a newline at its end is not part of it."),
  disabled: flagOr("true, false, or why it is held down", (value) =>
    typeof value === "boolean" ? value : REASON.test(value) ? value : undefined,
  )
    .optional()
    .describe("Keep the session down; a text says why.")
    .meta(asDefault(DEFAULTS.peer.disabled)),
  timers: timers.optional().describe("Durations: 90s, 500ms, 2m, or plain seconds."),
  capabilities: capabilities.optional().describe("What OPEN offers."),
};

/** Those of the keys above that are mappings: a peer's and its group's are merged key by key. */
export const NESTED_KEYS = [
  "localAs",
  "maxPrefixesIn",
  "maxPrefixesOut",
  "gracefulRestart",
  "addPath",
  "timers",
  "capabilities",
] as const;

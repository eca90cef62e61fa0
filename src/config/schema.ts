/** The one definition of the configuration format: validation, JSON Schema and the key suggestions come from it. */
import { z } from "zod";
import { DEFAULTS } from "./defaults.ts";
import { family, prefixMatch, rule } from "./policy-schema.ts";
import {
  address,
  asn,
  bgpId,
  choice,
  duration,
  flag,
  integer,
  line,
  listOf,
  name,
  password,
  prefix,
  unsigned32,
} from "./scalars.ts";

/** For the JSON Schema only: zod drops `default` from what transforms. */
const asDefault = (value: unknown) => ({ fallback: value });
const seconds = (ms: number) => (ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`);
const port = integer(1, 65535);

/** Kinds of mapping, for the words of messages. */
const mapping = (what: string) => ({ error: () => `expected ${what}: a mapping of keys` });

const listen = z.strictObject(
  {
    address: address.describe("Address to accept connections at."),
    port: port.optional().describe("TCP port.").meta(asDefault(DEFAULTS.port)),
  },
  mapping("a listener"),
);

const router = z.strictObject(
  {
    id: bgpId
      .optional()
      .describe(
        "BGP identifier. Default: a listen address, else the lowest global IPv4 address, else from the host name.",
      ),
    asn: asn.optional().describe("Our AS number; required."),
    clusterId: bgpId.optional().describe("Present: this speaker is a route reflector."),
    listen: listOf(listen, "listeners")
      .optional()
      .describe("Where connections are accepted. Default: 0.0.0.0 and ::, port 179."),
  },
  mapping("router"),
);

const kernel = z.strictObject(
  {
    program: flag.optional().describe("Write best routes to the kernel.").meta(asDefault(DEFAULTS.kernel.program)),
    learn: flag
      .optional()
      .describe("Take routes of other protocols as source `kernel`.")
      .meta(asDefault(DEFAULTS.kernel.learn)),
    export: name("a policy's name")
      .optional()
      .describe("Policy for routes written to the kernel.")
      .meta(asDefault(DEFAULTS.kernel.export)),
    keepOnExit: flag
      .optional()
      .describe("Routes stay in the kernel when the daemon ends.")
      .meta(asDefault(DEFAULTS.kernel.keepOnExit)),
    multipath: integer(1, 256)
      .optional()
      .describe("Most next hops of an ECMP route; 1 turns ECMP off.")
      .meta(asDefault(DEFAULTS.kernel.multipath)),
  },
  mapping("kernel"),
);

const hop = z
  .preprocess(
    (value) => (typeof value === "string" ? { gateway: value } : value),
    z.strictObject(
      {
        gateway: address.optional().describe("Next hop."),
        interface: line("an interface's name")
          .regex(/^[^\s/]{1,15}$/, { error: () => "expected an interface's name of 1 to 15 characters" })
          .optional()
          .describe("Interface; without a gateway the prefix is on its link."),
      },
      { error: () => "expected an address, or a mapping with gateway and interface" },
    ),
  )
  .meta({ textAllowed: true });

const staticRoute = z
  .strictObject(
    {
      prefix: prefix.describe("Destination."),
      via: listOf(hop, "next hops")
        .optional()
        .describe("Next hops: addresses, or mappings with gateway and interface."),
      blackhole: flag.optional().describe("Drop packets.").meta(asDefault(DEFAULTS.static.blackhole)),
      metric: unsigned32.optional().describe("Kernel metric.").meta(asDefault(DEFAULTS.static.metric)),
    },
    mapping("a static route"),
  )
  .superRefine((route, context) => {
    const problem = (message: string, path: (string | number)[] = []) =>
      context.addIssue({ code: "custom", message, path });
    if (route.blackhole && route.via) problem("a blackhole has no next hops: remove via or blackhole", ["via"]);
    if (!route.blackhole && !route.via?.length) problem("a static route needs via or blackhole: true");
    for (const [at, { gateway, interface: device }] of (route.via ?? []).entries())
      if (!gateway && device === undefined) problem("a next hop needs a gateway or an interface", ["via", at]);
  });

const timers = z.strictObject(
  {
    hold: duration
      .refine((ms) => ms === 0 || (ms >= 3000 && ms <= 65_535_000 && ms % 1000 === 0), {
        error: () => "expected 0, or whole seconds from 3s to 65535s (RFC 4271 §4.2)",
      })
      .optional()
      .describe("Hold time offered; 0 turns keepalives off.")
      .meta(asDefault(seconds(DEFAULTS.timers.hold))),
    keepalive: duration
      .refine((ms) => ms >= 1000, { error: () => "expected at least 1s (RFC 4271 §4.4)" })
      .optional()
      .describe("Time between keepalives. Default: a third of the negotiated hold time."),
    connectRetry: duration
      .refine((ms) => ms >= 1000, { error: () => "expected at least 1s" })
      .optional()
      .describe("Wait between attempts to connect.")
      .meta(asDefault(seconds(DEFAULTS.timers.connectRetry))),
    connectDelay: duration
      .optional()
      .describe("Wait before the first attempt.")
      .meta(asDefault(seconds(DEFAULTS.timers.connectDelay))),
    delayOpen: duration
      .optional()
      .describe("Wait for the peer's OPEN before ours is sent; 0: at once.")
      .meta(asDefault(seconds(DEFAULTS.timers.delayOpen))),
    idleHoldMin: duration
      .optional()
      .describe("Wait after an error; doubled each time.")
      .meta(asDefault(seconds(DEFAULTS.timers.idleHoldMin))),
    idleHoldMax: duration
      .optional()
      .describe("Longest wait after an error.")
      .meta(asDefault(seconds(DEFAULTS.timers.idleHoldMax))),
    sendHold: duration
      .optional()
      .describe("A peer that takes no octet for so long is closed (RFC 9687); 0 is off. Default: 8m or twice hold."),
  },
  mapping("timers"),
);

const capabilities = z.strictObject(
  {
    fourOctetAs: flag.optional().describe("Four-octet AS numbers (RFC 6793).").meta(asDefault(true)),
    routeRefresh: flag.optional().describe("Route refresh (RFC 2918).").meta(asDefault(true)),
    enhancedRouteRefresh: flag
      .optional()
      .describe("Enhanced route refresh (RFC 7313).")
      .meta(asDefault(DEFAULTS.capabilities.enhancedRouteRefresh)),
    extendedMessage: flag.optional().describe("Messages above 4096 octets (RFC 8654).").meta(asDefault(true)),
  },
  mapping("capabilities"),
);

export const peer = z.strictObject(
  {
    name: name("a name").describe("Identity of the peer; unique."),
    description: line("a description").optional().describe("For people."),
    address: address.describe("Address of the peer; a link-local one with its interface: fe80::1%eth0."),
    port: port.optional().describe("TCP port we connect to.").meta(asDefault(DEFAULTS.port)),
    asn: asn.describe("AS number of the peer; ours makes it an iBGP peer."),
    localAddress: address.optional().describe("Address we connect from and accept this peer at."),
    families: listOf(family, "families").optional().describe("Address families. Default: that of the peer's address."),
    import: name("a policy's name")
      .optional()
      .describe("Policy for routes received. Without it an eBGP peer's routes are rejected, an iBGP peer's accepted."),
    export: name("a policy's name")
      .optional()
      .describe("Policy for routes announced. Without it an eBGP peer gets none, an iBGP peer all."),
    passive: flag.optional().describe("Never connect; wait for the peer.").meta(asDefault(DEFAULTS.peer.passive)),
    routeReflectorClient: flag
      .optional()
      .describe("iBGP client of our reflector.")
      .meta(asDefault(DEFAULTS.peer.routeReflectorClient)),
    clusterId: bgpId.optional().describe("Cluster id towards this peer, in place of the router's."),
    nextHop: choice(["auto", "self", "keep"])
      .optional()
      .describe("Next hop of announced routes: by RFC 4271, always ours, or always as received.")
      .meta(asDefault(DEFAULTS.peer.nextHop)),
    multihop: flag.optional().describe("The peer is more than one hop away. Default: true for iBGP, false for eBGP."),
    password: password.optional().describe("TCP-MD5 key (RFC 2385), 1 to 80 octets."),
    passwordFile: line("a path")
      .min(1, { error: () => "expected a path" })
      .optional()
      .describe("File that holds the TCP-MD5 key; a newline at its end is not part of it."),
    disabled: flag.optional().describe("Keep the session down.").meta(asDefault(DEFAULTS.peer.disabled)),
    timers: timers.optional().describe("Durations: 90s, 500ms, 2m, or plain seconds."),
    capabilities: capabilities.optional().describe("What OPEN offers."),
  },
  mapping("a peer"),
);

const limits = z.strictObject(
  {
    routes: integer(1, 50_000_000).optional().describe("Prefixes.").meta(asDefault(DEFAULTS.limits.routes)),
    paths: integer(1, 200_000_000).optional().describe("Paths of all peers.").meta(asDefault(DEFAULTS.limits.paths)),
    attributeSets: integer(1, 50_000_000)
      .optional()
      .describe("Distinct sets of path attributes.")
      .meta(asDefault(DEFAULTS.limits.attributeSets)),
    attributeOctets: integer(4096, 2 ** 31)
      .optional()
      .describe("Octets of all attribute sets.")
      .meta(asDefault(DEFAULTS.limits.attributeOctets)),
  },
  mapping("limits"),
);

/** One file. Required keys of the whole are checked after files have been joined. */
export const file = z.strictObject(
  {
    router: router.optional().describe("This speaker."),
    kernel: kernel.optional().describe("What is written to and learned from the kernel."),
    static: listOf(staticRoute, "static routes").optional().describe("Static routes."),
    prefixSets: z
      .record(name("a prefix set's name"), listOf(prefixMatch, "prefixes"), mapping("prefix sets"))
      .optional()
      .describe("Named lists of prefixes for policies."),
    policies: z
      .record(name("a policy's name"), listOf(rule, "rules"), mapping("policies"))
      .optional()
      .describe("Named lists of rules; the first that accepts or rejects decides, the end rejects."),
    peers: listOf(peer, "peers").optional().describe("BGP peers."),
    limits: limits.optional().describe("Bounds of everything that can grow."),
  },
  { error: () => "expected a mapping of keys such as router, kernel, policies and peers" },
);

export type FileInput = z.output<typeof file>;
export type PeerInput = z.output<typeof peer>;

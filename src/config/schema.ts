/** The one definition of the configuration format: validation, JSON Schema and the key suggestions come from it. */
import { z } from "zod";
import { DEFAULTS } from "./defaults.ts";
import { LOG_THRESHOLDS } from "./model.ts";
import { communitySetEntry, interfaceGlob, prefixMatch, rule } from "./policy-schema.ts";
import {
  address,
  asDefault,
  asn,
  bgpId,
  choice,
  flag,
  integer,
  interfaceName,
  listOf,
  mapping,
  name,
  prefix,
  shortFor,
  unsigned32,
} from "./scalars.ts";
import { sessionKeys } from "./session-schema.ts";

const port = integer(1, 65535);

const listen = z.strictObject(
  {
    address: address.describe("Address to accept connections at."),
    port: port.optional().describe("TCP port.").meta(asDefault(DEFAULTS.port)),
    interface: interfaceName("an interface's name")
      .optional()
      .describe("Only what arrives on this interface is accepted."),
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
    gracefulShutdown: flag
      .optional()
      .describe("Routes of eBGP peers with the community graceful-shutdown get LOCAL_PREF 0 (RFC 8326).")
      .meta(asDefault(DEFAULTS.router.gracefulShutdown)),
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
      .describe("Routes stay in the kernel when the daemon ends. Default: where a peer has graceful restart on."),
    multipath: integer(1, 256)
      .optional()
      .describe("Most next hops of an ECMP route; 1 turns ECMP off.")
      .meta(asDefault(DEFAULTS.kernel.multipath)),
  },
  mapping("kernel"),
);

const direct = z.strictObject(
  {
    except: listOf(interfaceGlob, "interfaces")
      .optional()
      .describe("Interfaces whose subnets are not taken as routes; `*` and `?` are wildcards."),
  },
  mapping("direct"),
);

const log = z.strictObject(
  {
    level: choice(LOG_THRESHOLDS)
      .optional()
      .describe("Least severe of what is logged. Default: what the command line says, else info."),
  },
  mapping("log"),
);

const hop = shortFor(
  { type: "string" },
  (text) => ({ gateway: text }),
  z.strictObject(
    {
      gateway: address.optional().describe("Next hop."),
      interface: interfaceName("an interface's name")
        .optional()
        .describe("Interface; without a gateway the prefix is on its link."),
    },
    { error: () => "expected an address, or a mapping with gateway and interface" },
  ),
);

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

/** A group gives what its peers do not say themselves. */
export const peerGroup = z.strictObject(sessionKeys, mapping("a peer group"));

export const peer = z.strictObject(
  {
    name: name("a name").describe("Identity of the peer; unique."),
    group: name("a peer group's name").optional().describe("Peer group that gives what is not said here."),
    address: address.optional().describe("Address of the peer; a link-local one with its interface: fe80::1%eth0."),
    prefix: prefix
      .optional()
      .describe("In place of address: every neighbour that connects from within is a peer, named after this one."),
    limit: integer(1, 65535)
      .optional()
      .describe("With prefix: neighbours at the same time.")
      .meta(asDefault(DEFAULTS.dynamicPeers.limit)),
    ...sessionKeys,
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
    direct: direct.optional().describe("Routes to the subnets of this host's interfaces."),
    log: log.optional().describe("What is logged."),
    static: listOf(staticRoute, "static routes").optional().describe("Static routes."),
    prefixSets: z
      .record(name("a prefix set's name"), listOf(prefixMatch, "prefixes"), mapping("prefix sets"))
      .optional()
      .describe("Named lists of prefixes for policies."),
    communitySets: z
      .record(name("a community set's name"), listOf(communitySetEntry, "communities"), mapping("community sets"))
      .optional()
      .describe("Named lists of communities of any kind, patterns among them, for policies."),
    policies: z
      .record(name("a policy's name"), listOf(rule, "rules"), mapping("policies"))
      .optional()
      .describe("Named lists of rules; the first that accepts or rejects decides, the end rejects."),
    peerGroups: z
      .record(name("a peer group's name"), peerGroup, mapping("peer groups"))
      .optional()
      .describe("Named keys that peers take over; a peer's own keys win, and inner mappings merge key by key."),
    peers: listOf(peer, "peers").optional().describe("BGP peers."),
    limits: limits.optional().describe("Bounds of everything that can grow."),
  },
  { error: () => "expected a mapping of keys such as router, kernel, policies and peers" },
);

export type FileInput = z.output<typeof file>;
export type PeerInput = z.output<typeof peer>;
export type PeerGroupInput = z.output<typeof peerGroup>;

/** Any valid configuration, as plain values of its file. */
import fc from "fast-check";

const word = fc.stringMatching(/^[A-Za-z0-9_][\w.:/@%+-]{0,12}$/).filter((text) => !BUILTIN.includes(text));
const BUILTIN = ["accept", "reject", "default-only", "__proto__"];
const u32 = fc.nat(0xffffffff);
const asn = fc.integer({ min: 1, max: 0xffffffff });
const octet = fc.nat(255);
const ipv4 = fc.tuple(fc.integer({ min: 1, max: 223 }), octet, octet, octet).map((octets) => octets.join("."));
const ipv6 = fc.tuple(fc.nat(0xffff), fc.nat(0xffff)).map(([a, b]) => `2001:db8:${a.toString(16)}::${b.toString(16)}`);
const address = fc.oneof(ipv4, ipv6);
const prefix = fc.oneof(
  fc.tuple(octet, octet).map(([a, b]) => `10.${a}.${b}.0/24`),
  fc.nat(0xffff).map((a) => `2001:db8:${a.toString(16)}::/48`),
);
const lengths = fc.oneof(
  prefix,
  fc
    .tuple(prefix, fc.integer({ min: 48, max: 64 }))
    .map(([text, le]) => (text.includes(":") ? `${text} le ${le}` : `${text} ge ${Math.min(32, le - 24)} le 32`)),
);
const community = fc.oneof(
  fc.tuple(fc.nat(0xffff), fc.nat(0xffff)).map((parts) => parts.join(":")),
  fc.constantFrom("no-export", "blackhole"),
);
const large = fc.tuple(u32, u32, u32).map((parts) => parts.join(":"));
const list = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 3 });
const optional = <T extends Record<string, fc.Arbitrary<unknown>>>(model: T) => fc.record(model, { requiredKeys: [] });

const extended = fc.oneof(
  fc.tuple(fc.constantFrom("rt", "ro"), asn, fc.nat(0xffff)).map((parts) => parts.join(":")),
  fc.tuple(fc.constantFrom("rt", "ro"), ipv4, fc.nat(0xffff)).map((parts) => parts.join(":")),
  fc.stringMatching(/^[0-9a-f]{16}$/).map((digits) => `0x${digits}`),
);
const wild = (exact: fc.Arbitrary<string>, ...texts: string[]) => list(fc.oneof(exact, fc.constantFrom(...texts)));
const comparison = fc.oneof(
  u32,
  fc.constant("none"),
  fc.tuple(fc.constantFrom("<=", ">", ">=", "="), fc.nat(0xfffffffe)).map(([sign, value]) => `${sign} ${value}`),
  fc.tuple(u32, u32).map(([a, b]) => ({ ge: Math.min(a, b), le: Math.max(a, b) })),
);
const operand = fc.constantFrom("metric", "localPref", "med", "preference");
const computed = (most: number) =>
  fc.oneof(
    fc.nat(most),
    operand,
    fc.tuple(operand, fc.constantFrom("+", "-"), u32).map((parts) => parts.join(" ")),
    fc.tuple(u32, fc.constantFrom("+", "-"), operand).map((parts) => parts.join(" ")),
  );
const peerTypes = fc.subarray(["ebgp", "ibgp", "client"]);
const asns = fc.oneof(asn, list(asn));

const match = fc.letrec((tie) => ({
  match: optional({
    prefixes: list(lengths),
    source: fc.subarray(["direct", "static", "bgp", "kernel"]),
    communities: wild(community, "64512:*", "*:7", "*:*"),
    largeCommunities: wild(large, "64512:*:*", "*:1:2"),
    extendedCommunities: wild(extended, "rt:64512:*", "ro:*:7", "rt:*:*"),
    asPath: optional({
      startsWith: asns,
      contains: asns,
      originatedBy: asns,
      length: comparison,
      empty: fc.boolean(),
    }),
    nextHops: list(fc.oneof(address, prefix)),
    interface: list(fc.constantFrom("*.cali", "bpf*.cali", "eth?", "tunl0")),
    peers: list(word),
    peerType: peerTypes,
    fromPeerType: peerTypes,
    med: comparison,
    localPref: comparison,
    preference: comparison,
    metric: comparison,
    family: fc.constantFrom("ipv4", "ipv6"),
    not: fc.oneof({ maxDepth: 1 }, fc.constant([]), list(tie("match"))),
    any: fc.oneof({ maxDepth: 1 }, fc.constant([]), list(tie("match"))),
    all: fc.oneof({ maxDepth: 1 }, fc.constant([]), list(tie("match"))),
  }),
})).match;

const rule = fc
  .record(
    {
      match,
      set: optional({
        preference: computed(0xffffffff),
        localPref: computed(0xffffffff),
        med: fc.oneof(computed(0xffffffff), fc.constant("none")),
        addCommunities: list(community),
        removeCommunities: wild(community, "64512:*", "*:7"),
        setCommunities: list(community),
        addLargeCommunities: list(large),
        removeLargeCommunities: wild(large, "64512:*:*"),
        setLargeCommunities: list(large),
        addExtendedCommunities: list(extended),
        removeExtendedCommunities: wild(extended, "rt:*:*"),
        setExtendedCommunities: list(extended),
        prepend: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.array(asn, { minLength: 1, maxLength: 3 })),
        nextHop: address,
        metric: computed(0xfffffffe),
      }),
      action: fc.constantFrom("accept", "reject", "continue", "call"),
    },
    { requiredKeys: ["action"] },
  )
  .map(({ action, ...rest }) => ({ ...rest, ...(action === "call" ? { call: "default-only" } : { action }) }));

const ms = fc.oneof(
  fc.nat(5000).map((n) => `${n}ms`),
  fc.nat(600).map((n) => `${n}s`),
  fc.nat(9).map((n) => `${n}m`),
  fc.nat(600),
);
const maxPrefixes = fc.oneof(
  fc.integer({ min: 1, max: 9999 }),
  fc.record(
    {
      limit: fc.integer({ min: 1, max: 9999 }),
      warnPercent: fc.integer({ min: 1, max: 100 }),
      action: fc.constantFrom("warn", "block", "restart", "disable"),
      restartAfter: fc.nat(600).map((n) => `${n + 1}s`),
    },
    { requiredKeys: ["limit"] },
  ),
);
const device = fc.constantFrom("eth0", "bond0.7", "cali123");
const mode = fc.constantFrom("off", "aware", "on");

/** Keys that a peer and a peer group share. */
const session = {
  description: fc.string({ maxLength: 30 }).filter((text) => !/\p{Cc}/u.test(text)),
  port: fc.integer({ min: 1, max: 65535 }),
  asn,
  interface: device,
  families: fc.subarray(["ipv4", "ipv6"], { minLength: 1 }),
  import: fc.constantFrom(...BUILTIN.slice(0, 3)),
  export: fc.constantFrom(...BUILTIN.slice(0, 3)),
  defaultOnly: fc.constantFrom("always", "ifReachable"),
  nextHop: fc.constantFrom("auto", "gateway", "self", "keep"),
  localAs: fc.oneof(
    asn,
    fc.record({ asn, noPrepend: fc.boolean(), replaceAs: fc.boolean() }, { requiredKeys: ["asn"] }),
  ),
  allowOwnAs: fc.nat(10),
  allowAsSets: fc.boolean(),
  enforceFirstAs: fc.boolean(),
  maxPrefixesIn: maxPrefixes,
  maxPrefixesOut: maxPrefixes,
  gracefulRestart: fc.oneof(
    mode,
    optional({
      mode: fc.constantFrom("aware", "on"),
      restartTime: fc.nat(4095).map((n) => `${n}s`),
      staleTime: fc.nat(9999).map((n) => `${n + 1}s`),
      notification: fc.boolean(),
      longLivedStaleTime: fc.integer({ min: 1, max: 194 }).map((n) => `${n}d`),
      staleToOthers: fc.boolean(),
    }),
  ),
  addPath: fc.oneof(
    fc.constantFrom("both", "off"),
    optional({
      receive: fc.boolean(),
      send: fc.oneof(fc.constantFrom("all", "none"), fc.integer({ min: 1, max: 255 })),
    }),
  ),
  password: fc
    .oneof(fc.string({ minLength: 1, maxLength: 20 }), fc.constantFrom("yes", "12", "~", "<<", "1.5", "# no", " x "))
    .filter((text) => !/^\s*$/.test(text)),
  disabled: fc.oneof(fc.boolean(), fc.constantFrom("no key a", "its filter is invalid")),
  timers: optional({ hold: fc.integer({ min: 3, max: 200 }), connectDelay: ms, delayOpen: ms }),
  capabilities: optional({
    fourOctetAs: fc.boolean(),
    routeRefresh: fc.boolean(),
    enhancedRouteRefresh: fc.boolean(),
    extendedMessage: fc.boolean(),
  }),
};

/** Hops and TTL exclude each other. */
const distance = fc.oneof(
  fc.record({}),
  fc.record({ multihop: fc.oneof(fc.boolean(), fc.integer({ min: 1, max: 255 })) }),
  fc.record({ ttlSecurity: fc.integer({ min: 1, max: 254 }) }),
  fc.record({ ttlSecurity: fc.integer({ min: 1, max: 254 }), multihop: fc.constant(true) }),
);
const group = optional(session);
const peer = fc
  .tuple(
    fc.record({ address, passive: fc.boolean(), ...session }, { requiredKeys: ["address", "asn"] }),
    distance,
    fc.nat(3),
  )
  .map(([keys, hops, at]) => ({ ...keys, ...hops, at }));
const range = fc
  .tuple(
    fc.record({ prefix, limit: fc.integer({ min: 1, max: 999 }), ...session }, { requiredKeys: ["prefix", "asn"] }),
    distance,
    fc.nat(3),
  )
  .map(([keys, hops, at]) => ({ ...keys, ...hops, at }));

const whole = fc.record({
  router: fc.record(
    {
      id: ipv4,
      asn,
      clusterId: ipv4,
      listen: fc.uniqueArray(
        fc.record({ address, port: fc.constant(1790), interface: device }, { requiredKeys: ["address", "port"] }),
        { maxLength: 2, selector: (each) => each.address },
      ),
    },
    { requiredKeys: ["asn"] },
  ),
  kernel: optional({
    program: fc.boolean(),
    learn: fc.boolean(),
    export: fc.constantFrom("accept", "reject"),
    keepOnExit: fc.boolean(),
    multipath: fc.integer({ min: 1, max: 256 }),
  }),
  static: fc.uniqueArray(
    fc
      .tuple(
        prefix,
        fc.oneof(
          fc.constant({ blackhole: true }),
          ipv6.map((gateway) => ({ via: gateway })),
          word.map((text) => ({ via: { interface: `i${text.replace(/[^a-z]/g, "")}` } })),
        ),
      )
      .map(([text, rest]) => ({ prefix: text, ...rest })),
    { maxLength: 3, selector: (each) => each.prefix },
  ),
  policies: fc.dictionary(word, list(rule), { maxKeys: 3 }),
  groups: fc.dictionary(word, group, { maxKeys: 2 }),
  addressed: fc.uniqueArray(peer, { maxLength: 4, selector: (each) => each.address }),
  ranges: fc.uniqueArray(range, { maxLength: 2, selector: (each) => each.prefix }),
  names: fc.uniqueArray(word, { minLength: 6, maxLength: 6 }),
  direct: optional({ except: list(fc.constantFrom("cali*", "kube-ipvs*", "eth?")) }),
  log: optional({ level: fc.constantFrom("off", "error", "debug") }),
  limits: optional({ routes: fc.integer({ min: 1, max: 50_000_000 }) }),
});

/** Peers get their names, and some of them a group. */
export const plain = whole.map(({ groups, addressed, ranges, names, ...rest }) => {
  const groupNames = Object.keys(groups);
  const peers = [...addressed, ...ranges].map(({ at, ...keys }, i) => ({
    name: names[i],
    ...(at < groupNames.length && { group: groupNames[at] }),
    ...keys,
  }));
  return { ...rest, peerGroups: groups, peers };
});

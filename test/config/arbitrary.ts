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
const range = fc.oneof(
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

const rule = fc.record(
  {
    match: optional({
      prefixes: list(range),
      source: fc.subarray(["direct", "static", "bgp", "kernel"]),
      communities: list(community),
      nextHops: list(fc.oneof(address, prefix)),
      peers: list(word),
      family: fc.constantFrom("ipv4", "ipv6"),
    }),
    set: optional({
      preference: u32,
      localPref: u32,
      med: fc.oneof(u32, fc.constant("none")),
      addCommunities: list(community),
      removeCommunities: list(community),
      setCommunities: list(community),
      addLargeCommunities: list(large),
      prepend: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.array(asn, { minLength: 1, maxLength: 3 })),
      nextHop: address,
      metric: u32,
    }),
    action: fc.constantFrom("accept", "reject", "continue"),
  },
  { requiredKeys: ["action"] },
);

const ms = fc.oneof(
  fc.nat(5000).map((n) => `${n}ms`),
  fc.nat(600).map((n) => `${n}s`),
  fc.nat(9).map((n) => `${n}m`),
  fc.nat(600),
);
const peer = fc
  .record(
    {
      description: fc.string({ maxLength: 30 }).filter((text) => !/\p{Cc}/u.test(text)),
      address,
      port: fc.integer({ min: 1, max: 65535 }),
      asn,
      families: fc.subarray(["ipv4", "ipv6"], { minLength: 1 }),
      import: fc.constantFrom(...BUILTIN.slice(0, 3)),
      export: fc.constantFrom(...BUILTIN.slice(0, 3)),
      passive: fc.boolean(),
      nextHop: fc.constantFrom("auto", "self", "keep"),
      multihop: fc.boolean(),
      password: fc.oneof(
        fc.string({ minLength: 1, maxLength: 20 }),
        fc.constantFrom("yes", "12", "~", "<<", "1.5", "# no", " x "),
      ),
      disabled: fc.boolean(),
      timers: optional({ hold: fc.integer({ min: 3, max: 200 }), connectDelay: ms, delayOpen: ms }),
      capabilities: optional({ fourOctetAs: fc.boolean(), routeRefresh: fc.boolean(), extendedMessage: fc.boolean() }),
    },
    { requiredKeys: ["address", "asn"] },
  )
  .filter((value) => value.password === undefined || !/^\s*$/.test(value.password));

export const plain = fc.record({
  router: fc.record(
    {
      id: ipv4,
      asn,
      clusterId: ipv4,
      listen: fc.uniqueArray(
        address.map((text) => ({ address: text, port: 1790 })),
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
  peers: fc
    .uniqueArray(peer, { maxLength: 4, selector: (each) => each.address })
    .chain((peers) =>
      fc
        .uniqueArray(word, { minLength: peers.length, maxLength: peers.length })
        .map((names) => peers.map((each, i) => ({ name: names[i], ...each }))),
    ),
  limits: optional({ routes: fc.integer({ min: 1, max: 50_000_000 }) }),
});

/** Generators of path attributes for properties. */
import fc from "fast-check";
import { encodeAttributes, type PathAttributes } from "../../src/bgp/path-attributes.ts";
import { attribute, u16 } from "./wire.ts";

/** Compared with deepEqual, which minds prototypes. */
const PLAIN = { noNullPrototype: true } as const;

const asn = fc.oneof(fc.integer({ min: 1, max: 65535 }), fc.integer({ min: 1, max: 0xffffffff }));
const number = fc.integer({ min: 0, max: 0xffffffff });
const segment = fc.record(
  {
    kind: fc.constantFrom("sequence" as const, "sequence" as const, "set" as const),
    asns: fc.array(asn, { minLength: 1, maxLength: 6 }),
  },
  PLAIN,
);
const ipv4 = fc.record(
  { family: fc.constant("ipv4" as const), bytes: fc.uint8Array({ minLength: 4, maxLength: 4 }) },
  PLAIN,
);
const ipv6 = fc.record(
  {
    family: fc.constant("ipv6" as const),
    bytes: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => bytes.with(0, 0x20)),
  },
  PLAIN,
);
const linkLocal = ipv6.map(({ family, bytes }) => ({ family, bytes: bytes.with(0, 0xfe).with(1, 0x80) }));
const nextHop: fc.Arbitrary<Pick<PathAttributes, "nextHop" | "linkLocalNextHop">> = fc.oneof(
  ipv4.map((it) => ({ nextHop: it })),
  ipv6.map((it) => ({ nextHop: it })),
  linkLocal.map((it) => ({ nextHop: it })),
  fc.tuple(ipv6, linkLocal).map(([global, link]) => ({ nextHop: global, linkLocalNextHop: link })),
);

const common = fc.record(
  {
    origin: fc.nat(2),
    asPath: fc.array(segment, { maxLength: 3 }),
    med: number,
    localPref: number,
    atomicAggregate: fc.boolean(),
    aggregator: fc.record({ asn, id: number }, PLAIN),
    communities: fc.array(number, { maxLength: 70 }),
    largeCommunities: fc.uniqueArray(number, { maxLength: 24 }).map((list) => list.flatMap((n) => [n, 1, n])),
    extendedCommunities: fc.array(fc.uint8Array({ minLength: 8, maxLength: 8 }), { maxLength: 4 }),
    originatorId: number,
    clusterList: fc.array(number, { maxLength: 3 }),
    opaque: fc
      .uniqueArray(fc.constantFrom(35, 99, 200, 254), { maxLength: 3 })
      .map((types) =>
        types.sort((a, b) => a - b).map((type) => ({ flags: 0xe0, type, value: new Uint8Array(4).fill(type) })),
      ),
  },
  {
    requiredKeys: [
      "origin",
      "asPath",
      "atomicAggregate",
      "communities",
      "largeCommunities",
      "extendedCommunities",
      "clusterList",
      "opaque",
    ],
  },
);

/** A whole set, as it may be interned. */
export const pathAttributes: fc.Arbitrary<PathAttributes> = fc
  .tuple(common, nextHop)
  .map(([rest, hop]) => ({ ...rest, ...hop }) as PathAttributes);

/** Body of an UPDATE from an internal four-octet peer that announces 10.0.0.0/8 or 2001:db8::/32 with these attributes. */
export function updateOf(attributes: PathAttributes): Uint8Array {
  const { nextHop: hop, linkLocalNextHop, ...rest } = attributes;
  const plain = hop?.family === "ipv4";
  const reach = attribute(
    0x80,
    14,
    [0, 2, 1, linkLocalNextHop ? 32 : 16],
    [...(hop?.bytes ?? [])],
    [...(linkLocalNextHop?.bytes ?? [])],
    [0, 32, 0x20, 1, 0x0d, 0xb8],
  );
  const field = plain ? [...encodeAttributes(attributes)] : [...reach, ...encodeAttributes(rest)];
  return Uint8Array.from([0, 0, ...u16(field.length), ...field, ...(plain ? [8, 10] : [])]);
}

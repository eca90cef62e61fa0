/** Arbitrary clusters, small and crowded, so that addresses, names and selectors meet. */
import fc from "fast-check";
import type {
  BgpConfigurationResource,
  BgpPeerResource,
  NodeResource,
  Resource,
} from "../../../src/confgen/resources/model.ts";
import {
  bgpConfiguration,
  bgpPeer,
  type Faulty,
  node,
  type PeerOptions,
  secret,
  workload,
} from "../resource-builders.ts";

export const NAMES = ["n1", "n2", "n3", "n4", "n5"];
const LABELS = ["x", "y"];
const SELECTORS = ["all()", "has(x)", "!has(x)", "y == '1'"];

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

/** What is undefined is left out, as the exact types of the model want it. */
function withoutUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as never;
}

const labels = fc.dictionary(fc.constantFrom(...LABELS), fc.constantFrom("1", "2"));
const asn = fc.constantFrom(64512, 65001, 65002);
const port = fc.constantFrom(179, 180, 181);

/** `tails` gives each node the last part of its addresses. */
export function nodeOf(name: string, tails: fc.Arbitrary<number>): fc.Arbitrary<NodeResource> {
  return fc
    .record({
      tail: tails,
      families: fc.constantFrom("4", "6", "46"),
      asn: maybe(asn),
      clusterId: maybe(fc.constantFrom("1.1.1.1", "2.2.2.2")),
      labels,
      bgp: fc.integer({ min: 0, max: 9 }).map((n) => n > 0),
    })
    .map(({ tail, families, ...options }) =>
      node(
        name,
        withoutUndefined({
          ...options,
          ipv4: families.includes("4") ? `10.0.0.${tail}/24` : undefined,
          ipv6: families.includes("6") ? `fd00::${tail.toString(16)}/64` : undefined,
        }),
      ),
    );
}

const local: fc.Arbitrary<PeerOptions> = fc.oneof(
  fc.constant({}),
  fc.constantFrom(...NAMES).map((name) => ({ node: name })),
  fc.constantFrom(...SELECTORS).map((nodeSelector) => ({ nodeSelector })),
);
const address = fc.oneof(
  fc.integer({ min: 1, max: 12 }).map((n) => `10.0.0.${n}`),
  fc.integer({ min: 1, max: 12 }).map((n) => `fd00::${n.toString(16)}`),
);
const remote: fc.Arbitrary<PeerOptions> = fc.oneof(
  fc.record({ address, asn, port: maybe(port), localAsn: maybe(asn) }).map(withoutUndefined),
  fc.constantFrom(...SELECTORS).map((peerSelector) => ({ peerSelector })),
  asn.map((each) => ({ localWorkloadSelector: "all()", asn: each })),
);
const settings: fc.Arbitrary<PeerOptions> = fc
  .record({
    password: maybe(fc.record({ name: fc.constantFrom("s", "t"), key: fc.constantFrom("a", "b") })),
    nextHopMode: maybe(fc.constantFrom("Auto" as const, "Self" as const, "Keep" as const)),
    keepOriginalNextHop: fc.boolean(),
    maxRestartTime: maybe(fc.constantFrom(10, 5000)),
    ttlSecurity: maybe(fc.constantFrom(0, 2)),
    sourceAddress: fc.constantFrom("UseNodeIP" as const, "None" as const),
    filters: fc.subarray(["f", "g"]),
    reversePeering: fc.constantFrom("Auto" as const, "Auto" as const, "Manual" as const),
  })
  .map(withoutUndefined);

export const peerOf = (name: string): fc.Arbitrary<BgpPeerResource> =>
  fc.tuple(local, remote, settings).map((parts) => bgpPeer(name, Object.assign({}, ...parts)));

/** A BGPPeer whose sessions between nodes both ends must agree about. */
export const fairPeerOf = (name: string): fc.Arbitrary<BgpPeerResource> =>
  fc
    .tuple(
      local,
      fc.constantFrom(...SELECTORS),
      settings.map(({ password: _, sourceAddress: __, ...rest }) => ({ ...rest, reversePeering: "Auto" as const })),
    )
    .map(([where, peerSelector, rest]) => bgpPeer(name, { ...where, peerSelector, ...rest }));

export const configurationOf = (name: string): fc.Arbitrary<BgpConfigurationResource> =>
  fc
    .record({
      nodeToNodeMesh: maybe(fc.boolean()),
      asn: maybe(asn),
      listenPort: maybe(port),
      meshPassword: maybe(fc.constant({ name: "s", key: "a" })),
      meshMaxRestartTime: maybe(fc.constant(20)),
    })
    .map((options) => bgpConfiguration(name, withoutUndefined(options)));

const anyTail = fc.integer({ min: 1, max: 12 });

/** Any resource that sessions depend on, now and then one that is not valid. */
export const anyResource: fc.Arbitrary<Resource | Faulty> = fc
  .tuple(
    fc.oneof<fc.Arbitrary<Resource>[]>(
      ...Array.from({ length: 3 }, () => fc.constantFrom(...NAMES).chain((name) => nodeOf(name, anyTail))),
      ...Array.from({ length: 3 }, () => fc.constantFrom("a", "b", "c").chain(peerOf)),
      fc.constantFrom("default", "node.n1", "node.n2").chain(configurationOf),
      fc
        .tuple(fc.constantFrom("kube-system/s", "kube-system/t"), fc.dictionary(fc.constantFrom("a", "b"), fc.string()))
        .map(([name, data]) => secret(name, data)),
      fc
        .tuple(fc.constantFrom("v", "w"), fc.integer({ min: 1, max: 4 }), fc.constantFrom("a", "b", "z"))
        .map(([name, tail, bgpPeerName]) => workload(name, { ipv4: `10.0.0.${tail}`, bgpPeer: bgpPeerName })),
    ),
    fc.constantFrom("valid", "valid", "valid", "valid", "kept", "never"),
  )
  .map(([value, state]) => {
    if (state === "valid") return value;
    const { kind, name } = value;
    return { kind, name, faults: ["is wrong"], ...(state === "kept" && { value }) };
  });

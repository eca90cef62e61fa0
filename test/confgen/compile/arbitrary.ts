/** Arbitrary resources of every kind, small and crowded, so that they meet; now and then one that is not valid. */
import fc from "fast-check";
import type { FilterOperation, FilterRule, Resource } from "../../../src/confgen/resources/model.ts";
import {
  bgpConfiguration,
  bgpFilter,
  blockAffinity,
  endpointSlice,
  type Faulty,
  ipPool,
  service,
} from "../resource-builders.ts";
import { anyResource as sessionResource } from "../sessions/clusters.ts";

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

/** What is undefined is left out, as the exact types of the model want it. */
function withoutUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as never;
}

const cidr4 = fc.constantFrom(
  "10.65.0.0/16",
  "10.65.1.0/24",
  "10.65.1.0/26",
  "10.65.1.7/32",
  "10.0.0.0/8",
  "0.0.0.0/0",
);
const cidr6 = fc.constantFrom("fd00:65::/48", "fd00:65::/122", "fd00:65::7/128", "::/0");
const cidr = fc.oneof(cidr4, cidr6);
const mode = fc.constantFrom("Never" as const, "Always" as const, "CrossSubnet" as const);
const community = fc.constantFrom("64512:1", "64512:2", "65535:65281", "1:2:3", "4294967295:0:1");

const pool = fc
  .record({
    name: fc.constantFrom("p", "q", "r"),
    cidr,
    ipipMode: mode,
    vxlanMode: mode,
    disableBgpExport: fc.boolean(),
  })
  .map(({ name, cidr: text, ipipMode, ...rest }) =>
    ipPool(name, text, { ...rest, ipipMode: text.includes(":") ? "Never" : ipipMode }),
  );

const block = fc
  .record({
    node: fc.constantFrom("n1", "n1", "n2"),
    cidr,
    state: fc.constantFrom("" as const, "confirmed" as const, "pending" as const, "pendingDeletion" as const),
    type: fc.constantFrom("host" as const, "host" as const, "virtual" as const),
  })
  .map(({ node, cidr: text, ...rest }) => blockAffinity(node, text, rest));

const asns = fc.array(fc.constantFrom(64512, 65000, 4294967295), { minLength: 1, maxLength: 10 });
const priority = fc.constantFrom(1, 512, 1024, 2147483646);
const operation: fc.Arbitrary<FilterOperation> = fc.oneof(
  community.map((addCommunity) => ({ addCommunity })),
  asns.map((prependAsPath) => ({ prependAsPath })),
  priority.map((setPriority) => ({ setPriority })),
);
const length = fc.integer({ min: 0, max: 128 });
const rule = (cidrs: fc.Arbitrary<string>): fc.Arbitrary<FilterRule> =>
  fc
    .record({
      action: fc.constantFrom("Accept" as const, "Reject" as const),
      prefix: maybe(
        fc
          .record({
            cidr: cidrs,
            operator: fc.constantFrom("Equal" as const, "NotEqual" as const, "In" as const, "NotIn" as const),
            lengths: maybe(fc.record({ min: length, max: length })),
          })
          .map(({ operator, lengths, ...rest }) =>
            withoutUndefined({ ...rest, operator, lengths: operator.endsWith("In") ? lengths : undefined }),
          ),
      ),
      source: maybe(fc.constant("RemotePeers" as const)),
      interface: maybe(fc.constantFrom("*", "eth*", "*.cali", "a-b_c.d")),
      peerType: maybe(fc.constantFrom("eBGP" as const, "iBGP" as const)),
      community: maybe(community),
      asPathPrefix: maybe(asns),
      priority: maybe(priority),
      operations: fc.array(operation, { maxLength: 10 }),
    })
    .map((each) => withoutUndefined({ ...each, operations: each.action === "Accept" ? each.operations : [] }));
const rules = (cidrs: fc.Arbitrary<string>) => fc.array(rule(cidrs), { maxLength: 3 });
const filter = fc
  .record({
    name: fc.constantFrom("f", "g"),
    importV4: rules(cidr4),
    exportV4: rules(cidr4),
    importV6: rules(cidr6),
    exportV6: rules(cidr6),
  })
  .map(({ name, ...lists }) => bgpFilter(name, lists));

const serviceCidrs = fc.subarray(["10.96.0.0/16", "192.0.2.0/24", "192.0.2.7/32", "fd00:96::/112", "fd00:96::7/128"]);
const configuration = fc
  .record({
    name: fc.constantFrom("default", "node.n1"),
    logSeverity: maybe(fc.constantFrom("debug", "info", "warning", "trace")),
    nodeToNodeMesh: maybe(fc.boolean()),
    listenPort: maybe(fc.constantFrom(179, 180)),
    bindMode: maybe(fc.constantFrom("None" as const, "NodeIP" as const)),
    ignoredInterfaces: fc.subarray(["eth1", "docker*"]),
    serviceClusterCidrs: serviceCidrs,
    serviceExternalCidrs: serviceCidrs,
    serviceLoadBalancerCidrs: serviceCidrs,
    serviceLoadBalancerAggregation: maybe(fc.boolean()),
    prefixAdvertisements: maybe(
      fc.array(fc.record({ cidr, communities: fc.array(community, { maxLength: 4 }) }), { maxLength: 3 }),
    ),
    programClusterRoutes: maybe(
      fc.constantFrom(
        "Enabled" as const,
        "Disabled" as const,
        "EnabledIPIPOnly" as const,
        "EnabledNoEncapOnly" as const,
      ),
    ),
    normalPriority: fc.record({ ipv4: maybe(priority), ipv6: maybe(priority) }).map(withoutUndefined),
  })
  .map(({ name, ...options }) => bgpConfiguration(name, withoutUndefined(options)));

const serviceAddress = fc.constantFrom("10.96.0.5", "192.0.2.7", "192.0.2.8", "fd00:96::7", "203.0.113.1");
const addresses = fc.array(serviceAddress, { maxLength: 2 });
const someService = fc
  .record({
    name: fc.constantFrom("default/a", "default/b"),
    type: fc.constantFrom("ClusterIP", "LoadBalancer", "ExternalName"),
    clusterIp: fc.constantFrom("10.96.0.5", "fd00:96::7", "None", ""),
    externalIps: addresses,
    ingressIps: addresses,
    loadBalancerIp: maybe(serviceAddress),
    externalTrafficPolicy: maybe(fc.constantFrom("Local", "Cluster")),
    ipFamilies: fc.subarray(["IPv4", "IPv6"]),
  })
  .map(({ name, ...options }) => service(name, withoutUndefined(options)));
const slice = fc
  .record({
    name: fc.constantFrom("default/s", "default/t"),
    of: fc.constantFrom("default/a", "default/b"),
    endpoints: fc.array(fc.record({ nodeName: fc.constantFrom("n1", "n2"), ready: fc.boolean() }), { maxLength: 2 }),
    addressType: fc.constantFrom("IPv4", "IPv6"),
  })
  .map(({ name, of, endpoints, addressType }) => endpointSlice(name, of, endpoints, addressType));

const mine: fc.Arbitrary<Resource | Faulty> = fc
  .tuple(
    fc.oneof<fc.Arbitrary<Resource>[]>(pool, block, filter, configuration, configuration, someService, slice),
    fc.constantFrom("valid", "valid", "valid", "valid", "valid", "kept", "never"),
    maybe(cidr),
  )
  .map(([value, state, text]) => {
    if (state === "valid") return value;
    const { kind, name } = value;
    const known = kind === "IPPool" && text !== undefined;
    return { kind, name, faults: ["is wrong"], ...(state === "kept" ? { value } : known && { cidr: text }) };
  });

export const anyResource: fc.Arbitrary<Resource | Faulty> = fc.oneof(mine, sessionResource);

export const anyEnvironment = fc
  .record({
    CALICO_ROUTER_ID: maybe(fc.constantFrom("hash", "1.2.3.4", "nonsense")),
    CALICO_K8S_NODE_REF: maybe(fc.constant("n2")),
    CALICO_ADVERTISE_CLUSTER_IPS: maybe(fc.constantFrom("10.97.0.0/16", "nonsense")),
    USE_POD_CIDR: maybe(fc.constant("true")),
  })
  .map(withoutUndefined);

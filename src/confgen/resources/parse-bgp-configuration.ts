import type { z } from "zod";
import { present } from "../datastore/json.ts";
import { choice, field, flag, list, mapping, optionalSection, section, wholeNumber, words } from "./fields.ts";
import type { BgpConfigurationResource, PrefixAdvertisement } from "./model.ts";
import { type Complain, createParser } from "./parsed.ts";
import { asn, cidr, community, duration, INTERFACE, readCommunity } from "./scalars.ts";
import { secretRef } from "./secret-ref.ts";

const MOST_ADVERTISEMENTS = 500;
const MOST_COMMUNITIES = 50;

const cidrList = list(mapping({ cidr }));
const priority = wholeNumber(1, 2147483646);

const spec = {
  logSeverityScreen: words("a severity", 32),
  nodeToNodeMeshEnabled: flag,
  asNumber: asn,
  serviceClusterIPs: cidrList,
  serviceExternalIPs: cidrList,
  serviceLoadBalancerIPs: cidrList,
  serviceLoadBalancerAggregation: choice(["Enabled", "Disabled"]),
  communities: list(mapping({ name: words("a name", 253), value: community }), MOST_ADVERTISEMENTS),
  prefixAdvertisements: list(
    mapping({ cidr, communities: list(words("a community", 253), MOST_COMMUNITIES) }),
    MOST_ADVERTISEMENTS,
  ),
  listenPort: wholeNumber(1, 65535),
  bindMode: choice(["None", "NodeIP"]),
  ignoredInterfaces: list(
    field("the name of an interface, or a pattern such as eth*, of at most 15 characters (and not `*`)", (text) =>
      INTERFACE.test(text) && text !== "*" ? text : undefined,
    ),
  ),
  nodeMeshPassword: optionalSection({ secretKeyRef: secretRef }),
  nodeMeshMaxRestartTime: duration,
  programClusterRoutes: choice(["Enabled", "Disabled", "EnabledIPIPOnly", "EnabledNoEncapOnly"]),
  ipv4NormalRoutePriority: priority,
  ipv6NormalRoutePriority: priority,
};
const bgpConfiguration = mapping({ spec: section(spec) });
type Spec = z.output<typeof bgpConfiguration>["spec"];

/**
 * calico-bgp.md 1.3. What Calico's API refuses but its generator reads in one way only is read so here: a field that has
 * no effect on a node's own object, a mesh password where the mesh is off.
 */
export const parseBgpConfiguration = createParser(
  bgpConfiguration,
  (name, { spec }, complain): BgpConfigurationResource => {
    const aggregation = spec.serviceLoadBalancerAggregation;
    return {
      kind: "BGPConfiguration",
      name,
      serviceClusterCidrs: cidrsOf(spec.serviceClusterIPs),
      serviceExternalCidrs: cidrsOf(spec.serviceExternalIPs),
      serviceLoadBalancerCidrs: cidrsOf(spec.serviceLoadBalancerIPs),
      ignoredInterfaces: spec.ignoredInterfaces ?? [],
      normalPriority: present({ ipv4: spec.ipv4NormalRoutePriority, ipv6: spec.ipv6NormalRoutePriority }),
      ...present({
        logSeverity: spec.logSeverityScreen?.toLowerCase(),
        nodeToNodeMesh: spec.nodeToNodeMeshEnabled,
        asn: spec.asNumber,
        serviceLoadBalancerAggregation: aggregation && aggregation === "Enabled",
        prefixAdvertisements: advertisementsOf(spec, complain),
        listenPort: spec.listenPort,
        bindMode: spec.bindMode,
        meshPassword: spec.nodeMeshPassword?.secretKeyRef,
        meshMaxRestartTime: spec.nodeMeshMaxRestartTime,
        programClusterRoutes: spec.programClusterRoutes,
      }),
    };
  },
);

/** Entries such as `- {}` say nothing. */
function cidrsOf(entries: Spec["serviceClusterIPs"]): string[] {
  return (entries ?? []).flatMap((entry) => (entry.cidr ? [entry.cidr.text] : []));
}

function advertisementsOf(spec: Spec, complain: Complain): PrefixAdvertisement[] | undefined {
  const named = new Map<string, string>();
  for (const [i, { name, value }] of (spec.communities ?? []).entries()) {
    if (name === undefined || value === undefined)
      complain(
        `spec.communities[${i}]`,
        `needs a name and a value; ${name === undefined ? "name" : "value"} is missing`,
      );
    else named.set(name, value);
  }
  return spec.prefixAdvertisements?.flatMap(({ cidr, communities }, i) => {
    const path = `spec.prefixAdvertisements[${i}]`;
    if (!cidr) {
      if (communities?.length) complain(`${path}.cidr`, "is missing");
      return [];
    }
    const values = (communities ?? []).flatMap((text, k) => {
      const value = readCommunity(text) ?? named.get(text);
      if (value === undefined)
        complain(
          `${path}.communities[${k}]`,
          `\`${text}\` is neither a community (aa:nn or aa:nn:mm) nor a name in spec.communities`,
        );
      return value === undefined ? [] : [value];
    });
    return [{ cidr: cidr.text, communities: [...new Set(values)].sort() }];
  });
}

import { parseQuad } from "../../ip/address.ts";
import { present } from "../datastore/json.ts";
import { anything, field, list, mapping, optionalSection, section, stringMap } from "./fields.ts";
import type { NodeResource } from "./model.ts";
import { createParser } from "./parsed.ts";
import { addressOf, asn, cidr, nodeAddress } from "./scalars.ts";

const clusterId = field("a cluster id: a dotted quad such as 244.0.0.1, not 0.0.0.0", (text) =>
  parseQuad(text) ? text : undefined,
);

const node = mapping({
  metadata: section({ labels: stringMap }),
  spec: section({
    bgp: optionalSection({
      asNumber: asn,
      ipv4Address: nodeAddress("ipv4"),
      ipv6Address: nodeAddress("ipv6"),
      ipv4IPIPTunnelAddr: anything,
      routeReflectorClusterID: clusterId,
    }),
    wireguard: optionalSection({
      interfaceIPv4Address: addressOf("ipv4"),
      interfaceIPv6Address: addressOf("ipv6"),
    }),
  }),
  status: section({ podCIDRs: list(cidr) }),
});

/** One object for the many nodes that have none. */
const NO_WIREGUARD: NodeResource["wireguard"] = Object.freeze({});
const NO_CIDRS: readonly string[] = Object.freeze([]);

/** calico-bgp.md 1.1. */
export const parseNode = createParser(node, (name, { metadata, spec, status }, complain): NodeResource => {
  const { bgp, wireguard } = spec;
  if (bgp && Object.values(bgp).every((value) => value === undefined))
    complain("spec.bgp", "is empty; leave it out where the node takes no part in BGP");
  const podCidrs = status.podCIDRs?.map((entry) => entry.text);
  return {
    kind: "Node",
    name,
    labels: metadata.labels,
    ...(bgp && {
      bgp: present({
        asn: bgp.asNumber,
        ipv4: bgp.ipv4Address,
        ipv6: bgp.ipv6Address,
        clusterId: bgp.routeReflectorClusterID,
      }),
    }),
    wireguard: wireguard
      ? present({ ipv4: wireguard.interfaceIPv4Address, ipv6: wireguard.interfaceIPv6Address })
      : NO_WIREGUARD,
    podCidrs: podCidrs?.length ? podCidrs : NO_CIDRS,
  };
});

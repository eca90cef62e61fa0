/** Resources in the v3 form as the Kubernetes API has them. */

import { list, record } from "../../src/confgen/datastore/json.ts";
import type { ApiGroup } from "../../src/confgen/datastore/kubernetes-api.ts";
import type { PlainResource } from "../contract/datastore-resources.ts";
import type { ApiObject } from "./fake-api-server/store.ts";

const CREATED = "2024-01-01T00:00:00Z";

/** The object as Calico (or, for the kinds of Kubernetes, Kubernetes itself) writes it. */
export function apiObject(resource: PlainResource, group: ApiGroup = "crd.projectcalico.org/v1"): ApiObject {
  switch (resource.kind) {
    case "Node":
      return nodeObject(resource);
    case "Service":
      return {
        ...resource,
        apiVersion: "v1",
        spec: { ports: [{ port: 80, protocol: "TCP" }], ...record(resource.spec) },
      };
    case "EndpointSlice":
      return {
        ...resource,
        apiVersion: "discovery.k8s.io/v1",
        ports: [{ port: 80, protocol: "TCP", name: "" }],
        endpoints: list(resource.endpoints).map((endpoint) => ({ addresses: ["10.1.0.5"], ...record(endpoint) })),
      };
    case "Secret":
      return { ...resource, apiVersion: "v1", type: "Opaque" };
    default:
      return calicoObject(resource, group);
  }
}

function calicoObject({ kind, metadata, spec }: PlainResource, group: ApiGroup): ApiObject {
  if (group === "projectcalico.org/v3") return { apiVersion: group, kind, metadata, spec };
  const { name, labels } = metadata;
  const hidden = JSON.stringify({ creationTimestamp: CREATED, ...(labels === undefined ? {} : { labels }) });
  const own = record(spec);
  return {
    apiVersion: group,
    kind,
    metadata: { name, annotations: { "projectcalico.org/metadata": hidden } },
    // In the classic group it is text.
    spec: kind === "BlockAffinity" ? { ...own, deleted: String(own.deleted ?? false) } : own,
  };
}

function nodeObject({ metadata, spec, status }: PlainResource): ApiObject {
  const { bgp, wireguard } = record(spec);
  const { ipv4Address, ipv6Address, asNumber, routeReflectorClusterID, ipv4IPIPTunnelAddr } = record(bgp);
  const { interfaceIPv4Address, interfaceIPv6Address } = record(wireguard);
  const fields = {
    IPv4Address: ipv4Address,
    IPv6Address: ipv6Address,
    ASNumber: asNumber,
    RouteReflectorClusterID: routeReflectorClusterID,
    IPv4IPIPTunnelAddr: ipv4IPIPTunnelAddr,
    IPv4WireguardInterfaceAddr: interfaceIPv4Address,
    IPv6WireguardInterfaceAddr: interfaceIPv6Address,
  };
  const annotations = Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) =>
      value === undefined ? [] : [[`projectcalico.org/${name}`, String(value)]],
    ),
  );
  const podCIDRs = list(record(status).podCIDRs) as readonly string[];
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: metadata.name, labels: { ...metadata.labels }, annotations },
    spec: podCIDRs.length === 0 ? {} : { podCIDR: podCIDRs[0], podCIDRs },
  };
}

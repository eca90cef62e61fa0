/** Core objects of Kubernetes. Its API has validated them, so what cannot be read is left aside rather than refused. */

import { formatAddress } from "../../ip/address.ts";
import { present } from "../datastore/json.ts";
import { field, flag, list, mapping, section, stringMap, words } from "./fields.ts";
import type { EndpointSliceResource, ServiceResource } from "./model.ts";
import { createParser } from "./parsed.ts";
import { readAddress } from "./scalars.ts";

const text = field("a text", (value) => value);

/** In canonical form where it is an address (a headless service has the address `None`). */
const addressText = field("an address", (value) => {
  const address = readAddress(value);
  return address ? formatAddress(address) : value;
});

const service = mapping({
  spec: section({
    type: text,
    clusterIP: addressText,
    clusterIPs: list(addressText),
    externalIPs: list(addressText),
    loadBalancerIP: addressText,
    externalTrafficPolicy: text,
    ipFamilies: list(text),
  }),
  status: section({ loadBalancer: section({ ingress: list(mapping({ ip: addressText })) }) }),
});

/** calico-bgp.md 1.8. */
export const parseService = createParser(service, (name, { spec, status }): ServiceResource => {
  const clusterIp = spec.clusterIP ?? "";
  return {
    kind: "Service",
    name,
    type: spec.type ?? "ClusterIP",
    clusterIp,
    clusterIps: spec.clusterIPs ?? [],
    externalIps: spec.externalIPs ?? [],
    ingressIps: (status.loadBalancer.ingress ?? []).flatMap(({ ip }) => (ip === undefined ? [] : [ip])),
    ipFamilies: spec.ipFamilies ?? [],
    ...present({ loadBalancerIp: spec.loadBalancerIP, externalTrafficPolicy: spec.externalTrafficPolicy }),
  };
});

/** Which node an endpoint is on, before discovery.k8s.io/v1. */
const HOSTNAME = "kubernetes.io/hostname";
const SERVICE_NAME = "kubernetes.io/service-name";

const endpointSlice = mapping({
  metadata: section({ namespace: words("a namespace", 253), labels: stringMap }),
  addressType: text,
  endpoints: list(mapping({ nodeName: text, topology: stringMap, conditions: section({ ready: flag }) })),
});

/** A slice of v1 or v1beta1. A condition `ready` that is absent counts as ready. */
export const parseEndpointSlice = createParser(endpointSlice, (name, slice): EndpointSliceResource => {
  const service = slice.metadata.labels[SERVICE_NAME];
  const namespace = slice.metadata.namespace ?? name.slice(0, Math.max(0, name.indexOf("/")));
  return {
    kind: "EndpointSlice",
    name,
    addressType: slice.addressType ?? "",
    endpoints: (slice.endpoints ?? []).map(({ nodeName, topology, conditions }) => ({
      ready: conditions.ready ?? true,
      ...present({ nodeName: nodeName ?? topology[HOSTNAME] }),
    })),
    ...present({ service: service ? `${namespace}/${service}` : undefined }),
  };
});

/**
 * Objects of the Kubernetes API in the v3 form, reduced to what the resources are made of: what a server keeps beside that
 * (managed fields, statuses, images, conditions) is let go at once, and a change of it is no change.
 */
import { parseAddress } from "../../ip/address.ts";
import { parsePrefix } from "../../ip/prefix.ts";
import type { Kind } from "../resources/model.ts";
import { type Json, list, present, record } from "./json.ts";

export interface ObjectMapping {
  /** Our node: block affinities of others are left out. */
  readonly node: string;
  /** Pod CIDRs of Nodes are read. */
  readonly podCidrs: boolean;
}

/** The kinds that a Kubernetes API has. */
export type KubernetesKind = Exclude<Kind, "Workload">;

/** The v3 form of an object; undefined: it is none of ours. */
export function v3Object(kind: KubernetesKind, object: Json, mapping: ObjectMapping): Json | undefined {
  switch (kind) {
    case "Node":
      return nodeObject(object, mapping);
    case "Service":
      return serviceObject(object);
    case "EndpointSlice":
      return sliceObject(object);
    case "Secret":
      // The values stay in base64: they are decoded where they are validated.
      return { kind, metadata: plainMetadata(object), ...present({ data: object.data }) };
    case "BlockAffinity":
      return affinityObject(object, mapping);
    default:
      return { kind, metadata: calicoMetadata(object), spec: object.spec };
  }
}

/** The name by which an object is known: `name`, or `namespace/name`. Undefined: it has none. */
export function objectName(object: Json): string | undefined {
  const { name, namespace } = record(object.metadata);
  if (typeof name !== "string" || name === "") return undefined;
  return typeof namespace === "string" && namespace !== "" ? `${namespace}/${name}` : name;
}

const ANNOTATION = "projectcalico.org/";

/** A core Node is the Calico Node: Calico keeps its own fields in annotations. */
function nodeObject(object: Json, mapping: ObjectMapping): Json {
  const metadata = record(object.metadata);
  const annotations = record(metadata.annotations);
  const annotation = (name: string) => {
    const value = annotations[ANNOTATION + name];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const spec = record(object.spec);
  const podCidrs = mapping.podCidrs ? podCidrsOf(spec) : [];
  const bgp = present({
    ipv4Address: ofFamily("ipv4", annotation("IPv4Address")),
    ipv6Address: ofFamily("ipv6", annotation("IPv6Address")),
    asNumber: asNumber(annotation("ASNumber")),
    routeReflectorClusterID: annotation("RouteReflectorClusterID"),
    ipv4IPIPTunnelAddr: ofFamily("ipv4", annotation("IPv4IPIPTunnelAddr")) ?? tunnelAddress(podCidrs),
  });
  const wireguard = present({
    interfaceIPv4Address: ofFamily("ipv4", annotation("IPv4WireguardInterfaceAddr")),
    interfaceIPv6Address: ofFamily("ipv6", annotation("IPv6WireguardInterfaceAddr")),
  });
  const name = String(metadata.name);
  return {
    kind: "Node",
    metadata: { name, labels: { ...jsonMap(annotation("labels")), ...texts(metadata.labels) } },
    spec: {
      ...(Object.keys(bgp).length === 0 ? {} : { bgp }),
      ...(Object.keys(wireguard).length === 0 ? {} : { wireguard }),
      orchRefs: [{ nodeName: name, orchestrator: "k8s" }],
    },
    ...(mapping.podCidrs ? { status: { podCIDRs: podCidrs } } : {}),
  };
}

/** The text, where it is an address of the family, with or without a length. Anything else counts as not written. */
function ofFamily(family: "ipv4" | "ipv6", text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const slash = text.indexOf("/");
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (address?.family !== family || address.zone !== undefined) return undefined;
  if (slash < 0) return text;
  const length = text.slice(slash + 1);
  return /^\d{1,3}$/.test(length) && Number(length) <= address.bytes.length * 8 ? text : undefined;
}

/** `65001` or `high.low`. */
function asNumber(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,10}$/.test(text)) return Number(text) <= 0xffff_ffff ? Number(text) : undefined;
  const dotted = /^(\d{1,5})\.(\d{1,5})$/.exec(text);
  if (!dotted) return undefined;
  const [high, low] = [Number(dotted[1]), Number(dotted[2])];
  return high <= 0xffff && low <= 0xffff ? high * 0x1_0000 + low : undefined;
}

/** Older servers have the single field only. */
function podCidrsOf(spec: Json): readonly string[] {
  if (Array.isArray(spec.podCIDRs) && spec.podCIDRs.length > 0) return spec.podCIDRs.filter(isText);
  return isText(spec.podCIDR) && spec.podCIDR !== "" ? [spec.podCIDR] : [];
}

/** Without Calico's address management the tunnel has the second address of the first pod CIDR. */
function tunnelAddress(podCidrs: readonly string[]): string | undefined {
  const prefix = parsePrefix(podCidrs[0] ?? "");
  if (prefix?.family !== "ipv4" || prefix.length > 31) return undefined;
  const [a, b, c, d] = prefix.bytes;
  return `${a}.${b}.${c}.${d! + 1}`;
}

/** In the classic group `deleted` is text, in the other a boolean. */
function affinityObject(object: Json, mapping: ObjectMapping): Json | undefined {
  const spec = record(object.spec);
  if (spec.node !== mapping.node) return undefined;
  const { cidr, node, state, type } = spec;
  const deleted = spec.deleted === true || spec.deleted === "true";
  return {
    kind: "BlockAffinity",
    metadata: calicoMetadata(object),
    spec: { ...present({ cidr, node, state, type }), deleted },
  };
}

function serviceObject(object: Json): Json {
  const spec = record(object.spec);
  const { ingress } = record(record(object.status).loadBalancer);
  const { type, clusterIP, clusterIPs, externalIPs, loadBalancerIP, externalTrafficPolicy, ipFamilies } = spec;
  return {
    kind: "Service",
    metadata: plainMetadata(object),
    spec: present({ type, clusterIP, clusterIPs, externalIPs, loadBalancerIP, externalTrafficPolicy, ipFamilies }),
    ...(Array.isArray(ingress)
      ? { status: { loadBalancer: { ingress: ingress.map((one) => present({ ip: record(one).ip })) } } }
      : {}),
  };
}

const SERVICE_NAME = "kubernetes.io/service-name";

/**
 * What matters of endpoints is on which nodes there are ready ones, so each pair of node and readiness is kept once: pods
 * that come and go on a node with others change nothing. Before v1 the node was one of the topology's labels.
 */
function sliceObject(object: Json): Json {
  const service = texts(record(object.metadata).labels)[SERVICE_NAME];
  const seen = new Set<string>();
  const endpoints: Json[] = [];
  for (const value of list(object.endpoints)) {
    const endpoint = record(value);
    const nodeName = endpoint.nodeName ?? record(endpoint.topology)["kubernetes.io/hostname"];
    const { ready } = record(endpoint.conditions);
    const kept = present({ nodeName, conditions: present({ ready: ready ?? undefined }) });
    const key = JSON.stringify(kept);
    if (!seen.has(key)) endpoints.push(kept);
    seen.add(key);
  }
  return {
    kind: "EndpointSlice",
    metadata: { ...plainMetadata(object), ...(service === undefined ? {} : { labels: { [SERVICE_NAME]: service } }) },
    addressType: object.addressType,
    endpoints,
  };
}

function plainMetadata(object: Json): Json {
  const { name, namespace } = record(object.metadata);
  return present({ name, namespace });
}

/**
 * In the classic group the v3 metadata stands in an annotation, and whoever writes with kubectl adds labels beside it. What
 * the API server itself knows counts first.
 */
function calicoMetadata(object: Json): Json {
  const metadata = record(object.metadata);
  const annotation = record(metadata.annotations)[`${ANNOTATION}metadata`];
  const hidden = typeof annotation === "string" ? record(parsed(annotation)) : {};
  const labels = { ...texts(hidden.labels), ...texts(metadata.labels) };
  return { name: metadata.name, ...(Object.keys(labels).length === 0 ? {} : { labels }) };
}

/** A JSON object in an annotation; what is none counts as not written. */
function jsonMap(text: string | undefined): Readonly<Record<string, string>> {
  return text === undefined ? {} : texts(parsed(text));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The members that are texts. */
function texts(value: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(record(value)).filter((entry): entry is [string, string] => isText(entry[1])),
  );
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

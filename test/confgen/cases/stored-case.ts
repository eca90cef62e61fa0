/** The objects of a case as each datastore holds them, read back through the code that reads that datastore. */
import type { StoredObject } from "../../../src/confgen/datastore/datastore.ts";
import { parseDocuments } from "../../../src/confgen/datastore/documents.ts";
import { etcdRanges } from "../../../src/confgen/datastore/etcd-keys.ts";
import { type KubernetesKind, objectName, v3Object } from "../../../src/confgen/datastore/kubernetes-objects.ts";
import type { Kind } from "../../../src/confgen/resources/model.ts";
import {
  type Affinity,
  affinitiesOf,
  type Backend,
  type Case,
  type CaseStep,
  documentsOf,
  textsOf,
} from "./case-list.ts";

export type Document = Readonly<Record<string, unknown>>;
/** By `Kind/name`, or `Kind/namespace/name`. */
export type Documents = ReadonlyMap<string, Document>;

interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, unknown>>;
}

/** What there is after each step. */
export function documentsAfter(each: Case): readonly Documents[] {
  let documents: Documents = new Map(documentsOf(each, each.input).map(keyed));
  return each.steps.map((step) => {
    documents = changed(each, step, documents);
    return documents;
  });
}

function keyed(document: Document): [string, Document] {
  const { name, namespace } = metadataOf(document);
  const isNamespaced = ["Service", "EndpointSlice", "Secret"].includes(String(document.kind));
  return [`${document.kind}/${isNamespaced ? `${namespace ?? "default"}/` : ""}${name}`, document];
}

function changed(each: Case, step: CaseStep, before: Documents): Documents {
  const after = new Map(before);
  if (step.apply_upsert !== undefined)
    for (const document of documentsOf(each, [step.apply_upsert])) after.set(...keyed(document));
  for (const [key, change] of Object.entries(step.set ?? {}))
    if (change === null) after.delete(key);
    else after.set(key, patched(key, after.get(key), change));
  return after;
}

/** The members given are those of the specification, or all data of a Secret. */
function patched(key: string, document: Document | undefined, change: Document): Document {
  const [kind, namespace, name] = key.split("/");
  if (kind === "Secret") return { kind, metadata: { name, namespace }, data: base64(change) };
  return { ...document, spec: { ...(document!.spec as Document), ...change } };
}

function base64(data: Document): Document {
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(String(value)).toString("base64")]),
  );
}

function metadataOf(document: Document): Metadata {
  return document.metadata as Metadata;
}

export function storedIn(backend: Backend, each: Case, documents: Documents): readonly StoredObject[] {
  const stored = (backend === "etcd" ? storedInEtcd : storedInKubernetes)(each, documents);
  return [...stored, ...workloadsOf(each)];
}

/** The case's own files, as the first step has them, through the datastore of files. */
export function storedInFiles(each: Case): readonly StoredObject[] {
  const mapping = { node: each.nodeName, podCidrs: false };
  const affinities = affinitiesOf(each).map((affinity) => `--- ${JSON.stringify(affinityObject(affinity))}`);
  const stored = [...textsOf(each, each.input), affinities.join("\n")].flatMap((text) => {
    const content = parseDocuments(text, mapping);
    if (!content.ok) throw new Error(content.message);
    return content.objects.map(({ kind, name, object, line }) => ({ kind, name, object, origin: `file:${line}` }));
  });
  return [...stored, ...workloadsOf(each)];
}

const PLURALS: Readonly<Record<string, string>> = {
  Node: "nodes",
  BGPPeer: "bgppeers",
  BGPConfiguration: "bgpconfigurations",
  BGPFilter: "bgpfilters",
  IPPool: "ippools",
};

function storedInEtcd(each: Case, documents: Documents): readonly StoredObject[] {
  const pairs = [...[...documents.values()].map(resourcePair), ...affinitiesOf(each).map(affinityPair)];
  return etcdRanges(each.nodeName, false).flatMap((range) =>
    pairs.filter(([key]) => key.startsWith(range.prefix)).map(([key, value]) => range.read(key, value)!),
  );
}

function resourcePair(document: Document): readonly [string, string] {
  const { name } = metadataOf(document);
  const plural = PLURALS[String(document.kind)];
  if (plural === undefined) throw new Error(`${document.kind} is not in etcd`);
  return [`/calico/resources/v3/projectcalico.org/${plural}/${name}`, JSON.stringify(withTextLabels(document))];
}

/** Confirmed without a word: an empty value. */
function affinityPair({ cidr, host, state }: Affinity): readonly [string, string] {
  const family = cidr.includes(":") ? "ipv6" : "ipv4";
  const key = `/calico/ipam/v2/host/${host}/${family}/block/${cidr.replace("/", "-")}`;
  return [key, state === "" ? "" : JSON.stringify({ state })];
}

/** A bare `true` of the YAML is the text. */
function withTextLabels(document: Document): Document {
  const { labels, ...metadata } = metadataOf(document);
  if (!labels) return document;
  const texts = Object.fromEntries(Object.entries(labels).map(([key, value]) => [key, String(value)]));
  return { ...document, metadata: { ...metadata, labels: texts } };
}

function storedInKubernetes(each: Case, documents: Documents): readonly StoredObject[] {
  const objects = [
    ...[...documents.values()].map(apiObject),
    ...affinitiesOf(each).map(affinityObject),
    apiObject({ kind: "Service", metadata: { name: "kubernetes" }, spec: { clusterIP: "10.101.0.1" } }),
  ];
  return objects.flatMap((object) => {
    const kind = object.kind as KubernetesKind;
    const read = v3Object(kind, object, { node: each.nodeName, podCidrs: false });
    return read ? [{ kind, name: objectName(object)!, object: read, origin: `${kind}/${objectName(object)}` }] : [];
  });
}

/** As the API server gives it: a Node in Kubernetes' own form, others with what the server fills in. */
function apiObject(document: Document): Document {
  switch (document.kind) {
    case "Node":
      return coreNode(withTextLabels(document));
    case "Service":
      return service(document);
    case "EndpointSlice":
    case "Secret":
      return { ...document, metadata: { namespace: "default", ...metadataOf(document) } };
    default:
      return { ...withTextLabels(document), apiVersion: "crd.projectcalico.org/v1" };
  }
}

const ANNOTATIONS: Readonly<Record<string, string>> = {
  ipv4Address: "IPv4Address",
  ipv6Address: "IPv6Address",
  asNumber: "ASNumber",
  routeReflectorClusterID: "RouteReflectorClusterID",
};

function coreNode(document: Document): Document {
  const { name, labels = {} } = metadataOf(document);
  const { bgp = {}, ...others } = (document.spec ?? {}) as { bgp?: Document };
  if (Object.keys(others).length > 0) throw new Error(`Node ${name} has more than BGP`);
  const annotations = Object.entries(bgp).map(([key, value]) => [
    `projectcalico.org/${ANNOTATIONS[key]!}`,
    String(value),
  ]);
  const usual = { "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64" };
  const metadata = {
    name,
    labels: usual,
    annotations: { ...Object.fromEntries(annotations), "projectcalico.org/labels": JSON.stringify(labels) },
  };
  return { kind: "Node", apiVersion: "v1", metadata, spec: {}, status: {} };
}

/** Statuses are not written with the rest. */
function service(document: Document): Document {
  const spec = document.spec as { clusterIP: string; type?: string; externalTrafficPolicy?: string };
  const filled = {
    type: "ClusterIP",
    clusterIPs: [spec.clusterIP],
    ipFamilies: [spec.clusterIP.includes(":") ? "IPv6" : "IPv4"],
    ...(spec.type === "LoadBalancer" && { externalTrafficPolicy: "Cluster" }),
    ...spec,
  };
  const metadata = { namespace: "default", ...metadataOf(document) };
  return { kind: "Service", metadata, spec: filled, status: { loadBalancer: {} } };
}

function affinityObject({ cidr, host, state }: Affinity): Document {
  return {
    kind: "BlockAffinity",
    apiVersion: "crd.projectcalico.org/v1",
    metadata: { name: `${host}-${cidr.replace(/[.:/]/g, "-")}` },
    spec: { cidr, node: host, state, deleted: "false" },
  };
}

function workloadsOf({ endpointStatus }: Case): readonly StoredObject[] {
  const kind: Kind = "Workload";
  return Object.entries(endpointStatus).map(([name, spec]) => ({
    kind,
    name,
    object: { kind, metadata: { name }, spec },
    origin: `endpoint-status/${name}`,
  }));
}

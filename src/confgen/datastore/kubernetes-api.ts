/** Where the Kubernetes API has what we read, and which roles it takes to read it. */
import { type Json, list, record } from "./json.ts";
import type { KubernetesKind } from "./kubernetes-objects.ts";

export const API_GROUPS = ["crd.projectcalico.org/v1", "projectcalico.org/v3"] as const;
/** The two places of Calico's resources: the classic definitions, and those that are plain v3. */
export type ApiGroup = (typeof API_GROUPS)[number];

/** What a server serves, as far as it matters here. */
export interface Served {
  readonly calico: ApiGroup;
  readonly endpointSlices: "v1" | "v1beta1";
}

/** A collection that is listed and watched as one. */
export interface CollectionPath {
  readonly kind: KubernetesKind;
  /** `crd.projectcalico.org`; empty for the core. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  /** One object of one namespace. */
  readonly only?: { readonly namespace: string; readonly name: string };
}

const CALICO_PLURALS = {
  BGPPeer: "bgppeers",
  BGPConfiguration: "bgpconfigurations",
  BGPFilter: "bgpfilters",
  IPPool: "ippools",
  BlockAffinity: "blockaffinities",
} as const satisfies Partial<Record<KubernetesKind, string>>;

type CalicoKind = keyof typeof CALICO_PLURALS;

function isCalicoKind(kind: KubernetesKind): kind is CalicoKind {
  return Object.hasOwn(CALICO_PLURALS, kind);
}

/** `secret` is `namespace/name`, for the kind Secret only. */
export function collectionPath(kind: KubernetesKind, served: Served, secret?: string): CollectionPath {
  if (isCalicoKind(kind)) {
    const [group, version] = served.calico.split("/") as [string, string];
    return { kind, group, version, plural: CALICO_PLURALS[kind] };
  }
  switch (kind) {
    case "Node":
      return { kind, group: "", version: "v1", plural: "nodes" };
    case "Service":
      return { kind, group: "", version: "v1", plural: "services" };
    case "EndpointSlice":
      return { kind, group: "discovery.k8s.io", version: served.endpointSlices, plural: "endpointslices" };
    case "Secret": {
      const [namespace = "", name = ""] = (secret ?? "").split("/");
      return { kind, group: "", version: "v1", plural: "secrets", only: { namespace, name } };
    }
  }
}

/** Path and fixed part of the query. */
export function pathOf({ group, version, plural, only }: CollectionPath): string {
  const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  if (only === undefined) return `${root}/${plural}`;
  const selector = encodeURIComponent(`metadata.name=${only.name}`);
  return `${root}/namespaces/${encodeURIComponent(only.namespace)}/${plural}?fieldSelector=${selector}`;
}

/** The origin of an object in messages. */
export function originOf({ group, version, plural }: CollectionPath, name: string): string {
  const root = group === "" ? `api/${version}` : `apis/${group}/${version}`;
  const [namespace, own] = name.includes("/") ? (name.split("/") as [string, string]) : [undefined, name];
  return namespace === undefined ? `${root}/${plural}/${own}` : `${root}/namespaces/${namespace}/${plural}/${own}`;
}

/** What a role must say for the collection to be read, in words and as a rule of a (Cluster)Role. */
export function missingRule({ group, plural, only }: CollectionPath): string {
  const names = only === undefined ? "" : `, resourceNames: ["${only.name}"]`;
  const rule = `{apiGroups: ["${group}"], resources: ["${plural}"]${names}, verbs: ["get", "list", "watch"]}`;
  const where = only === undefined ? "a ClusterRole of ours" : `a Role of ours in the namespace ${only.namespace}`;
  return `${where} needs the rule ${rule}`;
}

/**
 * Reads the list of groups (`/apis`). The classic group is used where it is served: an aggregated server may offer the
 * other on top of it.
 */
export function servedBy(groupList: Json, forced: ApiGroup | undefined): Served {
  const versions = new Map<string, readonly string[]>();
  for (const group of list(groupList.groups).map(record))
    versions.set(
      String(group.name),
      list(group.versions).map((version) => String(record(version).version)),
    );
  const isServed = (group: ApiGroup) => versions.get(group.split("/")[0]!)?.includes(group.split("/")[1]!) ?? false;
  const calico = forced ?? API_GROUPS.find(isServed) ?? API_GROUPS[0];
  const slices = versions.get("discovery.k8s.io") ?? [];
  return { calico, endpointSlices: !slices.includes("v1") && slices.includes("v1beta1") ? "v1beta1" : "v1" };
}

/** Which resources the fake serves, and in which versions. */
import type { ApiObject } from "./store.ts";

export interface ResourceType {
  /** Empty for the core. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly isNamespaced: boolean;
  /** Defined by a CustomResourceDefinition: items of a list say their kind. */
  readonly isCustom: boolean;
}

export interface ServedOptions {
  /** Default: the classic group alone. */
  readonly calico?: readonly ("crd.projectcalico.org/v1" | "projectcalico.org/v3")[];
  /** Default: v1. */
  readonly endpointSlices?: readonly ("v1" | "v1beta1")[];
  /** Plurals of Calico's resources that are not defined. */
  readonly missing?: readonly string[];
}

const CALICO = {
  bgppeers: "BGPPeer",
  bgpconfigurations: "BGPConfiguration",
  bgpfilters: "BGPFilter",
  ippools: "IPPool",
  blockaffinities: "BlockAffinity",
} as const;

export function servedTypes(options: ServedOptions): ResourceType[] {
  const { calico = ["crd.projectcalico.org/v1"], endpointSlices = ["v1"], missing = [] } = options;
  const core = { group: "", version: "v1", isCustom: false };
  const slices = { group: "discovery.k8s.io", plural: "endpointslices", kind: "EndpointSlice", isCustom: false };
  return [
    { ...core, plural: "nodes", kind: "Node", isNamespaced: false },
    { ...core, plural: "services", kind: "Service", isNamespaced: true },
    { ...core, plural: "secrets", kind: "Secret", isNamespaced: true },
    ...endpointSlices.map((version) => ({ ...slices, version, isNamespaced: true })),
    ...calico.flatMap((place) => {
      const [group, version] = place.split("/") as [string, string];
      return Object.entries(CALICO)
        .filter(([plural]) => !missing.includes(plural))
        .map(([plural, kind]) => ({ group, version, plural, kind, isNamespaced: false, isCustom: true }));
    }),
  ];
}

/** Objects of all versions of a resource are the same objects. */
export function storeKeyOf({ group, plural }: { readonly group: string; readonly plural: string }): string {
  return `${group}/${plural}`;
}

/** The place of an object in the store, by what it says of itself. */
export function placeOf({ apiVersion, kind }: { readonly apiVersion: string; readonly kind: string }): string {
  const group = apiVersion.includes("/") ? apiVersion.split("/")[0]! : "";
  const plural =
    Object.entries(CALICO).find(([, calico]) => calico === kind)?.[0] ??
    { Node: "nodes", Service: "services", Secret: "secrets", EndpointSlice: "endpointslices" }[kind];
  if (plural === undefined) throw new Error(`The fake has no ${kind}`);
  return storeKeyOf({ group, plural });
}

/** The object as the asked version has it. Slices are kept as v1. */
export function inVersion(type: ResourceType, object: ApiObject): ApiObject {
  const apiVersion = type.group === "" ? type.version : `${type.group}/${type.version}`;
  if (type.kind !== "EndpointSlice" || type.version === "v1") return { ...object, apiVersion };
  const endpoints = (object.endpoints as readonly { readonly nodeName?: string }[]) ?? [];
  return {
    ...object,
    apiVersion,
    endpoints: endpoints.map(({ nodeName, ...endpoint }) => ({
      ...endpoint,
      ...(nodeName === undefined ? {} : { topology: { "kubernetes.io/hostname": nodeName } }),
    })),
  };
}

/** The answer to `/apis`. */
export function groupList(types: readonly ResourceType[]): object {
  const groups = new Map<string, Set<string>>();
  for (const { group, version } of types) {
    if (group === "") continue;
    if (!groups.has(group)) groups.set(group, new Set());
    groups.get(group)!.add(version);
  }
  return {
    kind: "APIGroupList",
    apiVersion: "v1",
    groups: [...groups].map(([name, set]) => {
      const versions = [...set].map((version) => ({ groupVersion: `${name}/${version}`, version }));
      return { name, versions, preferredVersion: versions[0] };
    }),
  };
}

/** What Calico's environment variables say, as those of the calico-node container (calico-bgp.md 2.5, 4.1). */
import type { CalicoVersion, Environment } from "../confgen/compile/input.ts";
import { type EtcdOptions, etcdOptionsFrom, namesEtcd } from "../confgen/datastore/etcd-options.ts";
import { type KubernetesSettings, kubernetesSettings } from "../confgen/datastore/kubernetes-options.ts";

export type Variables = Readonly<Record<string, string | undefined>>;

export type DatastoreChoice =
  | { readonly type: "files"; readonly path: string }
  /** `cluster` is where Services and Secrets are; undefined: there is no Kubernetes. */
  | { readonly type: "etcdv3"; readonly etcd: EtcdOptions; readonly cluster: KubernetesSettings | undefined }
  | { readonly type: "kubernetes"; readonly cluster: KubernetesSettings };

export const DATASTORE_TYPES = ["files", "etcdv3", "kubernetes"] as const;
export type DatastoreType = (typeof DATASTORE_TYPES)[number];

const COMPILED = [
  "CALICO_ROUTER_ID",
  "CALICO_K8S_NODE_REF",
  "CALICO_ADVERTISE_CLUSTER_IPS",
  "USE_POD_CIDR",
  "NAMESPACE",
] as const satisfies readonly (keyof Environment)[];

/** Of what influences the configuration, what is set. USE_POD_CIDR is a variable of the client, so `CALICO_` may stand before it. */
export function compiledEnvironment(variables: Variables): Environment {
  const values: Variables = { ...variables, USE_POD_CIDR: variables.CALICO_USE_POD_CIDR || variables.USE_POD_CIDR };
  return Object.fromEntries(COMPILED.flatMap((name) => (values[name] ? [[name, values[name]]] : [])));
}

/** Throws an Error with the variable that is wrong or missing. `type` and `path` go before what the environment says. */
export function datastoreChoice(
  variables: Variables,
  type: DatastoreType | undefined,
  path: string | undefined,
): DatastoreChoice {
  switch (type ?? datastoreType(variables)) {
    case "files":
      if (!path) throw new Error("The datastore `files` needs a folder: say --datastore-path DIR");
      return { type: "files", path };
    case "kubernetes":
      return { type: "kubernetes", cluster: kubernetesSettings(variables) };
    case "etcdv3": {
      const parsed = etcdOptionsFrom(variables);
      if (!parsed.ok) throw new Error(parsed.problems.join("\n"));
      const cluster = kubernetesSettings(variables);
      const isNamed = cluster.kubeconfig ?? cluster.endpoint ?? cluster.inCluster;
      return { type: "etcdv3", etcd: parsed.options, cluster: isNamed === undefined ? undefined : cluster };
    }
  }
}

/** Unset, it is etcd where the environment says where that is. */
function datastoreType(variables: Variables): DatastoreType {
  const text = variables.CALICO_DATASTORE_TYPE || variables.DATASTORE_TYPE;
  if (!text) return namesEtcd(variables) ? "etcdv3" : "kubernetes";
  const type = DATASTORE_TYPES.find((known) => known === text);
  if (type === undefined) throw new Error(`DATASTORE_TYPE: "${text}" is none of ${DATASTORE_TYPES.join(", ")}`);
  return type;
}

/**
 * The node's name: NODENAME, else the file that Calico's startup wrote, else HOSTNAME, else the host's own name in small
 * letters.
 */
export function nodeName(variables: Variables, written: string | undefined, hostName: string): string {
  const name = variables.NODENAME || written?.trim() || variables.HOSTNAME || hostName;
  return variables.NODENAME || written?.trim() ? name.trim() : name.trim().toLowerCase();
}

/** Where Calico's startup writes the node's name. */
export function nodeNameFile(variables: Variables): string {
  return variables.CALICO_NODENAME_FILE || "/var/lib/calico/nodename";
}

/** Felix writes the addresses of local BGP peers below it. */
export function endpointStatusPrefix(variables: Variables): string {
  return variables.CALICO_ENDPOINT_STATUS_PATH_PREFIX || "/var/run/calico";
}

/** The networking backends without BGP: Calico's own image does not start BIRD there. */
export function isWithoutBgp(variables: Variables): boolean {
  return variables.CALICO_NETWORKING_BACKEND === "none" || variables.CALICO_NETWORKING_BACKEND === "vxlan";
}

export const CALICO_VERSIONS = ["3.28", "3.29", "3.30", "3.31", "3.32", "3.33"] as const;

export function calicoVersion(text: (typeof CALICO_VERSIONS)[number]): CalicoVersion {
  return Number(text.slice(2)) as CalicoVersion;
}

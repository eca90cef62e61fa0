/** Calico's datastores as the generator's sources: which, by options and Calico's environment variables; loaded when used. */
import { etcdOptionsFrom, namesEtcd } from "../confgen/datastore/etcd-options.ts";
import { kubernetesSettings } from "../confgen/datastore/kubernetes-options.ts";
import { calicoVariable, type Environment } from "../confgen/environment.ts";
import type { Source } from "../confgen/generator-ports.ts";
import { DATASTORES, type DatastoreType } from "./datastore-type.ts";
import { CliError, EXIT } from "./exit-codes.ts";

export interface SourceOptions {
  readonly datastore: DatastoreType;
  /** Of `files`. */
  readonly path: string | undefined;
  readonly environment: Environment;
}

/** calico-bgp.md 2.5: unset, it is etcd where the environment says where etcd is. Throws where it is none we know. */
export function datastoreType(environment: Environment): DatastoreType {
  const told = calicoVariable(environment, "DATASTORE_TYPE");
  if (!told) return namesEtcd(environment) ? "etcdv3" : "kubernetes";
  const type = DATASTORES.find((each) => each === told);
  if (!type) throw new CliError(EXIT.usage, `DATASTORE_TYPE: "${told}" is none of ${DATASTORES.join(", ")}`);
  return type;
}

/** Where Felix writes which pods may be BGP peers. */
const STATUS_PREFIX = "/var/run/calico";
/** What Calico with etcd still reads from the Kubernetes API. */
const BESIDE_ETCD = ["Service", "EndpointSlice", "Secret"] as const;

export async function openSources(options: SourceOptions): Promise<Source[]> {
  const { openWorkloads } = await import("../io/datastore/workloads.ts");
  const { environment } = options;
  const prefix = environment.CALICO_ENDPOINT_STATUS_PATH_PREFIX || STATUS_PREFIX;
  return [
    ...(await resourceSources(options)),
    { name: "endpoint status files", open: ({ onEvent }) => openWorkloads(prefix, { onEvent }) },
  ];
}

async function resourceSources({ datastore, path, environment }: SourceOptions): Promise<Source[]> {
  switch (datastore) {
    case "files": {
      if (path === undefined)
        throw new CliError(EXIT.usage, "--datastore files needs --datastore-path, a folder or a file");
      const { openFilesDatastore } = await import("../io/datastore/files.ts");
      return [{ name: "files", open: (given) => openFilesDatastore(path, given) }];
    }
    case "kubernetes":
      return [await kubernetesSource(environment)];
    case "etcdv3": {
      const parsed = etcdOptionsFrom(environment);
      if (!parsed.ok) throw new CliError(EXIT.usage, parsed.problems.join("\n"));
      const { openEtcdDatastore } = await import("../io/datastore/etcd/datastore.ts");
      const etcd: Source = { name: "etcdv3", open: (given) => openEtcdDatastore({ ...given, ...parsed.options }) };
      return hasKubernetes(environment) ? [etcd, await kubernetesSource(environment, BESIDE_ETCD)] : [etcd];
    }
  }
}

async function kubernetesSource(environment: Environment, kinds?: typeof BESIDE_ETCD): Promise<Source> {
  const settings = settingsOf(environment);
  const { openKubernetesDatastore } = await import("../io/datastore/kubernetes/datastore.ts");
  return {
    name: "kubernetes",
    open: (given) => openKubernetesDatastore({ ...given, settings, ...(kinds && { kinds }) }),
  };
}

function settingsOf(environment: Environment): ReturnType<typeof kubernetesSettings> {
  try {
    return kubernetesSettings(environment);
  } catch (error) {
    throw new CliError(EXIT.usage, error instanceof Error ? error.message : String(error));
  }
}

function hasKubernetes(environment: Environment): boolean {
  const { kubeconfig, endpoint, inCluster } = settingsOf(environment);
  return kubeconfig !== undefined || endpoint !== undefined || inCluster !== undefined;
}

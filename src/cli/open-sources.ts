/** The datastores that the generator follows, as they are chosen. */
import type { Source } from "../confgen/generator-ports.ts";
import type { DatastoreChoice } from "./calico-environment.ts";

/** What is in Kubernetes also where Calico's own resources are elsewhere. */
const CLUSTER_KINDS = ["Service", "EndpointSlice", "Secret"] as const;

/** Only the clients that are used are loaded. `statusPrefix` is where Felix writes the state of local endpoints. */
export async function openSources(choice: DatastoreChoice, statusPrefix: string): Promise<readonly Source[]> {
  return [...(await resources(choice)), await workloads(statusPrefix)];
}

async function resources(choice: DatastoreChoice): Promise<readonly Source[]> {
  switch (choice.type) {
    case "files": {
      const { openFilesDatastore } = await import("../io/datastore/files.ts");
      return [{ name: choice.path, open: (options) => openFilesDatastore(choice.path, options) }];
    }
    case "kubernetes": {
      const { openKubernetesDatastore } = await import("../io/datastore/kubernetes/datastore.ts");
      const { cluster } = choice;
      return [{ name: "kubernetes", open: (options) => openKubernetesDatastore({ ...options, settings: cluster }) }];
    }
    case "etcdv3": {
      const { openEtcdDatastore } = await import("../io/datastore/etcd/datastore.ts");
      const { etcd, cluster } = choice;
      const own: Source = { name: "etcdv3", open: (options) => openEtcdDatastore({ ...options, ...etcd }) };
      if (cluster === undefined) return [own];
      const { openKubernetesDatastore } = await import("../io/datastore/kubernetes/datastore.ts");
      const settings = { settings: cluster, kinds: CLUSTER_KINDS };
      return [own, { name: "kubernetes", open: (options) => openKubernetesDatastore({ ...options, ...settings }) }];
    }
  }
}

async function workloads(prefix: string): Promise<Source> {
  const { openWorkloads } = await import("../io/datastore/workloads.ts");
  return { name: "endpoint status files", open: (options) => openWorkloads(prefix, options) };
}

import type { ApiGroup } from "../../src/confgen/datastore/kubernetes-api.ts";
import { openKubernetesDatastore } from "../../src/io/datastore/kubernetes/datastore.ts";
import { type DatastoreWorld, datastoreContract } from "../contract/datastore.ts";
import { type FakeOptions, startFakeApiServer } from "./fake-api-server/server.ts";
import { apiObject } from "./kubernetes-forms.ts";

async function fakeWorld(group: ApiGroup, options: FakeOptions): Promise<DatastoreWorld> {
  const fake = await startFakeApiServer({ calico: [group], ...options });
  return {
    open: (given) => openKubernetesDatastore({ ...given, settings: { endpoint: fake.url, insecure: false } }),
    async put(resource) {
      fake.put(apiObject(resource, group));
    },
    async remove(kind, name) {
      const { apiVersion } = apiObject({ kind, metadata: { name } }, group);
      fake.delete(kind, apiVersion, name);
    },
    breakConnection: () => fake.stop(),
    async restore(forget) {
      if (forget) fake.store.compact();
      await fake.start();
    },
    close: () => fake.close(),
  };
}

const WORLDS: readonly (readonly [string, ApiGroup, FakeOptions])[] = [
  ["a server of the classic group", "crd.projectcalico.org/v1", {}],
  [
    "a server of the native group, with v1beta1 slices, and 410 by HTTP",
    "projectcalico.org/v3",
    { endpointSlices: ["v1beta1"], gone: "status" },
  ],
];

for (const [name, group, options] of WORLDS)
  datastoreContract({
    name: `kubernetes: ${name}`,
    hasServices: true,
    hasUnreadable: false,
    world: () => fakeWorld(group, options),
  });

/** The Kubernetes datastore with a real kube-apiserver: in the matrix only, since it must be built first. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { startFaultyProxy } from "../../interop/faulty-proxy.ts";
import { type KubeApiserver, startKubeApiserver, TOKENS } from "../../interop/kube-apiserver/server.ts";
import { requires } from "../../interop/requires.ts";
import type { ApiGroup } from "../../src/confgen/datastore/kubernetes-api.ts";
import type { KubernetesSettings } from "../../src/confgen/datastore/kubernetes-options.ts";
import type { Kind } from "../../src/confgen/resources/model.ts";
import { openKubernetesDatastore } from "../../src/io/datastore/kubernetes/datastore.ts";
import { type DatastoreWorld, datastoreContract, type PlainResource } from "../contract/datastore.ts";
import { createRecorder } from "../contract/datastore-recorder.ts";
import { NODE, peer, secret } from "../contract/datastore-resources.ts";
import { inVersion } from "../datastore/fake-api-server/resources.ts";
import { apiObject } from "../datastore/kubernetes-forms.ts";

let server: KubeApiserver;

/** The path of the collection that holds an object. */
function collectionOf(kind: Kind, namespace: string | undefined, group: ApiGroup): string {
  switch (kind) {
    case "Node":
      return "/api/v1/nodes";
    case "Service":
      return `/api/v1/namespaces/${namespace}/services`;
    case "Secret":
      return `/api/v1/namespaces/${namespace}/secrets`;
    case "EndpointSlice":
      return `/apis/discovery.k8s.io/v1beta1/namespaces/${namespace}/endpointslices`;
    default:
      return `/apis/${group}/${PLURALS[kind]}`;
  }
}

const PLURALS: Partial<Record<Kind, string>> = {
  BGPPeer: "bgppeers",
  BGPConfiguration: "bgpconfigurations",
  BGPFilter: "bgpfilters",
  IPPool: "ippools",
  BlockAffinity: "blockaffinities",
};

const SLICES = {
  group: "discovery.k8s.io",
  version: "v1beta1",
  plural: "endpointslices",
  kind: "EndpointSlice",
  isNamespaced: true,
  isCustom: false,
};

async function put(resource: PlainResource, group: ApiGroup): Promise<void> {
  const object = apiObject(resource, group);
  const { kind, metadata } = resource;
  const sent = kind === "EndpointSlice" ? inVersion(SLICES, object) : object;
  await server.put(collectionOf(kind, metadata.namespace, group), sent as typeof object);
}

/** Everything that tests have made is gone; what the server has of its own stays. */
async function empty(group: ApiGroup): Promise<void> {
  for (const kind of [...Object.keys(PLURALS), "Node"] as Kind[])
    await server.removeAll(collectionOf(kind, undefined, group));
  await server.remove("/api/v1/namespaces/default/services/web");
  await server.remove("/apis/discovery.k8s.io/v1beta1/namespaces/default/endpointslices/web-1");
  for (const name of ["bgp", "other"]) await server.remove(`/api/v1/namespaces/kube-system/secrets/${name}`);
}

async function world(group: ApiGroup, settings: Partial<KubernetesSettings>): Promise<DatastoreWorld> {
  await empty(group);
  const proxy = await startFaultyProxy(server.port);
  return {
    open: (options) =>
      openKubernetesDatastore({
        ...options,
        settings: {
          endpoint: `https://127.0.0.1:${proxy.port}`,
          caFile: server.caFile,
          insecure: false,
          apiGroup: group,
          ...settings,
        },
      }),
    put: (resource) => put(resource, group),
    async remove(kind, name) {
      const [own, namespace] = name.split("/").reverse() as [string, string | undefined];
      await server.remove(`${collectionOf(kind, namespace, group)}/${own}`);
    },
    breakConnection: () => proxy.refuse(),
    async restore(forget) {
      if (forget) await server.forget();
      await proxy.forward();
    },
    close: () => proxy.close(),
  };
}

if (process.env.INTEROP_MATRIX === "1") {
  const skip = await requires("debian-packages", "kube-apiserver");
  before(async () => {
    if (skip === false) server = await startKubeApiserver();
  });
  after(() => server?.close());

  const token = TOKENS["calico-node"];
  datastoreContract({
    name: "a real kube-apiserver, the classic group, by token",
    world: () => world("crd.projectcalico.org/v1", { token }),
    hasServices: true,
    hasUnreadable: false,
    many: 1000,
    skip,
  });
  datastoreContract({
    name: "a real kube-apiserver, the native group, by token",
    world: () => world("projectcalico.org/v3", { token }),
    hasServices: true,
    hasUnreadable: false,
    many: 1000,
    skip,
  });

  describe("a real kube-apiserver", () => {
    test("a client certificate is accepted, and its user's roles hold", { skip }, async () => {
      const [certificateFile, keyFile] = ["client.crt", "client.key"].map((name) => join(server.folder, name)) as [
        string,
        string,
      ];
      const issued = server.authority.issue({ commonName: "calico-node" });
      await writeFile(certificateFile, issued.certificate);
      await writeFile(keyFile, issued.key);
      const own = await world("crd.projectcalico.org/v1", { certificateFile, keyFile });
      const said = createRecorder();
      await own.put(peer("tor-a"));
      const datastore = await own.open({ node: NODE, podCidrs: false, onEvent: said.onEvent });
      await said.until("the first sync", () => said.synced() !== undefined);
      assert.ok(said.view.has("BGPPeer/tor-a"));
      await datastore.close();
      await own.close();
    });

    test("a role without a rule is told which one it needs", { skip }, async () => {
      const own = await world("crd.projectcalico.org/v1", { token: TOKENS["half-a-node"] });
      const said = createRecorder();
      const datastore = await own.open({ node: NODE, podCidrs: false, onEvent: said.onEvent });
      await said.until("it fails", () => said.status()?.state === "failing");
      const status = said.status();
      assert.ok(status?.state === "failing");
      assert.match(status.reason, /User "half-a-node" cannot list resource "bgpfilters"/);
      assert.match(
        status.reason,
        /rule \{apiGroups: \["crd.projectcalico.org"\], resources: \["bgpfilters"\], verbs: \["get", "list", "watch"\]\}/,
      );
      await datastore.close();
      await own.close();
    });

    test("a Secret that may not be read is given with its fault", { skip }, async () => {
      const own = await world("crd.projectcalico.org/v1", { token });
      await own.put(secret("bgp", "YQ=="));
      const said = createRecorder();
      const datastore = await own.open({ node: NODE, podCidrs: false, onEvent: said.onEvent });
      const wanted = { secrets: ["kube-system/bgp", "kube-system/hidden"], services: false };
      datastore.want(wanted);
      await said.until("synced", () => said.synced() === wanted);
      assert.deepEqual(said.view.get("Secret/kube-system/bgp")?.object?.data, { password: "YQ==" });
      assert.match(said.view.get("Secret/kube-system/hidden")?.fault ?? "", /resourceNames: \["hidden"\]/);
      await datastore.close();
      await own.close();
    });

    test("an unknown token is told to be the cause", { skip }, async () => {
      const own = await world("crd.projectcalico.org/v1", { token: "of-nobody" });
      const said = createRecorder();
      const datastore = await own.open({ node: NODE, podCidrs: false, onEvent: said.onEvent });
      await said.until("it fails", () => said.status()?.state === "failing");
      const status = said.status();
      assert.match(status?.state === "failing" ? status.reason : "", /does not accept the token \(401 Unauthorized\)/);
      await datastore.close();
      await own.close();
    });
  });
}

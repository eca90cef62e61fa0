/** The contract suite's world over a real etcd, and what other tests of the etcd datastore share. */
import type { EtcdServer } from "../../interop/etcd-server.ts";
import { type FaultyProxy, startFaultyProxy } from "../../interop/faulty-proxy.ts";
import type { DatastoreOptions } from "../../src/confgen/datastore/datastore.ts";
import type { EtcdOptions } from "../../src/confgen/datastore/etcd-options.ts";
import type { Kind } from "../../src/confgen/resources/model.ts";
import { openEtcdDatastore } from "../../src/io/datastore/etcd/datastore.ts";
import type { EtcdTuning } from "../../src/io/datastore/etcd/tuning.ts";
import type { DatastoreWorld, PlainResource } from "../contract/datastore.ts";

const RESOURCES = "/calico/resources/v3/projectcalico.org";
const PLURALS: { readonly [K in Kind]?: string } = {
  Node: "nodes",
  BGPPeer: "bgppeers",
  BGPConfiguration: "bgpconfigurations",
  BGPFilter: "bgpfilters",
  IPPool: "ippools",
};

/** Faults are found and repaired as fast as a test may run; a request still has all the time that a busy machine takes. */
export const FAST: Partial<EtcdTuning> = {
  backoffLeastMs: 10,
  backoffMostMs: 100,
  keepaliveMs: 200,
  keepaliveTimeoutMs: 3000,
  pageKeys: 700,
};

export interface EtcdWorld extends DatastoreWorld {
  readonly server: EtcdServer;
  readonly proxy: FaultyProxy;
  /** Of the proxy. */
  readonly url: string;
}

/** All resources of the server are removed first, so one server serves many worlds in turn. */
export async function etcdWorld(
  server: EtcdServer,
  credentials: Partial<EtcdOptions> = {},
  tuning: Partial<EtcdTuning> = {},
): Promise<EtcdWorld> {
  await server.removeAll("/calico/");
  const proxy = await startFaultyProxy(server.port);
  const url = `${server.files === undefined ? "http" : "https"}://127.0.0.1:${proxy.port}`;
  const { caFile, certFile, keyFile } = server.files ?? {};
  const files = caFile === undefined ? {} : { caFile, certFile: certFile!, keyFile: keyFile! };
  const put = (resource: PlainResource) => server.put(...pairOf(resource));
  return {
    server,
    proxy,
    url,
    open: (options: DatastoreOptions) =>
      openEtcdDatastore({ ...options, endpoints: [url], ...files, ...credentials }, { ...FAST, ...tuning }),
    put,
    putAll: (resources) => server.putAll(resources.map(pairOf)),
    putUnreadable: (name) => server.put(`${RESOURCES}/bgppeers/${name}`, "{no JSON"),
    remove: (kind, name) => server.remove(`${RESOURCES}/${PLURALS[kind]}/${name}`),
    breakConnection: () => proxy.refuse(),
    async restore(forget) {
      if (forget) await server.compact();
      await proxy.forward();
    },
    close: () => proxy.close(),
  };
}

export function pairOf(resource: PlainResource): readonly [string, string] {
  const { kind, metadata } = resource;
  if (kind === "BlockAffinity") {
    const { cidr, node, ...value } = resource.spec as { readonly cidr: string; readonly node: string };
    const family = cidr.includes(":") ? "ipv6" : "ipv4";
    return [`/calico/ipam/v2/host/${node}/${family}/block/${cidr.replace("/", "-")}`, JSON.stringify(value)];
  }
  return [`${RESOURCES}/${PLURALS[kind]}/${metadata.name}`, JSON.stringify(resource)];
}

/** The user calico, who may read what a node reads, and no more. */
export async function addReader(server: EtcdServer): Promise<void> {
  await server.call("/v3/auth/role/add", { name: "reader" });
  const [key, range_end] = ["/calico/", "/calico0"].map((text) => Buffer.from(text).toString("base64"));
  await server.call("/v3/auth/role/grant", { name: "reader", perm: { permType: "READ", key, range_end } });
  await server.call("/v3/auth/user/add", { name: "calico", password: "secret" });
  await server.call("/v3/auth/user/grant", { user: "calico", role: "reader" });
}

import { after, before } from "node:test";
import { type EtcdServer, startEtcd } from "../../interop/etcd-server.ts";
import { requires } from "../../interop/requires.ts";
import { datastoreContract } from "../contract/datastore.ts";
import { etcdWorld } from "./etcd-world.ts";

const skip = await requires("debian-packages");

let plain: EtcdServer;
let secured: EtcdServer;

before(async () => {
  if (skip !== false) return;
  [plain, secured] = await Promise.all([startEtcd(), startEtcd({ tls: true, rootPassword: "r00t" })]);
  await addReader(secured);
});
after(() => Promise.all([plain?.close(), secured?.close()]));

/** A user that may read what a node reads, and no more. */
async function addReader(server: EtcdServer): Promise<void> {
  await server.call("/v3/auth/role/add", { name: "reader" });
  const [key, range_end] = ["/calico/", "/calico0"].map((text) => Buffer.from(text).toString("base64"));
  await server.call("/v3/auth/role/grant", { name: "reader", perm: { permType: "READ", key, range_end } });
  await server.call("/v3/auth/user/add", { name: "calico", password: "secret" });
  await server.call("/v3/auth/user/grant", { user: "calico", role: "reader" });
}

datastoreContract({ name: "etcd", world: () => etcdWorld(plain), hasServices: false, skip });
datastoreContract({
  name: "etcd with TLS and users",
  world: () => etcdWorld(secured, { username: "calico", password: "secret" }),
  hasServices: false,
  skip,
});

import { after, before } from "node:test";
import { type EtcdServer, startEtcd } from "../../interop/etcd-server.ts";
import { requires } from "../../interop/requires.ts";
import { datastoreContract } from "../contract/datastore.ts";
import { addReader, etcdWorld } from "./etcd-world.ts";

const skip = await requires("debian-packages");

let plain: EtcdServer;
let secured: EtcdServer;

before(async () => {
  if (skip !== false) return;
  [plain, secured] = await Promise.all([startEtcd(), startEtcd({ tls: true, rootPassword: "r00t" })]);
  await addReader(secured);
});
after(() => Promise.all([plain?.close(), secured?.close()]));

datastoreContract({ name: "etcd", world: () => etcdWorld(plain), hasServices: false, skip });
datastoreContract({
  name: "etcd with TLS and users",
  world: () => etcdWorld(secured, { username: "calico", password: "secret" }),
  hasServices: false,
  skip,
});

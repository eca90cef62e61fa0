/** `calidris node` over a real etcd with TLS and a user: what happens to either, end to end. */
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { CertificateRequest, Issued } from "../../interop/certificates.ts";
import { type EtcdServer, startEtcdCluster, writeIssued } from "../../interop/etcd-server.ts";
import { type FaultyProxy, startFaultyProxy } from "../../interop/faulty-proxy.ts";
import { requires } from "../../interop/requires.ts";
import { addReader, pairOf } from "../datastore/etcd-world.ts";
import { ADDRESSES, block, type Far, RESOURCES, startFar, startNode, type World } from "./fault-world.ts";
import { type Fault, survives } from "./faults.ts";
import { enterOwnNetwork } from "./own-network.ts";

const skip = await requires("netns", "debian-packages");
if (!skip) await enterOwnNetwork(fileURLToPath(import.meta.url), ADDRESSES, ["etcd"]);

const HOUR_MS = 3600_000;
const PAST = { validFrom: new Date(Date.now() - 48 * HOUR_MS), validTo: new Date(Date.now() - 24 * HOUR_MS) };
const NAMES = ["127.0.0.1", "localhost"];
const SECRET = "secret";

describe("calidris node over etcd", { skip }, () => {
  let cluster: readonly EtcdServer[];
  /** The member that the node knows. */
  let server: EtcdServer;
  let proxy: FaultyProxy;
  let far: Far;
  let node: World;
  let blocks = 0;
  before(async () => {
    cluster = await startEtcdCluster(3, { tls: true, rootPassword: "root-password" });
    server = cluster[0]!;
    await addReader(server);
    proxy = await startFaultyProxy(server.port);
    await server.putAll(RESOURCES.map(pairOf));
    far = await startFar();
    const { caFile, certFile, keyFile } = server.files!;
    node = await startNode(far, {
      datastore: ["--datastore", "etcdv3"],
      env: {
        ETCD_ENDPOINTS: `https://127.0.0.1:${proxy.port}`,
        ETCD_CA_CERT_FILE: caFile,
        ETCD_CERT_FILE: certFile,
        ETCD_KEY_FILE: keyFile,
        ETCD_USERNAME: "calico",
        ETCD_PASSWORD: SECRET,
      },
    });
    await node.established();
    await node.untilWritten("10.244.0.0/26");
  });
  after(async () => {
    await node?.close();
    await far?.close();
    await proxy?.close();
    for (const member of cluster ?? []) await member.close();
  });

  const others = (run: (member: EtcdServer) => Promise<void>) =>
    Promise.all(cluster.slice(1).map(run)).then(() => undefined);

  /** Returns what the files then hold. */
  async function change(): Promise<string> {
    const next = block(++blocks);
    await server.put(...pairOf(next));
    return `10.244.${blocks}.0/26`;
  }

  /** Serves with another certificate from now on. */
  async function serveWith(issued: Issued, unchecked: boolean): Promise<void> {
    await server.stop();
    await server.serveWith(issued);
    // With one that has expired the server cannot talk to itself, so nobody waits for its health.
    await server.start({ unchecked });
  }
  const issue = (request: Partial<CertificateRequest>) => server.files!.authority.issue({ commonName: "", ...request });
  const ours = () => ({ cert: server.files!.certFile, key: server.files!.keyFile });

  const faults: readonly Fault[] = [
    {
      name: "a restart",
      begin: () => server.stop(),
      says: /connection was lost|connection refused|closed the connection/,
      async end() {
        await server.start();
        return change();
      },
    },
    {
      name: "changes while it cannot be reached, and a history that is gone by then",
      begin: () => proxy.refuse(),
      says: /: connection refused$/,
      async end() {
        const text = await change();
        await server.compact();
        await proxy.forward();
        return text;
      },
    },
    {
      name: "a connection of which nothing is left but our end",
      begin: () => proxy.fallSilent(),
      says: /no answer within|no sign of life/,
      async end() {
        const text = await change();
        await proxy.forward();
        return text;
      },
    },
    {
      name: "one octet at a time",
      begin: () => proxy.slowDown(1),
      says: undefined,
      async end() {
        const text = await change();
        await node.untilWritten(text);
        proxy.slowDown(undefined);
        return text;
      },
    },
    {
      name: "the server's certificate expires",
      begin: () => serveWith(issue({ names: NAMES, ...PAST }), true),
      says: /the server's certificate has expired on \d{4}-\d\d-\d\dT/,
      async end() {
        await serveWith(issue({ names: NAMES }), false);
        return change();
      },
    },
    {
      name: "our certificate expires",
      async begin() {
        await writeIssued(ours(), issue({ commonName: "calico", ...PAST }));
        proxy.cut();
      },
      says: /our certificate \S+client\.crt has expired on \d{4}-/,
      async end() {
        await writeIssued(ours(), issue({ commonName: "calico" }));
        return change();
      },
    },
    {
      name: "another password",
      async begin() {
        await server.call("/v3/auth/user/changepw", { name: "calico", password: "another" });
        proxy.cut();
      },
      says: /the user name calico or its password is wrong/,
      async end() {
        await server.call("/v3/auth/user/changepw", { name: "calico", password: SECRET });
        return change();
      },
    },
    {
      name: "a permission that is taken away",
      async begin() {
        await server.call("/v3/auth/user/revoke", { name: "calico", role: "reader" });
        proxy.cut();
      },
      says: /permission denied: user calico may not (read|watch) \/calico\//,
      async end() {
        await server.call("/v3/auth/user/grant", { user: "calico", role: "reader" });
        return change();
      },
    },
    {
      name: "no leader",
      begin: () => others(({ stop }) => stop()),
      says: /no leader/,
      async end() {
        await others(({ start }) => start());
        return change();
      },
    },
  ];
  for (const fault of faults) test(fault.name, { timeout: 120_000 }, () => survives(node, fault, [SECRET]));
});

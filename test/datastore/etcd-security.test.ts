/** Certificates, users and permissions: what an operator is told, and that state stays until it is put right. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createAuthority } from "../../interop/certificates.ts";
import { type EtcdServer, startEtcd, writeIssued } from "../../interop/etcd-server.ts";
import { requires } from "../../interop/requires.ts";
import type { Datastore } from "../../src/confgen/datastore/datastore.ts";
import type { EtcdOptions } from "../../src/confgen/datastore/etcd-options.ts";
import { openEtcdDatastore } from "../../src/io/datastore/etcd/datastore.ts";
import { createRecorder, type Recorder } from "../contract/datastore-recorder.ts";
import { NODE, peer } from "../contract/datastore-resources.ts";
import { addReader, type EtcdWorld, etcdWorld, FAST, pairOf } from "./etcd-world.ts";

const skip = await requires("debian-packages");

const HOUR_MS = 3600_000;
const PAST = { validFrom: new Date(Date.now() - 48 * HOUR_MS), validTo: new Date(Date.now() - 24 * HOUR_MS) };
const EXPIRED_ON = new Date(Math.floor(PAST.validTo.getTime() / 1000) * 1000).toISOString();

function reasonOf(said: Recorder): string {
  const status = said.status();
  return status?.state === "failing" ? status.reason : "";
}

async function opened(
  options: EtcdOptions,
  body: (said: Recorder, datastore: Datastore) => Promise<void>,
): Promise<void> {
  const said = createRecorder();
  const datastore = openEtcdDatastore({ ...options, node: NODE, podCidrs: false, onEvent: said.onEvent }, FAST);
  try {
    await body(said, datastore);
  } finally {
    await datastore.close();
  }
}

describe("TLS", { skip }, () => {
  let server: EtcdServer;
  const names = ["127.0.0.1", "localhost"];
  before(async () => {
    server = await startEtcd({ tls: true });
  });
  after(() => server?.close());
  const files = () => {
    const { caFile, certFile, keyFile } = server.files!;
    return { endpoints: [server.url], caFile, certFile, keyFile };
  };
  const says = (said: Recorder, reason: RegExp) =>
    said.until(`the reason ${reason}`, () => reason.test(reasonOf(said)));
  const connects = (said: Recorder) => said.until("connected", () => said.status()?.state === "connected");
  /** With this certificate from now on. */
  async function serve(issued: Parameters<EtcdServer["serveWith"]>[0]): Promise<void> {
    await server.stop();
    await server.serveWith(issued);
    await server.start();
  }
  const goodCertificate = () => server.files!.authority.issue({ commonName: "", names });

  test("an address and a name are both checked against the certificate, without a warning of Node's", async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    process.on("warning", note);
    try {
      for (const host of ["127.0.0.1", "localhost"])
        await opened({ ...files(), endpoints: [`https://${host}:${server.port}`] }, connects);
    } finally {
      process.off("warning", note);
    }
    assert.deepEqual(warnings, []);
  });

  test("a server's certificate that expires is named with its date at the next connection, and what was given stays", async () => {
    await server.put(...pairOf(peer("stays")));
    await opened(files(), async (said) => {
      await connects(said);
      const since = said.events.length;
      // The server cannot talk to itself then, so nobody waits for its health.
      await server.stop();
      await server.serveWith(server.files!.authority.issue({ commonName: "", names, ...PAST }));
      await server.start({ unchecked: true });
      await says(said, new RegExp(`the server's certificate has expired on ${EXPIRED_ON}`));
      assert.ok(said.view.has("BGPPeer/stays"));
      await serve(goodCertificate());
      await connects(said);
      assert.deepEqual(said.saidOf("BGPPeer", "stays", since), []);
    });
  });

  test("a server of another authority is not trusted, and the issuer is named", async () => {
    const foreign = join(server.folder, "foreign.crt");
    await writeFile(foreign, createAuthority("somebody else").certificate);
    await opened({ ...files(), caFile: foreign }, (said) =>
      says(said, /not trusted: its issuer of CN=etcd laboratory is not in ETCD_CA_CERT_FILE/),
    );
  });

  test("without a CA the variable that names one is said", async () => {
    const { caFile: _, ...others } = files();
    await opened(others, (said) => says(said, /its issuer of CN=etcd laboratory is .*: set ETCD_CA_CERT_FILE/));
  });

  test("a certificate for another host names the hosts that it is for", async () => {
    await serve(server.files!.authority.issue({ commonName: "", names: ["127.0.0.1", "etcd.example.org"] }));
    await opened({ ...files(), endpoints: [`https://localhost:${server.port}`] }, (said) =>
      says(said, /not for localhost, but for IP Address:127\.0\.0\.1, DNS:etcd\.example\.org/),
    );
    await serve(goodCertificate());
  });

  test("a missing certificate of ours is what the server is said to ask for", async () => {
    const { caFile } = server.files!;
    await opened({ endpoints: [server.url], caFile }, (said) =>
      says(said, /the server refused our certificate: none is configured \(ETCD_CERT_FILE, ETCD_KEY_FILE\)/),
    );
  });

  test("our certificate is read again for each connection: an expired one is named until it is renewed", async () => {
    const own = { cert: join(server.folder, "own.crt"), key: join(server.folder, "own.key") };
    await writeIssued(own, server.files!.authority.issue({ commonName: "calico", ...PAST }));
    await opened({ ...files(), certFile: own.cert, keyFile: own.key }, async (said) => {
      await says(said, new RegExp(`our certificate ${own.cert} has expired on ${EXPIRED_ON}`));
      await writeIssued(own, server.files!.authority.issue({ commonName: "calico" }));
      await connects(said);
    });
  });

  test("our certificate of an authority that the server does not know is named with its issuer", async () => {
    const own = { cert: join(server.folder, "own.crt"), key: join(server.folder, "own.key") };
    await writeIssued(own, createAuthority("somebody else").issue({ commonName: "calico" }));
    await opened({ ...files(), certFile: own.cert, keyFile: own.key }, (said) =>
      says(said, /refused our certificate .*own\.crt \(CN=calico, issued by CN=somebody else\)/),
    );
  });

  test("a file that cannot be read, or is no certificate, is named", async () => {
    await opened({ ...files(), caFile: "/nowhere/ca.crt" }, (said) =>
      says(said, /cannot read \/nowhere\/ca\.crt of ETCD_CA_CERT_FILE: there is none/),
    );
    const broken = join(server.folder, "broken.crt");
    await writeFile(broken, "no certificate");
    await opened({ ...files(), certFile: broken }, (said) =>
      says(said, /broken\.crt of ETCD_CERT_FILE holds nothing in PEM/),
    );
    await opened({ ...files(), keyFile: join(server.folder, "server.key") }, (said) =>
      says(said, /the key \S+server\.key \(ETCD_KEY_FILE\) is not that of \S+client\.crt \(ETCD_CERT_FILE\)/),
    );
  });

  test("http to a server of https, and https to one of http, are told apart", async () => {
    await opened({ endpoints: [`http://127.0.0.1:${server.port}`] }, (said) => says(said, /it may expect https/));
    const plain = await startEtcd();
    const endpoints = [`https://127.0.0.1:${plain.port}`];
    await opened({ ...files(), endpoints }, (said) =>
      says(said, /the server speaks no TLS: it may expect http$/),
    ).finally(plain.close);
  });
});

describe("users", { skip }, () => {
  let server: EtcdServer;
  const user = { username: "calico", password: "secret" };
  before(async () => {
    server = await startEtcd({ rootPassword: "r00t" });
    await addReader(server);
  });
  after(() => server?.close());
  const says = (said: Recorder, reason: RegExp) =>
    said.until(`the reason ${reason}`, () => reason.test(reasonOf(said)));

  /** A datastore of that user that is connected, through a proxy. */
  async function following(body: (world: EtcdWorld, said: Recorder) => Promise<void>): Promise<void> {
    const world = await etcdWorld(server, user);
    try {
      await world.put(peer("stays"));
      const said = createRecorder();
      const datastore = await world.open({ node: NODE, podCidrs: false, onEvent: said.onEvent });
      try {
        await said.until("connected", () => said.status()?.state === "connected");
        await body(world, said);
      } finally {
        await datastore.close();
      }
    } finally {
      await world.close();
    }
  }

  test("a wrong password is said, and the user it is of", async () => {
    await opened({ endpoints: [server.url], ...user, password: "wrong" }, (said) =>
      says(said, /the user name calico or its password is wrong \(ETCD_USERNAME, ETCD_PASSWORD\)$/),
    );
  });

  test("a server that asks for a user says how to name one", async () => {
    await opened({ endpoints: [server.url] }, (said) =>
      says(said, /asks for a user name and a password \(ETCD_USERNAME/),
    );
  });

  test("a permission that is revoked is said with the keys; the state stays, and changes follow when it is granted", async () => {
    await following(async (world, said) => {
      const since = said.events.length;
      const range = { key: base64("/calico/"), range_end: base64("/calico0") };
      await server.call("/v3/auth/role/revoke", { role: "reader", ...range });
      world.proxy.cut();
      await says(
        said,
        /permission denied: user calico may not (read|watch) \/calico\/resources\/v3\/projectcalico\.org\/nodes\//,
      );
      assert.ok(said.view.has("BGPPeer/stays"));
      await world.put(peer("comes"));
      await server.call("/v3/auth/role/grant", { name: "reader", perm: { permType: "READ", ...range } });
      await said.until("the change", () => said.view.has("BGPPeer/comes"));
      await said.until("connected again", () => said.status()?.state === "connected");
      assert.deepEqual(said.saidOf("BGPPeer", "stays", since), []);
    });
  });

  test("a password that is changed ends nothing that runs, and the new one is needed at the next connection", async () => {
    await following(async (world, said) => {
      await server.call("/v3/auth/user/changepw", { name: "calico", password: "other" });
      await world.put(peer("a"));
      await said.until("it goes on", () => said.view.has("BGPPeer/a"));
      world.proxy.cut();
      await says(said, /its password is wrong/);
      await server.call("/v3/auth/user/changepw", { name: "calico", password: user.password });
      await said.until("connected again", () => said.status()?.state === "connected");
    });
  });

  test("a user who is configured before authentication is switched on is no hindrance", async () => {
    const open = await startEtcd();
    await opened({ endpoints: [open.url], ...user }, (said) =>
      said.until("connected", () => said.status()?.state === "connected"),
    ).finally(open.close);
  });
});

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

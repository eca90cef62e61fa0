/** `calidris node` over an API server in trouble, end to end. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type CertificateRequest, createAuthority } from "../../interop/certificates.ts";
import { requires } from "../../interop/requires.ts";
import { type FakeApiServer, type Seen, startFakeApiServer } from "../datastore/fake-api-server/server.ts";
import { apiObject } from "../datastore/kubernetes-forms.ts";
import { ADDRESSES, block, type Far, RESOURCES, startFar, startNode, type World } from "./fault-world.ts";
import { type Fault, survives } from "./faults.ts";
import { enterOwnNetwork } from "./own-network.ts";

const skip = await requires("netns");
if (!skip) await enterOwnNetwork(fileURLToPath(import.meta.url), ADDRESSES);

const HOUR_MS = 3600_000;
const PAST = { validFrom: new Date(Date.now() - 48 * HOUR_MS), validTo: new Date(Date.now() - 24 * HOUR_MS) };
const FUTURE = { validFrom: new Date(Date.now() + 2 * HOUR_MS), validTo: new Date(Date.now() + 24 * HOUR_MS) };
const TOKEN = "token-of-calico-node";

const isPeers = ({ plural }: Seen) => plural === "bgppeers";
const status = (code: number, reason: string, message: string) => ({ kind: "status", code, reason, message }) as const;

describe("calidris node over the Kubernetes API", { skip }, () => {
  const authority = createAuthority("cluster laboratory");
  const issue = (validity: Partial<CertificateRequest> = {}) => {
    const { certificate, key } = authority.issue({ commonName: "kube-apiserver", names: ["127.0.0.1"], ...validity });
    return { cert: certificate, key };
  };
  const folder = mkdtempSync(join(tmpdir(), "calidris-pem-"));
  const caFile = join(folder, "ca.crt");
  writeFileSync(caFile, authority.certificate);
  let fake: FakeApiServer;
  let far: Far;
  let node: World;
  let blocks = 0;
  before(async () => {
    fake = await startFakeApiServer({
      window: 2,
      gone: "status",
      tls: issue(),
      tokens: new Map([[TOKEN, "calico-node"]]),
    });
    for (const resource of RESOURCES) fake.put(apiObject(resource));
    far = await startFar();
    node = await startNode(far, {
      datastore: ["--datastore", "kubernetes"],
      env: { K8S_API_ENDPOINT: fake.url, K8S_CA_FILE: caFile, K8S_API_TOKEN: TOKEN },
    });
    await node.established();
    await node.untilWritten("10.244.0.0/26");
  });
  after(async () => {
    await node?.close();
    await far?.close();
    await fake?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Returns what the files then hold. */
  function change(): string {
    fake.put(apiObject(block(++blocks)));
    return `10.244.${blocks}.0/26`;
  }
  /** The server comes back with other options; nobody is connected to it. */
  async function restart(options: Parameters<FakeApiServer["change"]>[0]): Promise<void> {
    await fake.stop();
    fake.change(options);
    await fake.start();
  }
  /** From now on requests are answered so; what is open breaks. */
  function trouble(fault: Parameters<FakeApiServer["intercept"]>[0]): void {
    fake.intercept(fault);
    fake.cutConnections();
  }

  const faults: readonly Fault[] = [
    {
      name: "a restart",
      begin: () => fake.stop(),
      says: /Nothing listens at https:\/\/127\.0\.0\.1:\d+/,
      async end() {
        const text = change();
        await fake.start();
        return text;
      },
    },
    {
      name: "410 in a watch, for a history that is gone",
      begin: () => fake.failWatches({ code: 410, reason: "Expired", message: "too old resource version" }),
      says: undefined,
      end: async () => change(),
    },
    {
      name: "410 to a watch, and changes that nobody told",
      begin: () => fake.stop(),
      says: /Nothing listens at https:\/\/127\.0\.0\.1:\d+/,
      async end() {
        const text = [change(), change(), change()].at(-1)!;
        await fake.start();
        return text;
      },
    },
    {
      name: "403",
      begin() {
        fake.change({ isAllowed: ({ plural }) => plural !== "bgppeers" });
        fake.cutConnections();
      },
      says: /403.*a ClusterRole of ours needs the rule .*bgppeers/,
      async end() {
        const text = change();
        fake.change({ isAllowed: () => true });
        return text;
      },
    },
    {
      name: "401",
      begin() {
        fake.change({ tokens: new Map([["another", "calico-node"]]) });
        fake.cutConnections();
      },
      says: /401/,
      async end() {
        const text = change();
        fake.change({ tokens: new Map([[TOKEN, "calico-node"]]) });
        return text;
      },
    },
    {
      name: "500",
      begin: () => trouble(() => status(500, "InternalError", "etcdserver: request timed out")),
      says: /500.*etcdserver: request timed out/,
      async end() {
        const text = change();
        fake.intercept(undefined);
        return text;
      },
    },
    {
      name: "429 of one collection",
      begin: () => trouble((seen) => (isPeers(seen) ? status(429, "TooManyRequests", "slow down") : undefined)),
      says: /429/,
      async end() {
        const text = change();
        fake.intercept(undefined);
        return text;
      },
    },
    {
      name: "a page of something that is no API server",
      begin: () => trouble(() => ({ kind: "page", text: "<html>sign in</html>" })),
      says: /Watches end at once with nothing in them|<html>|no JSON|not JSON/,
      async end() {
        const text = change();
        fake.intercept(undefined);
        return text;
      },
    },
    {
      name: "watches that say nothing, until somebody cuts them",
      begin: () => fake.silence(),
      says: undefined,
      async end() {
        const text = change();
        fake.speak();
        fake.cutConnections();
        return text;
      },
    },
    {
      name: "the server's certificate expires",
      begin: () => restart({ tls: issue(PAST) }),
      says: /has expired \(valid from .*; this machine's clock and the server's agree: the certificate must be renewed$/,
      async end() {
        const text = change();
        await restart({ tls: issue() });
        return text;
      },
    },
    {
      name: "a clock that differs: the server's certificate is not valid yet",
      begin: () => restart({ tls: issue(FUTURE), wallMs: () => Date.now() + 3 * HOUR_MS }),
      says: /is not yet valid .*; the server's clock is 3 hours ahead of this machine's/,
      async end() {
        const text = change();
        await restart({ tls: issue(), wallMs: () => Date.now() });
        return text;
      },
    },
  ];
  for (const fault of faults) test(fault.name, { timeout: 120_000 }, () => survives(node, fault, [TOKEN]));
});

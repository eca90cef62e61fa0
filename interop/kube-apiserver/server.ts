/** A real kube-apiserver over a real etcd, both on loopback, with Calico's resource definitions and users of several roles. */
import { generateKeyPairSync } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import { join } from "node:path";
import { type Authority, createAuthority } from "../certificates.ts";
import { type EtcdServer, freePorts, startEtcd, writeIssued } from "../etcd-server.ts";
import { poll } from "../process.ts";
import { createServerProcess } from "../server-process.ts";
import { kubeApiserverBinary } from "./build.ts";
import { calicoDefinitions, nodeRole, roleBinding, secretRole } from "./definitions.ts";

/** Users by their tokens. */
export const TOKENS = {
  admin: "token-of-admin",
  /** As Calico's manifest has it, and the named Secrets. */
  "calico-node": "token-of-calico-node",
  /** The same without BGPFilters and Secrets. */
  "half-a-node": "token-of-half-a-node",
} as const;

/** The Secrets of kube-system that calico-node may read. */
const READABLE_SECRETS = ["bgp", "other"] as const;

export interface KubeApiserver {
  readonly port: number;
  readonly url: string;
  /** Issued the server's certificate, and those of clients that it believes. */
  readonly authority: Authority;
  /** Below it the server's files; removed by `close`. */
  readonly folder: string;
  readonly caFile: string;
  /** As admin. A path below the server's root. */
  call(method: string, path: string, body?: object): Promise<{ readonly status: number; readonly body: ApiAnswer }>;
  /** Creates, or merges into what is there. `path` is the collection's. */
  put(path: string, object: { readonly metadata: { readonly name: string } }): Promise<void>;
  remove(path: string): Promise<void>;
  /** All objects of a collection. */
  removeAll(path: string): Promise<void>;
  /** The server's history is gone: etcd's is compacted, and the server, which keeps one of its own, starts anew. */
  forget(): Promise<void>;
  stop(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

export type ApiAnswer = Readonly<Record<string, unknown>>;

export async function startKubeApiserver(): Promise<KubeApiserver> {
  const program = await kubeApiserverBinary();
  const server = await createServer(program, await startEtcd());
  try {
    await server.start();
    await prepare(server);
    return server;
  } catch (error) {
    await server.close();
    throw error;
  }
}

async function createServer(program: string, etcd: EtcdServer): Promise<KubeApiserver> {
  const folder = join(etcd.folder, "kube-apiserver");
  const [port] = await freePorts(1);
  const file = (name: string) => join(folder, name);
  await mkdir(folder, { recursive: true });
  const authority = createAuthority("kube-apiserver laboratory");
  await writeFile(file("ca.crt"), authority.certificate);
  const names = ["127.0.0.1", "localhost"];
  const served = { cert: file("server.crt"), key: file("server.key") };
  await writeIssued(served, authority.issue({ commonName: "kube-apiserver", names }));
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  await writeFile(file("accounts.key"), privateKey.export({ type: "pkcs1", format: "pem" }), { mode: 0o600 });
  const users = Object.entries(TOKENS).map(
    ([user, token]) => `${token},${user},${user}${user === "admin" ? ',"system:masters"' : ""}\n`,
  );
  await writeFile(file("tokens.csv"), users.join(""));
  const argv = [
    ...["--etcd-servers", etcd.url, "--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1"],
    ...["--secure-port", String(port), "--insecure-port", "0", "--cert-dir", folder],
    ...["--tls-cert-file", served.cert, "--tls-private-key-file", served.key, "--client-ca-file", file("ca.crt")],
    ...["--token-auth-file", file("tokens.csv"), "--authorization-mode", "RBAC"],
    ...["--service-account-key-file", file("accounts.key"), "--service-account-signing-key-file", file("accounts.key")],
    ...["--service-account-issuer", "https://kubernetes.default.svc", "--service-cluster-ip-range", "10.96.0.0/16"],
    ...["--disable-admission-plugins", "ServiceAccount", "--v", "0"],
  ];
  const agent = new Agent({ keepAlive: true, ca: authority.certificate, maxSockets: 50 });

  function call(method: string, path: string, body?: object) {
    return new Promise<{ readonly status: number; readonly body: ApiAnswer }>((resolve, reject) => {
      const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
      const headers = { authorization: `Bearer ${TOKENS.admin}`, "content-type": type };
      const sent = request({ host: "127.0.0.1", port, path, method, headers, agent });
      sent.once("error", reject);
      sent.once("response", (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
        });
        answer.once("error", reject);
        answer.once("end", () => {
          const isJson = String(answer.headers["content-type"]).startsWith("application/json");
          resolve({ status: answer.statusCode ?? 0, body: isJson ? (JSON.parse(text) as ApiAnswer) : { text } });
        });
      });
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
  /** With the statuses that are no error. */
  async function expect(statuses: readonly number[], method: string, path: string, body?: object): Promise<number> {
    const answer = await call(method, path, body);
    if (statuses.includes(answer.status)) return answer.status;
    throw new Error(`kube-apiserver answered ${answer.status} to ${method} ${path}: ${JSON.stringify(answer.body)}`);
  }
  const server = createServerProcess(`kube-apiserver at port ${port}`, program, argv);
  const start = () => server.start(async () => (await call("GET", "/readyz")).status === 200);

  return {
    port: port!,
    url: `https://127.0.0.1:${port}`,
    authority,
    folder,
    caFile: file("ca.crt"),
    call,
    async put(path, object) {
      const status = await expect([200, 201, 409], "POST", path, object);
      if (status === 409) await expect([200], "PATCH", `${path}/${object.metadata.name}`, object);
    },
    remove: async (path) => void (await expect([200, 202, 404], "DELETE", path)),
    removeAll: async (path) => void (await expect([200], "DELETE", path)),
    async forget() {
      await server.stop();
      await etcd.compact();
      await start();
    },
    stop: server.stop,
    start,
    async close() {
      agent.destroy();
      await server.stop();
      await etcd.close();
    },
  };
}

/** Definitions, roles and users; resolves when every collection can be listed. */
async function prepare(server: KubeApiserver): Promise<void> {
  const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  for (const definition of calicoDefinitions()) await server.put(definitions, definition as Named);
  await server.put(`${rbac}/clusterroles`, nodeRole("calico-node") as Named);
  await server.put(`${rbac}/clusterroles`, nodeRole("half-a-node", ["bgpfilters"]) as Named);
  for (const user of ["calico-node", "half-a-node"])
    await server.put(`${rbac}/clusterrolebindings`, roleBinding(user, user) as Named);
  const [role, binding] = secretRole("kube-system", READABLE_SECRETS, ["calico-node"]) as [Named, Named];
  for (const namespace of ["kube-system", "default"])
    await poll(`the namespace ${namespace}`, async () => {
      return (await server.call("GET", `/api/v1/namespaces/${namespace}`)).status === 200;
    });
  await server.put(`${rbac}/namespaces/kube-system/roles`, role);
  await server.put(`${rbac}/namespaces/kube-system/rolebindings`, binding);
  for (const definition of calicoDefinitions() as readonly Definition[]) {
    const { group, names, versions } = definition.spec;
    const path = `/apis/${group}/${versions[0]!.name}/${names.plural}`;
    await poll(`${path} is served`, async () => (await server.call("GET", path)).status === 200, { everyMs: 50 });
  }
}

interface Named {
  readonly metadata: { readonly name: string };
}

interface Definition {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly plural: string };
    readonly versions: readonly { readonly name: string }[];
  };
}

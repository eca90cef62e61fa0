/** A real etcd on loopback, alone or as a cluster, with TLS and users where wanted. Changed through its JSON gateway. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request as plainRequest } from "node:http";
import { request as secureRequest } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Authority, createAuthority, type Issued } from "./certificates.ts";
import { unpacked } from "./packages.ts";
import { createServerProcess } from "./server-process.ts";

export interface EtcdServerOptions {
  /** Serves by TLS, and only clients with a certificate of the authority. */
  readonly tls?: boolean;
  /** With a password the user root exists and authentication is on. */
  readonly rootPassword?: string;
  readonly flags?: readonly string[];
}

/** Of a server with TLS: PEM files of its authority and of a client. */
export interface EtcdFiles {
  readonly authority: Authority;
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export interface EtcdServer {
  readonly port: number;
  readonly url: string;
  /** A folder of its own, removed by `close`. */
  readonly folder: string;
  readonly files?: EtcdFiles;
  put(key: string, value: string): Promise<void>;
  /** In transactions: many of them have one revision. */
  putAll(pairs: readonly (readonly [key: string, value: string])[]): Promise<void>;
  remove(key: string): Promise<void>;
  removeAll(prefix: string): Promise<void>;
  revision(): Promise<number>;
  /** Forgets all history up to now. */
  compact(): Promise<void>;
  /** Any method of the gateway, as `/v3/auth/user/add`. */
  call(path: string, body: unknown): Promise<Record<string, unknown>>;
  /** Ends the process at once; its data stay. */
  stop(): Promise<void>;
  /** Resolves when it serves; `unchecked` for one that will not. */
  start(options?: { readonly unchecked?: boolean }): Promise<void>;
  /** The process stands still (SIGSTOP), with its connections. */
  freeze(): void;
  thaw(): void;
  /** Serves with another certificate from the next start on. */
  serveWith(issued: Issued): Promise<void>;
  close(): Promise<void>;
}

/** Transactions take 128 operations unless told otherwise. */
const OPERATIONS = 128;

export async function startEtcd(options: EtcdServerOptions = {}): Promise<EtcdServer> {
  const [server] = await startEtcdCluster(1, options);
  return server!;
}

/** Members of one cluster, all up. */
export async function startEtcdCluster(size: number, options: EtcdServerOptions = {}): Promise<readonly EtcdServer[]> {
  const program = join(await unpacked("etcd"), "usr/bin/etcd");
  const ports = await freePorts(size * 2);
  const names = Array.from({ length: size }, (_, at) => `m${at}`);
  const cluster = names.map((name, at) => `${name}=http://127.0.0.1:${ports[size + at]}`).join(",");
  const servers = await Promise.all(
    names.map((name, at) => createServerOf(program, name, ports[at]!, ports[size + at]!, cluster, options)),
  );
  try {
    await Promise.all(servers.map((server) => server.start()));
    if (options.rootPassword !== undefined) await enableUsers(servers[0]!, options.rootPassword);
    return servers;
  } catch (error) {
    await Promise.all(servers.map((server) => server.close()));
    throw error;
  }
}

async function enableUsers(server: EtcdServer, password: string): Promise<void> {
  await server.call("/v3/auth/user/add", { name: "root", password });
  await server.call("/v3/auth/user/grant", { user: "root", role: "root" });
  await server.call("/v3/auth/enable", {});
}

async function createServerOf(
  program: string,
  name: string,
  port: number,
  peerPort: number,
  cluster: string,
  { tls = false, rootPassword, flags = [] }: EtcdServerOptions,
): Promise<EtcdServer> {
  const folder = await mkdtemp(join(tmpdir(), "calidris-etcd-"));
  const url = `${tls ? "https" : "http"}://127.0.0.1:${port}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  const files = tls ? await writeCertificates(folder) : undefined;
  const certificateFiles = { cert: join(folder, "server.crt"), key: join(folder, "server.key") };
  const argv = [
    ...["--name", name, "--data-dir", join(folder, "data"), "--logger", "zap", "--log-level", "error"],
    ...["--listen-client-urls", url, "--advertise-client-urls", url],
    ...["--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl, "--initial-cluster", cluster],
    // Pings may come as often as tests send them; elections are short.
    ...["--grpc-keepalive-min-time", "1ms", "--heartbeat-interval", "50", "--election-timeout", "500"],
    ...(files === undefined ? [] : ["--cert-file", certificateFiles.cert, "--key-file", certificateFiles.key]),
    ...(files === undefined ? [] : ["--client-cert-auth", "--trusted-ca-file", files.caFile]),
    ...flags,
  ];
  // etcd takes a certificate's name for a user, and wants none of its gateway's clients to rely on that.
  const credentials = files && { ca: files.authority.certificate, ...files.authority.issue({ commonName: "" }) };
  let token: string | undefined;

  function send(path: string, body: unknown, method = "POST"): Promise<Record<string, unknown>> {
    const text = method === "GET" ? "" : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const headers = { "content-type": "application/json", ...(token === undefined ? {} : { authorization: token }) };
      const to = { host: "127.0.0.1", port, path, method, headers };
      const sent =
        credentials === undefined
          ? plainRequest(to)
          : secureRequest({ ...to, ca: credentials.ca, cert: credentials.certificate, key: credentials.key });
      sent.once("error", reject);
      sent.once("response", (answer) => {
        let content = "";
        answer.setEncoding("utf8").on("data", (chunk: string) => {
          content += chunk;
        });
        answer.once("error", reject);
        answer.once("end", () => {
          if (answer.statusCode === 200) resolve(JSON.parse(content) as Record<string, unknown>);
          else reject(new Error(`etcd answered ${answer.statusCode} to ${path}: ${content.trim()}`));
        });
      });
      sent.end(text);
    });
  }
  async function call(path: string, body: unknown): Promise<Record<string, unknown>> {
    try {
      return await send(path, body);
    } catch (error) {
      if (
        rootPassword === undefined ||
        !/invalid auth token|user name is empty|auth store is old|permission denied/.test(String(error))
      )
        throw error;
      token = undefined;
      token = String((await send("/v3/auth/authenticate", { name: "root", password: rootPassword })).token);
      return send(path, body);
    }
  }
  const server = createServerProcess(`etcd at ${url}`, program, argv);
  const isHealthy = async () => String((await send("/health", undefined, "GET")).health) === "true";

  return {
    port,
    url,
    folder,
    ...(files === undefined ? {} : { files }),
    put: async (key, value) => void (await call("/v3/kv/put", { key: base64(key), value: base64(value) })),
    async putAll(pairs) {
      for (let at = 0; at < pairs.length; at += OPERATIONS) {
        const puts = pairs.slice(at, at + OPERATIONS).map(([key, value]) => ({
          requestPut: { key: base64(key), value: base64(value) },
        }));
        await call("/v3/kv/txn", { success: puts });
      }
    },
    remove: async (key) => void (await call("/v3/kv/deleterange", { key: base64(key) })),
    removeAll: async (prefix) =>
      void (await call("/v3/kv/deleterange", {
        key: base64(prefix),
        range_end: base64(`${prefix.slice(0, -1)}${String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)}`),
      })),
    revision,
    async compact() {
      await call("/v3/kv/compaction", { revision: String(await revision()), physical: true });
    },
    call,
    stop: server.stop,
    start: ({ unchecked = false } = {}) => server.start(unchecked ? undefined : isHealthy),
    freeze: () => server.signal("SIGSTOP"),
    thaw: () => server.signal("SIGCONT"),
    serveWith: (issued) => writeIssued(certificateFiles, issued),
    async close() {
      await server.stop();
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };

  async function revision(): Promise<number> {
    const answer = await call("/v3/kv/range", { key: base64("/"), count_only: true });
    return Number((answer.header as { readonly revision: string }).revision);
  }
}

async function writeCertificates(folder: string): Promise<EtcdFiles> {
  const authority = createAuthority("etcd laboratory");
  const caFile = join(folder, "ca.crt");
  await writeFile(caFile, authority.certificate);
  const names = ["127.0.0.1", "localhost"];
  await writeIssued(
    { cert: join(folder, "server.crt"), key: join(folder, "server.key") },
    // Its gateway is a client of its own with this certificate, whose name etcd would take for a user.
    authority.issue({ commonName: "", names }),
  );
  const client = { cert: join(folder, "client.crt"), key: join(folder, "client.key") };
  await writeIssued(client, authority.issue({ commonName: "calico" }));
  return { authority, caFile, certFile: client.cert, keyFile: client.key };
}

export async function writeIssued(
  files: { readonly cert: string; readonly key: string },
  issued: Issued,
): Promise<void> {
  await writeFile(files.cert, issued.certificate);
  await writeFile(files.key, issued.key, { mode: 0o600 });
}

/** Free a moment ago: they are all held at once, then given back. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const holders = await Promise.all(
    Array.from({ length: count }, () => {
      const holder = createServer();
      return new Promise<typeof holder>((resolve, reject) => {
        holder.once("error", reject).listen(0, "127.0.0.1", () => resolve(holder));
      });
    }),
  );
  const ports = holders.map((holder) => (holder.address() as { port: number }).port);
  await Promise.all(holders.map((holder) => new Promise((resolve) => holder.close(resolve))));
  return ports;
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

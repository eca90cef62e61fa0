/** How etcd is reached, and the environment variables that say so: those of Calico, each also with `CALICO_` before it. */
import { calicoVariable, type Environment } from "../environment.ts";

export interface EtcdOptions {
  /** URLs, `http://` or `https://`. Empty where `discoverySrv` is there. */
  readonly endpoints: readonly string[];
  /** The domain whose SRV records `_etcd-client-ssl._tcp` and `_etcd-client._tcp` name the endpoints. */
  readonly discoverySrv?: string;
  readonly username?: string;
  readonly password?: string;
  /** PEM files. They are read again for every connection. */
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  /** Which keys are read: the resources of v3, which is the default, or those of v1 and v2 in their place. */
  readonly layout?: "v3" | "v1";
}

export type ParsedEtcdOptions =
  | { readonly ok: true; readonly options: EtcdOptions }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Whether the environment says anything of where etcd is: what an unset DATASTORE_TYPE depends on. */
export function namesEtcd(environment: Environment): boolean {
  return (
    calicoVariable(environment, "ETCD_ENDPOINTS") !== undefined ||
    calicoVariable(environment, "ETCD_DISCOVERY_SRV") !== undefined
  );
}

/** A variable with `CALICO_` before it comes first, as in Calico; an empty one counts as unset. */
export function etcdOptionsFrom(environment: Environment): ParsedEtcdOptions {
  const problems: string[] = [];
  const value = (name: string) => calicoVariable(environment, name);
  const caFile = value("ETCD_CA_CERT_FILE");
  const certFile = value("ETCD_CERT_FILE");
  const keyFile = value("ETCD_KEY_FILE");
  const usesFiles = caFile !== undefined || certFile !== undefined || keyFile !== undefined;
  const listed = splitEndpoints(value("ETCD_ENDPOINTS") ?? "");
  const endpoints = listed.map((text) => {
    const endpoint = parseEndpoint(text, usesFiles);
    if (endpoint === undefined)
      problems.push(
        `ETCD_ENDPOINTS: ${text.replace(/\/\/.*@/, "//…@")} is no URL such as https://10.0.0.1:2379 (http and https are possible)`,
      );
    return endpoint ?? text;
  });
  const discoverySrv = value("ETCD_DISCOVERY_SRV");
  if (discoverySrv === undefined && listed.length === 0)
    problems.push("ETCD_ENDPOINTS names no endpoint of etcd, such as https://10.0.0.1:2379");
  if (discoverySrv !== undefined && listed.length > 0)
    problems.push("ETCD_ENDPOINTS and ETCD_DISCOVERY_SRV both say where etcd is: only one of them may be set");
  if ((certFile === undefined) !== (keyFile === undefined))
    problems.push(
      `ETCD_${certFile === undefined ? "KEY" : "CERT"}_FILE is set without ETCD_${certFile === undefined ? "CERT" : "KEY"}_FILE`,
    );
  const username = value("ETCD_USERNAME");
  const password = value("ETCD_PASSWORD");
  if (username === undefined && password !== undefined) problems.push("ETCD_PASSWORD is set without ETCD_USERNAME");
  if (username !== undefined && password === undefined) problems.push("ETCD_USERNAME is set without ETCD_PASSWORD");
  const layout = environment.CALIDRIS_ETCD_LAYOUT || undefined;
  if (layout !== undefined && layout !== "v3" && layout !== "v1")
    problems.push(`CALIDRIS_ETCD_LAYOUT: "${layout}" is none of v3, v1`);
  if (problems.length > 0) return { ok: false, problems };
  const optional = { discoverySrv, username, password, caFile, certFile, keyFile, layout };
  const given = Object.fromEntries(Object.entries(optional).filter(([, text]) => text !== undefined));
  return { ok: true, options: { endpoints, ...given } };
}

function splitEndpoints(list: string): readonly string[] {
  return list
    .split(",")
    .map((text) => text.trim())
    .filter((text) => text !== "");
}

/**
 * `scheme://host:port`, the port being 2379 where none is said. Without a scheme it is https where certificates are
 * configured. Undefined: no such thing.
 */
export function parseEndpoint(text: string, secure: boolean): string | undefined {
  const withScheme = text.includes("://") ? text : `${secure ? "https" : "http"}://${text}`;
  const parts = /^(https?):\/\/(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?\/?$/i.exec(withScheme);
  if (parts === null) return undefined;
  const port = Number(parts[3] ?? 2379);
  if (port < 1 || port > 65535) return undefined;
  return `${parts[1]!.toLowerCase()}://${parts[2]!.toLowerCase()}:${port}`;
}

/** A server of the Kubernetes API, and how it knows us. */
import { type Json, present, record, textOf } from "./json.ts";

/** A PEM text: in a file, or as it stands in a kubeconfig. */
export type Material = { readonly base64: string } | { readonly file: string };

/** A program that gives credentials (client.authentication.k8s.io). */
export interface ExecPlugin {
  readonly apiVersion: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly installHint?: string;
  /** Given to the program in KUBERNETES_EXEC_INFO, where it asks for it. */
  readonly cluster?: Json;
}

/** A server and how it knows us. */
export interface KubernetesAccess {
  /** `https://host:port`, without a slash at the end. */
  readonly server: string;
  /** Name in the server's certificate, where it is not the host. */
  readonly serverName?: string;
  readonly insecure: boolean;
  readonly ca?: Material;
  readonly certificate?: Material;
  readonly key?: Material;
  readonly token?: string;
  /** Read again as it rotates; goes before `token`. */
  readonly tokenFile?: string;
  readonly exec?: ExecPlugin;
}

/** What an exec plugin gave: an ExecCredential. */
export interface ExecCredential {
  readonly token?: string;
  readonly certificate?: string;
  readonly key?: string;
  /** RFC 3339. */
  readonly expires?: string;
}

/** Reads the output of an exec plugin; throws an Error that says what is wrong with it. */
export function execCredential(output: string, plugin: ExecPlugin): ExecCredential {
  let document: Json;
  try {
    document = record(JSON.parse(output));
  } catch {
    throw new Error(`exec "${plugin.command}": what it printed is not JSON`);
  }
  if (document.kind !== "ExecCredential" || document.apiVersion !== plugin.apiVersion)
    throw new Error(`exec "${plugin.command}": it printed no ExecCredential of ${plugin.apiVersion}`);
  const status = record(document.status);
  const credential = present({
    token: textOf(status.token),
    certificate: textOf(status.clientCertificateData),
    key: textOf(status.clientKeyData),
    expires: textOf(status.expirationTimestamp),
  });
  if (credential.token === undefined && (credential.certificate === undefined || credential.key === undefined))
    throw new Error(`exec "${plugin.command}": its ExecCredential has neither a token nor a certificate with its key`);
  return credential;
}

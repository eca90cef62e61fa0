/** What a connection to one endpoint is secured with. Files are read for each connection, so renewed certificates are used. */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { checkServerIdentity, createSecureContext, type SecureContext } from "node:tls";
import type { EtcdOptions } from "../../../confgen/datastore/etcd-options.ts";
import { EtcdFault } from "./fault.ts";

export interface Endpoint {
  readonly url: string;
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  /** Absent: plain text. */
  readonly tls?: {
    readonly context: SecureContext;
    /** Our own certificate. */
    readonly own?: { readonly file: string; readonly certificate: X509Certificate };
  };
}

/** Throws EtcdFault where a file cannot be read or used. */
export async function prepareEndpoint(url: string, options: EtcdOptions): Promise<Endpoint> {
  const { protocol, hostname, port } = new URL(url.replace(/^http/, "x-etcd"));
  const address = { url, host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) };
  if (protocol !== "x-etcds:") return address;
  const [ca, cert, key] = await Promise.all([options.caFile, options.certFile, options.keyFile].map(readPem));
  try {
    const context = createSecureContext({
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    });
    if (cert === undefined) return { ...address, tls: { context } };
    return { ...address, tls: { context, own: { file: options.certFile!, certificate: new X509Certificate(cert) } } };
  } catch (error) {
    const files = [options.caFile, options.certFile, options.keyFile].filter((file) => file !== undefined);
    throw new EtcdFault("other", `cannot use ${files.join(", ")}: ${(error as Error).message}`);
  }
}

/** RFC 6066 §3: no server name is an IP address. Then another must stand in its place, which no certificate is chosen by. */
export function serverNameFor(host: string): string {
  return isIP(host) === 0 ? host : "etcd";
}

/** The certificate must be for the host that was configured, whatever name was sent. */
export function identityCheckFor(host: string): typeof checkServerIdentity {
  return (_name, certificate) => checkServerIdentity(host, certificate);
}

async function readPem(file: string | undefined): Promise<Buffer | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file);
  } catch (error) {
    throw new EtcdFault("other", `cannot read ${file} (${(error as NodeJS.ErrnoException).code})`);
  }
}

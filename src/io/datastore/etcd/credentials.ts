/** What a connection to one endpoint is secured with. Files are read for each connection, so renewed certificates are used. */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { checkServerIdentity, createSecureContext, type SecureContext } from "node:tls";
import type { EtcdOptions } from "../../../confgen/datastore/etcd-options.ts";
import { fileFault } from "../../files/places.ts";
import { EtcdFault } from "./fault.ts";

export interface Endpoint {
  readonly url: string;
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  /** Absent: plain text. */
  readonly tls?: {
    readonly context: SecureContext;
    /** Whom we trust; absent: the authorities that Node knows. */
    readonly caFile?: string;
    /** Our own certificate. */
    readonly own?: { readonly file: string; readonly certificate: X509Certificate };
  };
}

/** Throws EtcdFault where a file cannot be read or used. */
export async function prepareEndpoint(url: string, options: EtcdOptions): Promise<Endpoint> {
  const { protocol, hostname, port } = new URL(url.replace(/^http/, "x-etcd"));
  const address = { url, host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) };
  if (protocol !== "x-etcds:") return address;
  const [ca, cert, key] = await Promise.all([
    readPem("ETCD_CA_CERT_FILE", options.caFile),
    readPem("ETCD_CERT_FILE", options.certFile),
    readPem("ETCD_KEY_FILE", options.keyFile),
  ]);
  try {
    const context = createSecureContext({
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    });
    const trusted = options.caFile === undefined ? {} : { caFile: options.caFile };
    if (cert === undefined) return { ...address, tls: { context, ...trusted } };
    return {
      ...address,
      tls: { context, ...trusted, own: { file: options.certFile!, certificate: new X509Certificate(cert) } },
    };
  } catch (error) {
    const { certFile, keyFile } = options;
    if (/key values mismatch/.test((error as Error).message))
      throw new EtcdFault("other", `the key ${keyFile} (ETCD_KEY_FILE) is not that of ${certFile} (ETCD_CERT_FILE)`);
    const files = [options.caFile, certFile, keyFile].filter((file) => file !== undefined);
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

async function readPem(variable: string, file: string | undefined): Promise<Buffer | undefined> {
  if (file === undefined) return undefined;
  let content: Buffer;
  try {
    content = await readFile(file);
  } catch (error) {
    throw new EtcdFault("other", `cannot read ${file} of ${variable}: ${fileFault(error)}`);
  }
  // Of a CA without a certificate TLS would say only that it did not sign the server's.
  if (!content.includes("-----BEGIN ")) throw new EtcdFault("other", `${file} of ${variable} holds nothing in PEM`);
  return content;
}

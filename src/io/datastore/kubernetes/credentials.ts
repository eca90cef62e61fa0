/**
 * Who we are to the API server. Everything that stands in a file is read again before each request (there are few), since
 * tokens and certificates rotate, and kubeconfigs are rewritten with them.
 */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Agent as HttpAgent } from "node:http";
import { type AgentOptions, Agent as HttpsAgent } from "node:https";
import { createSecureContext } from "node:tls";
import type { ExecCredential, KubernetesAccess, Material } from "../../../confgen/datastore/kubernetes-access.ts";
import type { KubernetesSettings } from "../../../confgen/datastore/kubernetes-options.ts";
import { kubernetesAccess } from "../../../confgen/datastore/kubernetes-server.ts";
import { readText } from "../read-text.ts";
import { runExecPlugin } from "./exec-plugin.ts";
import { ApiFailure } from "./failure.ts";
import type { DatastoreClock } from "./ports.ts";

/** All that a request needs to know of the server and of us. */
export interface Identity {
  readonly server: URL;
  readonly agent: HttpAgent | HttpsAgent;
  readonly token?: string;
  /** For messages: the token's file, the program, the certificate with its dates. */
  readonly known: string;
  /** Where the CA stands, for messages. */
  readonly authority: string;
  readonly serverName?: string;
}

/** `known` of who asks without any. */
export const NO_CREDENTIALS = "no credentials";

export interface Credentials {
  /** Throws an ApiFailure where something cannot be read. */
  current(): Promise<Identity>;
  /** The server did not accept what we have: what is kept for a while is asked for anew. */
  renew(): void;
  close(): void;
}

/** An exec plugin's credential is asked for anew so long before it expires. */
const EARLY_MS = 10_000;
/** Segments that tell a dead connection from a quiet one. */
const KEEPALIVE_MS = 15_000;

export function createCredentials(settings: KubernetesSettings, clock: DatastoreClock): Credentials {
  let agent: { readonly key: string; readonly agent: HttpAgent | HttpsAgent } | undefined;
  let executed: Promise<ExecCredential> | undefined;
  let expiresAt = Number.POSITIVE_INFINITY;
  const closed = new AbortController();

  async function execute(access: KubernetesAccess): Promise<ExecCredential> {
    if (access.exec === undefined) return {};
    if (clock.wallMs() >= expiresAt - EARLY_MS) executed = undefined;
    if (executed === undefined) {
      const running = runExecPlugin(access.exec, access, clock, closed.signal);
      executed = running;
      expiresAt = Number.POSITIVE_INFINITY;
      running.then(
        ({ expires }) => {
          const at = expires === undefined ? Number.NaN : Date.parse(expires);
          if (executed === running && !Number.isNaN(at)) expiresAt = at;
        },
        () => {
          if (executed === running) executed = undefined;
        },
      );
    }
    return executed;
  }

  /** One agent while nothing of what it holds changes; connections of an older one end by themselves. */
  function agentFor(isSecure: boolean, tls: AgentOptions): HttpAgent | HttpsAgent {
    const key = JSON.stringify([isSecure, tls]);
    if (agent?.key !== key) {
      if (agent !== undefined) closeIdle(agent.agent);
      const common = { keepAlive: true, keepAliveMsecs: KEEPALIVE_MS };
      if (isSecure) checkMaterial(tls);
      agent = { key, agent: isSecure ? new HttpsAgent({ ...common, ...tls }) : new HttpAgent(common) };
    }
    return agent.agent;
  }

  return {
    async current() {
      const access = await readAccess(settings);
      const own = await execute(access);
      const server = urlOf(access.server);
      const isSecure = server.protocol === "https:";
      const ca = await readMaterial(access.ca, "CA");
      const cert = own.certificate ?? (await readMaterial(access.certificate, "client certificate"));
      const key = own.key ?? (await readMaterial(access.key, "client key"));
      const token = own.token ?? (await readToken(access));
      // A header can hold no other letter, and a request with one would throw.
      if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
        throw new ApiFailure(`There is no token in ${access.tokenFile ?? "what is given as one"}`);
      const tls: AgentOptions = {
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined || key === undefined ? {} : { cert, key }),
        ...(access.serverName === undefined ? {} : { servername: access.serverName }),
        ...(access.insecure ? { rejectUnauthorized: false } : {}),
      };
      return {
        server,
        agent: agentFor(isSecure, tls),
        // In the clear anybody could read it.
        ...(token === undefined || !isSecure ? {} : { token }),
        known: describe(access, token, cert),
        authority: access.ca === undefined ? "the system's CAs" : `the CA of ${placeOf(access.ca)}`,
        ...(access.serverName === undefined ? {} : { serverName: access.serverName }),
      };
    },
    renew() {
      executed = undefined;
    },
    close() {
      closed.abort();
      agent?.agent.destroy();
    },
  };
}

function closeIdle(agent: HttpAgent | HttpsAgent): void {
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
}

async function readAccess(settings: KubernetesSettings): Promise<KubernetesAccess> {
  const path = settings.kubeconfig;
  const text = path === undefined ? undefined : await reading(readFile(path, "utf8"), `kubeconfig ${path}`);
  try {
    return kubernetesAccess(settings, text);
  } catch (error) {
    throw new ApiFailure((error as Error).message);
  }
}

/** The form has been looked at; that there are such a host and such a port has not. */
function urlOf(text: string): URL {
  try {
    return new URL(text);
  } catch {
    throw new ApiFailure(`"${text}" is no URL of an API server`);
  }
}

async function readMaterial(material: Material | undefined, what: string): Promise<string | undefined> {
  if (material === undefined) return undefined;
  const text =
    "base64" in material
      ? Buffer.from(material.base64, "base64").toString("latin1")
      : await reading(readFile(material.file, "latin1"), `${what} ${material.file}`);
  // Of a CA without a certificate TLS would say only that it did not sign the server's.
  if (!text.includes("-----BEGIN ")) throw new ApiFailure(`The ${what} of ${placeOf(material)} is not in PEM`);
  return text;
}

async function readToken({ token, tokenFile }: KubernetesAccess): Promise<string | undefined> {
  if (tokenFile === undefined) return token;
  return reading(readText(tokenFile), `token ${tokenFile}`);
}

async function reading(text: Promise<string>, what: string): Promise<string> {
  try {
    return await text;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new ApiFailure(`Cannot read the ${what}: ${code === "ENOENT" ? "there is no such file" : message}`);
  }
}

/** Throws where the certificates and the key are none, which a connection would only say as it is made. */
function checkMaterial(tls: AgentOptions): void {
  try {
    createSecureContext(tls);
  } catch (error) {
    throw new ApiFailure(`The CA or the client certificate with its key cannot be used: ${(error as Error).message}`);
  }
}

function placeOf(material: Material): string {
  return "file" in material ? material.file : "the kubeconfig";
}

function describe(access: KubernetesAccess, token: string | undefined, certificate: string | undefined): string {
  if (access.exec !== undefined) return `the credentials that "${access.exec.command}" gave`;
  if (access.tokenFile !== undefined) return `the token of ${access.tokenFile}`;
  if (token !== undefined) return "the token";
  if (certificate === undefined || access.certificate === undefined) return NO_CREDENTIALS;
  return `the client certificate of ${placeOf(access.certificate)}${validity(certificate)}`;
}

function validity(pem: string): string {
  try {
    const { validFrom, validTo } = new X509Certificate(pem);
    return ` (valid from ${validFrom} to ${validTo})`;
  } catch {
    return " (which cannot be read)";
  }
}

/**
 * Why an endpoint cannot be reached, found by a connection made for that only: what gRPC says of it is too little for an
 * operator who has to know which certificate has expired, and when.
 */
import type { X509Certificate } from "node:crypto";
import { connect, type Socket } from "node:net";
import { type PeerCertificate, connect as tlsConnect } from "node:tls";
import { type Endpoint, identityCheckFor, serverNameFor } from "./credentials.ts";

/** The client's part of an HTTP/2 connection's beginning, with empty SETTINGS (RFC 9113 §3.4): a server answers by its own. */
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/** A reason without the endpoint. Undefined: nothing is wrong with the connection as such. */
export async function diagnose(
  endpoint: Endpoint,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const own = endpoint.tls?.own;
  const now = new Date();
  const ownFault = own && datesFault(`our certificate ${own.file}`, own.certificate, now);
  const reason = await tryConnection(endpoint, timeoutMs, now, signal);
  // A server does not say which of the reasons to refuse a certificate it had.
  if (reason !== undefined && ownFault !== undefined && reason.startsWith(REFUSED)) return ownFault;
  return reason;
}

const REFUSED = "the server refused our certificate";

function tryConnection(
  endpoint: Endpoint,
  timeoutMs: number,
  now: Date,
  signal: AbortSignal,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const { host, port, tls } = endpoint;
    let isUp = false;
    const plain = connect({ host, port });
    let socket: Socket = plain;
    const timer = setTimeout(() => {
      finish(isUp ? `connected, but no answer within ${timeoutMs / 1000} s` : `no answer within ${timeoutMs / 1000} s`);
    }, timeoutMs);
    const giveUp = () => finish(undefined);
    signal.addEventListener("abort", giveUp, { once: true });
    function finish(reason: string | undefined): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", giveUp);
      socket.destroy();
      plain.destroy();
      resolve(reason);
    }
    plain.on("error", (error: NodeJS.ErrnoException) => {
      if (isUp && error.code === "ECONNRESET") finish(endReason(endpoint));
      else finish(connectReason(error, host));
    });
    plain.once("connect", () => {
      isUp = true;
      if (tls === undefined) {
        greet(plain);
        return;
      }
      let rejected: string | undefined;
      const secured = tlsConnect({
        socket: plain,
        secureContext: tls.context,
        servername: serverNameFor(host),
        ALPNProtocols: ["h2"],
        // It is looked at below: the reason is worth more than the refusal.
        rejectUnauthorized: false,
        checkServerIdentity: () => undefined,
      });
      socket = secured;
      secured.on("error", (error: NodeJS.ErrnoException) => finish(rejected ?? tlsReason(error, endpoint)));
      secured.once("secureConnect", () => {
        rejected = serverFault(secured.authorizationError, secured.getPeerCertificate(), endpoint, now);
        if (rejected !== undefined) finish(rejected);
        else greet(secured);
      });
    });
    function greet(stream: Socket): void {
      stream.once("data", () => finish(undefined));
      stream.once("end", () => finish(endReason(endpoint)));
      stream.once("close", () => finish(endReason(endpoint)));
      stream.write(PREFACE, "latin1");
    }
  });
}

const ERRNO: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "no route to the network",
  ETIMEDOUT: "no answer to the connection attempt",
  ECONNRESET: "the connection was reset",
};

function connectReason(error: NodeJS.ErrnoException, host: string): string {
  if (error.code === "ENOTFOUND" || error.code === "EAI_AGAIN")
    return `the name ${host} cannot be resolved (${error.code})`;
  // Several addresses of a name: the first one's reason stands for all.
  const first = error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException) : error;
  return ERRNO[first.code ?? ""] ?? first.message;
}

function endReason({ tls }: Endpoint): string {
  return tls === undefined
    ? "the server closed the connection: it may expect https"
    : "the server closed the connection after the TLS handshake";
}

function tlsReason(error: NodeJS.ErrnoException, { tls }: Endpoint): string {
  const text = `${error.code ?? ""} ${error.message}`;
  if (/WRONG_VERSION_NUMBER|disconnected before secure TLS connection/.test(text))
    return "the server speaks no TLS: it may expect http";
  if (
    /CERTIFICATE_REQUIRED|certificate required/i.test(text) ||
    (/ALERT/i.test(text) && /certificate|CERT|unknown.ca/i.test(text))
  ) {
    if (tls?.own === undefined) return `${REFUSED}: none is configured (ETCD_CERT_FILE, ETCD_KEY_FILE)`;
    const { file, certificate } = tls.own;
    return `${REFUSED} ${file} (${oneLine(certificate.subject)}, issued by ${oneLine(certificate.issuer)})`;
  }
  return `TLS failed: ${error.message.trim()}`;
}

function serverFault(
  error: Error | string | null | undefined,
  certificate: PeerCertificate,
  { host, tls }: Endpoint,
  now: Date,
): string | undefined {
  const code = error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : (error ?? undefined);
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID") {
    const dates =
      certificate.valid_to &&
      datesFault("the server's certificate", { validFrom: certificate.valid_from, validTo: certificate.valid_to }, now);
    return dates || "a certificate that the server's depends on (ETCD_CA_CERT_FILE) is out of date";
  }
  if (code !== undefined) {
    const issuer = certificate.issuer === undefined ? "" : ` of ${nameOf(certificate.issuer)}`;
    const found = tls?.caFile === undefined ? "no authority that Node knows: set" : "not in";
    return `the server's certificate is not trusted: its issuer${issuer} is ${found} ETCD_CA_CERT_FILE (${code})`;
  }
  const mismatch = identityCheckFor(host)(host, certificate);
  if (mismatch === undefined) return undefined;
  return `the server's certificate is not for ${host}, but for ${certificate.subjectaltname ?? "no name"}`;
}

function datesFault(
  which: string,
  { validFrom, validTo }: Pick<X509Certificate, "validFrom" | "validTo">,
  now: Date,
): string | undefined {
  const [from, to] = [new Date(validFrom), new Date(validTo)];
  if (to < now) return `${which} has expired on ${to.toISOString()}`;
  if (from > now) return `${which} is not valid before ${from.toISOString()}`;
  return undefined;
}

function nameOf(issuer: PeerCertificate["issuer"]): string {
  return Object.entries(issuer)
    .map(([field, value]) => `${field}=${Array.isArray(value) ? value.join("+") : value}`)
    .join(", ");
}

function oneLine(name: string): string {
  return name.split("\n").join(", ");
}

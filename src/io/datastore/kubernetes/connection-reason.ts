/** Why there is no connection to the API server, in words for an operator. */
import { request } from "node:https";
import type { TLSSocket } from "node:tls";
import type { Identity } from "./credentials.ts";
import type { DatastoreClock } from "./ports.ts";

/** A question of ours to find out more must not hold up the next attempt. */
const PROBE_MS = 3000;
/** Two clocks that differ by less are the same. */
const SAME_CLOCK_MS = 60_000;

/** `skewMs` is how far the server's clock was ahead of ours by its last answer, if there was one. */
export async function connectionReason(
  error: NodeJS.ErrnoException,
  identity: Identity,
  clock: DatastoreClock,
  skewMs: number | undefined,
): Promise<string> {
  const { server, authority } = identity;
  const where = server.origin;
  const code = error.code ?? "";
  switch (code) {
    case "ECONNREFUSED":
      return `Nothing listens at ${where}: the API server is not running, or not there`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `The name ${server.hostname} of the API server is not resolved (${code})`;
    case "ETIMEDOUT":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return `There is no way to the API server at ${where} (${code})`;
    case "CERT_HAS_EXPIRED":
    case "CERT_NOT_YET_VALID":
      return validityReason(code === "CERT_HAS_EXPIRED", identity, clock, skewMs);
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "CERT_SIGNATURE_FAILURE":
      return `The certificate of the API server at ${where} is not signed by ${authority} (${code})`;
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `The certificate of the API server at ${where} is for other names: ${namesOf(error)}`;
    case "EPROTO":
    case "ERR_SSL_WRONG_VERSION_NUMBER":
      return `What listens at ${where} does not speak TLS (${error.message.trim()})`;
    default:
      return /alert/i.test(code + error.message)
        ? `The API server at ${where} refuses our side of TLS: ${error.message.trim()}`
        : `The connection to the API server at ${where} failed: ${error.message}`;
  }
}

/** Node adds the certificate to this one error. */
function namesOf(error: NodeJS.ErrnoException & { readonly cert?: { readonly subjectaltname?: string } }): string {
  return error.cert?.subjectaltname ?? error.message;
}

async function validityReason(
  isExpired: boolean,
  identity: Identity,
  clock: DatastoreClock,
  skewMs: number | undefined,
): Promise<string> {
  const seen = await probe(identity, clock);
  const now = clock.wallMs();
  const dates = seen === undefined ? "" : ` (valid from ${iso(seen.from)} to ${iso(seen.to)})`;
  const fact = `The certificate of the API server at ${identity.server.origin} ${isExpired ? "has expired" : "is not yet valid"}${dates}`;
  const skew = seen?.serverMs === undefined ? skewMs : seen.serverMs - now;
  if (skew === undefined) return `${fact}; is this machine's clock right?`;
  if (Math.abs(skew) < SAME_CLOCK_MS)
    return `${fact}; this machine's clock and the server's agree: the certificate must be renewed`;
  return `${fact}; the server's clock is ${span(Math.abs(skew))} ${skew > 0 ? "ahead of" : "behind"} this machine's: one of the two is wrong`;
}

/** In whole units: a reason that changes with each second would be a new one each time. */
function span(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 120) return `${minutes} minutes`;
  const hours = Math.round(minutes / 60);
  return hours < 72 ? `${hours} hours` : `${Math.round(hours / 24)} days`;
}

interface Seen {
  readonly from: number;
  readonly to: number;
  readonly serverMs?: number;
}

/** Looks at the certificate and at the server's clock. Nothing is sent that tells who we are, and nothing that comes is used. */
function probe({ server, serverName }: Identity, clock: DatastoreClock): Promise<Seen | undefined> {
  return new Promise((resolve) => {
    const sent = request({
      host: server.hostname.replace(/^\[|\]$/g, ""),
      port: server.port || 443,
      path: "/version",
      agent: false,
      rejectUnauthorized: false,
      ...(serverName === undefined ? {} : { servername: serverName }),
    });
    const cancel = clock.after(PROBE_MS, () => sent.destroy());
    sent.once("response", (response) => {
      const { valid_from, valid_to } = (response.socket as TLSSocket).getPeerCertificate();
      const serverMs = Date.parse(response.headers.date ?? "");
      resolve({
        from: Date.parse(valid_from),
        to: Date.parse(valid_to),
        ...(Number.isNaN(serverMs) ? {} : { serverMs }),
      });
      sent.destroy();
    });
    sent.once("error", () => resolve(undefined));
    sent.once("close", () => {
      cancel();
      resolve(undefined);
    });
    sent.end();
  });
}

function iso(ms: number): string {
  return Number.isNaN(ms) ? "?" : new Date(ms).toISOString().replace(/\.\d{3}Z$/, "Z");
}

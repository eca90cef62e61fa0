/** Requests to the API server: HTTP/1.1 on connections that are kept, one per watch. */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { type Json, record, textOf } from "../../../confgen/datastore/json.ts";
import { connectionReason } from "./connection-reason.ts";
import { type Credentials, type Identity, NO_CREDENTIALS } from "./credentials.ts";
import { ApiFailure } from "./failure.ts";
import { createLineReader } from "./lines.ts";
import type { DatastoreClock } from "./ports.ts";

export interface ApiClient {
  /** A whole answer. Throws an ApiFailure. */
  get(path: string, options: RequestOptions): Promise<Json>;
  /** The lines of an answer as they come; resolves when the server ends it. Throws an ApiFailure, or what `onLine` throws. */
  stream(path: string, options: StreamOptions): Promise<void>;
}

export interface RequestOptions {
  readonly signal: AbortSignal;
  readonly accept?: string;
}

export interface StreamOptions extends RequestOptions {
  /** The server has accepted the request. */
  readonly onStart: () => void;
  readonly onLine: (line: string) => void;
  /** How long the stream may be silent; asked anew after each octet that came. */
  readonly silenceMs: () => number;
}

/** Without any octet for so long a request is given up. */
const ANSWER_MS = 30_000;
/** How often a silence is looked at, at least. */
const LOOK_MS = 30_000;
const MOST_ANSWER_OCTETS = 64 * 1024 * 1024;
/** etcd holds objects of up to 1.5 MiB. */
const MOST_LINE_OCTETS = 16 * 1024 * 1024;
/** Of an answer that is an error. */
const MOST_ERROR_OCTETS = 64 * 1024;
/** A server that asks for longer is asked again nevertheless. */
const LONGEST_RETRY_AFTER_MS = 300_000;

export function createApiClient(credentials: Credentials, clock: DatastoreClock): ApiClient {
  /** How far the server's clock was ahead of ours by its last answer. */
  let skewMs: number | undefined;

  /** An accepted answer. On 401 once more, with credentials that are asked for anew. */
  async function open(path: string, { signal, accept }: RequestOptions, watchdog: Watchdog): Promise<IncomingMessage> {
    for (let isFirst = true; ; isFirst = false) {
      const identity = await credentials.current();
      const response = await send(identity, path, accept ?? "application/json", signal, watchdog);
      noteSkew(response);
      if (response.statusCode === 200) return response;
      const failure = await failureOf(response, identity, watchdog);
      if (failure.status !== 401 || !isFirst) throw failure;
      credentials.renew();
    }
  }

  async function send(
    identity: Identity,
    path: string,
    accept: string,
    signal: AbortSignal,
    watchdog: Watchdog,
  ): Promise<IncomingMessage> {
    try {
      return await answerOf(identity, path, accept, signal, watchdog);
    } catch (error) {
      if (error instanceof ApiFailure || signal.aborted) throw error;
      throw new ApiFailure(await connectionReason(error as NodeJS.ErrnoException, identity, clock, skewMs));
    }
  }

  function noteSkew({ headers }: IncomingMessage): void {
    const at = Date.parse(headers.date ?? "");
    if (!Number.isNaN(at)) skewMs = at - clock.wallMs();
  }

  return {
    async get(path, options) {
      const watchdog = createWatchdog(clock, () => ANSWER_MS);
      try {
        const body = await bodyOf(await open(path, options, watchdog), MOST_ANSWER_OCTETS, watchdog);
        return parseAnswer(body, path);
      } finally {
        watchdog.stop();
      }
    },
    async stream(path, options) {
      let isOpen = false;
      const watchdog = createWatchdog(clock, () => (isOpen ? options.silenceMs() : ANSWER_MS));
      try {
        const response = await open(path, options, watchdog);
        isOpen = true;
        watchdog.pat();
        options.onStart();
        const tooLong = () => new ApiFailure(`An object of ${path} is larger than ${MOST_LINE_OCTETS} octets`);
        const lines = createLineReader(options.onLine, MOST_LINE_OCTETS, tooLong);
        await consume(response, watchdog, (chunk) => lines.push(chunk));
      } finally {
        watchdog.stop();
      }
    },
  };
}

/** Ends a connection on which nothing comes. */
interface Watchdog {
  /** What is to be destroyed, in place of what was watched before. */
  watch(target: { destroy(error: Error): void }): void;
  /** Something came. */
  pat(): void;
  stop(): void;
}

function createWatchdog(clock: DatastoreClock, silenceMs: () => number): Watchdog {
  let target: { destroy(error: Error): void } | undefined;
  let cancel: (() => void) | undefined;
  let heardAt = clock.nowMs();
  let isStopped = false;

  /** The timer looks, when it is due, at when something came last, and at what is allowed by now. */
  function arm(): void {
    if (isStopped) return;
    cancel?.();
    const left = heardAt + silenceMs() - clock.nowMs();
    cancel = clock.after(Math.max(0, Math.min(left, LOOK_MS)), look);
  }
  function look(): void {
    const silentMs = clock.nowMs() - heardAt;
    if (silentMs < silenceMs()) arm();
    else target?.destroy(new ApiFailure(`The API server says nothing for ${Math.round(silentMs / 1000)} s`));
  }
  return {
    watch(next) {
      target = next;
      heardAt = clock.nowMs();
      arm();
    },
    pat() {
      heardAt = clock.nowMs();
    },
    stop() {
      isStopped = true;
      cancel?.();
    },
  };
}

function answerOf(
  identity: Identity,
  path: string,
  accept: string,
  signal: AbortSignal,
  watchdog: Watchdog,
): Promise<IncomingMessage> {
  const { server, agent, token, serverName } = identity;
  const base = server.pathname.replace(/\/$/, "");
  const isSecure = server.protocol === "https:";
  return new Promise((resolve, reject) => {
    const send = isSecure ? httpsRequest : httpRequest;
    const sent = send({
      host: server.hostname.replace(/^\[|\]$/g, ""),
      port: server.port || (isSecure ? 443 : 80),
      path: base + path,
      method: "GET",
      agent,
      signal,
      ...(serverName === undefined ? {} : { servername: serverName }),
      headers: {
        accept,
        "accept-encoding": "identity",
        "user-agent": "calidris",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
    });
    sent.once("response", resolve);
    sent.on("error", (error: NodeJS.ErrnoException) => {
      // The server closed the idle connection just as we took it again.
      const isStale = sent.reusedSocket && error.code === "ECONNRESET" && !signal.aborted;
      if (isStale) answerOf(identity, path, accept, signal, watchdog).then(resolve, reject);
      else reject(error);
    });
    watchdog.watch(sent);
    sent.end();
  });
}

/** Resolves at the end of the answer; rejects with an ApiFailure when it is cut, and with what `onChunk` throws. */
function consume(response: IncomingMessage, watchdog: Watchdog, onChunk: (chunk: Buffer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let fault: Error | undefined;
    watchdog.watch(response);
    response.on("data", (chunk: Buffer) => {
      if (fault !== undefined) return;
      watchdog.pat();
      try {
        onChunk(chunk);
      } catch (error) {
        fault = error as Error;
        response.destroy();
        reject(fault);
      }
    });
    response.once("end", resolve);
    response.once("error", (error) => reject(error instanceof ApiFailure ? error : cut(error)));
    response.once("close", () => reject(cut()));
  });
}

function cut(error?: Error): ApiFailure {
  return new ApiFailure(`The connection to the API server was cut${error === undefined ? "" : ` (${error.message})`}`);
}

async function bodyOf(response: IncomingMessage, mostOctets: number, watchdog: Watchdog): Promise<string> {
  const chunks: Buffer[] = [];
  let octets = 0;
  await consume(response, watchdog, (chunk) => {
    octets += chunk.length;
    if (octets > mostOctets) throw new ApiFailure(`An answer of the API server is larger than ${mostOctets} octets`);
    chunks.push(chunk);
  });
  return Buffer.concat(chunks).toString("utf8");
}

export function parseAnswer(text: string, path: string): Json {
  try {
    return record(JSON.parse(text));
  } catch {
    throw new ApiFailure(`What the API server answers for ${path} is not JSON: is something else at this address?`);
  }
}

async function failureOf(response: IncomingMessage, identity: Identity, watchdog: Watchdog): Promise<ApiFailure> {
  const status = response.statusCode ?? 0;
  let text = "";
  try {
    text = await bodyOf(response, MOST_ERROR_OCTETS, watchdog);
  } catch {
    // The status says enough.
  }
  let message = "";
  try {
    message = textOf(record(JSON.parse(text)).message) ?? "";
  } catch {
    // A proxy's page.
  }
  const words = `${status} ${message || (response.statusMessage ?? "")}`.trim();
  const reason =
    status === 401
      ? `The API server does not accept ${identity.known} (${words})`
      : status === 403
        ? `The API server forbids it (${words})${hintFor(identity, message)}`
        : status === 400 && identity.server.protocol === "http:"
          ? `The API server at ${identity.server.origin} answers ${words}: it may expect https`
          : `The API server answers ${words}`;
  return new ApiFailure(reason, status, retryAfterMs(response.headers["retry-after"]));
}

/** What may help beside a rule for the collection. */
function hintFor({ known }: Identity, message: string): string {
  if (known === NO_CREDENTIALS)
    return ", for we have no credentials: set K8S_API_TOKEN, or K8S_CERT_FILE and K8S_KEY_FILE, or a kubeconfig that has them";
  return message.includes('path "/apis"')
    ? ': a ClusterRole of ours needs the rule {nonResourceURLs: ["/apis"], verbs: ["get"]}, as system:discovery has it'
    : "";
}

/** Seconds, as API servers give them. */
function retryAfterMs(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,6}$/.test(text)) return undefined;
  return Math.min(Number(text) * 1000, LONGEST_RETRY_AFTER_MS);
}

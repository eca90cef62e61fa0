/**
 * An API server in memory, with the faults that a real one has only rarely: lists in chunks, watches with bookmarks,
 * forgotten versions, tokens that expire, roles that lack a rule, and silence. It passes the same contract suite as a real
 * kube-apiserver does.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { applyFault, type Fault } from "./faults.ts";
import { answerList, type ListState } from "./list.ts";
import { groupList, placeOf, type ResourceType, type ServedOptions, servedTypes } from "./resources.ts";
import { type Access, forbidden, notFound, type StatusOptions, sendJson, sendStatus } from "./status.ts";
import { type ApiObject, type ApiStore, createApiStore } from "./store.ts";
import { openWatch, type Watch } from "./watch.ts";

export interface FakeOptions extends ServedOptions {
  /** How many changes are remembered; default 100,000. */
  readonly window?: number;
  /** How a watch from a forgotten version ends: by an event in the stream (as the watch cache does) or by HTTP. */
  readonly gone?: "event" | "status";
  readonly tls?: { readonly key: string; readonly cert: string; readonly ca?: string };
  /** Bearer tokens with the names of their users. Absent: everybody is admitted. */
  readonly tokens?: ReadonlyMap<string, string>;
  readonly isAllowed?: (access: Access) => boolean;
  /** Wall time for the Date header. Default: the computer's. */
  readonly wallMs?: () => number;
}

/** A request as it came. */
export interface Seen {
  readonly verb: "list" | "watch" | "other";
  readonly path: string;
  readonly query: URLSearchParams;
  readonly plural: string;
  readonly token: string | undefined;
  readonly headers: IncomingMessage["headers"];
}

export interface FakeApiServer {
  readonly url: string;
  readonly port: number;
  readonly store: ApiStore;
  /** Requests in order of their arrival. */
  readonly requests: readonly Seen[];
  /** Creates or replaces an object, by the kind that it says. Slices as v1. */
  put(object: ApiObject): void;
  delete(kind: string, apiVersion: string, name: string): void;
  /** Asked for each request; the last one given counts. */
  intercept(fault: ((seen: Seen) => Fault | undefined) | undefined): void;
  /** Replaces what is served, the tokens, who may do what. */
  change(options: Partial<FakeOptions>): void;
  /** A bookmark for every watch that asked for them. */
  bookmark(): void;
  /** Ends every watch as their timeout does: with a bookmark. */
  endWatches(): void;
  /** Ends every watch with an ERROR event. */
  failWatches(status: StatusOptions): void;
  /** Cuts every connection in the middle of what is being sent. */
  cutConnections(): void;
  /** Nothing is said to anyone from now on, while connections stand: a server behind a dead path. Open watches stay so. */
  silence(): void;
  /** New requests are answered again. */
  speak(): void;
  /** Pieces that are held back go out. */
  goOn(): void;
  readonly watches: number;
  /** Resolves with the first request from now on that fits. */
  nextRequest(fits: (seen: Seen) => boolean): Promise<Seen>;
  /** Nobody listens on the port any more, and connections are reset. */
  stop(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

export async function startFakeApiServer(given: FakeOptions = {}): Promise<FakeApiServer> {
  let options = given;
  let types = servedTypes(options);
  const store = createApiStore(options.window);
  const sockets = new Set<Socket>();
  const watches = new Set<Watch>();
  const requests: Seen[] = [];
  const waiting = new Set<(seen: Seen) => void>();
  const lists: ListState = { snapshots: new Map() };
  const held: (() => void)[] = [];
  let fault: ((seen: Seen) => Fault | undefined) | undefined;
  let isSilent = false;
  let server: Server | undefined;
  let port = 0;

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", "http://fake");
    const target = resolveTarget(url, types);
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
    const isWatch = /^(1|true)$/.test(url.searchParams.get("watch") ?? "");
    const seen: Seen = {
      verb: target === undefined ? "other" : isWatch ? "watch" : "list",
      path: url.pathname,
      query: url.searchParams,
      plural: url.pathname.split("/").at(-1) ?? "",
      token,
      headers: request.headers,
    };
    requests.push(seen);
    const wallMs = options.wallMs?.();
    if (wallMs !== undefined) {
      response.sendDate = false;
      response.setHeader("date", new Date(wallMs).toUTCString());
    }
    const trouble = isSilent ? ({ kind: "silence" } as const) : fault?.(seen);
    if (trouble !== undefined) applyFault(trouble, response, held);
    if (trouble === undefined || trouble.kind === "cut" || trouble.kind === "pieces") serve(seen, target, response);
    for (const tell of [...waiting]) tell(seen);
  }

  function serve(seen: Seen, target: Target | undefined, response: ServerResponse): void {
    const user = options.tokens === undefined ? "anonymous" : options.tokens.get(seen.token ?? "");
    if (user === undefined) return sendStatus(response, { code: 401, reason: "Unauthorized", message: "Unauthorized" });
    if (seen.path === "/apis") return sendJson(response, 200, groupList(types));
    if (seen.path === "/version") return sendJson(response, 200, { major: "1", minor: "20", gitVersion: "v1.20.2" });
    if (target === undefined) return notFound(response);
    const { type, namespace } = target;
    const name = selectedName(seen.query);
    const access: Access = {
      user,
      verb: seen.verb === "watch" ? "watch" : "list",
      group: type.group,
      plural: type.plural,
      ...(namespace === undefined ? {} : { namespace }),
      ...(name === undefined ? {} : { name }),
    };
    if (options.isAllowed?.(access) === false) return forbidden(response, access);
    const matches = (object: ApiObject) =>
      (namespace === undefined || object.metadata.namespace === namespace) &&
      (name === undefined || object.metadata.name === name);
    const accept = String(seen.headers.accept ?? "");
    if (seen.verb === "list") return answerList({ store, type, query: seen.query, accept, matches, response }, lists);
    const watch = openWatch({
      store,
      type,
      query: seen.query,
      accept,
      matches,
      response,
      gone: options.gone ?? "event",
    });
    if (watch === undefined) return;
    watches.add(watch);
    response.once("close", () => watches.delete(watch));
  }

  async function listen(): Promise<void> {
    const made = options.tls === undefined ? createServer(answer) : createSecureServer({ ...options.tls }, answer);
    server = made;
    // Watches are answers without an end.
    made.requestTimeout = 0;
    made.keepAliveTimeout = 0;
    made.on("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.once("close", () => sockets.delete(socket));
    });
    made.on("tlsClientError", () => {});
    await new Promise<void>((resolve, reject) => {
      made.once("error", reject);
      made.listen(port, "127.0.0.1", resolve);
    });
    port = (made.address() as AddressInfo).port;
  }

  function cutConnections(): void {
    for (const socket of [...sockets]) socket.resetAndDestroy();
  }

  async function stop(): Promise<void> {
    const ended = server;
    if (ended === undefined) return;
    server = undefined;
    const closed = new Promise<void>((resolve) => ended.close(() => resolve()));
    cutConnections();
    await closed;
  }

  await listen();
  return {
    get url() {
      return `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}`;
    },
    get port() {
      return port;
    },
    store,
    requests,
    put: (object) => store.put(placeOf(object), object),
    delete: (kind, apiVersion, name) => void store.delete(placeOf({ apiVersion, kind }), name),
    intercept(next) {
      fault = next;
    },
    change(next) {
      options = { ...options, ...next };
      types = servedTypes(options);
    },
    bookmark() {
      for (const watch of watches) watch.bookmark();
    },
    endWatches() {
      for (const watch of [...watches]) watch.end();
    },
    failWatches(status) {
      for (const watch of [...watches]) watch.fail(status);
    },
    cutConnections,
    silence() {
      isSilent = true;
      for (const watch of watches) watch.mute();
    },
    speak() {
      isSilent = false;
    },
    goOn() {
      for (const next of held.splice(0)) next();
    },
    get watches() {
      return watches.size;
    },
    nextRequest(fits) {
      return new Promise((resolve) => {
        const tell = (seen: Seen) => {
          if (!fits(seen)) return;
          waiting.delete(tell);
          resolve(seen);
        };
        waiting.add(tell);
      });
    },
    stop,
    start: listen,
    close: stop,
  };
}

interface Target {
  readonly type: ResourceType;
  readonly namespace: string | undefined;
}

/** `/api/v1/...` or `/apis/GROUP/VERSION/...`, of all namespaces or of one. */
function resolveTarget(url: URL, types: readonly ResourceType[]): Target | undefined {
  const [, root, ...parts] = url.pathname.split("/").map(decodeURIComponent);
  if (root !== "api" && root !== "apis") return undefined;
  const group = root === "api" ? "" : parts.shift();
  const version = parts.shift();
  const namespace = parts[0] === "namespaces" ? parts[1] : undefined;
  const rest = namespace === undefined ? parts : parts.slice(2);
  if (rest.length !== 1) return undefined;
  const type = types.find((one) => one.group === group && one.version === version && one.plural === rest[0]);
  if (type === undefined || (namespace !== undefined && !type.isNamespaced)) return undefined;
  return { type, namespace };
}

function selectedName(query: URLSearchParams): string | undefined {
  return /^metadata\.name=(.+)$/.exec(query.get("fieldSelector") ?? "")?.[1];
}

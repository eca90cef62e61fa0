/** Answers that are no data: Status objects in the words of a real server. */
import type { ServerResponse } from "node:http";

export interface Access {
  readonly user: string;
  readonly verb: "list" | "watch";
  readonly group: string;
  readonly plural: string;
  readonly namespace?: string;
  /** Of a field selector. */
  readonly name?: string;
}

export interface StatusOptions {
  readonly code: number;
  readonly reason?: string;
  readonly message?: string;
  /** In seconds. */
  readonly retryAfter?: number;
  /** Of an inconsistent list that may be gone on with. */
  readonly continue?: string;
}

export function statusObject({ code, reason = "", message = "", retryAfter, continue: more }: StatusOptions): object {
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: more === undefined ? {} : { continue: more },
    status: "Failure",
    message,
    reason,
    ...(retryAfter === undefined ? {} : { details: { retryAfterSeconds: retryAfter } }),
    code,
  };
}

export function sendJson(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { "content-type": "application/json" });
  response.end(`${JSON.stringify(body)}\n`);
}

export function sendStatus(response: ServerResponse, options: StatusOptions): void {
  if (options.retryAfter !== undefined) response.setHeader("retry-after", String(options.retryAfter));
  sendJson(response, options.code, statusObject(options));
}

/** Of a path that nobody serves a real server says no more than this, whatever the client accepts. */
export function notFound(response: ServerResponse): void {
  response.writeHead(404, { "content-type": "text/plain; charset=utf-8" }).end("404 page not found\n");
}

export function forbidden(response: ServerResponse, { user, verb, group, plural, namespace, name }: Access): void {
  const resource = group === "" ? plural : `${plural}.${group}`;
  const where = namespace === undefined ? "at the cluster scope" : `in the namespace "${namespace}"`;
  const what = `${resource}${name === undefined ? "" : ` "${name}"`} is forbidden`;
  const why = `User "${user}" cannot ${verb} resource "${plural}" in API group "${group}" ${where}`;
  sendStatus(response, { code: 403, reason: "Forbidden", message: `${what}: ${why}` });
}

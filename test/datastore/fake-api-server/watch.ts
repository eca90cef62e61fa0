/** Watches: changes of a collection as lines of JSON, for as long as the connection stands. */
import { type ListRequest, metadataOf, wantsMetadata } from "./list.ts";
import { inVersion, storeKeyOf } from "./resources.ts";
import { type StatusOptions, sendStatus, statusObject } from "./status.ts";
import type { ApiObject, StoreChange } from "./store.ts";

export interface Watch {
  bookmark(): void;
  /** As at its timeout: with a bookmark before the end. */
  end(): void;
  fail(status: StatusOptions): void;
  /** It says nothing any more, and does not end. */
  mute(): void;
}

export interface WatchRequest extends ListRequest {
  readonly gone: "event" | "status";
}

export function openWatch(request: WatchRequest): Watch | undefined {
  const { store, type, query, accept, matches, response } = request;
  const key = storeKeyOf(type);
  const from = Number(query.get("resourceVersion") ?? 0);
  let isMute = false;
  const allowsBookmarks = /^(1|true)$/.test(query.get("allowWatchBookmarks") ?? "");
  if (from !== 0 && from < store.forgotten) {
    const message = `too old resource version: ${from} (${store.forgotten + 1})`;
    const expired = { code: 410, reason: "Expired", message };
    if (request.gone === "status") {
      sendStatus(response, expired);
    } else {
      start();
      write("ERROR", statusObject(expired));
      response.end();
    }
    return undefined;
  }
  start();
  if (from === 0) for (const object of store.list(key)) if (matches(object)) write("ADDED", shape(object));
  if (from !== 0) for (const change of store.since(key, from)) tell(change);
  const unsubscribe = store.subscribe(key, tell);
  response.once("close", unsubscribe);

  function start(): void {
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
  }
  function shape(object: ApiObject): object {
    return wantsMetadata(accept) ? metadataOf(object) : inVersion(type, object);
  }
  function write(event: string, object: object): void {
    if (!isMute) response.write(`${JSON.stringify({ type: event, object })}\n`);
  }
  function tell({ type: change, object, before }: StoreChange): void {
    const isIn = change !== "DELETED" && matches(object);
    const wasIn = before !== undefined && matches(before);
    if (isIn) write(wasIn ? "MODIFIED" : "ADDED", shape(object));
    else if (wasIn) write("DELETED", shape(object));
  }
  function end(): void {
    if (isMute) return;
    unsubscribe();
    response.end();
  }
  function bookmark(): void {
    const { kind } = type;
    const apiVersion = type.group === "" ? type.version : `${type.group}/${type.version}`;
    if (allowsBookmarks)
      write("BOOKMARK", { kind, apiVersion, metadata: { resourceVersion: String(store.revision) }, spec: {} });
  }
  return {
    bookmark,
    end() {
      bookmark();
      end();
    },
    fail(status) {
      write("ERROR", statusObject(status));
      end();
    },
    mute() {
      isMute = true;
    },
  };
}

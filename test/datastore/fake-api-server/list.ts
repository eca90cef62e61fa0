/** Lists, whole or in chunks. */
import type { ServerResponse } from "node:http";
import { inVersion, type ResourceType, storeKeyOf } from "./resources.ts";
import { sendJson, sendStatus } from "./status.ts";
import type { ApiObject, ApiStore } from "./store.ts";

export interface ListRequest {
  readonly store: ApiStore;
  readonly type: ResourceType;
  readonly query: URLSearchParams;
  readonly accept: string;
  readonly matches: (object: ApiObject) => boolean;
  readonly response: ServerResponse;
}

/** Lists that are being read in chunks: all chunks are of one revision. */
export interface ListState {
  readonly snapshots: Map<string, readonly ApiObject[]>;
}

const TOO_OLD =
  "The provided continue parameter is too old to display a consistent list result. You can start a new list without the " +
  "continue parameter, or use the continue token in this response to retrieve the remainder of the results.";

/** A place in a list. `revision` is absent in the token of an inconsistent list. */
interface Place {
  readonly revision?: number;
  readonly after: string;
}

export function answerList(request: ListRequest, state: ListState): void {
  const { store, type, query, response } = request;
  const limit = Number(query.get("limit") ?? 0) || Number.POSITIVE_INFINITY;
  const token = query.get("continue");
  const place = token === null ? undefined : readPlace(token);
  if (place?.revision !== undefined && place.revision < store.forgotten) {
    const more = writePlace({ after: place.after });
    return sendStatus(response, { code: 410, reason: "Expired", message: TOO_OLD, continue: more });
  }
  const revision = place?.revision ?? store.revision;
  const key = `${storeKeyOf(type)}@${revision}`;
  const all = (place?.revision === undefined ? undefined : state.snapshots.get(key)) ?? store.list(storeKeyOf(type));
  const left = all.filter((object) => request.matches(object) && (place === undefined || nameOf(object) > place.after));
  const items = left.slice(0, limit);
  const remaining = left.length - items.length;
  if (remaining > 0) state.snapshots.set(key, all);
  const metadata = {
    resourceVersion: String(revision),
    ...(remaining > 0
      ? { continue: writePlace({ revision, after: nameOf(items.at(-1)!) }), remainingItemCount: remaining }
      : {}),
  };
  sendJson(response, 200, { ...listHead(type, request.accept), metadata, items: items.map(shaper(request)) });
}

function listHead(type: ResourceType, accept: string): object {
  if (wantsMetadata(accept)) return { kind: "PartialObjectMetadataList", apiVersion: "meta.k8s.io/v1" };
  return {
    kind: `${type.kind}List`,
    apiVersion: type.group === "" ? type.version : `${type.group}/${type.version}`,
  };
}

/** Items of built-in kinds do not say their kind. */
function shaper({ type, accept }: ListRequest): (object: ApiObject) => object {
  if (wantsMetadata(accept)) return metadataOf;
  return (object) => {
    const shaped = inVersion(type, object);
    if (type.isCustom) return shaped;
    const { kind: _, apiVersion: __, ...rest } = shaped;
    return rest;
  };
}

export function wantsMetadata(accept: string): boolean {
  return accept.includes("as=PartialObjectMetadata");
}

export function metadataOf({ metadata }: ApiObject): object {
  return { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata };
}

function nameOf({ metadata }: ApiObject): string {
  return metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}

function writePlace(place: Place): string {
  return Buffer.from(JSON.stringify(place)).toString("base64url");
}

function readPlace(token: string): Place {
  return JSON.parse(Buffer.from(token, "base64url").toString()) as Place;
}

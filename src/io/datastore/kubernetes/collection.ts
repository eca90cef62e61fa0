/**
 * One collection of the API, listed and watched for as long as the datastore is open: a list in chunks, then a watch from
 * the list's version, again from the last version seen when the watch ends, and from a new list when the server has
 * forgotten that version.
 */
import type { Backoff } from "../../../confgen/datastore/backoff.ts";
import { type Json, list, record, textOf } from "../../../confgen/datastore/json.ts";
import { type CollectionPath, missingRule, pathOf } from "../../../confgen/datastore/kubernetes-api.ts";
import { type ApiClient, parseAnswer } from "./client.ts";
import { ApiFailure, isGone } from "./failure.ts";
import type { DatastoreClock } from "./ports.ts";

export interface CollectionOptions {
  readonly client: ApiClient;
  readonly clock: DatastoreClock;
  readonly random: () => number;
  readonly backoff: Backoff;
  /** Where the collection is now; asked before each list, since groups and versions may change. */
  readonly path: () => Promise<CollectionPath>;
  /** Only metadata is read: the server leaves the rest out. */
  readonly metadataOnly: boolean;
  /** Objects in one answer. */
  readonly chunk: number;
  readonly follower: Follower;
}

/** Who is told of a collection. */
export interface Follower {
  /** A list begins, or begins anew. */
  onListing(): void;
  onObject(object: Json, path: CollectionPath): void;
  onDelete(object: Json): void;
  /** Exactly the objects given since `onListing` are there. */
  onListed(): void;
  /** The server has nothing at that path. True: it counts as empty. */
  onMissing(): boolean;
  /** The server answers as it should. */
  onWorking(): void;
  /** It does not; the next attempt is at that time of the clock. */
  onFailing(failure: ApiFailure, retryAt: number): void;
}

export interface Collection {
  close(): void;
  /** Resolves when nothing of it is left. */
  readonly ended: Promise<void>;
}

/** The server is asked to end a watch after so long, which also spreads the load over several servers. */
const WATCH_SECONDS = { least: 240, more: 120 } as const;
/** It has the watch end itself; a watch that goes on without a word is dead. */
const WATCH_GRACE_MS = 15_000;
/** A server that sends bookmarks does so each minute. */
const BOOKMARKS_MS = 150_000;
/** A watch that ends sooner, and brought nothing, did not work. */
const SHORT_WATCH_MS = 1000;
/** So many of them in a row are no accident; from then on only lists tell what there is. */
const SHORT_WATCHES = 3;
/** How often we look whether a missing collection has come to be. */
const MISSING_MS = 60_000;
/** Chunks of a list that took so long that its version was forgotten grow so often before it counts as failed. */
const LARGER_CHUNKS = 2;

const METADATA = "g=meta.k8s.io;v=v1,application/json";

export function followCollection(options: CollectionOptions): Collection {
  const { client, clock, backoff, follower } = options;
  const abort = new AbortController();
  const { signal } = abort;
  let path: CollectionPath | undefined;
  /** From where to watch; undefined: everything is to be listed. */
  let version: string | undefined;
  let hasBookmarks = false;
  let goneInRow = 0;
  let shortInRow = 0;

  async function run(): Promise<void> {
    while (!signal.aborted) {
      try {
        if (path === undefined || version === undefined) {
          path = await options.path();
          version = await listAll(path);
        }
        await watch(path, version);
      } catch (error) {
        if (signal.aborted) return;
        await recover(error instanceof ApiFailure ? error : unexpected(error));
      }
    }
  }

  /** Something that nobody thought of, in an answer or in us, ends this attempt and not the process. */
  function unexpected(error: unknown): ApiFailure {
    version = undefined;
    const reason = error instanceof Error ? error.message : String(error);
    return new ApiFailure(`What the API server says cannot be taken: ${reason}`);
  }

  /** Decides after a failure where to go on, and waits. */
  async function recover(failure: ApiFailure): Promise<void> {
    if (failure.status === 410) {
      version = undefined;
      goneInRow += 1;
      // Listing at once is the cure; where it is not, the server is in trouble.
      if (goneInRow === 1) return;
    }
    if (failure.status === 404) {
      version = undefined;
      if (follower.onMissing()) return pause(MISSING_MS * (0.75 + options.random() / 2));
    }
    const delay = Math.max(backoff.next(), failure.retryAfterMs ?? 0);
    follower.onFailing(explain(failure), clock.nowMs() + delay);
    await pause(delay);
  }

  /** What is to be done about it, where only the collection tells. */
  function explain(failure: ApiFailure): ApiFailure {
    if (path === undefined) return failure;
    const { plural, group, version: apiVersion } = path;
    if (failure.status === 403) return new ApiFailure(`${failure.message}: ${missingRule(path)}`, 403);
    if (failure.status !== 404) return failure;
    const name = group === "" ? plural : `${plural}.${group}`;
    return new ApiFailure(`The API server has no ${name} (${apiVersion}): is Calico installed in this cluster?`, 404);
  }

  function pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        signal.removeEventListener("abort", done);
        resolve();
      };
      const cancel = clock.after(delayMs, done);
      signal.addEventListener("abort", done);
    });
  }

  /** The version of the list. */
  async function listAll(path: CollectionPath): Promise<string> {
    let chunk = options.chunk;
    for (let attempt = 0; ; attempt++) {
      try {
        const listed = await listInChunks(path, chunk);
        follower.onWorking();
        if (!signal.aborted) follower.onListed();
        return listed;
      } catch (error) {
        // The place to continue at was forgotten: larger steps are fewer.
        if (!isGone(error) || attempt === LARGER_CHUNKS) throw error;
        chunk *= 4;
      }
    }
  }

  /** The version of the whole list. Chunks are handed on one by one, so that never more than one is held. */
  async function listInChunks(path: CollectionPath, chunk: number): Promise<string> {
    follower.onListing();
    const accept = options.metadataOnly ? { accept: `application/json;as=PartialObjectMetadataList;${METADATA}` } : {};
    for (let next: string | undefined; ; ) {
      const at = next === undefined ? "" : `&continue=${encodeURIComponent(next)}`;
      const answer = await client.get(withQuery(pathOf(path), `limit=${chunk}${at}`), { signal, ...accept });
      if (signal.aborted) return "";
      const { resourceVersion, continue: more } = record(answer.metadata);
      for (const object of list(answer.items)) follower.onObject(record(object), path);
      next = textOf(more);
      if (next === undefined) return textOf(resourceVersion) ?? "0";
    }
  }

  async function watch(path: CollectionPath, from: string): Promise<void> {
    const seconds = WATCH_SECONDS.least + Math.floor(options.random() * WATCH_SECONDS.more);
    const query = `watch=1&allowWatchBookmarks=true&resourceVersion=${from}&timeoutSeconds=${seconds}`;
    const accept = options.metadataOnly ? { accept: `application/json;as=PartialObjectMetadata;${METADATA}` } : {};
    const startedAt = clock.nowMs();
    let events = 0;
    let isOpen = false;
    try {
      await client.stream(withQuery(pathOf(path), query), {
        signal,
        ...accept,
        silenceMs: () => (hasBookmarks ? BOOKMARKS_MS : seconds * 1000 + WATCH_GRACE_MS),
        onStart() {
          isOpen = true;
          follower.onWorking();
        },
        onLine(line) {
          takeEvent(line, path);
          events += 1;
          backoff.reset();
          goneInRow = 0;
          shortInRow = 0;
        },
      });
    } catch (error) {
      if (clock.nowMs() - startedAt >= SHORT_WATCH_MS) goneInRow = 0;
      // A watch that has worked may be cut at any time; only where it cannot be opened again something is wrong.
      const isCut = error instanceof ApiFailure && error.status === undefined && isOpen;
      if (!isCut || signal.aborted) throw error;
    }
    if (signal.aborted) return;
    if (clock.nowMs() - startedAt >= SHORT_WATCH_MS) {
      backoff.reset();
      goneInRow = 0;
      shortInRow = 0;
    } else if (events === 0) {
      shortInRow += 1;
      if (shortInRow >= SHORT_WATCHES) throw emptyWatches();
      await pause(backoff.next());
    }
  }

  function takeEvent(line: string, path: CollectionPath): void {
    if (signal.aborted) return;
    const event = parseAnswer(line, pathOf(path));
    const object = record(event.object);
    switch (event.type) {
      case "ADDED":
      case "MODIFIED":
        follower.onObject(object, path);
        break;
      case "DELETED":
        follower.onDelete(object);
        break;
      case "BOOKMARK":
        hasBookmarks = true;
        break;
      case "ERROR":
        throw watchFailure(object);
      default:
        return;
    }
    version = textOf(record(object.metadata).resourceVersion) ?? version;
  }

  /** A Status object in place of an object: the version is forgotten, or the server has trouble of its own. */
  function watchFailure(status: Json): ApiFailure {
    const code = status.reason === "Expired" || status.reason === "Gone" ? 410 : Number(status.code) || 500;
    // Whatever it is: what was missed meanwhile can only be known from a list.
    version = undefined;
    const { retryAfterSeconds } = record(status.details);
    const retryAfterMs = typeof retryAfterSeconds === "number" ? retryAfterSeconds * 1000 : undefined;
    return new ApiFailure(
      `The API server ends a watch with ${code} ${textOf(status.message) ?? ""}`,
      code,
      retryAfterMs,
    );
  }

  function emptyWatches(): ApiFailure {
    version = undefined;
    return new ApiFailure(
      "Watches end at once with nothing in them: is what answers the API server? Until they last, everything is listed again and again",
    );
  }

  return { close: () => abort.abort(), ended: run() };
}

function withQuery(path: string, query: string): string {
  return `${path}${path.includes("?") ? "&" : "?"}${query}`;
}

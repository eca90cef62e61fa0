/** The Kubernetes API as a datastore: one collection for each kind, and one for each Secret by its name. */
import { createHash } from "node:crypto";
import { createBackoff } from "../../../confgen/datastore/backoff.ts";
import type {
  Datastore,
  DatastoreEvent,
  DatastoreOptions,
  DatastoreStatus,
  Interest,
} from "../../../confgen/datastore/datastore.ts";
import type { Json } from "../../../confgen/datastore/json.ts";
import { createKnownObjects } from "../../../confgen/datastore/known-objects.ts";
import {
  type ApiGroup,
  collectionPath,
  originOf,
  type Served,
  servedBy,
} from "../../../confgen/datastore/kubernetes-api.ts";
import { type KubernetesKind, objectName, v3Object } from "../../../confgen/datastore/kubernetes-objects.ts";
import type { KubernetesSettings } from "../../../confgen/datastore/kubernetes-options.ts";
import type { Kind } from "../../../confgen/resources/model.ts";
import { type ApiClient, createApiClient } from "./client.ts";
import { type Collection, type Follower, followCollection } from "./collection.ts";
import { createCredentials } from "./credentials.ts";
import { computerClock, type DatastoreClock } from "./ports.ts";

export interface KubernetesOptions {
  readonly settings: KubernetesSettings;
  /** Nothing else is read. With etcd as Calico's datastore these are Service, EndpointSlice and Secret. */
  readonly kinds?: readonly Kind[];
  readonly clock?: DatastoreClock;
  /** From 0 to below 1. */
  readonly random?: () => number;
}

/** Read whatever the interest is. */
const BASE_KINDS = ["Node", "BGPPeer", "BGPConfiguration", "BGPFilter", "IPPool", "BlockAffinity"] as const;
const SERVICE_KINDS = ["Service", "EndpointSlice"] as const;
/** Calico's older releases do not have them. */
const OPTIONAL_KINDS: readonly KubernetesKind[] = ["BGPFilter"];

const BACKOFF_MS = { least: 250, most: 30_000 } as const;
/**
 * Objects of a list that are read at once, which holds up everything else in the process for some milliseconds: of whole
 * Nodes (with images and conditions) and of slices (with a hundred endpoints) fewer, since they are large.
 */
const CHUNK = { usual: 500, large: 50 } as const;

interface Followed {
  readonly collection: Collection;
  isSynced: boolean;
  /** Undefined: there was no answer yet. */
  state: "working" | { readonly reason: string; readonly retryAt: number } | undefined;
}

interface Wanted {
  readonly kind: KubernetesKind;
  /** `namespace/name`, for the kind Secret. */
  readonly secret?: string;
}

export function openKubernetesDatastore(options: DatastoreOptions & KubernetesOptions): Datastore {
  const { settings, clock = computerClock(), random = Math.random } = options;
  const mapping = { node: options.node, podCidrs: options.podCidrs };
  const credentials = createCredentials(settings, clock);
  const client = createApiClient(credentials, clock);
  const discovery = createDiscovery(client, settings.apiGroup);
  const known = createKnownObjects(say);
  /** By kind, or by kind and name for what is followed one by one. */
  const followed = new Map<string, Followed>();
  const ending = new Set<Promise<void>>();
  let isClosed = false;
  let interest: Interest = { secrets: [], services: false };
  let synced: Interest | undefined;
  let status: DatastoreStatus | undefined;

  function say(event: DatastoreEvent): void {
    if (!isClosed) options.onEvent(event);
  }

  function isRead(kind: Kind): boolean {
    if (kind === "BlockAffinity" && options.podCidrs) return false;
    return options.kinds === undefined || options.kinds.includes(kind);
  }

  /** Everything that is to be followed, by its key. */
  function wantedNow(): Map<string, Wanted> {
    const wanted = new Map<string, Wanted>();
    const kinds = interest.services ? [...BASE_KINDS, ...SERVICE_KINDS] : BASE_KINDS;
    for (const kind of kinds) if (isRead(kind)) wanted.set(kind, { kind });
    if (isRead("Secret"))
      for (const secret of interest.secrets) wanted.set(`Secret/${secret}`, { kind: "Secret", secret });
    return wanted;
  }

  function adjust(): void {
    const wanted = wantedNow();
    for (const [key, { collection }] of followed) {
      if (wanted.has(key)) continue;
      followed.delete(key);
      collection.close();
      ending.add(collection.ended);
      collection.ended.finally(() => ending.delete(collection.ended));
      const [kind, ...name] = key.split("/") as [Kind, ...string[]];
      if (name.length > 0) known.delete(kind, name.join("/"));
      else known.keepOnly(kind, new Set());
    }
    for (const [key, what] of wanted) if (!followed.has(key)) followed.set(key, follow(what));
    queueMicrotask(report);
  }

  function follow({ kind, secret }: Wanted): Followed {
    const isMetadataOnly = kind === "Node" && !options.podCidrs;
    const entry: Followed = {
      isSynced: false,
      state: undefined,
      collection: followCollection({
        client,
        clock,
        random,
        backoff: createBackoff(BACKOFF_MS.least, BACKOFF_MS.most, random),
        path: async () => collectionPath(kind, await discovery.served(), secret),
        metadataOnly: isMetadataOnly,
        chunk: kind === "EndpointSlice" || (kind === "Node" && !isMetadataOnly) ? CHUNK.large : CHUNK.usual,
        follower: followerOf(kind, secret, () => entry),
      }),
    };
    return entry;
  }

  function followerOf(kind: KubernetesKind, secret: string | undefined, entry: () => Followed): Follower {
    /** Names in the list that is being read. */
    let listed: Set<string> | undefined;

    function hasSynced(): void {
      entry().isSynced = true;
      report();
    }
    function keep(names: ReadonlySet<string>): void {
      if (secret === undefined) known.keepOnly(kind, names);
      else if (!names.has(secret)) known.delete(kind, secret);
    }
    return {
      onListing() {
        listed = new Set();
      },
      onObject(object, path) {
        const name = objectName(object);
        if (name === undefined || (secret !== undefined && name !== secret)) return;
        const mapped = v3Object(kind, object, mapping);
        if (mapped === undefined) return known.delete(kind, name);
        listed?.add(name);
        known.set({ kind, name, object: mapped, origin: originOf(path, name) }, versionOf(mapped));
      },
      onDelete(object) {
        const name = objectName(object);
        if (name !== undefined) known.delete(kind, name);
      },
      onListed() {
        if (listed !== undefined) keep(listed);
        listed = undefined;
        hasSynced();
      },
      onMissing() {
        discovery.forget();
        // A server deletes a definition's objects first and tells of it, so what we know of is not gone.
        if (!OPTIONAL_KINDS.includes(kind) || known.sizeOf(kind) > 0) return false;
        entry().state = "working";
        hasSynced();
        return true;
      },
      onWorking() {
        entry().state = "working";
        report();
      },
      onFailing(failure, retryAt) {
        if (secret !== undefined && failure.status === 403) {
          // It concerns the sessions with this password and nothing else.
          const fault = failure.message;
          known.set({ kind, name: secret, fault, origin: `Secret ${secret}` }, `fault ${fault}`);
          entry().state = "working";
          return hasSynced();
        }
        entry().state = { reason: failure.message, retryAt };
        report();
      },
    };
  }

  /** Says what has changed of the status, and that all that is wanted is there. */
  function report(): void {
    if (isClosed) return;
    const entries = [...followed.values()];
    const next = statusOf(entries, clock.nowMs());
    if (next !== undefined && isNews(next, status, clock.nowMs())) {
      status = next;
      say({ type: "status", status });
    }
    if (synced === interest || !entries.every((entry) => entry.isSynced)) return;
    synced = interest;
    say({ type: "synced", wanted: interest });
  }

  adjust();
  return {
    want(next) {
      if (isClosed) return;
      interest = next;
      adjust();
    },
    async close() {
      isClosed = true;
      discovery.close();
      for (const { collection } of followed.values()) collection.close();
      credentials.close();
      await Promise.all([...[...followed.values()].map(({ collection }) => collection.ended), ...ending]);
    },
  };
}

/** What the server serves, asked once for all collections, and again when something is missing. */
function createDiscovery(client: ApiClient, forced: ApiGroup | undefined) {
  const abort = new AbortController();
  let asked: Promise<Served> | undefined;
  async function ask(): Promise<Served> {
    try {
      return servedBy(await client.get("/apis", { signal: abort.signal }), forced);
    } catch (error) {
      asked = undefined;
      throw error;
    }
  }
  return {
    served(): Promise<Served> {
      asked ??= ask();
      return asked;
    },
    forget(): void {
      asked = undefined;
    },
    close(): void {
      abort.abort();
    },
  };
}

/** Failing while a part of it fails; connected when every part has had an answer. */
function statusOf(entries: readonly Followed[], nowMs: number): DatastoreStatus | undefined {
  const failing = entries.flatMap(({ state }) => (typeof state === "object" ? [state] : []));
  if (failing.length > 0) {
    const reason = [...new Set(failing.map((failure) => failure.reason))].sort().join("; ");
    // A time that has passed is that of an attempt which still runs.
    const times = failing.map((failure) => failure.retryAt);
    const ahead = times.filter((at) => at > nowMs);
    return { state: "failing", reason, retryAt: ahead.length > 0 ? Math.min(...ahead) : Math.max(...times) };
  }
  return entries.length > 0 && entries.every(({ state }) => state === "working") ? { state: "connected" } : undefined;
}

/** The same reason is said once for each round of attempts, not for each collection. */
function isNews(next: DatastoreStatus, said: DatastoreStatus | undefined, nowMs: number): boolean {
  if (said === undefined || next.state !== said.state) return true;
  if (next.state === "connected" || said.state === "connected") return false;
  return next.reason !== said.reason || ((said.retryAt ?? 0) <= nowMs && next.retryAt !== said.retryAt);
}

/** A change of what we let go is no change, so it is not the server's version that counts. */
function versionOf(object: Json): string {
  return createHash("sha256").update(JSON.stringify(object)).digest("base64");
}

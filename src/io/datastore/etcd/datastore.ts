/**
 * Calico's etcd, followed: list everything at one revision, watch from the next one, and begin again where that is not
 * possible. What is lost with a connection is only the connection: watches go on from where they were.
 */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createBackoff } from "../../../confgen/datastore/backoff.ts";
import type {
  Datastore,
  DatastoreEvent,
  DatastoreOptions,
  DatastoreStatus,
  Interest,
} from "../../../confgen/datastore/datastore.ts";
import { type EtcdRange, etcdRanges } from "../../../confgen/datastore/etcd-keys.ts";
import type { EtcdOptions } from "../../../confgen/datastore/etcd-options.ts";
import { createKnownObjects } from "../../../confgen/datastore/known-objects.ts";
import { connectEtcd, type EtcdConnection } from "./connection.ts";
import { prepareEndpoint } from "./credentials.ts";
import { diagnose } from "./diagnosis.ts";
import { findEndpoints } from "./endpoints.ts";
import { EtcdFault } from "./fault.ts";
import { listRanges } from "./listing.ts";
import { DELETE_EVENT, type KeyValue, type ResponseHeader, type WatchResponse } from "./messages.ts";
import { type EtcdTuning, TUNING } from "./tuning.ts";
import { type Watched, type Watching, watchRanges } from "./watching.ts";

/** Times in a row that a connection may have to list or log in again before any of it leads to a watch. */
const FRUITLESS_TURNS = 3;

/**
 * Begins to follow etcd. Nothing is thrown: what does not work is said by `status` events. Interest in Services and Secrets
 * is satisfied by nothing, since they are not in etcd.
 */
export function openEtcdDatastore(options: DatastoreOptions & EtcdOptions, given: Partial<EtcdTuning> = {}): Datastore {
  const tuning: EtcdTuning = { ...TUNING, ...given };
  const ranges = etcdRanges(options.node, options.podCidrs);
  const backoff = createBackoff(tuning.backoffLeastMs, tuning.backoffMostMs, tuning.random);
  const known = createKnownObjects(say);
  const closing = new AbortController();
  let interest: Interest = { secrets: [], services: false };
  /** What is known up to which revision. Absent: it has to be listed. */
  let watches: readonly Watched[] | undefined;
  let cluster: ResponseHeader | undefined;
  let hasSynced = false;
  let connection: EtcdConnection | undefined;
  let watching: Watching | undefined;

  function say(event: DatastoreEvent): void {
    if (!closing.signal.aborted) options.onEvent(event);
  }
  function sayStatus(status: DatastoreStatus): void {
    say({ type: "status", status });
  }

  /** Rounds over the endpoints until the datastore is closed. */
  async function run(): Promise<void> {
    let preferred = 0;
    while (!closing.signal.aborted) {
      const reasons = new Map<string, string[]>();
      let hasWorked = false;
      const urls = await findEndpoints(options, tuning, closing.signal).catch((error: Error) => {
        reasons.set(error.message, []);
        return [];
      });
      for (let turn = 0; turn < urls.length && !hasWorked; turn++) {
        const url = urls[preferred % urls.length]!;
        const began = tuning.nowMs();
        const { reason, wasReady } = await use(url);
        if (closing.signal.aborted) return;
        preferred++;
        reasons.set(reason, [...(reasons.get(reason) ?? []), url]);
        if (wasReady) sayStatus({ state: "failing", reason: words(reasons), retryAt: tuning.nowMs() });
        // One that breaks as soon as it works must not be tried again without a pause.
        hasWorked = wasReady && tuning.nowMs() - began > tuning.backoffMostMs;
      }
      if (hasWorked) {
        backoff.reset();
        continue;
      }
      const delay = backoff.next();
      sayStatus({ state: "failing", reason: words(reasons), retryAt: tuning.nowMs() + delay });
      await sleep(delay, undefined, { signal: closing.signal }).catch(() => {});
    }
  }

  /** Works with one endpoint until it fails. */
  async function use(url: string): Promise<{ readonly reason: string; readonly wasReady: boolean }> {
    let wasReady = false;
    try {
      const endpoint = await prepareEndpoint(url, options);
      if (closing.signal.aborted) return { reason: "closed", wasReady };
      const own = connectEtcd(endpoint, options.username, tuning);
      connection = own;
      const fault = await follow(own, () => {
        wasReady = true;
        sayStatus({ state: "connected" });
      }).catch((error: unknown) => error as Error);
      own.close();
      if (closing.signal.aborted || !(fault instanceof EtcdFault) || fault.kind !== "unreachable")
        return { reason: fault.message, wasReady };
      if (wasReady) return { reason: `the connection was lost (${fault.message})`, wasReady };
      return { reason: (await diagnose(endpoint, tuning.requestMs, closing.signal)) ?? fault.message, wasReady };
    } catch (error) {
      return { reason: (error as Error).message, wasReady };
    } finally {
      connection = undefined;
    }
  }

  /** Resolves or rejects with why the connection is of no more use. */
  async function follow(own: EtcdConnection, onReady: () => void): Promise<EtcdFault> {
    await logIn(own);
    let fruitless = 0;
    for (;;) {
      let fault: EtcdFault;
      try {
        watches ??= await list(own);
        fault = await watch(own, watches, () => {
          fruitless = 0;
          onReady();
        });
      } catch (error) {
        if (!(error instanceof EtcdFault) || error.kind === "denied") throw error;
        fault = error;
      }
      if (fault.kind === "unreachable" || fault.kind === "other" || fruitless++ === FRUITLESS_TURNS) return fault;
      if (fault.kind === "compacted") watches = undefined;
      else await logIn(own);
    }
  }

  async function logIn(own: EtcdConnection): Promise<void> {
    const { username, password } = options;
    if (username === undefined) return;
    own.useToken(undefined);
    own.useToken(await own.authenticate(username, password ?? ""));
  }

  async function list(own: EtcdConnection): Promise<readonly Watched[]> {
    const { header, keys } = await listRanges(own, ranges, tuning.pageKeys);
    if (closing.signal.aborted) throw new EtcdFault("other", "closed");
    for (const [at, range] of ranges.entries()) {
      const names = new Set<string>();
      for (const kv of keys[at]!) {
        const name = set(range, kv);
        if (name !== undefined) names.add(name);
      }
      known.keepOnly(range.kind, names);
    }
    cluster = header;
    if (!hasSynced) {
      hasSynced = true;
      say({ type: "synced", wanted: interest });
    }
    return ranges.map((range) => ({ range, revision: header.revision, parts: [] }));
  }

  async function watch(own: EtcdConnection, from: readonly Watched[], onReady: () => void): Promise<EtcdFault> {
    const newest = Math.max(...from.map(({ revision }) => revision));
    const onCreated = (header: ResponseHeader) => {
      if (cluster === undefined || !isSameHistory(cluster, header) || header.revision < newest)
        watching?.end(new EtcdFault("compacted", "the server has another history than the one that was listed"));
    };
    watching = watchRanges(own, from, options.username, { onCreated, onReady, onChange }, tuning);
    return watching.ended;
  }

  function onChange(range: EtcdRange, { type, kv }: WatchResponse["events"][number]): void {
    if (type !== DELETE_EVENT) {
      set(range, kv);
      return;
    }
    const name = range.nameOf(kv.key.toString());
    if (name !== undefined) known.delete(range.kind, name);
  }

  /** The name of the object. The version is a hash, so what is written again as it was is not said again. */
  function set(range: EtcdRange, { key, value }: KeyValue): string | undefined {
    const stored = range.read(key.toString(), value.toString());
    if (stored === undefined) return undefined;
    known.set(stored, createHash("sha256").update(value).digest("base64"));
    return stored.name;
  }

  const running = run();
  return {
    want(next) {
      interest = next;
      if (hasSynced) queueMicrotask(() => say({ type: "synced", wanted: interest }));
    },
    async close() {
      closing.abort();
      watching?.end(new EtcdFault("other", "closed"));
      connection?.close();
      await running;
    },
  };
}

/** A cluster that was restored from a backup has another identity, or begins its terms anew. */
function isSameHistory(before: ResponseHeader, now: ResponseHeader): boolean {
  return before.clusterId === now.clusterId && before.raftTerm <= now.raftTerm;
}

/** `https://a:2379, https://b:2379: connection refused; https://c:2379: …`. */
function words(reasons: ReadonlyMap<string, readonly string[]>): string {
  return [...reasons]
    .map(([reason, urls]) => (urls.length === 0 ? reason : `${urls.join(", ")}: ${reason}`))
    .join("; ");
}

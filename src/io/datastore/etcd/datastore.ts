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
import { createEtcdContent } from "../../../confgen/datastore/etcd-content.ts";
import type { EtcdOptions } from "../../../confgen/datastore/etcd-options.ts";
import { createKnownObjects } from "../../../confgen/datastore/known-objects.ts";
import { connectEtcd, type EtcdConnection } from "./connection.ts";
import { prepareEndpoint } from "./credentials.ts";
import { diagnose } from "./diagnosis.ts";
import { findEndpoints } from "./endpoints.ts";
import { EtcdFault } from "./fault.ts";
import { listKeys } from "./listing.ts";
import { DELETE_EVENT, type ResponseHeader, type WatchResponse } from "./messages.ts";
import { type EtcdTuning, TUNING } from "./tuning.ts";
import { type Watched, type Watching, watchKeys } from "./watching.ts";

/** Times in a row that a connection may have to list or log in again before any of it leads to a watch. */
const FRUITLESS_TURNS = 3;

/**
 * Begins to follow etcd. Nothing is thrown: what does not work is said by `status` events. Interest in Services and Secrets
 * is satisfied by nothing, since they are not in etcd.
 */
export function openEtcdDatastore(options: DatastoreOptions & EtcdOptions, given: Partial<EtcdTuning> = {}): Datastore {
  const tuning: EtcdTuning = { ...TUNING, ...given };
  const backoff = createBackoff(tuning.backoffLeastMs, tuning.backoffMostMs, tuning.random);
  const { node, podCidrs, layout = "v3" } = options;
  // What is written again as it was has the same hash, and is not said again.
  const hash = (text: string) => createHash("sha256").update(text).digest("base64");
  const content = createEtcdContent({ node, podCidrs, layout, known: createKnownObjects(say), hash });
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
      if (wasReady) return { reason: `the connection was lost (${lossOf(fault.message)})`, wasReady };
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
    const { header, keys } = await listKeys(own, content.prefixes, tuning.pageKeys);
    if (closing.signal.aborted) throw new EtcdFault("other", "closed");
    content.replace(keys.map((kvs) => kvs.map(({ key, value }) => [key.toString(), value.toString()])));
    cluster = header;
    if (!hasSynced) {
      hasSynced = true;
      say({ type: "synced", wanted: interest });
    }
    return content.prefixes.map((prefix) => ({ prefix, revision: header.revision, parts: [] }));
  }

  async function watch(own: EtcdConnection, from: readonly Watched[], onReady: () => void): Promise<EtcdFault> {
    const newest = Math.max(...from.map(({ revision }) => revision));
    const onCreated = (header: ResponseHeader) => {
      if (cluster === undefined || !isSameHistory(cluster, header) || header.revision < newest)
        watching?.end(new EtcdFault("compacted", "the server has another history than the one that was listed"));
    };
    watching = watchKeys(own, from, options.username, { onCreated, onReady, onChanges }, tuning);
    return watching.ended;
  }

  function onChanges(index: number, changes: WatchResponse["events"]): void {
    const plain = changes.map(({ type, kv }) => {
      const key = kv.key.toString();
      return type === DELETE_EVENT ? { key } : { key, value: kv.value.toString() };
    });
    content.change(index, plain);
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

/** gRPC's words for what becomes of a connection that worked. */
function lossOf(words: string): string {
  if (/ECONNRESET|socket hang up/.test(words)) return "the server, or something before it, reset it";
  // What its keepalive does to a connection.
  return words === "Connection dropped" ? "closed, or without a sign of life" : words;
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

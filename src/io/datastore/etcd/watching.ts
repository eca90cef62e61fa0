/** Several watches on one stream, each from its own place, until one of them or the stream ends. */
import { rangeEnd } from "../../../confgen/datastore/etcd-keys.ts";
import type { EtcdConnection } from "./connection.ts";
import { EtcdFault, faultOf } from "./fault.ts";
import type { ResponseHeader, WatchResponse } from "./messages.ts";
import type { EtcdTuning } from "./tuning.ts";

export interface Watched {
  readonly prefix: string;
  /** All below the prefix up to this revision is known. */
  revision: number;
  /** Parts of a response whose end has not come. Kept back: a revision is taken whole or not at all. */
  parts: WatchResponse["events"][number][];
}

export interface WatchHandlers {
  /** The server has confirmed a watch; its header tells where the server stands. */
  readonly onCreated: (header: ResponseHeader) => void;
  /** All watches are confirmed. */
  readonly onReady: () => void;
  /** What a response says of the watch of that index. */
  readonly onChanges: (index: number, changes: WatchResponse["events"]) => void;
}

export interface Watching {
  /** Why it ended. Never rejects. */
  readonly ended: Promise<EtcdFault>;
  end(fault: EtcdFault): void;
}

/** `user` is for messages. */
export function watchKeys(
  connection: EtcdConnection,
  watches: readonly Watched[],
  user: string | undefined,
  handlers: WatchHandlers,
  tuning: EtcdTuning,
): Watching {
  let resolve: (fault: EtcdFault) => void;
  const ended = new Promise<EtcdFault>((done) => {
    resolve = done;
  });
  const ids = new Map<number, Watched>();
  let confirmed = 0;
  let hasEnded = false;
  for (const watched of watches) watched.parts = [];

  function end(fault: EtcdFault): void {
    if (hasEnded) return;
    hasEnded = true;
    clearTimeout(slow);
    stream.close();
    resolve(fault);
  }

  /** What is thrown here would end the process: something that nobody thought of only has everything listed again. */
  function takeSafely(message: WatchResponse): void {
    try {
      take(message);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      end(new EtcdFault("compacted", `what the server says cannot be taken: ${reason}`));
    }
  }

  function take(message: WatchResponse): void {
    if (hasEnded) return;
    // Confirmations come in the order of the requests; a refusal is a confirmation that is canceled at once.
    if (message.created && !message.canceled) confirm(message);
    else if (message.canceled)
      end(cancellation(message, ids.get(message.watchId) ?? watches[confirmed], user, tuning.requestMs));
    else change(message);
  }

  function confirm(message: WatchResponse): void {
    const watched = watches[confirmed++];
    if (watched === undefined) {
      end(new EtcdFault("other", "the server confirmed a watch that nobody asked for"));
      return;
    }
    ids.set(message.watchId, watched);
    if (message.header !== null) handlers.onCreated(message.header);
    if (confirmed < watches.length || hasEnded) return;
    clearTimeout(slow);
    handlers.onReady();
  }

  function change({ watchId, events, fragment, header }: WatchResponse): void {
    const watched = ids.get(watchId);
    if (watched === undefined) return;
    for (const event of events) watched.parts.push(event);
    if (fragment) return;
    const whole = watched.parts;
    watched.parts = [];
    const changes = whole.filter(({ kv }) => kv.modRevision > watched.revision);
    if (changes.length > 0) handlers.onChanges(watches.indexOf(watched), changes);
    // Without events it is a sign of progress: there was nothing for us up to the header's revision. With events the header
    // may be ahead of them, when more of the past is still to come.
    watched.revision = Math.max(watched.revision, whole.at(-1)?.kv.modRevision ?? header?.revision ?? 0);
  }

  const stream = connection.watch(takeSafely, end);
  const slow = setTimeout(() => {
    end(new EtcdFault("other", `no answer within ${tuning.requestMs / 1000} s to the request to watch`));
  }, tuning.requestMs);
  for (const { prefix, revision } of watches)
    stream.send({
      createRequest: {
        key: Buffer.from(prefix),
        rangeEnd: Buffer.from(rangeEnd(prefix)),
        startRevision: revision + 1,
        progressNotify: true,
        fragment: true,
      },
    });
  return { ended, end };
}

function cancellation(
  { compactRevision, cancelReason }: WatchResponse,
  watched: Watched | undefined,
  user: string | undefined,
  deadlineMs: number,
): EtcdFault {
  if (compactRevision > 0) return new EtcdFault("compacted", "the history was compacted");
  return faultOf(0, cancelReason, { user, what: `watch ${watched?.prefix ?? "the keys"}`, deadlineMs });
}

import type { Family } from "../ip/address.ts";
import { createPrefixTable } from "../ip/create-prefix-table.ts";
import type { Prefix } from "../ip/prefix.ts";
import type { PrefixRow } from "../ip/prefix-table.ts";
import { ANSWER_MS, BatchWriter } from "./batch-writer.ts";
import { DumpRunner } from "./dump-runner.ts";
import { Faults } from "./errno.ts";
import { createFailureLog } from "./failure-log.ts";
import type { Fib, FibClock, FibCounters, FibLog, Forwarding, KernelEvent } from "./fib.ts";
import { learnedRoute } from "./learned-route.ts";
import { LinkMirror } from "./link-mirror.ts";
import { createNamedTimers } from "./named-timers.ts";
import { createNotifications } from "./notifications.ts";
import { createRetryPlan } from "./retry-plan.ts";
import { RetryQueue } from "./retry-queue.ts";
import { AF, RT_TABLE_MAIN } from "./rtnetlink.ts";
import { TableSync } from "./table-sync.ts";
import { Ways } from "./ways.ts";

/** The three sockets as the FIB needs them. `io/netlink` has the kernel's, the tests have a kernel in memory. */
export interface NetlinkPort {
  /** Writes a batch to the request socket; `KernelFib.sent` follows. One at a time; the bytes stay untouched until then. */
  send(bytes: Uint8Array): void;
  /** Writes one dump request to the dump socket. */
  dump(bytes: Uint8Array): void;
  /** While paused, notifications stay in the socket. */
  pauseEvents(paused: boolean): void;
  /** nlmsg_pid of the request socket: notifications with it are echoes of our own writes. */
  pid(): number;
  close(): void;
}

export type NetlinkSocket = "requests" | "dumps" | "events";

export interface KernelFibOptions {
  readonly clock: FibClock;
  readonly log: FibLog;
  readonly onEvent: (event: KernelEvent) => void;
  /** False: nothing is written and nothing deleted; links, addresses and routes are still told. */
  readonly program: boolean;
  /** Prefixes per family that the mirror may hold, wanted and foreign together. */
  readonly maxPrefixes?: number;
  /** A full check of the mirror so often, besides those that events ask for. 0: never. */
  readonly recheckMs?: number;
}

/** The Fib and what the sockets tell it. */
export interface KernelFib extends Fib {
  /** Begins the first dump. */
  start(): void;
  sent(errno: number): void;
  /** Octets read from one of the sockets, whole messages; read only during the call. */
  received(socket: NetlinkSocket, bytes: Uint8Array): void;
  /** The socket overran (ENOBUFS) or was reopened: messages are lost. */
  lost(socket: NetlinkSocket): void;
}

/** Connected routes: with one, gateways become reachable. */
const RTPROT_KERNEL = 2;
const MAX_PREFIXES = 2_000_000;
const RECHECK_MS = 60_000;
/** Between a suspicion and the dump that settles it: others may follow. */
const SUSPECT_MS = 100;
/** From the end of one resynchronisation to the next. */
const RESYNC_GAP_MS = 1000;
/** After a dump that stayed interrupted. */
const UNSETTLED_MS = 10_000;
/** Closing with deletion of the routes gives up after this. */
const CLOSE_MS = 30_000;
/** Rows of a walk that puts rows into the queue, in one turn of the loop. */
const SLICE_ROWS = 16_384;

export function createKernelFib(options: KernelFibOptions, port: NetlinkPort): KernelFib {
  const { clock, log, onEvent } = options;
  let program = options.program;
  const ways = new Ways();
  const faults = new Faults();
  const tables = new Set<number>([RT_TABLE_MAIN]);
  let running = false;
  let closed = false;
  let resyncWanted = false;
  let resyncs = 0;
  let lastDumpMs = Number.NEGATIVE_INFINITY;
  let pausedBy = 0;
  const timers = createNamedTimers(clock);
  let ending: "keep" | "remove" | undefined;
  let whenDone: (() => void) | undefined;

  const emit = (event: KernelEvent) => {
    onEvent(event);
    if (running) timers.schedule("batch", 0, () => onEvent({ kind: "batch" }));
  };

  const wake = () => timers.schedule("pump", 0, pump);
  const suspect = (reason: string) => {
    if (!running || resyncWanted) return;
    log("debug", "kernel.resync.wanted", { reason });
    const wait = Math.max(SUSPECT_MS, lastDumpMs + RESYNC_GAP_MS - clock.nowMs());
    timers.schedule("resync", wait, resync);
  };
  const listener = {
    learned: (sync: TableSync, row: PrefixRow, metric: number, protocol: number) => {
      const { route: learned, gone } = learnedRoute(sync.mirror, row, metric, protocol);
      emit({ kind: "route", route: learned, gone });
      if (protocol === RTPROT_KERNEL && !gone) retry.soon();
    },
    wake,
    suspect,
  };
  const sync = (family: Family) => {
    const table = createPrefixTable(family, options.maxPrefixes ?? MAX_PREFIXES);
    const retries = new RetryQueue(clock.nowMs);
    const af = family === "ipv4" ? AF.inet : AF.inet6;
    return { retries, sync: new TableSync(af, table, ways, faults, retries, listener) };
  };
  const ipv4 = sync("ipv4");
  const ipv6 = sync("ipv6");
  const syncs = [ipv4.sync, ipv6.sync];
  const syncOf = (family: Family) => (family === "ipv4" ? ipv4.sync : ipv6.sync);

  const retry = createRetryPlan(clock, timers, [ipv4, ipv6]);

  const writer = new BatchWriter(ways, faults, syncs, {
    send: (bytes) => {
      const batch = writer.batch;
      port.send(bytes);
      timers.schedule("answer", ANSWER_MS, () => {
        if (writer.busy && writer.batch === batch) fibOf.lost("requests");
      });
    },
    failed: (write) => failures.note(write),
    idle: (lost) => {
      timers.cancel("answer");
      retry.arm();
      if (ending !== "keep" && (lost || resyncWanted)) resync();
      else pump();
    },
  });

  const failures = createFailureLog(log, timers, faults, () => ipv4.sync.failed + ipv6.sync.failed);

  function pump(): void {
    if (!running || ending === "keep") {
      checkDone();
      return;
    }
    if (program) writer.pump();
    else for (const sync of syncs) sync.skip();
    checkDone();
  }

  function checkDone(): void {
    if (!whenDone || writer.busy) return;
    const removing = ending === "remove" && resyncs > 0;
    if (!removing || (running && syncs.every((sync) => sync.backlog === 0))) whenDone();
  }

  const pause = (by: number) => {
    pausedBy += by;
    if (pausedBy === (by > 0 ? 1 : 0)) port.pauseEvents(by > 0);
  };

  const links = new LinkMirror({
    emit,
    linkDown: (link) => {
      purgeDead();
      if (anyWay((way) => ways.isOpen(way))) suspect(`${link.name} went down`);
    },
    linkUp: () => retry.soon(),
    addressAdded: () => retry.soon(),
    addressGone: ({ ifindex, address }, last) => {
      if (last && address.family === "ipv4") purgeDead(ifindex);
      // The kernel drops IPv4 routes with this source, and takes the source from IPv6 ones, without a word.
      const source = address.bytes;
      if (anyWay((way) => ways.prefSrc(way)?.bytes.every((octet, i) => octet === source[i]) ?? false))
        suspect("a preferred source address has gone");
    },
  });

  function anyWay(holds: (way: number) => boolean): boolean {
    let found = false;
    ways.forEach((way) => {
      found ||= holds(way);
    });
    return found;
  }

  /** Takes the IPv4 routes from the mirror that the kernel has dropped silently with their links. */
  function purgeDead(alsoDown = 0): void {
    if (!running) return;
    const dead = new Set<number>();
    const isDown = (ifindex: number) => ifindex === alsoDown || links.isDown(ifindex);
    ways.forEach((way) => {
      if (ways.diesWith(way, isDown)) dead.add(way);
    });
    if (dead.size === 0) return;
    // A write in flight may have come before or after the loss.
    if (writer.busy) suspect("a link went down while routes were written");
    for (const way of dead) ways.retain(way);
    const { mirror } = ipv4.sync;
    pause(1);
    const slice = (from: number) => {
      ipv4.sync.countRepairs = false;
      const done = mirror.dropWhere(from, from + SLICE_ROWS, (entry) => dead.has(mirror.way(entry)));
      ipv4.sync.countRepairs = true;
      if (!done) return void clock.after(0, () => slice(from + SLICE_ROWS));
      for (const way of dead) ways.release(way);
      if (!closed) pause(-1);
    };
    slice(0);
  }

  const dumps = new DumpRunner(ways, links, clock, {
    dump: (bytes) => port.dump(bytes),
    warn: (event, fields) => log("warn", event, fields),
    dumped: (complete) => {
      const first = resyncs === 0;
      resyncs++;
      lastDumpMs = clock.nowMs();
      running = true;
      for (const sync of syncs) sync.synced();
      if (!complete) timers.schedule("resync", UNSETTLED_MS, resync);
      onEvent({ kind: "batch" });
      if (first) onEvent({ kind: "synced" });
      log(first ? "info" : "debug", "kernel.synced", {
        routes: ipv4.sync.mirror.size + ipv6.sync.mirror.size,
        adopted: ipv4.sync.mirror.adopted + ipv6.sync.mirror.adopted,
        complete,
      });
      const recheckMs = options.recheckMs ?? RECHECK_MS;
      if (recheckMs > 0) timers.schedule("resync", recheckMs, resync);
      pause(-1);
      retry.soon();
      if (resyncWanted) timers.schedule("resync", RESYNC_GAP_MS, resync);
      resyncWanted = false;
      pump();
    },
  });

  /** Dumps everything, once what is in flight has been answered. */
  function resync(): void {
    resyncWanted = true;
    if (writer.busy || dumps.running || closed) return;
    resyncWanted = false;
    running = false;
    timers.cancel("resync");
    pause(1);
    dumps.start(syncs, tables);
  }

  const notifications = createNotifications(ways, () => port.pid(), {
    route(route) {
      if (!tables.has(route.table)) {
        ways.release(route.way);
        return;
      }
      const { sync } = route.af === AF.inet ? ipv4 : ipv6;
      // Port id 0 is the kernel itself, which removes IPv6 routes with their link: no foreign change.
      sync.countRepairs = route.pid !== 0;
      sync.observe(route);
      sync.countRepairs = true;
    },
    link: (link, gone) => links.link(link, gone),
    address: (address, gone) => links.address(address, gone),
  });

  const fibOf: KernelFib = {
    start: () => resync(),
    startProgramming(): void {
      program = true;
    },
    want(family: Family, bytes: Uint8Array, at: number, length: number, forwarding: Forwarding): void {
      if (closed || !program) return;
      if (forwarding.table !== RT_TABLE_MAIN && !tables.has(forwarding.table)) {
        tables.add(forwarding.table);
        suspect(`table ${forwarding.table} is new`);
      }
      if (!syncOf(family).want(bytes, at, length, forwarding))
        log("error", "kernel.full", { family, bound: options.maxPrefixes ?? MAX_PREFIXES });
    },
    unwant(family: Family, bytes: Uint8Array, at: number, length: number): void {
      if (!closed && program) syncOf(family).unwant(bytes, at, length);
    },
    status: (prefix: Prefix) => syncOf(prefix.family).status(prefix.bytes, prefix.length),
    counters(family?: Family): FibCounters {
      const counted = family === undefined ? syncs : [syncOf(family)];
      const sum = (of: (sync: TableSync) => number) => counted.reduce((total, sync) => total + of(sync), 0);
      return {
        installed: sum((sync) => sync.installed),
        pending: sum((sync) => sync.pending),
        shadowed: sum((sync) => sync.shadowed),
        failed: sum((sync) => sync.failed),
        written: writer.written,
        errors: writer.refused,
        foreignRepairs: sum((sync) => sync.repairs),
        resyncs,
        adopted: sum((sync) => sync.mirror.adopted),
      };
    },
    backlog: () => ipv4.sync.backlog + ipv6.sync.backlog,
    prune(): void {
      if (!program) return;
      const slice = (from: number) => {
        const done = syncs.map((sync) => sync.prune(from, from + SLICE_ROWS));
        if (done.includes(false)) clock.after(0, () => slice(from + SLICE_ROWS));
      };
      slice(0);
    },
    close(removeRoutes: boolean): Promise<void> {
      return new Promise((resolve) => {
        if (closed) return resolve();
        const end = () => {
          whenDone = undefined;
          closed = true;
          dumps.stop();
          timers.end();
          port.close();
          resolve();
        };
        if (removeRoutes && program) for (const sync of syncs) sync.unwantAll();
        timers.schedule("close", CLOSE_MS, end);
        whenDone = end;
        ending = removeRoutes && program ? "remove" : "keep";
        pump();
      });
    },
    sent: (errno) => writer.sent(errno),
    received(socket: NetlinkSocket, bytes: Uint8Array): void {
      if (closed) return;
      if (socket === "requests") writer.answers(bytes);
      else if (socket === "dumps") dumps.answers(bytes);
      else notifications.read(bytes);
    },
    lost(socket: NetlinkSocket): void {
      if (closed) return;
      log("warn", "kernel.overrun", { socket });
      if (socket === "dumps") dumps.lost();
      else if (socket === "requests") writer.lost();
      else {
        // Nothing is replaced or deleted by a mirror known to be wrong.
        running = false;
        timers.schedule("resync", Math.max(0, lastDumpMs + RESYNC_GAP_MS - clock.nowMs()), resync);
      }
    },
  };
  return fibOf;
}

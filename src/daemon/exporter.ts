/**
 * Loc-RIB to peers: keeps one update group per distinct export context, feeds changed prefixes to it, and flushes it
 * (DESIGN 3.7, 3.8). The first change after quiet goes out at once; while a flush runs, or shortly after one,
 * changes collect for the next.
 */
import type { Family } from "../ip/address.ts";
import type { PrefixRow } from "../ip/prefix-table.ts";
import { READS, type TraceStep } from "../policy/types.ts";
import type { SetTable } from "../rib/attribute-sets.ts";
import type { FamilyRib } from "../rib/family-rib.ts";
import type { PathRow, PeerId, SetHandle } from "../rib/types.ts";
import { createUpdateGroup } from "../rib/update-group.ts";
import type { Member, UpdateGroup } from "../rib/update-group-types.ts";
import { createDefaultOrigin } from "./default-origin.ts";
import { createEncoder, createNextHopRule, type ExportContext, type ExportTables, groupKey } from "./export-context.ts";
import { createExportDecision, type DecidedGroup } from "./export-decision.ts";
import { createConsiders, type ExportTally, rowLayout, sentTo } from "./export-rows.ts";
import type { Clock } from "./ports.ts";
import { type Job, PRIORITY, type Scheduler } from "./scheduler.ts";

/**
 * The only advertisement delay: after a flush changes collect for as long as that flush took, at most this long. A lone
 * change is passed on at once, and under load half the time at most goes into flushing, whatever the number of members.
 */
const COLLECT_MS = 20;
/** What one flush slice may do. */
const FLUSH_BUDGET = { rows: 4096, octets: 256 * 1024 } as const;
/** Prefixes considered in one slice while a new group is filled. */
const FILL_ROWS = 4096;
/** Rows given back in one slice when a group is closed. */
const CLOSE_ROWS = 16_384;

export interface ExportGroup extends DecidedGroup {
  readonly key: string;
  readonly updates: UpdateGroup;
  /** Outlets that are in it or on their way to it. */
  members: number;
  /** Its Adj-RIB-Out has been filled from the Loc-RIB; members join then. */
  filled: boolean;
  /** Changes before this time collect. */
  collectUntilMs: number;
}

/** A peer's place among the groups. */
export interface Outlet {
  /** Whose rules apply to the peer. */
  group: ExportGroup;
  /** Whose Adj-RIB-Out it is sent: none at first, and the former one until `group` has been filled. */
  joined: ExportGroup | undefined;
  readonly member: Member;
  /** Decisions of groups that it has left, less those of `joined` before it came. */
  readonly tally: ExportTally;
  /** Is told how many prefixes the peer will hold before any of them is sent, and whether some had no room; may end the session. */
  announcing: ((count: number, leftOut: boolean) => void) | undefined;
}

export interface ExporterOptions {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly tables: ExportTables & { readonly sets: SetTable };
  readonly ribs: Record<Family, FamilyRib>;
  /** The member that lags most is closed with Cease 6/8: tombstones reached their bound. */
  readonly onLagging: (member: Member) => void;
}

export interface Exporter {
  /** The peer gets what the context says; its whole table first, then End-of-RIB. */
  attach(context: ExportContext, member: Member): Outlet;
  detach(outlet: Outlet): void;
  /** Moves the member to the group of a new context without a reset; no-op when the key is the same. */
  move(outlet: Outlet, context: ExportContext): void;
  /** Sets who is told before each flush; undefined: nobody. */
  watch(outlet: Outlet, announcing: ((count: number, leftOut: boolean) => void) | undefined): void;
  /** Prefixes that the peer is announced; its own do not count. */
  announced(outlet: Outlet): number;
  /** What was not announced, and by whose decision, since the outlet is in a group. */
  withheld(outlet: Outlet): ExportTally;
  /** The whole Adj-RIB-Out once more (route refresh); `done` runs when it has been written. */
  resend(outlet: Outlet, done?: () => void): void;
  resume(outlet: Outlet): void;
  /**
   * The prefix's best path changed, or any path that groups may send (FamilyRib.reportsAllPaths). `sendSoon` follows when
   * all changes at hand have been told.
   */
  propagate(family: Family, row: PrefixRow): void;
  sendSoon(family: Family): void;
  /** What the group's rules make of a path now, 0 being none: a set (not retained) or a negative STOP code. */
  decide(group: ExportGroup, row: PrefixRow, path: PathRow): SetHandle | number;
  /** The id stands for another peer from now on: what was remembered of its routes counts no longer. */
  forgetSource(id: PeerId): void;
  /** The source is a client of our reflector from now on, or no more: to whom its routes may go is decided again. */
  clientChanged(id: PeerId): void;
  /** Interfaces have other names: groups whose policy reads them look at all prefixes again. */
  interfacesMoved(): void;
  groups(): Iterable<ExportGroup>;
  /** Nothing waits to be considered or sent, lagging members aside. */
  readonly quiet: boolean;
  /** The export policy's steps for a path, for explain. */
  trace(group: ExportGroup, row: PrefixRow, path: PathRow): readonly TraceStep[];
  readonly tables: ExportTables;
}

interface RunningGroup extends ExportGroup {
  readonly tally: ExportTally;
  /** Tells the group what becomes of a prefix. */
  readonly consider: (row: PrefixRow) => void;
  /** Outlets that are told before each flush. */
  readonly watched: Set<RunningOutlet>;
  /** Rows were left out for want of room. */
  leftOut: boolean;
  readonly flush: Job;
  readonly fill: Fill;
  /** Gives back what the group holds when it has been dropped. */
  readonly close: Job;
  /** Outlets that join when it has been filled. */
  readonly waiting: Set<RunningOutlet>;
  cancelTimer: (() => void) | undefined;
}

/** Considers all prefixes for a group. */
interface Fill {
  readonly job: Job;
  /** All once more, those that a run at hand has passed included. */
  again(): void;
}

interface RunningOutlet extends Outlet {
  group: RunningGroup;
  joined: RunningGroup | undefined;
}

export function createExporter(options: ExporterOptions): Exporter {
  const { clock, scheduler, tables, ribs } = options;
  const { sets } = tables;
  const groups = new Map<string, RunningGroup>();
  const byFamily: Record<Family, RunningGroup[]> = { ipv4: [], ipv6: [] };
  const { decide, decideSet, finish, forgetSource, releasePending, trace } = createExportDecision(tables, ribs);
  const considers = createConsiders(ribs, decideSet);

  /** Those who want to know are told before anything is written. False: the group went with the last of them. */
  function tellWatchers(group: RunningGroup): boolean {
    for (const outlet of [...group.watched]) outlet.announcing?.(sentTo(group, outlet.member.peer), group.leftOut);
    return isLive(group);
  }

  /** Sends soon: at once after quiet, else when the collection time is over. */
  function touch(group: RunningGroup): void {
    if (group.cancelTimer || scheduler.has(group.flush) || !group.updates.pending) return;
    const wait = group.collectUntilMs - clock.nowMs();
    if (wait <= 0) {
      scheduler.add(group.flush);
      return;
    }
    group.cancelTimer = clock.after(wait, () => {
      group.cancelTimer = undefined;
      scheduler.add(group.flush);
    });
  }

  function createGroup(context: ExportContext, key: string): RunningGroup {
    const rib = ribs[context.family];
    const layout = rowLayout(rib, context);
    const hops = createNextHopRule(context, tables);
    const updates = createUpdateGroup({
      family: context.family,
      encoder: createEncoder(context, tables, hops),
      ...layout,
      maxMessageOctets: context.maxOctets,
      onLagging: options.onLagging,
      onWork: () => (isLive(group) ? touch(group) : scheduler.add(group.close)),
      nowMs: clock.nowMs,
    });
    let spentMs = 0;
    const { room } = context;
    const origin = context.originates
      ? createDefaultOrigin(context, rib, sets, tables.nextHops, (set) => finish(context, set))
      : undefined;
    const consider = considers(context);
    const group: RunningGroup = {
      tally: { filtered: 0, rejected: 0 },
      consider: (row) => consider(group, row),
      key,
      context,
      updates,
      hops,
      origin,
      watched: new Set(),
      leftOut: false,
      members: 0,
      filled: false,
      collectUntilMs: Number.NEGATIVE_INFINITY,
      waiting: new Set(),
      cancelTimer: undefined,
      memoKeys: new Map(),
      editKeys: new Map(),
      hopsVersion: -1,
      flush: {
        name: `flush ${context.family}`,
        priority: PRIORITY.propagate,
        step() {
          const start = clock.nowMs();
          if (group.watched.size > 0 && !tellWatchers(group)) return false;
          if (group.leftOut && sentTo(group, room!.peer) < room!.limit) {
            group.leftOut = false;
            group.fill.again();
          }
          const more = updates.flush(FLUSH_BUDGET);
          const end = clock.nowMs();
          spentMs += end - start;
          if (more) return true;
          group.collectUntilMs = end + Math.min(spentMs, COLLECT_MS);
          spentMs = 0;
          return false;
        },
      },
      fill: createFill(rib, () => group),
      // Members whose difference is being worked out come first; when the last is gone `onWork` asks again.
      close: {
        name: `close ${context.family}`,
        priority: PRIORITY.housekeeping,
        step: () => updates.size === 0 && updates.close(CLOSE_ROWS),
      },
    };
    groups.set(key, group);
    byFamily[context.family].push(group);
    reportPaths(context.family);
    if (origin) {
      if (origin.row >= 0) group.consider(origin.row);
      group.filled = true;
      return group;
    }
    if (rib.prefixes.highWater <= FILL_ROWS) group.fill.job.step();
    else scheduler.add(group.fill.job);
    return group;
  }

  /** Changes of paths that are not best are news only where some group sends them. */
  function reportPaths(family: Family): void {
    ribs[family].reportsAllPaths = byFamily[family].some(({ context }) => context.addPath !== "none");
  }

  /**
   * Walks the Loc-RIB once; changes meanwhile reach the group through `propagate`. Again for a group that has been filled
   * when what its policy reads is another for all prefixes: asked for many times at once, it goes round once more.
   */
  function createFill({ family, prefixes }: FamilyRib, of: () => RunningGroup): Fill {
    let cursor = 0;
    let isDue = false;
    const job: Job = {
      name: `fill ${family}`,
      priority: PRIORITY.refresh,
      step() {
        const group = of();
        if (!isLive(group)) return false;
        const end = Math.min(cursor + FILL_ROWS, prefixes.highWater);
        for (; cursor < end; cursor++) if (prefixes.isLive(cursor)) group.consider(cursor);
        if (group.filled) touch(group);
        if (cursor < prefixes.highWater) return true;
        cursor = 0;
        group.filled = true;
        for (const outlet of group.waiting) arrive(outlet);
        group.waiting.clear();
        touch(group);
        const more = isDue;
        isDue = false;
        return more;
      },
    };
    return {
      job,
      again() {
        if (cursor > 0) isDue = true;
        scheduler.add(job);
      },
    };
  }

  function groupFor(context: ExportContext): RunningGroup {
    const key = groupKey(context);
    return groups.get(key) ?? createGroup(context, key);
  }

  const isLive = (group: RunningGroup) => groups.get(group.key) === group;

  /** The outlet's rules are those of the group from now on; it joins when the group has been filled. */
  function enter(outlet: RunningOutlet, group: RunningGroup): void {
    outlet.group = group;
    if (outlet.joined === group) return;
    group.members++;
    if (group.filled) arrive(outlet);
    else group.waiting.add(outlet);
  }

  function arrive(outlet: RunningOutlet): void {
    const { group, joined, member, tally } = outlet;
    outlet.joined = group;
    tally.filtered += (joined?.tally.filtered ?? 0) - group.tally.filtered;
    tally.rejected += (joined?.tally.rejected ?? 0) - group.tally.rejected;
    joined?.watched.delete(outlet);
    if (outlet.announcing) group.watched.add(outlet);
    if (joined) group.updates.transfer(member, joined.updates);
    else group.updates.join(member);
    touch(group);
    if (joined) leave(joined);
  }

  /** The outlet is no longer on its way to a group that it has not joined. */
  function turnBack(outlet: RunningOutlet): void {
    if (outlet.joined === outlet.group) return;
    outlet.group.waiting.delete(outlet);
    leave(outlet.group);
  }

  /** One outlet less; the group goes with its last. */
  function leave(group: RunningGroup): void {
    if (--group.members > 0) return;
    const { family } = group.context;
    groups.delete(group.key);
    byFamily[family] = byFamily[family].filter((g) => g !== group);
    reportPaths(family);
    group.origin?.close();
    group.cancelTimer?.();
    scheduler.remove(group.flush);
    for (const keys of [group.memoKeys, group.editKeys]) for (const key of keys.values()) sets.retireMemoKey(key);
    releasePending();
    scheduler.add(group.close);
  }

  return {
    attach(context, member) {
      const group = groupFor(context);
      const outlet: RunningOutlet = {
        group,
        joined: undefined,
        member,
        tally: { filtered: 0, rejected: 0 },
        announcing: undefined,
      };
      enter(outlet, group);
      return outlet;
    },
    detach(detached) {
      const outlet = detached as RunningOutlet;
      turnBack(outlet);
      const { joined } = outlet;
      outlet.joined = undefined;
      if (!joined) return;
      joined.watched.delete(outlet);
      joined.updates.leave(outlet.member);
      leave(joined);
    },
    move(moved, context) {
      const outlet = moved as RunningOutlet;
      const to = groupFor(context);
      if (to === outlet.group) return;
      turnBack(outlet);
      enter(outlet, to);
    },
    watch(watched, announcing) {
      const outlet = watched as RunningOutlet;
      outlet.announcing = announcing;
      if (announcing) outlet.joined?.watched.add(outlet);
      else outlet.joined?.watched.delete(outlet);
    },
    announced: ({ joined, member }) => (joined ? sentTo(joined as RunningGroup, member.peer) : 0),
    withheld: ({ joined, tally }) => ({
      filtered: tally.filtered + ((joined as RunningGroup | undefined)?.tally.filtered ?? 0),
      rejected: tally.rejected + ((joined as RunningGroup | undefined)?.tally.rejected ?? 0),
    }),
    resend({ joined, member }, done) {
      if (!joined) return;
      joined.updates.resend(member, done);
      touch(joined as RunningGroup);
    },
    resume({ joined, member }) {
      if (!joined) return;
      joined.updates.resume(member);
      scheduler.add((joined as RunningGroup).flush);
    },
    propagate(family, row) {
      const all = byFamily[family];
      for (let i = 0; i < all.length; i++) all[i]!.consider(row);
    },
    sendSoon(family) {
      for (const group of byFamily[family]) touch(group);
    },
    decide,
    forgetSource(id) {
      for (const group of groups.values()) forgetSource(group, id);
    },
    clientChanged(id) {
      for (const group of groups.values()) {
        forgetSource(group, id);
        const { kind, policy } = group.context;
        if (kind === "internal" || policy.reads & READS.fromPeerType) group.fill.again();
      }
    },
    interfacesMoved() {
      for (const group of groups.values()) if (group.context.policy.reads & READS.interface) group.fill.again();
    },
    groups: () => groups.values(),
    get quiet() {
      for (const group of groups.values())
        if (!group.filled || group.cancelTimer || scheduler.has(group.flush) || scheduler.has(group.fill.job))
          return false;
      return true;
    },
    trace,
    tables,
  };
}

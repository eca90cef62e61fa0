import { ERRNO } from "./errno.ts";
import type { FibClock } from "./fib.ts";
import { parseAddressMessage, parseLink, writeAddressDump, writeLinkDump } from "./link-codec.ts";
import type { LinkMirror } from "./link-mirror.ts";
import { i32, u16 } from "./little-endian.ts";
import { createRouteMessage, parseRoute, writeRouteDump } from "./route-codec.ts";
import { align4, NLM_F, NLMSG, NLMSG_HEADER, RTM } from "./rtnetlink.ts";
import type { TableSync } from "./table-sync.ts";
import type { Ways } from "./ways.ts";

/** Rows of the mirror looked at in one turn of the loop. */
const SLICE_ROWS = 32_768;
/** A dump that the table's changes interrupted is repeated so often; then what it showed is kept and checked later. */
const DUMP_TRIES = 5;
const ANSWER_MS = 30_000;
const REFUSED_RETRY_MS = 1000;

export interface DumpOwner {
  /** Writes a request to the dump socket. */
  dump(bytes: Uint8Array): void;
  /** All steps are done; `complete` is false when some dump stayed interrupted. */
  dumped(complete: boolean): void;
  warn(event: string, fields: Readonly<Record<string, unknown>>): void;
}

type Step =
  | { readonly kind: "link" }
  | { readonly kind: "address" }
  | { readonly kind: "route"; readonly sync: TableSync; readonly table: number; readonly last: boolean };

/**
 * Dumps links, addresses and routes one after the other and makes the mirrors equal to what they show: mark, read,
 * sweep. The owner keeps writes and notifications back meanwhile, so that later notifications apply on top.
 */
export class DumpRunner {
  private readonly ways: Ways;
  private readonly links: LinkMirror;
  private readonly clock: FibClock;
  private readonly owner: DumpOwner;
  private readonly route = createRouteMessage();
  private readonly request = new Uint8Array(64);
  private steps: Step[] = [];
  private tables: ReadonlySet<number> = new Set();
  private seq = 0;
  private tries = 0;
  private interrupted = false;
  private complete = true;
  /** A dump is asked for and not yet at its end. */
  private reading = false;
  private cancelDeadline = () => {};
  running = false;

  constructor(ways: Ways, links: LinkMirror, clock: FibClock, owner: DumpOwner) {
    this.ways = ways;
    this.links = links;
    this.clock = clock;
    this.owner = owner;
  }

  start(syncs: readonly TableSync[], tables: ReadonlySet<number>): void {
    this.running = true;
    this.complete = true;
    this.tables = new Set(tables);
    this.steps = [{ kind: "link" }, { kind: "address" }];
    const numbers = [...tables];
    for (const sync of syncs)
      for (const [i, table] of numbers.entries())
        this.steps.push({ kind: "route", sync, table, last: i === numbers.length - 1 });
    this.links.beginDump();
    this.tries = 0;
    this.prepare(true);
  }

  /** Stops for good; nothing is called back any more. */
  stop(): void {
    this.cancelDeadline();
    this.running = false;
    this.reading = false;
    this.steps = [];
    this.seq++;
  }

  /** Forgets what was seen before, once for all tables of a family, then asks. */
  private prepare(fresh: boolean): void {
    const step = this.steps[0];
    if (!step) {
      this.running = false;
      this.owner.dumped(this.complete);
      return;
    }
    if (step.kind !== "route" || !fresh) {
      this.ask(step);
      return;
    }
    const { mirror } = step.sync;
    this.sliced(
      (from, to) => mirror.unmark(from, to),
      () => this.ask(step),
    );
  }

  private ask(step: Step): void {
    this.interrupted = false;
    this.reading = true;
    const seq = ++this.seq;
    const octets =
      step.kind === "link"
        ? writeLinkDump(this.request, seq)
        : step.kind === "address"
          ? writeAddressDump(this.request, seq)
          : writeRouteDump(this.request, seq, step.sync.af, step.table);
    this.cancelDeadline = this.clock.after(ANSWER_MS, () => this.refused(ERRNO.EAGAIN));
    this.owner.dump(this.request.subarray(0, octets));
  }

  /** What the dump socket said. */
  answers(bytes: Uint8Array): void {
    for (let at = 0; at + NLMSG_HEADER <= bytes.length && this.reading; ) {
      const octets = i32(bytes, at);
      if (octets < NLMSG_HEADER || at + octets > bytes.length) return;
      if (i32(bytes, at + 8) === this.seq) this.message(bytes, at, octets);
      at += align4(octets);
    }
  }

  private message(bytes: Uint8Array, at: number, octets: number): void {
    if ((u16(bytes, at + 6) & NLM_F.dumpInterrupted) !== 0) this.interrupted = true;
    const step = this.steps[0]!;
    switch (u16(bytes, at + 4)) {
      case RTM.newRoute:
        if (step.kind === "route" && parseRoute(bytes, at, octets, this.route, this.ways)) {
          if (this.route.table === step.table) step.sync.observe(this.route);
          else this.ways.release(this.route.way);
        }
        break;
      case RTM.newLink: {
        const link = parseLink(bytes, at, octets);
        if (link) this.links.link(link, false);
        break;
      }
      case RTM.newAddress: {
        const address = parseAddressMessage(bytes, at, octets);
        if (address) this.links.address(address, false);
        break;
      }
      case NLMSG.error:
      case NLMSG.done: {
        const errno = octets >= NLMSG_HEADER + 4 ? -i32(bytes, at + NLMSG_HEADER) : 0;
        // With strict checking a table that does not exist answers ENOENT: it is empty.
        if (errno > 0 && errno !== ERRNO.ENOENT) this.refused(errno);
        else this.ended();
        break;
      }
      default:
        break;
    }
  }

  private ended(): void {
    this.cancelDeadline();
    this.reading = false;
    const step = this.steps[0]!;
    if (this.interrupted) {
      this.complete = false;
      if (++this.tries < DUMP_TRIES) {
        this.complete = true;
        this.prepare(step.kind !== "route" || step.table === [...this.tables][0]);
        return;
      }
    }
    this.finish(step, !this.interrupted);
  }

  /** Whole dumps only may remove: what an interrupted one did not show may exist. */
  private finish(step: Step, sweep: boolean): void {
    this.tries = 0;
    const next = () => {
      this.steps.shift();
      this.prepare(step.kind !== "route" || step.last);
    };
    if (!sweep || (step.kind === "route" && !step.last)) {
      next();
      return;
    }
    if (step.kind === "link") this.links.sweepLinks();
    else if (step.kind === "address") this.links.sweepAddresses();
    else if (this.complete) {
      const { mirror } = step.sync;
      this.sliced((from, to) => mirror.sweep(from, to, this.tables), next);
      return;
    }
    next();
  }

  private refused(errno: number): void {
    this.cancelDeadline();
    this.reading = false;
    const step = this.steps[0];
    if (!step) return;
    this.owner.warn("kernel.dump.failed", { step: step.kind, errno });
    if (++this.tries < DUMP_TRIES) {
      this.cancelDeadline = this.clock.after(REFUSED_RETRY_MS, () => this.ask(step));
      return;
    }
    this.complete = false;
    this.finish(step, false);
  }

  /** The socket was reopened: what was asked for will not come. */
  lost(): void {
    if (this.reading) this.refused(ERRNO.ENOBUFS);
  }

  private sliced(work: (from: number, to: number) => boolean, done: () => void): void {
    const slice = (from: number) => {
      if (!this.running) return;
      if (work(from, from + SLICE_ROWS)) done();
      else this.clock.after(0, () => slice(from + SLICE_ROWS));
    };
    slice(0);
  }
}

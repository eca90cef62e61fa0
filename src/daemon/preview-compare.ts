/** What differs between two moments of a replica, counted, and told of as many rows as are asked for. */
import { attributeEnd, attributeValue, writeAttributeHeader } from "../bgp/attribute-octets.ts";
import { ATTRIBUTE } from "../bgp/iana.ts";
import { copy, u16, writeU32 } from "../bgp/octets.ts";
import type {
  AnnouncedBrief,
  AnnouncedMove,
  KernelMove,
  Moves,
  PeerMoves,
  RouteMove,
  RoutesPreview,
} from "../control/preview-answer.ts";
import type { Forwarding } from "../fib/fib.ts";
import { FAMILIES, type Family } from "../ip/address.ts";
import type { SetHandle } from "../rib/types.ts";
import { formatRow } from "./answer-paths.ts";
import type { Core } from "./core.ts";
import { forwardingText } from "./forwarding-text.ts";
import type { HeardTable } from "./heard-routes.ts";
import { announcedBrief, type Heard, type Owner, routeBrief, type Snapshot } from "./preview-snapshot.ts";
import type { Replica } from "./replica.ts";

/** Rows told of each list at most. */
export function compareSnapshots(replica: Replica, before: Snapshot, after: Snapshot, limit: number): RoutesPreview {
  const { core } = replica.router;
  const names = new Set([...before.heard.keys(), ...after.heard.keys()]);
  const peers = [...names].map((peer) =>
    comparePeer(replica, peer, before.heard.get(peer), after.heard.get(peer), limit),
  );
  return {
    best: bestMoves(core, before, after, limit),
    peers: peers.filter(({ added, removed, changed }) => added + removed + changed > 0),
    kernel: kernelMoves(core, before, after, limit),
  };
}

function collect<T>(limit: number): { add(make: () => T): void; moves(): Moves<T> } {
  const rows: T[] = [];
  let count = 0;
  return {
    add(make) {
      if (count++ < limit) rows.push(make());
    },
    moves: () => ({ count, rows }),
  };
}

interface Best {
  readonly owner: Owner;
  readonly set: SetHandle;
}

function bestMoves(core: Core, before: Snapshot, after: Snapshot, limit: number): Moves<RouteMove> {
  const found = collect<RouteMove>(limit);
  for (const family of FAMILIES)
    for (let row = 0; row < after.tables[family].sets.length; row++) {
      const old = bestAt(before, family, row);
      const now = bestAt(after, family, row);
      if (sameBest(core, old, now)) continue;
      found.add(() => ({
        prefix: formatRow(core, family, row),
        before: old ? routeBrief(core, old.owner, old.set) : null,
        after: now ? routeBrief(core, now.owner, now.set) : null,
      }));
    }
  return found.moves();
}

function bestAt({ tables, owners }: Snapshot, family: Family, row: number): Best | undefined {
  const { sets, peers } = tables[family];
  const set = sets[row] ?? 0;
  return set === 0 ? undefined : { owner: owners.get(peers[row]!)!, set };
}

function sameBest(core: Core, a: Best | undefined, b: Best | undefined): boolean {
  if (!a || !b) return a === b;
  if (a.owner.source !== b.owner.source || a.owner.peer !== b.owner.peer) return false;
  return (
    a.set === b.set ||
    (sameOctets(core, a.set, b.set) &&
      JSON.stringify(routeBrief(core, a.owner, a.set)) === JSON.stringify(routeBrief(core, b.owner, b.set)))
  );
}

function sameOctets({ sets }: Core, a: SetHandle, b: SetHandle): boolean {
  const length = sets.octets(a);
  if (length !== sets.octets(b)) return false;
  const bytes = sets.arena();
  const [from, other] = [sets.offset(a), sets.offset(b)];
  for (let i = 0; i < length; i++) if (bytes[from + i] !== bytes[other + i]) return false;
  return true;
}

function kernelMoves(core: Core, before: Snapshot, after: Snapshot, limit: number): Moves<KernelMove> {
  const found = collect<KernelMove>(limit);
  /** Many prefixes share one. */
  const texts = new Map<Forwarding, string>();
  const textOf = (wish: Forwarding | undefined) => {
    if (!wish) return null;
    const known = texts.get(wish);
    if (known !== undefined) return known;
    const text = forwardingText(core.interfaces, wish);
    texts.set(wish, text);
    return text;
  };
  for (const family of FAMILIES)
    for (let row = 0; row < after.tables[family].wishes.length; row++) {
      const old = before.tables[family].wishes[row];
      const now = after.tables[family].wishes[row];
      if (old === now) continue;
      const [was, is] = [textOf(old), textOf(now)];
      if (was !== is) found.add(() => ({ prefix: formatRow(core, family, row), before: was, after: is }));
    }
  return found.moves();
}

const NOTHING: HeardTable = new Int32Array();

function comparePeer(
  { hearing }: Replica,
  peer: string,
  before: Heard | undefined,
  after: Heard | undefined,
  limit: number,
): PeerMoves {
  const [old, now] = [before?.table ?? NOTHING, after?.table ?? NOTHING];
  const rows: AnnouncedMove[] = [];
  const counts = { added: 0, removed: 0, changed: 0 };
  const tell = (prefix: string, was: number, is: number) => {
    counts[was === 0 ? "added" : is === 0 ? "removed" : "changed"]++;
    if (rows.length >= limit) return;
    rows.push({
      prefix,
      before: was === 0 ? null : briefOf(hearing.attributes(was), before!),
      after: is === 0 ? null : briefOf(hearing.attributes(is), after!),
    });
  };
  const pathIds = (before?.pathIds ?? false) || (after?.pathIds ?? false);
  /** By prefix: attributes of paths that are announced no more under their identifier, and of those that are now. */
  const several = new Map<string, { readonly gone: number[]; readonly come: number[] }>();
  for (let at = 0; at < Math.max(old.length, now.length); at++) {
    const [was, is] = [old[at] ?? 0, now[at] ?? 0];
    if (was === is) continue;
    const prefix = hearing.prefix(at);
    if (!pathIds) {
      tell(prefix, was, is);
      continue;
    }
    const entry = several.get(prefix) ?? { gone: [], come: [] };
    several.set(prefix, entry);
    if (was !== 0) entry.gone.push(was);
    if (is !== 0) entry.come.push(is);
  }
  for (const [prefix, { gone, come }] of several) {
    // The same path under another identifier is no news to anybody.
    const left = come.filter((id) => !removeOne(gone, id));
    for (let i = 0; i < Math.max(gone.length, left.length); i++) tell(prefix, gone[i] ?? 0, left[i] ?? 0);
  }
  return { peer, ...counts, rows };
}

function removeOne(list: number[], value: number): boolean {
  const at = list.indexOf(value);
  if (at >= 0) list.splice(at, 1);
  return at >= 0;
}

function briefOf(octets: Uint8Array, { fourOctetAs }: Heard): AnnouncedBrief {
  return announcedBrief(fourOctetAs ? octets : widened(octets));
}

/** With AS numbers of four octets in AS_PATH and AGGREGATOR, as a session of two-octet ones does not send them. */
function widened(octets: Uint8Array): Uint8Array {
  const out = new Uint8Array(3 * octets.length + 16);
  let end = 0;
  for (let p = 0; p < octets.length; p = attributeEnd(octets, p)) {
    const type = octets[p + 1]!;
    const [from, to] = [attributeValue(octets, p), attributeEnd(octets, p)];
    if (type === ATTRIBUTE.aggregator.code) continue;
    if (type !== ATTRIBUTE.asPath.code) {
      end = copy(octets, p, to - p, out, end);
      continue;
    }
    let length = 0;
    for (let s = from; s < to; s += 2 + 2 * octets[s + 1]!) length += 2 + 4 * octets[s + 1]!;
    end = writeAttributeHeader(out, end, ATTRIBUTE.asPath.flags, type, length);
    for (let s = from; s < to; s += 2 + 2 * octets[s + 1]!) {
      end = copy(octets, s, 2, out, end);
      for (let i = 0; i < octets[s + 1]!; i++) end = writeU32(out, end, u16(octets, s + 2 + 2 * i));
    }
  }
  return out.subarray(0, end);
}

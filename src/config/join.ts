/** The fragments of several files as one: scalars agree, lists follow each other, names are unique. */

import type { ConfigProblem } from "./model.ts";
import { hint } from "./nearest.ts";
import {
  type BrokenPeer,
  type CommunitySetEntry,
  type Fragment,
  type Located,
  type PrefixEntry,
  SECTIONS,
  type Section,
  type StaticInput,
} from "./parse-file.ts";
import {
  type AddressedPeer,
  isAddressed,
  isRange,
  type LocatedPeer,
  type RangePeer,
  type WholePeer,
  withGroup,
} from "./peer-groups.ts";
import type { RuleInput } from "./policy-schema.ts";
import type { FileInput, PeerGroupInput, PeerInput } from "./schema.ts";
import { formatPath, type KeyPath, readYaml, type YamlSource } from "./yaml-source.ts";

export interface Joined {
  readonly sections: { readonly [S in Section]: NonNullable<FileInput[S]> };
  readonly broken: ReadonlySet<Section>;
  readonly static: readonly Located<StaticInput>[];
  /** The file that defines the key; the first one, where what belongs to none is reported, when none does. */
  definedIn(section: Section, key?: string): string;
  readonly policies: ReadonlyMap<string, Located<readonly RuleInput[] | undefined>>;
  readonly prefixSets: ReadonlyMap<string, Located<readonly PrefixEntry[] | undefined>>;
  readonly communitySets: ReadonlyMap<string, Located<readonly CommunitySetEntry[] | undefined>>;
  readonly peerGroups: ReadonlyMap<string, Located<PeerGroupInput | undefined>>;
  readonly peers: readonly LocatedPeer<AddressedPeer>[];
  readonly dynamicPeers: readonly LocatedPeer<RangePeer>[];
  readonly brokenPeers: readonly Located<BrokenPeer>[];
  readonly peerNames: ReadonlySet<string>;
}

export interface Reporter {
  readonly problems: ConfigProblem[];
  /** Reports so far, those included that were there already. */
  readonly reports: number;
  line(file: string, path: KeyPath): number;
  error(file: string, path: KeyPath, message: string): void;
  warning(file: string, path: KeyPath, message: string): void;
}

/**
 * Lines are found by reading a file's text again, once, and only when something is to be reported. The fragments are those of
 * the files, in their order.
 */
export function createReporter(
  files: readonly { path: string; text: string }[],
  fragments: readonly Fragment[],
): Reporter {
  let places: Map<string, { readonly text: string; readonly strip: number }> | undefined;
  const sources = new Map<string, YamlSource>();
  const problems: ConfigProblem[] = [];
  const place = (file: string) => {
    places ??= new Map(files.map(({ path, text }, i) => [path, { text, strip: fragments[i]!.strip }]));
    return places.get(file);
  };
  const line = (file: string, path: KeyPath) => {
    let source = sources.get(file);
    if (!source) {
      source = readYaml(place(file)?.text ?? "");
      sources.set(file, source);
    }
    return source.line(path.slice(place(file)?.strip ?? 0));
  };
  const said = new Set<string>();
  let reports = 0;
  const add = (severity: "error" | "warning") => (file: string, path: KeyPath, message: string) => {
    const problem = { file, line: line(file, path), path: formatPath(path), message, severity };
    // A fault of a peer group is found once for each of its peers.
    const key = JSON.stringify(problem);
    if (!said.has(key)) problems.push(problem);
    said.add(key);
    reports++;
  };
  return {
    problems,
    get reports() {
      return reports;
    },
    line,
    error: add("error"),
    warning: add("warning"),
  };
}

/** Peers joined with their groups before, by the piece of a file: most pieces of a configuration stay as they are. */
export type WholePeerMemo = WeakMap<
  Located<PeerInput>,
  { readonly group: PeerGroupInput | undefined; readonly whole: LocatedPeer }
>;

/** All pieces of one kind, in order. Most files hold pieces of one kind only. */
function gather<T>(fragments: readonly Fragment[], of: (fragment: Fragment) => readonly T[]): T[] {
  const all: T[] = [];
  for (const fragment of fragments) for (const piece of of(fragment)) all.push(piece);
  return all;
}

export function joinFragments(
  fragments: readonly Fragment[],
  reporter: Reporter,
  memo: WholePeerMemo = new WeakMap(),
): Joined {
  const sections: Record<string, object> = {};
  const files = new Map<string, string>();
  for (const section of SECTIONS) sections[section] = joinSection(fragments, section, files, reporter);
  const entries = unique(
    gather(fragments, (fragment) => fragment.peers),
    ({ name }) => name,
    ["name"],
    (name) => `peer \`${name}\``,
    reporter,
  );
  const peerGroups = byName(
    gather(fragments, (fragment) => fragment.peerGroups),
    "peer group",
    ({ keys }) => keys,
    reporter,
  );
  const brokenPeers: Located<BrokenPeer>[] = gather(fragments, (fragment) => fragment.brokenPeers);
  for (const peer of brokenPeers) findGroup(peer, peerGroups, reporter);
  const peers: LocatedPeer[] = [];
  for (const peer of entries) {
    const whole = wholePeer(peer, peerGroups, reporter, memo);
    if (whole) peers.push(whole);
    else brokenPeers.push(peer);
  }
  return {
    sections: sections as Joined["sections"],
    broken: new Set(gather(fragments, (fragment) => fragment.broken)),
    definedIn: (section, key) =>
      files.get(key === undefined ? section : `${section}.${key}`) ?? fragments[0]?.path ?? "",
    static: unique(
      gather(fragments, (fragment) => fragment.static),
      ({ prefix }) => `${prefix.bytes.join()}/${prefix.length}`,
      ["prefix"],
      () => "a static route of this prefix",
      reporter,
    ),
    policies: byName(
      gather(fragments, (fragment) => fragment.policies),
      "policy",
      ({ rules }) => rules,
      reporter,
    ),
    prefixSets: byName(
      gather(fragments, (fragment) => fragment.prefixSets),
      "prefix set",
      ({ entries }) => entries,
      reporter,
    ),
    communitySets: byName(
      gather(fragments, (fragment) => fragment.communitySets),
      "community set",
      ({ entries }) => entries,
      reporter,
    ),
    peerGroups,
    peers: peers.filter(isAddressed),
    dynamicPeers: peers.filter(isRange),
    brokenPeers,
    peerNames: namesOf([entries, brokenPeers]),
  };
}

function namesOf(lists: readonly (readonly Located<BrokenPeer>[])[]): Set<string> {
  const names = new Set<string>();
  for (const list of lists) for (const { value } of list) if (value.name !== undefined) names.add(value.name);
  return names;
}

/** Undefined: without a group, or it is not there, which is reported. Its value is undefined where it failed. */
function findGroup(
  { value: { group }, file, path }: Located<BrokenPeer>,
  groups: Joined["peerGroups"],
  reporter: Reporter,
): Located<PeerGroupInput | undefined> | undefined {
  const found = group === undefined ? undefined : groups.get(group);
  if (group !== undefined && !found)
    reporter.error(file, [...path, "group"], unknownName("peer group", group, groups.keys()));
  return found;
}

/** Undefined when the group is at fault, or the AS is missing in both. */
function wholePeer(
  peer: Located<PeerInput>,
  groups: Joined["peerGroups"],
  reporter: Reporter,
  memo: WholePeerMemo,
): LocatedPeer | undefined {
  const { value: own, file, path } = peer;
  const group = own.group === undefined ? undefined : findGroup(peer, groups, reporter);
  if (own.group !== undefined && !group?.value) return undefined;
  const known = memo.get(peer);
  if (known && known.group === group?.value) return known.whole;
  if (!group?.value) return remember({ ...peer, own, value: own as WholePeer });
  const value = withGroup(own, group.value);
  if (value.asn === undefined) {
    reporter.error(
      file,
      [...path, "asn"],
      `missing key \`asn\`: neither the peer nor its group \`${own.group}\` has it`,
    );
    return undefined;
  }
  return remember({ ...peer, own, group: { ...group, value: group.value }, value: value as WholePeer });

  function remember(whole: LocatedPeer): LocatedPeer {
    memo.set(peer, { group: group?.value, whole });
    return whole;
  }
}

/** A scalar may stand in several files when it is the same in all. */
function joinSection(
  fragments: readonly Fragment[],
  section: Section,
  files: Map<string, string>,
  reporter: Reporter,
): object {
  const whole = new Map<string, { value: unknown; file: string }>();
  for (const fragment of fragments) {
    const keys = fragment.sections[section];
    if (keys === undefined) continue;
    for (const [key, value] of Object.entries(keys)) {
      const before = whole.get(key);
      if (value === undefined) continue;
      if (!files.has(section)) files.set(section, fragment.path);
      if (!before) {
        whole.set(key, { value, file: fragment.path });
        files.set(`${section}.${key}`, fragment.path);
      } else if (Array.isArray(value) && Array.isArray(before.value))
        whole.set(key, { ...before, value: [...before.value, ...value] });
      else if (value !== before.value) {
        const place = `${before.file}:${reporter.line(before.file, [section, key])}`;
        reporter.error(fragment.path, [section, key], `differs from the same key at ${place}; keep one of them`);
      }
    }
  }
  return Object.fromEntries([...whole].map(([key, { value }]) => [key, value]));
}

/** Drops later ones of the same identity, and reports them with both places. */
function unique<T>(
  items: readonly Located<T>[],
  identity: (item: T) => string,
  key: KeyPath,
  what: (identity: string) => string,
  reporter: Reporter,
): Located<T>[] {
  const seen = new Map<string, Located<T>>();
  for (const item of items) {
    const id = identity(item.value);
    const before = seen.get(id);
    if (!before) seen.set(id, item);
    else
      reporter.error(
        item.file,
        [...item.path, ...key],
        `${what(id)} is defined at ${before.file}:${before.line} already`,
      );
  }
  return [...seen.values()];
}

function byName<T extends { name: string }, V>(
  items: readonly Located<T>[],
  what: string,
  content: (item: T) => V,
  reporter: Reporter,
): Map<string, Located<V>> {
  const list = unique(
    items,
    ({ name }) => name,
    [],
    (name) => `${what} \`${name}\``,
    reporter,
  );
  return new Map(list.map((item) => [item.value.name, { ...item, value: content(item.value) }]));
}

/** Reports a name that nothing has, with the nearest that something has. */
export function unknownName(what: string, name: string, known: Iterable<string>): string {
  return `there is no ${what} \`${name}\`${hint(name, known)}`;
}

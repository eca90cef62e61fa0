/** One file: text to checked pieces. Pieces that fail are left out and named, so that the rest is still checked. */
import type { z } from "zod";
import { checkValue, type Issue } from "./issues.ts";
import type { ConfigProblem } from "./model.ts";
import { hint } from "./nearest.ts";
import { communitySetEntry, prefixMatch, type RuleInput, rule } from "./policy-schema.ts";
import { name as nameSchema } from "./scalars.ts";
import {
  type FileInput,
  file as fileSchema,
  type PeerGroupInput,
  type PeerInput,
  peerGroup as peerGroupSchema,
  peer as peerSchema,
} from "./schema.ts";
import { formatPath, type KeyPath, readYaml, type YamlSource } from "./yaml-source.ts";

export interface Located<T> {
  readonly value: T;
  readonly file: string;
  readonly line: number;
  readonly path: KeyPath;
}

export type PrefixEntry = z.output<typeof prefixMatch>;
export type CommunitySetEntry = z.output<typeof communitySetEntry>;
export type StaticInput = NonNullable<FileInput["static"]>[number];

/** Sections of plain keys, joined key by key. */
export const SECTIONS = ["router", "kernel", "direct", "log", "limits"] as const;
export type Section = (typeof SECTIONS)[number];

/** Names that a peer which failed has, and refers to. */
export interface BrokenPeer {
  readonly name?: string | undefined;
  readonly group?: string | undefined;
  readonly import?: string | undefined;
  readonly export?: string | undefined;
}

export interface Fragment {
  readonly path: string;
  readonly sections: { readonly [S in Section]?: NonNullable<FileInput[S]> };
  /** Sections that are there but failed. */
  readonly broken: readonly Section[];
  readonly static: readonly Located<StaticInput>[];
  /** Undefined value: defined, but failed. */
  readonly prefixSets: readonly Located<{ name: string; entries: readonly PrefixEntry[] | undefined }>[];
  readonly communitySets: readonly Located<{ name: string; entries: readonly CommunitySetEntry[] | undefined }>[];
  readonly policies: readonly Located<{ name: string; rules: readonly RuleInput[] | undefined }>[];
  readonly peerGroups: readonly Located<{ name: string; keys: PeerGroupInput | undefined }>[];
  readonly peers: readonly Located<PeerInput>[];
  readonly brokenPeers: readonly Located<BrokenPeer>[];
  readonly problems: readonly ConfigProblem[];
  /** Leading parts of paths that the text does not have: a file of one peer has two, `peers[0]`. */
  readonly strip: number;
}

const SHAPE = fileSchema.shape;
const TOP_KEYS = Object.keys(SHAPE);

export function parseFile(path: string, text: string): Fragment {
  const source = readYaml(text);
  const [root, strip] = asWhole(path, source.value);
  const collect = createCollector(path, source, strip);
  for (const { line, message } of source.problems) collect.at(line, message);
  if (typeof root !== "object" || root === null || Array.isArray(root)) {
    if (root !== undefined && root !== null)
      collect.at(1, "expected a mapping of keys such as router, kernel, policies and peers");
    return emptyFragment(path, strip, collect.problems);
  }
  const top = root as Record<string, unknown>;
  for (const key of Object.keys(top)) if (!TOP_KEYS.includes(key)) collect.unknownTop(key);
  const sections: Record<string, unknown> = {};
  const broken: Section[] = [];
  for (const section of SECTIONS) {
    if (top[section] === undefined || top[section] === null) continue;
    const value = collect.check(SHAPE[section].unwrap(), top[section], [section]);
    if (value === undefined) broken.push(section);
    else sections[section] = value;
  }
  const brokenPeers: Located<BrokenPeer>[] = [];
  const peers = listAt(top, "peers").flatMap(([item, at]) => {
    const value = collect.check(peerSchema, item, at);
    if (isComplete(item, at, collect) && value !== undefined) return [collect.located(value, at)];
    brokenPeers.push(collect.located(textKeys(item, ["name", "group", "import", "export"]), at));
    return [];
  });
  return {
    path,
    strip,
    sections,
    broken,
    static: listAt(top, "static").flatMap(([item, at]) => {
      const value = collect.check(staticSchema, item, at);
      return value === undefined ? [] : [collect.located(value, at)];
    }),
    prefixSets: namedAt(top, "prefixSets", collect).map(([name, list, at]) =>
      collect.located({ name, entries: checkList(prefixMatch, list, at, collect) }, at),
    ),
    communitySets: namedAt(top, "communitySets", collect).map(([name, list, at]) =>
      collect.located({ name, entries: checkList(communitySetEntry, list, at, collect) }, at),
    ),
    policies: namedAt(top, "policies", collect).map(([name, list, at]) =>
      collect.located({ name, rules: checkList(rule, list, at, collect) }, at),
    ),
    peerGroups: namedAt(top, "peerGroups", collect, "keys").map(([name, keys, at]) =>
      collect.located({ name, keys: collect.check(peerGroupSchema, keys ?? {}, at) }, at),
    ),
    peers,
    brokenPeers,
    problems: collect.problems,
  };
}

/** Whether the keys are there of which a peer needs one or the other; says so even where other keys are at fault. */
function isComplete(item: unknown, at: KeyPath, collect: Collector): boolean {
  if (typeof item !== "object" || item === null || Array.isArray(item)) return false;
  const has = (key: string) => Object.hasOwn(item, key);
  const missing = (key: string, what: string) => collect.fail([...at, key], `missing key \`${key}\`: ${what}`);
  const before = collect.problems.length;
  if (!has("address") && !has("prefix")) missing("address", "expected an IP address, or `prefix` for any within one");
  if (!has("asn") && !has("group")) missing("asn", "expected an AS number from 1 to 4294967295, plain or dotted");
  if (has("address") && has("prefix"))
    collect.fail([...at, "prefix"], "address and prefix exclude each other: neighbours of a prefix need no address");
  if (has("limit") && !has("prefix"))
    collect.fail([...at, "limit"], "limit goes with prefix; for a bound of routes write maxPrefixesIn");
  return collect.problems.length === before;
}

function textKeys(value: unknown, keys: readonly string[]): Record<string, string> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter(([key, each]) => keys.includes(key) && typeof each === "string"),
  );
}

const staticSchema = SHAPE.static.unwrap().out.element;

function emptyFragment(path: string, strip: number, problems: readonly ConfigProblem[]): Fragment {
  return {
    path,
    strip,
    sections: {},
    broken: problems.length > 0 ? [...SECTIONS] : [],
    static: [],
    prefixSets: [],
    communitySets: [],
    policies: [],
    peerGroups: [],
    peers: [],
    brokenPeers: [],
    problems,
  };
}

/**
 * A file below `peers/` may be a single peer or a list of peers. Returns the value in the form of any other file, and
 * how many leading parts its paths have that the text has not.
 */
function asWhole(path: string, value: unknown): [unknown, number] {
  if (!/(^|\/)peers\/[^/]*$/.test(path)) return [value, 0];
  if (Array.isArray(value)) return [{ peers: value }, 1];
  if (typeof value !== "object" || value === null || Object.keys(value).some((key) => TOP_KEYS.includes(key)))
    return [value, 0];
  return [{ peers: [value] }, 2];
}

type Collector = ReturnType<typeof createCollector>;

function createCollector(file: string, source: YamlSource, strip: number) {
  const problems: ConfigProblem[] = [];
  const add = (line: number, path: string, message: string) =>
    problems.push({ file, line, path, message, severity: "error" });
  const issue = ({ path, message, key }: Issue) => {
    const inText = path.slice(strip);
    add(key ? source.keyLine(inText) : source.line(inText), formatPath(path), message);
  };
  return {
    problems,
    at: (line: number, message: string) => add(line, "", message),
    fail: (path: KeyPath, message: string) => issue({ path, message, key: false }),
    unknownTop: (key: string) =>
      issue({ path: [key], message: `unknown key \`${key}\`${hint(key, TOP_KEYS)}`, key: true }),
    check<T extends z.ZodType>(schema: T, value: unknown, at: KeyPath): z.output<T> | undefined {
      const checked = checkValue(schema, value, at);
      if (checked.ok) return checked.value;
      checked.issues.forEach(issue);
      return undefined;
    },
    located: <T>(value: T, path: KeyPath): Located<T> => ({ value, file, line: source.line(path.slice(strip)), path }),
  };
}

/** Items of a list, or the one item that stands for it; a key without value is an empty list. */
function listAt(top: Record<string, unknown>, key: string): [unknown, KeyPath][] {
  const value = top[key];
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value.map((item, i) => [item, [key, i]]) : [[value, [key, 0]]];
}

function namedAt(
  top: Record<string, unknown>,
  key: string,
  collect: Collector,
  what = "lists",
): [string, unknown, KeyPath][] {
  const value = top[key];
  if (value === undefined || value === null) return [];
  if (typeof value !== "object" || Array.isArray(value)) {
    collect.fail([key], `expected a mapping from names to ${what}`);
    return [];
  }
  return Object.entries(value).flatMap(([name, list]) => {
    const checked = checkValue(NAME, name, [key, name]);
    if (!checked.ok) collect.fail([key, name], checked.issues[0]!.message);
    return checked.ok ? [[name, list, [key, name]] satisfies [string, unknown, KeyPath]] : [];
  });
}

const NAME = nameSchema("a name");

/** Undefined when any item failed. */
function checkList<T extends z.ZodType>(
  item: T,
  list: unknown,
  at: KeyPath,
  collect: Collector,
): z.output<T>[] | undefined {
  if (list === null || list === undefined) return [];
  const values: z.output<T>[] = [];
  let failed = false;
  for (const [i, each] of (Array.isArray(list) ? list : [list]).entries()) {
    const value = collect.check(item, each, [...at, i]);
    if (value === undefined) failed = true;
    else values.push(value);
  }
  return failed ? undefined : values;
}

import { asConfig } from "./assemble.ts";
import type { PeerMemo } from "./assemble-peer.ts";
import { type CheckMemo, checkWhole } from "./check.ts";
import { createReporter, joinFragments, type WholePeerMemo } from "./join.ts";
import type { Config, ConfigProblem } from "./model.ts";
import { type Fragment, parseFile } from "./parse-file.ts";

export interface ConfigFile {
  /** As it stands in messages. A file directly below a folder `peers` may hold one peer or a list of peers. */
  readonly path: string;
  readonly text: string;
}

/** Files parsed before, so that only those whose text changed are parsed again. Belongs to one configuration. */
export interface ParseCache {
  readonly files: Map<string, { readonly text: string; readonly fragment: Fragment }>;
  /** Files parsed since the cache was made. */
  parsed: number;
  readonly wholePeers: WholePeerMemo;
  readonly peers: PeerMemo;
  readonly checks: CheckMemo;
}

export function createParseCache(): ParseCache {
  return { files: new Map(), parsed: 0, wholePeers: new WeakMap(), peers: new WeakMap(), checks: new WeakMap() };
}

export interface ParseOptions {
  /** Content of a `passwordFile`; undefined when it cannot be read. Without the function no such file can be. */
  readonly secrets?: (path: string) => string | undefined;
  readonly cache?: ParseCache;
}

export type ParsedConfig =
  | {
      readonly ok: true;
      readonly config: Config;
      readonly warnings: readonly ConfigProblem[];
      readonly secretFiles: readonly string[];
    }
  /** `problems` holds the warnings too. */
  | { readonly ok: false; readonly problems: readonly ConfigProblem[]; readonly secretFiles: readonly string[] };

/**
 * Reads the files of one configuration together. Never throws: every fault comes back with its file and line.
 * `secretFiles` are the files that passwords are read from, for whoever watches them.
 */
export function parseConfig(files: readonly ConfigFile[], options: ParseOptions = {}): ParsedConfig {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  const cache = options.cache ?? createParseCache();
  const fragments = fragmentsOf(sorted, cache);
  const reporter = createReporter(sorted, fragments);
  for (const { problems } of fragments) if (problems.length > 0) reporter.problems.push(...problems);
  const joined = joinFragments(fragments, reporter, cache.wholePeers);
  const config = asConfig(joined, reporter, options.secrets ?? (() => undefined), cache.peers);
  checkWhole(joined, config, reporter, cache.checks);
  const keyed = [...joined.peers, ...joined.dynamicPeers];
  const secretFiles = [...new Set(keyed.flatMap(({ value }) => value.passwordFile ?? []))];
  const problems = reporter.problems.sort(byPlace);
  return problems.some(({ severity }) => severity === "error")
    ? { ok: false, problems, secretFiles }
    : { ok: true, config, warnings: problems, secretFiles };
}

function fragmentsOf(files: readonly ConfigFile[], cache: ParseCache): Fragment[] {
  const present = new Set(files.map(({ path }) => path));
  for (const path of cache.files.keys()) if (!present.has(path)) cache.files.delete(path);
  return files.map(({ path, text }) => {
    const known = cache.files.get(path);
    if (known?.text === text) return known.fragment;
    const fragment = parseFile(path, text);
    cache.parsed++;
    cache.files.set(path, { text, fragment });
    return fragment;
  });
}

function byPlace(a: ConfigProblem, b: ConfigProblem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line;
}

/** `etc/calidris.yaml:12: peers[0].asn: missing key`, one line for each problem. */
export function formatProblem(problem: ConfigProblem): string {
  const place = problem.file === "" ? "" : `${problem.file}${problem.line === 0 ? "" : `:${problem.line}`}: `;
  const warning = problem.severity === "warning" ? "warning: " : "";
  return `${place}${warning}${problem.path === "" ? "" : `${problem.path}: `}${problem.message}`;
}

/** Text to plain values, and from the path of a value back to its line. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type ParsedNode,
  parseDocument,
  visit,
} from "yaml";
import { readFlatYaml } from "./flat-yaml.ts";

export type KeyPath = readonly (string | number)[];

export interface SourceProblem {
  readonly line: number;
  readonly message: string;
}

export interface YamlSource {
  /** Undefined when `problems` is not empty, and for an empty document. */
  readonly value: unknown;
  readonly problems: readonly SourceProblem[];
  /** Line, from 1, of the value; of the nearest mapping around it where it does not exist. */
  line(path: KeyPath): number;
  /** Line of the key itself, for keys that should not be there. */
  keyLine(path: KeyPath): number;
}

/** Characters of one file; a thousand peers need about a tenth. */
const MOST_CHARACTERS = 16 * 1024 * 1024;

const NUMBERS = ["tag:yaml.org,2002:int", "tag:yaml.org,2002:float"];

/**
 * Never throws. Numbers stay the text they are, and each key reads them by its own grammar: `1.10` is a dotted AS number
 * and no float, and the name `007` keeps its zeros.
 */
export function readYaml(text: string): YamlSource {
  const flat = readFlatYaml(text);
  if (!flat) return readWhole(text);
  let whole: YamlSource | undefined;
  // Lines of single keys are asked for where something is wrong with them.
  const lines = () => {
    whole ??= readWhole(text);
    return whole;
  };
  return {
    value: flat.value,
    problems: [],
    line: (path) => (path.length === 0 ? flat.line : lines().line(path)),
    keyLine: (path) => lines().keyLine(path),
  };
}

function readWhole(text: string): YamlSource {
  if (text.length > MOST_CHARACTERS) return unreadable(`longer than ${MOST_CHARACTERS} characters`);
  const lines = new LineCounter();
  try {
    const document = parseDocument(text, {
      lineCounter: lines,
      customTags: (tags) => tags.filter((tag) => typeof tag === "string" || !NUMBERS.includes(tag.tag)),
      merge: true,
      prettyErrors: false,
      stringKeys: true,
      // "silent" would also drop the error about a second document.
      logLevel: "error",
    });
    const lineAt = (offset: number) => Math.max(1, lines.linePos(offset).line);
    const problems = [
      ...[...document.errors, ...document.warnings].map((error) => ({
        line: lineAt(error.pos[0]),
        message: inWords(error.code, error.message, text.split("\n")[lineAt(error.pos[0]) - 1] ?? ""),
      })),
      ...(text.includes("*") ? unresolvedAliases(document) : []).map(({ name, offset }) => ({
        line: lineAt(offset),
        message: `\`*${name}\` is YAML for what \`&${name}\` marks, and nothing does; put quotes around a value that begins with *`,
      })),
    ];
    return {
      value: problems.length > 0 ? undefined : document.toJS({ maxAliasCount: 1000 }),
      problems,
      line: (path) => lineAt(offsetOf(document, path, false)),
      keyLine: (path) => lineAt(offsetOf(document, path, true)),
    };
  } catch (error) {
    return unreadable(error instanceof Error ? error.message : String(error));
  }
}

function unresolvedAliases(document: Document.Parsed): { readonly name: string; readonly offset: number }[] {
  const found: { name: string; offset: number }[] = [];
  visit(document, {
    Alias(_key, node) {
      if (!node.resolve(document)) found.push({ name: node.source, offset: node.range?.[0] ?? 0 });
    },
  });
  return found;
}

function unreadable(why: string): YamlSource {
  return {
    value: undefined,
    problems: [{ line: 1, message: `cannot be read as YAML: ${why}` }],
    line: () => 1,
    keyLine: () => 1,
  };
}

/** The library's codes that editors' slips cause, in words that say what to do. */
function inWords(code: string, message: string, line: string): string {
  if (/(^|[:,[{-])\s*>=?\s*\d/.test(line)) return "put quotes around a comparison that begins with >";
  switch (code) {
    case "TAB_AS_INDENT":
      return "a tab cannot indent; use spaces";
    case "DUPLICATE_KEY":
      return "this key stands twice in one mapping";
    case "BAD_INDENT":
      return `wrong indentation: ${message}`;
    case "MULTIPLE_DOCS":
      return "a file holds one document; remove the `---` between";
    default:
      return `not valid YAML: ${message}`;
  }
}

function offsetOf(document: Document.Parsed, path: KeyPath, wantKey: boolean): number {
  let node: Node | null | undefined = document.contents as ParsedNode | null;
  let offset = start(node) ?? 0;
  for (const [depth, part] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair: { key: unknown; value: unknown } | undefined = node.items.find(
        ({ key }) => isScalar(key) && String(key.value) === String(part),
      );
      if (!pair) break;
      const value = pair.value as Node | null;
      const useKey = !isScalar(value) || value.value === null || (wantKey && depth === path.length - 1);
      offset = start(useKey ? (pair.key as Node) : value) ?? offset;
      node = value;
    } else if (isSeq(node)) {
      const item = node.items[Number(part)] as Node | null | undefined;
      if (!item) break;
      offset = start(item) ?? offset;
      node = item;
    } else break;
  }
  return offset;
}

function start(node: Node | null | undefined): number | undefined {
  return node?.range?.[0];
}

/** `peers[0].asn` */
export function formatPath(path: KeyPath): string {
  return path.map((part, i) => (typeof part === "number" ? `[${part}]` : i === 0 ? part : `.${part}`)).join("");
}

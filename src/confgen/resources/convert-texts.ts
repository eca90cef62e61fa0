/** What `calidris convert` does: files with legacy documents in, v3 documents out. */
import { type Document, LineCounter, parseAllDocuments, stringify } from "yaml";
import type { StoredObject } from "../datastore/datastore.ts";
import { shown } from "./fields.ts";
import { convertLegacy } from "./legacy.ts";
import { type LegacySetting, withSettings } from "./legacy-forms.ts";
import type { Kind } from "./model.ts";
import { KINDS, parseResource } from "./parse-resource.ts";

export interface SourceText {
  readonly path: string;
  readonly text: string;
}

export interface ConvertedTexts {
  /**
   * YAML documents, in the order of their sources; a BGPConfiguration that only settings make comes last. Of several
   * documents with one name the first is printed.
   */
  readonly text: string;
  /** What was not converted or is invalid, each with its place. */
  readonly problems: readonly string[];
  /** Kinds of documents that v1 had and that say nothing about BGP. */
  readonly ignored: readonly string[];
}

interface Out {
  /** What is of a kind that we read, and other documents, which are printed as they are. */
  readonly documents: (StoredObject | { readonly object: unknown })[];
  readonly settings: LegacySetting[];
  readonly problems: string[];
  readonly ignored: Set<string>;
}

export function convertTexts(sources: readonly SourceText[]): ConvertedTexts {
  const out: Out = { documents: [], settings: [], problems: [], ignored: new Set() };
  for (const source of sources) convertSource(source, out);
  const objects = withSettings(
    out.documents.filter((document) => "kind" in document),
    out.settings,
  );
  const laidOver = new Map<string, StoredObject>();
  for (const stored of objects) if (!laidOver.has(keyOf(stored))) laidOver.set(keyOf(stored), stored);
  const printed: unknown[] = [];
  for (const document of out.documents) {
    if (!("kind" in document)) printed.push(document.object);
    else takeOnce(document, laidOver, printed, out.problems);
  }
  for (const stored of laidOver.values()) push(stored, printed, out.problems);
  if (printed.length === 0 && out.problems.length === 0 && out.ignored.size === 0)
    out.problems.push("there is nothing to convert");
  const text = printed.map((document) => stringify(document, { lineWidth: 0, aliasDuplicateObjects: false }));
  return { text: text.join("---\n"), problems: out.problems, ignored: [...out.ignored] };
}

const keyOf = ({ kind, name }: StoredObject) => `${kind}/${name}`;

function takeOnce(
  document: StoredObject,
  laidOver: Map<string, StoredObject>,
  printed: unknown[],
  problems: string[],
): void {
  const key = keyOf(document);
  const stored = laidOver.get(key);
  if (!stored) problems.push(`${document.origin}: ${key} is there already; this one is left out`);
  else push(stored, printed, problems);
  laidOver.delete(key);
}

function push({ kind, name, object, origin }: StoredObject, printed: unknown[], problems: string[]): void {
  printed.push(object);
  const parsed = parseResource(kind, name, object);
  if (!parsed.ok) for (const fault of parsed.faults) problems.push(`${origin}: ${kind}/${name}: ${fault}`);
}

function convertSource({ path, text }: SourceText, out: Out): void {
  const lineCounter = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter, prettyErrors: false, merge: true });
  // An empty stream is an array too.
  for (const document of documents) {
    const line = lineCounter.linePos(document.contents?.range?.[0] ?? 0).line;
    const value = plainValue(document, path, line, lineCounter, out);
    if (value !== undefined && value !== null) convertValue(value, `${path}:${line}`, out);
  }
}

function plainValue(document: Document.Parsed, path: string, line: number, lines: LineCounter, out: Out): unknown {
  for (const error of document.errors)
    out.problems.push(`${path}:${lines.linePos(error.pos[0]).line}: ${error.message.split("\n")[0]}`);
  if (document.errors.length > 0) return undefined;
  try {
    return document.toJS();
  } catch (error) {
    // Aliases that would expand to too much.
    out.problems.push(`${path}:${line}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

function convertValue(value: unknown, origin: string, out: Out): void {
  const legacy = convertLegacy(value, origin);
  if (legacy) {
    out.documents.push(...legacy.objects);
    out.settings.push(...legacy.settings);
    out.problems.push(...legacy.problems);
    for (const kind of legacy.ignored) out.ignored.add(kind);
    return;
  }
  for (const item of itemsOf(value)) {
    if (item === value) convertOther(item, origin, out);
    else convertValue(item, origin, out);
  }
}

/** Of a list; anything else is its own only item. */
function itemsOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (typeof value !== "object" || value === null) return [value];
  const { kind, items } = value as Record<string, unknown>;
  return typeof kind === "string" && kind.endsWith("List") && Array.isArray(items) ? items : [value];
}

/** A document that is nothing legacy is v3 already, or not ours. */
function convertOther(value: unknown, origin: string, out: Out): void {
  if (typeof value !== "object" || value === null || !("kind" in value)) {
    out.problems.push(`${origin}: expected a document with a kind, not ${shown(value)}`);
    return;
  }
  const { kind, metadata } = value as { kind: unknown; metadata?: { name?: unknown; namespace?: unknown } | null };
  const isOurs = KINDS.includes(kind as Kind) && typeof metadata?.name === "string";
  if (!isOurs) {
    out.documents.push({ object: value });
    return;
  }
  const name = typeof metadata.namespace === "string" ? `${metadata.namespace}/${metadata.name}` : metadata.name;
  out.documents.push({
    kind: kind as Kind,
    name: name as string,
    object: value as Record<string, unknown>,
    origin,
  });
}

/**
 * A file of the `files` datastore: YAML or JSON as calicoctl and kubectl read it, of one document or several, whose documents
 * may be lists. A file is taken as a whole or not at all: what is being written is not half a set of resources.
 */

import type { Document, Node, ParsedNode, Scalar, YAMLMap, YAMLSeq } from "yaml";
import { isMap, isSeq, LineCounter, parseAllDocuments, parseDocument, type ScalarTag, type Tags, visit } from "yaml";
import { convertLegacy } from "../resources/legacy.ts";
import { type LegacyConversion, withSettings } from "../resources/legacy-forms.ts";
import type { Kind } from "../resources/model.ts";
import { type Json, present, record } from "./json.ts";
import { type ObjectMapping, objectName, v3Object } from "./kubernetes-objects.ts";

export interface FileObject {
  readonly kind: Kind;
  readonly name: string;
  readonly object: Json;
  /** Counted from 1. */
  readonly line: number;
  /** The same for objects that say the same. */
  readonly version: string;
  /** Only a part of the resource, as v1 kept settings: what others say of the resource goes before it. */
  readonly isPart?: true;
}

export type FileContent =
  | { readonly ok: true; readonly objects: readonly FileObject[]; readonly parts: Parts }
  | { readonly ok: false; readonly line: number; readonly message: string };

/** Documents by their text, so that those that did not change are not parsed again. Lines count from that of the document. */
type Parts = ReadonlyMap<string, readonly FileObject[]>;

/** `before` is what the file held, if it could be read. */
export function parseDocuments(text: string, mapping: ObjectMapping, before?: Parts): FileContent {
  const json = /^\s*[{[]/.test(text) ? readJson(text) : undefined;
  if (json !== undefined) {
    const outcome = jsonObjects(json, mapping);
    return Array.isArray(outcome) ? { ok: true, objects: outcome, parts: new Map() } : (outcome as Fault);
  }
  const parts = new Map<string, readonly FileObject[]>();
  const objects: FileObject[] = [];
  let line = 1;
  for (const part of split(text)) {
    const known = before?.get(part) ?? parts.get(part);
    const outcome = known ?? parsePart(part, mapping);
    if ("message" in outcome) return { ...outcome, line: outcome.line + line - 1 };
    parts.set(part, outcome);
    for (const object of outcome) objects.push(line === 1 ? object : { ...object, line: object.line + line - 1 });
    line += lines(part);
  }
  return { ok: true, objects, parts };
}

interface Fault {
  readonly ok: false;
  readonly line: number;
  readonly message: string;
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // As YAML, which it is too, it fails with the line.
    return undefined;
  }
}

function jsonObjects(json: unknown, mapping: ObjectMapping): FileObject[] | Fault {
  try {
    return objectsOf(json, () => 1, mapping);
  } catch (error) {
    return { ok: false, line: 1, message: `not valid: ${causeOf(error)}` };
  }
}

/** Parsers and printers call themselves for each level; how many are too many depends on the stack. */
function causeOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return /call stack size/.test(message) ? "there are too many levels within each other" : message;
}

/**
 * The documents of a stream: a line that begins with `---` always begins one, whatever stands before. Streams with
 * directives or document ends are left in one part.
 */
function split(text: string): string[] {
  if (/^(%|\.\.\.(\s|$))/m.test(text)) return [text];
  return text.split(/^(?=---(?:\s|$))/m);
}

function lines(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) count++;
  return count;
}

/**
 * calicoctl and kubectl read YAML 1.1, in which these are booleans too. Of its other words none is wanted: they do not take
 * the community 65000:12 for a number to the base of 60 either.
 */
const YES_AND_NO: ScalarTag = {
  tag: "tag:yaml.org,2002:bool",
  default: true,
  test: /^(?:yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF)$/,
  resolve: (text) => /^(?:yes|on)$/i.test(text),
};

function withYesAndNo(tags: Tags): Tags {
  return [...tags, YES_AND_NO];
}

function parsePart(text: string, mapping: ObjectMapping): FileObject[] | Fault {
  const counter = new LineCounter();
  const options = {
    lineCounter: counter,
    prettyErrors: false,
    logLevel: "silent",
    customTags: withYesAndNo,
    // As of YAML 1.1 too. What `<<` brings may be a password or a filter.
    merge: true,
  } as const;
  const lineAt = (offset: number) => counter.linePos(offset).line;
  try {
    const stream = text.startsWith("%") || /^\.\.\.(\s|$)/m.test(text);
    const documents = stream ? parseAllDocuments(text, options) : [parseDocument(text, options)];
    const objects: FileObject[] = [];
    for (const document of Array.isArray(documents) ? documents : []) {
      const [error] = document.errors;
      if (error) return { ok: false, line: lineAt(error.pos[0]), message: `not valid YAML: ${causeOf(error)}` };
      const place = (index: number | undefined) => lineAt(offsetOf(document, index));
      const fault = aliasFault(document);
      if (fault) return { ok: false, line: lineAt(fault.at), message: `not valid YAML: ${fault.message}` };
      const outcome = objectsOf(document.toJS({ maxAliasCount: 1000 }), place, mapping);
      if (!Array.isArray(outcome)) return outcome as Fault;
      for (const object of outcome) objects.push(object);
    }
    return objects;
  } catch (error) {
    return { ok: false, line: 1, message: `not valid YAML: ${causeOf(error)}` };
  }
}

/** Of one document: the time to resolve them grows with their square. */
const MOST_ALIASES = 2000;

/** An alias that is a part of what it stands for, so that what it says has no end; or one too many. */
function aliasFault(document: Document.Parsed): { readonly at: number; readonly message: string } | undefined {
  let fault: ReturnType<typeof aliasFault>;
  let count = 0;
  const anchors = new Map<string, Node>();
  const take = (_: unknown, node: Scalar | YAMLMap | YAMLSeq) => {
    if (node.anchor !== undefined) anchors.set(node.anchor, node);
  };
  visit(document, {
    Scalar: take,
    Map: take,
    Seq: take,
    Alias(_, alias, path) {
      const target = anchors.get(alias.source);
      const at = alias.range?.[0] ?? 0;
      if (target && path.includes(target)) fault = { at, message: "an alias stands within what it stands for" };
      else if (++count > MOST_ALIASES) fault = { at, message: `more than ${MOST_ALIASES} aliases in one document` };
      return fault && visit.BREAK;
    },
  });
  return fault;
}

/** Where a document begins, or the item of its list. */
function offsetOf(document: Document.Parsed, index: number | undefined): number {
  const root = document.contents as ParsedNode | null;
  const items = isMap(root) ? root.get("items", true) : root;
  const node = index !== undefined && isSeq(items) ? (items.items[index] as ParsedNode | undefined) : root;
  return node?.range?.[0] ?? 0;
}

/** The objects of one document; those of kinds that are none of ours are passed over. */
function objectsOf(value: unknown, lineOf: (index?: number) => number, mapping: ObjectMapping): FileObject[] | Fault {
  if (value === null || value === undefined) return [];
  const fault = (index: number | undefined, message: string): Fault => ({ ok: false, line: lineOf(index), message });
  const outer = record(value);
  const isList = Array.isArray(value) || (typeof outer.kind === "string" && /List$/.test(outer.kind));
  const items = Array.isArray(value) ? value : isList ? (outer.items ?? []) : [value];
  if (!Array.isArray(items)) return fault(undefined, "`items` of a list is no list");
  // In a BGPPeerList the items need not say what they are.
  const inherited =
    isList && outer.kind !== "List" ? String(outer.kind ?? "").replace(/List$/, "") || undefined : undefined;
  const common = isList ? present({ apiVersion: outer.apiVersion, kind: inherited }) : {};
  const objects: FileObject[] = [];
  for (const [i, item] of items.entries()) {
    const index = isList ? i : undefined;
    if (typeof item !== "object" || item === null || Array.isArray(item)) return fault(index, "expected a resource");
    const outcome = objectOf({ ...common, ...(item as Json) }, mapping);
    if (typeof outcome === "string") return fault(index, outcome);
    for (const named of outcome) objects.push({ ...named, line: lineOf(index), version: JSON.stringify(named.object) });
  }
  return objects;
}

type Named = Pick<FileObject, "kind" | "name" | "object" | "isPart">;

const CALICO_KINDS = ["Node", "BGPPeer", "BGPConfiguration", "BGPFilter", "IPPool", "BlockAffinity"] as const;
const NAMESPACED_KINDS = ["Service", "EndpointSlice", "Secret"] as const;

/** The object in the v3 form; none where it is not for us; text: why it is no resource. */
function objectOf(object: Json, mapping: ObjectMapping): readonly Named[] | string {
  const legacy = convertLegacy(object);
  if (legacy) return legacyObjects(legacy);
  const { kind, apiVersion } = object;
  if (typeof kind !== "string" || kind === "") return "missing key `kind`";
  const isCore = typeof apiVersion === "string" && !apiVersion.startsWith("projectcalico.org/");
  const calico = CALICO_KINDS.find((each) => each === kind);
  const namespaced = NAMESPACED_KINDS.find((each) => each === kind);
  if (!calico && !namespaced) return [];
  const { name } = record(object.metadata);
  if (name === undefined || name === null || name === "") return "missing key `metadata.name`";
  if (typeof name !== "string") return "`metadata.name` is no text; put quotes around it";
  if (namespaced) {
    const named = objectName(object)!;
    return [{ kind: namespaced, name: named.includes("/") ? named : `default/${named}`, object }];
  }
  // Of a kind that has no namespaces: one that is written all the same counts for nothing.
  if (!isCore) return isOurs(calico!, object, mapping) ? [{ kind: calico!, name, object }] : [];
  const converted = v3Object(calico!, object, mapping);
  return converted ? [{ kind: calico!, name, object: converted }] : [];
}

function isOurs(kind: Kind, object: Json, mapping: ObjectMapping): boolean {
  return kind !== "BlockAffinity" || record(object.spec).node === mapping.node;
}

/** Of calicoctl v1, or of its etcd keys. */
function legacyObjects({ objects, settings, problems }: LegacyConversion): readonly Named[] | string {
  if (problems.length > 0) return problems.join("; ");
  const whole = objects.flatMap(({ kind, name, object }) => (object ? [{ kind, name, object }] : []));
  const parts = withSettings([], settings).flatMap(({ kind, name, object }) =>
    object ? [{ kind, name, object, isPart: true as const }] : [],
  );
  return [...whole, ...parts];
}

/** What zod finds, in the words of an operator. */
import type { z } from "zod";
import { hint } from "./nearest.ts";
import type { KeyPath } from "./yaml-source.ts";

export interface Issue {
  readonly path: KeyPath;
  readonly message: string;
  /** The key itself is at fault, not its value. */
  readonly key: boolean;
}

export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly issues: readonly Issue[] };

/** Validates `value`, found at `at`; every issue carries its whole path. */
export function checkValue<T extends z.ZodType>(schema: T, value: unknown, at: KeyPath): Checked<z.output<T>> {
  const result = schema.safeParse(value);
  if (result.success) return { ok: true, value: result.data };
  return { ok: false, issues: result.error.issues.flatMap((issue) => inWords(schema, value, issue, at)) };
}

function inWords(schema: z.ZodType, value: unknown, issue: z.core.$ZodIssue, at: KeyPath): Issue[] {
  const inner = issue.path.map((part) => (typeof part === "symbol" ? String(part) : part));
  const path = [...at, ...inner];
  if (issue.code === "unrecognized_keys") {
    const valid = keysAt(schema, inner);
    return issue.keys.map((key) => ({
      path: [...path, key],
      message: `unknown key \`${key}\`${hint(key, valid)}`,
      key: true,
    }));
  }
  if (issue.code === "invalid_key") {
    return [{ path, message: issue.issues[0]?.message ?? "not a valid name", key: true }];
  }
  const [found, parent] = valueAt(value, inner);
  const last = inner.at(-1);
  if (found === undefined && parent !== undefined && typeof last === "string" && issue.code !== "custom")
    return [{ path, message: `missing key \`${last}\`: ${issue.message}`, key: false }];
  const empty = found === null ? ", but nothing is written here" : "";
  return [{ path, message: issue.message + empty, key: false }];
}

/** The value at the path and what holds it. */
function valueAt(value: unknown, path: KeyPath): [unknown, unknown] {
  let parent: unknown;
  let node = value;
  for (const part of path) {
    // A single value may stand for a list of one.
    if (part === 0 && !Array.isArray(node)) continue;
    if (typeof node !== "object" || node === null) return [undefined, undefined];
    parent = node;
    node = (node as Record<string | number, unknown>)[part];
  }
  return [node, parent];
}

/** Keys of the mapping that the schema describes at the path. */
function keysAt(schema: z.ZodType, path: KeyPath): string[] {
  let at = unwrap(schema);
  for (const part of path) {
    const def = at._zod.def as unknown as SchemaDef;
    if (def.type === "array" && def.element) at = unwrap(def.element);
    else if (def.type === "record" && def.valueType) at = unwrap(def.valueType);
    else if (def.shape && Object.hasOwn(def.shape, part)) at = unwrap(def.shape[part]!);
    else return [];
  }
  return Object.keys((at._zod.def as unknown as SchemaDef).shape ?? {});
}

interface SchemaDef {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly in?: z.ZodType;
  readonly out?: z.ZodType;
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly getter?: () => z.ZodType;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
}

/** The object, array or record inside optional and transforming wrappers. */
function unwrap(schema: z.ZodType): z.ZodType {
  const def = schema._zod.def as unknown as SchemaDef;
  if (def.getter) return unwrap(def.getter());
  if (def.type === "pipe" && def.in && def.out)
    return unwrap((def.in._zod.def as unknown as SchemaDef).type === "transform" ? def.out : def.in);
  return def.innerType ? unwrap(def.innerType) : schema;
}

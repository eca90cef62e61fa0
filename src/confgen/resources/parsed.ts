/** A parser of one kind of resource. */
import type { z } from "zod";

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly faults: readonly string[] };

/** `name` is that under which the object is stored. Never throws, whatever the object is. */
export type Parser<T> = (name: string, object: unknown) => Parsed<T>;

/** Says that something is wrong with the resource as a whole, or at a path as `spec.peerIP`. */
export type Complain = (path: string, message: string) => void;

/**
 * A parser from the fields' schema and from what makes the resource of them. `build` says with `complain` what is wrong
 * between fields, and is not called where a field by itself is.
 */
export function createParser<S extends z.ZodType, T>(
  schema: S,
  build: (name: string, fields: z.output<S>, complain: Complain) => T,
): Parser<T> {
  return (name, object) => {
    const result = schema.safeParse(object);
    if (!result.success) return { ok: false, faults: faultsOf(result.error.issues) };
    const faults: string[] = [];
    const value = build(name, result.data, (path, message) => faults.push(`${path}: ${message}`));
    return faults.length === 0 ? { ok: true, value } : { ok: false, faults };
  };
}

/** More faults of one resource help nobody. */
const MOST_FAULTS = 20;

function faultsOf(issues: readonly z.core.$ZodIssue[]): string[] {
  const faults = issues.slice(0, MOST_FAULTS).map((issue) => {
    const path = pathText(issue.path);
    return path === "" ? issue.message : `${path}: ${issue.message}`;
  });
  if (issues.length > MOST_FAULTS) faults.push(`and ${issues.length - MOST_FAULTS} more`);
  return faults;
}

function pathText(path: readonly PropertyKey[]): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else text += text === "" ? String(part) : `.${String(part)}`;
  }
  return text;
}

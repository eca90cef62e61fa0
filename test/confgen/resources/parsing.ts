import assert from "node:assert/strict";
import type { Kind, ResourceTypes } from "../../../src/confgen/resources/model.ts";
import { parseResource } from "../../../src/confgen/resources/parse-resource.ts";

/** The resource that the spec says. */
export function parsed<K extends Kind>(kind: K, spec: unknown, rest: object = {}): ResourceTypes[K] {
  const result = parseResource(kind, "x", { kind, metadata: { name: "x" }, spec, ...rest });
  if (!result.ok) assert.fail(result.faults.join("\n"));
  return result.value;
}

/** Why the spec is invalid. */
export function faults(kind: Kind, spec: unknown, rest: object = {}): readonly string[] {
  const result = parseResource(kind, "x", { kind, metadata: { name: "x" }, spec, ...rest });
  if (result.ok) assert.fail(`${JSON.stringify(spec)} was taken as ${JSON.stringify(result.value)}`);
  return result.faults;
}

/** A resource without the functions of its selectors. */
export function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

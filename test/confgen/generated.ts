/** Configurations made of resources, and what their policies do to routes that need not exist. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compile } from "../../src/confgen/compile/compile.ts";
import type { CompileInput } from "../../src/confgen/compile/input.ts";
import type { Finding } from "../../src/confgen/finding.ts";
import type { Resource } from "../../src/confgen/resources/model.ts";
import { readRoute } from "../../src/config/hypothetical-route.ts";
import type { Config } from "../../src/config/model.ts";
import { formatProblem, parseConfig } from "../../src/config/parse.ts";
import { createPolicyTest, type Direction } from "../../src/control/policy-test.ts";
import { formatAddress } from "../../src/ip/address.ts";
import { formatPrefix } from "../../src/ip/prefix.ts";
import { type Faulty, inputOf } from "./resource-builders.ts";

/** 2147483647, from which priorities are taken, and the normal priority. */
export const M = 2147483647;
export const P = 1024;
export const NORMAL = M - P;
export const ELEVATED = M - 512;

export interface Generated {
  readonly config: Config;
  readonly findings: readonly Finding[];
  /** Of the files, by path. */
  readonly texts: ReadonlyMap<string, string>;
}

type Changes = Partial<Omit<CompileInput, "resources">>;

/** What the resources compile to, as the daemon reads it: without a fault, and without a warning. */
export function generatedOf(resources: readonly (Resource | Faulty)[], changes: Changes = {}): Generated {
  const { generation, findings } = compile(inputOf(resources, changes));
  assert.ok(generation, JSON.stringify(findings));
  const parsed = parseConfig(generation.files);
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.problems.map(formatProblem).join("\n"));
  assert.deepEqual(parsed.warnings.map(formatProblem), []);
  return { config: parsed.config, findings, texts: new Map(generation.files.map(({ path, text }) => [path, text])) };
}

export type Route = Readonly<Record<string, unknown>>;
/** What is expected of a route: rejected, or accepted with exactly these changes. */
export type Expected = "reject" | Readonly<Record<string, unknown>>;
export type Row = readonly [claim: string, route: Route, expected: Expected];

export function judge(config: Config, direction: Direction, peer: string | undefined, value: Route): Expected {
  const read = readRoute(value);
  assert.ok(read.ok, JSON.stringify(read));
  const found = config.peers.find((each) => each.name === peer);
  assert.equal(found?.name, peer, `peers are ${config.peers.map(({ name }) => name)}`);
  const { verdict, changes } = createPolicyTest(config, direction, found)(read.route);
  return verdict === "reject" ? verdict : Object.fromEntries(changes.map(({ attribute, after }) => [attribute, after]));
}

/** One test for each row. */
export function claims(config: Config, direction: Direction, peer: string | undefined, rows: readonly Row[]): void {
  for (const [claim, route, expected] of rows)
    test(claim, () => assert.deepEqual(judge(config, direction, peer, route), expected));
}

/** A route of Felix or of the host. */
export function own(prefix: string, more: Route = {}): Route {
  return { prefix, source: "kernel", metric: P, ...more };
}

/** A route of another node, as it comes through BGP. */
export function learned(prefix: string, more: Route = {}): Route {
  return { prefix, localPref: NORMAL, ...more };
}

/** Static routes, as `prefix` or `prefix via gateway`. */
export function staticsOf({ static: routes }: Config): string[] {
  return routes.map(({ prefix, via }) =>
    [formatPrefix(prefix), ...via.flatMap(({ gateway }) => (gateway ? ["via", formatAddress(gateway)] : []))].join(" "),
  );
}

export function codesOf(findings: readonly Finding[]): string[] {
  return findings.map(({ severity, code, resource }) => `${severity} ${code} ${resource}`);
}

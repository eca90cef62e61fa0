/** What a node generates in a case: its datastore's objects are admitted and compiled, step by step. */
import { createHash } from "node:crypto";
import { compile } from "../../../src/confgen/compile/compile.ts";
import type { CompileInput, Environment } from "../../../src/confgen/compile/input.ts";
import type { StoredObject } from "../../../src/confgen/datastore/datastore.ts";
import type { Compilation, GeneratedFile } from "../../../src/confgen/generation.ts";
import { createResourceTable, type ResourceTable } from "../../../src/confgen/resources/admission.ts";
import type { Config } from "../../../src/config/model.ts";
import { formatProblem, parseConfig } from "../../../src/config/parse.ts";
import type { Backend, Case } from "./case-list.ts";
import { documentsAfter, storedIn, storedInFiles } from "./stored-case.ts";

export interface Generated {
  readonly files: readonly GeneratedFile[];
  readonly config: Config;
  /** Of our parser, about the configuration. */
  readonly warnings: readonly string[];
  readonly compilation: Compilation;
}

/** A node that goes on while its resources change, from one step to the next. */
export interface CaseNode {
  /** To be called once for each step, in their order. */
  nextStep(): Generated;
}

export function createCaseNode(
  each: Case,
  backend: Backend,
  missingPassword: CompileInput["missingPassword"] = "open",
): CaseNode {
  const table = createResourceTable();
  const steps = documentsAfter(each).values();
  return {
    nextStep() {
      const { value } = steps.next();
      return generatedFrom(table, each, storedIn(backend, each, value!), missingPassword);
    },
  };
}

/** A node that starts when the step has been done. */
export function startedAt(each: Case, backend: Backend, step: number): Generated {
  return generatedFrom(createResourceTable(), each, storedIn(backend, each, documentsAfter(each)[step]!), "open");
}

/** A node that starts with the case's own files. */
export function startedWithFiles(each: Case): Generated {
  return generatedFrom(createResourceTable(), each, storedInFiles(each), "open");
}

/** Secrets and Services come to the table once the compiler says that it wants them. */
function generatedFrom(
  table: ResourceTable,
  each: Case,
  stored: readonly StoredObject[],
  missingPassword: CompileInput["missingPassword"],
): Generated {
  const input: CompileInput = {
    node: each.nodeName,
    environment: each.env as Environment,
    version: 33,
    missingPassword,
    resources: table.view,
    sha256: (bytes) => createHash("sha256").update(bytes).digest(),
  };
  fill(
    table,
    stored.filter(({ kind }) => !ON_DEMAND.has(kind)),
  );
  const { secrets, services } = compile(input);
  const wanted = ({ kind, name }: StoredObject) =>
    kind === "Secret" ? secrets.includes(name) : !ON_DEMAND.has(kind) || services;
  fill(table, stored.filter(wanted));
  const compilation = compile(input);
  if (!compilation.generation) throw new Error(`${each.name} gives nothing: ${JSON.stringify(compilation.findings)}`);
  const { files } = compilation.generation;
  return { files, ...configOf(files), compilation };
}

const ON_DEMAND: ReadonlySet<string> = new Set(["Secret", "Service", "EndpointSlice"]);

/** The table holds exactly these afterwards. */
function fill(table: ResourceTable, stored: readonly StoredObject[]): void {
  const there = new Set(stored.map(({ kind, name }) => `${kind} ${name}`));
  for (const [kind, entries] of Object.entries(table.view))
    for (const name of [...entries.keys()])
      if (!there.has(`${kind} ${name}`)) table.remove(kind as StoredObject["kind"], name);
  for (const each of stored) table.apply(each);
}

function configOf(files: readonly GeneratedFile[]): Pick<Generated, "config" | "warnings"> {
  const parsed = parseConfig(files.map(({ path, text }) => ({ path, text })));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems, null, 1));
  return { config: parsed.config, warnings: parsed.warnings.map(formatProblem) };
}

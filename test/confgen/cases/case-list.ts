/** Cases of Calico's confd: what they say, and where their files are. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments, type Tags } from "yaml";
import { casesFolder, requires } from "../../../interop/requires.ts";
import { type BirdConfig, readBirdConfig } from "./bird-config.ts";

export const SKIP = await requires("outside-cases");
const FOLDER = join(casesFolder() ?? "/nonexistent", "calico-confd");

export type Backend = "etcd" | "kdd";

export interface CaseStep {
  readonly step: string;
  /** In words. */
  readonly do: string;
  /** Folder of the expected files; absent where sessions are only counted. */
  readonly expected?: string;
  readonly expected_peering_count?: number;
  /** Parts of a resource that change, by `Kind/name`; null deletes it. */
  readonly set?: Readonly<Record<string, Readonly<Record<string, unknown>> | null>>;
  /** File of resources to create or replace. */
  readonly apply_upsert?: string;
}

export interface Case {
  readonly name: string;
  readonly asserts: string;
  readonly nodeName: string;
  readonly env: Readonly<Record<string, string>>;
  readonly blockAffinities: "standard" | "none";
  readonly backends: readonly Backend[];
  readonly endpointStatus: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly input: readonly string[];
  readonly steps: readonly CaseStep[];
}

export interface Affinity {
  readonly cidr: string;
  readonly host: string;
  readonly state: string;
}

interface CaseFile {
  readonly standardBlockAffinities: readonly Affinity[];
  readonly cases: readonly Case[];
}

const FILE: CaseFile = SKIP
  ? { standardBlockAffinities: [], cases: [] }
  : JSON.parse(readFileSync(join(FOLDER, "cases.json"), "utf8"));

export const CASES = FILE.cases;

export function caseOf(name: string): Case {
  const found = CASES.find((each) => each.name === name);
  if (!found) throw new Error(`no case ${name}`);
  return found;
}

export function affinitiesOf({ blockAffinities }: Case): readonly Affinity[] {
  return blockAffinities === "standard" ? FILE.standardBlockAffinities : [];
}

export function textsOf({ name }: Case, files: readonly string[]): string[] {
  return files.map((file) => readFileSync(join(FOLDER, name, file), "utf8"));
}

/** Objects of the YAML files of a case, in their order. */
export function documentsOf(each: Case, files: readonly string[]): Record<string, unknown>[] {
  return textsOf(each, files).flatMap((text) => {
    return parseAllDocuments(text, { version: "1.1", customTags: asGoReads })
      .map((document) => document.toJS() as Record<string, unknown> | null)
      .filter((each) => each !== null);
  });
}

/** YAML 1.1 as calicoctl's library reads it: `yes` is a boolean, but `65000:12` is no number to the base of 60, nor is a date. */
function asGoReads(tags: Tags): Tags {
  return tags.filter((tag) => typeof tag === "string" || (tag.format !== "TIME" && !tag.tag.endsWith(":timestamp")));
}

export type BirdFamily = "ipv4" | "ipv6";

/** Texts of the expected files of a step, by their names. */
export function expectedFiles({ name }: Case, { expected }: CaseStep): ReadonlyMap<string, string> {
  const folder = join(FOLDER, name, expected ?? "");
  return new Map(readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), "utf8")]));
}

export function expectedConfig(each: Case, step: CaseStep, family: BirdFamily): BirdConfig {
  return readBirdConfig(expectedFiles(each, step), family === "ipv4" ? "bird.cfg" : "bird6.cfg");
}

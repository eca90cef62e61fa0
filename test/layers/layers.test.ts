/** The layers of DESIGN §2, held by the compiler: what a pure folder must not use does not compile there. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";

/** dist/test/layers is where this runs. */
const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");

/** Pure folders with the folders each may import, and a file of each to import. */
const LAYERS: Readonly<Record<string, { readonly file: string; readonly may: readonly string[] }>> = {
  ip: { file: "address.ts", may: [] },
  bgp: { file: "iana.ts", may: ["ip"] },
  policy: { file: "types.ts", may: ["ip", "bgp"] },
  rib: { file: "types.ts", may: ["ip", "bgp", "policy"] },
  fib: { file: "fib.ts", may: ["ip"] },
  config: { file: "model.ts", may: ["ip", "bgp", "policy"] },
  confgen: { file: "generation.ts", may: ["ip", "bgp", "policy", "config"] },
  control: { file: "answers.ts", may: ["ip", "bgp", "policy", "rib", "fib", "config"] },
  daemon: { file: "ports.ts", may: ["ip", "bgp", "policy", "rib", "fib", "config", "control"] },
};
/** Above all of them. */
const IMPURE: Readonly<Record<string, string>> = {
  "io/net": "reasons.ts",
  "io/datastore": "read-text.ts",
  "io/files": "at-once.ts",
  "io/netlink": "links.ts",
  "io/system": "clock.ts",
  cli: "version.ts",
};

/** What must not compile, one on a line. */
const FORBIDDEN = [
  'import { readFileSync } from "node:fs";',
  'import { connect } from "net";',
  "export const buffer = Buffer.alloc(1);",
  "export const timer = setTimeout(() => {}, 1);",
  "export const immediate = setImmediate(() => {});",
  "export const environment = process.env;",
  'console.log("", readFileSync, connect);',
];

/**
 * Compiles the folder's project with more files in it. They stand inside the repository, from where Node's types would be
 * found. Returns the lines at which each file has errors.
 */
function compile(folder: string, probes: Readonly<Record<string, string>>): Map<string, Set<number>> {
  mkdirSync(join(ROOT, "dist"), { recursive: true });
  const place = mkdtempSync(join(ROOT, "dist", "layers-"));
  try {
    for (const [name, text] of Object.entries(probes)) writeFileSync(join(place, name), text);
    const project = {
      extends: join(ROOT, "src", folder, "tsconfig.json"),
      compilerOptions: { noEmit: true, tsBuildInfoFile: join(place, "info") },
      include: [join(ROOT, "src", folder, "**/*.ts")],
      files: Object.keys(probes).map((name) => join(place, name)),
      references: referencesOf(folder),
    };
    writeFileSync(join(place, "tsconfig.json"), JSON.stringify(project));
    const tsc = join(ROOT, "node_modules", "typescript", "bin", "tsc");
    const { stdout } = spawnSync(process.execPath, [tsc, "-p", place, "--pretty", "false"], {
      encoding: "utf8",
      cwd: ROOT,
    });
    const errors = new Map<string, Set<number>>(Object.keys(probes).map((name) => [name, new Set()]));
    for (const [, file, line] of stdout.matchAll(/^(.+?)\((\d+),\d+\): error TS/gm)) {
      const name = relative(place, join(ROOT, file!));
      const lines = errors.get(name) ?? new Set();
      errors.set(name, lines.add(Number(line)));
    }
    return errors;
  } finally {
    rmSync(place, { recursive: true });
  }
}

/** The folder's own references, as paths that hold elsewhere. */
function referencesOf(folder: string): { path: string }[] {
  const place = join(ROOT, "src", folder);
  const { references } = JSON.parse(readFileSync(join(place, "tsconfig.json"), "utf8"));
  return references.map(({ path }: { path: string }) => ({ path: join(place, path) }));
}

const importOf = (path: string) => `import * as other from "../../src/${path}";\nexport const used = other;\n`;
const probeName = (path: string) => `${path.replaceAll("/", "-")}.ts`;

describe("the compiler holds the layers", () => {
  test("every folder of src is a layer that is checked here, or one with system calls", () => {
    const known = [...Object.keys(LAYERS), "io", "cli", "confgen"];
    const folders = readdirSync(join(ROOT, "src"));
    assert.deepEqual(
      folders.filter((name) => !known.includes(name)),
      [],
    );
  });

  for (const [folder, { may }] of Object.entries(LAYERS))
    test(`src/${folder} compiles without Node, and imports ${may.join(", ") || "nothing"} only`, () => {
      const all = { ...Object.fromEntries(Object.entries(LAYERS).map(([name, { file }]) => [name, file])), ...IMPURE };
      const others = Object.entries(all).filter(([name]) => name !== folder);
      const probes: Record<string, string> = { "forbidden.ts": `${FORBIDDEN.join("\n")}\n` };
      for (const [name, file] of others) probes[probeName(name)] = importOf(`${name}/${file}`);
      const errors = compile(folder, probes);
      const lines = FORBIDDEN.map((_, i) => i + 1);
      assert.deepEqual([...errors.get("forbidden.ts")!].sort(), lines, "each forbidden line is an error");
      const refused = others.map(([name]) => name).filter((name) => errors.get(probeName(name))!.size > 0);
      assert.deepEqual(
        refused.sort(),
        others
          .map(([name]) => name)
          .filter((name) => !may.includes(name))
          .sort(),
      );
    });
});

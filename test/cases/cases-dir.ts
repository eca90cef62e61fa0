import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * The folder of outside cases: CALIDRIS_CASES, else `shared/cases` beside the repository or beside a folder above it.
 * Undefined when there is none.
 */
function casesDir(): string | undefined {
  const given = process.env.CALIDRIS_CASES;
  if (given !== undefined) return given;
  for (let at = dirname(fileURLToPath(import.meta.url)); at !== dirname(at); at = dirname(at)) {
    const here = join(at, "shared", "cases");
    if (existsSync(here)) return here;
  }
  return undefined;
}

/** A path inside the BGP wire cases, and the reason to skip a test where they are not there. */
export const WIRE = join(casesDir() ?? "/nonexistent", "bgp-wire");
export const SKIP = existsSync(WIRE) ? false : "outside cases are not here: set CALIDRIS_CASES";

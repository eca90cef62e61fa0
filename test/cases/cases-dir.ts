import { join } from "node:path";
import { casesFolder, requires } from "../../interop/requires.ts";

/** The wire cases of others, and the reason to skip a test where they are not there. */
export const WIRE = join(casesFolder() ?? "/nonexistent", "bgp-wire");
export const SKIP = await requires("outside-cases");

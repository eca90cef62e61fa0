// Writes the JSON Schema of the configuration beside the build, for editors; run after the compiler.
import { mkdirSync, writeFileSync } from "node:fs";
import { configJsonSchema } from "../dist/src/config/json-schema.js";

const folder = new URL("../dist/schema/", import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL("config.schema.json", folder), `${JSON.stringify(configJsonSchema(), null, 2)}\n`);

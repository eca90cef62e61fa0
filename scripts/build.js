// Builds everything with the TypeScript compiler of this checkout.
import { spawnSync } from "node:child_process";

const result = spawnSync("node_modules/.bin/tsc", ["-b", "--pretty", "false"], { stdio: "inherit" });
process.exit(result.status ?? 1);

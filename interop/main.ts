/** `npm run interop`: the scenarios with real speakers, in network namespaces or in containers. */
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { matrixTable } from "./matrix.ts";
import { runTests } from "./process.ts";
import { CONTAINERS, PEERS, requires } from "./requires.ts";

const SCENARIOS = fileURLToPath(new URL("../test/interop/", import.meta.url));

/** The scenario of the matrix that also runs with every speaker in a container. */
const IN_CONTAINERS = "reflection";

const USAGE = `Usage: npm run interop -- [options]
  --containers     run every speaker, ours too, in a container (needs root)
  --matrix         all scenarios in namespaces, then one of them in containers
  --only NAME,...  ${names().join(", ")}; a part of a name selects all that begin with it
  --dut KIND       put bird2 or frr in our place, which tests the laboratory
  --filter REGEX   only scenarios whose title matches
  --table          print the table of speakers and scenarios
`;

function names(): string[] {
  const files = readdirSync(SCENARIOS).filter((file) => file.endsWith(".test.js"));
  return files.map((file) => basename(file, ".test.js")).sort();
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      containers: { type: "boolean", default: false },
      matrix: { type: "boolean", default: false },
      only: { type: "string" },
      dut: { type: "string" },
      filter: { type: "string" },
      table: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (values.table) {
    console.log(matrixTable());
    return 0;
  }
  const wanted = values.only?.split(",");
  const chosen = names().filter((name) => wanted?.some((start) => name.startsWith(start)) ?? true);
  if (chosen.length === 0) {
    console.error(`No scenario begins with "${values.only}"; there are ${names().join(", ")}`);
    return 2;
  }
  const runs = values.matrix
    ? [
        { scenarios: chosen, contained: false },
        { scenarios: [IN_CONTAINERS], contained: true },
      ]
    : [{ scenarios: chosen, contained: values.containers }];
  const missing = await requires(...PEERS, ...(runs.some((run) => run.contained) ? CONTAINERS : []));
  if (missing !== false) {
    console.error(`Cannot run the scenarios here: interop ${missing}`);
    return 1;
  }
  let worst = 0;
  for (const { scenarios, contained } of runs) {
    const files = scenarios.map((name) => join(SCENARIOS, `${name}.test.js`));
    const environment = {
      INTEROP_MATRIX: "1",
      ...(contained ? { INTEROP_CONTAINERS: "1" } : {}),
      ...(values.dut === undefined ? {} : { DUT: values.dut }),
    };
    worst = Math.max(worst, await runTests(files, environment, values.filter));
  }
  return worst;
}

process.exitCode = await main();

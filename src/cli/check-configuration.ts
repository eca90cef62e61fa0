import { readFileSync } from "node:fs";
import type { Config, ConfigProblem } from "../config/model.ts";
import { formatProblem, parseConfig } from "../config/parse.ts";
import { readConfigFiles } from "../io/system/config-files.ts";
import { EXIT } from "./exit-codes.ts";
import { write } from "./output.ts";

/** `calidris check`: all faults at once. Faults end with 1, warnings alone do not. */
export async function checkConfiguration(path: string, output: "table" | "json"): Promise<void> {
  const { files, problems: unreadable } = await readConfigFiles(path);
  const problems: ConfigProblem[] = unreadable.map(
    (problem): ConfigProblem => ({
      file: problem.path,
      line: 0,
      path: "",
      message: problem.message,
      severity: "error",
    }),
  );
  let summary = "";
  if (unreadable.length === 0) {
    const parsed = parseConfig(files, { secrets: readSecret });
    problems.push(...(parsed.ok ? parsed.warnings : parsed.problems));
    if (parsed.ok) summary = `: ${summaryOf(parsed.config)}`;
  }
  const errors = problems.filter((problem) => problem.severity === "error").length;
  const warnings = problems.length - errors;
  if (errors > 0) process.exitCode = EXIT.error;
  if (output === "json") {
    await write(`${JSON.stringify({ ok: errors === 0, files: files.map((file) => file.path), problems }, null, 2)}\n`);
    return;
  }
  const lines = problems.map(formatProblem);
  const verdict = errors > 0 ? `${path}: ${count(errors, "error")}` : `${path}: good${summary}`;
  await write([...lines, `${verdict}${warnings > 0 ? `, ${count(warnings, "warning")}` : ""}`, ""].join("\n"));
}

function summaryOf({ peers, dynamicPeers, router }: Config): string {
  const ranges = dynamicPeers.length === 0 ? "" : `, ${count(dynamicPeers.length, "range")} of dynamic neighbours`;
  return `${count(peers.length, "peer")}${ranges}, AS ${router.asn}`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

/** The key in a file, without the newline that editors add. */
export function readSecret(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").replace(/\r?\n$/, "");
  } catch {
    return undefined;
  }
}

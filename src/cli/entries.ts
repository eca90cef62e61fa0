/** A list of answers, in the format that was asked for. */
import { CliError, EXIT } from "./exit-codes.ts";
import { drawing, type OutputOptions, writeDocument } from "./output.ts";

export interface Entries<T> {
  readonly fetch: () => Promise<readonly T[]>;
  readonly lines: (entries: readonly T[]) => readonly string[];
  /** For `-o name`, and to tell entries apart. */
  readonly name: (entry: T) => string;
  /** Said on standard error when there is nothing. */
  readonly empty: string;
}

export async function printEntries<T>(options: OutputOptions, entries: Entries<T>): Promise<void> {
  const { output, watch } = options;
  if (watch && output === "yaml")
    throw new CliError(EXIT.usage, "-w prints changes, which one YAML document cannot; use -o json or a table");
  if (output === "yaml" || (output === "json" && !watch)) {
    await writeDocument(await entries.fetch(), output);
    return;
  }
  await drawing(options, async () => {
    const found = await entries.fetch();
    if (output === "json") return found.map((entry) => JSON.stringify(entry));
    if (output === "name") return found.map(entries.name);
    if (found.length > 0) return entries.lines(found);
    if (watch) return [entries.empty];
    process.stderr.write(`${entries.empty}\n`);
    return [];
  });
}

/** A list of answers, in the format that was asked for. */
import { CliError, EXIT } from "./exit-codes.ts";
import { drawing, type OutputOptions, write } from "./output.ts";

export interface Entries<T> {
  /** The answers as they come. */
  readonly pages: () => AsyncIterable<readonly T[]>;
  /** In the order in which people look for them. */
  readonly sorted: (entries: readonly T[]) => readonly T[];
  /** A table. */
  readonly lines: (entries: readonly T[], headings: boolean) => readonly string[];
  /** For `-o name`. */
  readonly name: (entry: T) => string;
  /** Said on standard error when there is nothing. */
  readonly empty: string;
}

/** Entries held at once. A longer list is printed in parts, each sorted for itself: it need not fit into memory. */
const PART_ENTRIES = 50_000;

export async function printEntries<T>(options: OutputOptions, entries: Entries<T>): Promise<void> {
  if (options.watch) await watchEntries(options, entries);
  else await printOnce(options, entries);
}

async function printOnce<T>(options: OutputOptions, entries: Entries<T>): Promise<void> {
  const print = await printer(options, entries);
  let held: T[] = [];
  let parts = 0;
  for await (const page of entries.pages()) {
    for (const entry of page) held.push(entry);
    if (held.length < PART_ENTRIES) continue;
    await write(print.part(entries.sorted(held), parts++));
    held = [];
  }
  if (held.length > 0) await write(print.part(entries.sorted(held), parts++));
  await write(print.end(parts));
}

interface Printer<T> {
  readonly part: (entries: readonly T[], index: number) => string;
  readonly end: (parts: number) => string;
}

async function printer<T>({ output, headers }: OutputOptions, entries: Entries<T>): Promise<Printer<T>> {
  switch (output) {
    case "json":
      return {
        // One array out of the parts: without their brackets.
        part: (part, index) => `${index === 0 ? "[" : ","}${JSON.stringify(part, null, 2).slice(1, -2)}`,
        end: (parts) => (parts === 0 ? "[]\n" : "\n]\n"),
      };
    case "yaml": {
      const { stringify } = await import("yaml");
      return {
        part: (part) => stringify(part, { lineWidth: 0, aliasDuplicateObjects: false }),
        end: (parts) => (parts === 0 ? "[]\n" : ""),
      };
    }
    default: {
      const part = (list: readonly T[], index: number) => {
        if (output === "name") return joined(list.map(entries.name));
        // Later parts are laid out as if they had headings, so that columns mostly stay where they are.
        const lines = entries.lines(list, headers);
        return joined(headers && index > 0 ? lines.slice(1) : lines);
      };
      return { part, end: (parts) => (parts === 0 ? sayEmpty(entries.empty) : "") };
    }
  }
}

/** On standard error: a script that counts lines counts none. */
function sayEmpty(text: string): string {
  process.stderr.write(`${text}\n`);
  return "";
}

async function watchEntries<T>(options: OutputOptions, entries: Entries<T>): Promise<void> {
  const { output, headers } = options;
  if (output === "yaml")
    throw new CliError(EXIT.usage, "-w prints changes, which one YAML document cannot; use -o json or a table");
  await drawing(options, async () => {
    const all: T[] = [];
    for await (const page of entries.pages()) for (const entry of page) all.push(entry);
    const found = entries.sorted(all);
    if (output === "json") return found.map((entry) => JSON.stringify(entry));
    if (output === "name") return found.map(entries.name);
    return found.length > 0 ? entries.lines(found, headers) : [entries.empty];
  });
}

function joined(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

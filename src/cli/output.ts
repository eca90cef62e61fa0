/** What commands print, and how: formats, colour, watching. */
import type { Argv } from "yargs";
import type { TableStyle } from "../control/table.ts";

const FORMATS = ["table", "wide", "json", "yaml", "name"] as const;
export type Format = (typeof FORMATS)[number];

export interface OutputOptions extends OutputOnceOptions {
  readonly watch: boolean;
}

export interface OutputOnceOptions {
  readonly output: Format;
  readonly headers: boolean;
  readonly color: boolean | undefined;
  readonly socket: string | undefined;
}

/** Options that every command which asks the daemon has. */
export function withSocket<T>(yargs: Argv<T>): Argv<T & { socket: string | undefined }> {
  return yargs.option("socket", {
    type: "string",
    requiresArg: true,
    describe: "Control socket of the daemon (or CALIDRIS_SOCKET)",
  });
}

export function withOutput<T>(yargs: Argv<T>, formats: readonly Format[] = FORMATS) {
  return withOutputOnce(yargs, formats).option("watch", {
    alias: "w",
    type: "boolean",
    default: false,
    describe: "Go on: redraw on a terminal, print changes elsewhere",
  });
}

/** For commands that answer once. */
export function withOutputOnce<T>(yargs: Argv<T>, formats: readonly Format[]) {
  return withSocket(yargs)
    .option("output", {
      alias: "o",
      choices: formats as Format[],
      default: "table" as Format,
      requiresArg: true,
      describe: "Output format",
    })
    .option("headers", { type: "boolean", default: true, describe: "Column headings (--no-headers: none)" })
    .option("color", { type: "boolean", describe: "Colour of state words (default: on a terminal, unless NO_COLOR)" });
}

const TERMINAL_WIDTH = 80;

/** As wide as the terminal, or COLUMNS; elsewhere nothing is left out. */
export function tableStyle(options: OutputOnceOptions): TableStyle {
  const { isTTY, columns } = process.stdout;
  const told = Number(process.env.COLUMNS);
  return {
    width: isTTY ? columns || TERMINAL_WIDTH : told > 0 ? told : undefined,
    headings: options.headers,
    colour: options.color ?? (isTTY === true && !process.env.NO_COLOR && process.env.TERM !== "dumb"),
  };
}

/** Waits while the reader is behind, so that large tables do not pile up here. */
export async function write(text: string): Promise<void> {
  if (text === "" || process.stdout.write(text)) return;
  await new Promise<void>((resolve) => process.stdout.once("drain", resolve));
}

/** One document: an array or an object. */
export async function writeDocument(value: unknown, format: "json" | "yaml"): Promise<void> {
  if (format === "json") return write(`${JSON.stringify(value, null, 2)}\n`);
  const { stringify } = await import("yaml");
  await write(stringify(value, { lineWidth: 0, aliasDuplicateObjects: false }));
}

const WATCH_MS = 1000;

/**
 * Draws once, or again each second until it is interrupted: in place on a terminal, elsewhere only the lines that were
 * not in the drawing before.
 */
export async function drawing(options: OutputOptions, lines: () => Promise<readonly string[]>): Promise<void> {
  if (!options.watch) return write(joined(await lines()));
  let before = new Set<string>();
  let quiet = false;
  for (;;) {
    const now = await lines().catch((error: unknown) => {
      // A daemon that restarts is waited for, once it was there.
      if (before.size === 0 && !quiet) throw error;
      return [`(${error instanceof Error ? error.message : String(error)})`];
    });
    if (process.stdout.isTTY) await write(frame(now, before.size === 0));
    else await write(joined(now.filter((line) => !before.has(line))));
    before = new Set(now);
    quiet = true;
    await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
  }
}

/** Over the drawing before, line by line, so that nothing flickers; as many lines as the terminal has. */
function frame(lines: readonly string[], isFirst: boolean): string {
  const rows = process.stdout.rows || Number.POSITIVE_INFINITY;
  const shown = lines.length < rows ? lines : [...lines.slice(0, rows - 2), `(${lines.length - rows + 2} more lines)`];
  return `\u001b[H${isFirst ? "\u001b[2J" : ""}${shown.map((line) => `${line}\u001b[K\n`).join("")}\u001b[J`;
}

function joined(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

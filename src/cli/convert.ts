import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { text as textOf } from "node:stream/consumers";
import { convertTexts, type SourceText } from "../confgen/resources/convert-texts.ts";
import { CliError, EXIT } from "./exit-codes.ts";
import { write } from "./output.ts";

const EXTENSIONS = /\.(ya?ml|json)$/;

/** `calidris convert`: what can be converted is printed; what cannot is said on standard error, and ends with 1. */
export async function convert(path: string): Promise<void> {
  const { text, problems, ignored } = convertTexts(await read(path));
  await write(text);
  const lines = [...problems];
  if (ignored.length > 0) lines.push(`left out, as it says nothing about BGP: ${ignored.join(", ")}`);
  process.stderr.write(lines.map((line) => `${line}\n`).join(""));
  if (problems.length > 0) process.exitCode = EXIT.error;
}

async function read(path: string): Promise<readonly SourceText[]> {
  if (path === "-") return [{ path: "-", text: await textOf(process.stdin) }];
  try {
    const files = (await stat(path)).isDirectory() ? await filesIn(path) : [path];
    const texts: SourceText[] = [];
    for (const file of files) texts.push({ path: file, text: await readFile(file, "utf8") });
    return texts;
  } catch (error) {
    throw new CliError(EXIT.error, `cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** In order of their paths, folders within included. */
async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true });
  return entries
    .filter((entry) => EXTENSIONS.test(entry))
    .sort()
    .map((entry) => join(folder, entry));
}

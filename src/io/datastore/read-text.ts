import { readFile } from "node:fs/promises";

/** A small text file as a credential is read from: without the newline that editors end it with. Throws what `readFile` throws. */
export async function readText(path: string): Promise<string> {
  return (await readFile(path, "utf8")).trimEnd();
}

/** Fuzzing by seeds: the corpus first, then as many cases as asked for. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { changed } from "./change.ts";
import { type FuzzTarget, octetsOfText, textOf } from "./target.ts";

/** Cases of all targets together, those on live sessions included. */
export const CASES = Number(process.env.CALIDRIS_FUZZ ?? 200_000);
/** Another value makes other cases. */
export const FIRST_SEED = Number(process.env.CALIDRIS_FUZZ_SEED ?? 1);

const CORPUS = fileURLToPath(new URL("../../../test/fuzz/corpus", import.meta.url));

/** A file of the corpus: `# outcome` in its first line, then the input, in hexadecimal for targets of octets. */
export interface CorpusEntry {
  readonly file: string;
  readonly outcome: string;
  readonly octets: Uint8Array;
}

export function corpusOf({ name, form }: FuzzTarget): CorpusEntry[] {
  return readdirSync(`${CORPUS}/${name}`)
    .sort()
    .map((file) => {
      const text = readFileSync(`${CORPUS}/${name}/${file}`, "utf8");
      const end = text.indexOf("\n");
      const rest = text.slice(end + 1);
      const octets =
        form === "text" ? octetsOfText(rest) : new Uint8Array(Buffer.from(rest.replaceAll(/\s/g, ""), "hex"));
      return { file: `${name}/${file}`, outcome: text.slice(2, end), octets };
    });
}

export function corpusText(form: FuzzTarget["form"], outcome: string, octets: Uint8Array): string {
  const hex = Buffer.from(octets).toString("hex");
  return `# ${outcome}\n${form === "text" ? textOf(octets) : `${hex.replaceAll(/.{80}/g, "$&\n").trimEnd()}\n`}`;
}

/** Runs `count` cases; returns how often each outcome came. A failure says how to make the case again. */
export async function fuzz(target: FuzzTarget, count: number): Promise<Map<string, number>> {
  const seeds = [...target.seeds(), ...corpusOf(target).map(({ octets }) => octets)];
  const outcomes = new Map<string, number>();
  for (let seed = FIRST_SEED; seed < FIRST_SEED + count; seed++) {
    const octets = changed(target, seeds, seed);
    try {
      const result = target.run(octets);
      const outcome = typeof result === "string" ? result : await result;
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    } catch (error) {
      const input = target.form === "text" ? JSON.stringify(textOf(octets)) : Buffer.from(octets).toString("hex");
      throw new Error(`${target.name}, seed ${seed}: ${input}`, { cause: error });
    }
  }
  return outcomes;
}

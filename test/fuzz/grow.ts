/**
 * node dist/test/fuzz/grow.js TARGET [CASES]          adds the smallest input found for each outcome that the corpus lacks
 * node dist/test/fuzz/grow.js TARGET --seed N NAME    adds the case of that seed, as small as it can be made
 * node dist/test/fuzz/grow.js TARGET --hex OCTETS NAME
 *
 * A case that fails is not made smaller by this: once the fault is repaired, it is added with its seed or octets.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { changed } from "./change.ts";
import { corpusOf, corpusText, FIRST_SEED } from "./run.ts";
import type { FuzzTarget } from "./target.ts";
import { TARGETS } from "./targets.ts";

/** Leaves out runs of octets as long as the outcome stays the same. */
async function smallest(target: FuzzTarget, octets: Uint8Array, outcome: string): Promise<Uint8Array> {
  let best = octets;
  for (let size = best.length >>> 1; size > 0; size >>>= 1)
    for (let at = target.spared ?? 0; at + size <= best.length; ) {
      const next = [...best.subarray(0, at), ...best.subarray(at + size)];
      target.repair?.(next);
      const shorter = Uint8Array.from(next);
      const same = shorter.length < best.length && (await outcomeOf(target, shorter)) === outcome;
      if (same) best = shorter;
      else at += size;
    }
  return best;
}

async function outcomeOf(target: FuzzTarget, octets: Uint8Array): Promise<string | undefined> {
  try {
    target.reset?.();
    return await target.run(octets);
  } catch {
    return undefined;
  }
}

async function add(target: FuzzTarget, octets: Uint8Array, outcome: string, name: string): Promise<void> {
  const small = await smallest(target, octets, outcome);
  const folder = `test/fuzz/corpus/${target.name}`;
  mkdirSync(folder, { recursive: true });
  const file = `${folder}/${name}.${target.form === "text" ? "txt" : "hex"}`;
  writeFileSync(file, corpusText(target.form, outcome, small));
  console.log(`${file}: ${outcome}, ${small.length} octets`);
}

const fileName = (outcome: string) => outcome.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");

async function main([name, ...rest]: string[]): Promise<void> {
  const target = TARGETS.find((one) => one.name === name);
  if (!target)
    throw new Error(
      `Usage: grow.js ${TARGETS.map((one) => one.name).join("|")} [CASES | --seed N NAME | --hex OCTETS NAME]`,
    );
  mkdirSync(`test/fuzz/corpus/${target.name}`, { recursive: true });
  const seeds = [...target.seeds(), ...corpusOf(target).map(({ octets }) => octets)];
  if (rest[0] === "--seed" || rest[0] === "--hex") {
    const octets =
      rest[0] === "--seed" ? changed(target, seeds, Number(rest[1])) : new Uint8Array(Buffer.from(rest[1]!, "hex"));
    return add(target, octets, await target.run(octets), rest[2]!);
  }
  const known = new Set(corpusOf(target).map(({ outcome }) => outcome));
  for (let seed = FIRST_SEED; seed < FIRST_SEED + Number(rest[0] ?? 20_000); seed++) {
    const octets = changed(target, seeds, seed);
    target.reset?.();
    const outcome = await target.run(octets);
    if (known.has(outcome)) continue;
    known.add(outcome);
    await add(target, octets, outcome, fileName(outcome));
  }
}

await main(process.argv.slice(2));

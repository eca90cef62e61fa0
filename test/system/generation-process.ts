/** A process of its own that reads the current generation again and again, or writes one after the other until it is killed. */
import { join } from "node:path";
import { readConfigFiles } from "../../src/io/system/config-files.ts";
import { openGenerations } from "../../src/io/system/generations.ts";

/** Each file of a generation holds the same text. */
async function read(out: string): Promise<void> {
  const mixed: string[] = [];
  const seen = new Set<string>();
  let looks = 0;
  let isOver = false;
  process.on("message", () => {
    isOver = true;
  });
  while (!isOver) {
    const { files, problems } = await readConfigFiles(join(out, "current"));
    looks++;
    // A folder that went while it was read is seen as such, and read again.
    if (problems.length > 0) continue;
    const stamps = [...new Set(files.map(({ text }) => text))];
    if (stamps.length !== 1 || files.length !== 20) mixed.push(`${files.length} files: ${stamps.join()}`);
    seen.add(stamps.join());
    if (looks === 1) process.send!("ready");
  }
  process.send!({ looks, seen: seen.size, mixed }, () => process.exit(0));
}

async function write(out: string): Promise<void> {
  const generations = await openGenerations(out);
  const paths = Array.from({ length: 20 }, (_, i) => `peers/p${i}.yaml`);
  for (let i = 0; ; i++) {
    await generations.write(paths.map((path) => ({ path, text: `${process.pid} ${i}`, secret: false })));
    process.send!(i);
  }
}

await (process.argv[2] === "read" ? read : write)(process.argv[3]!);

/** What a neighbour in BIRD 2 was told: every path with all its attributes. */
import type { Bird } from "./operator.ts";

/** By prefix, the paths as text, in a fixed order. Identifiers of paths are each speaker's own. */
export async function announcedTo(around: Bird, session: string): Promise<ReadonlyMap<string, string>> {
  const text = await around.ask("show", "route", "table", `t_${session}`, "protocol", session, "all");
  const paths = new Map<string, string[]>();
  let prefix = "";
  for (const line of text.split("\n")) {
    const head = /^([0-9a-f.:]+\/\d+)?\s+\S+.*\[/.exec(line);
    if (head && !line.startsWith("\t")) {
      prefix = head[1] ?? prefix;
      paths.set(prefix, [...(paths.get(prefix) ?? []), ""]);
    }
    const attribute = /^\tBGP\.(\w+): ?(.*)$/.exec(line);
    const all = paths.get(prefix);
    if (attribute && all) all[all.length - 1] += `${attribute[1]} ${inOrder(attribute[1]!, attribute[2]!.trim())}; `;
  }
  return new Map(
    [...paths].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, all]) => [key, all.toSorted().join(" | ")]),
  );
}

/** Communities are a set. */
function inOrder(name: string, value: string): string {
  if (!name.endsWith("community")) return value;
  return (value.match(/\([^)]*\)/g) ?? [value])
    .map((each) => each.replace(/\s/g, ""))
    .toSorted()
    .join(" ");
}

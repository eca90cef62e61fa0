/** `calidris confgen --diff`: what the generation that the datastore gives would change. */
import { join } from "node:path";
import type { GeneratorOutput } from "../confgen/generator-ports.ts";
import { type ConfigChange, diffConfig } from "../config/diff.ts";
import type { Config } from "../config/model.ts";
import { createParseCache, parseConfig } from "../config/parse.ts";
import { readConfigFiles } from "../io/system/config-files.ts";
import type { ConfgenOptions } from "./confgen.ts";
import { write } from "./output.ts";
import { previewOfConfig } from "./preview.ts";
import { isThere, socketPath } from "./socket-path.ts";

export async function printDifference(options: ConfgenOptions, output: GeneratorOutput): Promise<void> {
  const { files } = await readConfigFiles(join(options.out, "current"));
  const folder = join(options.out, "current");
  const before = new Map(files.map(({ path, text }) => [path.slice(folder.length + 1), text]));
  const lines = [...fileLines(before, output), ...sessionLines(files, output.config, options.limit)];
  await write(lines.map((line) => `${line}\n`).join(""));
  await printRoutes(options, output.config);
}

function fileLines(before: ReadonlyMap<string, string>, { generation }: GeneratorOutput): string[] {
  const now = new Map(generation.files.map(({ path, text }) => [path, text]));
  const lines = [
    ...[...now].flatMap(([path, text]) => {
      const old = before.get(path);
      return old === text ? [] : `  ${old === undefined ? "+" : "~"} ${path}`;
    }),
    ...[...before.keys()].filter((path) => !now.has(path)).map((path) => `  - ${path}`),
  ].sort((a, b) => (a.slice(4) < b.slice(4) ? -1 : 1));
  return lines.length === 0 ? ["No file differs."] : ["Files:", ...lines];
}

/** Without a generation on disk, or with one that cannot be read, everything is new. */
function sessionLines(files: Parameters<typeof parseConfig>[0], next: Config, limit: number): string[] {
  const parsed = files.length === 0 ? undefined : parseConfig(files, { cache: createParseCache() });
  if (!parsed?.ok) return [`Sessions: all ${next.peers.length} are new.`];
  const change = diffConfig(parsed.config, next);
  if (change.empty) return ["The configuration says the same."];
  return changeLines(change, limit);
}

function changeLines(change: ConfigChange, limit: number): string[] {
  const resets = change.peersChanged.filter(({ reset }) => reset);
  const others = change.peersChanged.filter(({ reset }) => !reset);
  return [
    ...named(
      "Sessions that reset",
      resets.map(({ name, resetKeys }) => `${name} (${resetKeys.join(", ")})`),
      limit,
    ),
    ...named(
      "Sessions that go on, with changes",
      others.map(({ name, keys }) => `${name} (${keys.join(", ")})`),
      limit,
    ),
    ...named("Peers that come", change.peersAdded, limit),
    ...named("Peers that go", change.peersRemoved, limit),
    ...named("Policies that come", change.policiesAdded, limit),
    ...named("Policies that go", change.policiesRemoved, limit),
    ...named("Policies that change", change.policiesChanged, limit),
    ...named("Static routes that come", change.staticAdded, limit),
    ...named("Static routes that go", change.staticRemoved, limit),
    ...named("Static routes that change", change.staticChanged, limit),
    ...named("Keys of the router", change.router, limit),
    ...named("Keys of the kernel", change.kernel, limit),
  ];
}

function named(title: string, names: readonly string[], limit: number): string[] {
  if (names.length === 0) return [];
  const more = names.length > limit ? [`  … and ${names.length - limit} more`] : [];
  return [`${title}: ${names.length}`, ...names.slice(0, limit).map((name) => `  ${name}`), ...more];
}

/** The daemon's own account, where one runs. */
async function printRoutes(options: ConfgenOptions, next: Config): Promise<void> {
  const socket = socketPath(options.socket);
  if (!isThere(socket)) {
    process.stderr.write(`No daemon serves ${socket}: which routes would move is not told.\n`);
    return;
  }
  await write("\n");
  await previewOfConfig({ socket, output: "table", headers: true, color: undefined }, next, options.limit);
}

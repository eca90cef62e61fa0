import { readFile } from "node:fs/promises";
import { dynamicPeer } from "../config/dynamic-peers.ts";
import { type HypotheticalRoute, readRoute } from "../config/hypothetical-route.ts";
import type { Config, DynamicPeersConfig, PeerConfig } from "../config/model.ts";
import { hint } from "../config/nearest.ts";
import { formatProblem, parseConfig } from "../config/parse.ts";
import { createPolicyTest, type Direction } from "../control/policy-test.ts";
import { renderPolicyTest } from "../control/render-policy-test.ts";
import { readConfigFiles } from "../io/system/config-files.ts";
import { formatAddress, parseAddress } from "../ip/address.ts";
import { contains } from "../ip/prefix.ts";
import { readSecret } from "./check-configuration.ts";
import { CliError, EXIT } from "./exit-codes.ts";
import { write, writeDocument } from "./output.ts";

export interface PolicyTestOptions {
  readonly config: string;
  readonly direction: Direction;
  readonly peer: string | undefined;
  readonly route: readonly string[] | undefined;
  readonly routes: string | undefined;
  readonly expect: "accept" | "reject" | undefined;
  readonly output: "table" | "json";
}

/** `calidris policy test`. Exits with 5 where `expect` is given and a verdict is another. */
export async function policyTest(options: PolicyTestOptions): Promise<void> {
  const { direction, peer: name, expect, output } = options;
  if (direction !== "kernel" && name === undefined)
    throw new CliError(EXIT.usage, `--direction ${direction} needs --peer NAME`);
  if (direction === "kernel" && name !== undefined)
    throw new CliError(EXIT.usage, "--direction kernel goes without --peer: the kernel's policy is one for all routes");
  const routes = await readRoutes(options);
  const config = await readConfiguration(options.config);
  const test = createPolicyTest(config, direction, name === undefined ? undefined : findPeer(config, name));
  const answers = routes.map(test);
  if (output === "json") await writeDocument(answers, "json");
  else await write(answers.map((answer) => `${renderPolicyTest(answer).join("\n")}\n`).join("\n"));
  if (expect !== undefined && answers.some(({ verdict }) => verdict !== expect)) process.exitCode = EXIT.unexpected;
}

async function readConfiguration(path: string): Promise<Config> {
  const { files, problems } = await readConfigFiles(path);
  const fail = (lines: readonly string[]) =>
    new CliError(EXIT.error, `${lines.join("\n")}\n${path}: the configuration cannot be used`);
  if (problems.length > 0) throw fail(problems.map((problem) => `${problem.path}: ${problem.message}`));
  const parsed = parseConfig(files, { secrets: readSecret });
  if (parsed.ok) return parsed.config;
  throw fail(parsed.problems.filter(({ severity }) => severity === "error").map(formatProblem));
}

/** By name, address or description; also an entry of dynamic neighbours, for any of them, or one of its neighbours. */
function findPeer({ peers, dynamicPeers }: Config, name: string): Omit<PeerConfig, "address"> {
  const named = peers.find((each) => each.name === name);
  if (named) return named;
  const entry = dynamicPeers.find((each) => each.name === name);
  if (entry) return { ...entry.template, name };
  const meant = [
    peers.filter((each) => formatAddress(each.address) === name),
    dynamicPeers.flatMap((each) => dynamicPeerNamed(each, name) ?? []),
    peers.filter((each) => each.description === name),
  ].find((found) => found.length === 1);
  if (meant) return meant[0]!;
  const names = [...peers, ...dynamicPeers].map((each) => each.name);
  throw new CliError(EXIT.notFound, `no peer "${name}" in the configuration${hint(name, names)}`);
}

/** A neighbour of this entry by the name that it would have, `<entry>-<address>`. */
function dynamicPeerNamed(entry: DynamicPeersConfig, name: string): PeerConfig | undefined {
  if (!name.startsWith(`${entry.name}-`)) return undefined;
  const address = parseAddress(name.slice(entry.name.length + 1));
  return address && contains(entry.prefix, address) ? dynamicPeer(entry, address) : undefined;
}

async function readRoutes({ route, routes: path }: PolicyTestOptions): Promise<HypotheticalRoute[]> {
  if (route === undefined && path === undefined)
    throw new CliError(EXIT.usage, "nothing to test: give --route JSON or --routes FILE");
  const given = (route ?? []).map((text, i) =>
    read(parseJson(text, "--route"), route!.length > 1 ? `--route ${i + 1}` : "--route"),
  );
  return path === undefined ? given : [...given, ...parseRoutes(await readText(path), path)];
}

/** An array, or one object a line; an empty line is none. */
function parseRoutes(text: string, path: string): HypotheticalRoute[] {
  if (text.trimStart().startsWith("["))
    return (parseJson(text, path) as unknown[]).map((value, i) => read(value, `${path}: route ${i + 1}`));
  return text.split("\n").flatMap((line, i) => {
    const place = `${path}:${i + 1}`;
    return line.trim() === "" ? [] : read(parseJson(line, place), place);
  });
}

function parseJson(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CliError(EXIT.usage, `${place} is no JSON: ${(error as Error).message}`);
  }
}

function read(value: unknown, place: string): HypotheticalRoute {
  const result = readRoute(value);
  if (result.ok) return result.route;
  throw new CliError(EXIT.usage, result.problems.map((problem) => `${place}: ${problem}`).join("\n"));
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path === "-" ? "/dev/stdin" : path, "utf8");
  } catch (error) {
    throw new CliError(EXIT.usage, `--routes ${path} cannot be read: ${(error as Error).message}`);
  }
}

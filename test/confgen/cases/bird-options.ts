/** Options of BIRD's protocols, one at a time. */
import type { BirdStatic, Debug } from "./bird-config.ts";
import { parseBlock } from "./bird-filter.ts";
import type { Reader } from "./bird-tokens.ts";

export type Options = Record<string, unknown>;
export type ReadOption = (reader: Reader, options: Options) => void;

/** By the kind of protocol: reads one option. */
export const OPTIONS: Readonly<Record<string, ReadOption>> = {
  kernel: (reader, options) => ended(reader, () => kernelOption(reader, options)),
  device: (reader, options) => ended(reader, () => deviceOption(reader, options)),
  direct: (reader, options) => ended(reader, () => directOption(reader, options)),
  static: (reader, options) => ended(reader, () => staticOption(reader, options)),
  bgp: (reader, options) => ended(reader, () => bgpOption(reader, options)),
};

function ended(reader: Reader, read: () => void): void {
  read();
  reader.take(";");
}

function kernelOption(reader: Reader, options: Options): void {
  if (reader.take("learn")) options.learn = true;
  else if (reader.take("persist")) options.persist = true;
  else if (words(reader, "scan", "time")) options.scanTime = number(reader);
  else if (words(reader, "import", "all")) return;
  else if (words(reader, "export", "filter")) options.export = reader.expectKind("word");
  else if (words(reader, "graceful", "restart")) options.gracefulRestart = true;
  else if (words(reader, "merge", "paths")) options.mergePaths = isOn(reader);
  else reader.fail("expected an option of the protocol kernel");
}

function deviceOption(reader: Reader, options: Options): void {
  if (reader.take("debug")) options.debug = debugOf(reader);
  else if (words(reader, "scan", "time")) options.scanTime = number(reader);
  else reader.fail("expected an option of the protocol device");
}

function directOption(reader: Reader, options: Options): void {
  if (reader.take("debug")) options.debug = debugOf(reader);
  else if (reader.take("interface")) {
    const patterns: string[] = [];
    do patterns.push(`${reader.take("-") ? "-" : ""}${reader.expectKind("string")}`);
    while (reader.take(","));
    options.interfaces = patterns;
  } else reader.fail("expected an option of the protocol direct");
}

function staticOption(reader: Reader, options: Options): void {
  reader.expect("route");
  const prefix = reader.expectKind("prefix");
  const via = reader.take("via") ? reader.expectKind("address") : undefined;
  if (via === undefined) reader.expect("blackhole");
  options.routes = [...((options.routes as BirdStatic[] | undefined) ?? []), { prefix, ...(via && { via }) }];
}

function bgpOption(reader: Reader, options: Options): void {
  const read = BGP_OPTIONS.find(([name]) => words(reader, ...name.split(" ")));
  if (read) read[1](reader, options);
  else reader.fail("expected an option of the protocol bgp");
}

/** Longer names stand before those that they begin with. */
const BGP_OPTIONS: readonly (readonly [string, ReadOption])[] = [
  ["debug", (reader, options) => put(options, "debug", debugOf(reader))],
  ["description", (reader, options) => put(options, "description", reader.expectKind("string"))],
  ["local as", (reader, options) => put(options, "localAs", number(reader))],
  ["neighbor", neighbor],
  ["source address", (reader, options) => put(options, "sourceAddress", reader.expectKind("address"))],
  ["ttl security", (reader, options) => put(options, "ttlSecurity", isOn(reader))],
  ["multihop", (reader, options) => put(options, "multihop", reader.peek()?.kind === "number" ? number(reader) : true)],
  ["passive", (reader, options) => put(options, "passive", isOn(reader))],
  ["password", (reader, options) => put(options, "password", reader.expectKind("string"))],
  ["rr client", (_, options) => put(options, "reflectorClient", true)],
  ["rr cluster id", (reader, options) => put(options, "clusterId", reader.expectKind("address"))],
  ["next hop self", (_, options) => put(options, "nextHop", "self")],
  ["next hop keep", (_, options) => put(options, "nextHop", "keep")],
  ["graceful restart time", (reader, options) => put(options, "restartTime", number(reader))],
  ["graceful restart", (_, options) => put(options, "gracefulRestart", true)],
  ["keepalive time", (reader, options) => put(options, "keepaliveTime", number(reader))],
  ["add paths", (reader, options) => put(options, "addPaths", isOn(reader))],
  ["allow local as", (reader, options) => put(options, "allowLocalAs", number(reader))],
  ["gateway recursive", (_, options) => put(options, "recursiveGateway", true)],
  ["connect delay time", (reader, options) => put(options, "connectDelay", number(reader))],
  ["connect retry time", (reader, options) => put(options, "connectRetry", number(reader))],
  ["error wait time", (reader, options) => put(options, "errorWait", numbers(reader))],
  ["import filter", (reader, options) => put(options, "import", parseBlock(reader))],
  ["export filter", (reader, options) => put(options, "export", parseBlock(reader))],
];

function neighbor(reader: Reader, options: Options): void {
  options.address = reader.expectKind("address");
  if (reader.take("port")) options.port = number(reader);
  reader.expect("as");
  options.asn = number(reader);
}

function put(options: Options, key: string, value: unknown): void {
  options[key] = value;
}

/** Takes these words if all of them stand here. */
function words(reader: Reader, ...texts: readonly string[]): boolean {
  if (!texts.every((text, ahead) => reader.peek(ahead)?.text === text)) return false;
  for (const text of texts) reader.expect(text);
  return true;
}

export function number(reader: Reader): number {
  return Number(reader.expectKind("number"));
}

function numbers(reader: Reader): number[] {
  const list = [number(reader)];
  while (reader.take(",")) list.push(number(reader));
  return list;
}

function isOn(reader: Reader): boolean {
  if (reader.take("off")) return false;
  reader.expect("on");
  return true;
}

export function debugOf(reader: Reader): Debug {
  if (reader.take("all")) return ["all"];
  reader.expect("{");
  const kinds: string[] = [];
  while (!reader.take("}")) {
    kinds.push(reader.expectKind("word"));
    reader.take(",");
  }
  return kinds;
}

/**
 * Reader of BIRD 1.6's configuration as Calico's confd writes it. A word that it does not know is an error, so nothing of the
 * expected files is passed over.
 */
import type { Code, FilterFunction } from "./bird-filter.ts";
import { parseBlock, parseFunction } from "./bird-filter.ts";
import { debugOf, number, OPTIONS, type Options } from "./bird-options.ts";
import { type Reader, readerOf, tokensOf } from "./bird-tokens.ts";

/** `debug { states }`, `debug all`, or nothing. */
export type Debug = readonly string[];

export interface BirdPeer {
  readonly name: string;
  readonly address: string;
  readonly port?: number;
  readonly asn: number;
  readonly localAs: number;
  readonly sourceAddress?: string;
  readonly passive: boolean;
  readonly password?: string;
  readonly reflectorClient: boolean;
  readonly clusterId?: string;
  readonly nextHop?: "self" | "keep";
  /** With a number, the hops that the peer may be away. */
  readonly multihop: number | boolean;
  readonly ttlSecurity: boolean;
  readonly gracefulRestart: boolean;
  /** Seconds. */
  readonly restartTime?: number;
  readonly keepaliveTime?: number;
  readonly addPaths: boolean;
  readonly allowLocalAs: number;
  readonly recursiveGateway: boolean;
  readonly description: string;
  readonly connectDelay: number;
  readonly connectRetry: number;
  readonly errorWait: readonly number[];
  readonly debug: Debug;
  readonly import: Code;
  readonly export: Code;
}

export interface BirdStatic {
  readonly prefix: string;
  /** Absent: a blackhole. */
  readonly via?: string;
}

export interface BirdConfig {
  readonly routerId: string;
  /** Absent: BIRD's default, everywhere on port 179. */
  readonly listen?: { readonly address?: string; readonly port?: number };
  readonly functions: ReadonlyMap<string, FilterFunction>;
  readonly filters: ReadonlyMap<string, Code>;
  readonly kernel: {
    readonly learn: boolean;
    readonly persist: boolean;
    readonly gracefulRestart: boolean;
    readonly mergePaths: boolean;
    readonly scanTime: number;
    /** Name of a filter. */
    readonly export: string;
  };
  readonly device: { readonly scanTime: number; readonly debug: Debug };
  readonly direct: { readonly debug: Debug; readonly except: readonly string[]; readonly only: readonly string[] };
  readonly static: readonly BirdStatic[];
  /** Of the template of every peer. Absent: no BGP in this family. */
  readonly bgp?: { readonly localAs: number; readonly debug: Debug };
  readonly peers: readonly BirdPeer[];
}

/** A protocol or a template, with the options of the template that it is from. */
interface Section {
  readonly kind: string;
  readonly name: string;
  readonly options: Options;
}

interface Sections {
  readonly functions: Map<string, FilterFunction>;
  readonly filters: Map<string, Code>;
  readonly templates: Map<string, Section>;
  readonly protocols: Section[];
  globals: Options;
}

/** `files` holds texts by name; what is included is among them. */
export function readBirdConfig(files: ReadonlyMap<string, string>, main: string): BirdConfig {
  const read: Sections = { functions: new Map(), filters: new Map(), templates: new Map(), protocols: [], globals: {} };
  readFile(files, main, read);
  const options = (kind: string) => read.protocols.find((each) => each.kind === kind)?.options ?? {};
  const { routerId, listen } = read.globals;
  if (routerId === undefined) throw new Error(`${main}: no router id`);
  const { interfaces = [], debug } = options("direct") as { interfaces?: readonly string[]; debug: Debug };
  const statics = (options("static").routes ?? []) as readonly BirdStatic[];
  return {
    routerId: routerId as string,
    ...(listen !== undefined && { listen: listen as NonNullable<BirdConfig["listen"]> }),
    functions: read.functions,
    filters: read.filters,
    kernel: kernelOf(options("kernel")),
    device: { debug: [], ...options("device") } as unknown as BirdConfig["device"],
    direct: {
      debug: debug ?? [],
      except: interfaces.filter((pattern) => pattern.startsWith("-")).map((pattern) => pattern.slice(1)),
      only: interfaces.filter((pattern) => !pattern.startsWith("-")),
    },
    static: statics,
    ...bgpOf(read.templates.get("bgp_template")),
    peers: read.protocols.filter(({ kind }) => kind === "bgp").map(peerOf),
  };
}

function bgpOf(template: Section | undefined): Pick<BirdConfig, "bgp"> {
  if (template === undefined) return {};
  const { localAs, debug = [] } = template.options as { localAs: number; debug?: Debug };
  return { bgp: { localAs, debug } };
}

function kernelOf(options: Options): BirdConfig["kernel"] {
  const off = { learn: false, persist: false, gracefulRestart: false, mergePaths: false };
  return { ...off, ...options } as unknown as BirdConfig["kernel"];
}

function peerOf({ name, options }: Section): BirdPeer {
  const absent = {
    ...{ passive: false, reflectorClient: false, ttlSecurity: false, multihop: false, gracefulRestart: false },
    ...{ addPaths: false, allowLocalAs: 0, recursiveGateway: false, debug: [] },
  };
  return { name, ...absent, ...options } as unknown as BirdPeer;
}

function readFile(files: ReadonlyMap<string, string>, name: string, into: Sections): void {
  const text = files.get(name);
  if (text === undefined) throw new Error(`no file ${name}`);
  const reader = readerOf(tokensOf(text, name), name);
  while (reader.peek() !== undefined) readTop(reader, files, into);
}

function readTop(reader: Reader, files: ReadonlyMap<string, string>, into: Sections): void {
  const word = reader.expectKind("word");
  switch (word) {
    case "include":
      readFile(files, reader.expectKind("string"), into);
      return reader.expect(";");
    case "function": {
      const read = parseFunction(reader);
      into.functions.set(read.name, read);
      return;
    }
    case "filter":
      into.filters.set(reader.expectKind("word"), parseBlock(reader));
      return;
    case "router":
      reader.expect("id");
      into.globals = { ...into.globals, routerId: reader.expectKind("address") };
      return reader.expect(";");
    case "listen":
      into.globals = { ...into.globals, listen: listenOf(reader) };
      return;
    case "debug":
      into.globals = { ...into.globals, debug: debugOf(reader) };
      return;
    case "template":
    case "protocol":
      return readSection(reader, word, into);
    default:
      reader.fail(`"${word}" is not understood, before this`);
  }
}

function listenOf(reader: Reader): Options {
  reader.expect("bgp");
  const listen: Options = {};
  while (!reader.take(";"))
    if (reader.take("address")) listen.address = reader.expectKind("address");
    else if (reader.take("port")) listen.port = number(reader);
    else reader.fail("expected address or port");
  return listen;
}

function readSection(reader: Reader, word: "template" | "protocol", into: Sections): void {
  const kind = reader.expectKind("word");
  const name = reader.peek()?.text === "{" || reader.peek()?.text === "from" ? kind : reader.expectKind("word");
  const from = reader.take("from") ? reader.expectKind("word") : undefined;
  const template = from === undefined ? undefined : into.templates.get(from);
  if (from !== undefined && template?.kind !== kind) reader.fail(`no template ${from} for ${kind}, before this`);
  const options: Options = { ...template?.options };
  const readOption = OPTIONS[kind] ?? reader.fail(`protocol ${kind} is not understood, before this`);
  reader.expect("{");
  while (!reader.take("}")) readOption(reader, options);
  if (word === "template") into.templates.set(name, { kind, name, options });
  else into.protocols.push({ kind, name, options });
}

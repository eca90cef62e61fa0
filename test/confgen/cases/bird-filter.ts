/** BIRD's filter language as data, and its parser. */
import { type Prefix, parsePrefix } from "../../../src/ip/prefix.ts";
import type { Reader } from "./bird-tokens.ts";

export type Expression =
  | { readonly type: "number"; readonly value: number }
  | { readonly type: "boolean"; readonly value: boolean }
  | { readonly type: "text"; readonly value: string }
  | { readonly type: "prefix"; readonly value: Prefix }
  /** `(65000, 100)`: a community. */
  | { readonly type: "tuple"; readonly items: readonly number[] }
  /** `[ RTS_BGP ]`. */
  | { readonly type: "set"; readonly members: readonly string[] }
  /** `[ 10.0.0.0/8{16,24} ]`. */
  | { readonly type: "prefixSet"; readonly members: readonly PrefixRange[] }
  /** `[= 65001 65002 * =]`: undefined stands for the star. */
  | { readonly type: "pathMask"; readonly items: readonly (number | undefined)[] }
  /** An attribute of the route, a constant (RTS_BGP), or a parameter of the function. */
  | { readonly type: "name"; readonly name: string }
  | { readonly type: "defined"; readonly name: string }
  | { readonly type: "not"; readonly of: Expression }
  | { readonly type: "operation"; readonly sign: Operator; readonly left: Expression; readonly right: Expression };

export interface PrefixRange {
  readonly prefix: Prefix;
  readonly least: number;
  readonly greatest: number;
}

/** From the loosest to the tightest. */
const PRECEDENCE = [["||"], ["&&"], ["=", "!=", "~", "!~", "<", ">", "<=", ">="], ["+", "-"]] as const;
export type Operator = (typeof PRECEDENCE)[number][number];

export type Statement =
  | { readonly type: "accept" | "reject" }
  | { readonly type: "if"; readonly condition: Expression; readonly then: Code; readonly otherwise: Code }
  | { readonly type: "set"; readonly name: string; readonly value: Expression }
  | { readonly type: "call"; readonly name: string; readonly values: readonly Expression[] }
  /** `bgp_community.add((1, 2))`, `bgp_path.prepend(65000)`. */
  | { readonly type: "add" | "prepend"; readonly name: string; readonly value: Expression };

export type Code = readonly Statement[];

export interface FilterFunction {
  readonly name: string;
  readonly parameters: readonly string[];
  readonly code: Code;
}

/** After the word `function`. */
export function parseFunction(reader: Reader): FilterFunction {
  const name = reader.expectKind("word");
  const parameters: string[] = [];
  reader.expect("(");
  while (!reader.take(")")) {
    reader.expect("bool");
    parameters.push(reader.expectKind("word"));
    reader.take(";");
  }
  return { name, parameters, code: parseBlock(reader) };
}

/** `{ ... }` */
export function parseBlock(reader: Reader): Code {
  const code: Statement[] = [];
  reader.expect("{");
  while (!reader.take("}")) code.push(parseStatement(reader));
  return code;
}

function blockOrStatement(reader: Reader): Code {
  return reader.peek()?.text === "{" ? parseBlock(reader) : [parseStatement(reader)];
}

function parseStatement(reader: Reader): Statement {
  if (reader.take("if")) {
    const condition = parseExpression(reader);
    reader.expect("then");
    const then = blockOrStatement(reader);
    return { type: "if", condition, then, otherwise: reader.take("else") ? blockOrStatement(reader) : [] };
  }
  const statement = simpleStatement(reader);
  reader.expect(";");
  return statement;
}

function simpleStatement(reader: Reader): Statement {
  const name = reader.expectKind("word");
  if (name === "accept" || name === "reject") return { type: name };
  if (reader.take("=")) return { type: "set", name, value: parseExpression(reader) };
  if (reader.take(".")) {
    const method = reader.expectKind("word");
    if (method !== "add" && method !== "prepend") return reader.fail("expected add or prepend");
    reader.expect("(");
    const value = parseExpression(reader);
    reader.expect(")");
    return { type: method, name, value };
  }
  reader.expect("(");
  const values: Expression[] = [];
  while (!reader.take(")")) {
    values.push(parseExpression(reader));
    reader.take(",");
  }
  return { type: "call", name, values };
}

function parseExpression(reader: Reader, level = 0): Expression {
  const signs: readonly string[] | undefined = PRECEDENCE[level];
  if (signs === undefined) return parseTerm(reader);
  let left = parseExpression(reader, level + 1);
  for (let sign = reader.peek(); sign?.kind === "sign" && signs.includes(sign.text); sign = reader.peek()) {
    reader.next();
    left = { type: "operation", sign: sign.text as Operator, left, right: parseExpression(reader, level + 1) };
  }
  return left;
}

function parseTerm(reader: Reader): Expression {
  if (reader.take("!")) return { type: "not", of: parseTerm(reader) };
  if (reader.take("(")) return parenthesis(reader);
  if (reader.take("[=")) return pathMask(reader);
  if (reader.take("[")) return set(reader);
  const token = reader.next();
  if (token.kind === "number") return { type: "number", value: Number(token.text) };
  if (token.kind === "string") return { type: "text", value: token.text };
  if (token.kind === "prefix") return { type: "prefix", value: prefixOf(reader, token.text) };
  if (token.kind !== "word") return reader.fail("expected a value before this");
  if (token.text === "true" || token.text === "false") return { type: "boolean", value: token.text === "true" };
  if (token.text !== "defined") return { type: "name", name: token.text };
  reader.expect("(");
  const name = reader.expectKind("word");
  reader.expect(")");
  return { type: "defined", name };
}

function parenthesis(reader: Reader): Expression {
  const first = parseExpression(reader);
  if (reader.take(")")) return first;
  const items = [first];
  while (reader.take(",")) items.push(parseExpression(reader));
  reader.expect(")");
  return { type: "tuple", items: items.map((item) => (item.type === "number" ? item.value : reader.fail("numbers"))) };
}

function set(reader: Reader): Expression {
  const names: string[] = [];
  const prefixes: PrefixRange[] = [];
  do {
    if (reader.peek()?.kind === "prefix") prefixes.push(prefixRange(reader));
    else names.push(reader.expectKind("word"));
  } while (reader.take(","));
  reader.expect("]");
  if (prefixes.length > 0 && names.length > 0) reader.fail("a set of prefixes and others before this");
  return prefixes.length > 0 ? { type: "prefixSet", members: prefixes } : { type: "set", members: names };
}

function prefixRange(reader: Reader): PrefixRange {
  const prefix = prefixOf(reader, reader.expectKind("prefix"));
  if (reader.take("+")) return { prefix, least: prefix.length, greatest: prefix.family === "ipv4" ? 32 : 128 };
  if (!reader.take("{")) return { prefix, least: prefix.length, greatest: prefix.length };
  const least = Number(reader.expectKind("number"));
  reader.expect(",");
  const greatest = Number(reader.expectKind("number"));
  reader.expect("}");
  return { prefix, least, greatest };
}

function pathMask(reader: Reader): Expression {
  const items: (number | undefined)[] = [];
  while (!reader.take("=]")) items.push(reader.take("*") ? undefined : Number(reader.expectKind("number")));
  return { type: "pathMask", items };
}

function prefixOf(reader: Reader, text: string): Prefix {
  return parsePrefix(text) ?? reader.fail(`expected a prefix, not ${text}, before this`);
}

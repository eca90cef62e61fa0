/** What BIRD 1.6 makes of a route that passes a filter. */
import type { Prefix } from "../../../src/ip/prefix.ts";
import type { Code, Expression, FilterFunction, Operator, PrefixRange, Statement } from "./bird-filter.ts";
import { addressOfText, prefixOfText } from "./texts.ts";

export type RouteSourceName = "RTS_DEVICE" | "RTS_STATIC" | "RTS_INHERIT" | "RTS_BGP";

/** A route as BIRD's filters see it, under BIRD's names. What is undefined is not `defined` there. */
export interface BirdRoute {
  readonly net: string;
  readonly source: RouteSourceName;
  /** A route that leaves by no interface has none. */
  readonly ifname?: string;
  readonly bgp_next_hop?: string;
  readonly bgp_path: readonly number[];
  /** `65000:100`; large ones have three parts. */
  readonly bgp_community: readonly string[];
  readonly bgp_large_community: readonly string[];
  readonly bgp_local_pref?: number;
  readonly krt_metric?: number;
  readonly preference: number;
  /** Of Calico's BIRD: the device that the kernel is to send by; "": that of the route. */
  readonly krt_tunnel?: string;
}

export interface Judgement {
  readonly verdict: "accept" | "reject";
  /** As the filter left it. */
  readonly route: BirdRoute;
}

type Value = number | boolean | string | Prefix | readonly number[] | readonly string[] | undefined;
type Attributes = { -readonly [K in keyof BirdRoute]: BirdRoute[K] };

interface Scope {
  readonly functions: ReadonlyMap<string, FilterFunction>;
  readonly route: Attributes;
  readonly parameters: ReadonlyMap<string, Value>;
}

/**
 * The end of a filter without a decision rejects, as BIRD's does. Throws where the filter reads a value that the route does
 * not have, other than by `defined`: BIRD would go on with something.
 */
export function judge(code: Code, functions: ReadonlyMap<string, FilterFunction>, route: BirdRoute): Judgement {
  const attributes = { ...route };
  const verdict = run(code, { functions, route: attributes, parameters: new Map() }) ?? "reject";
  return { verdict, route: attributes };
}

function run(code: Code, scope: Scope): "accept" | "reject" | undefined {
  for (const statement of code) {
    const verdict = step(statement, scope);
    if (verdict !== undefined) return verdict;
  }
  return undefined;
}

function step(statement: Statement, scope: Scope): "accept" | "reject" | undefined {
  switch (statement.type) {
    case "accept":
    case "reject":
      return statement.type;
    case "if":
      return run(truth(value(statement.condition, scope)) ? statement.then : statement.otherwise, scope);
    case "call":
      return call(statement.name, statement.values, scope);
    case "set":
      assign(scope.route, statement.name, value(statement.value, scope));
      return undefined;
    default:
      extend(scope.route, statement.type, statement.name, value(statement.value, scope));
      return undefined;
  }
}

function call(name: string, given: readonly Expression[], scope: Scope): "accept" | "reject" | undefined {
  const called = scope.functions.get(name);
  if (!called) throw new Error(`no function ${name}`);
  if (called.parameters.length !== given.length) throw new Error(`${name} wants ${called.parameters.length} values`);
  const parameters = new Map(called.parameters.map((parameter, at) => [parameter, value(given[at]!, scope)]));
  return run(called.code, { ...scope, parameters });
}

const SETTABLE = ["krt_metric", "bgp_local_pref", "preference", "krt_tunnel"];

function assign(route: Attributes, name: string, given: Value): void {
  if (!SETTABLE.includes(name)) throw new Error(`${name} is not set by filters`);
  if (typeof given !== (name === "krt_tunnel" ? "string" : "number")) throw new Error(`a bad value for ${name}`);
  (route as unknown as Record<string, Value>)[name] = given;
}

function extend(route: Attributes, method: "add" | "prepend", name: string, given: Value): void {
  if (method === "prepend" && name === "bgp_path" && typeof given === "number")
    route.bgp_path = [given, ...route.bgp_path];
  else if (method === "add" && (name === "bgp_community" || name === "bgp_large_community") && Array.isArray(given))
    route[name] = [...new Set([...route[name], given.join(":")])];
  else throw new Error(`${name}.${method} is not understood`);
}

function value(expression: Expression, scope: Scope): Value {
  switch (expression.type) {
    case "number":
    case "boolean":
    case "text":
    case "prefix":
      return expression.value;
    case "tuple":
      return expression.items;
    case "name":
      return named(expression.name, scope) ?? undefinedValue(expression.name);
    case "defined":
      return named(expression.name, scope) !== undefined;
    case "not":
      return !truth(value(expression.of, scope));
    case "operation":
      return operation(expression, scope);
    default:
      throw new Error(`a ${expression.type} stands on the right of ~ only`);
  }
}

function undefinedValue(name: string): never {
  throw new Error(`${name} is read and not defined`);
}

function named(name: string, { route, parameters }: Scope): Value {
  if (parameters.has(name)) return parameters.get(name);
  if (name.startsWith("RTS_")) return name;
  if (name === "net") return prefixOfText(route.net);
  if (!ATTRIBUTES.has(name)) throw new Error(`unknown name ${name}`);
  return (route as unknown as Record<string, Value>)[name];
}

const ATTRIBUTES = new Set([
  ...["source", "ifname", "bgp_next_hop", "bgp_path", "bgp_community", "bgp_large_community", "bgp_local_pref"],
  ...["krt_metric", "preference", "krt_tunnel"],
]);

function truth(given: Value): boolean {
  if (typeof given !== "boolean") throw new Error(`${String(given)} is no condition`);
  return given;
}

function operation({ sign, left, right }: Extract<Expression, { type: "operation" }>, scope: Scope): Value {
  // The second operand is looked at only where it counts: `defined(x) && x > 1`.
  if (sign === "&&") return truth(value(left, scope)) && truth(value(right, scope));
  if (sign === "||") return truth(value(left, scope)) || truth(value(right, scope));
  if (sign === "~" || sign === "!~") return matches(value(left, scope), right, scope) === (sign === "~");
  if (sign === "=" || sign === "!=") return isEqual(value(left, scope), value(right, scope)) === (sign === "=");
  return computed(sign, value(left, scope), value(right, scope));
}

/** BIRD's integers are unsigned, of 32 bits, and wrap around. */
function computed(sign: Operator, left: Value, right: Value): Value {
  if (typeof left !== "number" || typeof right !== "number") throw new Error(`${sign} wants numbers`);
  switch (sign) {
    case "+":
      return (left + right) >>> 0;
    case "-":
      return (left - right) >>> 0;
    case "<":
      return left < right;
    case ">":
      return left > right;
    case "<=":
      return left <= right;
    default:
      return left >= right;
  }
}

function isEqual(left: Value, right: Value): boolean {
  if (isPrefix(left) && isPrefix(right)) return left.length === right.length && isWithin(left, right);
  if (typeof left !== typeof right) throw new Error("values of two kinds are compared");
  return left === right;
}

/** `net ~ 10.0.0.0/8`, `source ~ [ RTS_BGP ]`, `ifname ~ "*.cali"`, `(1, 2) ~ bgp_community`. */
function matches(left: Value, right: Expression, scope: Scope): boolean {
  if (right.type === "set") return right.members.includes(left as string);
  if (right.type === "prefixSet") return right.members.some((range) => inRange(left as Prefix, range));
  if (right.type === "pathMask") return fitsMask(left as readonly number[], right.items);
  const of = value(right, scope);
  if (isPrefix(of)) return isWithin(isPrefix(left) ? left : hostOf(left), of);
  if (Array.isArray(left) && Array.isArray(of)) return (of as readonly string[]).includes(left.join(":"));
  if (typeof left === "string" && typeof of === "string") return globOf(of).test(left);
  throw new Error("~ between values that it is not for");
}

function isPrefix(given: Value): given is Prefix {
  return typeof given === "object" && "length" in given && "bytes" in given;
}

function hostOf(given: Value): Prefix {
  const address = addressOfText(String(given));
  return { ...address, length: address.bytes.length * 8 };
}

function isWithin(inner: Prefix, outer: Prefix): boolean {
  if (inner.family !== outer.family || inner.length < outer.length) return false;
  for (let bit = 0; bit < outer.length; bit += 8) {
    const mask = outer.length - bit >= 8 ? 0xff : 0xff << (8 - outer.length + bit);
    if (((inner.bytes[bit >> 3]! ^ outer.bytes[bit >> 3]!) & mask & 0xff) !== 0) return false;
  }
  return true;
}

function inRange(net: Prefix, { prefix, least, greatest }: PrefixRange): boolean {
  return isWithin(net, prefix) && net.length >= least && net.length <= greatest;
}

/** A star stands for any number of ASes. */
function fitsMask(path: readonly number[], mask: readonly (number | undefined)[]): boolean {
  if (mask.length === 0) return path.length === 0;
  const [first, ...others] = mask;
  if (first !== undefined) return path[0] === first && fitsMask(path.slice(1), others);
  return fitsMask(path, others) || (path.length > 0 && fitsMask(path.slice(1), mask));
}

const globs = new Map<string, RegExp>();

function globOf(pattern: string): RegExp {
  const known = globs.get(pattern);
  if (known) return known;
  const parts = [...pattern].map((letter) =>
    letter === "*" ? ".*" : letter === "?" ? "." : letter.replace(/[\\^$.|+()[\]{}]/, "\\$&"),
  );
  const glob = new RegExp(`^${parts.join("")}$`);
  globs.set(pattern, glob);
  return glob;
}

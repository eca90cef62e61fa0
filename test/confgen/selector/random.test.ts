import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseSelector } from "../../../src/confgen/selector/parse-selector.ts";

/** A selector as a tree, with what it means written as plainly as can be. */
type Tree =
  | { readonly call: "all" | "global" }
  | { readonly has: string }
  | { readonly label: string; readonly operator: Operator; readonly value: string }
  | { readonly label: string; readonly inside: boolean; readonly set: readonly string[] }
  | { readonly not: Tree }
  | { readonly every: readonly Tree[] }
  | { readonly some: readonly Tree[] };

const OPERATORS = ["==", "!=", "contains", "starts with", "ends with"] as const;
type Operator = (typeof OPERATORS)[number];

const label = fc.constantFrom("a", "b", "in", "not", "has", "projectcalico.org/x", "c-d_e.f");
const value = fc.constantFrom("", "x", "xy", "y", "it's", 'say "x"', "a && b", " x ");

const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.record({ call: fc.constantFrom("all" as const, "global" as const) }),
    fc.record({ has: label }),
    fc.record({ label, operator: fc.constantFrom(...OPERATORS), value }),
    fc.record({ label, inside: fc.boolean(), set: fc.array(value, { maxLength: 3 }) }),
    fc.record({ not: tie("tree") }),
    fc.record({ every: fc.array(tie("tree"), { minLength: 2, maxLength: 3 }) }),
    fc.record({ some: fc.array(tie("tree"), { minLength: 2, maxLength: 3 }) }),
  ),
}));

const labels = fc.dictionary(label, value, { maxKeys: 4, noNullPrototype: true });

function meaning(of: Tree, labels: Readonly<Record<string, string>>): boolean {
  if ("call" in of) return true;
  if ("has" in of) return Object.keys(labels).includes(of.has);
  if ("not" in of) return !meaning(of.not, labels);
  if ("every" in of) return of.every.filter((part) => !meaning(part, labels)).length === 0;
  if ("some" in of) return of.some.filter((part) => meaning(part, labels)).length > 0;
  const found = Object.entries(labels).find(([key]) => key === of.label)?.[1];
  if ("set" in of) return of.inside === of.set.some((member) => member === found);
  if (found === undefined) return of.operator === "!=";
  switch (of.operator) {
    case "==":
      return found === of.value;
    case "!=":
      return found !== of.value;
    case "contains":
      return found.indexOf(of.value) >= 0;
    case "starts with":
      return found.slice(0, of.value.length) === of.value;
    case "ends with":
      return of.value === "" || found.slice(-of.value.length) === of.value;
  }
}

const quoted = (text: string) => (text.includes("'") ? `"${text}"` : `'${text}'`);
const spaced = (words: readonly string[], space: () => string) => words.join(space());

/** Parentheses only where precedence asks for them, spaces as they come. */
function print(of: Tree, space: () => string, within: "or" | "and" | "not" = "or"): string {
  if ("call" in of) return spaced([of.call, "(", ")"], space);
  if ("has" in of) return spaced(["has", "(", of.has, ")"], space);
  if ("not" in of) return `!${space()}${print(of.not, space, "not")}`;
  if ("every" in of) {
    const text = of.every.map((part) => print(part, space, "and")).join(`${space()}&&${space()}`);
    return within === "or" ? text : `(${space()}${text})`;
  }
  if ("some" in of) {
    const text = of.some.map((part) => print(part, space, "or")).join(`${space()}||${space()}`);
    return within === "or" && !of.some.some((part) => "some" in part) ? text : `(${text}${space()})`;
  }
  if ("set" in of) {
    const set = spaced(["{", of.set.map(quoted).join(`${space()},${space()}`), "}"], space);
    return `${of.label} ${space()}${of.inside ? "in" : `not ${space()}in`}${space()}${set}`;
  }
  return `${of.label} ${space()}${of.operator}${space()}${quoted(of.value)}`;
}

const spaces = fc.infiniteStream(fc.constantFrom("", "", " ", "  ", "\t", "\n"));

test("any selector means what its tree means, however it is spaced", () => {
  fc.assert(
    fc.property(tree, spaces, fc.array(labels, { minLength: 1, maxLength: 6 }), (of, stream, many) => {
      const text = print(of, () => stream.next().value);
      const selector = parseSelector(text);
      if ("fault" in selector) assert.fail(`${text}: ${selector.fault}`);
      for (const one of many) assert.equal(selector.matches(one), meaning(of, one), text);
    }),
    { numRuns: 2000, seed: 12 },
  );
});

test("no text makes the parser throw, and a fault lies in the text", () => {
  const token = fc.constantFrom(
    ..."(){}!,'\"= &|ax",
    "has(",
    "all()",
    "&&",
    "||",
    "==",
    " in ",
    "not in",
    "'x'",
    "label",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(token, { maxLength: 30 }).map((tokens) => tokens.join("")),
      ),
      (text) => {
        const selector = parseSelector(text);
        if ("fault" in selector) assert.ok(selector.at >= 0 && selector.at <= text.length);
        else assert.equal(typeof selector.matches({ a: "x" }), "boolean");
      },
    ),
    { numRuns: 5000, seed: 13 },
  );
});

/** Conditions as functions, made once per selector and called for each set of labels. */
import type { Labels } from "../resources/model.ts";
import type { Condition } from "./syntax.ts";

type Matches = (labels: Labels) => boolean;

/** A label that is missing differs from every value, is in no set and contains nothing. */
export function compileCondition(condition: Condition): Matches {
  switch (condition.kind) {
    case "all":
      return () => true;
    case "has": {
      const { label } = condition;
      return (labels) => Object.hasOwn(labels, label);
    }
    case "not": {
      const inner = compileCondition(condition.of);
      return (labels) => !inner(labels);
    }
    case "and": {
      const parts = condition.of.map(compileCondition);
      return (labels) => parts.every((matches) => matches(labels));
    }
    case "or": {
      const parts = condition.of.map(compileCondition);
      return (labels) => parts.some((matches) => matches(labels));
    }
    case "in":
    case "notIn": {
      const { label, kind } = condition;
      const values = new Set(condition.values);
      return (labels) => {
        const value = valueIn(labels, label);
        return (value !== undefined && values.has(value)) === (kind === "in");
      };
    }
    default:
      return compileComparison(condition);
  }
}

function compileComparison({ kind, label, value }: Extract<Condition, { value: string }>): Matches {
  switch (kind) {
    case "equal":
      return (labels) => valueIn(labels, label) === value;
    case "notEqual":
      return (labels) => valueIn(labels, label) !== value;
    case "contains":
      return (labels) => valueIn(labels, label)?.includes(value) === true;
    case "startsWith":
      return (labels) => valueIn(labels, label)?.startsWith(value) === true;
    case "endsWith":
      return (labels) => valueIn(labels, label)?.endsWith(value) === true;
  }
}

/** `constructor` is a possible name of a label. */
function valueIn(labels: Labels, label: string): string | undefined {
  return Object.hasOwn(labels, label) ? labels[label] : undefined;
}

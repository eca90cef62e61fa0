import { compileCondition } from "./compile-condition.ts";
import { parseCondition } from "./parse-condition.ts";
import type { Selector } from "./selector.ts";

export interface SelectorFault {
  /** What is wrong and in which column, as an operator is told. */
  readonly fault: string;
  /** Offset of the character. */
  readonly at: number;
}

/**
 * Parses a selector (calico-bgp.md 1.12). A text without any condition selects everything: whether it means "not set"
 * instead is the field's business. Never throws.
 */
export function parseSelector(text: string): Selector | SelectorFault {
  const condition = parseCondition(text);
  if (!("kind" in condition))
    return { fault: `${condition.message} at column ${condition.at + 1} of \`${shown(text)}\``, at: condition.at };
  return { text, matches: compileCondition(condition) };
}

const SHOWN = 120;

function shown(text: string): string {
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

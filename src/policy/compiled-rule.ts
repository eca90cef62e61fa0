import { CompiledMatch, readsOf } from "./compiled-match.ts";
import { type Edits, normalEdits } from "./edits.ts";
import { type Expression, OPERANDS, type Operand, type PolicyRule, type PolicySet } from "./types.ts";

/** A value that a rule computes for each route. */
export interface Computed {
  readonly set: Operand;
  readonly expression: Expression;
}

export class CompiledRule {
  readonly match: CompiledMatch;
  readonly action: PolicyRule["action"];
  /** What it always sets; undefined: nothing. */
  readonly edits: Edits | undefined;
  readonly computed: readonly Computed[];
  readonly reads: number;
  readonly setsMed: boolean;
  /** The rule as it was written, for explanations. */
  readonly rule: PolicyRule;

  constructor(rule: PolicyRule) {
    this.rule = rule;
    this.match = new CompiledMatch(rule.match);
    this.action = rule.action;
    const { constant, computed } = splitSet(rule.set);
    this.edits = normalEdits(constant);
    this.computed = computed;
    this.reads = computed.reduce((reads, { expression }) => reads | readsOf(expression.of), this.match.reads);
    this.setsMed = rule.set.med !== undefined;
  }
}

/** What is the same for every route, and what is computed. */
export function splitSet(set: PolicySet): { readonly constant: Edits; readonly computed: readonly Computed[] } {
  const { metric, localPref, med, preference, ...constant } = set;
  const values = { metric, localPref, med, preference };
  const edits: Record<string, unknown> = constant;
  const computed: Computed[] = [];
  for (const operand of OPERANDS) {
    const value = values[operand];
    if (typeof value === "object" && value !== null) computed.push({ set: operand, expression: value });
    else if (value !== undefined) edits[operand] = value;
  }
  return { constant: edits as Edits, computed };
}

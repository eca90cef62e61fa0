import { builtinPolicy } from "./builtin.ts";
import { CompiledRule } from "./compiled-rule.ts";
import { contentKey } from "./content-key.ts";
import { operandValue } from "./current-values.ts";
import { type Edits, mergeEdits } from "./edits.ts";
import { changesInWords, failedCondition } from "./explain.ts";
import { compute } from "./number-text.ts";
import type { CompiledPolicy, Policy, PolicyRule, RouteFacts, TraceStep, Verdict } from "./types.ts";

/** Finds a policy of the configuration by name. */
export type PolicyLookup = (name: string) => Policy | undefined;

/** Calls within calls. */
export const MOST_CALL_DEPTH = 16;
/** Rules of one policy with those of all policies it calls, each counted as often as it is called. */
export const MOST_UNFOLDED_RULES = 65_536;

/**
 * Compiles policies, or those of a name (built-in names first): the result is a flat table of rules, in which called
 * policies stand where they are called. What several of them share is compiled once. Throws RangeError for a name that
 * nothing has and for calls that do not end; a checked configuration has neither.
 */
export function createCompiler(lookup: PolicyLookup): (policy: Policy | string) => CompiledPolicy {
  const rules = new Map<PolicyRule, CompiledRule>();
  const compiled = new Map<Policy, CompiledPolicy>();
  const find = (name: string) => {
    const found = builtinPolicy(name) ?? lookup(name);
    if (!found) throw new RangeError(`Cannot compile policy ${name}: there is none of that name`);
    return found;
  };

  function compiledRule(rule: PolicyRule): CompiledRule {
    let known = rules.get(rule);
    if (!known) {
      known = new CompiledRule(rule);
      rules.set(rule, known);
    }
    return known;
  }

  function unfold(policy: Policy, depth: number, into: Step[]): void {
    if (depth > MOST_CALL_DEPTH) throw new RangeError(`Cannot compile policy ${policy.name}: calls are too deep`);
    for (const [i, rule] of policy.rules.entries()) {
      if (into.length >= MOST_UNFOLDED_RULES) throw new RangeError("Cannot compile policy: too many rules are called");
      const step = new Step(compiledRule(rule), policy.name, i + 1, depth);
      into.push(step);
      if (rule.action === "call") unfold(find(rule.call!), depth + 1, into);
      step.otherwise = into.length;
    }
  }

  return (policy) => {
    const found = typeof policy === "string" ? find(policy) : policy;
    let known = compiled.get(found);
    if (!known) {
      const steps: Step[] = [];
      unfold(found, 0, steps);
      known = new RuleTable(found.name, steps, contentKey(found, find));
      compiled.set(found, known);
    }
    return known;
  };
}

export function compilePolicy(policy: Policy | string, lookup: PolicyLookup = () => undefined): CompiledPolicy {
  return createCompiler(lookup)(policy);
}

/** A rule at its place in the flat table. */
class Step {
  readonly rule: CompiledRule;
  readonly policy: string;
  /** From 1. */
  readonly number: number;
  readonly depth: number;
  /** Where to go on when the rule does not match: behind what it calls. */
  otherwise = 0;

  constructor(rule: CompiledRule, policy: string, number: number, depth: number) {
    this.rule = rule;
    this.policy = policy;
    this.number = number;
    this.depth = depth;
  }
}

/** Combinations of `continue` rules remembered; beyond, the edits are merged anew for each route. */
const MOST_COMBINATIONS = 4096;
/** Changes of one step: those that are always the same, then one for each computed value. */
const CHANGES_PER_STEP = 5;

/** The edits of a sequence of matched rules, found rule by rule so that evaluation allocates only the first time. */
interface Pending {
  readonly edits: Edits | undefined;
  /** By place of the change, then by its value. */
  readonly after: (Map<number, Pending> | undefined)[];
}

class RuleTable implements CompiledPolicy {
  readonly name: string;
  readonly reads: number;
  readonly setsMed: boolean;
  readonly contentKey: string;
  readonly #steps: readonly Step[];
  readonly #verdict: Verdict = { accepted: false, edits: undefined };
  readonly #start: Pending = { edits: undefined, after: [] };
  #combinations = 0;

  constructor(name: string, steps: readonly Step[], key: string) {
    this.name = name;
    this.contentKey = key;
    this.#steps = steps;
    this.reads = steps.reduce((reads, { rule }) => reads | rule.reads, 0);
    this.setsMed = steps.some(({ rule }) => rule.setsMed);
  }

  evaluate(route: RouteFacts): Verdict {
    const steps = this.#steps;
    const verdict = this.#verdict;
    let pending = this.#start;
    for (let i = 0; i < steps.length; ) {
      const step = steps[i]!;
      const { rule } = step;
      if (!rule.match.matches(route, pending.edits)) {
        i = step.otherwise;
        continue;
      }
      if (rule.action === "reject") break;
      pending = this.#change(pending, i, rule, route);
      if (rule.action === "accept") {
        verdict.accepted = true;
        verdict.edits = pending.edits;
        return verdict;
      }
      i++;
    }
    verdict.accepted = false;
    verdict.edits = undefined;
    return verdict;
  }

  #change(before: Pending, at: number, rule: CompiledRule, route: RouteFacts): Pending {
    let pending = rule.edits === undefined ? before : this.#follow(before, at * CHANGES_PER_STEP, 0, rule.edits);
    for (let i = 0; i < rule.computed.length; i++) {
      const { set, expression } = rule.computed[i]!;
      const operand = operandValue(expression.of, route, before.edits);
      if (operand === undefined) continue;
      const value = compute(expression, operand, set);
      const slot = at * CHANGES_PER_STEP + 1 + i;
      pending = pending.after[slot]?.get(value) ?? this.#follow(pending, slot, value, { [set]: value });
    }
    return pending;
  }

  #follow(pending: Pending, slot: number, value: number, edits: Edits): Pending {
    const known = pending.after[slot]?.get(value);
    if (known) return known;
    const next: Pending = { edits: pending.edits ? mergeEdits(pending.edits, edits) : edits, after: [] };
    if (this.#combinations >= MOST_COMBINATIONS) return next;
    this.#combinations++;
    let values = pending.after[slot];
    if (!values) {
      values = new Map();
      pending.after[slot] = values;
    }
    values.set(value, next);
    return next;
  }

  trace(route: RouteFacts): { readonly verdict: Verdict; readonly steps: readonly TraceStep[] } {
    const told: TraceStep[] = [];
    let pending = this.#start;
    for (let i = 0; i < this.#steps.length; ) {
      const { rule, policy, number, depth, otherwise } = this.#steps[i]!;
      const place = { policy, rule: number, depth };
      if (!rule.match.matches(route, pending.edits)) {
        const because = failedCondition(rule.rule.match, route, pending.edits);
        told.push({ ...place, matched: false, because, changes: [] });
        i = otherwise;
        continue;
      }
      const rejects = rule.action === "reject";
      const next = rejects ? pending : this.#change(pending, i, rule, route);
      told.push({
        ...place,
        matched: true,
        because: "",
        changes: rejects ? [] : changesInWords(rule, route, pending.edits),
        action: rule.action,
        ...(rule.rule.call !== undefined && { calls: rule.rule.call }),
      });
      pending = next;
      if (rejects) break;
      if (rule.action === "accept") return { verdict: { accepted: true, edits: pending.edits }, steps: told };
      i++;
    }
    return { verdict: { accepted: false, edits: undefined }, steps: told };
  }
}

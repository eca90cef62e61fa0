import { builtinPolicy } from "./builtin.ts";
import { CompiledRule } from "./compiled-rule.ts";
import { contentKey } from "./content-key.ts";
import { type Edits, mergeEdits } from "./edits.ts";
import { failedCondition } from "./explain.ts";
import type { CompiledPolicy, Policy, RouteFacts, TraceStep, Verdict } from "./types.ts";

/** Finds a policy of the configuration by name. */
export type PolicyLookup = (name: string) => Policy | undefined;

/**
 * Compiles a policy, or the one of that name (built-in names first), once: the result is a flat table of rules, shared
 * by every peer that uses it. Throws RangeError for a name that nothing has; a checked configuration has none.
 */
export function compilePolicy(policy: Policy | string, lookup: PolicyLookup = () => undefined): CompiledPolicy {
  const found = typeof policy === "string" ? (builtinPolicy(policy) ?? lookup(policy)) : policy;
  if (!found) throw new RangeError(`Cannot compile policy ${String(policy)}: there is none of that name`);
  return new RuleTable(found);
}

/** Combinations of `continue` rules remembered; beyond, the edits are merged anew for each route. */
const MOST_COMBINATIONS = 4096;

/** The edits of a sequence of matched rules, found rule by rule so that evaluation allocates only the first time. */
interface Pending {
  readonly edits: Edits | undefined;
  readonly after: (Pending | undefined)[];
}

class RuleTable implements CompiledPolicy {
  readonly name: string;
  readonly reads: number;
  readonly contentKey: string;
  readonly #policy: Policy;
  readonly #rules: readonly CompiledRule[];
  readonly #verdict: Verdict = { accepted: false, edits: undefined };
  readonly #start: Pending;
  #combinations = 0;

  constructor(policy: Policy) {
    this.name = policy.name;
    this.contentKey = contentKey(policy);
    this.#policy = policy;
    this.#rules = policy.rules.map((rule) => new CompiledRule(rule));
    this.reads = this.#rules.reduce((reads, rule) => reads | rule.reads, 0);
    this.#start = { edits: undefined, after: [] };
  }

  evaluate(route: RouteFacts): Verdict {
    const rules = this.#rules;
    const verdict = this.#verdict;
    let pending = this.#start;
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i]!;
      if (!rule.matches(route, pending.edits)) continue;
      if (rule.action === "reject") break;
      if (rule.edits !== undefined) pending = this.#follow(pending, i);
      if (rule.action === "accept") {
        verdict.accepted = true;
        verdict.edits = pending.edits;
        return verdict;
      }
    }
    verdict.accepted = false;
    verdict.edits = undefined;
    return verdict;
  }

  #follow(pending: Pending, rule: number): Pending {
    const known = pending.after[rule];
    if (known) return known;
    const edits = this.#rules[rule]!.edits!;
    const next: Pending = { edits: pending.edits ? mergeEdits(pending.edits, edits) : edits, after: [] };
    if (this.#combinations >= MOST_COMBINATIONS) return next;
    this.#combinations++;
    pending.after[rule] = next;
    return next;
  }

  trace(route: RouteFacts): { readonly verdict: Verdict; readonly steps: readonly TraceStep[] } {
    const steps: TraceStep[] = [];
    let pending = this.#start;
    for (const [i, rule] of this.#rules.entries()) {
      const step = { policy: this.name, rule: i + 1 };
      if (!rule.matches(route, pending.edits)) {
        const because = failedCondition(this.#policy.rules[i]!.match, route, pending.edits);
        steps.push({ ...step, matched: false, because });
        continue;
      }
      steps.push({ ...step, matched: true, because: "", action: rule.action });
      if (rule.action === "reject") return { verdict: { accepted: false, edits: undefined }, steps };
      if (rule.edits !== undefined) pending = this.#follow(pending, i);
      if (rule.action === "accept") return { verdict: { accepted: true, edits: pending.edits }, steps };
    }
    return { verdict: { accepted: false, edits: undefined }, steps };
  }
}

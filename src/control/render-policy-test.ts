/** Answers of `policy test` for people. */
import type { PolicyTestAnswer } from "./policy-test.ts";
import { traceLines } from "./render-explain.ts";

/** The verdict, what is changed, each rule that was looked at, and what beside the policy stops the route. */
export function renderPolicyTest(answer: PolicyTestAnswer): string[] {
  const { prefix, verdict, reason, changes, trace, fixedRules } = answer;
  return [
    `${prefix}: ${verdict}, by ${reason}`.replace(", by no ", ": no "),
    ...changes.map(({ attribute, before, after }) => `  ${attribute}: ${valueText(before)} -> ${valueText(after)}`),
    ...traceLines(trace),
    ...fixedRules.map((rule) => `  whatever the policy says, it is stopped: ${rule}`),
  ];
}

function valueText(value: PolicyTestAnswer["changes"][number]["before"]): string {
  if (value === null || value === "") return "none";
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.join(" ");
  return String(value);
}

/** The comparison with BIRD is worth something: whatever is left out of our policies, it notices. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ConfigFile, parseConfig } from "../../../src/config/parse.ts";
import { caseOf, expectedConfig, SKIP } from "./case-list.ts";
import { startedAt } from "./generated-case.ts";
import { routesFor } from "./hypothetical.ts";
import { comparePolicies } from "./policy-comparison.ts";

/** Lines that may be left out, and why nothing changes without them. */
const NEEDLESS = [
  // A block of one address: what is within it is the block itself, which a rule before takes.
  /^- 10\.2\.0\.1\/32 # /,
  // Also said by the last rule.
  /^- \{ match: \{ prefixes: [^}]*\}, action: accept \} # IPPool.*no encapsulation/,
  // No session of the case has filters or peers.
  /^- \{ match: \{ localPref: "> 2147482623" \}, set: \{ preference: 200 \}, action: continue \}/,
  /^- \{ action: accept \}/,
];

/** Only aggregation asks for the metric, and the node has no IPv6 block. */
const NEEDLESS_IPV6 = '- { match: { source: bgp }, set: { metric: "2147483647 - localPref" }, action: continue }';

describe("a rule that is left out", { skip: SKIP }, () => {
  const each = caseOf("cluster_routes/enabled");
  const files = startedAt(each, "kdd", 0).files;
  const families = SKIP
    ? []
    : (["ipv4", "ipv6"] as const).map((family) => expectedConfig(each, each.steps[0]!, family));
  const routes = families.map((config) => routesFor(config, drawn(), 100));

  const isNoticed = (changed: readonly ConfigFile[]): boolean => {
    const parsed = parseConfig(changed);
    if (!parsed.ok) return true;
    return families.some((config, at) => comparePolicies(config, parsed.config, routes[at]!).differences.length > 0);
  };

  test("is seen, whichever it is", () => {
    const lines = files.find(({ path }) => path === "policies.yaml")?.text.split("\n") ?? [];
    const left: string[] = [];
    for (const [at, line] of lines.entries()) {
      if (!/^ +- /.test(line)) continue;
      const text = lines.toSpliced(at, 1).join("\n");
      if (!isNoticed(files.map((file) => (file.path === "policies.yaml" ? { ...file, text } : file))))
        left.push(line.trim());
    }
    assert.deepEqual(
      left.filter((line) => !NEEDLESS.some((known) => known.test(line))),
      [NEEDLESS_IPV6],
    );
    assert.ok(lines.length > 30);
  });
});

function drawn(): (below: number) => number {
  let state = 1;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

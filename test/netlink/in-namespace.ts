import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Set in the process that runs inside a fresh network namespace. */
export const INSIDE = process.env.CALIDRIS_TEST_NAMESPACE === "1";

/** Runs the test file again inside a fresh network namespace; returns what it printed and whether it passed. */
export function runInside(file: string): { readonly passed: boolean; readonly output: string } {
  const user = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
  // NODE_TEST_CONTEXT would make the child report to a runner that is not there.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawnSync("unshare", [...user, "--net", process.execPath, "--test-reporter=tap", fileURLToPath(file)], {
    encoding: "utf8",
    env: { ...env, CALIDRIS_TEST_NAMESPACE: "1" },
    timeout: 600_000,
  });
  return { passed: child.status === 0, output: `${child.stdout}${child.stderr}` };
}

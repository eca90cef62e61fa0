/** A test file in a network of its own: servers on loopback, daemons on port 179, routes that nobody else sees. */
import { spawnSync } from "node:child_process";
import { type TreeName, tool, unpacked } from "../../interop/packages.ts";
import { run } from "../../interop/process.ts";

const INSIDE = "CALIDRIS_TEST_INSIDE";

/**
 * Starts the file again inside of network and process namespaces, where its tests report to the same runner, and does not
 * return; inside it does. Whatever the file starts ends with it. `addresses` are those of loopback.
 */
export async function enterOwnNetwork(
  file: string,
  addresses: readonly string[],
  packages: readonly TreeName[] = [],
): Promise<void> {
  // Packages are fetched where there is a network.
  const [ip] = await Promise.all([tool("ip", "iproute2"), ...packages.map(unpacked)]);
  if (process.env[INSIDE] !== file) {
    const user = process.getuid!() === 0 ? [] : ["--user", "--map-root-user"];
    const argv = [...user, "--net", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc", process.execPath];
    const { status } = spawnSync("setpriv", ["--pdeathsig", "SIGKILL", "unshare", ...argv, ...process.execArgv, file], {
      stdio: "inherit",
      env: { ...process.env, [INSIDE]: file },
    });
    process.exit(status ?? 1);
  }
  await run([...ip, "link", "set", "lo", "up"]);
  for (const address of addresses) await run([...ip, "address", "add", address, "dev", "lo"]);
}

/** The kernel's routes of the main table, one line each. */
export async function kernelRoutes(): Promise<readonly string[]> {
  const ip = await tool("ip", "iproute2");
  const { stdout } = await run([...ip, "route", "show", "table", "main"]);
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .sort();
}

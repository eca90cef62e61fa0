/** Runs a program that gives credentials, as kubectl does (client.authentication.k8s.io). */
import { spawn } from "node:child_process";
import type { ExecCredential, ExecPlugin, KubernetesAccess } from "../../../confgen/datastore/kubernetes-access.ts";
import { execCredential } from "../../../confgen/datastore/kubernetes-access.ts";
import { ApiFailure } from "./failure.ts";
import type { DatastoreClock } from "./ports.ts";

const LONGEST_MS = 60_000;
/** Output beyond this is no credential. */
const MOST_OCTETS = 1024 * 1024;

/** Throws an ApiFailure with the program's last words. */
export async function runExecPlugin(
  plugin: ExecPlugin,
  { server, serverName, insecure }: KubernetesAccess,
  clock: DatastoreClock,
  signal: AbortSignal,
): Promise<ExecCredential> {
  const cluster = plugin.cluster === undefined ? {} : { cluster: clusterInfo(plugin, server, serverName, insecure) };
  const info = {
    apiVersion: plugin.apiVersion,
    kind: "ExecCredential",
    spec: { ...cluster, interactive: false },
  };
  const output = await outputOf(plugin, { ...plugin.env, KUBERNETES_EXEC_INFO: JSON.stringify(info) }, clock, signal);
  try {
    return execCredential(output, plugin);
  } catch (error) {
    throw new ApiFailure((error as Error).message);
  }
}

function clusterInfo(plugin: ExecPlugin, server: string, serverName: string | undefined, insecure: boolean): object {
  const authority = plugin.cluster?.["certificate-authority-data"];
  return {
    server,
    ...(serverName === undefined ? {} : { "tls-server-name": serverName }),
    ...(insecure ? { "insecure-skip-tls-verify": true } : {}),
    ...(typeof authority === "string" ? { "certificate-authority-data": authority } : {}),
  };
}

function outputOf(
  { command, args, installHint }: ExecPlugin,
  env: Readonly<Record<string, string>>,
  clock: DatastoreClock,
  signal: AbortSignal,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    // Node's own option for it would keep listening where the program could not be started.
    const end = () => void child.kill("SIGKILL");
    signal.addEventListener("abort", end, { once: true });
    const output: Buffer[] = [];
    let octets = 0;
    let lastWords = "";
    const fail = (why: string) => {
      const hint = installHint === undefined ? "" : `; ${installHint}`;
      reject(new ApiFailure(`exec "${command}" gave no credentials: ${why}${hint}`));
    };
    const cancel = clock.after(LONGEST_MS, () => {
      end();
      fail(`it had not ended after ${LONGEST_MS / 1000} s`);
    });
    child.stdout.on("data", (chunk: Buffer) => {
      octets += chunk.length;
      if (octets > MOST_OCTETS) end();
      else output.push(chunk);
    });
    child.stderr.on("data", (chunk: Buffer) => {
      lastWords = (lastWords + chunk.toString("utf8")).slice(-400);
    });
    const settled = () => {
      cancel();
      signal.removeEventListener("abort", end);
    };
    child.once("error", (error: NodeJS.ErrnoException) => {
      settled();
      fail(error.code === "ENOENT" ? "there is no such program" : error.message);
    });
    child.once("close", (code, killed) => {
      settled();
      if (code === 0) resolve(Buffer.concat(output).toString("utf8"));
      else fail([`it ended with ${killed ?? `exit code ${code}`}`, lastWords.trim()].filter(Boolean).join(": "));
    });
  });
}

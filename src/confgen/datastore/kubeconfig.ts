/** A kubeconfig, as kubectl and Calico's components read it. */
import { parse } from "yaml";
import { type Json, list, present, record, textOf } from "./json.ts";
import type { ExecPlugin, KubernetesAccess, Material } from "./kubernetes-access.ts";

/** Reads a kubeconfig: its context's cluster and user. Paths in it are relative to its own folder. */
export function kubeconfigAccess(text: string, path: string, chosen?: string): Partial<KubernetesAccess> {
  const config = parseYaml(text, path);
  const context = chosen ?? textOf(config["current-context"]);
  if (context === undefined) throw new Error(`${path}: it has no current-context, and K8S_CURRENT_CONTEXT names none`);
  const named = (all: string, part: string, name: string): Json => {
    const found = list(config[all])
      .map(record)
      .find((entry) => entry.name === name);
    if (found === undefined) throw new Error(`${path}: it has no ${part} named "${name}"`);
    return record(found[part]);
  };
  const { cluster: clusterName, user: userName } = named("contexts", "context", context);
  const cluster = named("clusters", "cluster", String(clusterName ?? ""));
  const user = userName === undefined || userName === "" ? {} : named("users", "user", String(userName));
  const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/") + 1) : "";
  const place = (file: string) => (file.startsWith("/") ? file : folder + file);
  const material = (of: Json, name: string): Material | undefined => {
    const data = of[`${name}-data`];
    const file = of[name];
    if (typeof data === "string" && data !== "") return { base64: data };
    return typeof file === "string" && file !== "" ? { file: place(file) } : undefined;
  };
  const tokenFile = textOf(user.tokenFile);
  return present({
    server: textOf(cluster.server),
    serverName: textOf(cluster["tls-server-name"]),
    insecure: cluster["insecure-skip-tls-verify"] === true,
    ca: material(cluster, "certificate-authority"),
    certificate: material(user, "client-certificate"),
    key: material(user, "client-key"),
    token: textOf(user.token),
    tokenFile: tokenFile === undefined ? undefined : place(tokenFile),
    exec: user.exec === undefined ? undefined : execPlugin(record(user.exec), cluster, path, folder),
  });
}

const EXEC_VERSIONS = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

function execPlugin(exec: Json, cluster: Json, path: string, folder: string): ExecPlugin {
  const apiVersion = String(exec.apiVersion ?? "");
  if (!EXEC_VERSIONS.includes(apiVersion))
    throw new Error(`${path}: exec.apiVersion "${apiVersion}" is none of ${EXEC_VERSIONS.join(", ")}`);
  const command = textOf(exec.command);
  if (command === undefined) throw new Error(`${path}: exec has no command`);
  if (exec.interactiveMode === "Always")
    throw new Error(`${path}: exec "${command}" asks for a terminal (interactiveMode: Always), and a daemon has none`);
  const entries = list(exec.env).map(record);
  return {
    apiVersion,
    // A bare name is searched in PATH; a relative path is relative to the kubeconfig.
    command: command.includes("/") && !command.startsWith("/") ? folder + command : command,
    args: list(exec.args).map(String),
    env: Object.fromEntries(entries.map((entry) => [String(entry.name), String(entry.value ?? "")])),
    ...(typeof exec.installHint === "string" ? { installHint: exec.installHint } : {}),
    ...(exec.provideClusterInfo === true ? { cluster } : {}),
  };
}

function parseYaml(text: string, path: string): Json {
  try {
    return record(parse(text, { logLevel: "error" }));
  } catch (error) {
    throw new Error(`${path}: ${error instanceof Error ? error.message.split("\n")[0] : String(error)}`);
  }
}

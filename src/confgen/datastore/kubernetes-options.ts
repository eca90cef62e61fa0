/**
 * How the Kubernetes API is reached: from the environment variables that Calico's components share (each also with the
 * prefix CALICO_), and from a kubeconfig or a pod's service account. Reading files is the caller's part.
 */
import { present } from "./json.ts";
import { kubeconfigAccess } from "./kubeconfig.ts";
import type { KubernetesAccess, Material } from "./kubernetes-access.ts";
import { API_GROUPS, type ApiGroup } from "./kubernetes-api.ts";

/** What the environment says. */
export interface KubernetesSettings {
  /** Path of a kubeconfig. */
  readonly kubeconfig?: string;
  /** The context of the kubeconfig, in place of its current one. */
  readonly context?: string;
  readonly endpoint?: string;
  readonly certificateFile?: string;
  readonly keyFile?: string;
  readonly caFile?: string;
  readonly token?: string;
  /** The server's certificate is not verified. */
  readonly insecure: boolean;
  /** Where the API server is for a pod. */
  readonly inCluster?: { readonly host: string; readonly port: string };
  /** Calico's resources are read from this group, whatever the server has. */
  readonly apiGroup?: ApiGroup;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Throws an Error with the variable's name where a value is none. */
export function kubernetesSettings(environment: Environment): KubernetesSettings {
  const value = (name: string) => environment[`CALICO_${name}`] || environment[name] || undefined;
  const host = environment.KUBERNETES_SERVICE_HOST;
  const port = environment.KUBERNETES_SERVICE_PORT;
  return present({
    kubeconfig: value("KUBECONFIG"),
    context: value("K8S_CURRENT_CONTEXT"),
    endpoint: value("K8S_API_ENDPOINT"),
    certificateFile: value("K8S_CERT_FILE"),
    keyFile: value("K8S_KEY_FILE"),
    caFile: value("K8S_CA_FILE"),
    token: value("K8S_API_TOKEN"),
    insecure: flag("K8S_INSECURE_SKIP_TLS_VERIFY", value("K8S_INSECURE_SKIP_TLS_VERIFY")),
    inCluster: host && port ? { host, port } : undefined,
    apiGroup: apiGroup(environment.CALICO_API_GROUP),
  });
}

function flag(name: string, text: string | undefined): boolean {
  if (text === undefined || /^(0|f|false)$/i.test(text)) return false;
  if (/^(1|t|true)$/i.test(text)) return true;
  throw new Error(`${name}: cannot read "${text}" as true or false`);
}

function apiGroup(text: string | undefined): ApiGroup | undefined {
  if (!text) return undefined;
  const group = API_GROUPS.find((known) => known === text);
  if (group === undefined) throw new Error(`CALICO_API_GROUP: "${text}" is none of ${API_GROUPS.join(", ")}`);
  return group;
}

/** Where a pod finds its token and the cluster's CA. */
export const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * The server and the credentials. Variables go before what a kubeconfig says; without a kubeconfig and without an endpoint
 * it is the pod's service account. `kubeconfig` is the text of the file that the settings name. Throws an Error that tells
 * the operator what is missing.
 */
export function kubernetesAccess(settings: KubernetesSettings, kubeconfig?: string): KubernetesAccess {
  const base = baseAccess(settings, kubeconfig);
  // A token of the environment goes before every other one.
  const { tokenFile: _, exec: __, ...others } = base;
  const access = {
    ...(settings.token === undefined ? base : others),
    ...present({
      server: settings.endpoint,
      ca: fileOf(settings.caFile),
      certificate: fileOf(settings.certificateFile),
      key: fileOf(settings.keyFile),
      token: settings.token,
    }),
  };
  return {
    ...access,
    server: serverUrl(access.server, settings.kubeconfig ?? "K8S_API_ENDPOINT"),
    insecure: settings.insecure || (base.insecure ?? false),
  };
}

function baseAccess(settings: KubernetesSettings, kubeconfig = ""): Partial<KubernetesAccess> {
  if (settings.kubeconfig !== undefined) return kubeconfigAccess(kubeconfig, settings.kubeconfig, settings.context);
  return settings.endpoint === undefined ? podAccess(settings) : {};
}

function fileOf(path: string | undefined): Material | undefined {
  return path === undefined ? undefined : { file: path };
}

function serverUrl(text: string | undefined, where: string): string {
  if (text === undefined) throw new Error(`${where}: it names no server`);
  const url = /^https?:\/\//i.test(text) ? text : `https://${text}`;
  if (!/^https?:\/\/(\[[0-9a-f:.]+\]|[^\s/:[\]]+)(:\d{1,5})?(\/\S*)?$/i.test(url))
    throw new Error(`${where}: "${text}" is no URL of an API server`);
  return url.replace(/\/+$/, "");
}

function podAccess({ inCluster }: KubernetesSettings): Partial<KubernetesAccess> {
  if (inCluster === undefined)
    throw new Error(
      "No Kubernetes API is named: set KUBECONFIG or K8S_API_ENDPOINT, or run in a pod (KUBERNETES_SERVICE_HOST and " +
        "KUBERNETES_SERVICE_PORT)",
    );
  const host = inCluster.host.includes(":") ? `[${inCluster.host}]` : inCluster.host;
  return {
    server: `https://${host}:${inCluster.port}`,
    ca: { file: `${SERVICE_ACCOUNT}/ca.crt` },
    tokenFile: `${SERVICE_ACCOUNT}/token`,
  };
}

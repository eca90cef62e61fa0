/** Which server it is and who we are to it: by the environment, by a kubeconfig, by a pod's service account. */
import { present } from "./json.ts";
import { kubeconfigAccess } from "./kubeconfig.ts";
import type { KubernetesAccess, Material } from "./kubernetes-access.ts";
import type { KubernetesSettings } from "./kubernetes-options.ts";

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
  if (!/^https?:\/\/(\[[0-9a-f:.]+\]|[^\s/:@[\]]+)(:\d{1,5})?(\/\S*)?$/i.test(url))
    // What stands before an @ may be a password.
    throw new Error(`${where}: "${text.replace(/^(.*\/\/)?.*@/, "$1…@")}" is no URL of an API server`);
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
